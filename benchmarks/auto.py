"""Ask the preset ``auto`` which preset it takes for every image of the sets, and print what it answers.

    python -m benchmarks.auto --data ../shared/data [--changes]

Sets whose folder is missing are left out. With ``--changes`` every image is asked about again when it is mirrored, cut
by a tenth in four ways, and made lighter and darker by a power of its values.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import msformer
from msformer.auto import choose_preset
from msformer.image import Image, Pixels
from msformer.io import IMAGE_SUFFIXES, read

WANTED = {
    "dermoscopy_ph2": "dermoscopy",
    "lung_ct_lungsegdb": "lung-ct",
    "lung_ct_konya": "lung-ct",
    "lung_ct_kaggle64": "lung-ct",
    "chest_xray_covid": "chest-xray",
    "nuclei_dsb2018": "nuclei",
    "breast_ultrasound_busi": "ultrasound",
    "plasma_cells_segpc": "stained-tissue",
}
PRESETS = (*dict.fromkeys(WANTED.values()), "general")
GAMMAS = (0.7, 1.4)


def main() -> None:
    """Print one line a set, then every image that is taken for something else."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets")
    parser.add_argument("--changes", action="store_true", help="ask about changed images as well")
    given = parser.parse_args()

    print(f"auto, {platform.machine()}, msformer {msformer.__version__}\n")
    print("| set | change | " + " | ".join(PRESETS) + " | right | ms |")
    print("|---|---|" + "---|" * (len(PRESETS) + 2))
    wrong = []
    for name, wanted in WANTED.items():
        counts: dict[str, Counter[str]] = {}
        times: dict[str, list[float]] = {}
        for path in find_images(given.data / name):
            for change, pixels in changes(read(path).pixels, given.changes):
                image = Image.from_array(pixels)
                start = time.perf_counter()
                preset, reason = choose_preset(image)
                times.setdefault(change, []).append(1000 * (time.perf_counter() - start))
                counts.setdefault(change, Counter())[preset] += 1
                if preset != wanted:
                    wrong.append(f"{name}/{path.name}, {change}: {preset}. {reason}")
        for change, count in counts.items():
            cells = " | ".join(str(count[preset] or "") for preset in PRESETS)
            milliseconds = statistics.median(times[change])
            print(
                f"| {name} | {change} | {cells} | {count[wanted]} / {count.total()} | {milliseconds:.0f} |", flush=True
            )
    print("\n" + ("\n".join(wrong) if wrong else "Nothing is taken for something else."))


def find_images(folder: Path) -> list[Path]:
    """The images of a set, in the order of their names; none where the set is missing."""
    return sorted(path for path in (folder / "images").glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def changes(pixels: Pixels, all_of_them: bool) -> Iterator[tuple[str, Pixels]]:
    """An 8-bit image as it is, then changed by what a user or a scanner may do to it."""
    yield "none", pixels
    if not all_of_them:
        return
    height, width = pixels.shape[:2]
    row, column = height // 10, width // 10
    yield "mirrored", pixels[:, ::-1]
    yield "cut by a tenth, centre", pixels[row // 2 : height - row // 2, column // 2 : width - column // 2]
    yield "cut by a tenth, lower right", pixels[row:, column:]
    yield "cut by a tenth, upper left", pixels[: height - row, : width - column]
    yield "cut by a tenth each side", pixels[row : height - row, column : width - column]
    for gamma in GAMMAS:
        yield f"gamma {gamma}", np.rint(255 * (pixels / 255.0) ** gamma).astype(np.uint8)


if __name__ == "__main__":
    main()

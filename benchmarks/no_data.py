"""What is called no data in the sets, and how much of the experts' objects is lost to it.

    python -m benchmarks.no_data --data ../shared/data [--side 385] [--overlays FOLDER]

For every set: the mean share of the picture that each part covers, then the share of the objects that it covers, both
in percent, and the median time. With ``--overlays`` every picture is written with its parts in colour.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from msformer.config import PrepareSettings
from msformer.image import Mask
from msformer.io import IMAGE_SUFFIXES, read_image
from msformer.prepare import intensity_range, resample, to_unit_range, working_shape
from msformer.prepare.no_data import NO_DATA_PARTS, NoData, find_no_data

COLOURS = {
    "declared": (128, 128, 128),
    "border": (255, 0, 255),
    "aperture": (0, 0, 255),
    "sticker": (0, 255, 255),
    "words": (255, 0, 0),
    "ruler": (0, 160, 0),
    "glare": (255, 160, 0),
}


def main() -> None:
    """Print one line a set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/{images,masks}")
    parser.add_argument("--sets", nargs="+", help="only these; default: all with images")
    parser.add_argument("--side", type=int, default=385, help="side in px of the square with as many pixels")
    parser.add_argument("--overlays", type=Path, help="folder for pictures")
    given = parser.parse_args()
    shown = [part for part in NO_DATA_PARTS if part != "declared"]
    print(f"| set | n | {' | '.join(shown)} | all | of objects: {' | '.join(shown)} | worst case | ms |")
    print("|---|---|" + "---|" * (2 * len(shown) + 3))
    names = given.sets or sorted(path.parent.name for path in given.data.glob("*/images"))
    for name in names:
        picture: dict[str, list[float]] = defaultdict(list)
        lost: dict[str, list[float]] = defaultdict(list)
        times, worst = [], (0.0, "")
        paths = sorted(path for path in (given.data / name / "images").glob("*") if path.suffix in IMAGE_SUFFIXES)
        for path in paths:
            truth = cv2.imread(str(given.data / name / "masks" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
            scaled, found, seconds = look(path, given.side)
            times.append(1000 * seconds)
            is_object = cv2.resize(np.asarray(truth), scaled.shape[1::-1], interpolation=cv2.INTER_AREA) > 127
            for part in shown:
                picture[part].append(100 * float(found.parts[part].mean()))
                lost[part].append(100 * float(found.parts[part][is_object].mean()) if is_object.any() else 0.0)
            picture["all"].append(100 * float(1 - found.valid.mean()))
            share = 100 * float(1 - found.valid[is_object].mean()) if is_object.any() else 0.0
            worst = max(worst, (share, path.stem))
            if given.overlays is not None:
                write_overlay(given.overlays / f"{name}-{path.stem}.jpg", scaled, found, is_object)
        cells = [f"{statistics.fmean(picture[part]):.2f}" for part in (*shown, "all")]
        cells += [f"{statistics.fmean(lost[part]):.2f}" for part in shown]
        print(
            f"| {name} | {len(paths)} | {' | '.join(cells)} | {worst[0]:.1f} {worst[1]} | "
            f"{statistics.median(times):.0f} |",
            flush=True,
        )


def look(path: Path, side: int) -> tuple[np.ndarray, NoData, float]:
    """A picture of a bounded size in [0, 1], what is no data in it, and in how many seconds that was found."""
    image = read_image(path)
    native = int(np.sqrt(image.shape[0] * image.shape[1]))
    small = resample(image.pixels, working_shape(image.shape, PrepareSettings(), min(side, native)), "area")
    scaled = to_unit_range(small, intensity_range(image.pixels, small, image.limits))
    start = time.process_time()
    return scaled, find_no_data(scaled), time.process_time() - start


def write_overlay(path: Path, scaled: np.ndarray, found: NoData, is_object: Mask) -> None:
    """The picture with its parts in colour and the outline of its object in white."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = np.rint(scaled[:, :, :3].repeat(3 if scaled.shape[2] < 3 else 1, axis=2)[:, :, :3] * 255).astype(np.uint8)
    for part, colour in COLOURS.items():
        mask = found.parts[part]
        shown[mask] = (0.4 * shown[mask] + 0.6 * np.array(colour)).astype(np.uint8)
    outlines, _ = cv2.findContours(is_object.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    shown = cv2.drawContours(np.ascontiguousarray(shown), outlines, -1, (255, 255, 255), 1)
    cv2.imwrite(str(path), shown[:, :, ::-1])


if __name__ == "__main__":
    main()

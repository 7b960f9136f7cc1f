"""One slide from file to files, tile by tile; what is finished is left, and what was ended goes on."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from msformer.batch.fingerprint import settings_print
from msformer.batch.report.tables import OBJECT_COLUMNS, object_rows
from msformer.batch.resume import are_there
from msformer.config import Config
from msformer.errors import ConfigError
from msformer.image import Image
from msformer.io import prepare_folder, write_png, write_text
from msformer.io.medical import named
from msformer.io.outlines.geojson import write_geojson
from msformer.io.pyramid import write_pyramid
from msformer.io.results import SEGMENT_FILES, SEGMENT_FOLDERS, mark_results
from msformer.io.segments import instance_segments, object_segment
from msformer.io.slide import Slide, open_slide
from msformer.io.write import text_file
from msformer.render import preview
from msformer.segmentation import versions
from msformer.slides import SlideSegmentation, segment_slide

FOLDER = "slides"
MADE_FROM = "made-from.json"
END_BYTES = 1 << 20
"""Of a slide at each of its ends, which are read to tell it from others."""


@dataclass(frozen=True)
class SlideRecord:
    """A slide that is finished.

    Attributes:
        about: What ``slides/NAME.json`` says.
        is_new: Whether this run finished it.
    """

    about: Mapping[str, Any]
    is_new: bool


def run_slide(
    path: Path,
    config: Config,
    out: Path,
    *,
    mpp: float | None = None,
    is_forced: bool = False,
    on_tile: Callable[[int, int], None] | None = None,
) -> SlideRecord:
    """Read, segment and write a slide; what ``slides/NAME.json`` says of it.

    A slide that is finished, from the same file and settings, is left as it is. One that an earlier run was ended at
    goes on behind the last tile that was kept, in ``slides/NAME.tiles`` until it is finished.

    Args:
        path: The slide.
        config: Settings.
        out: Folder of the results; made if it is missing.
        mpp: Size of a pixel in µm that it is segmented at, nearly; the largest level where left out.
        is_forced: Do it again from its first tile, whatever is there.
        on_tile: Called after each tile with how many are done, and of how many.

    Raises:
        ConfigError: The folder has results of another slide of that name.
        MSFormerError: It cannot be read or segmented.
        OSError: The results cannot be written.
    """
    prepare_folder(out)
    mark_results(out, SEGMENT_FOLDERS, SEGMENT_FILES)
    about = out / FOLDER / f"{path.stem}.json"
    kept = out / FOLDER / f"{path.stem}.tiles"
    with named(path):
        made_from = _print_of(path) | {
            "mpp": mpp,
            "settings": settings_print(config, spacing_mm=None, max_pixels=0, initial_weights=None),
        }
    before = _said(about)
    if is_forced:
        _remove(kept)
    else:
        if _is_finished(before, made_from, out):
            _remove(kept)  # what a run left that was ended between its last two steps
            return SlideRecord(before, is_new=False)
        _check_name(before, path)
    record = _record(path, config, out, kept, made_from, before, on_tile)
    write_text(about, json.dumps(record, indent=1, allow_nan=False) + "\n")
    _remove(kept)
    return SlideRecord(record, is_new=True)


def _record(
    path: Path,
    config: Config,
    out: Path,
    kept: Path,
    made_from: Mapping[str, Any],
    before: Any,
    on_tile: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    start = time.perf_counter()
    with open_slide(path, made_from["mpp"]) as slide:
        if _said(kept / MADE_FROM) != made_from:
            _remove(kept)
            write_text(kept / MADE_FROM, json.dumps(made_from) + "\n")
        found = segment_slide(slide, config, kept, on_tile=on_tile)
        _remove_outputs(before, out, path.stem)
        outputs = _write(slide, found, out)
        return {
            "source": str(path),
            "shape": list(slide.shape),
            "base_shape": list(slide.base_shape),
            "spacing_mm": slide.spacing_mm,
            "tiles": found.tiles,
            "segmented": found.segmented,
            "n_labels": found.n_labels,
            "n_objects": None if found.instances is None else len(found.objects),
            "area_share": sum(int(rows.sum()) for rows in found.mask) / found.mask.size,
            "preset": found.config.preset,
            "preset_reason": found.preset_reason,
            "outputs": outputs,
            "sizes": {name: (out / name).stat().st_size for name in outputs.values()},
            "made_from": dict(made_from),
            "config": found.config.model_dump(mode="json"),
            "versions": versions(),
            "elapsed_s": time.perf_counter() - start,
        }


def _said(path: Path) -> Any:
    """What a JSON file says; None where it is missing or torn."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _is_finished(said: Any, made_from: Mapping[str, Any], out: Path) -> bool:
    """Whether an earlier run said the same of slide and settings, and all that it wrote is there."""
    try:
        return bool(said["made_from"] == made_from and are_there(said["sizes"], out))
    except (KeyError, TypeError, AttributeError):
        return False


def _print_of(path: Path) -> dict[str, Any]:
    """What tells a slide from others without reading gigabytes: size, time, and both of its ends."""
    status = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(END_BYTES))
        file.seek(max(status.st_size - END_BYTES, 0))
        digest.update(file.read(END_BYTES))
    return {"size": status.st_size, "time_ns": status.st_mtime_ns, "ends": digest.hexdigest()}


def _check_name(said: Any, path: Path) -> None:
    """Refuse to replace the results of another slide, unless that is not there any more.

    Raises:
        ConfigError: It is.
    """
    source = said.get("source") if isinstance(said, dict) else None
    if isinstance(source, str) and Path(source).is_file() and not Path(source).samefile(path):
        raise ConfigError(f"out must not have results of another slide of this name, {source!r}; say another --out")


def _remove_outputs(said: Any, out: Path, name: str) -> None:
    """Remove what an earlier run wrote, with what it said first: other settings write other files."""
    (out / FOLDER / f"{name}.json").unlink(missing_ok=True)
    outputs = said.get("outputs") if isinstance(said, dict) else None
    for relative in outputs.values() if isinstance(outputs, dict) else ():
        path = out / str(relative)
        if path.stem == name and path.parent.parent == out:
            path.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _write(slide: Slide, found: SlideSegmentation, out: Path) -> dict[str, str]:
    name, seed = slide.source.stem, found.config.digest
    outputs = {"labels": f"labels/{name}.tif", "masks": f"masks/{name}.tif"}
    write_pyramid(out / outputs["labels"], found.label_map, slide.spacing_mm, seed=seed)
    write_pyramid(out / outputs["masks"], found.mask, slide.spacing_mm, seed=seed)
    # QuPath has places in px of the largest level.
    scale = (slide.base_shape[1] / slide.shape[1], slide.base_shape[0] / slide.shape[0])
    kind = "masks" if found.instances is None else "instances"
    outputs["outlines"] = f"{kind}/{name}.geojson"
    (out / kind).mkdir(exist_ok=True)
    drawn = found.mask if found.instances is None else found.instances
    segments = [object_segment()] if found.instances is None else instance_segments(len(found.objects))
    write_geojson(out / outputs["outlines"], drawn[None], segments, seed=seed, scale=scale)
    if found.instances is not None:
        outputs |= {"instances": f"instances/{name}.tif", "table": f"instances/{name}.csv"}
        write_pyramid(out / outputs["instances"], found.instances, slide.spacing_mm, seed=seed)
        with text_file(out / outputs["table"]) as file:
            table = csv.writer(file, lineterminator="\n")
            channels = 1 if slide.overview.ndim == 2 else slide.overview.shape[2]
            table.writerow([*OBJECT_COLUMNS, *(f"mean_intensity_{number}" for number in range(1, channels + 1))])
            table.writerows(object_rows({"case_id": name, "objects": [asdict(one) for one in found.objects]}))
    height, width = slide.overview.shape[:2]
    rows = (np.arange(height) + 0.5) * slide.shape[0] / height
    columns = (np.arange(width) + 0.5) * slide.shape[1] / width
    places = np.ix_(rows.astype(np.intp), columns.astype(np.intp))
    outputs["preview"] = f"preview/{name}.png"
    (out / "preview").mkdir(exist_ok=True)
    limits = (0.0, 255.0) if found.limits is None else found.limits
    shown = Image.from_array(slide.overview)
    write_png(
        out / outputs["preview"],
        preview(shown, np.asarray(found.label_map[places], np.uint16), found.mask[places] > 0, limits, side=640),
    )
    return outputs

"""One slide from file to files, tile by tile."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from msformer.batch.report.tables import OBJECT_COLUMNS, object_rows
from msformer.config import Config
from msformer.image import Image
from msformer.io import prepare_folder, write_png, write_text
from msformer.io.outlines.geojson import write_geojson
from msformer.io.pyramid import write_pyramid
from msformer.io.results import SEGMENT_FILES, SEGMENT_FOLDERS, mark_results
from msformer.io.scratch import Scratch
from msformer.io.segments import instance_segments, object_segment
from msformer.io.slide import Slide, open_slide
from msformer.io.write import text_file
from msformer.render import preview
from msformer.segmentation import versions
from msformer.slides import SlideSegmentation, segment_slide


def run_slide(
    path: Path,
    config: Config,
    out: Path,
    *,
    mpp: float | None = None,
    on_tile: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Read, segment and write a slide; what ``slides/NAME.json`` says of it.

    Args:
        path: The slide.
        config: Settings.
        out: Folder of the results; made if it is missing.
        mpp: Size of a pixel in µm that it is segmented at, nearly; the largest level where left out.
        on_tile: Called after each tile with how many are done, and of how many.

    Raises:
        MSFormerError: It cannot be read or segmented.
        OSError: The results cannot be written.
    """
    start = time.perf_counter()
    prepare_folder(out)
    mark_results(out, SEGMENT_FOLDERS, SEGMENT_FILES)
    scratch = Scratch()
    try:
        with open_slide(path, mpp) as slide:
            found = segment_slide(slide, config, scratch.path, on_tile=on_tile)
            outputs = _write(slide, found, out)
            record = {
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
                "config": found.config.model_dump(mode="json"),
                "versions": versions(),
                "elapsed_s": time.perf_counter() - start,
            }
    finally:
        scratch.remove()
    write_text(out / "slides" / f"{path.stem}.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    return record


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

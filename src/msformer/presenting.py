"""Results → what people look at in a program or a notebook: a line, a small page, a picture, a table, a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ConfigError, ImageError
from msformer.plain import printable

if TYPE_CHECKING:
    from msformer.interop import GiveBack
    from msformer.segmentation import Segmentation

What = Literal["mask", "labels", "objects"]
"""What is written: the mask, the clusters, or the objects of the mask one by one."""
KINDS: tuple[What, ...] = ("mask", "labels", "objects")
ROWS = 8
"""Rows of a table on a page, at most."""
PANEL = 320
"""Longest side in px of a panel on a page."""
STYLE = "border-collapse:collapse;margin:.3em 0"
CELL = "padding:.1em .8em .1em 0;text-align:right"


def short(found: Segmentation) -> str:
    """One line."""
    height, width = found.label_map.shape
    share = "no object" if found.is_empty else f"object {100 * float(found.mask.mean()):.1f} %"
    number = "" if found.instances is None else f" in {len(found.objects)} pieces"
    return (
        f"<Segmentation {height} × {width} px, preset {found.config.preset}, {found.n_labels} clusters, "
        f"{share}{number}, confidence {found.confidence:.2f}>"
    )


def page(found: Segmentation) -> str:
    """A small page for notebooks: image, clusters and outline, what was done, how far to trust it, the largest rows."""
    from msformer.config import preset_summaries

    parts = []
    if found.image is not None:
        from msformer.render import data_uri, jpeg, preview

        shown = preview(found.image, found.label_map, _pieces(found), found.intensity_range, PANEL)
        said = "The image, its clusters in colours, and the outline of the mask"
        parts.append(f'<img alt="{said}" title="{said}" src="{data_uri("jpeg", jpeg(shown, shown.shape[1]))}">')
    preset = found.config.preset
    words = [f"<b>{escape(preset)}</b>: {escape(preset_summaries()[preset])}"]
    if found.preset_reason:
        words.append(escape(found.preset_reason))
    trust = f"Confidence <b>{found.confidence:.2f}</b>"
    reason = found.confidence_reason or ("nothing was found" if found.is_empty else "")
    words.append(trust + (f": {escape(reason)}" if reason else ""))
    parts.append("<div>" + "<br>".join(words) + "</div>")
    parts.append(_html_table(rows_of(found)))
    return "<div>" + "".join(parts) + "</div>"


def rows_of(found: Segmentation) -> list[dict[str, Any]]:
    """What was measured, ready for a table: the object or its pieces, then the clusters."""
    rows: list[dict[str, Any]] = []
    if found.foreground is not None:
        rows.append({"what": "object"} | _flat(asdict(found.foreground)))
    rows += [{"what": "piece"} | _flat(asdict(one)) for one in found.objects]
    rows += [{"what": "cluster"} | _flat(asdict(one)) for one in found.regions]
    return rows


def table(rows: Sequence[dict[str, Any]]) -> Any:
    """Rows as a table of pandas.

    Raises:
        ConfigError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ConfigError("to_dataframe() needs pandas: pip install pandas") from None
    return pd.DataFrame(list(rows))


def overlay(found: Segmentation) -> NDArray[np.uint8]:
    """The image ``(H, W, 3)`` RGB at its own size with the outline of the mask.

    Raises:
        ImageError: The segmentation does not hold its image.
    """
    from msformer.render import display, draw_outline

    image = _image_of(found)
    return draw_outline(display(image, found.intensity_range, max(image.shape)), found.mask)


def plot(found: Segmentation, axes: Sequence[Any] | None = None) -> Any:
    """Image, clusters and outline side by side, by matplotlib.

    Args:
        found: With its image.
        axes: Three axes to draw on; a new figure where left out.

    Returns:
        The figure.

    Raises:
        ConfigError: matplotlib is not installed, or there are not three axes.
        ImageError: The segmentation does not hold its image.
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise ConfigError("plot() needs matplotlib: pip install matplotlib") from None
    from msformer.render import display, label_colours

    image = _image_of(found)
    if axes is None:
        axes = plt.subplots(1, 3, figsize=(12, 12 / 3 * image.shape[0] / image.shape[1] + 0.5), layout="tight")[1]
    axes = list(np.ravel(np.asarray(axes, dtype=object)))
    if len(axes) != 3:
        raise ConfigError(f"axes must be three; got {len(axes)}")
    pictures = [
        (display(image, found.intensity_range, max(image.shape)), "image"),
        (label_colours(int(found.label_map.max()))[found.label_map], f"{found.n_labels} clusters"),
        (overlay(found), f"{found.config.preset}, confidence {found.confidence:.2f}"),
    ]
    for one, (picture, title) in zip(axes, pictures, strict=True):
        one.imshow(picture)
        one.set_title(title)
        one.set_axis_off()
    return axes[0].figure


def save(
    path: str | Path, planes: Callable[[What], NDArray[Any]], what: What, give_back: GiveBack | None, seed: str
) -> Path:
    """Write results in the format that the name of the file ends in, where the image has its place.

    Args:
        path: Ends like one of the suffixes that ``msformer info`` and ``docs/files.md`` list.
        planes: Makes ``(D, H, W)`` of what is written.
        what: ``mask``, ``labels`` or ``objects``.
        give_back: What is known of the place of the image.
        seed: What tells a DICOM result from others of the same sources.

    Raises:
        ConfigError: ``what`` is none of the three.
        WriteError: No format ends so, or it cannot hold this.
    """
    from msformer.errors import WriteError
    from msformer.io.export import SUFFIXES, suffix_of, write_labels
    from msformer.io.segments import instance_segments, object_segment, segments_of

    if what not in KINDS:
        raise ConfigError(f"what must be one of {', '.join(KINDS)}; got {what!r}")
    path = Path(path)
    suffix = suffix_of(path.name, SUFFIXES.values())
    if not suffix:
        raise WriteError(f"{path}: a name must end in one of {', '.join(SUFFIXES.values())}; got {path.name!r}")
    values = planes(what)
    count = int(values.max(initial=0))
    segments = [object_segment()] if what == "mask" else (segments_of if what == "labels" else instance_segments)(count)
    write_labels(
        path,
        values.astype(np.uint16) if what != "mask" else values.astype(np.uint8),
        next(name for name, one in SUFFIXES.items() if one == suffix),
        segments=segments,
        geometry=None if give_back is None else give_back.geometry,
        instances=() if give_back is None else give_back.instances,
        description=f"msformer {what}",
        seed=f"{seed} {what}",
        source_name="" if give_back is None else give_back.source_name,
    )
    return path


def _image_of(found: Segmentation) -> Any:
    if found.image is None:
        raise ImageError("the segmentation does not hold its image: those of msformer.segment(…) do")
    return found.image


def _pieces(found: Segmentation) -> NDArray[Any]:
    return found.mask if found.instances is None else np.asarray(found.instances)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Places and boxes as single numbers, as columns of a table are."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name == "bbox":
            flat |= dict(zip(("top", "left", "bottom", "right"), value, strict=True))
        elif name == "centroid":
            flat |= {"row": value[0], "column": value[1]}
        elif name == "mean_intensity":
            flat |= {f"mean_{index}": one for index, one in enumerate(value)} if len(value) > 1 else {"mean": value[0]}
        elif value is not None:
            flat[name] = value
    return flat


def _html_table(rows: Sequence[dict[str, Any]]) -> str:
    """The first rows, in few columns."""
    if not rows:
        return ""
    columns = [name for name in ("what", "label", "area_px", "area_mm2", "area_share") if any(name in r for r in rows)]
    heads = {"what": "", "label": "number", "area_px": "px", "area_mm2": "mm²", "area_share": "share"}
    lines = ["<tr>" + "".join(f'<th style="{CELL}">{heads[name]}</th>' for name in columns) + "</tr>"]
    lines += [
        "<tr>" + "".join(f'<td style="{CELL}">{_told(row.get(name), name)}</td>' for name in columns) + "</tr>"
        for row in rows[:ROWS]
    ]
    more = f"<div>and {len(rows) - ROWS} more rows: to_dataframe()</div>" if len(rows) > ROWS else ""
    return f'<table style="{STYLE}">{"".join(lines)}</table>{more}'


def _told(value: Any, name: str) -> str:
    if value is None:
        return ""
    if name == "area_share":
        return f"{100 * value:.1f} %"
    return f"{value:.1f}" if isinstance(value, float) else escape(printable(str(value)))

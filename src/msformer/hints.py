"""What a person can say of the object without drawing it, in their words → settings.

The command line, the estimator and every other surface say it through this one function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def hint_settings(
    *,
    polarity: str | None = None,
    objects: str | None = None,
    touches_frame: bool | None = None,
    share: Sequence[float] | None = None,
    region: Sequence[int] | None = None,
    box: Sequence[int] | None = None,
    point: Sequence[int] | None = None,
    n_clusters: int | None = None,
    restarts: int | None = None,
) -> dict[str, Any]:
    """Nested settings of what was said; what is None is left to the preset. ``Config`` checks the values.

    Args:
        polarity: ``darker`` or ``brighter`` than its surroundings, ``either``, or ``minority``.
        objects: ``one``, ``two``, ``pair``, ``many`` or ``any``.
        touches_frame: Whether the object may touch the frame of the image.
        share: Smallest and largest share of the image that the object covers.
        region: Look only here: first row, first column, end row, end column in px.
        box: The object fills about this box, likewise.
        point: The object holds this pixel: row, column.
        n_clusters: Number of clusters in the label map, at most.
        restarts: Seeds that are tried.
    """
    said: dict[tuple[str, ...], Any] = {
        ("foreground", "polarity"): polarity,
        ("foreground", "objects"): objects,
        ("foreground", "touches_frame"): touches_frame,
        ("hints", "region"): None if region is None else tuple(region),
        ("hints", "box"): None if box is None else tuple(box),
        ("hints", "point"): None if point is None else tuple(point),
        ("cluster", "n_clusters"): n_clusters,
        ("cluster", "merge_to"): n_clusters,
        ("restarts",): restarts,
    }
    if share is not None:
        smallest, largest = share
        said |= {("foreground", "min_share"): smallest, ("foreground", "max_share"): largest}
    nested: dict[str, Any] = {}
    for (*groups, name), value in said.items():
        if value is not None:
            target = nested
            for group in groups:
                target = target.setdefault(group, {})
            target[name] = value
    return nested

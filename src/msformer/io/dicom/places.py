"""Places of slices → the geometry of a volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError
from msformer.geometry import Geometry
from msformer.io.dicom.headers import PARALLEL, Instance

UNEVEN = 0.01
"""Steps between slices that differ from the usual one by a larger share are told of."""
TILTED_DEGREES = 0.5
"""A tilt under this is rounding of positions in the header."""
SAME_PLACE = 0.01
"""Slices closer than this share of the usual step are at one place."""


def geometry_of(slices: Sequence[Instance], notes: list[str]) -> Geometry | None:
    """The geometry of slices in order up or down; sizes alone where they have no place."""
    first = slices[0]
    normal = None if first.orientation is None else normal_of(first.orientation)
    if first.orientation is not None and normal is None:
        notes.append("directions in the header are no plane: ignored")
    if normal is not None and all(one.position is not None for one in slices):
        return lattice(first, normal, np.array([one.position for one in slices], dtype=np.float64), notes)
    if len(slices) > 1 and all(one.location is not None for one in slices):
        notes.append("no positions in the headers, slice locations alone: the place in the patient is not known")
        step = float(np.median(np.diff([one.location or 0.0 for one in slices])))
        return flat_geometry(replace(first, slice_step=abs(step) or None))  # at one place there is no step
    return flat_geometry(first)


def normal_of(orientation: tuple[float, ...]) -> NDArray[np.float64] | None:
    """The unit vector across a slice, or None where the directions are not two of length 1 at right angles."""
    if len(orientation) != 6:
        return None
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = np.linalg.norm([row, column], axis=1)
    if not np.allclose(lengths, 1, rtol=0, atol=PARALLEL) or abs(float(row @ column)) > PARALLEL:
        return None
    normal = np.cross(row, column)
    return np.asarray(normal / np.linalg.norm(normal))


def lattice(
    like: Instance, normal: NDArray[np.float64], places: NDArray[np.float64], notes: list[str]
) -> Geometry | None:
    """The geometry of slices ``like`` one at ``places``, in order up or down along the normal."""
    if like.pixel_spacing is None or like.orientation is None:
        return None
    direction, spacing = normal, like.slice_step or 1.0
    is_stack = len(places) > 1 and bool((np.abs(np.diff(places @ normal)) > 1e-3).any())  # else frames over time
    if is_stack:
        steps = np.diff(places @ normal)
        upwards = 1.0 if steps.sum() > 0 else -1.0
        direction, steps = upwards * normal, upwards * steps
        step = float(np.median(steps))
        spacing = step
        if (np.abs(steps - step) > UNEVEN * step).any():
            missing = sum(round(float(one) / step) - 1 for one in steps if one > 1.5 * step)
            notes.append(
                f"uneven steps between slices, {steps.min():.4g} to {steps.max():.4g} mm"
                + (f", {missing} slices missing" if missing else "")
                + f"; {step:.4g} mm is taken for all"
            )
        along = places[-1] - places[0]
        along = along / np.linalg.norm(along)
        cosine = float(np.clip(along @ direction, -1, 1))
        tilt = float(np.degrees(np.arccos(cosine)))
        if tilt > TILTED_DEGREES:
            notes.append(f"tilted gantry: slices are shifted by {tilt:.1f}° from their normal")
            direction, spacing = along, step / cosine
    rows, columns = like.pixel_spacing
    row_step, column_step = like.orientation[:3], like.orientation[3:]
    matrix = np.stack([row_step, column_step, direction], axis=1).ravel()
    a, b, c, d, e, f, g, h, i = (float(value) for value in matrix)
    x, y, z = (float(value) for value in places[0])
    # Frames at one place have no step, whatever thickness the header tells: a third size would make volumes of times.
    is_thick = is_stack or (len(places) == 1 and like.slice_step is not None)
    in_plane = like.size is not None and like.size.is_stated
    try:
        return Geometry(
            (columns, rows, float(spacing)), (x, y, z), (a, b, c, d, e, f, g, h, i), (in_plane, in_plane, is_thick)
        )
    except ImageError:
        notes.append("geometry in the header is no space: directions ignored")
        return flat_geometry(like)


def usual_step(heights: NDArray[np.float64]) -> float:
    """The median of the steps that are none between slices at the same place."""
    steps = np.diff(heights)
    steps = steps[steps > 1e-3]
    return float(np.median(steps)) if len(steps) else 1.0


def flat_geometry(first: Instance) -> Geometry | None:
    """Sizes without a place in the patient."""
    if first.pixel_spacing is None:
        return None
    rows, columns = first.pixel_spacing
    in_plane = first.size is not None and first.size.is_stated
    stated = (in_plane, in_plane, first.slice_step is not None)
    return Geometry((columns, rows, first.slice_step or 1.0), is_stated=stated, is_placed=False)

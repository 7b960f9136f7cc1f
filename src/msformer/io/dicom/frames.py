"""Files of several frames → which of them are meant, in the order of their places, and the geometry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from msformer.geometry import Geometry
from msformer.io.dicom.headers import FRAME_MARKS, Instance, frame_items, mark_of, step_of
from msformer.io.dicom.places import flat_geometry, geometry_of, normal_of
from msformer.io.dicom.series import STILLS, Part, chosen, find_parts
from msformer.io.dicom.sizes import PixelSize
from msformer.io.dicom.values import numbers_of
from msformer.io.values import check_frame


def frames_in(data: Any, instance: Instance, frames: int) -> list[Instance]:
    """What a file says of each of its frames, in its own order, as if it were a file of its own."""
    planes = _of_each(frame_items(data, "PlaneOrientationSequence", frames), frames)
    points = _of_each(frame_items(data, "PlanePositionSequence", frames), frames)
    measures = _of_each(frame_items(data, "PixelMeasuresSequence", frames), frames)
    places = [None if one is None else numbers_of(one, "ImagePositionPatient", 3) for one in points]
    marks = {
        name: [mark_of(one, keyword) if one is not None else "" for one in _of_each(items, frames)]
        for name, (group, keyword) in FRAME_MARKS.items()
        if (items := frame_items(data, group, frames))
    }
    found = []
    for number in range(frames):
        plane, measure, like = planes[number], measures[number], instance
        if plane is not None:
            like = replace(like, orientation=numbers_of(plane, "ImageOrientationPatient", 6) or like.orientation)
        if measure is not None:
            spacing = numbers_of(measure, "PixelSpacing", 2)
            if spacing is not None and min(spacing) > 0:
                like = replace(like, size=PixelSize((spacing[0], spacing[1])))
            like = replace(like, slice_step=step_of(measure) or like.slice_step)
        own = {name: values[number] for name, values in marks.items() if values[number]}
        found.append(replace(like, position=places[number], frames=1, frame=number, number=number, marks=own))
    if instance.position is not None and not points_are_known(places):
        found = _along_the_normal(found, data, instance)
    return found


def points_are_known(places: list[tuple[float, ...] | None]) -> bool:
    """Whether any frame says its place."""
    return any(place is not None for place in places)


def choose_frames(
    data: Any, instance: Instance, frames: int, frame: int | None, notes: list[str]
) -> tuple[list[int], Geometry | None]:
    """Which frames of a file are meant, and their geometry: all of them where none has a place.

    Raises:
        ReadError: They are several volumes, and ``frame`` names none of them.
    """
    found = frames_in(data, instance, frames)
    if any(one.position is None for one in found) or normal_of(found[0].orientation or ()) is None:
        numbers = list(range(frames)) if frame is None else [check_frame(frames, frame)]
        geometry = flat_geometry(found[0])
        if geometry is not None and (instance.modality or "").upper() in STILLS:  # frames over time, however thick
            geometry = _without_step(geometry)
        return numbers, geometry
    # Radiographs and ultrasound are no stacks of files; their frames may be, where each says its place.
    parts = find_parts([replace(one, modality=None, series="frames") for one in found])
    slices = chosen([Part(part.instances, part.label) for part in parts], frame, notes)
    numbers = [one.frame for one in slices]
    if numbers == sorted(numbers, reverse=True):  # downwards: as stored
        slices, numbers = slices[::-1], numbers[::-1]
    geometry = geometry_of(slices, notes)
    if geometry is not None and found[0].slice_step is None and not _says_places(data, frames):
        geometry = _without_step(geometry)
    return numbers, geometry


def _without_step(geometry: Geometry) -> Geometry:
    """The same, of which nobody knows how far the frames are apart."""
    return replace(geometry, is_stated=(*geometry.is_stated[:2], False))


def _says_places(data: Any, frames: int) -> bool:
    """Whether a file says where its frames lie, not only where the first of them does."""
    if numbers_of(data, "GridFrameOffsetVector", frames) is not None:
        return True
    points = frame_items(data, "PlanePositionSequence", frames)
    return any(numbers_of(one, "ImagePositionPatient", 3) is not None for one in points)


def _of_each(items: list[Any], frames: int) -> list[Any]:
    return items * frames if len(items) == 1 else items or [None] * frames


def _along_the_normal(found: list[Instance], data: Any, instance: Instance) -> list[Instance]:
    """Frames of a file that says only where the first of them lies."""
    normal = normal_of(instance.orientation or ())
    if normal is None or instance.position is None:
        return found
    offsets = numbers_of(data, "GridFrameOffsetVector", len(found))
    step = found[0].slice_step or 1.0
    rises = np.arange(len(found)) * step if offsets is None else np.array(offsets)
    start = np.array(instance.position)
    places = [tuple(float(one) for one in start + (rise - rises[0]) * normal) for rise in rises]
    return [replace(one, position=place) for one, place in zip(found, places, strict=True)]

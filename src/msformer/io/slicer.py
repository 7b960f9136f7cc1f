"""Segmentations as 3D Slicer saves them → a mask on the grid of the image.

Slicer crops them to what was drawn, stacks segments that overlap in layers, and may turn or mirror axes: each voxel is
put where it lies in the patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from msformer.errors import ImageError, ReadError
from msformer.geometry import Geometry
from msformer.image import Mask
from msformer.io.label_maps import SLICER
from msformer.io.medical import kind_of
from msformer.io.nrrd import read_header, read_nrrd

STEP, PLACE = 1e-3, 0.1
"""How far steps and the first voxel may be from those of the image, in its voxels."""


def is_slicer_segmentation(path: Path) -> bool:
    """Whether a file is NRRD with the fields by which Slicer knows segmentations."""
    try:
        return kind_of(path) == "nrrd" and any(SLICER.fullmatch(name) for name in read_header(path)[0])
    except ReadError:  # whoever reads it will say what is wrong
        return False


def read_slicer_mask(path: Path, shape: tuple[int, int, int], places: Sequence[Geometry], max_voxels: int) -> Mask:
    """Read all segments together as a mask ``(D, H, W)``; what lies outside of the image is left out.

    Args:
        path: The file.
        shape: Of the image.
        places: Where its voxels may lie; the first that fits counts.
        max_voxels: Refuse more, of all layers together.

    Raises:
        ReadError: It cannot be read.
        ImageError: Its voxels are none of the image's.
    """
    header = read_header(path)[0]
    kinds = [str(kind).lower() for kind in header.get("kinds", [])]
    layers = int(header["sizes"][kinds.index("list")]) if "list" in kinds else 1
    try:
        volumes = [read_nrrd(path, layer, max_voxels) for layer in range(layers)]
    except (ReadError, ImageError) as error:
        raise type(error)(f"{path}: {error}") from error
    drawn = np.logical_or.reduce([volume.voxels != 0 for volume in volumes])
    own = volumes[0].geometry
    assert own is not None  # noqa: S101 - NRRD always has one
    mask = np.zeros(shape, dtype=bool)
    for place in places:
        into = np.linalg.solve(place.affine, own.affine)
        whole = np.rint(into)
        is_turned = (np.abs(whole[:3, :3]).sum(axis=0) == 1).all() and (np.abs(whole[:3, :3]).sum(axis=1) == 1).all()
        is_near = np.allclose(into[:, :3], whole[:, :3], atol=STEP) and np.allclose(into[:, 3], whole[:, 3], atol=PLACE)
        if is_turned and is_near:
            there = np.argwhere(drawn)[:, ::-1] @ whole[:3, :3].T.astype(int) + whole[:3, 3].astype(int)
            column, row, slice_ = there[((there >= 0) & (there < shape[::-1])).all(axis=1)].T
            mask[slice_, row, column] = True
            return mask
    raise ImageError(
        f"{path}: voxels must be those of the image: choose it in Slicer as the source geometry; got {drawn.shape} "
        f"voxels of {own.spacing_mm} mm from {own.origin_mm}, and the image has {shape} of {places[0].spacing_mm} mm "
        f"from {places[0].origin_mm}"
    )

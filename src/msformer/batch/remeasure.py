"""Label maps and masks that exist already → a table of measurements, without segmenting again."""

from __future__ import annotations

import csv
import glob
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from msformer.batch.plan import Case, plan_cases
from msformer.errors import ConfigError, ImageError, ImageShapeError, MSFormerError, ReadError, failed_file
from msformer.geometry import flat_geometry, with_spacing
from msformer.io import count_pages, read_image
from msformer.io.contents import images_below, looks_medical, without_suffixes
from msformer.io.folder import is_segment_output
from msformer.io.medical import VOLUME_KINDS, kind_of, read_volume
from msformer.io.ome_zarr import is_picture
from msformer.io.photo import check_voxel_count
from msformer.io.read_seg import read_segments
from msformer.io.tiff import is_stack, tiff_geometry
from msformer.measure import VolumeRegion, measure_volume
from msformer.plain import cell
from msformer.volume import Volume

JPEG_SIGNATURE = b"\xff\xd8\xff"
APART = 0.1
"""Labels whose corners are farther from those of the image, in parts of a voxel, are of another place."""
COLUMNS = [
    "file", "label", "n_voxels", "share", "area_mm2", "volume_ml", "centroid_slice", "centroid_row", "centroid_column",
    "centroid_x_mm", "centroid_y_mm", "centroid_z_mm", "bbox_first_slice", "bbox_first_row", "bbox_first_column",
    "bbox_end_slice", "bbox_end_row", "bbox_end_column", "largest_slice", "largest_area_px", "largest_area_mm2",
]  # fmt: skip

Row = list[str | int]


@dataclass(frozen=True)
class LabelFile:
    """A file of labels, and the name that its image has: the path below the folder, without suffix."""

    path: Path
    name: str


def measure_all(
    items: Sequence[LabelFile],
    images: Path | None,
    spacing_mm: tuple[float, float] | None,
    max_voxels: int,
    tell: Callable[[str], None],
) -> tuple[list[Row], int]:
    """The rows of all files, and how many failed; those are told, and the others go on.

    Args:
        items: From ``find_labels``.
        images: A folder with the images, under the same names.
        spacing_mm: Size of a pixel (row, column), over what files say.
        max_voxels: Larger files fail.
        tell: Called with a line on each file that failed or holds nothing.
    """
    finder = None if images is None else _ImageFinder(images)
    rows: list[Row] = []
    n_failed = 0
    for item in items:
        try:
            its_rows = list(_measure_one(item, finder, spacing_mm, max_voxels))
        except (MSFormerError, OSError) as error:
            tell(failed_file(item.path, error))
            n_failed += 1
            continue
        if not its_rows:
            tell(f"note: {item.path} holds no label")
        rows += its_rows
    return rows, n_failed


def _measure_one(
    item: LabelFile, finder: _ImageFinder | None, spacing_mm: tuple[float, float] | None, max_voxels: int
) -> Iterator[Row]:
    image = None if finder is None else _read_image(finder.find(item.name), max_voxels)
    for segment, volume in read_labels(item.path, max_voxels):
        if image is not None:
            if segment is not None:
                volume = _among_all_slices(volume, image)
            _check_fit(volume, image)
            if not _has_place(volume) and image.geometry is not None:  # labels lie where their image does
                volume = replace(volume, geometry=image.geometry, kind=image.kind)
        geometry = volume.geometry if spacing_mm is None else with_spacing(volume.geometry, spacing_mm)
        for region in measure_volume(volume.voxels, geometry, None if image is None else image.voxels):
            region = region if segment is None else replace(region, label=segment)
            yield _row(item.path, region)


def _has_place(volume: Volume) -> bool:
    """Whether it is known where the voxels lie in the patient, not only how large they are."""
    return volume.geometry is not None and volume.geometry.is_placed


def _row(path: Path, region: VolumeRegion) -> Row:
    place = ("", "", "") if region.centroid_mm is None else [f"{value:.3f}" for value in region.centroid_mm]
    return [
        cell(path.as_posix()),
        region.label,
        region.n_voxels,
        f"{region.volume_share:.6g}",
        _or_empty(region.area_mm2),
        _or_empty(region.volume_ml),
        *(f"{value:.3f}" for value in region.centroid),
        *place,
        *region.bbox,
        region.largest_slice,
        region.largest_area_px,
        _or_empty(region.largest_area_mm2),
        *(_or_empty(value) for value in region.mean_intensity or ()),
    ]


def _or_empty(value: float | None) -> str:
    """Six digits; nothing for what is unknown, or undefined as the mean of an image with NaN is."""
    return "" if value is None or value != value else f"{value:.6g}"


def to_csv(rows: Sequence[Row]) -> str:
    """The table with its head; rows of fewer channels than others end in empty cells."""
    width = max(map(len, rows), default=len(COLUMNS))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"mean_intensity_{channel}" for channel in range(1, width - len(COLUMNS) + 1))])
    writer.writerows([*row, *[""] * (width - len(row))] for row in rows)
    return text.getvalue()


def find_labels(inputs: Sequence[str]) -> list[LabelFile]:
    """The files that the inputs name, in a stable order, each once.

    Raises:
        ConfigError: An input names nothing.
    """
    found: dict[Path, LabelFile] = {}
    for given in inputs:
        path = Path(given)
        if path.is_dir() and not is_picture(path):
            folders = [path / "labels", path / "masks"] if is_segment_output(path) else [path]
            items = [
                LabelFile(file, without_suffixes(file.relative_to(root)))
                for root in folders
                for file in images_below(root)
            ]
        elif path.exists():
            items = [LabelFile(path, without_suffixes(Path(path.name)))]
        else:
            matches = sorted(glob.glob(given, recursive=True))  # noqa: PTH207 - patterns may be absolute
            items = [
                LabelFile(Path(match), without_suffixes(Path(Path(match).name)))
                for match in matches
                if Path(match).is_file()
            ]
        if not items:
            raise ConfigError(
                f"LABELS must be a label map, a folder with label maps or a pattern; got {given!r}, which has none"
            )
        for item in items:
            found.setdefault(item.path.resolve(), item)
    return list(found.values())


class _ImageFinder:
    """The images and volumes below a folder, under the names that `segment` gives their results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_path: dict[str, list[Case]] = {}
        self.by_name: dict[str, list[Case]] = {}
        for case in plan_cases([str(folder)], recursive=True):
            known_as = {case.case_id: case}
            if looks_medical(Path(case.case_id)):
                known_as[without_suffixes(Path(case.case_id))] = case
            if case.page == 0:  # the whole stack as a volume
                known_as[case.case_id.removesuffix("_page0001")] = replace(case, page=None)
            for path, one in known_as.items():
                self.by_path.setdefault(path, []).append(one)
                self.by_name.setdefault(Path(path).name, []).append(one)

    def find(self, name: str) -> Case:
        """The image of this path below the folder, without suffix; or else the only one of this name anywhere.

        Raises:
            ReadError: There is none, or more than one.
        """
        cases = self.by_path.get(name) or self.by_name.get(name) or []
        if len(cases) == 1:
            return cases[0]
        got = ", ".join(case.case_id for case in cases) or "none"
        raise ReadError(f"--images must have one image of the name {name!r}; {str(self.folder)!r} has {got}")


def _read_image(case: Case, max_voxels: int) -> Volume:
    """Read an image, a page or a volume as ``(D, H, W[, C])``.

    Raises:
        MSFormerError: It cannot be read; the message names it.
    """
    if case.instances:
        return read_volume(case.instances, max_voxels=max_voxels, picture=case.page)
    return _read_picture(case.source, case.page, max_voxels)


def _read_picture(path: Path, page: int | None, max_voxels: int) -> Volume:
    """Read a page, or all pages as slices. A plain picture tells at most a size, not a place."""
    pages = range(count_pages(path)) if page is None else [page]
    image = read_image(path, page=pages[0], max_pixels=max_voxels)
    first = image.pixels
    try:
        check_voxel_count((len(pages), *first.shape[:2]), max_voxels)
    except ReadError as error:
        raise ReadError(f"{path}: {error}") from error
    others = [read_image(path, page=number, max_pixels=max_voxels).pixels for number in pages[1:]]
    if any(other.shape != first.shape for other in others):
        sizes = sorted({one.shape for one in (first, *others)})
        raise ReadError(f"{path}: pages must be of one size to be slices of a volume; got {sizes}")
    geometry = tiff_geometry(path) if len(pages) > 1 else flat_geometry(image.spacing_mm)
    return Volume(np.stack([first, *others]), geometry, "photo", path, padding_value=image.padding_value)


def read_labels(path: Path, max_voxels: int) -> Iterator[tuple[int | None, Volume]]:
    """The label volume of a file; of a DICOM segmentation each segment with its number, as segments may overlap.

    Raises:
        ReadError: The file cannot be read.
        ImageError: It holds no labels.
    """
    kind = kind_of(path)
    if kind == "dicom":
        yield from read_segments(path, max_voxels)
        return
    if kind in VOLUME_KINDS or (kind == "tiff" and is_stack(path)):
        volume = read_volume([path], max_voxels=max_voxels)
    else:
        volume = _read_picture(path, None, max_voxels)
    if kind == "photo":
        with path.open("rb") as file:
            if file.read(len(JPEG_SIGNATURE)) == JPEG_SIGNATURE:
                raise ImageError(f"{path}: labels must not be a JPEG, which blurs them")
    if volume.voxels.ndim == 4:
        grey = volume.voxels[..., :1]
        if not all((plane == plane[..., :1]).all() for plane in volume.voxels):
            raise ImageError(f"{path}: labels must be grey, one value a voxel; got {volume.voxels.shape[3]} channels")
        volume = replace(volume, voxels=grey[..., 0])
    if volume.voxels.dtype.kind == "f" and volume.padding_value is not None:  # no data is no label
        voxels = np.where(volume.voxels == volume.padding_value, 0, volume.voxels)
        volume = replace(volume, voxels=voxels)
    yield None, volume


def _among_all_slices(segment: Volume, image: Volume) -> Volume:
    """The segment on the whole grid of the image: segmentations leave out slices that are empty.

    Given back as it is where it is no part of that grid; the check of the fit tells.
    """
    if segment.geometry is None or image.geometry is None or segment.shape[1:] != image.shape[1:]:
        return segment
    into = np.linalg.solve(image.geometry.affine, segment.geometry.affine)
    depth, first = segment.shape[0], round(float(into[2, 3]))
    shift = np.eye(4)
    shift[2, 3] = first
    axes = 3 if depth > 1 else 2  # one slice has no step to the next
    is_part = np.allclose(into[:, :axes], shift[:, :axes], atol=1e-3) and np.allclose(
        into[:, 3], shift[:, 3], atol=APART
    )
    if not is_part or not 0 <= first <= image.shape[0] - depth:
        return segment
    voxels = np.zeros(image.shape, dtype=segment.voxels.dtype)
    voxels[first : first + depth] = segment.voxels
    return replace(segment, voxels=voxels, geometry=image.geometry)


def _check_fit(labels: Volume, image: Volume) -> None:
    """Labels and image must be of one size and, where both tell it, at one place.

    Raises:
        ImageShapeError: They are of different sizes.
        ImageError: They lie at different places.
    """
    if labels.voxels.shape != image.shape:
        raise ImageShapeError(
            f"{labels.source}: labels must have the size of their image, nothing is ever resized; got "
            f"{_size(labels.shape)}, {image.source} has {_size(image.shape)}"
        )
    is_placed = _has_place(labels) and _has_place(image)
    if labels.geometry is None or image.geometry is None or not is_placed or labels.shape[0] == 1:
        return  # of one slice, many formats keep no place
    depth, height, width = labels.shape
    corners = np.array([(x, y, z, 1) for x in (0, width - 1) for y in (0, height - 1) for z in (0, depth - 1)])
    apart = corners @ (labels.geometry.affine - image.geometry.affine).T
    farthest, limit = float(np.linalg.norm(apart, axis=1).max()), APART * min(image.geometry.spacing_mm)
    if farthest > limit:
        raise ImageError(
            f"{labels.source}: labels must lie at the place of their image, to {limit:.3g} mm; got corners that are "
            f"{farthest:.3g} mm from those of {image.source}"
        )


def _size(shape: Sequence[int]) -> str:
    depth, height, width = shape
    return f"{depth} slices × {height} rows × {width} columns"

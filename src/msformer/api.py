"""What Python programs call: an image or a volume of any kind in, a segmentation out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msformer import pipeline, volumes
from msformer.config import Config, settings_of
from msformer.interop import as_image, as_volume
from msformer.segmentation import Segmentation
from msformer.volumes import VolumeSegmentation

if TYPE_CHECKING:
    from torch import Tensor

    from msformer.fit import CancelToken, FitEvent


def segment(
    image: Any,
    config: Config | str | Mapping[str, Any] | None = None,
    *,
    random_state: int | None = None,
    axes: str | None = None,
    spacing_mm: tuple[float, float] | None = None,
    initial_weights: Mapping[str, Tensor] | None = None,
    on_event: Callable[[FitEvent], None] | None = None,
    cancel: CancelToken | None = None,
) -> Segmentation:
    """Segment one image with nothing but itself: its clusters, and the one that a rule takes for the object.

    The same image, settings and seed give the same labels on every run, whatever the caller's number of threads, which
    stays as it is. The caller's random state is neither used nor changed, and the image is not written to.

    Args:
        image: An array ``(H, W)``, or ``(H, W, C)`` with at most four channels, at least 33 px a side, of numpy, dask,
            zarr, xarray or what else numpy takes for one; an image of Pillow, SimpleITK or nibabel, a data set of
            pydicom; a path; an ``Image``. Values that are masked or NaN are no data. Of other shapes ``axes`` tells
            what they are: a volume is never taken for a picture.
        config: Settings, as they are or as nested mappings, or the name of a preset; the default preset if left out.
        random_state: Seed; overrides that of the settings.
        axes: What the axes of an array are, a letter each: y (row), x (column), c (channel), z (slice, of which there
            is one): ``"cyx"`` for channels first.
        spacing_mm: Size of a pixel (row, column) in mm; overrides that of the image.
        initial_weights: Start from this state dict of the released classes instead of random parameters; its
            number of channels and blocks replace those of the settings.
        on_event: Called before each update with losses and, on request, labels.
        cancel: Ends the loop early when set; the result is that of the parameters so far.

    Returns:
        The segmentation; its ``mask_image`` and ``label_image`` are what the image was, with its geometry: of
        SimpleITK, nibabel or xarray, or an array with the axes of the one that was given.

    Raises:
        ConfigError: The settings are wrong, or ``axes`` do not fit.
        ImageError: The image cannot be segmented as given, or may be a volume.
        ReadError: The file cannot be read.
        WeightsError: ``initial_weights`` do not fit.
        FitDivergedError: The objective became NaN or infinite.

    Examples:
        >>> import numpy as np
        >>> image = np.full((64, 80, 3), 220, dtype=np.uint8)
        >>> image[20:44, 30:60] = (120, 60, 40)
        >>> result = segment(image, random_state=0)
        >>> result.label_map.shape, bool(result.mask[32, 45]), bool(result.mask[4, 4])
        ((64, 80), True, False)
    """
    taken, give_back = as_image(image, axes=axes, spacing_mm=spacing_mm)
    found = pipeline.segment(
        taken, config, random_state=random_state, initial_weights=initial_weights, on_event=on_event, cancel=cancel
    )
    return replace(found, give_back=give_back)


def segment_volume(
    volume: Any,
    config: Config | str | Mapping[str, Any] | None = None,
    *,
    random_state: int | None = None,
    axes: str | None = None,
    spacing_mm: tuple[float, float, float] | None = None,
    follow: bool = True,
    cancel: CancelToken | None = None,
    on_slice: Callable[[int, Segmentation], None] | None = None,
) -> VolumeSegmentation:
    """Segment a volume slice by slice; labels mean the same in all of them.

    Args:
        volume: An array ``(D, H, W)``, or ``(D, H, W, C)`` with at most four channels, of numpy, dask, zarr, xarray or
            what else numpy takes for one; an image of SimpleITK or nibabel, a data set of pydicom with several frames;
            a path, of a folder with one DICOM series too; a ``Volume``. Values that are masked or NaN are no data.
        config: As for ``segment``; ``read.slices`` and ``read.axis`` say which slices across which axis of
            ``(D, H, W)``.
        random_state: Seed; overrides that of the settings.
        axes: What the axes of an array are, a letter each: z (slice), y (row), x (column), c (channel); ``"xyz"`` for
            what ``nibabel`` gives as ``get_fdata()``.
        spacing_mm: Size of a voxel (slice, row, column) in mm; overrides that of the volume.
        follow: Whether a slice starts from its neighbour's clusters; otherwise each is segmented on its own.
        cancel: Ends after the slice at hand.
        on_slice: Called after each slice with its number.

    Returns:
        The segmentation ``(D, H, W)``; its ``mask_image`` and ``label_image`` are what the volume was, with its
        geometry: of SimpleITK, nibabel or xarray, or an array with the axes of the one that was given.

    Raises:
        ConfigError: The settings are wrong, ``axes`` do not fit, or there are to be several restarts.
        ImageError: The volume cannot be segmented as given, or may be a picture.
        ReadError: The file cannot be read.

    Examples:
        >>> import numpy as np
        >>> ct = np.full((64, 80, 3), -900, dtype=np.int16)  # x, y, z, as nibabel has them
        >>> ct[20:44, 30:60] = 40
        >>> result = segment_volume(ct, "general", axes="xyz", spacing_mm=(5.0, 0.8, 0.8))
        >>> result.mask.shape, result.mask_image.shape
        ((3, 80, 64), (64, 80, 3))
    """
    taken, give_back = as_volume(volume, axes=axes, spacing_mm=spacing_mm)
    settings = settings_of(config, random_state)
    found = volumes.segment_volume(taken, settings, follow=follow, cancel=cancel, on_slice=on_slice)
    return replace(found, give_back=give_back)

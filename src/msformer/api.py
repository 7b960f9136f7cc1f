"""What Python programs call: an image or a volume of any kind in, a segmentation out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msformer import pipeline, volumes
from msformer.config import Config, settings_of
from msformer.hints import hint_settings
from msformer.interop import as_image, as_volume
from msformer.patience import PatientBar
from msformer.segmentation import Segmentation
from msformer.volumes import VolumeSegmentation

if TYPE_CHECKING:
    from torch import Tensor

    from msformer.fit import CancelToken, FitEvent


def segment(
    image: Any,
    preset: str | Config | Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    polarity: str | None = None,
    objects: str | None = None,
    touches_frame: bool | None = None,
    share: tuple[float, float] | None = None,
    region: tuple[int, int, int, int] | None = None,
    box: tuple[int, int, int, int] | None = None,
    point: tuple[int, int] | None = None,
    n_clusters: int | None = None,
    restarts: int | None = None,
    axes: str | None = None,
    spacing_mm: tuple[float, float] | None = None,
    initial_weights: Mapping[str, Tensor] | None = None,
    on_event: Callable[[FitEvent], None] | None = None,
    cancel: CancelToken | None = None,
    progress: bool | None = None,
) -> Segmentation:
    """Segment one image with nothing but itself: its clusters, and the one that a rule takes for the object.

    The same image, settings and seed give the same labels on every run, whatever the caller's number of threads, which
    stays as it is. The caller's random state is neither used nor changed, and the image is not written to.

    Args:
        image: An array ``(H, W)``, or ``(H, W, C)`` with at most four channels, at least 33 px a side, of numpy, dask,
            zarr, xarray or what else numpy takes for one; an image of Pillow, SimpleITK or nibabel, a data set of
            pydicom; a path; an ``Image``. Values that are masked or NaN are no data. Of other shapes ``axes`` tells
            what they are: a volume is never taken for a picture.
        preset: Name of a preset (``msformer.preset_names()``), or settings: a ``Config`` or a nested mapping. ``auto``
            if left out.
        seed: Seed; overrides that of the settings.
        polarity: Whether the object is ``darker`` or ``brighter`` than its surroundings, ``either``, or ``minority``.
        objects: How many there are: ``one``, ``two``, ``pair``, ``many`` or ``any``.
        touches_frame: Whether it may touch the frame of the image.
        share: Smallest and largest share of the image that it covers.
        region: Look only here: first row, first column, end row, end column in px.
        box: The object fills about this box, likewise.
        point: The object holds this pixel: row, column.
        n_clusters: Number of clusters in the label map, at most.
        restarts: Seeds that are tried.
        axes: What the axes of an array are, a letter each: y (row), x (column), c (channel), z (slice, of which there
            is one): ``"cyx"`` for channels first.
        spacing_mm: Size of a pixel (row, column) in mm; overrides that of the image.
        initial_weights: Start from this state dict of the released classes instead of random parameters; its
            number of channels and blocks replace those of the settings.
        on_event: Called before each update with losses and, on request, labels.
        cancel: Ends the loop early when set; the result is that of the parameters so far.
        progress: Whether a bar shows how far it is; by itself in a notebook and on a terminal, after two seconds.

    Warns:
        UserWarning: A setting changes nothing, since the preset has no network.

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
        >>> result = segment(image, seed=0)
        >>> result.label_map.shape, bool(result.mask[32, 45]), bool(result.mask[4, 4])
        ((64, 80), True, False)
    """
    taken, give_back = as_image(image, axes=axes, spacing_mm=spacing_mm)
    hints = hint_settings(
        polarity=polarity,
        objects=objects,
        touches_frame=touches_frame,
        share=share,
        region=region,
        box=box,
        point=point,
        n_clusters=n_clusters,
        restarts=restarts,
    )
    settings = settings_of(preset, seed).replace(**hints)
    with PatientBar("updates", settings.fit.max_iter * settings.restarts, is_wanted=progress) as bar:

        def announce(event: FitEvent) -> None:
            bar.advance(f"{event.record.n_labels} clusters")
            if on_event is not None:
                on_event(event)

        found = pipeline.segment(taken, settings, initial_weights=initial_weights, on_event=announce, cancel=cancel)
    warn_of_ignored(found.config)
    return replace(found, give_back=give_back, image=taken)


def segment_volume(
    volume: Any,
    preset: str | Config | Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    polarity: str | None = None,
    objects: str | None = None,
    touches_frame: bool | None = None,
    share: tuple[float, float] | None = None,
    region: tuple[int, int, int, int] | None = None,
    n_clusters: int | None = None,
    axes: str | None = None,
    spacing_mm: tuple[float, float, float] | None = None,
    follow: bool = True,
    cancel: CancelToken | None = None,
    on_slice: Callable[[int, Segmentation], None] | None = None,
    progress: bool | None = None,
) -> VolumeSegmentation:
    """Segment a volume slice by slice; labels mean the same in all of them.

    Args:
        volume: An array ``(D, H, W)``, or ``(D, H, W, C)`` with at most four channels, of numpy, dask, zarr, xarray or
            what else numpy takes for one; an image of SimpleITK or nibabel, a data set of pydicom with several frames;
            a path, of a folder with one DICOM series too; a ``Volume``. Values that are masked or NaN are no data.
        preset: As for ``segment``; ``read.slices`` and ``read.axis`` say which slices across which axis of
            ``(D, H, W)``.
        seed: Seed; overrides that of the settings.
        polarity: As for ``segment``, like those that follow; ``region`` holds for every slice.
        objects: As for ``segment``.
        touches_frame: As for ``segment``.
        share: As for ``segment``, of a slice.
        region: As for ``segment``.
        n_clusters: As for ``segment``.
        axes: What the axes of an array are, a letter each: z (slice), y (row), x (column), c (channel); ``"xyz"`` for
            what ``nibabel`` gives as ``get_fdata()``.
        spacing_mm: Size of a voxel (slice, row, column) in mm; overrides that of the volume.
        follow: Whether a slice starts from its neighbour's clusters; otherwise each is segmented on its own.
        cancel: Ends after the slice at hand.
        on_slice: Called after each slice with its number.
        progress: Whether a bar shows how far it is; by itself in a notebook and on a terminal, after two seconds.

    Warns:
        UserWarning: A setting changes nothing, since the preset has no network.

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
    hints = hint_settings(
        polarity=polarity,
        objects=objects,
        touches_frame=touches_frame,
        share=share,
        region=region,
        n_clusters=n_clusters,
    )
    settings = settings_of(preset, seed).replace(**hints)
    count = len(volumes.slice_numbers(settings.read.slices, taken.shape[settings.read.axis]))
    with PatientBar("slices", count, is_wanted=progress) as bar:

        def announce(number: int, slice_found: Segmentation) -> None:
            bar.advance()
            if on_slice is not None:
                on_slice(number, slice_found)

        found = volumes.segment_volume(taken, settings, follow=follow, cancel=cancel, on_slice=announce)
    warn_of_ignored(found.config)
    return replace(found, give_back=give_back)


def warn_of_ignored(config: Config) -> None:
    """Warn of settings that change nothing."""
    if names := config.ignored:
        warnings.warn(
            f"{', '.join(names)} changes nothing with the preset {config.preset!r}, which has no network: "
            "preset='general' has one, and so have paper-demo and paper-scored",
            UserWarning,
            stacklevel=3,
        )

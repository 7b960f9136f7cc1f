"""One image in, one segmentation out. Everything else in the project calls ``segment``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msformer.config import DEFAULT_PRESET, Config
from msformer.errors import WeightsError
from msformer.foreground import choose_foreground
from msformer.image import Image, LabelMap, Mask
from msformer.measure import Region, measure_mask, measure_regions
from msformer.prepare import Prepared, prepare
from msformer.refine import (
    enlarge,
    mask_to_native,
    refine_boundary,
    smooth_logits,
    smooth_to_native,
    to_native,
)
from msformer.segmentation import Segmentation, StopReason, versions

if TYPE_CHECKING:  # torch is imported when the first image is segmented, not with the package
    from torch import Tensor

    from msformer.fit import CancelToken, FitEvent, FitStep


@dataclass(frozen=True)
class Clustering:
    """The pixels of a prepared image in clusters.

    Attributes:
        logits: ``(K, h, w)`` on the working grid without border; the largest wins. Hard labels as 0 and 1.
        stop_reason: Why the method ended; ``not_iterative`` for those without a loop.
        n_iter: Number of updates.
        history: Losses before each update.
        network: Sizes of the network that was optimised, None where there was none.
        initial_weights_digest: SHA-256 of the weights that it started from, None where they were drawn.
    """

    logits: NDArray[np.floating]
    stop_reason: StopReason
    n_iter: int = 0
    history: tuple[FitStep, ...] = ()
    network: Mapping[str, int] | None = None
    initial_weights_digest: str | None = None


Clusterer = Callable[[Prepared, Config], Clustering]
"""A method that puts the pixels of a prepared image into clusters. It sees the image and nothing else."""


def segment(
    image: Image | ArrayLike,
    config: Config | str | Mapping[str, Any] | None = None,
    *,
    random_state: int | None = None,
    spacing_mm: tuple[float, float] | None = None,
    initial_weights: Mapping[str, Tensor] | None = None,
    on_event: Callable[[FitEvent], None] | None = None,
    cancel: CancelToken | None = None,
) -> Segmentation:
    """Segment one image with a network that is optimised on it from scratch.

    The same image, settings and seed give the same labels on every run with the same number of threads. The
    caller's random state is neither used nor changed, and the image is not written to.

    Args:
        image: ``(H, W)`` or ``(H, W, C)``, at least 33 px a side, finite; or an ``Image``.
        config: Settings, as they are or as nested mappings, or the name of a preset; the default preset if left out.
        random_state: Seed; overrides that of the settings.
        spacing_mm: Size of a pixel (row, column) in mm; overrides that of the image.
        initial_weights: Start from this state dict of the released classes instead of random parameters; its
            number of channels and blocks replace those of the settings.
        on_event: Called before each update with losses and, on request, labels.
        cancel: Ends the loop early when set; the result is that of the parameters so far.

    Raises:
        ConfigError: The settings are wrong.
        ImageError: The image cannot be segmented as given.
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
    cluster = network_clusterer(initial_weights=initial_weights, on_event=on_event, cancel=cancel)
    return segment_with(cluster, image, config, random_state=random_state, spacing_mm=spacing_mm)


def segment_with(
    cluster: Clusterer,
    image: Image | ArrayLike,
    config: Config | str | Mapping[str, Any] | None = None,
    *,
    random_state: int | None = None,
    spacing_mm: tuple[float, float] | None = None,
) -> Segmentation:
    """Segment one image with any clustering between the same preparation, foreground rule and refinement.

    See ``segment`` for the other arguments and errors.
    """
    settings = _settings(config, random_state)
    image = _as_image(image, spacing_mm)
    clock = _Clock()
    with clock("hash"):
        digest = image.digest
    with clock("prepare"):
        prepared = prepare(image, settings.prepare)
    if prepared.is_blank:
        clustering = Clustering(np.zeros((1, *prepared.shape), dtype=np.float32), "blank")
        winners, indices, score = np.zeros(1, dtype=np.intp), np.zeros(image.shape, dtype=np.uint16), 0.0
        mask: Mask = np.zeros(image.shape, dtype=bool)
    else:
        with clock("cluster"):
            clustering = cluster(prepared, settings)
        with clock("foreground"):
            logits = smooth_logits(clustering.logits, settings.refine.logit_smoothing)
            view = prepared.working
            chosen = choose_foreground(
                logits.argmax(axis=0), view.appearance, view.brightness, settings.foreground, view.valid
            )
            score = chosen.score
        with clock("refine"):
            winners, indices = to_native(logits, image.shape)
            if settings.refine.boundary_rounds > 0:
                detail = prepared.detail
                start = enlarge(chosen.mask, detail.valid.shape)
                fine = refine_boundary(start, detail.appearance, detail.valid, settings.refine)
                mask = smooth_to_native(fine, image.shape)
            else:
                mask = mask_to_native(chosen.mask, np.isin(winners, chosen.clusters)[indices])
    with clock("measure"):
        label_map, regions, order = _canonical(image, indices)
        foreground = measure_mask(image, mask)
    return Segmentation(
        label_map=label_map,
        mask=mask,
        cluster_channels=tuple(int(channel) for channel in winners[order]),
        foreground_score=score,
        regions=regions,
        foreground=foreground,
        history=clustering.history,
        n_iter=clustering.n_iter,
        stop_reason=clustering.stop_reason,
        network=clustering.network,
        initial_weights_digest=clustering.initial_weights_digest,
        intensity_range=prepared.intensity_range,
        working_shape=prepared.shape,
        timings_s=clock.seconds,
        config=settings,
        versions=versions(),
        input_digest=digest,
    )


def network_clusterer(
    *,
    initial_weights: Mapping[str, Tensor] | None = None,
    on_event: Callable[[FitEvent], None] | None = None,
    cancel: CancelToken | None = None,
) -> Clusterer:
    """The method itself as a clusterer; see ``segment`` for the arguments."""

    def cluster(prepared: Prepared, settings: Config) -> Clustering:
        import torch

        from msformer.fit import fit
        from msformer.network import build_network, load_released, weights_digest

        in_channels = prepared.network_input.shape[0]
        if initial_weights is not None:
            network = load_released(initial_weights)
            if (expected := network.fine.embedding.projection.in_channels) != in_channels:
                raise WeightsError(
                    f"initial_weights are for {expected} channels; the prepared image has {in_channels} "
                    f"(prepare.colour={settings.prepare.colour!r})"
                )
        else:
            # Drawn on the CPU whatever the device, so that a seed means the same everywhere.
            network = build_network(
                in_channels,
                embed_dim=settings.network.embed_dim,
                depth=settings.network.depth,
                patch_size=settings.network.patch_size,
                generator=torch.Generator().manual_seed(settings.random_state),
            )
        result = fit(network, prepared.network_input, settings.fit, on_event=on_event, cancel=cancel)
        inside = slice(prepared.padding, -prepared.padding or None)
        return Clustering(
            result.logits[:, inside, inside],
            result.stop_reason,
            result.n_iter,
            result.history,
            network=network.sizes,
            initial_weights_digest=None if initial_weights is None else weights_digest(initial_weights),
        )

    return cluster


def _settings(config: Config | str | Mapping[str, Any] | None, random_state: int | None) -> Config:
    if isinstance(config, Config):
        settings = config
    elif isinstance(config, Mapping):
        settings = Config.from_mapping(config)
    else:
        settings = Config.from_preset(DEFAULT_PRESET if config is None else config)
    return settings if random_state is None else settings.replace(random_state=random_state)


def _as_image(image: Image | ArrayLike, spacing_mm: tuple[float, float] | None) -> Image:
    if isinstance(image, Image):
        return image if spacing_mm is None else replace(image, spacing_mm=spacing_mm)
    return Image.from_array(image, spacing_mm=spacing_mm)


def _canonical(image: Image, indices: NDArray[np.uint16]) -> tuple[LabelMap, tuple[Region, ...], NDArray[np.intp]]:
    """Number the clusters from the darkest to the brightest, so that labels keep their colours between runs.

    Args:
        image: The image at native size.
        indices: ``(H, W)``, any numbering of the clusters from 0, with or without gaps.

    Returns:
        Labels 1 to K without gaps, their regions, and the index of each label.
    """
    regions = measure_regions(image, indices + np.uint16(1))
    regions.sort(key=lambda region: (float(np.mean(region.mean_intensity)), region.label))
    old = np.array([region.label - 1 for region in regions], dtype=np.intp)
    label_of_index = np.zeros(int(old.max()) + 1, dtype=np.uint16)
    label_of_index[old] = np.arange(1, len(old) + 1)
    renamed = tuple(replace(region, label=label) for label, region in enumerate(regions, start=1))
    return label_of_index[indices], renamed, old


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start

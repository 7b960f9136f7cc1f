"""One image in, one segmentation out. Everything else in the project calls ``segment``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from msformer.answer import Answer, Glance, find_answer
from msformer.cluster import Clusterer, Clustering, chosen_clusterer, merged
from msformer.confidence import Bench, judge, prompted_trust
from msformer.config import AUTO_PRESET, MOST_CLUSTERS, SEEDS, Config, settings_of
from msformer.consensus import find_consensus
from msformer.focus import Focus, find_focus
from msformer.foreground import Foreground
from msformer.hypotheses import Hypothesis, compare, verdict
from msformer.image import Image, LabelMap, Mask
from msformer.measure import InstanceRow, Region, measure_instances, measure_mask, measure_regions
from msformer.prepare import Basis, Prepared, find_no_data_in, in_window, prepare
from msformer.refine import (
    Instances,
    enlarge,
    mask_to_native,
    part_instances,
    smooth_logits,
    smooth_to_native,
    to_native,
)
from msformer.regions import Ground, PlacedRegions, find_regions, region_view
from msformer.segmentation import Segmentation, versions
from msformer.threads import one_blas_thread
from msformer.watching import NOBODY, Watcher

if TYPE_CHECKING:
    from torch import Tensor

    from msformer.fit import CancelToken, FitEvent


NO_PRESET = "general"
"""The preset for a blank image, on which none has anything to say."""


@dataclass(frozen=True)
class Attempt:
    """What one seed makes of a prepared image. All of it is small, so that many attempts fit into memory.

    Attributes:
        clustering: The clusters on the working grid.
        logits: Its logits ``(K, h, w)``, averaged over neighbours.
        answer: The object.
    """

    clustering: Clustering
    logits: NDArray[np.floating]
    answer: Answer


def segment(
    image: Image | ArrayLike,
    config: Config | str | Mapping[str, Any] | None = None,
    *,
    random_state: int | None = None,
    spacing_mm: tuple[float, float] | None = None,
    initial_weights: Mapping[str, Tensor] | None = None,
    on_event: Callable[[FitEvent], None] | None = None,
    cancel: CancelToken | None = None,
    watcher: Watcher = NOBODY,
) -> Segmentation:
    """Segment one image with nothing but itself.

    Users call ``api.segment``, which takes more kinds of images, and says what the other arguments are and what may be
    raised. Here ``image`` is an ``Image`` or an array ``(H, W)`` or ``(H, W, C)`` of any number of channels, at least
    33 px a side, finite or NaN. ``watcher`` is told the stages, and where there is no ``on_event`` the updates.
    """
    cluster = chosen_clusterer(initial_weights=initial_weights, on_event=on_event or watcher.step, cancel=cancel)
    return segment_with(cluster, image, config, random_state=random_state, spacing_mm=spacing_mm, watcher=watcher)


@one_blas_thread()
def segment_with(
    cluster: Clusterer,
    image: Image | ArrayLike,
    config: Config | str | Mapping[str, Any] | None = None,
    *,
    random_state: int | None = None,
    spacing_mm: tuple[float, float] | None = None,
    one_by_one: bool = True,
    basis: Basis | None = None,
    watcher: Watcher = NOBODY,
) -> Segmentation:
    """Segment one image with any clustering between the same preparation, foreground rule and refinement.

    Without ``one_by_one`` objects are not told apart. ``basis`` is what it shares with other images, as
    ``prepare.shared_basis`` finds it. ``watcher`` is told the stages. See ``api.segment`` for the other arguments and
    errors.
    """
    settings = settings_of(config, random_state)
    image = in_window(_as_image(image, spacing_mm), settings.prepare.window)
    clock = _Clock(watcher)
    with clock("hash"):
        digest = image.digest
    focus = find_focus(image.shape, settings.hints)
    part = focus.cut(image)
    with clock("prepare"):
        no_data = find_no_data_in(part)
    compared: list[Hypothesis] = []
    bench: Bench | None = None
    glance = Glance(part, no_data, settings.grown)
    asks_network = settings.asks_network
    if asks_network and settings.preset == AUTO_PRESET:  # whoever points needs no preset to find the object
        settings = settings.carried_to(NO_PRESET)
    if settings.preset == AUTO_PRESET:
        with clock("auto"):
            bench = Bench.of(part, no_data)
            compared = compare(part, focus, settings, no_data, bench, glance)
        settings = settings.carried_to(compared[0].preset if compared else NO_PRESET)
    trial = compared[0].trial if compared else None
    with clock("prepare"):
        if basis is None and trial is not None and trial.is_prepared_for(settings, part.shape):
            prepared = trial.prepared
        else:
            prepared = prepare(part, settings.prepare, no_data, basis)
    watcher.picture(part, prepared.intensity_range)
    # What the trial found stands where the same would be looked for; of restarts, the first one looks for the same.
    known = trial.answer if trial is not None and trial.answers(settings, part.shape) else None
    if asks_network and not prepared.is_blank:
        with clock("network"):
            known = _pointed_out(glance, focus, prepared)
    if prepared.is_blank:
        attempts = [_nothing(prepared)]
    else:
        attempts = [
            _attempt(
                cluster,
                prepared,
                focus,
                one,
                clock,
                number=index,
                glance=glance,
                known=known if index == 0 or asks_network else None,
            )
            for index, one in enumerate(_restarts(settings))
        ]
    with clock("consensus"):
        consensus = find_consensus(
            [one.answer.detail_mask for one in attempts], [one.answer.chosen.score for one in attempts]
        )
    taken = attempts[consensus.chosen]
    with clock("refine"):
        winners, indices = to_native(taken.logits, part.shape)
        mask = _native_mask(taken, winners, indices, focus, settings)
    with clock("confidence"):
        trust = (
            prompted_trust(taken.answer)
            if asks_network
            else judge(taken.answer, prepared, bench or Bench.of(part, no_data), settings, consensus.agreement)
        )
    found = bool(mask.any())
    is_empty = not found or trust.probability < settings.confidence.empty_below
    if is_empty:
        mask = np.zeros_like(mask)
    with clock("measure"):
        labels, regions, order = _canonical(part, indices)
        votes = np.asarray(cv2.resize(consensus.votes, part.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
        label_map, mask, votes = (
            focus.paste(labels),
            focus.paste(mask),
            focus.paste(votes),
        )
        if not focus.is_whole:
            regions = tuple(measure_regions(image, label_map))
        foreground = measure_mask(image, mask)
    instances: Instances | None = None
    objects: tuple[InstanceRow, ...] = ()
    if one_by_one and settings.foreground.objects == "many":
        with clock("objects"):
            instances = part_instances(mask, settings.refine.neck)
            objects = measure_instances(image, instances)
    return Segmentation(
        label_map=label_map,
        mask=mask,
        votes=votes,
        cluster_channels=tuple(int(channel) for channel in winners[order]),
        foreground_score=taken.answer.chosen.score,
        cues=dict(taken.answer.chosen.cues),
        confidence=trust.probability if found else 0.0,
        confidence_reason=trust.reason,
        compared={one.preset: one.trust.probability for one in compared},
        agreement=consensus.agreement,
        is_empty=is_empty,
        preset_reason=verdict(compared),
        regions=regions,
        foreground=foreground,
        history=taken.clustering.history,
        n_iter=taken.clustering.n_iter,
        stop_reason=taken.clustering.stop_reason,
        network=taken.clustering.network,
        precision=taken.clustering.precision,
        initial_weights_digest=taken.clustering.initial_weights_digest,
        intensity_range=prepared.intensity_range,
        working_shape=prepared.shape,
        timings_s=clock.seconds,
        config=settings,
        versions=versions(),
        input_digest=digest,
        instances=instances,
        objects=objects,
    )


@one_blas_thread()
def regions_of(image: Image | ArrayLike, config: Config | str | Mapping[str, Any] | None = None) -> PlacedRegions:
    """Find the regions that are there to choose from, after the preparation that the settings ask for.

    Nothing is chosen; see ``api.segment`` for the arguments and errors. A blank image has no regions.
    """
    settings = settings_of(config, None)
    image = in_window(_as_image(image, None), settings.prepare.window)
    focus = find_focus(image.shape, settings.hints)
    part = focus.cut(image)
    no_data = find_no_data_in(part)
    if settings.preset == AUTO_PRESET:
        compared = compare(part, focus, settings, no_data)
        settings = settings.carried_to(compared[0].preset if compared else NO_PRESET)
    prepared = prepare(part, settings.prepare, no_data)
    view = region_view(prepared.detail)
    ground = Ground.of(view.planes, view.valid)
    found = [] if prepared.is_blank else find_regions(ground.planes, ground.valid)
    return PlacedRegions(tuple(found), view.shape, (focus.rows, focus.columns))


def _pointed_out(glance: Glance, focus: Focus, prepared: Prepared) -> Answer:
    from msformer.prompting import point_out  # imports torch

    return point_out(glance.looked, focus, prepared.detail.shape)


def _restarts(settings: Config) -> Iterator[Config]:
    """The settings of each restart: seeds in a row, and one cluster more each time for k-means.

    k-means hardly depends on its seed, so that restarts with the seed alone would agree without meaning it; and from
    the second on, a little noise is added to what regions are made of.
    """
    for index in range(settings.restarts):
        count = min(settings.cluster.n_clusters + index, MOST_CLUSTERS)
        yield settings.replace(random_state=(settings.random_state + index) % SEEDS, cluster={"n_clusters": count})


def _attempt(
    cluster: Clusterer,
    prepared: Prepared,
    focus: Focus,
    settings: Config,
    clock: _Clock,
    *,
    number: int,
    glance: Glance | None = None,
    known: Answer | None = None,
) -> Attempt:
    """Cluster, choose and refine with one seed; ``known`` is what would be chosen, where that is known already."""
    with clock("cluster"):
        clock.watcher.clustering(settings, number, prepared.padding)
        clustering = cluster(prepared, settings)
        clock.watcher.clusters(clustering.logits)
        if settings.cluster.merge_to is not None:
            clustering = merged(clustering, prepared.channels, settings.cluster.merge_to)
        logits = smooth_logits(clustering.logits, settings.refine.logit_smoothing)
    with clock("foreground"):
        rng = None if number == 0 else np.random.default_rng(settings.random_state)
        answer = known or find_answer(prepared, focus, settings, glance, logits, rng)
    return Attempt(clustering, logits, answer)


def _native_mask(
    attempt: Attempt, winners: NDArray[np.intp], indices: NDArray[np.uint16], focus: Focus, settings: Config
) -> Mask:
    """The object of an attempt on the native grid, whose clusters are ``winners[indices]``."""
    shape, chosen = indices.shape, attempt.answer.chosen
    if attempt.answer.outline is not None:
        mask = smooth_to_native(attempt.answer.outline, (shape[0], shape[1]))
    elif (
        settings.refine.moves_border or settings.foreground.grid == "detail" or settings.foreground.source == "regions"
    ):
        mask = smooth_to_native(attempt.answer.detail_mask, (shape[0], shape[1]))
    else:
        mask = mask_to_native(chosen.mask, np.isin(winners, chosen.clusters)[indices])
    if focus.point is not None and chosen.mask.any():
        point = int(focus.point[0] * shape[0]), int(focus.point[1] * shape[1])
        mask = _with_point(mask, point, chosen.mask)
    return mask


def _with_point(mask: Mask, point: tuple[int, int], chosen: Mask) -> Mask:
    """The mask, or where its border has moved past the point that the user set, the object as it was chosen."""
    if mask[point]:
        return mask
    mask = enlarge(chosen, mask.shape)
    mask[point] = True  # grids differ by a fraction of a pixel
    return mask


def _nothing(prepared: Prepared) -> Attempt:
    """What a blank image comes to: one cluster, no object."""
    logits = np.zeros((1, *prepared.shape), dtype=np.float32)
    empty = Foreground(np.zeros(prepared.shape, dtype=bool), (), 0.0)
    return Attempt(Clustering(logits, "blank"), logits, Answer(empty, np.zeros_like(prepared.detail.valid)))


def _as_image(image: Image | ArrayLike, spacing_mm: tuple[float, float] | None) -> Image:
    if isinstance(image, Image):
        return image if spacing_mm is None else replace(image, spacing_mm=spacing_mm)
    return Image.from_array(image, spacing_mm=spacing_mm)


def _canonical(image: Image, indices: NDArray[np.uint16]) -> tuple[LabelMap, tuple[Region, ...], NDArray[np.intp]]:
    """Number the clusters from the darkest to the brightest, so that labels keep their colours between runs.

    Args:
        image: The image at native size.
        indices: ``(H, W)``, any numbering of the clusters from 0, with or without gaps; overwritten by the labels.

    Returns:
        Labels 1 to K without gaps, their regions, and the index of each label.
    """
    indices += np.uint16(1)
    regions = measure_regions(image, indices)
    regions.sort(key=lambda region: (float(np.mean(region.mean_intensity)), region.label))
    old = np.array([region.label for region in regions], dtype=np.intp)
    label_of = np.zeros(int(old.max()) + 1, dtype=np.uint16)
    label_of[old] = np.arange(1, len(old) + 1)
    renamed = tuple(replace(region, label=label) for label, region in enumerate(regions, start=1))
    for row in indices:  # row by row: numpy widens what it indexes with
        row[:] = label_of[row]
    return indices, renamed, old - 1


class _Clock:
    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        self.watcher.stage(stage)
        start = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

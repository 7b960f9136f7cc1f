"""A slide → labels and objects: what all tiles share, one tile after the other, and what they give put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.cluster import FollowingClusterer
from msformer.config import AUTO_PRESET, Config
from msformer.errors import ConfigError
from msformer.focus import find_focus
from msformer.hypotheses import compare, verdict
from msformer.image import Image
from msformer.io.slide import Slide
from msformer.measure import InstanceRow, measure_instances
from msformer.pipeline import NO_PRESET, segment_with
from msformer.prepare import Basis, shared_basis
from msformer.slides.glass import BARE, PADDING, Glass, find_glass
from msformer.slides.kept import NAMES, KeptTiles
from msformer.slides.tiles import MARGIN, TILE, Tile, tiles_of

MODALITY = "SM"
"""What a slide is, in the words of DICOM; it restricts which presets ``auto`` asks."""
ASKED = 7
"""Tiles that are asked which preset fits, at most."""
SAMPLED = 16
"""Tiles that the basis of colours is found in."""
GLASS = 0.1
"""A tile whose grey values spread less than this share of those of the whole slide shows glass alone."""


@dataclass(frozen=True, eq=False)
class SlideSegmentation:
    """What was found on a slide.

    Attributes:
        label_map: ``(H, W)``, 1 to K from the darkest cluster to the brightest, 0 on glass.
        mask: ``(H, W)``, 1 on objects.
        instances: ``(H, W)``, objects one by one; None where the settings look for one.
        n_labels: K.
        objects: One entry an object, with places on the whole level.
        tiles: How many there were.
        segmented: How many of them showed more than glass.
        limits: Values that were black and white in all tiles; None for the range of 8 bits.
        preset_reason: Why ``auto`` chose the preset.
        config: All settings.
    """

    label_map: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    instances: NDArray[np.uint32] | None
    n_labels: int
    objects: tuple[InstanceRow, ...]
    tiles: int
    segmented: int
    limits: tuple[float, float] | None
    preset_reason: str
    config: Config


def segment_slide(
    slide: Slide,
    config: Config,
    folder: Path,
    *,
    side: int = TILE,
    margin: int = MARGIN,
    on_tile: Callable[[int, int], None] | None = None,
) -> SlideSegmentation:
    """Segment a slide.

    The preset that ``auto`` takes is the one that wins most of some tiles; black, white and the basis of colours are
    those of the whole; glass that is white is no data, and where the settings say neither darker nor brighter, objects
    are darker than what is around them. Clusters start from those of the tile before, so that a label means the same
    everywhere.

    Args:
        slide: Open.
        config: Settings.
        folder: Of the maps, which live as long as it does, and of what is kept of each tile. What an earlier run of the
            same slide, level and settings left there is not done again.
        side: Of tiles, in px.
        margin: What tiles see of their neighbours, in px.
        on_tile: Called after each tile with how many are done, and of how many.

    Raises:
        ConfigError: There are to be several restarts, somebody points at something, clusters are to be merged, or there
            are more of them than a map of 8 bits can name.
        ReadError: A part cannot be read.
        ImageError: As for an image.
        WeightsError: What was kept of an earlier run is damaged.
        OSError: The disk is full.
    """
    if config.restarts > 1 or config.hints.point or config.hints.box or config.hints.region:
        raise ConfigError("slides by tile take one restart, and neither point nor box nor region")
    if config.cluster.merge_to is not None:
        raise ConfigError("slides by tile take no cluster.merge_to, since each tile would merge others")
    if (most := max(config.network.embed_dim, config.cluster.n_clusters)) >= NAMES:
        raise ConfigError(
            f"network.embed_dim and cluster.n_clusters must be under {NAMES} for slides by tile; got {most}"
        )
    every = tiles_of(slide.shape, side, margin)
    glass = find_glass(slide.overview, slide.shape[0] / slide.overview.shape[0])
    shown = _showing(slide, every, glass)
    limits = _limits(slide.overview)
    settings, reason = config, ""
    if config.preset == AUTO_PRESET:
        asked = shown[:: max(-(-len(shown) // ASKED), 1)]
        preset, reason = _agreed((_image(slide, one, limits, glass) for one in asked), config)
        settings = config.carried_to(preset)
    if settings.foreground.polarity in ("either", "minority") and glass is not None:
        settings = settings.replace(foreground={"polarity": "darker"})
    is_many = settings.foreground.objects == "many"
    sampled = shown[:: max(len(shown) // SAMPLED, 1)]
    basis = shared_basis((_image(slide, one, limits, glass) for one in sampled), settings.prepare, len(sampled))
    kept = KeptTiles(folder, slide.shape, has_instances=is_many)
    cluster = FollowingClusterer()
    cluster.state = kept.state(settings.network.affinity_shift)
    for number, tile in enumerate(shown, start=1):
        if number > kept.n_tiles:
            _segment_tile(slide, tile, cluster, settings, basis, limits, glass, kept)
        if on_tile is not None:
            on_tile(number, len(shown))
    present = np.flatnonzero(kept.areas)
    order = sorted(present, key=lambda name: (kept.totals[name] / kept.areas[name], name))
    label_of = np.zeros(NAMES, dtype=np.uint8)
    label_of[order] = np.arange(1, len(order) + 1)
    return SlideSegmentation(
        kept.renamed(label_of),
        kept.mask,
        kept.instances,
        len(order),
        tuple(kept.objects),
        len(every),
        len(shown),
        limits,
        reason,
        settings,
    )


def _segment_tile(
    slide: Slide,
    tile: Tile,
    cluster: FollowingClusterer,
    settings: Config,
    basis: Basis | None,
    limits: tuple[float, float] | None,
    glass: Glass | None,
    kept: KeptTiles,
) -> None:
    image = _image(slide, tile, limits, glass)
    bare = np.zeros(image.shape, dtype=bool) if glass is None else (image.pixels == PADDING).all(axis=2)
    if bare.mean() >= BARE:  # padding everywhere would count for nothing
        kept.add()
        return
    found = segment_with(cluster, image, settings, one_by_one=kept.instances is not None, basis=basis)
    if found.stop_reason == "blank":
        kept.add()
        return
    names = np.array([0, *(channel + 1 for channel in found.cluster_channels)], dtype=np.uint8)
    core = np.where(bare[tile.core], np.uint8(0), names[found.label_map[tile.core]])
    kept.clusters[tile.rows, tile.columns] = core
    pixels = image.pixels[tile.core]
    grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    totals, areas = np.bincount(core.ravel(), grey.ravel(), NAMES), np.bincount(core.ravel(), minlength=NAMES)
    sums = {int(name): (float(totals[name]), int(areas[name])) for name in np.flatnonzero(areas) if name}
    objects: list[InstanceRow] = []
    if kept.instances is None:
        kept.mask[tile.rows, tile.columns] = found.mask[tile.core] & ~bare[tile.core]
    elif found.instances is not None:
        objects = _place(tile, image, found.instances, found.objects, bare, kept.instances, kept)
    kept.add(sums, objects, cluster.state)


def _place(
    tile: Tile,
    image: Image,
    instances: NDArray[Any],
    rows: Sequence[InstanceRow],
    bare: NDArray[np.bool_],
    drawn: NDArray[np.uint32],
    kept: KeptTiles,
) -> list[InstanceRow]:
    """Put the objects whose centre a tile decides on into the whole, beyond its own part too, where nothing is yet.

    What lies on glass by half or more is none of them, and what of the others does is not put there.
    """
    top, left = tile.seen_rows.start, tile.seen_columns.start
    areas = np.bincount(instances.ravel())
    on_glass = np.bincount(instances[bare], minlength=len(areas))
    is_own = np.zeros(len(areas), dtype=bool)
    for one in rows:
        row, column = one.centroid[0] + top + 0.5, one.centroid[1] + left + 0.5
        is_here = tile.rows.start <= row < tile.rows.stop and tile.columns.start <= column < tile.columns.stop
        is_own[one.label] = is_here and 2 * on_glass[one.label] < areas[one.label]
    whole, mask = (one[tile.seen_rows, tile.seen_columns] for one in (drawn, kept.mask))
    own = np.where(is_own[instances] & ~bare & (whole == 0), instances, instances.dtype.type(0))
    number_of = np.zeros(len(areas), dtype=np.uint32)
    height, width = kept.mask.shape
    placed: list[InstanceRow] = []
    for number, one in enumerate(measure_instances(image, own), start=len(kept.objects) + 1):
        number_of[one.label] = number
        first_row, first_column, end_row, end_column = one.bbox
        bounds = (first_row + top, first_column + left, end_row + top, end_column + left)
        on_frame = bounds[0] == 0 or bounds[1] == 0 or bounds[2] == height or bounds[3] == width
        centroid = (one.centroid[0] + top, one.centroid[1] + left)
        placed.append(replace(one, label=number, bbox=bounds, centroid=centroid, touches_frame=on_frame))
    is_drawn = own > 0
    whole[is_drawn] = number_of[own[is_drawn]]
    mask[is_drawn] = 1
    return placed


def _agreed(images: Iterable[Image], config: Config) -> tuple[str, str]:
    """The preset that wins most of some tiles, of equal ones the one that stands best; and why."""
    answers = [compare(image, find_focus(image.shape, config.hints), config) for image in images]
    answers = [compared for compared in answers if compared]
    if not answers:
        return NO_PRESET, ""
    wins = Counter(compared[0].preset for compared in answers)
    best = max(answers, key=lambda compared: (wins[compared[0].preset], compared[0].standing))
    count = wins[best[0].preset]
    return best[0].preset, f"{verdict(best)}; so in {count} of {len(answers)} tiles that were asked"


def _showing(slide: Slide, every: Sequence[Tile], glass: Glass | None) -> list[Tile]:
    """The tiles that show more than glass."""
    if glass is not None:  # without a blur, which would hide in a small copy what is small in the slide
        bare = glass.of(slide.overview, sigma=0)
        return [one for one in every if not bare[_in_overview(slide, one)].all()]
    least = GLASS * _spread(slide, None)
    return [one for one in every if not _spread(slide, one) < least]


def _image(slide: Slide, tile: Tile, limits: tuple[float, float] | None, glass: Glass | None) -> Image:
    pixels = slide.read(tile.seen_rows, tile.seen_columns)
    padding = None if glass is None else PADDING
    pixels = pixels if glass is None else glass.without(pixels)
    return Image.from_array(
        pixels,
        spacing_mm=slide.spacing_mm,
        source=slide.source,
        modality=MODALITY,
        limits=limits,
        padding_value=padding,
    )


def _limits(overview: NDArray[Any]) -> tuple[float, float] | None:
    """Black and white of all tiles; None of 8 bits, which have them."""
    if overview.dtype == np.uint8:
        return None
    low, high = (float(value) for value in np.percentile(overview, (0.5, 99.5)))
    return (low, high) if high > low else None


def _in_overview(slide: Slide, tile: Tile) -> tuple[slice, slice]:
    height, width = (side / whole for side, whole in zip(slide.overview.shape[:2], slide.shape, strict=True))
    return (
        slice(int(tile.rows.start * height), int(np.ceil(tile.rows.stop * height))),
        slice(int(tile.columns.start * width), int(np.ceil(tile.columns.stop * width))),
    )


def _grey(slide: Slide, tile: Tile | None) -> NDArray[Any]:
    small = slide.overview if tile is None else slide.overview[_in_overview(slide, tile)]
    return small if small.ndim == 2 else small.min(axis=2)  # stains are dark in one channel at least


def _spread(slide: Slide, tile: Tile | None) -> float:
    low, high = np.percentile(_grey(slide, tile), (0.1, 99.9))
    return float(high - low)

"""Make the pictures of docs/method.md and docs/regions.md with the program's own stages, on phantoms."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image as Pillow
from scipy import ndimage

from msformer import Config, Image
from msformer.answer import find_answer, make_scene
from msformer.consensus import find_consensus
from msformer.focus import find_focus
from msformer.foreground import score_mask
from msformer.foreground.candidates import find_candidates
from msformer.foreground.single import rank_regions
from msformer.image import Mask
from msformer.phantoms import Phantom, make_phantom
from msformer.prepare import intensity_range, prepare, resample, to_unit_range
from msformer.prepare.background import smooth, subtract_background, subtract_depth
from msformer.prepare.hair import remove_hair
from msformer.prepare.vignette import flatten_vignette
from msformer.refine import enlarge, refine_mask
from msformer.regions import Ground, region_view
from msformer.render import draw_outline

DOCS = Path(__file__).parent.parent / "docs"
FOLDER = DOCS / "method"
RESTARTS = 6


def main() -> None:
    """Write every figure."""
    (DOCS / "regions").mkdir(exist_ok=True)
    FOLDER.mkdir(exist_ok=True)
    lesion = make_phantom("dermoscopy", seed=11, difficulty=0.5, shape=(240, 320), vignette=0.9, hair_count=25)
    mass = make_phantom("ultrasound", seed=4, difficulty=0.35, shape=(240, 320))
    prepare_dermoscopy(lesion)
    prepare_ultrasound(mass)
    rank("ultrasound", mass)
    choose("lung-ct", make_phantom("lung_ct", seed=3, difficulty=0.4, shape=(240, 320)), "candidates-lungs")
    refine(lesion)
    agree(make_phantom("ultrasound", seed=6, difficulty=0.8, shape=(240, 320)))


def save(panels: list[tuple[str, Any]], name: str, columns: int = 4, folder: Path = FOLDER) -> None:
    """Write panels in rows as one PNG."""
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(columns * 2.6, rows * 2.35), layout="constrained")
    FigureCanvasAgg(figure)
    for index, (title, picture) in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, index)
        axes.imshow(picture, cmap="gray" if np.asarray(picture).ndim == 2 else None)
        axes.set_title(title, fontsize=7)
        axes.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=85)
    with Pillow.open(buffer) as drawn:  # 64 colours are a third of the bytes
        drawn.convert("RGB").quantize(64).save(folder / f"{name}.png", optimize=True)


def scaled(phantom: Phantom, shape: tuple[int, int]) -> Any:
    """The image in [0, 1] on a grid."""
    small = resample(phantom.image, shape, "area")
    return to_unit_range(small, intensity_range(phantom.image, small))


def prepare_dermoscopy(phantom: Phantom) -> None:
    """Hair, light, tone."""
    shape = (167, 223)
    picture = scaled(phantom, shape)
    bare, hair = remove_hair(picture)
    even, valid = flatten_vignette(bare, np.ones(shape, dtype=bool))
    seen = np.where(valid[:, :, None], even, 0.5)
    root = np.sqrt(seen).mean(axis=2)
    panels = [
        ("image", picture), ("hair that was found", hair), ("painted over", bare),
        ("light evened out; grey: does not count", seen), ("mean square root of the light", root),
    ]  # fmt: skip
    save(panels, "prepare-dermoscopy", columns=5)


def prepare_ultrasound(phantom: Phantom) -> None:
    """Depth, background, speckle."""
    picture = scaled(phantom, (167, 223))
    flat = subtract_depth(picture)
    local = subtract_background(flat, np.ones(flat.shape[:2], dtype=bool), 0.25)
    panels = [("image", picture), ("fall with depth subtracted", flat), ("surroundings subtracted", local),
              ("blurred against speckle", smooth(local, 0.025))]  # fmt: skip
    save([(title, plane[:, :, 0]) for title, plane in panels], "prepare-ultrasound")


def rank(preset: str, phantom: Phantom) -> None:
    """How many regions end at a pixel, and the six for which the evidence is best."""
    config = Config.from_preset(preset)
    view = region_view(prepare(Image.from_array(phantom.image), config.prepare).detail)
    scene = make_scene(view, find_focus(phantom.mask.shape, config.hints), config)
    ranked = rank_regions(Ground.of(view.planes, view.valid), scene, config.foreground)
    if ranked is None:
        raise SystemExit(f"{preset}: no region in this phantom")
    ground = grey_bytes(phantom, scene.shape)
    ends = np.zeros(scene.shape)
    for region in ranked.regions:
        mask = region.on(scene.shape)
        ends += mask & ~ndimage.binary_erosion(mask, border_value=1)
    panels: list[tuple[str, Any]] = [
        ("as the regions see it", view.appearance),
        (f"where {len(ranked.regions)} darker regions end", np.sqrt(ends)),
    ]
    for region, expected in zip(ranked.regions[:6], ranked.expected, strict=False):
        side = {1: "brighter", -1: "darker", 0: "either"}[region.sign]
        title = f"expected Dice {expected:.2f}; map {region.source}, {side}"
        panels.append((title, draw_outline(ground, region.on(scene.shape))))
    save(panels, "regions", folder=DOCS / "regions")


def choose(preset: str, phantom: Phantom, name: str) -> None:
    """The best and some worse level cuts with their cues."""
    config = Config.from_preset(preset)
    prepared = prepare(Image.from_array(phantom.image), config.prepare)
    scene = make_scene(prepared.working, find_focus(phantom.mask.shape, config.hints), config)
    masks = [candidate.mask for candidate in find_candidates(None, scene, config.foreground)]
    scored = sorted(
        ((*score_mask(mask, scene, config.foreground.cues), mask) for mask in masks), key=lambda one: -one[0]
    )
    scored = list({round(one[0], 2): one for one in reversed(scored)}.values())[::-1]  # no two alike
    picked = [scored[round(index)] for index in np.linspace(0, len(scored) - 1, min(len(scored), 4))]
    panels: list[tuple[str, Any]] = []
    for score, cues, mask in picked:
        words = ", ".join(f"{cue} {value:.2f}" for cue, value in cues.items())
        panels.append((f"score {score:.3f}: {words}", draw_outline(grey_bytes(phantom, scene.shape), mask)))
    save(panels, name)


def grey_bytes(phantom: Phantom, shape: tuple[int, int]) -> Any:
    """The image on a grid, ``(h, w, 3)``, 0 to 255."""
    return np.ascontiguousarray(np.broadcast_to(np.rint(scaled(phantom, shape) * 255).astype(np.uint8), (*shape, 3)))


def refine(phantom: Phantom) -> None:
    """The border before and after each round."""
    config = Config.from_preset("dermoscopy")
    prepared = prepare(Image.from_array(phantom.image), config.prepare)
    detail = prepared.detail
    answer = find_answer(prepared, find_focus(phantom.mask.shape, config.hints), config)
    start = enlarge(answer.chosen.mask, detail.shape)
    ground = grey_bytes(phantom, detail.shape)
    panels: list[tuple[str, Any]] = [("chosen", draw_outline(ground, start))]
    for rounds in (1, 2, 3):
        settings = config.replace(refine={"boundary_rounds": rounds}).refine
        mask: Mask = refine_mask(start, detail.appearance, detail.valid, settings)
        panels.append((f"after round {rounds}", draw_outline(ground, mask)))
    save(panels, "refine-lesion")


def agree(phantom: Phantom) -> None:
    """Restarts and where they agree."""
    config = Config.from_preset("ultrasound")
    prepared = prepare(Image.from_array(phantom.image), config.prepare)
    focus = find_focus(phantom.mask.shape, config.hints)
    noise = [None, *(np.random.default_rng(seed) for seed in range(1, RESTARTS))]
    answers = [find_answer(prepared, focus, config, shaken_by=rng) for rng in noise]
    found = find_consensus([one.detail_mask for one in answers], [one.chosen.score for one in answers])
    ground = grey_bytes(phantom, prepared.detail.shape)
    panels = [
        ("image", ground),
        (f"stability: share of {RESTARTS} restarts", found.votes / RESTARTS),
        (
            f"mask that is taken, agreement {found.agreement:.2f}",
            draw_outline(ground, answers[found.chosen].detail_mask),
        ),
    ]
    save(panels, "consensus", columns=3)


if __name__ == "__main__":
    main()

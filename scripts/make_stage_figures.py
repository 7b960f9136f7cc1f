"""Make the pictures of docs/method.md with the program's own stages, on phantoms."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image as Pillow

from msformer import Config, Image, segment
from msformer.cluster import kmeans_clusterer
from msformer.focus import find_focus
from msformer.foreground import score_mask
from msformer.foreground.candidates import find_candidates
from msformer.image import Mask
from msformer.phantoms import Phantom, make_phantom
from msformer.pipeline import make_scene
from msformer.prepare import intensity_range, prepare, resample, to_unit_range
from msformer.prepare.background import smooth, subtract_background, subtract_depth
from msformer.prepare.hair import remove_hair
from msformer.prepare.vignette import flatten_vignette
from msformer.refine import enlarge, refine_mask
from msformer.render import draw_outline, label_colours

FOLDER = Path(__file__).parent.parent / "docs" / "method"


def main() -> None:
    """Write every figure."""
    FOLDER.mkdir(exist_ok=True)
    lesion = make_phantom("dermoscopy", seed=11, difficulty=0.5, shape=(240, 320), vignette=0.9, hair_count=25)
    mass = make_phantom("ultrasound", seed=4, difficulty=0.35, shape=(240, 320))
    prepare_dermoscopy(lesion)
    prepare_ultrasound(mass)
    choose("dermoscopy", lesion, "candidates-lesion")
    choose("ultrasound", mass, "candidates-mass")
    refine(lesion)
    agree(mass)


def save(panels: list[tuple[str, Any]], name: str, columns: int = 4) -> None:
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
        drawn.convert("RGB").quantize(64).save(FOLDER / f"{name}.png", optimize=True)


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


def choose(preset: str, phantom: Phantom, name: str) -> None:
    """Clusters, and the best and some worse candidates with their cues."""
    config = Config.from_preset(preset)
    prepared = prepare(Image.from_array(phantom.image), config.prepare)
    clusters = kmeans_clusterer(prepared, config).logits.argmax(axis=0)
    scene = make_scene(prepared.working, find_focus(phantom.mask.shape, config.hints), config)
    masks = [candidate.mask for candidate in find_candidates(clusters, scene, config.foreground)]
    scored = sorted(
        ((*score_mask(mask, scene, config.foreground.cues), mask) for mask in masks), key=lambda one: -one[0]
    )
    scored = list({round(one[0], 2): one for one in reversed(scored)}.values())[::-1]  # no two alike
    picked = [scored[round(index)] for index in np.linspace(0, len(scored) - 1, 7)]
    ground = np.broadcast_to(np.rint(scaled(phantom, scene.shape) * 255).astype(np.uint8), (*scene.shape, 3))
    panels: list[tuple[str, Any]] = [(f"{clusters.max() + 1} clusters", label_colours(99)[clusters + 1])]
    for score, cues, mask in picked:
        words = "\n".join(
            ", ".join(f"{cue} {value:.2f}" for cue, value in list(cues.items())[start : start + 3])
            for start in range(0, len(cues), 3)
        )
        panels.append((f"score {score:.3f}: {words}", draw_outline(np.ascontiguousarray(ground), mask)))
    save(panels, name)


def refine(phantom: Phantom) -> None:
    """The border before and after each round."""
    config = Config.from_preset("dermoscopy")
    unrefined = segment(phantom.image, config.replace(refine={"boundary_rounds": 0}))
    prepared = prepare(Image.from_array(phantom.image), config.prepare)
    detail = prepared.detail
    start = enlarge(unrefined.mask, detail.shape)
    ground = np.rint(scaled(phantom, detail.shape) * 255).astype(np.uint8)
    panels: list[tuple[str, Any]] = [("chosen", draw_outline(ground, start))]
    for rounds in (1, 2, 3):
        settings = config.replace(refine={"boundary_rounds": rounds}).refine
        mask: Mask = refine_mask(start, detail.appearance, detail.valid, settings)
        panels.append((f"after round {rounds}", draw_outline(ground, mask)))
    save(panels, "refine-lesion")


def agree(phantom: Phantom) -> None:
    """Restarts and where they agree."""
    result = segment(phantom.image, Config.from_preset("ultrasound").replace(restarts=6))
    ground = np.ascontiguousarray(np.broadcast_to(phantom.image[:, :, None], (*phantom.mask.shape, 3)))
    panels = [
        ("image", phantom.image),
        ("stability: share of 6 restarts", result.stability),
        (
            f"mask that is taken, agreement {result.agreement:.2f}",
            draw_outline(ground, result.mask),
        ),
    ]
    save(panels, "consensus", columns=3)


if __name__ == "__main__":
    main()

"""Draw what the method does, on a made picture: the affinity on its way to the identity, and clusters that settle.

    python -m benchmarks.paper.pictures docs/paper

The settings are those of the preset ``paper`` on 129 px with patches of 16 px: 64 of them, as many as of 32 px on 257
px. The loop does not stop at few clusters, so that both go on to the end. A minute on one idle core.
"""

from __future__ import annotations

import argparse
import colorsys
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from msformer.config import Config
from msformer.fit import FitEvent, fit
from msformer.image import Image
from msformer.network import build_network
from msformer.phantoms import make_phantom
from msformer.prepare import prepare

SEED, SHOWN_AT, SIDE, PATCH = 0, (0, 1, 3, 5, 10, 15, 30, 45), 129, 16
ENLARGED = 2
SLOW, SLOW_MS, FAST_MS, LAST_MS = 12, 500, 100, 2500
"""Most happens in the first dozen frames, which are shown longer."""
Picture = NDArray[np.uint8]


def main() -> None:
    """Fit once, write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = Config.from_preset("paper").replace(
        prepare={"working_size": SIDE},
        network={"patch_size": PATCH},
        fit={"max_iter": SHOWN_AT[-1] + 1, "min_clusters": 1, "precision": "float32", "threads": 1},
    )
    made = make_phantom("dermoscopy", seed=4, difficulty=0.4, shape=(SIDE, SIDE)).image
    prepared = prepare(Image.from_array(made), settings.prepare)
    sizes = settings.network
    network = build_network(
        3,
        embed_dim=sizes.embed_dim,
        depth=sizes.depth,
        patch_size=sizes.patch_size,
        affinity_shift=sizes.affinity_shift,
        generator=torch.Generator().manual_seed(SEED),
    )
    batch = torch.from_numpy(np.ascontiguousarray(prepared.network_input))[None]
    affinities: dict[int, NDArray[np.float32]] = {}
    labels: list[NDArray[np.intp]] = []

    def watch(event: FitEvent) -> None:
        labels.append(event.label_map())
        if event.record.step in SHOWN_AT:
            with torch.no_grad():
                affinities[event.record.step] = network(batch).affinity[0].numpy()

    history = fit(network, prepared.network_input, settings.fit, on_event=watch).history
    draw_affinities(affinities, [step.losses["intra_scale"] for step in history], folder / "affinity.png")
    draw_film(np.asarray(made), labels, folder / "settling.webp")


def draw_affinities(affinities: dict[int, NDArray[np.float32]], losses: list[float], path: Path) -> None:
    """The affinities in a row, and under them the loss that draws them to the identity."""
    figure = Figure(figsize=(2 * len(affinities) * 0.8, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, len(affinities), height_ratios=(1, 1.15))
    for column, (step, affinity) in enumerate(affinities.items()):
        axes = figure.add_subplot(grid[0, column])
        axes.imshow(affinity, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(f"{step} updates" if step != 1 else "1 update", fontsize=8)
        axes.set_axis_off()
    axes = figure.add_subplot(grid[1, :])
    axes.plot(losses, color="black", linewidth=1.2)
    axes.plot(list(affinities), [losses[step] for step in affinities], "o", color="black", markersize=4)
    axes.set_xlabel("updates", fontsize=8)
    axes.set_ylabel("mean |affinity − identity|", fontsize=8)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=8)
    figure.savefig(path, dpi=110)


def draw_film(picture: Picture, labels: list[NDArray[np.intp]], path: Path) -> None:
    """Picture and clusters side by side, one frame an update; a cluster keeps its colour."""
    names = np.unique(np.concatenate([np.unique(one) for one in labels]))
    colours = np.zeros((int(names.max()) + 1, 3), dtype=np.uint8)
    for place, name in enumerate(names):
        shade = colorsys.hsv_to_rgb(place * 0.618034 % 1, (0.75, 0.45)[place % 2], (0.95, 0.7, 0.5)[place % 3])
        colours[name] = [round(255 * value) for value in shade]
    frames = []
    for step, label_map in enumerate(labels):
        both = np.concatenate([picture, np.full((SIDE, 4, 3), 255, dtype=np.uint8), colours[label_map]], axis=1)
        large = both.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
        frame = Pillow.new("RGB", (large.shape[1], large.shape[0] + 22), "white")
        frame.paste(Pillow.fromarray(large), (0, 22))
        count = len(np.unique(label_map))
        ImageDraw.Draw(frame).text((6, 5), f"before update {step + 1}: {count} clusters", fill="black")
        frames.append(frame)
    shown = [SLOW_MS if step < SLOW else FAST_MS for step in range(len(frames) - 1)] + [LAST_MS]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=shown, loop=0, lossless=True, method=6)


if __name__ == "__main__":
    main()

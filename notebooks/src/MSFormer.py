# %% [markdown]
# # MS-Former, picture by picture
#
# Put pictures into `input/image` beside this notebook and run all cells: `results/m_mask_NAME.png`, the clusters in
# colours, and `results/b_mask_NAME.png`, a mask, come out under the names of the published notebook. Where the folder is
# empty, made pictures are put there first. No GPU, no labels, no download.
#
# Then comes what this project adds: a mask, how far to trust it, a seed, and scores that the truth did not help to make.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import msformer
from msformer.evaluation.metrics import Scores, score_masks, score_selection
from msformer.evaluation.protocols import automatic, oracle_cluster, released
from msformer.io import read_image, write_mask, write_png
from msformer.phantoms import make_phantom
from msformer.render import label_colours

# %% [markdown]
# ## Settings
#
# `paper-demo` has the settings of the published demonstration: the picture squashed to 257 × 257 px, 100 channels, at most
# 50 updates, weights 1 : 2 : 1.2 of the three losses; `paper-scored` has those of its scored cell. On two cores that is
# minutes a picture, so that here the side is 65 px and the channels are 32. **For the published size make `SMALLER`
# empty.**

# %%
SMALLER = {"prepare": {"working_size": 65}, "network": {"embed_dim": 32}}
PUBLISHED = msformer.Config.from_preset("paper-demo").replace(**SMALLER)
SEED = 0
IMAGES, TRUTHS, RESULTS = Path("input/image"), Path("input/GT"), Path("results")

# %% [markdown]
# ## Pictures

# %%


def files(folder: Path) -> list[Path]:
    """What lies in a folder, by name; hidden files left out."""
    return sorted(
        path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")
    )


for folder in (IMAGES, TRUTHS, RESULTS):
    folder.mkdir(parents=True, exist_ok=True)
if not files(IMAGES):
    for seed in (3, 11):
        made = make_phantom(
            "dermoscopy", seed=seed, difficulty=0.35, vignette=0.6, shape=(144, 192)
        )
        write_png(IMAGES / f"made{seed}.png", made.image)
        write_mask(TRUTHS / f"made{seed}.png", made.mask)  # the last part alone looks at it
paths = files(IMAGES)
print(*paths, sep="\n")

# %% [markdown]
# ## Clusters of the published method
#
# The network starts from random parameters for each picture and is pulled by its losses until three clusters are left, or
# 50 updates are made.

# %%
clusters = {path.stem: msformer.segment(path, PUBLISHED, seed=SEED) for path in paths}
for name, found in clusters.items():
    target = RESULTS / f"m_mask_{name}.png"
    write_png(target, label_colours(found.n_labels)[found.label_map])
    print(f"{target}: {found.n_labels} clusters, {found.n_iter} updates, {found.stop_reason}")

# %%
figure, axes = plt.subplots(
    len(paths), 2, figsize=(7, 2.7 * len(paths)), squeeze=False, layout="tight"
)
for (left, right), path in zip(axes, paths, strict=True):
    left.imshow(read_image(path).pixels, cmap="gray")
    left.set_title(path.name)
    right.imshow(read_image(RESULTS / f"m_mask_{path.stem}.png").pixels)
    right.set_title(f"m_mask_{path.stem}.png")
    left.set_axis_off(), right.set_axis_off()

# %% [markdown]
# What the published loop prints is in the `history` of each result.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), layout="tight")
for name, found in clusters.items():
    left.plot([step.losses["total"] for step in found.history], label=name)
    right.plot([step.n_labels for step in found.history], label=name)
left.set(xlabel="update", title="weighted sum of the losses")
right.set(xlabel="update", title="number of clusters")
right.axhline(PUBLISHED.fit.min_clusters, color="grey", linestyle=":")
_ = left.legend()
# %% [markdown]
# # What is added
#
# ## A mask, and how far to trust it
#
# Without a preset `segment` takes the one whose answer fits the picture best. The mask is a region of the picture, not a
# union of clusters; nobody says which one. `confidence` is the probability that its Dice is at least .7, told from picture
# and mask alone.

# %%
masks = {path.stem: msformer.segment(path, seed=SEED) for path in paths}
for name, found in masks.items():
    write_mask(RESULTS / f"b_mask_{name}.png", found.mask)
next(iter(masks.values()))

# %%
figure, axes = plt.subplots(
    len(paths), 3, figsize=(10, 2.7 * len(paths)), squeeze=False, layout="tight"
)
for row, found in zip(axes, masks.values(), strict=True):
    found.plot(row)

# %% [markdown]
# ## A seed
#
# The same picture, settings and seed give the same result. Another seed is another draw of the random parameters: of the
# published method, whose code has no seed, that is part of the result.

# %%
first = clusters[paths[0].stem]
again, other = (msformer.segment(paths[0], PUBLISHED, seed=seed) for seed in (SEED, SEED + 1))
print("same seed, equal result:", again == first)
same = (first.label_map == other.label_map).mean()
print(f"another seed: {100 * same:.0f} % of the pixels have the same label")

# %% [markdown]
# ## Scores without help of the truth
#
# The published scorer picks the cluster that meets the truth most, and erases what lies more than 6 px away from the truth
# before it counts. Three protocols are told apart here, by name; `automatic` is what a user gets. The last row calls the
# *whole picture* the object. Put masks of your own pictures into `input/GT`: as in the published notebook the first of them
# belongs to the first picture by name, the second to the second; which is which is printed.

# %%
truths, truth_of = files(TRUTHS), {}
if len(truths) == len(paths):
    truth_of = dict(zip(paths, truths, strict=True))
    print(*(f"{path} is scored against {truth}" for path, truth in truth_of.items()), sep="\n")
else:
    print(f"no scores: {len(paths)} pictures, {len(truths)} masks in {TRUTHS}")

# %%
rows = []


def add(name: str, source: str, scores: Scores) -> None:
    """A line of the table."""
    rows.append((name, source, scores.protocol, round(scores.dice, 3)))


for path, truth_path in truth_of.items():
    name, found = path.stem, clusters[path.stem]
    truth = read_image(truth_path).pixels > 0
    channels = np.array((-1, *found.cluster_channels))[
        found.label_map
    ]  # labels go from dark to bright
    whole = np.ones_like(truth)
    for selection in (
        released(raw_labels=channels, mask_gt=truth),
        oracle_cluster(label_map=channels, mask_gt=truth),
        automatic(mask_pred=found.mask),
    ):
        add(name, "published clusters", score_selection(selection, mask_gt=truth))
    add(name, "this project", score_masks(mask_pred=masks[name].mask, mask_gt=truth))
    gated = released(raw_labels=whole.astype(int), mask_gt=truth)
    add(name, "whole picture", score_selection(gated, mask_gt=truth))
    add(name, "whole picture", score_masks(mask_pred=whole, mask_gt=truth))
pd.DataFrame(rows, columns=["picture", "mask from", "protocol", "Dice"])

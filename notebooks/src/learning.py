# %% [markdown]
# # A folder learns
#
# Two corrections say what is meant, and the other pictures of the folder follow.

# %%
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from msformer.evaluation.metrics import score_masks
from msformer.io import read_image, write_mask, write_png
from msformer.phantoms import make_phantom


def run(*words: str) -> None:
    """Call the program as a terminal would, and show the end of what it says."""
    plain = {
        name: value for name, value in os.environ.items() if name != "FORCE_COLOR"
    }  # no bar of progress
    command = [sys.executable, "-m", "msformer", *words]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=plain).stderr
    print(*said.splitlines()[-2:], sep="\n")


# %% [markdown]
# ## A folder
#
# Six made pictures of skin, each with a dark mole and a pale patch. **The patch is what we are after**, which no program
# can know.

# %%
truths = {}
rows, columns = np.mgrid[:96, :128]
for seed in range(6):
    draw = np.random.default_rng(seed)
    left = {"lesion_share": 0.1, "centre": (0.5, 0.3)}
    skin = make_phantom("dermoscopy", seed=seed, difficulty=0.2, shape=(96, 128), **left).image
    middle, radii = (draw.uniform(30, 66), draw.uniform(92, 104)), draw.uniform(10, 16, size=2)
    patch = ((rows - middle[0]) / radii[0]) ** 2 + ((columns - middle[1]) / radii[1]) ** 2 < 1
    pixels = np.where(
        patch[:, :, np.newaxis], 0.4 * skin + 0.6 * np.array([250, 250, 255]), skin
    )
    write_png(Path(f"skin/skin{seed}.png"), pixels.astype(np.uint8))
    truths[f"skin{seed}"] = patch

# %% [markdown]
# ## Each picture by itself
#
# In a terminal: `msformer segment skin -o results --preset dermoscopy`

# %%
run("segment", "skin", "-o", "results", "--preset", "dermoscopy")


# %%
def show(folder: str) -> None:
    """The pictures with the outlines of their masks."""
    _, axes = plt.subplots(1, len(truths), figsize=(13, 2), layout="constrained")
    for one, name in zip(axes, truths, strict=True):
        one.imshow(read_image(f"skin/{name}.png").pixels)
        one.contour(
            read_image(f"results/{folder}/{name}.png").pixels > 0, levels=[0.5], colors="yellow"
        )
        one.set_title(
            name + (" (corrected)" if Path(f"results/corrections/{name}.png").exists() else ""),
            fontsize=10,
        )
        one.set_axis_off()


show("masks")

# %% [markdown]
# All of them are of the mole.
#
# ## Two corrections
#
# A correction is a mask under the picture's name in `results/corrections`. `msformer app results` writes it when you accept
# a mask that you corrected, and so can `msformer.edit` in a notebook. Here the made truth of two pictures plays the person.

# %%
for name in ("skin1", "skin3"):
    write_mask(Path(f"results/corrections/{name}.png"), truths[name])

# %% [markdown]
# ## The folder follows
#
# In a terminal: `msformer learn --again results`

# %%
run("learn", "--again", "results")
show("masks")

# %% [markdown]
# `results/masks-alone` keeps what each picture gave by itself. Of the four that nobody corrected:

# %%


def dice(folder: str, name: str) -> float:
    """Of a mask with the truth, which decided nothing."""
    mask = read_image(f"results/{folder}/{name}.png").pixels > 0
    return round(score_masks(mask_pred=mask, mask_gt=truths[name]).dice, 3)


others = [name for name in truths if name not in ("skin1", "skin3")]
scores = [(name, dice("masks-alone", name), dice("masks", name)) for name in others]
pd.DataFrame(scores, columns=["picture", "Dice alone", "Dice taught"])

# %% [markdown]
# ## Other pictures of the kind
#
# What was learned is in `results/model`, numbers without code:
#
# ```console
# $ msformer segment new-skin -o new-results --model results/model
# ```
#
# `docs/learning.md` has what it gives on real folders, and where it does not.

# %% [markdown]
# # Quick start
#
# One picture in, a mask out: what `msformer.segment` returns, and what can be done with it.

# %%
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from PIL import Image

import msformer
from msformer.config import preset_summaries
from msformer.phantoms import make_phantom

# %% [markdown]
# The picture here is made by the program. Yours can be a path, an array, or an image of Pillow, SimpleITK, nibabel,
# pydicom, xarray, dask or zarr.

# %%
picture = make_phantom(
    "dermoscopy", seed=5, difficulty=0.3, n_lesions=2, lesion_share=0.16, shape=(144, 192)
).image
result = msformer.segment(picture, "dermoscopy", seed=0)
result

# %%
print(result)
print(result.mask.shape, result.mask.dtype, f"{result.mask.sum()} px")

# %% [markdown]
# ## Look at it

# %%
_ = result.plot()
# %%
Image.fromarray(result.overlay())

# %%
result.to_dataframe().round(2)

# %% [markdown]
# ## Save it
#
# The end of the name says the format; `docs/files.md` lists all. `what="labels"` writes the clusters.

# %%
Path("saved").mkdir(exist_ok=True)
for name in ("mask.png", "mask.nii.gz", "mask.geojson"):
    print(result.save(f"saved/{name}"))
print(result.save("saved/labels.tif", what="labels"))
print(nibabel.load("saved/mask.nii.gz").shape)

# %% [markdown]
# ## Presets
#
# Leave the preset out, and those compete that may fit.

# %%
pd.set_option("display.max_colwidth", None)
pd.DataFrame(preset_summaries().items(), columns=["preset", "for"])

# %% [markdown]
# ## Say what you know
#
# `polarity`, `objects`, `share`, `touches_frame`, `region`, `box`: words, not labels. A `point` (row, column) says which
# object is meant. Here each of the two is, in turn.

# %%
POINTS = (39, 115), (104, 76)
one, other = (msformer.segment(picture, "dermoscopy", seed=0, point=point) for point in POINTS)
Image.fromarray(np.hstack([one.overlay(), other.overlay()]))
# %% [markdown]
# Many objects are told apart, and measured one by one.

# %%
cells = msformer.segment(
    make_phantom("cells", seed=2, shape=(144, 192)).image, "nuclei", seed=0
)
print(cells)
cells

# %% [markdown]
# ## Correct it
#
# `msformer.edit(result)` is a widget: as the last line of a cell it shows the picture with the tools of the page, and
# **?** shows its keys.
#
# ```python
# widget = msformer.edit(result)
# widget
# ```
#
# `widget.mask` is the mask as it is now. What is called on `widget.editor` happens on the screen as well, and needs none:

# %%
widget = msformer.edit(one)
print(f"{widget.mask.sum()} px")
widget.editor.point(*POINTS[1])  # the other one is meant
print(f"{widget.mask.sum()} px after the click")
widget.editor.undo()
print(f"{widget.mask.sum()} px after undo")
widget.editor.redo().save("saved/corrected.png")
Image.fromarray(widget.mask)

# %% [markdown]
# # Volumes
#
# A volume is segmented slice by slice; each starts from the clusters of its neighbour. What comes back has its geometry.

# %%
import matplotlib.pyplot as plt
import nibabel
import numpy as np

import msformer
from msformer.evaluation.metrics import score_masks
from msformer.phantoms import make_phantom

# %% [markdown]
# ## A made CT
#
# Eight slices, 5 mm apart, of a chest whose lungs grow and shrink again, in Hounsfield units. It is written as a scanner's
# export would be: axes x, y, z, and an affine that says where in the room a voxel lies.

# %%
extents = (0.3, 0.5, 0.7, 0.85, 0.9, 0.8, 0.6, 0.35)
slices = [
    make_phantom("lung_ct", seed=5, shape=(128, 128), lung_extent=extent) for extent in extents
]
affine = np.diag([-2.8, -2.8, 5.0, 1.0])
affine[:3, 3] = 180, 160, -400
voxels = np.stack([one.image.T for one in slices], axis=2)
nibabel.save(nibabel.Nifti1Image(voxels, affine), "ct.nii.gz")
print(voxels.shape, voxels.dtype, voxels.min(), voxels.max())

# %% [markdown]
# ## Segment it
#
# A path, an image of nibabel or SimpleITK, a folder with a DICOM series, or an array with `axes="xyz"` and
# `spacing_mm=(5.0, 2.8, 2.8)`.

# %%
ct = nibabel.load("ct.nii.gz")
found = msformer.segment_volume(ct, "lung-ct", seed=0, n_clusters=4)
print(f"{found.changed} of {found.followed} clusters have another number in the next slice")
found

# %% [markdown]
# ## Look at it: slices side by side
#
# `msformer segment ct.nii.gz -o results` draws such a strip of every volume, in `results/overlays`.

# %%
figure, axes = plt.subplots(2, len(found.slices), figsize=(13, 3.9), layout="constrained")
for column, number, confidence in zip(axes.T, found.slices, found.confidences, strict=True):
    column[0].imshow(voxels[:, :, number].T, cmap="gray", vmin=-1000, vmax=300)
    column[0].contour(found.mask[number], levels=[0.5], colors="tab:orange", linewidths=1)
    column[0].set_title(f"{number}")
    column[1].imshow(
        found.label_map[number], cmap="tab10", vmin=0, vmax=9, interpolation="nearest"
    )
    column[1].set_title(f"conf. {confidence:.2f}", fontsize=9)
    for one in column:
        one.set_axis_off()

# %% [markdown]
# ## Keep it, where it lies
#
# `mask_image` is what was given, an image of nibabel here. `save` takes the format from the name: `.seg.nrrd` for 3D
# Slicer, `.nii.gz`, `.mha`, …

# %%
found.save("mask.nii.gz")
found.save("labels.seg.nrrd", what="labels")
again = nibabel.load("mask.nii.gz")
print(
    "same shape:",
    again.shape == ct.shape,
    "· same affine:",
    np.allclose(again.affine, ct.affine),
)
print(
    "as the image in memory:",
    np.array_equal(again.get_fdata() > 0, found.mask_image.get_fdata() > 0),
)
millilitres = again.get_fdata().sum() * np.prod(again.header.get_zooms()) / 1000
print(f"{millilitres:.0f} ml")

# %% [markdown]
# ## How good it is
#
# The truth of made pictures is known, and was not seen before this cell. Distances are in mm.

# %%
truth = np.stack([one.mask for one in slices])
scores = score_masks(mask_pred=found.mask, mask_gt=truth, spacing_mm=(5.0, 2.8, 2.8))
print(
    f"Dice {scores.dice:.3f}, 95 % of the border within {scores.hausdorff95:.1f} {scores.unit}"
)

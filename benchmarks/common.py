"""What the benchmarks share: which preset belongs to which set, Dice alone, one core a process."""

from __future__ import annotations

import numpy as np

from msformer.image import Mask

PRESET_OF_SET = {
    "dermoscopy_ph2": "dermoscopy",
    "lung_ct_lungsegdb": "lung-ct",
    "lung_ct_konya": "lung-ct",
    "chest_xray_covid": "chest-xray",
    "breast_ultrasound_busi": "ultrasound",
    "nuclei_dsb2018": "nuclei",
    "plasma_cells_segpc": "stained-tissue",
}


def dice(mask_pred: Mask, mask_gt: Mask) -> float:
    """Dice as ``evaluation.metrics`` defines it, without the distances, which take longer than a segmentation."""
    total = int(np.count_nonzero(mask_pred)) + int(np.count_nonzero(mask_gt))
    return 1.0 if total == 0 else 2 * int(np.count_nonzero(mask_pred & mask_gt)) / total


def one_core() -> None:
    """Keep this process to one core."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)

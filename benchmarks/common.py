"""What the benchmarks share: which preset belongs to which set, one core a process."""

from __future__ import annotations

PRESET_OF_SET = {
    "dermoscopy_ph2": "dermoscopy",
    "lung_ct_lungsegdb": "lung-ct",
    "lung_ct_konya": "lung-ct",
    "chest_xray_covid": "chest-xray",
    "breast_ultrasound_busi": "ultrasound",
    "nuclei_dsb2018": "nuclei",
    "plasma_cells_segpc": "stained-tissue",
}


def one_core() -> None:
    """Keep this process to one core."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)

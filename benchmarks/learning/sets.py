"""Which sets and folders are asked about, and what is aimed at: the one table."""

from __future__ import annotations

from dataclasses import dataclass

TAUGHT = (
    "white_cells_krd",
    "optic_disc_smdg",
    "breast_ultrasound_benign",
    "wounds_fuseg",
    "polyps_kvasir",
    "plasma_cells_segpc",
    "brain_mri_brisc",
    "breast_ultrasound_busbra",
    "dermoscopy_isic2017",
    "nuclei_dsb2018_more",
    "chest_xray_montgomery",
)
"""Sets of which some images are corrected."""
ONE_OBJECT = (
    "white_cells_krd",
    "optic_disc_smdg",
    "breast_ultrasound_benign",
    "breast_ultrasound_busbra",
    "polyps_kvasir",
    "wounds_fuseg",
    "brain_mri_brisc",
    "dermoscopy_isic2017",
)
"""Those of one object, on which other students are compared."""
ORDERED = ("optic_disc_smdg", "wounds_fuseg", "breast_ultrasound_benign")
"""Those on which the order of corrections is compared."""
PICTURED = {
    "white_cells_krd": "KRD-WBC, CC BY 4.0",
    "brain_mri_brisc": "BRISC 2025, CC BY 4.0",
    "chest_xray_montgomery": "Montgomery, MIT",
}
"""Those that are shown, since their terms allow it, and whose they are."""
CORRECTED = (1, 3, 5, 10)
"""Numbers of corrected images."""
LEAST_LEFT = 3
"""Images that are left to be decided on, at least."""
ULTRASOUND, DERMOSCOPY, PH2 = "all breast ultrasound", "all dermoscopy", "dermoscopy PH2"
FOLDERS = {
    PH2: ("dermoscopy_ph2",),
    "lung CT, 64 px": ("lung_ct_kaggle64",),
    ULTRASOUND: (
        "breast_ultrasound_benign",
        "breast_ultrasound_malignant",
        "breast_ultrasound_busbra",
        "breast_ultrasound_busi",
    ),
    DERMOSCOPY: ("dermoscopy_ph2", "dermoscopy_ham10000", "dermoscopy_isic2017"),
    "nuclei": ("nuclei_dsb2018", "nuclei_dsb2018_more"),
}
"""Folders that learn from themselves, of one set or several."""
CONTAINED = (PH2,)
"""Folders that lie in another one: not counted twice where folders are summed up."""
CURVED = (ULTRASOUND, PH2)
"""Folders of which parts, and parts with wrong masks, are asked too."""


@dataclass(frozen=True)
class Goal:
    """A mean Dice that a set should reach on the images that were not corrected."""

    words: str
    set_name: str
    corrected: int
    least: float


GOALS = (
    Goal("white cells", "white_cells_krd", 5, 0.90),
    Goal("optic disc", "optic_disc_smdg", 5, 0.75),
    Goal("benign ultrasound", "breast_ultrasound_benign", 5, 0.78),
    Goal("wounds", "wounds_fuseg", 5, 0.55),
    Goal("polyps", "polyps_kvasir", 5, 0.55),
    Goal("plasma cells", "plasma_cells_segpc", 5, 0.72),
    Goal("white cells", "white_cells_krd", 1, 0.85),
)
FOLDER_GOALS = {PH2: 0.94, ULTRASOUND: 0.80}
"""Mean Dice that a folder should reach without a correction."""
LEAST_GAIN = 0.02
"""Mean gain over the folders without a correction."""
LOW, FEWER_LOW = 0.7, 1 / 3
"""Images under this Dice, and the share of them that should be gone."""
MOST_LOST = 0.003
"""What no set should lose more than."""


def sets_of(only: tuple[str, ...] = ()) -> list[str]:
    """All sets of the table, or those of ``only``."""
    names = dict.fromkeys([*TAUGHT, *(name for sets in FOLDERS.values() for name in sets)])
    return [name for name in names if not only or name in only]

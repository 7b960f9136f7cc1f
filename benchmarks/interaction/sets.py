"""Which sets are asked about, and which objects of their masks: the one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msformer.benchmark.datasets import BenchmarkCase, discover
from msformer.evaluation.files import read_instances, read_truth
from msformer.evaluation.prompts import largest_component
from msformer.image import Mask

GROUP_OF_SET = {
    "dermoscopy_ph2": "single",
    "dermoscopy_ham10000": "single",
    "dermoscopy_isic2017": "single",
    "breast_ultrasound_benign": "single",
    "breast_ultrasound_malignant": "single",
    "breast_ultrasound_busbra": "single",
    "breast_ultrasound_busi": "single",
    "white_cells_krd": "single",
    "optic_disc_smdg": "single",
    "polyps_kvasir": "single",
    "brain_mri_brisc": "single",
    "wounds_fuseg": "single",
    "nuclei_dsb2018": "many",
    "nuclei_dsb2018_more": "many",
    "chest_xray_covid": "side",
    "chest_xray_montgomery": "side",
    "lung_ct_lungsegdb": "side",
    "lung_ct_konya": "side",
    "lung_ct_kaggle64": "side",
}
"""``single``: the mask is the object. ``many``: its largest instances, one by one. ``side``: its largest component."""
LARGEST = 3
"""Objects of a picture that are asked for one by one."""
GROUPS = {
    "single": "single objects",
    "many": f"one of many: the largest {LARGEST} of a picture, one by one",
    "side": "one of a pair: the larger component",
}


@dataclass(frozen=True, eq=False)
class Target:
    """One object that is pointed at.

    Attributes:
        case: The picture's name.
        index: The object in the picture, counted from 0.
        truth: ``(H, W)``, never empty.
    """

    case: str
    index: int
    truth: Mask


def cases_of(data: Path, only: Sequence[str], limit: int | None) -> list[BenchmarkCase]:
    """The cases of the table's sets that are at hand, at most ``limit`` a set.

    Raises:
        ConfigError: A set of ``only`` is not there.
    """
    found = discover(data, only, limit).cases
    return [case for case in found if case.set_name in GROUP_OF_SET]


def targets_of(case: BenchmarkCase) -> list[Target]:
    """The objects of a case that are pointed at; none where its mask is empty or its set has no instance map."""
    group = GROUP_OF_SET[case.set_name]
    if group == "many":
        if case.instances is None:
            return []
        instances = read_instances(case.instances)
        names, areas = np.unique(instances[instances > 0], return_counts=True)
        order = np.argsort(-areas, kind="stable")[:LARGEST]
        masks = [np.asarray(instances == names[index]) for index in order]
    else:
        truth, _ = read_truth(case.truth)
        masks = [largest_component(truth) if group == "side" else truth]
    return [Target(case.name, index, mask) for index, mask in enumerate(masks) if mask.any()]

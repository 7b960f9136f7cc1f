"""All protocols of one segmentation, picked out by hand, and the words that stand beside their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import msformer
from msformer import evaluation
from msformer.errors import ImageError
from msformer.evaluation.protocols import NODE_PROTOCOLS, PROTOCOLS
from msformer.evaluation.selection import PROTOCOL_MEANINGS, select_all, to_raw_labels
from msformer.regions import PlacedRegions, Region

SHAPE = 29, 43
MASK_GT = np.zeros(SHAPE, dtype=bool)
MASK_GT[10:15, 7:18] = True
LABEL_MAP = np.ones(SHAPE, dtype=np.uint8)
LABEL_MAP[10:13, 7:18] = 2  # 33 px of the truth
LABEL_MAP[13:15, 7:18] = 3  # 22 px of the truth
LABEL_MAP[25:27, 30:41] = 3  # and as many far away
MASK_PRED = np.zeros(SHAPE, dtype=bool)
MASK_PRED[3:5, 3:5] = True


def test_every_protocol_picks_what_it_should() -> None:
    selections = select_all(mask_pred=MASK_PRED, label_map=LABEL_MAP, channels=(4, 0, 9), mask_gt=MASK_GT)
    assert [selection.protocol for selection in selections] == [one for one in PROTOCOLS if one not in NODE_PROTOCOLS]
    own, cluster, components, as_released = selections
    np.testing.assert_array_equal(own.mask, MASK_PRED)
    assert cluster.clusters == (2,)
    np.testing.assert_array_equal(cluster.mask, LABEL_MAP == 2)
    assert components.clusters == (2, 3)
    np.testing.assert_array_equal(components.mask, MASK_GT)
    # label 2 is channel 0, which is never chosen; of channel 9 what is far away is erased
    assert as_released.clusters == (9,)
    np.testing.assert_array_equal(as_released.mask, (LABEL_MAP == 3) & MASK_GT)


def test_regions_add_their_protocols() -> None:
    window = slice(10, 15), slice(7, 18)
    upper = Region(np.ones((3, 11), dtype=bool), (slice(10, 13), window[1]), 33, 2.0, "made", 1)
    lower = Region(np.ones((2, 11), dtype=bool), (slice(13, 15), window[1]), 22, 1.0, "made", 1)
    selections = select_all(
        mask_pred=MASK_PRED, label_map=LABEL_MAP, channels=(4, 0, 9), mask_gt=MASK_GT,
        regions=PlacedRegions((lower, upper), SHAPE, (slice(0, SHAPE[0]), slice(0, SHAPE[1]))),
    )  # fmt: skip
    assert tuple(selection.protocol for selection in selections) == PROTOCOLS == tuple(PROTOCOL_MEANINGS)
    assert [selection.clusters for selection in selections[1:3]] == [(1,), (0, 1)]
    np.testing.assert_array_equal(selections[2].mask, MASK_GT)


def test_0_is_outside_and_never_picked() -> None:
    label_map = np.where(MASK_GT, 0, LABEL_MAP)
    selections = select_all(mask_pred=MASK_PRED, label_map=label_map, channels=(4, 0, 9), mask_gt=MASK_GT)
    assert [int(selection.mask.sum()) for selection in selections] == [4, 0, 0, 0]


def test_raw_labels_are_the_channels() -> None:
    labels = np.array([[0, 3, 1], [2, 2, 0]], dtype=np.uint8)
    assert to_raw_labels(labels, (4, 0, 9)).tolist() == [[0, 9, 4], [0, 0, 0]]
    assert labels.tolist() == [[0, 3, 1], [2, 2, 0]]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([[1, 4]]), "labels must be 0 to 3, the number of channels that are known; got 0 to 4"),
        (np.array([[1, -1]]), "labels must be 0 to 3, the number of channels that are known; got -1 to 1"),
        (np.array([[1.0, 2.0]]), "label_map must hold integers; got dtype float64"),
    ],
)
def test_labels_without_a_channel_are_refused(labels: NDArray[Any], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        to_raw_labels(labels, (4, 0, 9))


def test_all_that_sees_ground_truth_is_named() -> None:
    """Whatever imports the package of scores stands in the docs and in its own docstring."""
    root = Path(msformer.__file__).parent
    callers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if path.relative_to(root).parts[0] != "evaluation" and "from msformer.evaluation" in path.read_text("utf-8")
    }
    callers = {"benchmark/" if name.startswith("benchmark/") else name for name in callers}
    docs = (root.parent.parent / "docs" / "evaluation.md").read_text("utf-8")
    assert {name for name in callers if f"`{name}`" not in docs} == set()
    spoken = {"benchmark/": "msformer.benchmark", "demo.py": "msformer.demo", "cli/evaluate.py": "msformer evaluate"}
    assert callers == set(spoken)
    assert all(f"``{name}``" in (evaluation.__doc__ or "") for name in spoken.values())

"""A forest of regression trees as plain arrays, so that a file of it can run no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msformer.errors import WeightsError

N_TREES = 100
LEAST_IN_LEAF = 3
"""Rows of a leaf, at least: neighbours in the tree of regions are nearly one and the same observation."""
TRIED = 0.4
"""Share of the columns that each split may choose from: most of them say nothing of a given folder."""
PARTS = ("feature", "threshold", "left", "right", "value", "roots")


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees in one row of nodes.

    Attributes:
        feature: ``(n,)``, the column that a node asks for; negative in leaves.
        threshold: ``(n,)``; at most that goes left.
        left: ``(n,)``, node to go on from.
        right: ``(n,)``, likewise.
        value: ``(n,)``, what a leaf answers.
        roots: ``(t,)``, where each tree begins.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    roots: NDArray[np.int32]

    def predict(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Mean answer of the trees to rows ``(m, columns)``: ``(m,)``."""
        rows = np.asarray(rows, dtype=np.float32)
        found = np.zeros(len(rows))
        everyone = np.arange(len(rows))
        for root in self.roots:
            nodes = np.full(len(rows), root, dtype=np.int32)
            asked = everyone
            while len(asked):
                at = nodes[asked]
                is_inner = self.feature[at] >= 0
                asked, at = asked[is_inner], at[is_inner]
                goes_left = rows[asked, self.feature[at]] <= self.threshold[at]
                nodes[asked] = np.where(goes_left, self.left[at], self.right[at])
            found += self.value[nodes]
        return found / len(self.roots)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything, by name."""
        return {name: getattr(self, name) for name in PARTS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], columns: int, name: str) -> Forest:
        """Take what ``arrays`` gives; nothing in it is trusted.

        Raises:
            WeightsError: It is no forest over so many columns: a part is missing, a node leads nowhere or back.
        """
        if missing := [part for part in PARTS if part not in arrays]:
            raise WeightsError(f"{name}: the forest has no {missing[0]}")
        whole = {part: np.asarray(arrays[part]) for part in PARTS}
        count = len(whole["feature"]) if whole["feature"].ndim == 1 else 0
        kinds = {part: "f" if part in ("threshold", "value") else "i" for part in PARTS}
        for part, array in whole.items():
            if array.ndim != 1 or array.dtype.kind != kinds[part] or (part != "roots" and len(array) != count):
                raise WeightsError(f"{name}: {part} of the forest must be a row of {count} numbers")
        nodes = np.arange(count)
        is_inner = whole["feature"] >= 0
        onwards = np.stack([whole["left"], whole["right"]])[:, is_inner]
        # Children come after their parents, so that no way leads back.
        if not len(whole["roots"]) or not count or np.any(whole["feature"] >= columns):
            raise WeightsError(f"{name}: the forest must have trees over at most {columns} columns")
        if np.any((whole["roots"] < 0) | (whole["roots"] >= count)):
            raise WeightsError(f"{name}: a tree of the forest begins nowhere")
        if np.any((onwards <= nodes[is_inner]) | (onwards >= count)):
            raise WeightsError(f"{name}: a node of the forest leads nowhere or back")
        if not (np.isfinite(whole["threshold"][is_inner]).all() and np.isfinite(whole["value"]).all()):
            raise WeightsError(f"{name}: the forest must hold finite numbers")
        return cls(**whole)


def grow_forest(
    rows: NDArray[np.floating], answers: NDArray[np.floating], weights: NDArray[np.floating], seed: int
) -> Forest:
    """Fit extremely randomised trees (Geurts et al., Machine Learning 2006; scikit-learn).

    Args:
        rows: ``(m, columns)``, finite.
        answers: ``(m,)``.
        weights: ``(m,)``, how much each row counts.
        seed: Of the trees; the number of threads makes no difference.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    bits = seed % 2**32  # which is all that scikit-learn takes
    trees = ExtraTreesRegressor(N_TREES, min_samples_leaf=LEAST_IN_LEAF, max_features=TRIED, random_state=bits)
    trees.fit(np.asarray(rows, dtype=np.float32), answers, sample_weight=weights)
    parts: dict[str, list[NDArray[np.generic]]] = {part: [] for part in PARTS}
    start = 0
    for one in trees.estimators_:
        tree = one.tree_
        is_inner = tree.children_left >= 0
        parts["feature"].append(np.where(is_inner, tree.feature, -1).astype(np.int32))
        parts["threshold"].append(np.where(is_inner, tree.threshold, 0.0))
        parts["left"].append(np.where(is_inner, tree.children_left + start, -1).astype(np.int32))
        parts["right"].append(np.where(is_inner, tree.children_right + start, -1).astype(np.int32))
        parts["value"].append(tree.value[:, 0, 0].astype(np.float64))
        parts["roots"].append(np.array([start], dtype=np.int32))
        start += tree.node_count
    return Forest(**{part: np.concatenate(arrays) for part, arrays in parts.items()})

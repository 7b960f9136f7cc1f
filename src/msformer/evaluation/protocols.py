"""What is scored: protocols that differ in who picks the foreground, and in what the ground truth may do before.

================== ============================== ========================== =====================================
protocol           who picks the foreground       use of the ground truth    standing
================== ============================== ========================== =====================================
automatic          the program's own rule         none                       the score: what a user gets
oracle-node        the region with the best Dice  to pick                    bound for choosing one region
oracle-nodes       the best union of regions      to pick                    ceiling of the regions
oracle-cluster     the cluster with most overlap  to pick                    bound for picking by overlap
oracle-components  the best union of components   to pick                    ceiling of the labelling
released           the released scorer            to pick, to erase errors   only beside published numbers
================== ============================== ========================== =====================================

A number is worth nothing without the name of its protocol, so each function returns a ``Selection``: the mask to be
scored together with that name, which ``metrics.score_selection`` hands on to every score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from msformer.errors import ImageError, ImageShapeError
from msformer.image import Mask
from msformer.refine import enlarge
from msformer.regions import PlacedRegions

Protocol: TypeAlias = Literal[
    "automatic", "oracle-node", "oracle-nodes", "oracle-cluster", "oracle-components", "released"
]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
"""The names of the protocols, the one that counts first."""
NODE_PROTOCOLS: tuple[Protocol, ...] = ("oracle-node", "oracle-nodes")
"""Those that need the regions of a picture, which only a method that chooses among regions has."""
Labels: TypeAlias = NDArray[np.integer] | Mask
"""One integer a cluster; a mask is a map of 0 and 1."""

GATE_SIDE, GATE_ROUNDS = 7, 2
"""The released scorer dilates the ground truth twice with a 7 × 7 square: by 6 px, diagonals included."""


@dataclass(frozen=True)
class Selection:
    """A mask to be scored, and how it came about.

    Attributes:
        protocol: The protocol that gave the mask.
        mask: Boolean, of the shape of the ground truth.
        clusters: The labels that the mask was made of, ascending; empty under ``automatic``, which sees no labels;
            under ``oracle-node`` and ``oracle-nodes`` the places of the regions in their list, counted from 0.
    """

    protocol: Protocol
    mask: Mask
    clusters: tuple[int, ...]


def automatic(*, mask_pred: Mask) -> Selection:
    """Take the program's own mask as it is; the signature has no room for a ground truth.

    Args:
        mask_pred: Boolean, ``(H, W)`` or ``(D, H, W)``.

    Raises:
        ImageError: The mask is not boolean.
        ImageShapeError: It has no pixels, or not two or three axes.
    """
    require_masks(mask_pred=mask_pred)
    return Selection("automatic", mask_pred, ())


def oracle_node(*, regions: PlacedRegions, mask_gt: Mask) -> Selection:
    """Pick the one region that has the best Dice with the ground truth.

    Regions are carried to the native grid by their nearest pixels: as they are, before their border is drawn anew.

    Args:
        regions: From ``pipeline.regions_of``.
        mask_gt: Boolean, ``(H, W)``, of the shape of the image.

    Returns:
        The region; of equal ones the first. An empty mask where none meets the ground truth.

    Raises:
        ImageError: The ground truth is not boolean.
        ImageShapeError: It has not two axes, or the part of the image that the regions live on is not inside of it.
    """
    counts = _Counts.of(regions, mask_gt)
    return _united("oracle-node", regions, mask_gt, counts.best_one())


def oracle_nodes(*, regions: PlacedRegions, mask_gt: Mask) -> Selection:
    """Unite the disjoint regions whose union has the best Dice there is: the ceiling of the regions.

    The union is optimal. With areas ``a``, areas inside the ground truth ``i`` and its own area ``g``, the Dice of a
    union S of disjoint regions is 2 Σ i / (Σ a + g). S is better than d exactly if Σ (2 i − d a) > d g. So d starts at
    the best single region, a union with the largest Σ (2 i − d a) is sought, and its Dice is the next d, until none
    is better (Dinkelbach 1967). Within one map regions are nested or apart, and the largest sum could be found from
    the leaves to the root; regions of different maps overlap in any way, so it is found as an integer program in
    which no pixel of the grid is taken twice. Of nested regions alone the linear program is integral already.

    Arguments and errors are those of ``oracle_node``.

    Returns:
        The union; never worse than ``oracle_node``. An empty mask where no region meets the ground truth.
    """
    counts = _Counts.of(regions, mask_gt)
    best = counts.best_one()
    while best and (better := counts.best_over(counts.ratio(best))):
        best = better
    return _united("oracle-nodes", regions, mask_gt, best)


def oracle_cluster(*, label_map: Labels, mask_gt: Mask, outside: int | None = None) -> Selection:
    """Pick the one cluster that shares most pixels with the ground truth; nothing is erased.

    The overlap is counted in pixels, as the released scorer does it, so a cluster that swallows object and
    surroundings beats a clean part of the object: the pick need not be the cluster with the best Dice.

    Args:
        label_map: Integers, ``(H, W)`` or ``(D, H, W)``; each value is a cluster, 0 included.
        mask_gt: Boolean, of the same shape.
        outside: The value that stands for no cluster, 0 where a label map of this package has a region of interest.

    Returns:
        The cluster; of equal ones the lowest label. An empty mask where no cluster meets the ground truth.

    Raises:
        ImageError: The labels are not integers or the ground truth is not boolean.
        ImageShapeError: The shapes differ, or have not two or three axes.
    """
    _require_labels("label_map", label_map, mask_gt)
    return _largest_overlap("oracle-cluster", label_map, mask_gt, outside)


def oracle_components(*, label_map: Labels, mask_gt: Mask, outside: int | None = None) -> Selection:
    """Unite the connected components whose union has the best Dice there is: the ceiling of a labelling.

    The components are those of each cluster, with neighbours that share an edge (2-D) or a face (3-D).

    The union is optimal, although only prefixes of a sorted list are tried. Components are disjoint, so with areas
    ``a``, areas inside the ground truth ``i`` and its own area ``g``, Dice(S) = 2 Σ i / (Σ a + g). Let d be the best
    value. A union reaches it exactly if it makes 2 Σ i − d (Σ a + g) = Σ (2 i − d a) − d g as large as it can be:
    if it holds each component with 2 i > d a, that is i / a > d / 2, and none with less. Those are the first ones
    in descending order of i / a, the share inside. (Dinkelbach's argument for ratios, 1967.)

    Arguments and errors are those of ``oracle_cluster``.

    Returns:
        The best union; of equally good ones the one of fewest components. Empty where the ground truth is.
    """
    _require_labels("label_map", label_map, mask_gt)
    components, owners = _components(label_map, outside)
    areas = np.bincount(components.ravel(), minlength=len(owners) + 1)[1:]
    inside = np.bincount(components[mask_gt], minlength=len(owners) + 1)[1:]
    if not inside.any():
        return Selection("oracle-components", np.zeros(label_map.shape, dtype=bool), ())
    order = np.argsort(-inside / areas, kind="stable")
    dice = 2 * np.cumsum(inside[order]) / (np.cumsum(areas[order]) + np.count_nonzero(mask_gt))
    best = order[: int(np.argmax(dice)) + 1]
    chosen = np.zeros(len(owners) + 1, dtype=bool)
    chosen[best + 1] = True
    return Selection("oracle-components", chosen[components], tuple(sorted({owners[name] for name in best})))


def released(*, raw_labels: Labels, mask_gt: Mask) -> Selection:
    """Do what the scorer of the released code does, quirks included; only to stand beside published numbers.

    It takes the cluster other than 0 that shares most pixels with the ground truth, the lowest label if several do,
    and erases what lies outside the ground truth dilated twice with a 7 × 7 square. Everything that is wrong more
    than 6 px away is gone before the score. A binary mask is scored as a map of 0 and 1: only its 1 can be chosen.

    One departure: where no cluster other than 0 meets the ground truth, the released code stops with an error;
    here the mask is empty, which scores 0.

    Args:
        raw_labels: Integers, ``(H, W)``: channels of the network, counted from 0.
        mask_gt: Boolean, of the same shape.

    Raises:
        ImageError: The labels are not integers or the ground truth is not boolean.
        ImageShapeError: The shapes differ, or have not two axes: the gate is defined on pictures only.
    """
    _require_labels("raw_labels", raw_labels, mask_gt)
    if mask_gt.ndim != 2:
        raise ImageShapeError(f"mask_gt must have shape (H, W) under 'released'; got {mask_gt.shape}")
    picked = _largest_overlap("released", raw_labels, mask_gt, outside=0)
    square = np.ones((GATE_SIDE, GATE_SIDE), dtype=np.uint8)
    gate = cv2.dilate(mask_gt.astype(np.uint8), square, iterations=GATE_ROUNDS).astype(bool)
    return Selection(picked.protocol, picked.mask & gate, picked.clusters)


def require_masks(**masks: NDArray[Any]) -> None:
    """Check that masks are boolean, have two or three axes, some pixels and one shape.

    Raises:
        ImageError: A mask is not boolean.
        ImageShapeError: An unfit number of axes, no pixels, or shapes that differ; nothing is ever resized.
    """
    for name, mask in masks.items():
        if mask.dtype != np.bool_:
            raise ImageError(f"{name} must be boolean; got dtype {mask.dtype} (compare it with 0 first)")
    _require_one_grid(**masks)


def _require_labels(name: str, labels: NDArray[Any], mask_gt: Mask) -> None:
    if labels.dtype.kind not in "bui":
        raise ImageError(f"{name} must hold integers; got dtype {labels.dtype}")
    require_masks(mask_gt=mask_gt)
    _require_one_grid(**{name: labels, "mask_gt": mask_gt})


def _require_one_grid(**arrays: NDArray[Any]) -> None:
    for name, array in arrays.items():
        if array.ndim not in (2, 3) or array.size == 0:
            raise ImageShapeError(f"{name} must have shape (H, W) or (D, H, W), no side 0; got {array.shape}")
    if len({array.shape for array in arrays.values()}) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ImageShapeError(f"masks and labels must have one shape, they are never resized; got {shapes}")


def _largest_overlap(protocol: Protocol, labels: Labels, mask_gt: Mask, outside: int | None) -> Selection:
    names, counts = np.unique(labels[mask_gt], return_counts=True)  # ascending, so argmax takes the lowest label
    if outside is not None:
        names, counts = names[names != outside], counts[names != outside]
    if len(names) == 0:
        return Selection(protocol, np.zeros(labels.shape, dtype=bool), ())
    name = int(names[np.argmax(counts)])
    return Selection(protocol, labels == name, (name,))


def _components(labels: Labels, outside: int | None) -> tuple[NDArray[np.intp], list[int]]:
    """Components numbered from 1, 0 for ``outside``, and the label that each is part of."""
    names, ranks = np.unique(labels, return_inverse=True)
    ranks = ranks.reshape(labels.shape) + 1
    components = np.zeros(labels.shape, dtype=np.intp)
    owners: list[int] = []
    for name, box in zip(names, ndimage.find_objects(ranks), strict=True):
        if outside is not None and name == outside:
            continue
        parts, count = ndimage.label(labels[box] == name)
        components[box][parts > 0] = parts[parts > 0] + len(owners)
        owners += [int(name)] * count
    return components, owners


@dataclass(frozen=True, eq=False)
class _Counts:
    """Regions as sets of pixels of their grid, and as numbers of native pixels.

    Attributes:
        members: ``(n, pixels of the grid)``.
        areas: Native pixels of each region.
        inside: Those in the ground truth.
        truth: Native pixels of the ground truth.
    """

    members: NDArray[np.bool_]
    areas: NDArray[np.int64]
    inside: NDArray[np.int64]
    truth: int

    @classmethod
    def of(cls, regions: PlacedRegions, mask_gt: Mask) -> _Counts:
        require_masks(mask_gt=mask_gt)
        if mask_gt.ndim != 2:
            raise ImageShapeError(f"mask_gt must have shape (H, W) where regions are picked; got {mask_gt.shape}")
        part = mask_gt[regions.window]
        wanted = tuple(side.stop - side.start for side in regions.window)
        if part.shape != wanted:
            raise ImageShapeError(f"mask_gt must have the shape of the image, to hold {wanted} px; got {mask_gt.shape}")
        size = int(np.prod(regions.grid))
        places = np.arange(size, dtype=np.float32).reshape(regions.grid)  # exact: far below 2^24
        native = cv2.resize(places, part.shape[::-1], interpolation=cv2.INTER_NEAREST).astype(np.intp)
        members = np.zeros((len(regions.regions), size), dtype=bool)
        for row, region in zip(members, regions.regions, strict=True):
            row[:] = region.on(regions.grid).ravel()
        per_place = np.bincount(native.ravel(), minlength=size)
        inside_per_place = np.bincount(native[part], minlength=size)
        return cls(
            members,
            np.array([per_place[row].sum() for row in members], dtype=np.int64),
            np.array([inside_per_place[row].sum() for row in members], dtype=np.int64),
            int(np.count_nonzero(mask_gt)),
        )

    def ratio(self, chosen: tuple[int, ...]) -> tuple[int, int]:
        """The Dice of a union of disjoint regions, as numerator and denominator."""
        rows = list(chosen)
        return 2 * int(self.inside[rows].sum()), int(self.areas[rows].sum()) + self.truth

    def best_one(self) -> tuple[int, ...]:
        """The region of the best Dice; none where no region meets the ground truth."""
        if not self.inside.any():
            return ()
        return (int(np.argmax(2 * self.inside / (self.areas + self.truth))),)

    def best_over(self, ratio: tuple[int, int]) -> tuple[int, ...]:
        """The union of disjoint regions that is furthest over a Dice, in the sense above; none where none is over."""
        over, under = ratio
        gains = 2 * under * self.inside - over * self.areas  # whole numbers: nothing is lost to rounding
        rows = np.flatnonzero(gains > 0)
        if len(rows) == 0:
            return ()
        chosen = rows[_heaviest(self.members[rows], gains[rows])]
        return tuple(int(row) for row in chosen) if gains[chosen].sum() > over * self.truth else ()


def _heaviest(members: NDArray[np.bool_], gains: NDArray[np.int64]) -> NDArray[np.intp]:
    """The disjoint sets ``(n, places)`` with the largest sum of gains, all of which are positive."""
    shared = members[:, members.sum(axis=0) > 1]
    together = np.unique(np.packbits(shared, axis=0), axis=1)  # places of the same sets say the same
    at_once = np.unpackbits(together, axis=0, count=len(members))
    limits = [LinearConstraint(sparse.csr_array(at_once.T.astype(np.float64)), ub=1)] if at_once.shape[1] else []
    found = milp(
        -gains / gains.max(),
        integrality=np.ones(len(gains)),
        bounds=Bounds(0, 1),
        constraints=limits,
        options={"mip_rel_gap": 0.0},
    )
    return np.flatnonzero(found.x > 0.5)


def _united(protocol: Protocol, regions: PlacedRegions, mask_gt: Mask, chosen: tuple[int, ...]) -> Selection:
    whole = np.zeros(regions.grid, dtype=bool)
    for index in chosen:
        whole |= regions.regions[index].on(regions.grid)
    mask = np.zeros(mask_gt.shape, dtype=bool)
    mask[regions.window] = enlarge(whole, mask[regions.window].shape)
    return Selection(protocol, mask, chosen)

"""The result of one image, and all that is needed to make it again."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from msformer import presenting
from msformer.config import Config, Precision
from msformer.errors import ConfigError
from msformer.image import Image, LabelMap, Mask
from msformer.measure import InstanceRow, Region
from msformer.refine.instances import Instances

if TYPE_CHECKING:
    from msformer.fit import FitStep
    from msformer.interop import GiveBack

COMPUTING_LIBRARIES = ("msformer", "torch", "numpy", "scipy", "scikit-image", "opencv-python-headless")
StopReason = Literal["max_iter", "min_clusters", "cancelled", "blank", "not_iterative"]


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation:
    """The result of one image. ``np.asarray(segmentation)`` gives the label map.

    Two are equal where image, settings and all that was found are, whatever the time that it took.

    Attributes:
        label_map: ``(H, W)`` at the image's own size; 1 to K without gaps, from the darkest cluster to the
            brightest (mean over pixels and channels); 0 is reserved for outside a region of interest.
        mask: ``(H, W)``, True on the object that the rule chose.
        cluster_channels: The number that the clustering itself gave to label 1, 2, …, K: the network's channel.
        votes: ``(H, W)``, the number of restarts that take a pixel for the object; in the pixels of the detail grid,
            where restarts are compared, so that memory does not grow with their number.
        foreground_score: Product of the cues that speak for the object, in [0, 1]; 0 where none was found.
        cues: Each of these cues.
        confidence: Probability that the Dice of the mask is at least .7 (``confidence.py``).
        confidence_reason: Why it is low, in words; empty where it is not.
        compared: The confidence of each preset that competed under ``auto``, best first; empty for a given preset.
        agreement: Mean Dice between the chosen restart and the others; 1 for a single one.
        is_empty: Whether nothing was found, or nothing that passes ``confidence.empty_below``.
        preset_reason: Why ``auto`` chose the preset, empty where it was given.
        regions: One entry a label, measured in the image.
        foreground: The mask measured, None where it is empty.
        history: Losses and number of labels before each update.
        n_iter: Number of updates.
        stop_reason: ``max_iter``, ``min_clusters``, ``cancelled``, ``blank`` for an image without contrast, or
            ``not_iterative`` for a clustering without a loop.
        network: Sizes of the network that was optimised, which initial weights may have set; None without one.
        precision: What the network computed in, never ``auto``; None without a network.
        initial_weights_digest: SHA-256 of the weights that it started from, None where they were drawn.
        intensity_range: The input values that the network saw as 0 and 1.
        working_shape: Rows and columns on which the network worked, without the border.
        timings_s: Seconds of each stage.
        config: All settings.
        versions: Of msformer, Python and the libraries that compute.
        input_digest: SHA-256 of the pixels.
        instances: ``(H, W)``, the objects of the mask one by one, 1 to n, touching ones parted, 0 on the ground; None
            unless ``foreground.objects`` is ``many``, and in slices of volumes.
        objects: One entry an object of ``instances``, measured in the image.
        give_back: Makes planes ``(1, H, W)`` what the image was, see ``mask_image``; None where nobody asked.
        image: What was segmented, for pictures of it; None where nobody asked.
    """

    label_map: LabelMap
    mask: Mask
    votes: NDArray[np.uint8]
    cluster_channels: tuple[int, ...]
    foreground_score: float
    cues: Mapping[str, float]
    confidence: float
    confidence_reason: str
    compared: Mapping[str, float]
    agreement: float
    is_empty: bool
    preset_reason: str
    regions: tuple[Region, ...]
    foreground: Region | None
    history: tuple[FitStep, ...]
    n_iter: int
    stop_reason: StopReason
    network: Mapping[str, int] | None
    precision: Precision | None
    initial_weights_digest: str | None
    intensity_range: tuple[float, float]
    working_shape: tuple[int, int]
    timings_s: Mapping[str, float]
    config: Config
    versions: Mapping[str, str]
    input_digest: str
    instances: Instances | None = None
    objects: tuple[InstanceRow, ...] = ()
    give_back: GiveBack | None = None
    image: Image | None = None

    def __repr__(self) -> str:
        return presenting.short(self)

    def _repr_html_(self) -> str:
        return presenting.page(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Segmentation):
            return NotImplemented
        return self._identity == other._identity and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in ("label_map", "mask", "votes")
        )

    def __hash__(self) -> int:
        return hash((self.input_digest, self.config.digest))

    @property
    def _identity(self) -> tuple[Any, ...]:
        return (
            self.input_digest,
            self.config,
            self.cluster_channels,
            self.confidence,
            self.foreground_score,
            self.n_iter,
            self.initial_weights_digest,
        )

    def overlay(self) -> NDArray[np.uint8]:
        """The image ``(H, W, 3)`` RGB at its own size with the outline of the mask."""
        return presenting.overlay(self)

    def plot(self, axes: Sequence[Any] | None = None) -> Any:
        """Image, clusters and outline side by side, on three axes of matplotlib or a new figure; gives the figure.

        Raises:
            ConfigError: matplotlib is not installed, or there are not three axes.
        """
        return presenting.plot(self, axes)

    def to_dataframe(self) -> Any:
        """The object, its pieces one by one where there are many, and the clusters, as a table of pandas.

        Areas in px, and in mm² where the size of a pixel is known; rows and columns in px; ``mean`` in the units of
        the image.

        Raises:
            ConfigError: pandas is not installed.
        """
        return presenting.table(presenting.rows_of(self))

    def save(self, path: str | Path, what: presenting.What = "mask") -> Path:
        """Write the mask, in the format that the name ends in, where the image has its place.

        Args:
            path: Ends in ``.png``, ``.tif``, ``.nii.gz``, ``.nrrd``, ``.seg.nrrd``, ``.mha``, ``.geojson`` or another
                suffix of ``docs/files.md``.
            what: ``mask``, ``labels`` for the clusters, or ``objects`` for the pieces of the mask one by one.

        Raises:
            ConfigError: ``what`` is none of them, or there are no objects.
            WriteError: No format ends so, or it cannot hold this.
        """
        return presenting.save(path, self._planes, what, self.give_back, f"{self.input_digest} {self.config.digest}")

    def _planes(self, what: presenting.What) -> NDArray[Any]:
        if what == "objects" and self.instances is None:
            raise ConfigError(
                f"what can be objects where foreground.objects is many; got {self.config.foreground.objects}"
            )
        return {"mask": self.mask, "labels": self.label_map, "objects": self.instances}[what][np.newaxis]  # type: ignore[index]

    @property
    def mask_image(self) -> Any:
        """The mask as the kind of thing that was segmented, an image of SimpleITK or nibabel with its geometry, say."""
        return self.mask if self.give_back is None else self.give_back(self.mask[np.newaxis])

    @property
    def label_image(self) -> Any:
        """The label map as the kind of thing that was segmented."""
        return self.label_map if self.give_back is None else self.give_back(self.label_map[np.newaxis])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The label map, so that array functions take a segmentation as they take labels."""
        return np.array(self.label_map, dtype=dtype, copy=copy)

    @property
    def n_labels(self) -> int:
        """Number of labels K in the label map."""
        return len(self.cluster_channels)

    @property
    def stability(self) -> NDArray[np.float32]:
        """``(H, W)`` in [0, 1], the share of the restarts that take a pixel for the object; computed when asked for."""
        return np.asarray(self.votes / np.float32(self.config.restarts), dtype=np.float32)

    @property
    def converged(self) -> bool:
        """Whether the loop ended by itself, with few clusters."""
        return self.stop_reason == "min_clusters"

    def record(self) -> dict[str, Any]:
        """Everything but the arrays, ready for JSON."""
        return {
            "n_labels": self.n_labels,
            "n_iter": self.n_iter,
            "stop_reason": self.stop_reason,
            "converged": self.converged,
            "preset": self.config.preset,
            "preset_reason": self.preset_reason,
            "foreground_score": self.foreground_score,
            "cues": dict(self.cues),
            "confidence": self.confidence,
            "confidence_reason": self.confidence_reason,
            "compared": dict(self.compared),
            "agreement": self.agreement,
            "is_empty": self.is_empty,
            "foreground": None if self.foreground is None else asdict(self.foreground),
            "n_objects": None if self.instances is None else len(self.objects),
            "cluster_channels": list(self.cluster_channels),
            "working_shape": list(self.working_shape),
            "network": None if self.network is None else dict(self.network),
            "precision": self.precision,
            "initial_weights_digest": self.initial_weights_digest,
            "intensity_range": list(self.intensity_range),
            "history": [asdict(step) for step in self.history],
            "timings_s": dict(self.timings_s),
            "seed": self.config.random_state,
            "config": self.config.model_dump(mode="json"),
            "config_digest": self.config.digest,
            "input_digest": self.input_digest,
            "versions": dict(self.versions),
        }


def versions() -> dict[str, str]:
    """Versions of msformer, Python and the libraries that compute."""
    return dict(_versions())


@cache  # read from the files of the installation: once, not once a case
def _versions() -> tuple[tuple[str, str], ...]:
    return ("python", platform.python_version()), *((name, version(name)) for name in COMPUTING_LIBRARIES)

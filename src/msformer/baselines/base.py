"""What every baseline shares: the description of a method, and small conversions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msformer.cluster import Clusterer, Clustering
from msformer.config import MOST_CLUSTERS, Config
from msformer.errors import ConfigError
from msformer.prepare import Prepared


@dataclass(frozen=True)
class Method:
    """A way to cluster the pixels of one image, and what is known of it.

    Attributes:
        name: Name on the command line and in tables.
        cluster: The clustering; it is given the prepared image and the settings, and nothing else.
        seeded: Whether it draws random numbers, so that a benchmark repeats it with several seeds.
        reference: Paper, and library if it is not written here.
        limits: What it cannot do, in a sentence.
        object_label: Channel of its logits that the method itself calls the object; None where it has no such notion.
        by_clusters: Whether the rule chooses among its clusters whatever the settings say. Otherwise regions of the
            image may decide, to which the clustering means nothing.
    """

    name: str
    cluster: Clusterer
    seeded: bool
    reference: str
    limits: str
    object_label: int | None = None
    by_clusters: bool = True


@dataclass(frozen=True)
class LearningSettings:
    """Sizes and limits of the methods that learn from their own labels; those of both authors' programs.

    Attributes:
        width: Channels, and clusters at the start.
        depth: Blocks of the network.
        max_iter: Most updates; SGSCN's own number, where DFC's program allows 1,000, which would take minutes a case.
        min_labels: The loop stops after the update that started from this many labels or fewer.
        learning_rate: Of stochastic gradient descent.
        momentum: The same.
    """

    width: int = 100
    depth: int = 2
    max_iter: int = 50
    min_labels: int = 3
    learning_rate: float = 0.1
    momentum: float = 0.9


@dataclass(frozen=True)
class Counted:
    """A clustering with a number of classes: plain data, so that nothing else can be carried into it.

    Raises:
        ConfigError: The number is under 2, or more than any setting of the package allows.
    """

    run: Callable[[Prepared, Config, int], Clustering]
    count: int

    def __post_init__(self) -> None:
        if not 2 <= self.count <= MOST_CLUSTERS:
            raise ConfigError(f"count must be from 2 to {MOST_CLUSTERS}; got {self.count}")

    def __call__(self, prepared: Prepared, settings: Config) -> Clustering:
        """Cluster into ``count`` classes."""
        return self.run(prepared, settings, self.count)


def one_hot(labels: NDArray[np.integer]) -> NDArray[np.float32]:
    """Hard labels ``(h, w)``, 0 to K − 1, as logits ``(K, h, w)`` of 0 and 1."""
    names = np.arange(int(labels.max()) + 1)
    return np.asarray(names[:, None, None] == labels, dtype=np.float32)


def seed_32(settings: Config) -> int:
    """A seed of 32 bits, which is all that scikit-learn takes, from the settings' seed of 63."""
    return int(np.random.SeedSequence(settings.random_state).generate_state(1)[0])

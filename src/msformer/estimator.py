"""The method in scikit-learn's clothes: parameters in the constructor, results with a trailing underscore."""

from __future__ import annotations

import inspect
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClusterMixin

from msformer.api import segment
from msformer.config import DEFAULT_PRESET, Config, merge
from msformer.hints import hint_settings
from msformer.image import Image, LabelMap, Mask
from msformer.segmentation import Segmentation


class MSFormer(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Estimator of one image's label map.

    Follows scikit-learn's conventions. Parameters left at None come from the preset. One fit is one image: its rows
    are no samples, and there is no ``predict`` for other images, because the parameters mean nothing beyond the image
    that they were optimised on. Searches over parameters take the whole image as their one split: with
    ``rows = range(len(image))``, ``GridSearchCV(MSFormer(), {"n_clusters": [2, 3]}, cv=[(rows, rows)], scoring=…)``.

    Args:
        preset: Named settings to start from.
        random_state: Seed.
        working_size: Side in px of the square with as many pixels as the network sees.
        embed_dim: Channels of the network, and clusters at the start.
        max_iter: Most updates.
        min_clusters: Stop after the update that started from this many clusters or fewer.
        learning_rate: Step size.
        polarity: Whether the object is darker or brighter than its surroundings; see ``hints.hint_settings``, which
            explains this and the following ones.
        objects: How many there are.
        touches_frame: Whether the object may touch the frame.
        share: Smallest and largest share of the image.
        region: Look only here.
        box: The object fills about this box.
        point: The object holds this pixel.
        n_clusters: Number of clusters, at most.
        restarts: Seeds that are tried.

    Attributes:
        labels_: Label map ``(H, W)``, 1 to K.
        mask_: Foreground mask ``(H, W)``.
        confidence_: How far the mask can be trusted, in [0, 1].
        n_iter_: Number of updates.
        converged_: Whether the loop ended by itself, with few clusters.
        loss_history_: Weighted sum of the losses before each update.
        segmentation_: Everything else.

    Examples:
        >>> import numpy as np
        >>> image = np.full((64, 64), 200, dtype=np.uint8)
        >>> image[20:40, 20:40] = 30
        >>> MSFormer(random_state=0).fit_predict(image).shape
        (64, 64)
    """

    labels_: LabelMap
    mask_: Mask
    confidence_: float
    n_iter_: int
    converged_: bool
    loss_history_: list[float]
    segmentation_: Segmentation

    def __init__(
        self,
        *,
        preset: str = DEFAULT_PRESET,
        random_state: int | None = None,
        working_size: int | None = None,
        embed_dim: int | None = None,
        max_iter: int | None = None,
        min_clusters: int | None = None,
        learning_rate: float | None = None,
        polarity: str | None = None,
        objects: str | None = None,
        touches_frame: bool | None = None,
        share: tuple[float, float] | None = None,
        region: tuple[int, int, int, int] | None = None,
        box: tuple[int, int, int, int] | None = None,
        point: tuple[int, int] | None = None,
        n_clusters: int | None = None,
        restarts: int | None = None,
    ) -> None:
        # scikit-learn's convention: store as given, check in fit.
        self.preset = preset
        self.random_state = random_state
        self.working_size = working_size
        self.embed_dim = embed_dim
        self.max_iter = max_iter
        self.min_clusters = min_clusters
        self.learning_rate = learning_rate
        self.polarity = polarity
        self.objects = objects
        self.touches_frame = touches_frame
        self.share = share
        self.region = region
        self.box = box
        self.point = point
        self.n_clusters = n_clusters
        self.restarts = restarts

    def fit(self, image: Image | ArrayLike, y: None = None) -> Self:
        """Segment ``image``, ``(H, W)`` or ``(H, W, C)``; ``y`` is ignored, as clusterings do.

        Raises:
            ConfigError: A parameter is wrong.
            ImageError: The image cannot be segmented as given.
        """
        result = segment(image, self._config(), progress=False)
        self.segmentation_ = result
        self.labels_ = result.label_map
        self.mask_ = result.mask
        self.confidence_ = result.confidence
        self.n_iter_ = result.n_iter
        self.converged_ = result.converged
        self.loss_history_ = [step.losses["total"] for step in result.history]
        return self

    def fit_predict(self, image: Image | ArrayLike, y: None = None) -> LabelMap:
        """Segment ``image`` and return its label map ``(H, W)``."""
        return self.fit(image).labels_

    def __sklearn_tags__(self) -> Any:
        """An image is no table of samples, and may hold NaN, which is no data."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    def _config(self) -> Config:
        groups: dict[str, dict[str, Any]] = {
            "prepare": {"working_size": self.working_size},
            "network": {"embed_dim": self.embed_dim},
            "fit": {
                "max_iter": self.max_iter,
                "min_clusters": self.min_clusters,
                "learning_rate": self.learning_rate,
            },
        }
        given = {group: {k: v for k, v in values.items() if v is not None} for group, values in groups.items()}
        hints = hint_settings(**{name: getattr(self, name) for name in inspect.signature(hint_settings).parameters})
        settings = Config.from_preset(self.preset).replace(**merge(given, hints))
        return settings if self.random_state is None else settings.replace(random_state=self.random_state)

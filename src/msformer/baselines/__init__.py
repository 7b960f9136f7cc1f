"""Other ways to cluster the pixels, behind the same call and between the same stages as the method itself.

``segment(image, "kmeans-3")`` is ``msformer.segment(image)`` with another clustering, and with the clusters to choose
among and not regions of the image: preparation, foreground rule and boundary are shared, so that the clustering alone
is compared. Only ``msformer`` itself chooses among what the settings say; ``msformer-clusters`` is its clustering under
the rule of the others. A method is given the prepared image and the settings;
the registry refuses anything that asks for more, so none can be shown a ground truth. Heavy libraries are imported
when a method first runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import ArrayLike

from msformer.baselines import (
    chan_vese,
    deepcluster,
    dfc,
    disc,
    felzenszwalb,
    grabcut,
    iic,
    kmeans,
    otsu,
    sgscn,
    slic,
    untrained,
)
from msformer.baselines.base import Counted, Method
from msformer.cluster import Clustering, chosen_clusterer, network_clusterer
from msformer.config import DEFAULT_PRESET, Config
from msformer.errors import ConfigError
from msformer.foreground import Scene, score_mask
from msformer.image import Image
from msformer.measure import measure_instances, measure_mask
from msformer.pipeline import segment_with
from msformer.prepare import Prepared
from msformer.refine import part_instances
from msformer.segmentation import Segmentation

__all__ = ["METHODS", "Method", "get_method", "method_names", "register", "segment", "settings_of"]

CLUSTERER_ARGUMENTS = ("prepared", "settings")
"""All that a method is given."""
COUNTED_ARGUMENTS = (*CLUSTERER_ARGUMENTS, "count")
"""The same for a method with a number of classes."""

_methods: dict[str, Method] = {}
METHODS: Mapping[str, Method] = MappingProxyType(_methods)
"""Every registered method by name, in the order of the tables."""


def method_names() -> list[str]:
    """List the names of the registered methods, in the order of the tables."""
    return list(METHODS)


def get_method(name: str) -> Method:
    """Look a method up.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in METHODS:
        raise ConfigError(f"method must be one of {', '.join(METHODS)}; got {name!r}")
    return METHODS[name]


def register(method: Method) -> Method:
    """Add a method to the registry and return it.

    Its clustering must be a plain function, or a ``Counted`` one, that takes exactly ``(prepared, settings)``. A
    further argument, with or without a default, or values bound beforehand (a closure, a ``partial``, a method of an
    object) would be a way in for a ground truth, and is refused.

    Raises:
        ConfigError: The clustering is or takes something else, or the name is taken.
    """
    function: Callable[..., Clustering] = method.cluster
    wanted: tuple[str, ...] = CLUSTERER_ARGUMENTS
    if isinstance(function, Counted):
        function, wanted = function.run, COUNTED_ARGUMENTS
    if not inspect.isfunction(function) or function.__closure__:
        kind = type(function).__name__ if not inspect.isfunction(function) else "a function that closes over values"
        raise ConfigError(f"method {method.name!r}: cluster must be a plain function; got {kind}")
    # Not what a decorator claims: what is really called.
    arguments = inspect.signature(function, follow_wrapped=False).parameters
    positional = all(
        argument.kind in (argument.POSITIONAL_ONLY, argument.POSITIONAL_OR_KEYWORD)
        and argument.default is argument.empty
        for argument in arguments.values()
    )
    if tuple(arguments) != wanted or not positional:
        raise ConfigError(
            f"method {method.name!r}: cluster must take exactly ({', '.join(CLUSTERER_ARGUMENTS)}); "
            f"got ({', '.join(str(argument) for argument in arguments.values())})"
        )
    if method.name in _methods:
        raise ConfigError(f"method names must differ; {method.name!r} is taken")
    _methods[method.name] = method
    return method


def settings_of(method: str, config: Config | str | None = None) -> Config:
    """The settings that a method runs with: those given, with ``foreground.source = "clusters"`` for a clustering.

    Raises:
        ConfigError: The method is unknown, or the settings are wrong.
    """
    by_clusters = get_method(method).by_clusters
    settings = config if isinstance(config, Config) else Config.from_preset(config or DEFAULT_PRESET)
    return settings.replace(foreground={"source": "clusters"}) if by_clusters else settings


def segment(
    image: Image | ArrayLike,
    method: str,
    config: Config | str | None = None,
    *,
    random_state: int | None = None,
    spacing_mm: tuple[float, float] | None = None,
    own_foreground: bool = False,
) -> Segmentation:
    """Segment one image with a registered method; the call of ``msformer.segment``.

    Args:
        image: ``(H, W)`` or ``(H, W, C)``, at least 33 px a side, finite; or an ``Image``.
        method: Name of a method.
        config: Settings, or the name of a preset; the default preset if left out.
        random_state: Seed; overrides that of the settings.
        spacing_mm: Size of a pixel (row, column) in mm; overrides that of the image.
        own_foreground: Take what the method itself calls the object, and not what the common rule chooses. The score
            is then the rule's score of that object on the working grid.

    Raises:
        ConfigError: The method is unknown, it has no notion of an object of its own, or the settings are wrong.
        ImageError: The image cannot be segmented as given.
        FitDivergedError: The loss of a method that learns became NaN or infinite.
    """
    chosen = get_method(method)
    settings = settings_of(method, config)
    if not own_foreground:
        return segment_with(chosen.cluster, image, settings, random_state=random_state, spacing_mm=spacing_mm)
    if chosen.object_label is None:
        able = ", ".join(name for name, one in METHODS.items() if one.object_label is not None)
        raise ConfigError(f"own_foreground must be used with one of {able}; {method!r} has no object of its own")
    picture = image if isinstance(image, Image) else Image.from_array(image)
    if spacing_mm is not None:
        picture = replace(picture, spacing_mm=spacing_mm)
    seen: list[Prepared] = []

    def watched(prepared: Prepared, settings: Config) -> Clustering:
        seen.append(prepared)
        return chosen.cluster(prepared, settings)

    result = segment_with(watched, picture, settings, random_state=random_state)
    if not seen:  # a blank image is not clustered and has no object
        return result
    own = np.array([channel == chosen.object_label for channel in result.cluster_channels])
    mask = own[result.label_map - 1]
    scene = Scene(seen[0].working.appearance, seen[0].working.valid)
    small = cv2.resize(mask.astype(np.uint8), result.working_shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)
    instances = None if result.instances is None else part_instances(mask, result.config.refine.neck)
    return replace(
        result,
        mask=mask,
        instances=instances,
        objects=() if instances is None else measure_instances(picture, instances),
        foreground=measure_mask(picture, mask),
        foreground_score=score_mask(small, scene, result.config.foreground.cues)[0],
    )


def _msformer(prepared: Prepared, settings: Config) -> Clustering:
    return network_clusterer()(prepared, settings)


register(
    Method(
        name="msformer",
        cluster=_msformer,
        seeded=True,
        reference="Karimijafarbigloo, Azad, Kazerouni & Merhof, MIDL 2023, PMLR 227:680-694; this project",
        limits="Labels itself by the argmax, so large clusters grow: training merges the object with what is near it.",
        by_clusters=False,
    )
)
register(
    Method(
        name="msformer-clusters",
        cluster=_msformer,
        seeded=True,
        reference="the same, with the object chosen among its clusters, as in the paper, and not among regions",
        limits="The same; what its clusters do not part cannot be chosen.",
    )
)


def _as_shipped(prepared: Prepared, settings: Config) -> Clustering:
    return chosen_clusterer()(prepared, settings)


register(
    Method(
        name="as-shipped",
        cluster=_as_shipped,
        seeded=True,
        reference="this project: the clustering that the preset names, with the object chosen among its clusters",
        limits="Those of the clustering that the preset names.",
    )
)
for _module in (untrained, otsu, kmeans, slic, felzenszwalb, chan_vese, grabcut, disc, dfc, sgscn, iic, deepcluster):
    for _method in _module.METHODS:
        register(_method)

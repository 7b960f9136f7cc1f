"""Segment medical images with no labels, no pre-trained network and no GPU.

Names are loaded when they are first used, so that ``import msformer`` costs milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from msformer.threads import shorten_spin

if TYPE_CHECKING:
    from msformer.api import segment, segment_volume
    from msformer.app.widget import edit
    from msformer.config import Config, preset_names
    from msformer.editing import Editor
    from msformer.errors import (
        ConfigError,
        FitDivergedError,
        ImageError,
        ImageShapeError,
        MSFormerError,
        NonFiniteImageError,
        ReadError,
        WeightsError,
    )
    from msformer.estimator import MSFormer
    from msformer.image import Image
    from msformer.io.reading import read
    from msformer.segmentation import Segmentation
    from msformer.volume import Volume
    from msformer.volumes import VolumeSegmentation

__version__ = "0.1.0"

shorten_spin()  # here, because nothing of the package can load PyTorch before

_HOME = {
    "Editor": "editing",
    "Config": "config",
    "preset_names": "config",
    "ConfigError": "errors",
    "FitDivergedError": "errors",
    "ImageError": "errors",
    "ImageShapeError": "errors",
    "MSFormerError": "errors",
    "NonFiniteImageError": "errors",
    "ReadError": "errors",
    "WeightsError": "errors",
    "MSFormer": "estimator",
    "Image": "image",
    "read": "io.reading",
    "Segmentation": "segmentation",
    "segment": "api",
    "segment_volume": "api",
    "edit": "app.widget",
    "Volume": "volume",
    "VolumeSegmentation": "volumes",
}

__all__ = [  # noqa: RUF022 - as a reader would look for them
    "segment",
    "Segmentation",
    "segment_volume",
    "VolumeSegmentation",
    "MSFormer",
    "Editor",
    "edit",
    "Config",
    "preset_names",
    "Image",
    "Volume",
    "read",
    "MSFormerError",
    "ConfigError",
    "ImageError",
    "ImageShapeError",
    "NonFiniteImageError",
    "ReadError",
    "WeightsError",
    "FitDivergedError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'msformer' has no attribute {name!r}")
    value = getattr(import_module(f"msformer.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

"""Random scenes with exact truth, to fit what must work on any medical picture: no anatomy, no data set.

:func:`make_scene` randomises shape, contrast, texture, light, what lies around an object and what a camera adds, so
widely that a real picture is one more draw. Nothing here opens a file or needs torch, and numpy's global random state
is left alone.
"""

from __future__ import annotations

from msformer.scenes.options import SceneOptions
from msformer.scenes.paint import Thing
from msformer.scenes.scene import Scene, make_scene

__all__ = ["Scene", "SceneOptions", "Thing", "make_scene"]

"""A small JPEG of the preview of each case, for the page: made where the case is done, and again where it is older."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from msformer.io.atomic import atomic_path
from msformer.plain import printable
from msformer.render import jpeg

logger = logging.getLogger(__name__)

FOLDER = "thumbnails"
WIDTH = 960
"""Longest side in px; about 50 kB each."""


def thumbnail_of(out: Path, record: Mapping[str, Any]) -> str | None:
    """The thumbnail of a case that is done, made from its preview unless it is there and no older.

    Args:
        out: Folder of the results.
        record: Of the case; its ``outputs`` have no thumbnail, which can be made again at any time.

    Returns:
        Path below ``out``, and None where there is no picture of the case: that stops nothing.
    """
    relative = f"{FOLDER}/{record['case_id']}.jpg"
    path = out / relative
    try:
        preview = out / record["outputs"]["preview"]
        if not _is_fresh(path, preview):
            with Pillow.open(preview) as opened, atomic_path(path) as temporary:
                temporary.write_bytes(jpeg(np.asarray(opened.convert("RGB")), WIDTH))
    except Exception as error:  # decoders raise anything when a file is broken
        logger.debug("%s has no picture on the page: %s", printable(record["case_id"]), printable(str(error)))
        return None
    return relative


def _is_fresh(path: Path, preview: Path) -> bool:
    """Whether a thumbnail can stay: it is no older than the preview, or all that is left of it."""
    if not path.is_file():
        return False
    return not preview.exists() or path.stat().st_mtime_ns >= preview.stat().st_mtime_ns

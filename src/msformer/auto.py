"""Which preset fits an image."""

from __future__ import annotations

from msformer.image import Image


def choose_preset(image: Image) -> tuple[str, str]:
    """Placeholder."""
    return "general", "placeholder"

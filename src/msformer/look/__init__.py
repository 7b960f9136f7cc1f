"""How pages look, alike in all of them: colours for light and dark, type, controls."""

from __future__ import annotations

from importlib import resources

FILES = resources.files("msformer.look")
"""``base.css``, which a page has before its own style."""


def base_style() -> str:
    """The style that pages share, for a page that has it inside."""
    return (FILES / "base.css").read_text(encoding="utf-8")


__all__ = ["FILES", "base_style"]

"""How pages look, alike in all of them: colours for light and dark, type, controls; and how they are made."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template

FILES = resources.files("msformer.look")
"""``base.css``, which a page has before its own style."""


def base_style() -> str:
    """The style that pages share, for a page that has it inside."""
    return (FILES / "base.css").read_text(encoding="utf-8")


def template(name: str) -> Template:
    """A template of a page, filled by ``render`` or, bit by bit, by ``generate``.

    What is put in is text: markup in it is shown, not followed, unless it is said to be ``Markup``. A name that the
    template asks for and does not get is an error.

    Args:
        name: Address of the file below the package, with slashes.
    """
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("msformer", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


__all__ = ["FILES", "base_style", "template"]

"""Text of strangers → text that is safe to show: on a terminal, in a cell of a spreadsheet."""

from __future__ import annotations

import re

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What commands a terminal, ends a line, turns the direction of writing, or is no text."""
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What spreadsheets take for the beginning of a formula."""


def printable(text: str) -> str:
    r"""The text with all that is no plain character written as an escape: ``\x1b``."""
    return UNSAFE.sub(lambda found: ascii(found.group())[1:-1], text)


def cell(text: str) -> str:
    """A text for a cell of a CSV: control characters as escapes, and ``'`` before what would be a formula.

    Blanks before a formula are left out by some spreadsheets.
    """
    is_formula = text.startswith(FORMULA) or text.lstrip().startswith(FORMULA)
    return f"'{printable(text)}" if is_formula else printable(text)

"""Options that take several values in a row: ``--seeds 0 1 2``, ``--window 40 400``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class ManyValues(TyperCommand):
    """A command without positional arguments, whose repeatable options take values up to the next option.

    ``--seeds 0 1 2`` is read as ``--seeds 0 --seeds 1 --seeds 2``, which still works too.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each further value."""
        repeatable = {name for param in self.params if getattr(param, "multiple", False) for name in param.opts}
        expanded: list[str] = []
        current: str | None = None
        for index, word in enumerate(args):
            if word.startswith("-"):
                current = word if word in repeatable else None
            elif current is not None and args[index - 1] != current:
                expanded.append(current)
            expanded.append(word)
        return super().parse_args(ctx, expanded)


class NumberPairs(TyperCommand):
    """A command whose repeatable option ``--window`` takes one word or two numbers.

    ``--window 40 400`` is read as ``--window 40 --window 400``; what follows a single word is another argument.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before a second number."""
        expanded: list[str] = []
        for index, word in enumerate(args):
            if (
                args[max(index - 2, 0)] == "--window"
                and index >= 2
                and _is_number(args[index - 1])
                and _is_number(word)
            ):
                expanded.append("--window")
            expanded.append(word)
        return super().parse_args(ctx, expanded)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""What a bar on a terminal shows, alike for every long command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import ProgressColumn


def bar_columns(word: str) -> tuple[ProgressColumn, ...]:
    """What is done, in a word; the bar, counts, time gone and left; and what is at hand."""
    from rich import progress

    return (
        progress.TextColumn(word),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.description}"),
    )

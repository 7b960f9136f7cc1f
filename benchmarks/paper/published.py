"""What the paper's two tables say, and which differences of theirs are looked for again."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Karimijafarbigloo, Azad, Kazerouni & Merhof, MIDL 2023, PMLR 227:680–694"
Published = tuple[float, float, float]
"""Dice, HM, XOR in percent."""

TABLE_1: dict[str, dict[str, Published]] = {
    "PH2": {
        "kmeans": (71.3, 130.8, 41.3),
        "deepcluster": (79.6, 35.8, 31.3),
        "iic": (81.2, 35.3, 29.8),
        "sgscn": (83.4, 32.3, 28.2),
        "msformer": (86.0, 23.1, 25.9),
    },
    "lung CT": {
        "kmeans": (92.7, 10.6, 12.6),
        "deepcluster": (87.5, 16.1, 18.8),
        "sgscn": (89.1, 16.1, 34.3),
        "msformer": (94.6, 8.1, 14.8),
    },
}
TABLE_2: dict[str, Published] = {
    "cross-entropy": (83.6, 25.8, 30.2),
    "with-intra": (84.1, 25.4, 29.4),
    "with-inter": (84.3, 25.3, 28.4),
    "msformer": (86.0, 23.1, 25.9),
}
"""On PH2."""


@dataclass(frozen=True)
class Difference:
    """A difference in Dice that the paper shows.

    Attributes:
        table: 1 or 2.
        column: Of ``TABLE_1``.
        first: Method whose Dice is the higher one in the paper.
        second: The other.
        points: Their difference there, in hundredths.
    """

    table: int
    column: str
    first: str
    second: str
    points: float


def differences() -> list[Difference]:
    """All that the paper makes a point of: its method over the others, and each loss over being without it."""
    found = [
        Difference(1, column, "msformer", name, round(rows["msformer"][0] - values[0], 1))
        for column, rows in TABLE_1.items()
        for name, values in rows.items()
        if name != "msformer"
    ]
    pairs = (
        ("msformer", "cross-entropy"),
        ("msformer", "with-intra"),
        ("msformer", "with-inter"),
        ("with-intra", "cross-entropy"),
        ("with-inter", "cross-entropy"),
    )
    return found + [
        Difference(2, "PH2", first, second, round(TABLE_2[first][0] - TABLE_2[second][0], 1)) for first, second in pairs
    ]

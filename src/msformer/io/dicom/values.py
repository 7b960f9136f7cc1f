"""Numbers of a header, where they are numbers."""

from __future__ import annotations

import math
from typing import Any


def numbers_of(data: Any, name: str, count: int) -> tuple[float, ...] | None:
    """The values of an element where there are so many and all are finite."""
    try:
        found = tuple(float(one) for one in data.get(name))
    except (TypeError, ValueError, OverflowError):
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def number_of(data: Any, name: str) -> float | None:
    """The value of an element where it is a finite number."""
    try:
        value = float(data.get(name))
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None

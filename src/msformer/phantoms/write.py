"""Phantoms → files, laid out as the benchmark reads them: ``<kind>/images/NAME.png`` and ``<kind>/masks/NAME.png``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msformer.errors import ConfigError
from msformer.io import write_mask, write_png, write_text
from msformer.phantoms import PHANTOM_KINDS, make_phantom
from msformer.phantoms.base import check_choice, check_count, check_range
from msformer.segmentation import versions

DIFFICULTIES = (0.1, 0.3, 0.6)
OPTIONS: dict[str, dict[str, Any]] = {"lung_ct": {"values": "8-bit"}}
"""Options of a kind that differ from its function's: a PNG shows no negative Hounsfield units."""

Listing = dict[str, Any]


def write_phantoms(
    out: Path,
    kinds: Sequence[str] = PHANTOM_KINDS,
    *,
    count: int = 4,
    seed: int = 0,
    difficulties: Sequence[float] = DIFFICULTIES,
) -> Listing:
    """Make phantoms and write image, mask and listing; the same arguments give the same bytes.

    Args:
        out: Folder; made if it is missing.
        kinds: Some of ``PHANTOM_KINDS``; one named twice is written once.
        count: Phantoms of each kind at each difficulty.
        seed: Of the first; the following ones count on.
        difficulties: Each in [0, 1]; one named twice is written once.

    Returns:
        The contents of ``phantoms.json``.

    Raises:
        ConfigError: A kind is unknown, a number is out of range, or two difficulties are so close that their
            phantoms would have the same name. Nothing is written then.
    """
    kinds = [check_choice("kind", kind, PHANTOM_KINDS) for kind in dict.fromkeys(kinds)]
    difficulties = [check_range("difficulty", value, 0, 1) for value in dict.fromkeys(difficulties)]
    check_count("count", count, 100_000, low=1)
    check_count("seed", seed, 2**63 - count)
    _require_own_names(difficulties)
    entries = [
        _write_one(out, kind, seed=seed + number, difficulty=difficulty)
        for kind in kinds
        for difficulty in difficulties
        for number in range(count)
    ]
    listing = {
        "kinds": kinds,
        "count": count,
        "seed": seed,
        "difficulties": difficulties,
        "options": {kind: OPTIONS.get(kind, {}) for kind in kinds},
        "versions": versions(),
        "phantoms": entries,
    }
    write_text(out / "phantoms.json", json.dumps(listing, indent=1, allow_nan=False) + "\n")
    return listing


def _write_one(out: Path, kind: str, *, seed: int, difficulty: float) -> dict[str, Any]:
    phantom = make_phantom(kind, seed=seed, difficulty=difficulty, **OPTIONS.get(kind, {}))
    image, mask = (f"{kind}/{side}/{phantom.name}.png" for side in ("images", "masks"))
    write_png(out / image, phantom.image)
    write_mask(out / mask, phantom.mask)
    return {
        "name": phantom.name,
        "kind": kind,
        "difficulty": difficulty,
        "seed": seed,
        "image": image,
        "mask": mask,
        "shape": list(phantom.image.shape),
        "object_px": int(phantom.mask.sum()),
    }


def _require_own_names(difficulties: Sequence[float]) -> None:
    """Names carry the difficulty in whole percent, so it must differ by that.

    Raises:
        ConfigError: Two do not.
    """
    by_percent: dict[int, float] = {}
    for value in difficulties:
        other = by_percent.setdefault(round(100 * value), value)
        if other != value:
            raise ConfigError(f"difficulties must differ in whole percent, as names tell it; got {other} and {value}")

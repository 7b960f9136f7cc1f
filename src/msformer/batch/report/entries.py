"""A record → what the page says of its case."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from msformer.batch.files import SLICES_SHOWN
from msformer.batch.record import Record
from msformer.plain import printable

State = Literal["segmented", "changed", "corrected", "failed"]
STATES: dict[str, State] = {"own": "segmented", "region": "changed", "outline": "changed", "corrected": "corrected"}
"""By where a mask comes from once its folder has taught."""
FILES = {
    "masks": "mask", "masks-alone": "mask by itself", "labels": "labels", "instances": "objects",
    "stability": "stability", "preview": "preview",
}  # fmt: skip
"""Kinds of files in the order in which the page has them, and what it calls them."""


def state_of(record: Record) -> State:
    """What became of a case."""
    if record["status"] == "failed":
        return "failed"
    return STATES[record["learned"]["source"]] if "learned" in record else "segmented"


def address(relative: str) -> str:
    """The address of a file below the folder of the page; no name of a file makes it lead elsewhere."""
    return "./" + quote(os.fsencode(relative))


def details_of(record: Record, picture: str | None) -> dict[str, Any]:
    """What the page shows of a case beside its name and state, ready for JSON.

    Args:
        record: Of the case.
        picture: Address of its picture; None where there is none.
    """
    if record["status"] == "failed":
        return {"facts": [printable(record["error"])]}
    return {
        "picture": picture,
        "ratio": _ratio(record),
        "facts": [printable(fact) for fact in _facts(record)],
        "files": [[word, address(path)] for word, path in _files(record["outputs"])],
    }


def _ratio(record: Record) -> float:
    """Width over height of the picture, nearly: room is kept for it before it is there."""
    if "slices" in record:
        rows, columns = (side for axis, side in enumerate(record["shape"]) if axis != record["axis"])
        rows *= min(len(record["slices"]), SLICES_SHOWN)
    else:
        rows, columns = record["shape"]
    return round(float(3 * columns / max(rows, 1)), 3)


def _facts(record: Record) -> list[str]:
    share = 0.0 if record["foreground"] is None else record["foreground"]["area_share"]
    facts = [
        f"{' × '.join(map(str, reversed(record['shape'])))} px",
        f"{record['n_labels']} clusters",
        "nothing found" if record["is_empty"] else f"object {share:.1%} of the image",
        "" if record.get("n_objects") is None else f"{record['n_objects']} objects",
        f"confidence {record['confidence']:.2f}" + _in_brackets(record.get("confidence_reason")),
        f"preset {record['preset']}" + _in_brackets(record["preset_reason"]),
        _learned(record["learned"]) if "learned" in record else "",
        *_loop(record),
        f"{record['elapsed_s']:.1f} s",
    ]
    return [fact for fact in facts if fact]


def _in_brackets(text: str | None) -> str:
    return f" ({text})" if text else ""


def _loop(record: Record) -> list[str]:
    """How the clusters came about, and what there was to note."""
    if "slices" in record:
        changed = f"clusters changed {record['labels_changed']} of {record['labels_followed']} times"
        return [f"{len(record['slices'])} slices, {changed}", *record["notes"]]
    is_loop = record["stop_reason"] != "not_iterative"
    how = f"network, {record['n_iter']} updates ({record['stop_reason']})" if is_loop else "k-means"
    return [how, *record["notes"]]


def _learned(learned: Mapping[str, Any]) -> str:
    """What learning did to a mask, in words."""
    words = {"own": "kept its own mask", "corrected": "corrected by hand"}
    return f"{words.get(learned['source'], 'CHANGED by what the folder taught')} ({learned['reason']})"


def _files(outputs: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name and path of each file of a case, masks first; the second format of a kind is ``masks.FORMAT``."""
    ranks = list(FILES)
    found = []
    for kind, path in outputs.items():
        first, _, more = kind.partition(".")
        rank = ranks.index(first) if first in FILES else len(ranks)
        found.append((rank, FILES.get(first, first) + (f", {more}" if more else ""), path))
    return [(word, path) for _, word, path in sorted(found, key=lambda one: one[0])]

"""A record → what the page says of its case."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from msformer.batch.files import SLICES_SHOWN
from msformer.batch.pictures import COLOURS, OVERLAYS, SLICES, band_of, strip_tile
from msformer.batch.record import Record
from msformer.plain import printable
from msformer.render import GAP
from msformer.volumes import shown_slices

State = Literal["segmented", "changed", "corrected", "failed"]
STATES: dict[str, State] = {"own": "segmented", "region": "changed", "outline": "changed", "corrected": "corrected"}
"""By where a mask comes from once its folder has taught."""
LOOKS_RIGHT, WORTH_A_LOOK = 0.75, 0.5
"""Confidences from which a mask is called so."""
FILES = {
    "overlays": "outline on the image", "colours": "clusters in colours", "masks": "mask",
    "masks-alone": "mask by itself", "labels": "labels", "instances": "objects", "stability": "stability",
    "preview": "preview",
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
        picture: Address of its small picture; None where there is none.
    """
    if record["status"] == "failed":
        return {"facts": [printable(record["error"])]}
    outputs = record["outputs"]
    full = {kind: address(outputs[kind]) if kind in outputs else None for kind in (OVERLAYS, COLOURS)}
    return {
        "picture": picture,
        "full": full[OVERLAYS] or (address(outputs["preview"]) if "preview" in outputs else None),
        "colours": full[COLOURS],
        "clusters": record["n_labels"],
        "ratio": _ratio(record),
        "sure": certainty(record["confidence"]),
        "facts": [printable(fact) for fact in _facts(record)],
        "how": [printable(fact) for fact in _how(record)],
        "files": [[word, address(path)] for word, path in _files(outputs)],
    } | (_slices(record) if OVERLAYS in outputs and "slices" in record else {})


def certainty(confidence: float) -> tuple[str, str]:
    """How certain a mask is, in the words of the page of ``app``, and how serious that is: low, middle or high."""
    if confidence >= LOOKS_RIGHT:
        return "looks right", "high"
    return ("worth a look", "middle") if confidence >= WORTH_A_LOOK else ("probably wrong", "low")


def because(record: Record) -> str:
    """Why a mask is uncertain, as a sentence; empty where there is no reason."""
    reason = record.get("confidence_reason")
    if not reason and "slices" in record and record["confidence"] < WORTH_A_LOOK:
        reason = _doubtful_slices(record["slices"], record["confidences"])
    return f"Because {reason}." if reason else ""


def _doubtful_slices(numbers: Sequence[int], confidences: Sequence[float]) -> str:
    """Which slices of a volume are probably wrong; empty where none is."""
    doubtful = [number for number, value in zip(numbers, confidences, strict=True) if value < WORTH_A_LOOK]
    if not doubtful:
        return ""
    least = numbers[min(range(len(numbers)), key=confidences.__getitem__)]
    many = "all" if len(doubtful) == len(numbers) else f"{len(doubtful)} of"
    return f"the masks of {many} {len(numbers)} slices are probably wrong, that of slice {least} most of all"


def _slices(record: Record) -> dict[str, Any]:
    """Which slices the strip of a volume has, in words, and its width over its height."""
    numbers = list(shown_slices(tuple(record["slices"]), SLICES))
    every = "" if len(numbers) == len(record["slices"]) else f"{len(numbers)} of "
    words = f"{every}{len(record['slices'])} slices, {numbers[0]} to {numbers[-1]}"
    rows, columns = strip_tile(_plane(record))
    return {"slices": words, "strip": round(len(numbers) * (columns + GAP) / (rows + band_of(rows)), 3)}


def _plane(record: Record) -> tuple[int, int]:
    """Rows and columns of a slice."""
    rows, columns = (side for axis, side in enumerate(record["shape"]) if axis != record["axis"])
    return rows, columns


def _ratio(record: Record) -> float:
    """Width over height of the picture, nearly: room is kept for it before it is there."""
    if "slices" in record:
        rows, columns = _plane(record)
        rows *= min(len(record["slices"]), SLICES_SHOWN)
    else:
        rows, columns = record["shape"]
    return round(float(3 * columns / max(rows, 1)), 3)


def _facts(record: Record) -> list[str]:
    """What a person who looks at the mask wants to know."""
    share = 0.0 if record["foreground"] is None else record["foreground"]["area_share"]
    size = " × ".join(map(str, reversed(record["shape"])))
    what = "The object covers" if record.get("n_objects") is None else f"{record['n_objects']} objects cover"
    found = "Nothing was found." if record["is_empty"] else f"{what} {100 * share:.1f} % of the image."
    facts = [
        because(record),
        f"The program is {100 * record['confidence']:.0f} % sure of its mask.",
        found,
        _learned(record["learned"]) if "learned" in record else "",
        f"{size} px" + (f", {len(record['slices'])} slices" if "slices" in record else ""),
    ]
    return [fact for fact in facts if fact]


def _how(record: Record) -> list[str]:
    """How the mask came about, for those who know the method."""
    return [
        f"preset {record['preset']}" + _in_brackets(record["preset_reason"]),
        f"{record['n_labels']} clusters",
        *_loop(record),
        f"{record['elapsed_s']:.1f} s",
    ]


def _in_brackets(text: str | None) -> str:
    return f" ({text})" if text else ""


def _loop(record: Record) -> list[str]:
    """How the clusters came about, and what there was to note."""
    if "slices" in record:
        return [f"clusters changed {record['labels_changed']} of {record['labels_followed']} times", *record["notes"]]
    is_loop = record["stop_reason"] != "not_iterative"
    how = f"network, {record['n_iter']} updates ({record['stop_reason']})" if is_loop else "k-means"
    return [how, *record["notes"]]


def _learned(learned: Mapping[str, Any]) -> str:
    """What learning did to a mask, in words."""
    words = {"own": "It kept its own mask", "corrected": "It was corrected by hand"}
    return f"{words.get(learned['source'], 'CHANGED by what the folder taught')}: {learned['reason']}."


def _files(outputs: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name and path of each file of a case, masks first; the second format of a kind is ``masks.FORMAT``."""
    ranks = list(FILES)
    found = []
    for kind, path in outputs.items():
        first, _, more = kind.partition(".")
        rank = ranks.index(first) if first in FILES else len(ranks)
        found.append((rank, FILES.get(first, first) + (f", {more}" if more else ""), path))
    return [(word, path) for _, word, path in sorted(found, key=lambda one: one[0])]

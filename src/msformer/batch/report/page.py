"""``index.html``: the cases for eyes, a page of them at a time, opened from a disk without a server.

The page has a template, a style and a script in ``static/``. What it shows comes in scripts as well, because a page on
a disk may load those and no other data: an index with all that cases are sorted and filtered by, and chunks with the
rest. Few cases have both, and their pictures, inside the page, which then is one file; more have them in ``report/``
and ``thumbnails/``, from where they are loaded as they are looked at.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from markupsafe import Markup

from msformer.batch.pictures import OVERLAYS
from msformer.batch.record import Record
from msformer.batch.report.entries import address, because, certainty, details_of
from msformer.batch.report.index import Index
from msformer.batch.skipped import count, in_words
from msformer.batch.thumbnails import thumbnail_of
from msformer.io.write import text_file, write_text
from msformer.look import base_style, template
from msformer.plain import printable
from msformer.render import data_uri, label_colours

logger = logging.getLogger(__name__)

WHOLE_BELOW = 200
"""Fewer cases than these are one self-contained file."""
CHUNK = 200
"""Cases in a file of ``report/``; about 100 kB. A page in another order than theirs takes many files, all small."""
FOLDER = "report"
OURS = re.compile(r"index\.js|cases-\d{4,}\.js")
LISTED = 200
"""Of what was passed over, so many of each kind are named on the page."""
LONGEST = 300
"""Characters of a name in that list; of what is longer the end is shown."""
PLAIN = 200
"""So many cases have a line on the page for browsers without scripts."""
SWATCHES = 8
"""Of the legend: the colours that differ for any eye."""
IN_SCRIPT = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&"})
"""What would end a script, or begin a comment, inside a page."""


def write_page(
    out: Path,
    records: Sequence[Record],
    order: Sequence[int],
    summary: Mapping[str, Any],
    skipped: Sequence[Mapping[str, str]],
) -> None:
    """Write the page and what it loads, a chunk of cases in memory at a time.

    Args:
        out: Folder of the results.
        records: Of the cases.
        order: Indices of the records, those to look at first in front.
        summary: What is said of the run as a whole.
        skipped: What was passed over.
    """
    is_whole = len(records) < WHOLE_BELOW
    index = Index(CHUNK, "" if is_whole else f"./{FOLDER}/")
    chunks = _chunks(out, (records[place] for place in order), index, is_whole=is_whole)
    written = set()
    calls: Iterator[Markup] = iter(())
    if is_whole:
        calls = _calls(chunks, index)
    else:
        for number, chunk in enumerate(chunks):
            written.add(f"cases-{number + 1:04d}.js")
            write_text(out / FOLDER / f"cases-{number + 1:04d}.js", _call("cases", number, chunk))
        written.add("index.js")
        write_text(out / FOLDER / "index.js", _call("index", index.record()))
    with text_file(out / "index.html") as page:
        parts = template("batch/report/static/page.html").generate(
            **_words(out, len(records), summary),
            n_cases=len(records),
            plain=[_plain(records[place]) for place in order[:PLAIN]],
            n_skipped=len(skipped),
            skipped=_skipped(skipped),
            calls=calls,
            data=None if is_whole else f"./{FOLDER}/index.js",
        )
        page.writelines(parts)
    _remove_others(out / FOLDER, written)


def _chunks(out: Path, records: Iterator[Record], index: Index, *, is_whole: bool) -> Iterator[list[dict[str, Any]]]:
    """What the page shows of the cases, so many at a time; ``index`` gets each of them."""
    without = 0
    chunk: list[dict[str, Any]] = []
    for record in records:
        index.add(record)
        picture = None if record["status"] == "failed" else _picture(out, record, is_whole=is_whole)
        without += picture is None and record["status"] != "failed"
        chunk.append(details_of(record, picture))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
    if without:
        logger.warning("cases without a picture on the page, whose previews cannot be read: %d", without)


def _picture(out: Path, record: Record, *, is_whole: bool) -> str | None:
    """Address of the picture of a case, or the picture itself as one; None where there is none."""
    thumbnail = thumbnail_of(out, record)
    if thumbnail is None:
        return None
    return data_uri("jpeg", (out / thumbnail).read_bytes()) if is_whole else address(thumbnail)


def _calls(chunks: Iterator[list[dict[str, Any]]], index: Index) -> Iterator[Markup]:
    """The data of a page that has it inside; the index is whole once all chunks were made, so it comes last."""
    for number, chunk in enumerate(chunks):
        yield _call("cases", number, chunk)
    yield _call("index", index.record())


def _call(name: str, *values: Any) -> Markup:
    """A call of the page's script, for a script inside a page or beside it."""
    packed = (json.dumps(value, separators=(",", ":"), allow_nan=False) for value in values)
    return Markup(f"msformer.{name}({','.join(packed).translate(IN_SCRIPT)});")


def _words(out: Path, n_cases: int, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the template says of the run as a whole, with its style and script."""
    static = resources.files("msformer.batch.report") / "static"
    style, script = ((static / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    others = len(summary["left_from_other_runs"])
    return {
        "title": f"msformer: {summary['done']} segmented, {summary['failed']} failed, {summary['n_skipped']} skipped",
        "style": Markup(base_style() + style),
        "script": Markup(script),
        "facts": [
            f"{summary['created'][:16].replace('T', ' ')} UTC",
            f"preset {summary['config']['preset']}",
            f"seed {summary['config']['random_state']}",
            f"msformer {summary['versions']['msformer']}",
            f"settings {summary['config_digest']}",
            *([f"{others} files here are of other runs"] if others else []),
            *([f"interrupted after {n_cases} of {summary['planned']}"] if summary["interrupted"] else []),
        ],
        "tables": ["regions.csv", *(["objects.csv"] if (out / "objects.csv").is_file() else []), "report.json"],
        "swatches": label_colours(SWATCHES).tolist()[1:],
    }


def _plain(record: Record) -> dict[str, str | None]:
    """A case as browsers without scripts show it: its name, a link to its largest picture, what there is to say."""
    name = _shown(record["case_id"])
    if record["status"] == "failed":
        return {"name": name, "link": None, "words": f"failed, {_shown(record['error'])}"}
    outputs = record["outputs"]
    kind = next((one for one in (OVERLAYS, "preview", "masks") if one in outputs), None)
    return {
        "name": name,
        "link": None if kind is None else address(outputs[kind]),
        "words": f"{certainty(record['confidence'])[0]}. {_shown(because(record))}",
    }


def _skipped(skipped: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """What was passed over, by kind of reason, with the first of each."""
    return [
        {
            "title": in_words({why: number}),
            "number": number,
            "some": [
                {"path": _shown(one["path"]), "reason": _shown(one["reason"])}
                for one in islice((one for one in skipped if one["why"] == why), LISTED)
            ],
        }
        for why, number in count(skipped).items()
    ]


def _shown(text: str) -> str:
    """Text of a stranger without what commands a terminal, and not without end."""
    return printable(text if len(text) <= LONGEST else f"…{text[-LONGEST:]}")


def _remove_others(folder: Path, written: set[str]) -> None:
    """Remove what a report of more cases has left."""
    with contextlib.suppress(OSError):  # there is no such folder, or it holds what is not ours
        for path in folder.iterdir():
            if OURS.fullmatch(path.name) and path.name not in written:
                path.unlink()
        folder.rmdir()

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
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from msformer.batch.pictures import OVERLAYS
from msformer.batch.record import Record
from msformer.batch.report.entries import address, because, certainty, details_of
from msformer.batch.report.index import Index
from msformer.batch.skipped import count, in_words
from msformer.batch.thumbnails import thumbnail_of
from msformer.io.write import text_file, write_text
from msformer.look import base_style
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
    plain = _plain_list([records[place] for place in order[:PLAIN]], len(records))
    head, tail = _frame(out, len(records), summary, skipped, plain)
    written = set()
    if is_whole:
        with text_file(out / "index.html") as page:
            page.write(head)
            page.writelines(f"<script>{_call('cases', *chunk)}</script>\n" for chunk in enumerate(chunks))
            page.write(f"<script>{_call('index', index.record())}</script>\n{tail}")
    else:
        for number, chunk in enumerate(chunks):
            written.add(f"cases-{number + 1:04d}.js")
            write_text(out / FOLDER / f"cases-{number + 1:04d}.js", _call("cases", number, chunk))
        written.add("index.js")
        write_text(out / FOLDER / "index.js", _call("index", index.record()))
        write_text(out / "index.html", f'{head}<script src="./{FOLDER}/index.js"></script>\n{tail}')
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


def _call(name: str, *values: Any) -> str:
    """A call of the page's script, for a script inside a page or beside it."""
    packed = (json.dumps(value, separators=(",", ":"), allow_nan=False) for value in values)
    return f"msformer.{name}({','.join(packed).translate(IN_SCRIPT)});"


def _frame(
    out: Path, n_cases: int, summary: Mapping[str, Any], skipped: Sequence[Mapping[str, str]], plain: str
) -> tuple[str, str]:
    """The page before and after the data."""
    static = resources.files("msformer.batch.report") / "static"
    template, style, script = (
        (static / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    others = len(summary["left_from_other_runs"])
    facts = [
        f"{summary['created'][:16].replace('T', ' ')} UTC",
        f"preset {summary['config']['preset']}",
        f"seed {summary['config']['random_state']}",
        f"msformer {summary['versions']['msformer']}",
        f"settings {summary['config_digest']}",
        *([f"{others} files here are of other runs"] if others else []),
        *([f"interrupted after {n_cases} of {summary['planned']}"] if summary["interrupted"] else []),
    ]
    tables = ["regions.csv", *(["objects.csv"] if (out / "objects.csv").is_file() else []), "report.json"]
    marker = "<!--data-->"
    head, tail = (
        Template(template)
        .substitute(
            title=escape(
                f"msformer: {summary['done']} segmented, {summary['failed']} failed, {summary['n_skipped']} skipped"
            ),
            style=base_style() + style,
            script=script,
            summary=escape(" · ".join(facts)),
            tables=", ".join(f'<a href="./{name}">{name}</a>' for name in tables),
            swatches=_swatches(),
            plain=plain,
            skipped=_skipped_section(skipped),
            data=marker,
        )
        .split(marker)
    )
    return head, tail


def _swatches() -> str:
    """The colours of the first clusters, with their numbers."""
    shown = label_colours(SWATCHES).tolist()[1:]
    return "".join(
        f'<span class="swatch" style="background:rgb({red} {green} {blue})">{number}</span>'
        for number, (red, green, blue) in enumerate(shown, start=1)
    )


def _plain_list(records: Sequence[Record], n_cases: int) -> str:
    """The first cases with links to their largest pictures, for browsers without scripts."""
    rows = []
    for record in records:
        name = _shown(record["case_id"])
        if record["status"] == "failed":
            rows.append(f"<li>{name}: failed, {_shown(record['error'])}</li>\n")
            continue
        outputs = record["outputs"]
        kind = next((one for one in (OVERLAYS, "preview", "masks") if one in outputs), None)
        link = name if kind is None else f'<a href="{escape(address(outputs[kind]))}">{name}</a>'
        rows.append(f"<li>{link}: {certainty(record['confidence'])[0]}. {_shown(because(record))}</li>\n")
    more = f"<p>and {n_cases - len(records)} more</p>\n" if n_cases > len(records) else ""
    return f"<ul>\n{''.join(rows)}</ul>\n{more}"


def _skipped_section(skipped: Sequence[Mapping[str, str]]) -> str:
    """What was passed over, a list for each kind of reason; empty where nothing was."""
    if not skipped:
        return ""
    counts = count(skipped)
    lists = []
    for why, number in counts.items():
        some = [one for one in skipped if one["why"] == why][:LISTED]
        rows = "".join(f"<li>{_shown(one['path'])}: {_shown(one['reason'])}</li>\n" for one in some)
        more = f"<li>and {number - LISTED} more, which report.json has</li>\n" if number > LISTED else ""
        lists.append(f"<h3>{escape(in_words({why: number}))}</h3>\n<ul>\n{rows}{more}</ul>\n")
    return (
        f"<details id='skipped'><summary>Skipped {len(skipped)}: {escape(in_words(counts))}</summary>\n"
        f"{''.join(lists)}</details>\n"
    )


def _shown(text: str) -> str:
    """Text of a stranger inside a page."""
    return escape(printable(text if len(text) <= LONGEST else f"…{text[-LONGEST:]}"))


def _remove_others(folder: Path, written: set[str]) -> None:
    """Remove what a report of more cases has left."""
    with contextlib.suppress(OSError):  # there is no such folder, or it holds what is not ours
        for path in folder.iterdir():
            if OURS.fullmatch(path.name) and path.name not in written:
                path.unlink()
        folder.rmdir()

"""Write the pages that come from the program itself, or check that they are up to date.

python scripts/build_docs.py [--check]
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from msformer.baselines import METHODS
from msformer.batch.report.schema import report_schema
from msformer.cli import EXAMPLES
from msformer.config import Config, preset_names

DOCS = Path(__file__).parent.parent / "docs"


def main() -> int:
    """Write the pages; with ``--check``, tell which differ and return 1."""
    pages = {"command-line.md": command_line(), "settings.md": settings(), "methods.md": methods()}
    pages["report.schema.json"] = json.dumps(report_schema(), indent=1) + "\n"
    stale = [name for name, text in pages.items() if not same(DOCS / name, text)]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"docs/{name} is not what the program says: run scripts/build_docs.py", file=sys.stderr)
        return int(bool(stale))
    for name in stale:
        (DOCS / name).write_text(pages[name], encoding="utf-8")
    return 0


def same(path: Path, text: str) -> bool:
    """Whether the file holds the text."""
    return path.exists() and path.read_text(encoding="utf-8") == text


def command_line() -> str:
    """Options of every command, as the program's own help has them."""
    command = [sys.executable, "-m", "typer", "msformer.cli", "utils", "docs", "--name", "msformer"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # Escaped for HTML, which Markdown does not need outside of tags.
    text = text.replace("&gt;", ">").replace("&lt;", "<")
    for call, purpose in EXAMPLES:  # a terminal keeps the blanks between the two, Markdown does not
        text = text.replace(f"\n{call}   {purpose}\n", f"\n* `{call}`: {purpose}\n")
    return f"<!-- written by scripts/build_docs.py -->\n\n{text.strip()}\n"


def methods() -> str:
    """Every registered method with its source and its known limit; variants of one method share a line."""
    families: dict[tuple[str, str], list[str]] = {}
    for method in METHODS.values():
        families.setdefault((method.reference, method.limits), []).append(f"`{method.name}`")
    lines = [
        "<!-- written by scripts/build_docs.py -->",
        "",
        "# Methods of the benchmark",
        "",
        "All stand behind the same call, `msformer.baselines.segment(image, name)`, and share preparation, foreground",
        "rule and refinement. `msformer` chooses among what `foreground.source` says, regions by default; all others",
        "choose among their clusters, so that between them the clustering alone differs.",
        "",
        "| name | source | known limit |",
        "|---|---|---|",
        *(f"| {', '.join(names)} | {source} | {limit} |" for (source, limit), names in families.items()),
    ]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """Every setting with its meaning, its limits and its value in each preset."""
    presets = preset_names()
    lines = [
        "<!-- written by scripts/build_docs.py -->",
        "",
        "# Settings",
        "",
        "Give one with `--set group.name=value`, several in a TOML file with `--config`; `msformer segment",
        "--print-config` prints such a file. Command line goes over environment, file and preset, in this order.",
        "",
        f"| setting | meaning | limits | {' | '.join(presets)} |",
        "|---|---|---|" + "---|" * len(presets),
    ]
    values = [Config.from_preset(name).model_dump() for name in presets]
    lines += rows(Config, "", values)
    return "\n".join(lines) + "\n"


def rows(model: type[BaseModel], prefix: str, values: list[dict[str, object]]) -> list[str]:
    """One line a setting of ``model``, groups expanded."""
    lines = []
    for name, field in model.model_fields.items():
        inside = [value[name] for value in values]
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines += rows(field.annotation, f"{prefix}{name}.", [dict(value) for value in inside])  # type: ignore[call-overload]
        else:
            shown = " | ".join(
                "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
                for value in inside
            )
            lines.append(f"| `{prefix}{name}` | {field.description} | {limits(field)} | {shown} |")
    return lines


def limits(field: FieldInfo) -> str:
    """Bounds and choices of a setting in signs."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [
        f"{sign} {getattr(entry, key):g}"
        for entry in field.metadata
        for key, sign in signs.items()
        if hasattr(entry, key)
    ]
    choices = getattr(field.annotation, "__args__", ())
    found += [str(choice) for choice in choices if isinstance(choice, str)]
    return ", ".join(found)


if __name__ == "__main__":
    sys.exit(main())

"""The page's modules as one, which is what a notebook takes.

The modules of this project keep to one form, so that a few lines can join them: each imports and exports names at the
beginning of a line, ``import { a, b } from "./c.js";`` and ``export function``, ``class`` or ``const``. Each becomes a
function that gives what it exports, in the order in which they need each other; the one asked for stays as it is.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from posixpath import dirname, join, normpath

from msformer.errors import ConfigError
from msformer.look import base_style

ENTRY = "widget/widget.js"
PARTS = "widget/parts.js"
"""What is made here: markup and style."""
IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";.*\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{([^}]*)\}\s*\}")
SHOWN = re.compile(r"<!-- easel -->(.*?)<!-- /easel -->", re.DOTALL)
FOLDER = re.compile(r"<!-- folder -->.*?<!-- /folder -->", re.DOTALL)


def bundle() -> str:
    """The widget as one module."""
    done: dict[str, str] = {}
    entry = _joined(ENTRY, done)
    return "\n".join([*done.values(), entry])


def markup() -> str:
    """What of the page's markup the widget shows."""
    return "".join(FOLDER.sub("", part) for part in SHOWN.findall(_text("static/index.html")))


def style() -> str:
    """The page's style and the widget's own, for a shadow root.

    The colours of the page are the host's, dark ones where it is marked ``data-dark``, as notebooks have themes of
    their own; what the page does in a narrow window the widget does in a narrow cell.
    """
    page = DARK.sub(r":host([data-dark]) {\1}", base_style() + _text("static/style.css"))
    page = page.replace(":root", ":host").replace("@media (max-width", "@container (max-width")
    return page + _text("widget/widget.css")


def _joined(name: str, done: dict[str, str]) -> str:
    """A module without imports, after those that it needs were added to ``done``.

    Raises:
        ConfigError: It imports or exports in another form, or what needs itself.
    """
    text = _parts() if name == PARTS else _text(name)

    def fetch(found: re.Match[str]) -> str:
        other = normpath(join(dirname(name), found[2]))
        if other not in done:
            done[other] = ""  # is under way
            made = _module(other, done)
            del done[other]  # so that it stands behind what it needs
            done[other] = made
        if not done[other]:
            raise ConfigError(f"{name} must not import {other}, which needs it")
        return f"const {{{found[1].replace(' as ', ': ')}}} = {_named(other)};\n"

    text = IMPORT.sub(fetch, text)
    left = [line for line in LEFT.findall(EXPORT.sub("", text)) if not line.startswith("export default")]
    if left:
        raise ConfigError(f"{name} must import and export as bundle.py says; got {left[0]!r}")
    return text


def _module(name: str, done: dict[str, str]) -> str:
    text = _joined(name, done)
    exported = ", ".join(EXPORT.findall(text))
    return f"// {name}\nconst {_named(name)} = (() => {{\n{EXPORT.sub('', text)}return {{ {exported} }};\n}})();\n"


def _named(name: str) -> str:
    return "from_" + re.sub(r"\W", "_", name.removesuffix(".js"))


def _parts() -> str:
    return f"export const MARKUP = {json.dumps(markup())};\nexport const STYLE = {json.dumps(style())};\n"


def _text(name: str) -> str:
    return (resources.files("msformer.app") / name).read_text(encoding="utf-8")

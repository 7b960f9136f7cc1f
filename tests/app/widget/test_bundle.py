"""The page's modules as one: in order, each in a room of its own, in the one form that is understood."""

from __future__ import annotations

import pytest

from msformer.app.widget import bundle as module
from msformer.errors import ConfigError


def put(monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> None:
    monkeypatch.setattr(module, "_text", texts.__getitem__)


def test_what_is_needed_stands_before_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, {
        "widget/widget.js": 'import { a } from "../static/a.js";\nimport { c as d } from "./c.js"; // why\n'
        "export default { a, d };\n",
        "static/a.js": 'import { c } from "../widget/c.js";\nconst own = 1;\nexport const a = c + own;\n',
        "widget/c.js": "const own = 2;\nexport const c = own;\nexport async function e() {}\n",
    })  # fmt: skip
    assert module.bundle() == (
        "// widget/c.js\nconst from_widget_c = (() => {\nconst own = 2;\nconst c = own;\nasync function e() {}\n"
        "return { c, e };\n})();\n\n"
        "// static/a.js\nconst from_static_a = (() => {\nconst { c } = from_widget_c;\nconst own = 1;\n"
        "const a = c + own;\n"
        "return { a };\n})();\n\n"
        "const { a } = from_static_a;\nconst { c: d } = from_widget_c;\nexport default { a, d };\n"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('import * as all from "./a.js";\n', r"got 'import \* as all"),
        ("export { a, b };\n", "got 'export { a, b };'"),
        ('import { a } from "./widget.js";\n', "must not import widget/b.js, which needs it"),
    ],
)
def test_other_forms_are_refused(monkeypatch: pytest.MonkeyPatch, text: str, words: str) -> None:
    put(monkeypatch, {"widget/b.js": text, "widget/widget.js": 'import { b } from "./b.js";\nexport default {};\n'})
    with pytest.raises(ConfigError, match=words):
        module.bundle()


def test_the_folder_s_parts_of_the_page_are_left_out() -> None:
    markup = module.markup()
    assert 'id="live"' in markup
    assert 'id="show-mask"' in markup
    assert 'id="accept"' not in markup
    assert 'id="cases"' not in markup

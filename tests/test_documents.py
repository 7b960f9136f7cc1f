"""Code in the documents runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from msformer import segment
from msformer.phantoms import make_phantom

DOCS = Path(__file__).parent.parent / "docs"


def test_each_stage_alone_gives_what_the_pipeline_gives() -> None:
    code = re.findall(r"```python\n(.*?)```", (DOCS / "method.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(code) == 1
    pixels = make_phantom("dermoscopy", seed=2, shape=(151, 199)).image
    names: dict[str, Any] = {"pixels": pixels}
    exec(code[0], names)
    result = segment(pixels, "dermoscopy")
    assert result.mask.any()
    np.testing.assert_array_equal(names["mask"], result.mask)
    assert names["chosen"].score == result.foreground_score


def test_every_picture_that_a_page_shows_is_there() -> None:
    for page in [*DOCS.glob("*.md"), DOCS.parent / "README.md"]:
        for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / path).exists(), f"{page.name} shows {path}"

"""Code in the documents runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import msformer
from msformer import confidence, segment
from msformer.foreground import CUES
from msformer.foreground.evidence import region_evidence
from msformer.phantoms import make_phantom
from msformer.regions import NAMES
from msformer.regions.features import AMONG

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
    for page in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]:
        for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / path).exists(), f"{page.name} shows {path}"


@pytest.mark.parametrize("page", ["how/python.md", "how/correct.md"])
def test_code_of_the_how_tos_runs_as_it_stands(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL):
        exec(code, names)
    assert names["image"].any()
    assert list(tmp_path.iterdir())  # a mask was saved


def test_every_page_is_in_the_menu_of_the_site_and_in_the_readme() -> None:
    there = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if "learning" not in page.parts}
    menu = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert set(re.findall(r"[\w/-]+\.md", menu)) == there
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(docs/([\w/-]+\.md)\)", readme)) == there - {"index.md"}


def test_the_reference_has_every_public_name() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    told = re.findall(r"^::: msformer\.([\w.]+)$", page, flags=re.MULTILINE)
    assert "errors" in told
    errors = {name for name in msformer.__all__ if name.endswith("Error")}
    assert {name.rpartition(".")[2] for name in told} - {"errors"} == set(msformer.__all__) - errors - {"__version__"}


def test_the_numbers_of_the_first_page_are_those_of_the_benchmark() -> None:
    page = (DOCS / "benchmark.md").read_text(encoding="utf-8")
    table = page.partition("## Protocol `automatic`")[2].partition("## ")[0]
    means, name = {}, ""
    for first, method, mean in re.findall(r"^\| ([^|]*) \| ([^|]*) \| ([\d.]+) \|", table, flags=re.MULTILINE):
        name = first.partition(",")[0] or name
        if method == "msformer":
            means[name] = mean
    shown = re.findall(
        r"^\| [^|]+ \| (\w+) \| ([\d.]+) \|$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(shown) == 7
    assert all(means[name] == mean for name, mean in shown)


def test_the_page_of_the_regions_has_every_descriptor_once() -> None:
    page = (DOCS / "regions.md").read_text(encoding="utf-8")
    first = re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)
    assert first == [*NAMES, *AMONG]
    assert f"{len(NAMES)} descriptors" in page


def test_two_pages_say_of_every_cue_what_it_measures() -> None:
    for name in ("method.md", "evidence.md"):
        page = (DOCS / name).read_text(encoding="utf-8")
        table = page[page.index("| cue |") :].split("\n\n")[0]
        assert sorted(re.findall(r"^\| `(\w+)` \| \w", table, flags=re.MULTILINE)) == sorted(CUES), name


def test_the_readme_says_how_many_weights_ship() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert f"{len(region_evidence().weight)} weights that say how much" in readme
    assert f"and {len(confidence.FEATURES)} that say how far" in readme


def test_the_model_card_is_that_of_the_network_that_ships() -> None:
    from msformer.prompting import grown_network

    grown = grown_network()
    text = (DOCS / "model-card.md").read_text(encoding="utf-8")
    assert grown.digest in text
    seen = grown.recipe["steps"] * grown.recipe["scenes"]
    assert f"{seen:,} random scenes" in text
    assert f"{seen * grown.recipe['prompts'] * grown.recipe['rounds']:,} answers" in text
    for name in ("one_click", "best_of_three", "one_box"):
        assert f"{grown.curve[-1][name]:.3f}".lstrip("0") in text

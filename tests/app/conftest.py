"""A small folder of results that is made once, and a page of a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.app.helpers import CHROMIUM, FLAGS, write_lesions

from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config


@pytest.fixture(scope="session")
def segmented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three lesions in ``in`` and their results in ``out``; copy it to write into it."""
    folder = tmp_path_factory.mktemp("segmented")
    write_lesions(folder / "in", 3)
    config = Config.from_preset("dermoscopy")
    run_cases(plan_cases([str(folder / "in")]), config, folder / "out")
    return folder


@pytest.fixture
def out(segmented: Path, tmp_path: Path) -> Path:
    """A folder of results of one's own."""
    shutil.copytree(segmented / "out", tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser a module."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: make test installs it as root, else apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def new_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Makes pages; whatever they say that is wrong fails the test, as does a request to anywhere else."""
    contexts: list[Any] = []
    faults: list[str] = []

    def make(address: str, *, in_context_of: Any = None, **options: Any) -> Any:
        context = in_context_of or browser.new_context(**({"viewport": {"width": 1280, "height": 720}} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        origin = address.partition("/?")[0]
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))

        def said(message: Any) -> None:
            if "Content Security" in message.text:
                faults.append(message.text)

        def seen(request: Any) -> None:
            if not request.url.startswith((origin, "blob:", "data:")):
                faults.append(f"asks {request.url}")

        page.on("console", said)
        page.on("request", seen)
        page.goto(address)
        return page

    yield make
    for context in dict.fromkeys(contexts):
        context.close()
    assert not faults

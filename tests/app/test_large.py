"""A large photograph: how long a frame takes while somebody paints on it. Told, not judged: machines differ."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from tests.app.helpers import needs_chromium, read_mask, served
from tests.app.test_page import NewPage, place, quiet, ready

from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config
from msformer.phantoms import make_phantom

pytestmark = needs_chromium
SHAPE = 3000, 4000
WATCH_JS = """() => {
  const times = window.frameTimes = [];
  const next = (time) => { times.push(time); window.watching = requestAnimationFrame(next); };
  window.watching = requestAnimationFrame(next);
}"""

DIGEST_JS = """async () => {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', window.msformer.view.mask));
  return Array.from(bytes, (one) => one.toString(16).padStart(2, '0')).join('');
}"""


def frames(page: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    times = page.evaluate("() => { cancelAnimationFrame(window.watching); return window.frameTimes; }")
    return np.diff(np.array(times, dtype=np.float64))


def test_painting_on_twelve_megapixels(
    tmp_path: Path, new_page: NewPage, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    small = make_phantom("dermoscopy", seed=1, difficulty=0.2).image
    large = cv2.resize(small, SHAPE[::-1], interpolation=cv2.INTER_CUBIC)
    Pillow.fromarray(large).save(tmp_path / "in" / "large.png", compress_level=1)
    run_cases(plan_cases([str(tmp_path / "in")]), Config.from_preset("dermoscopy"), tmp_path / "out")
    with served(tmp_path, "out") as program:
        page = new_page(program.address)
        ready(page)
        told = {}
        for name, zooms in (("whole", 0), ("native", 1)):
            if zooms:
                page.evaluate("() => window.msformer.view.zoom(1 / window.msformer.view.scale)")
            page.keyboard.press("b")
            x, y = place(page, 1500, 2000)
            page.mouse.move(x - 200, y - 100)
            page.mouse.down()
            page.evaluate(WATCH_JS)
            for step in range(120):
                page.mouse.move(x - 200 + 3 * step, y - 100 + 40 * np.sin(step / 6))
            found = frames(page)
            page.mouse.up()
            quiet(page)
            told[name] = float(np.median(found)), float(np.percentile(found, 95))
            assert len(found) > 10
        drawn = hashlib.sha256(read_mask(tmp_path / "out" / "corrections" / "large.png").tobytes()).hexdigest()
        assert page.evaluate(DIGEST_JS) == drawn
    with capsys.disabled():
        for name, (median, late) in told.items():
            record_property(f"frame_ms_{name}", median)
            sys.stdout.write(f"\n4000 × 3000 px, {name}: a frame while painting {median:.1f} ms, 95 % {late:.1f} ms\n")

"""The small picture of a case: when it is made, when it stays."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.batch.report.made import done, draw_previews, report

from msformer.batch import thumbnails
from msformer.batch.thumbnails import thumbnail_of
from msformer.render import Picture, jpeg


def test_it_is_a_small_jpeg_of_the_preview(tmp_path: Path) -> None:
    record = done("sub/a.b")
    (tmp_path / "preview" / "sub").mkdir(parents=True)
    Pillow.fromarray(np.full((700, 2100), 77, dtype=np.uint8)).save(tmp_path / "preview" / "sub" / "a.b.png")
    assert thumbnail_of(tmp_path, record) == "thumbnails/sub/a.b.jpg"
    with Pillow.open(tmp_path / "thumbnails" / "sub" / "a.b.jpg") as opened:
        assert (opened.format, opened.mode, opened.size) == ("JPEG", "RGB", (960, 320))


def test_it_is_made_again_where_the_preview_is_newer_and_only_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [done(f"n{place}") for place in range(7)]
    draw_previews(tmp_path, records)
    made: list[str] = []

    def counted(picture: Picture, side: int) -> bytes:
        made.append("one")
        return jpeg(picture, side)

    monkeypatch.setattr(thumbnails, "jpeg", counted)
    report(tmp_path, records)
    assert len(made) == 7
    report(tmp_path, records)
    assert len(made) == 7
    thumbnail, preview = tmp_path / "thumbnails" / "n3.jpg", tmp_path / "preview" / "n3.png"
    later = thumbnail.stat().st_mtime + 5
    os.utime(preview, (later, later))
    os.utime(thumbnail, (later, later))
    report(tmp_path, records)
    assert len(made) == 7, "of the same second is not older"
    os.utime(preview, (later + 1, later + 1))
    report(tmp_path, records)
    assert len(made) == 8


def test_it_stays_where_the_preview_is_gone(tmp_path: Path) -> None:
    draw_previews(tmp_path, [done("a")])
    assert thumbnail_of(tmp_path, done("a")) == "thumbnails/a.jpg"
    (tmp_path / "preview" / "a.png").unlink()
    assert thumbnail_of(tmp_path, done("a")) == "thumbnails/a.jpg"
    (tmp_path / "thumbnails" / "a.jpg").unlink()
    assert thumbnail_of(tmp_path, done("a")) is None

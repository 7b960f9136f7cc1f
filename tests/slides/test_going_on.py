"""Runs on slides that end before they are done, and the same call again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.slides.helpers import MARGIN, SIDE, made

from msformer.batch.slide_case import run_slide
from msformer.config import Config
from msformer.errors import ConfigError
from msformer.io.slide import open_slide
from msformer.slides import kept, segment_slide

NETWORK = Config.from_preset("nuclei").replace(
    cluster={"method": "network"}, network={"embed_dim": 8, "patch_size": 8}, fit={"max_iter": 2}
)
"""The method itself, as small as it goes: what it learned on a tile is what the next one starts from."""


class EndedError(Exception):
    """Stands for whatever ends a run."""


def segmented(folder: Path, config: Config, on_tile: Callable[[int, int], None] | None = None) -> dict[str, bytes]:
    """All maps of the made slide, whose tiles are kept in ``folder / "kept"``."""
    with open_slide(folder / "a.tif") as opened:
        found = segment_slide(opened, config, folder / "kept", side=SIDE, margin=MARGIN, on_tile=on_tile)
    assert found.instances is not None
    table = repr(found.objects).encode()
    return {
        "labels": found.label_map.tobytes(),
        "mask": found.mask.tobytes(),
        "instances": found.instances.tobytes(),
        "table": table,
    }


def ends_after(tiles: int) -> Callable[[int, int], None]:
    """Ends a run behind so many tiles."""

    def on_tile(number: int, _: int) -> None:
        if number == tiles:
            raise EndedError

    return on_tile


@pytest.mark.parametrize("config", [Config.from_preset("nuclei"), NETWORK], ids=["kmeans", "network"])
def test_a_run_that_was_ended_goes_on_behind_its_last_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    for name in ("whole", "parted"):
        (tmp_path / name).mkdir()
        made(tmp_path / name / "a.tif")
    expected = segmented(tmp_path / "whole", config)
    with pytest.raises(EndedError):
        segmented(tmp_path / "parted", config, ends_after(2))

    def torn(*_: object) -> None:
        raise EndedError

    with monkeypatch.context() as patch:  # the third is in the maps, and nothing tells of it
        patch.setattr(kept.KeptTiles, "add", torn)
        with pytest.raises(EndedError):
            segmented(tmp_path / "parted", config)
    lines = tmp_path / "parted" / "kept" / "tiles.jsonl"
    assert lines.read_text().count("\n") == 2
    with lines.open("a") as file:
        file.write('{"totals": [0.0, 1')  # a power cut
    begun: list[object] = []
    add = kept.KeptTiles.add

    def counted(*given: Any) -> None:
        begun.append(given)
        add(*given)

    monkeypatch.setattr(kept.KeptTiles, "add", counted)
    assert segmented(tmp_path / "parted", config) == expected
    assert len(begun) == 4, "of six tiles"


def test_what_is_finished_is_left_and_what_changed_is_not(tmp_path: Path) -> None:
    made(tmp_path / "a.tif")
    config, out = Config.from_preset("nuclei"), tmp_path / "out"
    first = run_slide(tmp_path / "a.tif", config, out, mpp=1.0)
    assert first.is_new
    assert not run_slide(tmp_path / "a.tif", config, out, mpp=1.0).is_new
    assert run_slide(tmp_path / "a.tif", config, out, mpp=1.0, is_forced=True).is_new
    assert run_slide(tmp_path / "a.tif", config.replace(random_state=1), out, mpp=1.0).is_new
    assert run_slide(tmp_path / "a.tif", config, out, mpp=2.0).is_new
    (out / "masks" / "a.tif").unlink()
    assert run_slide(tmp_path / "a.tif", config, out, mpp=2.0).is_new
    os.utime(tmp_path / "a.tif", ns=(1, 1))
    assert run_slide(tmp_path / "a.tif", config, out, mpp=2.0).is_new
    (out / "slides" / "a.json").write_text("{")
    assert run_slide(tmp_path / "a.tif", config, out, mpp=2.0).is_new
    assert [one.name for one in (out / "slides").iterdir()] == ["a.json"]


def test_another_slide_of_the_name_is_no_news_of_this_one(tmp_path: Path) -> None:
    config, out = Config.from_preset("nuclei"), tmp_path / "out"
    for folder in ("one", "two"):  # of one size and time
        (tmp_path / folder).mkdir()
        made(tmp_path / folder / "a.tif")
        with (tmp_path / folder / "a.tif").open("ab") as file:
            file.write(folder.encode())
        os.utime(tmp_path / folder / "a.tif", ns=(5, 5))
    run_slide(tmp_path / "one" / "a.tif", config, out, mpp=2.0)
    with pytest.raises(ConfigError, match=r"another slide of this name, '.*one/a\.tif'"):
        run_slide(tmp_path / "two" / "a.tif", config, out, mpp=2.0)
    (tmp_path / "one" / "a.tif").rename(tmp_path / "moved.tif")
    assert run_slide(tmp_path / "two" / "a.tif", config, out, mpp=2.0).is_new
    (tmp_path / "moved.tif").rename(tmp_path / "one" / "a.tif")
    assert run_slide(tmp_path / "one" / "a.tif", config, out, mpp=2.0, is_forced=True).is_new


def test_files_of_other_settings_go(tmp_path: Path) -> None:
    made(tmp_path / "a.tif")
    out = tmp_path / "out"
    run_slide(tmp_path / "a.tif", Config.from_preset("nuclei"), out, mpp=2.0)
    assert (out / "instances" / "a.csv").exists()
    (out / "masks" / "b.tif").touch()
    run_slide(tmp_path / "a.tif", Config.from_preset("dermoscopy"), out, mpp=2.0)
    assert not list((out / "instances").iterdir())
    assert {one.name for one in (out / "masks").iterdir()} == {"a.tif", "a.geojson", "b.tif"}
    (out / "slides" / "a.tiles").mkdir()
    assert not run_slide(tmp_path / "a.tif", Config.from_preset("dermoscopy"), out, mpp=2.0).is_new
    assert [one.name for one in (out / "slides").iterdir()] == ["a.json"], "of a run that ended between its last steps"


def test_a_disk_without_room_for_the_maps_is_an_error(tmp_path: Path) -> None:
    """A map that only seems to have its place ends the process when it is written to."""
    code = (
        "import resource, sys, pathlib; from msformer.slides.kept import KeptTiles;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20));"
        "KeptTiles(pathlib.Path(sys.argv[1]), (3000, 3000), has_instances=True)"
    )
    told = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "OSError: [Errno 27]" in told.stderr


def test_tiles_of_other_settings_are_not_gone_on_with(tmp_path: Path) -> None:
    made(tmp_path / "a.tif")
    config, out = Config.from_preset("nuclei"), tmp_path / "out"
    with pytest.raises(EndedError):
        run_slide(tmp_path / "a.tif", config, out, mpp=0.5, on_tile=ends_after(1))
    assert (out / "slides" / "a.tiles" / "tiles.jsonl").read_text().count("\n") == 1
    run_slide(tmp_path / "a.tif", config, out, mpp=1.0)
    run_slide(tmp_path / "a.tif", config, tmp_path / "alone", mpp=1.0)
    for name in ("labels/a.tif", "masks/a.tif", "instances/a.tif"):
        assert (out / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_a_killed_command_loses_one_tile_at_most(tmp_path: Path) -> None:
    made(tmp_path / "a.tif")
    order = [sys.executable, "-c", "from msformer.slides import tiles, segment;"
             "tiles.tiles_of.__defaults__ = (180, 32);"
             "segment.segment_slide.__kwdefaults__ |= {'side': 180, 'margin': 32};"
             "from msformer.__main__ import main; main()",
             "slide", str(tmp_path / "a.tif"), "--preset", "nuclei", "-o"]  # fmt: skip
    lines = tmp_path / "out" / "slides" / "a.tiles" / "tiles.jsonl"
    process = subprocess.Popen([*order, str(tmp_path / "out")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(6000):
        if process.poll() is not None or (lines.is_file() and lines.read_text().count("\n") >= 3):
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    before = lines.read_text().count("\n")
    assert before >= 3
    subprocess.run([*order, str(tmp_path / "out")], check=True, capture_output=True, timeout=300)
    subprocess.run([*order, str(tmp_path / "alone")], check=True, capture_output=True, timeout=300)
    for name in ("labels/a.tif", "masks/a.tif", "instances/a.tif", "instances/a.csv", "instances/a.geojson"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    assert json.loads((tmp_path / "out" / "slides" / "a.json").read_text())["segmented"] > before
    assert not np.any([one.name.endswith(".tiles") for one in (tmp_path / "out" / "slides").iterdir()])

"""Slides by tile, from parts to files."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import typer
from scipy import ndimage
from shapely.geometry import Point, shape
from tests.slides.helpers import CENTRES, MARGIN, SHAPE, SIDE, made
from typer.testing import CliRunner

from msformer.batch.slide_case import run_slide
from msformer.cli.slide import slide
from msformer.config import Config
from msformer.errors import ConfigError, ReadError
from msformer.io.pyramid import write_pyramid
from msformer.io.slide import open_slide
from msformer.slides import segment, segment_slide, tiles_of


def test_tiles_decide_on_every_pixel_once_and_go_to_and_fro() -> None:
    count = np.zeros(SHAPE, dtype=int)
    tiles = tiles_of(SHAPE, SIDE, MARGIN)
    for tile in tiles:
        count[tile.rows, tile.columns] += 1
        seen = np.zeros(SHAPE, dtype=bool)
        seen[tile.seen_rows, tile.seen_columns][tile.core] = True
        assert seen[tile.rows, tile.columns].all()
        assert seen.sum() == (tile.rows.stop - tile.rows.start) * (tile.columns.stop - tile.columns.start)
    assert (count == 1).all()
    assert [tile.columns.start for tile in tiles] == [0, 256, 512, 512, 256, 0]


def test_objects_on_seams_are_one_each(tmp_path: Path) -> None:
    truth = made(tmp_path / "a.tif")
    with open_slide(tmp_path / "a.tif") as opened:
        assert opened.spacing_mm == pytest.approx((0.0005, 0.0005))
        done: list[tuple[int, int]] = []
        found = segment_slide(
            opened,
            Config.from_preset("nuclei"),
            tmp_path,
            side=SIDE,
            margin=MARGIN,
            on_tile=lambda number, count: done.append((number, count)),
        )
    assert found.instances is not None
    mask = np.asarray(found.mask) > 0
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.9
    centres = ndimage.center_of_mass(mask, found.instances, range(1, len(found.objects) + 1))
    assert sorted((round(row, -1), round(column, -1)) for row, column in centres) == sorted(
        (round(float(row), -1), round(float(column), -1)) for row, column in CENTRES
    )
    for one in found.objects:
        assert one.area_px == (np.asarray(found.instances) == one.label).sum()
        assert not one.touches_frame
    assert done[-1] == (found.segmented, found.segmented)
    inside = np.asarray(found.label_map)[truth & ndimage.binary_erosion(truth, iterations=4)]
    assert np.bincount(inside).max() > 0.9 * len(inside), "a label means the same in all tiles"


def test_glass_is_passed_over(tmp_path: Path) -> None:
    made(tmp_path / "a.tif")
    with open_slide(tmp_path / "a.tif") as opened:
        found = segment_slide(opened, Config.from_preset("nuclei"), tmp_path, side=128, margin=MARGIN)
    assert found.segmented < found.tiles == 24
    assert not np.asarray(found.mask)[:, 640:].any()
    assert not np.asarray(found.label_map)[:, 640:].any()


def test_what_cannot_be_done_is_told(tmp_path: Path) -> None:
    made(tmp_path / "a.tif", mpp=None)
    with (
        pytest.raises(ReadError, match=r"a\.tif: the size of a pixel must be stated"),
        open_slide(tmp_path / "a.tif", mpp=1.0),
    ):
        pass
    (tmp_path / "b.tif").write_bytes(b"II*\0 no more")
    with pytest.raises(ReadError), open_slide(tmp_path / "b.tif"):
        pass
    nuclei = Config.from_preset("nuclei")
    for config, words in (
        (nuclei.replace(restarts=2), "one restart"),
        (Config.from_preset("paper"), r"cluster\.merge_to"),
        (nuclei.replace(network={"embed_dim": 300}), "must be under 256 for slides by tile; got 300"),
    ):
        with open_slide(tmp_path / "a.tif") as opened, pytest.raises(ConfigError, match=words):
            segment_slide(opened, config, tmp_path)
    for mpp in (float("nan"), 0.0, float("inf")):
        with pytest.raises(ConfigError, match="mpp must be a positive number"), open_slide(tmp_path / "a.tif", mpp):
            pass


def test_a_pyramid_of_labels_by_another_reader(tmp_path: Path) -> None:
    labels = np.random.default_rng(2).integers(0, 9, (1300, 1711)).astype(np.uint8)
    for name in ("one", "two"):
        write_pyramid(tmp_path / name / "a.tif", labels, (0.0005, 0.00025), seed="s")
    assert (tmp_path / "one" / "a.tif").read_bytes() == (tmp_path / "two" / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "one" / "a.tif") as file:
        assert file.is_ome
        assert 'PhysicalSizeX="0.25"' in str(file.ome_metadata)
        assert 'PhysicalSizeY="0.5"' in str(file.ome_metadata)
        assert [level.shape for level in file.series[0].levels] == [(1300, 1711), (650, 856), (325, 428)]
        for number, level in enumerate(file.series[0].levels):
            np.testing.assert_array_equal(level.asarray(), labels[:: 2**number, :: 2**number])


def test_files_of_a_slide(tmp_path: Path) -> None:
    truth = made(tmp_path / "a.tif")
    record = run_slide(tmp_path / "a.tif", Config.from_preset("nuclei"), tmp_path / "out", mpp=1.0).about
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {".msformer", "slides/a.json", *record["outputs"].values()}
    mask = tifffile.imread(tmp_path / "out" / "masks" / "a.tif")
    assert 2 * (mask & truth[::2, ::2]).sum() / (mask.sum() + truth[::2, ::2].sum()) > 0.9
    features = json.loads((tmp_path / "out" / "instances" / "a.geojson").read_text())["features"]
    shapes = [shape(one["geometry"]) for one in features]
    assert len(shapes) == len(CENTRES) == record["n_objects"]
    for row, column in CENTRES:  # in px of the largest level
        assert sum(one.contains(Point(column + 0.5, row + 0.5)) for one in shapes) == 1
    rows = (tmp_path / "out" / "instances" / "a.csv").read_text().splitlines()
    assert len(rows) == 1 + len(CENTRES)
    assert {len(one.split(",")) for one in rows} == {19}
    run_slide(tmp_path / "a.tif", Config.from_preset("nuclei"), tmp_path / "again", mpp=1.0)
    for name in record["outputs"].values():
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_white_glass_in_a_tile_is_no_object(tmp_path: Path) -> None:
    truth = made(tmp_path / "a.tif")
    with open_slide(tmp_path / "a.tif") as opened:
        found = segment_slide(opened, Config.from_preset("nuclei"), tmp_path)
    assert found.tiles == 1
    assert found.config.foreground.polarity == "darker"
    mask = np.asarray(found.mask) > 0
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.9


def test_the_command_tells_what_failed(tmp_path: Path) -> None:
    made(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(b"II*\0 no more")
    app = typer.Typer()
    app.command()(slide)
    options = ["-o", str(tmp_path / "out"), "--preset", "nuclei", "--mpp", "2"]
    told = CliRunner().invoke(app, [str(tmp_path / "a.tif"), str(tmp_path / "b.tif"), *options])
    assert told.exit_code == 1
    assert "a.tif: 1 of 1 tiles show more than glass, 8 objects" in told.output
    assert f"failed: {tmp_path / 'b.tif'}" in told.output.replace("\n", "")
    assert CliRunner().invoke(app, [str(tmp_path / "a.tif"), str(tmp_path / "a.tif"), *options]).exit_code == 2


def test_most_of_some_tiles_choose_the_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "a.tif")
    asked: list[int] = []

    def compared(*_: object) -> list[SimpleNamespace]:
        """Nuclei win two tiles of three, where general stands better than they ever do."""
        asked.append(len(asked))
        wins = "general" if len(asked) % 3 == 1 else "nuclei"
        trust = SimpleNamespace(probability=0.5)
        return [SimpleNamespace(preset=wins, standing=9.0 if wins == "general" else 1.0, trust=trust)]

    monkeypatch.setattr(segment, "compare", compared)
    with open_slide(tmp_path / "a.tif") as opened:
        found = segment_slide(opened, Config.from_preset("auto"), tmp_path, side=128, margin=32)
    assert 3 <= len(asked) <= 7
    assert found.config.preset == "nuclei"
    wins = sum(number % 3 != 0 for number in asked)
    assert found.preset_reason.endswith(f"so in {wins} of {len(asked)} tiles that were asked")

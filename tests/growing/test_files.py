"""The files of growing: where they lie, a checkpoint that is damaged or of another recipe, pictures, the report."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from safetensors.torch import save
from tests.growing.helpers import SMALL, TINY, same

from msformer import growing_pictures
from msformer.errors import ConfigError, MSFormerError, WeightsError
from msformer.growing.loop import State, start_state
from msformer.growing.recipe import Recipe
from msformer.growing.shard import deep_clicks
from msformer.growing_files import FORMAT, Places, begin, read_checkpoint, report, write_checkpoint
from msformer.growing_pictures import draw_curve, draw_sheet
from msformer.network.prompted import PromptedNet, build_prompted
from msformer.render import GAP
from msformer.scenes import SceneOptions

ROW = {"step": 2.0, "loss": 3.5, "one_click": 0.25, "best_of_three": 0.5, "one_box": 0.75}


@pytest.fixture
def state() -> State:
    state = start_state(TINY)
    state.step, state.seconds, state.curve = 2, 12.5, [ROW]
    state.first.fill_(0.5)
    state.second.fill_(0.25)
    return state


def test_all_files_lie_beside_the_model(tmp_path: Path) -> None:
    places = Places.beside(tmp_path / "my.net.safetensors")
    assert places.checkpoint == tmp_path / "my.net.state.safetensors"
    assert [one.name for one in (places.curve, places.sheet, places.report)] == [
        "my.net.svg",
        "my.net.png",
        "my.net.json",
    ]


@pytest.mark.parametrize("name", ["net", "net.pt", ".safetensors", "net.safetensors.txt", "net.state.safetensors"])
def test_a_model_has_a_name_that_says_what_it_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="safetensors") as caught:
        Places.beside(tmp_path / name)
    assert repr(name) in str(caught.value)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(ConfigError, match="folder"):
        Places.beside(tmp_path / "a.safetensors")


def test_a_checkpoint_gives_back_everything(tmp_path: Path, state: State) -> None:
    path = tmp_path / "deeper" / "a.state.safetensors"
    write_checkpoint(path, TINY, state)
    again = read_checkpoint(path, TINY)
    assert same(again, state)
    assert (again.curve, again.seconds) == ([ROW], 12.5)
    assert [one.name for one in path.parent.iterdir()] == [path.name], "no draft is left"


def test_a_checkpoint_is_written_whole_or_not_at_all(
    tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.state.safetensors"
    write_checkpoint(path, TINY, state)
    whole = path.read_bytes()

    def half(self: Path, data: bytes) -> None:
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="no space"):
        write_checkpoint(path, TINY, replace(state, step=3))
    assert path.read_bytes() == whole
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (replace(TINY, seed=7), ("seed", "7", "0")),
        (TINY.with_steps(4), ("steps", "4", "3")),
        (replace(TINY, sizes=replace(SMALL, encoder="unet")), ("sizes.encoder", "unet", "dual-branch")),
        (replace(TINY, options=SceneOptions(hair=0.5)), ("options",)),
    ],
)
def test_a_checkpoint_of_another_recipe_is_refused_unless_it_may_be_replaced(
    tmp_path: Path, state: State, other: Recipe, words: tuple[str, ...]
) -> None:
    places = Places.beside(tmp_path / "a.safetensors")
    write_checkpoint(places.checkpoint, TINY, state)
    with pytest.raises(ConfigError, match="another recipe") as caught:
        begin(places, other, overwrite=False)
    for word in (*words, str(places.checkpoint), "--overwrite"):
        assert word in str(caught.value)
    assert same(begin(places, other, overwrite=True), start_state(other))
    assert begin(places, TINY, overwrite=False).step == 2
    assert begin(places, TINY, overwrite=True).step == 2, "the same recipe goes on all the same"


def test_a_model_that_is_there_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    places = Places.beside(tmp_path / "a.safetensors")
    assert begin(places, TINY, overwrite=False).step == 0
    places.model.write_bytes(b"three hours of work")
    with pytest.raises(ConfigError, match="exists already"):
        begin(places, TINY, overwrite=False)
    assert begin(places, TINY, overwrite=True).step == 0


def _tensors(state: State) -> dict[str, torch.Tensor]:
    return {name: getattr(state, name).clone() for name in ("weights", "averaged", "first", "second")}


def _nan(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    tensors["second"][5] = torch.nan


def _short(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    tensors["first"] = tensors["first"][1:]


def _missing(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    del tensors["averaged"]


def _whole_numbers(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    tensors["weights"] = tensors["weights"].int()


def _too_far(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    about["step"] = "4"


def _backwards(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    about["step"] = "-1"


def _no_step(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    del about["step"]


def _no_time(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    about["seconds"] = "nan"


def _no_json(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    about["curve"] = "[{"


def _deep(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    about["recipe"] = "[" * 100_000


def _a_model(tensors: dict[str, torch.Tensor], about: dict[str, str]) -> None:
    about["format"] = "msformer-grown-1"


@pytest.mark.parametrize(
    "spoil",
    [_nan, _short, _missing, _whole_numbers, _too_far, _backwards, _no_step, _no_time, _no_json, _deep, _a_model],
)
def test_a_spoiled_checkpoint_is_refused_by_name(
    tmp_path: Path, state: State, spoil: Callable[[dict[str, torch.Tensor], dict[str, str]], None]
) -> None:
    path = tmp_path / "a.state.safetensors"
    write_checkpoint(path, TINY, state)
    length = int.from_bytes(path.read_bytes()[:8], "little")
    about = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"]
    assert about["format"] == FORMAT
    tensors = _tensors(state)
    path.write_bytes(save(tensors, metadata=about))
    assert same(read_checkpoint(path, TINY), state), "sound before it is spoiled"
    spoil(tensors, about)
    path.write_bytes(save(tensors, metadata=about))
    with pytest.raises(WeightsError) as caught:
        read_checkpoint(path, TINY)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 1e-5, 0.0005, 0.5, 0.999])
def test_a_cut_checkpoint_is_refused_unless_it_may_be_replaced(tmp_path: Path, state: State, share: float) -> None:
    places = Places.beside(tmp_path / "a.safetensors")
    write_checkpoint(places.checkpoint, TINY, state)
    whole = places.checkpoint.read_bytes()
    places.checkpoint.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(WeightsError) as caught:
        begin(places, TINY, overwrite=False)
    assert str(places.checkpoint) in str(caught.value)
    assert "--overwrite" in str(caught.value)
    assert begin(places, TINY, overwrite=True).step == 0


def test_a_pipe_in_the_checkpoint_s_place_does_not_hang(tmp_path: Path) -> None:
    places = Places.beside(tmp_path / "a.safetensors")
    os.mkfifo(places.checkpoint)
    with pytest.raises(MSFormerError, match="must be a file"):
        begin(places, TINY, overwrite=False)


def test_the_report_says_how_it_was_made(state: State) -> None:
    facts = json.loads(report(TINY, state, "ab12", {"processor": "p"}, versions={"torch": "2"}, threads=1))
    assert facts["digest"] == "ab12"
    assert facts["recipe"]["seed"] == 0
    assert facts["recipe"]["sizes"]["dim"] == 16
    assert (facts["seconds"], facts["curve"]) == (12.5, [ROW])
    assert (facts["machine"], facts["versions"], facts["threads"]) == ({"processor": "p"}, {"torch": "2"}, 1)


def test_a_curve_shows_each_examination_where_its_values_say() -> None:
    rows = [ROW | {"step": 2.0}, ROW | {"step": 4.0, "one_click": 1.0, "loss": 0.0}]
    root = ElementTree.fromstring(draw_curve(rows, "a & b <c>"))
    space = "{http://www.w3.org/2000/svg}"
    assert "a & b <c>" in [one.text for one in root.iter(f"{space}text")]
    lines = [one.attrib["points"].split() for one in root.iter(f"{space}polyline")]
    assert len(lines) == 4
    places = [[tuple(map(float, point.split(","))) for point in line] for line in lines]
    one_click, best, box, loss = places
    floor, ceiling = growing_pictures.HEIGHT - growing_pictures.BOTTOM, growing_pictures.TOP
    assert one_click[1][1] == ceiling, "a Dice of 1 is at the top"
    assert one_click[0][1] == pytest.approx(floor - 0.25 * (floor - ceiling), abs=0.06)
    assert best[0][1] == pytest.approx((floor + ceiling) / 2, abs=0.06)
    assert box[0][1] == pytest.approx(floor - 0.75 * (floor - ceiling), abs=0.06)
    assert loss[1][1] == floor, "a loss of 0 is at the bottom"
    assert loss[0][1] == pytest.approx(floor - 3.5 / 5 * (floor - ceiling), abs=0.06)
    assert one_click[0][0] == pytest.approx((growing_pictures.LEFT + one_click[1][0]) / 2, abs=0.06)


def test_a_curve_without_an_examination_is_a_picture_too() -> None:
    ElementTree.fromstring(draw_curve([], "nothing yet"))


def test_a_sheet_shows_truth_answer_and_click(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build_prompted(SMALL, torch.Generator().manual_seed(0)).eval()
    monkeypatch.setattr(growing_pictures, "EXAMINED", 3)
    picture = draw_sheet(network, TINY)
    tall, wide = growing_pictures.TILE + growing_pictures.EDGE, growing_pictures.TILE + GAP
    assert picture.dtype == np.uint8
    assert picture.shape == (growing_pictures.EDGE + 4 * tall, 6 * wide, 3)
    first = picture[growing_pictures.EDGE * 2 : growing_pictures.EDGE + tall, :wide]
    for colour in (growing_pictures.TRUTH_COLOUR, growing_pictures.CLICK_COLOUR):
        assert (first == colour).all(axis=2).any()
    assert (picture[-tall:] == 255).all(), "no more tiles than scenes"


def test_a_sheet_of_a_network_that_is_always_right_shows_a_dice_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same truth as an answer: the yellow line lies on the blue one."""
    from msformer.network.prompted import Decoded

    truths: list[torch.Tensor] = []
    kept = deep_clicks

    def remember(given: torch.Tensor) -> object:
        truths.append(given)
        return kept(given)

    def right(self: PromptedNet, *_: object) -> Decoded:
        logits = (20 * truths[0] - 10)[:, None].expand(-1, 3, -1, -1)
        return Decoded(logits, torch.tensor([[0.0, 5.0, 0.0]]).expand(len(logits), -1))

    written: list[str] = []
    monkeypatch.setattr(growing_pictures, "deep_clicks", remember)
    monkeypatch.setattr(PromptedNet, "decode", right)
    monkeypatch.setattr(growing_pictures, "EXAMINED", 4)
    monkeypatch.setattr(growing_pictures, "_write", lambda _, words, __: written.append(words))
    draw_sheet(build_prompted(SMALL, torch.Generator().manual_seed(0)).eval(), TINY)
    assert written[:-1] == ["Dice 1.00, expected 0.99"] * len(truths[0])

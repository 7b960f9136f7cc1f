"""Growing: the same weights however often it was interrupted and however many processes work, and no file."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.growing.helpers import TINY, grown, same

from msformer.errors import ConfigError
from msformer.growing import shard
from msformer.growing.loop import network_of, start_state
from msformer.growing.recipe import EXAMINED, LARGEST_SEED, RECIPES, Recipe, examination_seed
from msformer.growing_files import read_checkpoint, write_checkpoint
from msformer.network.prompted import PromptedSizes
from msformer.scenes import make_scene


@pytest.fixture(autouse=True)
def few_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "EXAMINED", 4)


def test_a_resumed_run_ends_with_exactly_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = grown(TINY)
    path = tmp_path / "a.state.safetensors"
    for done in (1, 2):
        part = grown(TINY, until=done)
        assert part.step == done
        assert not same(part, whole)
        write_checkpoint(path, TINY, part)
        resumed = grown(TINY, read_checkpoint(path, TINY))
        assert same(resumed, whole)
        assert resumed.curve == whole.curve


def test_two_processes_give_exactly_the_weights_of_one() -> None:
    assert same(grown(TINY, processes=2), grown(TINY, processes=1))


def test_the_seed_decides() -> None:
    first, again, other = (grown(replace(TINY, seed=seed, steps=1)) for seed in (3, 3, 4))
    assert same(first, again)
    assert not torch.equal(first.weights, other.weights)


def test_a_u_net_grows_too() -> None:
    recipe = replace(TINY, steps=2, sizes=PromptedSizes("unet", 16, 1, 1))
    start, state = start_state(recipe), grown(recipe)
    assert state.step == 2
    assert torch.isfinite(state.weights).all()
    assert not torch.equal(start.weights, state.weights)


def test_the_network_of_weights_shares_them_and_their_order() -> None:
    state = start_state(TINY)
    network = network_of(TINY, state.weights)
    assert torch.equal(torch.cat([one.flatten() for one in network.parameters()]), state.weights)
    state.weights.zero_()
    assert all(not one.any() for one in network.parameters())


def test_no_update_learns_from_a_scene_that_it_is_examined_on() -> None:
    examined = {examination_seed(index) for index in range(EXAMINED)}
    for seed in (0, 1, LARGEST_SEED):
        for recipe in RECIPES.values():
            one = replace(recipe, seed=seed)
            first, last = one.scene_seed(0, 0), one.scene_seed(one.steps - 1, one.scenes - 1)
            assert last - first == one.steps * one.scenes - 1
            assert not any(first <= known <= last for known in examined)


def test_every_seed_that_a_recipe_takes_has_scenes() -> None:
    recipe = Recipe(seed=LARGEST_SEED, steps=10**7, scenes=1024)
    assert make_scene(recipe.scene_seed(recipe.steps - 1, recipe.scenes - 1), shape=(33, 33)).mask.shape == (33, 33)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": LARGEST_SEED + 1}, ("seed", "90000", "90001")),
        ({"steps": 0}, ("steps", "1", "0")),
        ({"scenes": 3}, ("scenes", "2", "3")),
        ({"side": 72}, ("side", "16", "72")),
        ({"side": 48}, ("side", "64", "48")),
        ({"seed": -1}, ("seed", "0", "-1")),
        ({"rate": 2.0}, ("rate", "1", "2.0")),
        ({"precision": "half"}, ("precision", "float32", "half")),
    ],
)
def test_a_recipe_beyond_its_limits_is_refused(changes: dict[str, object], words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        Recipe(**changes)  # type: ignore[arg-type]
    for word in words:
        assert word in str(caught.value)


def test_the_rate_rises_then_falls_to_its_last_share() -> None:
    recipe = Recipe(rate=0.15, steps=1150)
    assert recipe.rate_at(0) == pytest.approx(0.001)
    assert recipe.rate_at(149) == pytest.approx(0.15)
    assert recipe.rate_at(650) == pytest.approx(0.15 * 0.51)  # half way between all and 2 %
    assert recipe.rate_at(1150) == pytest.approx(0.003)


AUDITED = """
import sys
from dataclasses import replace
from tests.growing.helpers import TINY, grown
from msformer.growing import shard

shard.EXAMINED = 2
recipe = replace(TINY, steps=2)
opened = []
sys.addaudithook(lambda event, values: opened.append(str(values[0])) if event == "open" else None)
if sys.argv[1] == "one more":
    open(sys.executable, "rb").close()
state = grown(recipe)
print(state.step, len(state.curve), len(opened), *opened)
"""


@pytest.mark.parametrize(("more", "count"), [("none more", 0), ("one more", 1)])
def test_no_step_of_a_recipe_opens_a_file(more: str, count: int) -> None:
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", AUDITED, more], capture_output=True, text=True, cwd=root, timeout=300,
        env={"PYTHONPATH": f"{root / 'src'}:{root}", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    steps, examinations, opened, *names = result.stdout.split()
    assert (steps, examinations) == ("2", "1")
    assert int(opened) == count, names

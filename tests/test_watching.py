"""What is told of a case under way: times and shares worked out by hand, and that telling changes nothing."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from msformer.batch.plan import plan_cases
from msformer.batch.run import Order, run_order
from msformer.config import Config
from msformer.executors import Here
from msformer.fit import FitEvent, FitStep
from msformer.phantoms import make_phantom
from msformer.pipeline import segment
from msformer.volume import Volume
from msformer.volumes import segment_volume
from msformer.watching import (
    MOST_STEPS,
    Watch,
    WatchedSteps,
    Watcher,
    coloured,
    forget,
    read_picture,
    read_steps,
    read_watched,
    watching,
)

NETWORK = Config.from_mapping({"preset": "general", "fit": {"max_iter": 5, "min_clusters": 1}, "restarts": 3})
BLUE, ORANGE = (0, 114, 178), (230, 159, 0)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Noted(Watcher):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.steps: list[int] = []
        self.done: list[tuple[int, int]] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def step(self, event: FitEvent) -> None:
        self.steps.append(event.record.step)

    def slices(self, done: int, count: int) -> None:
        self.done.append((done, count))


def event(step: int, total: float = 1.0, labels: Any = ((0, 0, 1), (0, 1, 1))) -> FitEvent:
    losses = {"total": total, "cluster": 0.5, "inter_scale": 0.25, "intra_scale": 0.125}
    return FitEvent(FitStep(step, 2, losses), torch.tensor([labels]), 5)


def test_stages_have_the_seconds_that_they_took(tmp_path: Path) -> None:
    clock = Clock()
    watch = Watch(tmp_path, "moles/a", clock)
    watch.stage("read")
    clock.now += 2
    watch.stage("prepare")
    clock.now += 3
    watch.stage("prepare")
    clock.now += 4
    assert watch.told()["stages"] == [["read", 2.0], ["prepare", 7.0]]


def test_what_is_left_is_what_the_updates_took_so_far_times_those_that_may_come(tmp_path: Path) -> None:
    clock = Clock()
    watch = Watch(tmp_path, "a", clock)
    watch.clustering(NETWORK, 1, 0)  # the second of three
    watch.step(event(0))
    assert watch.told()["left"] is None
    clock.now += 4
    watch.step(event(1))
    watch.step(event(2))  # two of five updates are made, in 4 s: 3 are left here, and 5 of the last restart
    told = watch.told()
    assert (told["step"], told["steps"], told["clusters"], told["method"]) == (3, 5, 2, "network")
    assert told["left"] == 16.0
    assert told["share"] == pytest.approx((1 + 2 / 5) / 3, abs=1e-3)


def test_of_a_volume_what_is_left_is_that_of_its_slices(tmp_path: Path) -> None:
    clock = Clock()
    watch = Watch(tmp_path, "a", clock)
    watch.slices(0, 7)
    assert watch.told()["left"] is None
    clock.now += 6
    watch.slices(2, 7)
    told = watch.told()
    assert (told["left"], told["share"]) == (15.0, pytest.approx(2 / 7, abs=1e-3))


def test_losses_are_told_from_the_first_step_and_of_long_loops_few(tmp_path: Path) -> None:
    watch = Watch(tmp_path, "a")
    watch.clustering(NETWORK, 0, 0)
    for step in range(MOST_STEPS + 1):
        watch.step(event(step, total=float(step)))
    losses = watch.told()["losses"]
    assert losses["total"][:3] == [0.0, 2.0, 4.0]
    assert losses["intra_scale"][0] == 0.125
    watch.clustering(NETWORK, 1, 0)
    assert watch.told()["losses"]["total"] == []


def test_the_label_map_is_drawn_without_the_border_in_colours_that_stay(tmp_path: Path) -> None:
    watch = Watch(tmp_path, "moles/a")
    watch.clustering(NETWORK, 0, 1)
    watch.step(event(0, labels=((1, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1))))
    watch.write()
    picture = np.asarray(Pillow.open(io.BytesIO(read_picture(tmp_path, "moles/a", "labels"))))
    np.testing.assert_array_equal(picture, [[BLUE, ORANGE]])
    told = read_watched(tmp_path)[0]
    assert told["pictures"] == {"labels": 1}
    assert told["age"] >= 0
    watch.write()
    assert read_watched(tmp_path)[0]["pictures"] == {"labels": 1}  # nothing new was drawn
    forget(tmp_path, "moles/a")
    assert list(tmp_path.iterdir()) == []
    assert read_picture(tmp_path, "moles/a", "labels") == b""


def test_large_label_maps_are_drawn_smaller() -> None:
    assert coloured(np.zeros((300, 600), dtype=np.int64)).shape == (128, 256, 3)


def test_it_is_written_twice_a_second_at_most_and_what_was_last_is_seen(tmp_path: Path) -> None:
    with watching(tmp_path, "a") as watch:
        watch.clustering(NETWORK, 0, 0)
        end = time.monotonic() + 1.2
        step = 0
        while time.monotonic() < end:
            watch.step(event(step))
            step += 1
            time.sleep(0.002)
        time.sleep(1.2)
        told = read_watched(tmp_path)[0]
    assert step > 50
    assert told["step"] == step
    assert 1 <= told["pictures"]["labels"] <= 5
    assert not any(thread.name == "msformer-watch" for thread in threading.enumerate())


def test_a_full_disk_is_no_matter_of_whoever_looks_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with watching(tmp_path / "file" / "below", "a") as watch:  # no folder can be there
        watch.stage("read")
        time.sleep(0.1)


def test_a_segmentation_that_is_watched_is_the_same_and_tells_its_stages() -> None:
    image = make_phantom("dermoscopy", seed=0, shape=(61, 67)).image
    noted = Noted()
    seen = segment(image, NETWORK, watcher=noted)
    unseen = segment(image, NETWORK)
    np.testing.assert_array_equal(seen.label_map, unseen.label_map)
    np.testing.assert_array_equal(seen.mask, unseen.mask)
    assert noted.steps == [0, 1, 2, 3, 4] * 3
    assert [name for name in noted.stages if name in ("cluster", "refine")] == ["cluster"] * 3 + ["refine"]
    assert set(noted.stages) == set(seen.timings_s)


def test_the_slices_of_a_volume_are_told_with_their_updates() -> None:
    plane = make_phantom("dermoscopy", seed=0, shape=(61, 67)).image.mean(axis=2)
    noted = Noted()
    config = NETWORK.replace(restarts=1)
    segment_volume(Volume(np.stack([plane, plane, plane]), None, "nifti", Path("made")), config, watcher=noted)
    assert noted.done == [(0, 3), (1, 3), (2, 3)]
    assert noted.steps == [0, 1, 2, 3, 4, 0, 1, 2, 0, 1, 2]


def test_a_run_tells_of_the_case_under_way_and_forgets_it_when_it_is_done(tmp_path: Path) -> None:
    Pillow.fromarray(make_phantom("dermoscopy", seed=0, shape=(61, 67)).image).save(tmp_path / "a.png")
    watch = tmp_path / "watch"
    order = Order(plan_cases([str(tmp_path / "a.png")]), NETWORK.replace(fit={"max_iter": 60}), watch=watch)
    seen: list[dict[str, Any]] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(0.05):
            seen.extend(read_watched(watch))

    thread = threading.Thread(target=look)
    thread.start()
    run_order(order, tmp_path / "out", executor=Here())
    is_over.set()
    thread.join()
    assert {told["name"] for told in seen} == {"a"}
    assert seen[-1]["shape"] == [61, 67]
    assert seen[-1]["losses"]["total"]
    assert list(watch.iterdir()) == []


def test_steps_tell_what_is_done_and_left(tmp_path: Path) -> None:
    steps = WatchedSteps(tmp_path)
    assert read_steps(tmp_path) == {}
    steps.begin("reading images", 4)
    assert read_steps(tmp_path) == {"what": "reading images", "done": 0, "total": 4, "left": None}
    time.sleep(0.6)
    steps.advance()
    told = read_steps(tmp_path)
    assert told["done"] == 1
    assert 1.8 <= told["left"] <= 6
    steps.advance()
    assert read_steps(tmp_path)["done"] == 1  # so soon nothing is written
    (tmp_path / "steps.json").write_text(json.dumps([1]))
    assert read_steps(tmp_path) == {}

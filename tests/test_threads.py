"""Labels and masks whatever the number of threads, and numbers of threads that stay the caller's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Pillow
from threadpoolctl import threadpool_info, threadpool_limits

from msformer import segment
from msformer.batch.plan import Case, plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config, merge
from msformer.executors import Executor, Here, Processes
from msformer.phantoms import make_phantom
from msformer.segmentation import Segmentation
from msformer.threads import one_blas_thread, torch_threads

PIXELS = make_phantom("dermoscopy", seed=2, shape=(151, 199)).image
SHORT: dict[str, Any] = {"network": {"embed_dim": 24}, "fit": {"max_iter": 2}}
WAYS: dict[str, dict[str, Any]] = {
    "network": SHORT,
    "clusters": merge(SHORT, {"foreground": {"source": "clusters"}}),
    "grown network": merge(SHORT, {"grown": {"automatic": True}}),
    "click": merge(SHORT, {"hints": {"point": (75, 100)}}),
    "k-means": {"cluster": {"method": "kmeans"}},
}


@pytest.fixture(autouse=True)
def callers_threads() -> Iterator[None]:
    """Every test may set the number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def bits(result: Segmentation) -> tuple[bytes, bytes, float, float, object]:
    return (
        result.label_map.tobytes(),
        result.mask.tobytes(),
        result.confidence,
        result.foreground_score,
        result.history,
    )


@pytest.mark.parametrize("way", WAYS)
def test_labels_and_masks_are_the_same_for_any_number_of_threads(way: str) -> None:
    settings = Config.from_mapping(merge({"preset": "general"}, WAYS[way]))
    found = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        with threadpool_limits(threads, user_api="blas"):
            before = blas_threads()
            found.append(bits(segment(PIXELS, settings)))
            assert (torch.get_num_threads(), blas_threads()) == (threads, before)
    assert found[1:] == [found[0]] * 2
    assert any(found[0][1]), "an empty mask would be the same in any case"


def test_another_number_of_the_settings_gives_other_sums() -> None:
    """What a single pair of threads changes is what the caller's number would change, were it not kept out."""
    one, two = (
        segment(PIXELS, merge({"preset": "general"}, merge(SHORT, {"fit": {"threads": threads}}))) for threads in (1, 2)
    )
    assert one.history != two.history


def test_images_at_the_same_time_in_one_process_are_those_of_one_after_the_other() -> None:
    torch.set_num_threads(2)
    ways = [merge({"preset": "general"}, WAYS[way]) for way in ("clusters", "click", "clusters", "click")]
    expected = [bits(segment(PIXELS, way)) for way in ways]
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(lambda way: bits(segment(PIXELS, way)), ways)) == expected
        assert blas_threads() == before


def test_a_folder_has_the_same_bytes_in_any_order_with_any_workers(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2), ("c", 3)):
        pixels = make_phantom("dermoscopy", seed=seed, shape=(101, 131)).image
        Pillow.fromarray(pixels).save(tmp_path / f"{name}.png")
    settings = Config.from_mapping(merge({"preset": "general"}, WAYS["clusters"]))
    cases = plan_cases([str(tmp_path / f"{name}.png") for name in "abc"])
    files: list[dict[str, bytes]] = []
    ways: list[tuple[Sequence[Case], Executor, int]] = [
        (cases, Here(), 4), (cases[::-1], Here(), 1), (cases[::-1], Processes(2, threads=3), 2)
    ]  # fmt: skip
    for number, (ordered, executor, threads) in enumerate(ways):
        torch.set_num_threads(threads)
        out = tmp_path / f"out{number}"
        run_cases(ordered, settings, out, executor=executor)
        executor.close()
        files.append({str(path.relative_to(out)): path.read_bytes() for path in out.glob("*s/*.png")})
    assert set(files[0]) == {f"{kind}/{name}.png" for kind in ("colours", "labels", "masks") for name in "abc"}
    assert files[1] == files[0]
    assert files[2] == files[0]


def test_the_caller_s_number_is_back_after_an_error_too() -> None:
    inside: list[Any] = []

    def fail(look: Callable[[], Any]) -> None:
        inside.append(look())
        raise ValueError("inside")

    torch.set_num_threads(3)
    with pytest.raises(ValueError, match="inside"):
        torch_threads(2)(fail)(torch.get_num_threads)
    assert torch.get_num_threads() == 3
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with pytest.raises(ValueError, match="inside"):
            one_blas_thread()(fail)(blas_threads)
        assert blas_threads() == before
    assert inside == [2, {1}]


def test_the_last_that_leaves_gives_the_number_back() -> None:
    """Two threads of a program overlap: the first that came leaves while the other is still inside."""
    entered, may_leave = threading.Event(), threading.Event()
    seen: list[set[int]] = []

    def stay() -> None:
        with one_blas_thread():
            seen.append(blas_threads())
            entered.set()
            assert may_leave.wait(20)

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        other = threading.Thread(target=stay)
        with one_blas_thread():
            other.start()
            assert entered.wait(20)
        assert blas_threads() == {1}
        may_leave.set()
        other.join()
        assert blas_threads() == before
    assert seen == [{1}]


def test_a_thread_beside_the_one_that_set_the_number_is_limited_too() -> None:
    """threadpoolctl listens to one thread at a time, here the caller's."""
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(one_blas_thread()(blas_threads)).result() == {1}
        assert blas_threads() == before


WATCHED = """
import json, os, sys
seen = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            seen.append(os.environ.get("GOMP_SPINCOUNT"))
sys.meta_path.insert(0, Watch())
import msformer, numpy
image = numpy.full((64, 80, 3), 220, dtype=numpy.uint8)
image[20:44, 30:60] = (120, 60, 40)
msformer.segment(image, {"preset": "general", "network": {"embed_dim": 12}, "fit": {"max_iter": 1}})
print(json.dumps(seen))
"""
STUB = "import sys, types; sys.modules['torch'] = types.ModuleType('torch'); "
TOLD = "import os, msformer; print(repr(os.environ.get('GOMP_SPINCOUNT')))"


def run_python(code: str, **variables: str) -> str:
    bare = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=bare | variables, capture_output=True, text=True, check=True).stdout.strip()


def test_threads_of_python_callers_spin_shortly_too() -> None:
    assert json.loads(run_python(WATCHED))[0] == "5000"


@pytest.mark.parametrize(
    ("code", "variables", "expected"),
    [
        (TOLD, {}, "'5000'"),
        (TOLD, {"GOMP_SPINCOUNT": "7"}, "'7'"),
        (TOLD, {"OMP_WAIT_POLICY": "passive"}, "None"),
        (STUB + TOLD, {}, "None"),  # it was loaded before, and has read what there was
    ],
)
def test_whoever_says_how_long_threads_spin_is_heard(code: str, variables: dict[str, str], expected: str) -> None:
    assert run_python(code, **variables) == expected

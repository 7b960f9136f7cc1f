"""A Dask cluster: a real scheduler and real worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.executors import items

from msformer.errors import ClusterError, ConfigError, WorkerDiedError
from msformer.executors import Limits, run_items

pytest.importorskip("distributed")
from msformer.executors.cluster import Cluster

ROOT = Path(__file__).parents[2]


class Farm:
    """A scheduler and two workers, as somebody would start them by hand."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "false"}
        self.file = folder / "scheduler.json"
        self.processes = [self._start(["scheduler", "--no-dashboard", "--port", "0", "--host", "127.0.0.1",
                                       "--scheduler-file", str(self.file)], folder, environment)]  # fmt: skip
        for _ in range(600):
            if self.file.exists() and self.file.stat().st_size:
                break
            time.sleep(0.1)
        worker = [
            "worker",
            "--no-dashboard",
            "--nthreads",
            "1",
            "--scheduler-file",
            str(self.file),
            "--local-directory",
        ]
        self.workers = [self._start([*worker, str(folder / name)], folder, environment) for name in "ab"]
        self.processes += self.workers

    @property
    def address(self) -> str:
        import json

        return str(json.loads(self.file.read_text())["address"])

    def end(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @staticmethod
    def _start(words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
            cwd=folder,
            env=environment,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("farm"))
    yield farm
    farm.end()


def test_results_deaths_and_limits_are_those_of_local_processes(farm: Farm, tmp_path: Path) -> None:
    executor = Cluster(farm.address, None, workers=None, threads=1, limits=Limits(seconds=30.0))
    found = dict(run_items(executor, items.square_or_die, [2, -1, 3, 4, 5]))
    assert {index: one for index, one in found.items() if isinstance(one, int)} == {0: 4, 2: 9, 3: 16, 4: 25}
    assert isinstance(found[1], WorkerDiedError)
    assert list(run_items(executor, items.die_once, [tmp_path / "tried"])) == [(0, "done")]
    assert len({number for _, number in run_items(executor, items.own_number, list(range(20)))}) <= 3
    with pytest.raises(ValueError, match="x"):
        list(run_items(executor, items.fail, ["x"]))
    executor.close()


def test_an_address_where_nobody_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msformer.executors.cluster.CONNECT_S", 1)
    with pytest.raises(ConfigError, match="--scheduler must be the address of a Dask scheduler"):
        Cluster("tcp://127.0.0.1:1", None, workers=None, threads=1, limits=Limits())


def test_a_cluster_without_workers_is_told(farm: Farm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("msformer.executors.cluster.ARRIVE_S", 0.5)
    lone = Farm.__new__(Farm)
    lone.file = tmp_path / "scheduler.json"
    words = ["scheduler", "--no-dashboard", "--port", "0", "--host", "127.0.0.1", "--scheduler-file", str(lone.file)]
    lone.processes = [Farm._start(words, tmp_path, dict(os.environ))]
    for _ in range(600):
        if lone.file.exists() and lone.file.stat().st_size:
            break
        time.sleep(0.1)
    try:
        with pytest.raises(ClusterError, match="no worker"):
            Cluster(lone.address, None, workers=None, threads=1, limits=Limits())
    finally:
        lone.end()

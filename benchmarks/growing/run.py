"""Grow every variant on one core, then ask each network about the pictures: a variant a job."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import one_core_each
from benchmarks.growing.variants import Variant
from benchmarks.interaction.methods import GROWN
from benchmarks.interaction.protocols import BEST_OF_3, BOX, ONE_CLICK
from benchmarks.interaction.run import Job, Options, measure
from benchmarks.interaction.sets import GROUP_OF_SET, cases_of
from msformer.benchmark.task import machine
from msformer.growing.loop import grow, network_of, start_state
from msformer.io import write_text
from msformer.prompting.model import grown_network, write_model
from msformer.segmentation import versions

PROTOCOLS = (ONE_CLICK, BEST_OF_3, BOX)
SHIPS = "the network that ships"


@dataclass(frozen=True)
class Task:
    """A variant, the pictures that it is asked about, and the folder of its files; no variant is what ships."""

    variant: Variant | None
    asked: Options
    folder: Path

    @property
    def name(self) -> str:
        """Of the network."""
        return SHIPS if self.variant is None else self.variant.name

    @property
    def results(self) -> Path:
        """What was measured; once it is there the task is done."""
        return self.folder / f"{self.name.replace(' ', '-').replace(',', '')}.json"


def run(variants: Sequence[Variant], asked: Options, folder: Path) -> dict[str, Any]:
    """Grow and ask what is not done yet; everything that the page is made from, ready for JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [Task(variant, asked, folder) for variant in (*variants, None)]
    with one_core_each() as pool:
        networks = list(pool.map(_done, tasks))
    return {"machine": machine(), "versions": versions(), "limit": asked.limit, "networks": networks}


def _done(task: Task) -> dict[str, Any]:
    """What one network can do, from its file if it was measured before."""
    if not task.results.is_file():
        write_text(task.results, json.dumps(_measured(task), indent=1, allow_nan=False) + "\n")
        print(task.name, file=sys.stderr, flush=True)
    found: dict[str, Any] = json.loads(task.results.read_text(encoding="utf-8"))
    return found


def _measured(task: Task) -> dict[str, Any]:
    model, updates, scenes, seconds = _grown(task)
    rows = []
    for case in cases_of(task.asked.data, task.asked.only, task.asked.limit):
        if GROUP_OF_SET[case.set_name] == "single":
            options = Options(task.asked.data, model=model, methods=(GROWN,), seed=task.asked.seed)
            found = measure(Job(case, options, None))
            if found.failures:
                raise RuntimeError(f"{task.name}: {found.failures[0]}")
            rows += [
                {name: row[name] for name in ("set", "case", "protocol", "value")}
                for row in found.rows
                if row["protocol"] in PROTOCOLS
            ]
    return {"name": task.name, "updates": updates, "scenes": scenes, "seconds": seconds, "rows": rows}


def _grown(task: Task) -> tuple[Path | None, int, dict[str, float], float | None]:
    """File of the network, its updates, what it can do on scenes, and the processor's seconds that it took."""
    if task.variant is None:
        ships = grown_network()
        last = dict(ships.curve[-1])
        return None, int(last["step"]), last, None
    recipe, start = task.variant.recipe, time.process_time()
    state = start_state(recipe)
    for _ in grow(recipe, state, processes=1, examine_every=recipe.steps):
        pass
    path = task.results.with_suffix(".safetensors")
    network = network_of(recipe, state.averaged.clone()).eval()
    write_model(path, network, recipe.as_mapping(), state.curve, versions="")
    return path, recipe.steps, state.curve[-1], time.process_time() - start

from __future__ import annotations

import json
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from msformer import baselines
from msformer.benchmark import run as run_module
from msformer.benchmark.columns import summary_rows
from msformer.benchmark.datasets import discover
from msformer.benchmark.report import write_report
from msformer.benchmark.run import plan_tasks, run_tasks
from msformer.benchmark.table import Table
from msformer.benchmark.task import Task, record_path
from msformer.benchmark.verdict import in_words, judge
from msformer.config import Config
from msformer.errors import ConfigError
from msformer.phantoms.write import write_phantoms


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_phantoms(root, ["cells", "dermoscopy"], count=2, seed=0, difficulties=(0.1,))
    Pillow.new("L", (50, 50)).save(root / "cells" / "images" / "alone.png")
    (root / "dermoscopy" / "images" / "broken.png").write_text("no image")
    Pillow.new("L", (50, 50)).save(root / "dermoscopy" / "masks" / "broken.png")
    return root


METHODS = ["msformer", "otsu-2", "kmeans-3"]


@pytest.fixture(scope="module")
def done(data: Path, fast: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    out = tmp_path_factory.mktemp("out")
    tasks = plan_tasks(discover(data).cases, METHODS, [0, 1], fast)
    return out, run_tasks(tasks, out, workers=1)


def test_sets_are_found_and_what_has_no_partner_is_told(data: Path) -> None:
    found = discover(data)
    assert {case.set_name for case in found.cases} == {"cells", "dermoscopy"}
    assert [path.name for path in found.unpaired] == ["alone.png"]
    assert {case.set_name for case in discover(data, ["cells"]).cases} == {"cells"}
    assert len(discover(data, max_cases=1).cases) == 2
    with pytest.raises(ConfigError, match="--sets must be among cells, dermoscopy; got nope"):
        discover(data, ["nope"])
    with pytest.raises(ConfigError, match="--data must be a folder"):
        discover(data / "absent")
    with pytest.raises(ConfigError, match="--data must hold"):
        discover(data / "cells")


def test_methods_without_a_seed_run_once(data: Path, fast: Config) -> None:
    tasks = plan_tasks(discover(data, ["cells"]).cases, METHODS, [4, 5], fast)
    seeds = {method: sorted({task.seed for task in tasks if task.method == method}) for method in METHODS}
    assert seeds == {"msformer": [4, 5], "kmeans-3": [4, 5], "otsu-2": [4]}
    with pytest.raises(ConfigError, match="got 'nope'"):
        plan_tasks(discover(data).cases, ["nope"], [0], fast)


def test_every_run_leaves_a_record_with_every_metric_under_every_protocol(
    done: tuple[Path, list[dict[str, Any]]],
) -> None:
    out, records = done
    assert len(records) == 5 * 5  # five cases; two seeds of two methods and one of the third
    for record in records:
        path = out / "runs" / record["set"] / record["method"] / f"{record['case']}-seed{record['seed']}.json"
        assert json.loads(path.read_text()) == record
        if record["case"] == "broken":
            assert record["status"] == "failed"
            assert "no image format" in record["error"]
            continue
        of_regions = {"oracle-node", "oracle-nodes"} if record["method"] == "msformer" else set()
        assert set(record["scores"]) == {"automatic", "oracle-cluster", "oracle-components", "released"} | of_regions
        assert record["config"]["foreground"]["source"] == ("regions" if of_regions else "clusters")
        if of_regions:
            of_one, of_many = (record["scores"][protocol]["dice"] for protocol in ("oracle-node", "oracle-nodes"))
            assert of_many >= of_one > (0.8 if record["set"] == "dermoscopy" else 0.2)  # one cell of several
        for protocol, scores in record["scores"].items():
            assert scores["protocol"] == protocol
            assert {"dice", "iou", "hausdorff95_px", "assd_px", "surface_dice", "xor_error"} <= set(scores)
        assert record["seconds"] > 0
        assert record["peak_memory_mb"] is None or record["peak_memory_mb"] > 50
        assert record["machine"]["cores"] >= 1
        assert record["config"]["random_state"] == record["seed"]


def test_scores_are_those_of_the_mask_that_was_written(
    done: tuple[Path, list[dict[str, Any]]], data: Path, fast: Config
) -> None:
    out, records = done
    record = next(one for one in records if one["status"] == "done" and one["method"] == "msformer")
    pred = np.asarray(Pillow.open(out / record["mask"])) > 0
    truth = np.asarray(Pillow.open(record["truth"])) > 0
    dice = 2 * (pred & truth).sum() / (pred.sum() + truth.sum())
    assert record["scores"]["automatic"]["dice"] == pytest.approx(dice)
    image = np.asarray(Pillow.open(record["image"]))
    again = baselines.segment(image, "msformer", fast, random_state=record["seed"])
    np.testing.assert_array_equal(again.mask, pred)
    assert record["scores"]["oracle-components"]["dice"] >= record["scores"]["oracle-cluster"]["dice"]


def test_what_is_there_is_not_done_again_but_what_changed_or_failed_is(
    done: tuple[Path, list[dict[str, Any]]], data: Path, fast: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, records = done
    ran: list[Any] = []

    def watch(executor: Any, run: Any, tasks: list[Any]) -> Any:
        for index, task in enumerate(tasks):
            ran.append(task)
            yield index, run(task)

    monkeypatch.setattr(run_module, "run_items", watch)
    told: list[Any] = []
    cases = discover(data).cases
    again = run_tasks(plan_tasks(cases, METHODS, [0, 1], fast), out, workers=1, on_record=told.append)
    assert {task.case.name for task in ran} == {"broken"}
    assert len(told) == len(again) == 25
    assert [one.get("seconds") for one in again if one["status"] == "done"] == [
        one.get("seconds") for one in records if one["status"] == "done"
    ]
    ran.clear()
    other = fast.replace(foreground={"min_area": 0.01})
    run_tasks(plan_tasks(cases[:1], ["otsu-2"], [0], other), out, workers=1)
    assert len(ran) == 1
    run_tasks(plan_tasks(cases[:1], ["otsu-2"], [0], fast), out, workers=1)  # put the first result back


def test_processes_give_the_same_as_one(
    done: tuple[Path, list[dict[str, Any]]], data: Path, fast: Config, tmp_path: Path
) -> None:
    _, records = done
    tasks = plan_tasks(discover(data, ["cells"]).cases, ["otsu-2", "kmeans-3"], [0], fast)
    parallel = run_tasks(tasks, tmp_path, workers=2)
    serial = {(one["case"], one["method"], one["seed"]): one for one in records}
    assert len(parallel) == 4
    for one in parallel:
        assert one["scores"] == serial[one["case"], one["method"], one["seed"]]["scores"]


def test_a_truncated_record_is_run_again(data: Path, fast: Config, tmp_path: Path) -> None:
    tasks = plan_tasks(discover(data, ["cells"]).cases[:1], ["otsu-2"], [0], fast)
    run_tasks(tasks, tmp_path, workers=1)
    (path,) = tmp_path.rglob("*.json")
    path.write_text(path.read_text()[:100])
    (record,) = run_tasks(tasks, tmp_path, workers=1)
    assert record["status"] == "done"
    assert json.loads(path.read_text())["status"] == "done"


@dataclass(frozen=True)
class KillingTask(Task):
    """A task that takes its process with it when it is run, which is when its files are looked at in a worker."""

    def fingerprint(self) -> str:
        if "executors.worker" in str(sys.orig_argv):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fingerprint()


def test_a_process_that_dies_is_a_failed_run_and_the_others_go_on(data: Path, fast: Config, tmp_path: Path) -> None:
    good = plan_tasks(discover(data, ["cells"]).cases, ["otsu-2", "disc", "otsu-3"], [0], fast)
    deadly = KillingTask(good[1].case, "felzenszwalb", 0, fast)
    records = run_tasks([*good[:1], deadly, *good[1:]], tmp_path, workers=2)
    assert [record["status"] for record in records] == ["done", "failed", *["done"] * (len(good) - 1)]
    assert "the process died" in records[1]["error"]
    assert json.loads(record_path(deadly, tmp_path).read_text()) == records[1]


def test_an_interruption_stops_the_pool_and_keeps_what_is_done(data: Path, fast: Config, tmp_path: Path) -> None:
    tasks = plan_tasks(discover(data).cases, ["otsu-2", "otsu-3", "otsu-4", "disc", "kmeans-2"], [0, 1, 2, 3], fast)

    def interrupt(record: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tasks(tasks, tmp_path, workers=2, on_record=interrupt)
    done = len(list((tmp_path / "runs").rglob("*.json")))
    assert 1 <= done <= 10 < len(tasks)  # what was under way, not all that was planned


def test_odd_files_in_a_set_are_told_or_fail_alone(data: Path, fast: Config, tmp_path: Path) -> None:
    root = tmp_path / "data" / "s"
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
        (root / kind / "folder.png").mkdir()
        Pillow.new("L", (50, 50)).save(root / kind / "a.png")
    Pillow.new("L", (50, 50)).save(root / "images" / "a.bmp")
    found = discover(tmp_path / "data")
    assert [case.name for case in found.cases] == ["a"]
    assert [path.name for path in found.unpaired] == ["a.png"]
    tasks = plan_tasks(found.cases, ["disc", "disc"], [0], fast)
    assert len(tasks) == 1
    (root / "masks" / "a.png").unlink()
    (record,) = run_tasks(tasks, tmp_path / "out", workers=1)
    assert record["status"] == "failed"


def made_record(method: str, case: str, dice: float | None, seed: int = 0) -> dict[str, Any]:
    record: dict[str, Any] = {"set": "s", "method": method, "case": case, "seed": seed, "status": "failed"}
    if dice is not None:
        scores = {"protocol": "automatic", "dice": dice, "hausdorff95_px": 10 * dice, "tolerance_px": 2.0}
        record |= {"status": "done", "scores": {"automatic": scores}, "seconds": dice, "peak_memory_mb": 100 * dice}
    return record


def test_table_by_hand() -> None:
    """Case a: seeds .4 and .8, mean .6; case b: .9 and a failure, mean .45 (HD95 of b: undefined in a failed run)."""
    table = Table([made_record("m", "a", 0.4), made_record("m", "a", 0.8, 1), made_record("m", "b", 0.9),
                   made_record("m", "b", None, 1)])  # fmt: skip
    assert table.scores("s", "m", "automatic") == pytest.approx({"a": 0.6, "b": 0.45})
    row = table.row("s", "m", "automatic")
    assert row.summary.mean == pytest.approx(0.525)
    assert row.poor_share == 1.0
    assert row.failed == 1
    assert row.seconds == 0.8  # the median of .4, .8 and .9
    assert row.peak_memory_mb == pytest.approx(90)
    assert row.seed_spread == pytest.approx(0.25 / 2**0.5)  # set means .65 and .4
    assert table.means("s", "m", "automatic") == pytest.approx({"dice": 0.525, "hausdorff95_px": 6.0})


def test_a_protocol_that_only_some_methods_have() -> None:
    own = made_record("own", "a", 0.6)
    own["scores"] |= {"oracle-node": {"dice": 0.7}, "oracle-components": {"dice": 0.9}}
    other = made_record("other", "a", 0.8)
    other["scores"] |= {"oracle-components": {"dice": 0.85}}
    table = Table(
        [own, made_record("own", "b", None), other, made_record("other", "b", 0.2), made_record("dead", "a", None)]
    )
    other_b = table.runs("s", "other")[1]
    other_b["scores"] |= {"oracle-components": {"dice": 0.25}}
    assert [row.method for row in table.rows("s", "oracle-node")] == ["own"]
    assert table.row("s", "own", "oracle-node").summary.mean == pytest.approx(0.35)  # the failed run counts as 0
    assert table.rows("s", "oracle-nodes") == []
    assert summary_rows(table, "s") == [
        ["other", "0.500", "–", "–", "0.550"],
        ["own", "0.300", "0.350", "–", "0.450"],
        ["dead", "0.000", "–", "–", "0.000"],
    ]


def test_a_report_without_regions(data: Path, fast: Config, tmp_path: Path) -> None:
    tasks = plan_tasks(discover(data, ["cells"]).cases, ["otsu-2", "disc"], [0], fast)
    markdown = tmp_path / "page.md"
    write_report(tmp_path, run_tasks(tasks, tmp_path, workers=1), command="x", markdown=markdown)
    text, page = markdown.read_text(), (tmp_path / "index.html").read_text()
    assert "## Protocol `oracle-components`" in text
    assert "## Protocol `oracle-node" not in text
    assert "Protocol oracle-node" not in page
    assert json.loads((tmp_path / "summary.json").read_text())["protocols"]["oracle-node"] == {"cells": []}


def test_verdict_says_first_where_the_method_loses() -> None:
    cases = [f"c{index}" for index in range(12)]
    records = [made_record("own", case, 0.5 + 0.01 * index) for index, case in enumerate(cases)]
    records += [made_record("better", case, 0.6 + 0.01 * index) for index, case in enumerate(cases)]
    records += [made_record("worse", case, 0.3 + 0.01 * index) for index, case in enumerate(cases)]
    records += [made_record("same", case, 0.5 + 0.01 * index) for index, case in enumerate(cases)]
    (verdict,) = judge(Table(records), "own")
    assert (verdict.better_than, verdict.worse_than, verdict.undecided) == (("worse",), ("better",), ("same",))
    assert verdict.best == "better"
    text = in_words([verdict], "own")
    assert text.startswith(
        "`own` does **not** beat the best other method beyond chance on s (beaten by better). There is no"
    )
    assert in_words([verdict], "msformer").startswith("The program itself (`msformer`) does **not** beat")
    without = [record for record in records if record["method"] != "better"]
    assert "beyond chance on s. No other method beats it beyond chance. There" in in_words(
        judge(Table(without), "own"), "own"
    )
    only_worse = [record for record in records if record["method"] in ("own", "worse")]
    assert in_words(judge(Table(only_worse), "own"), "own").startswith("It beats every other method on s. The")


def test_report_and_markdown(done: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    out, records = done
    markdown = tmp_path / "benchmark.md"
    write_report(out, records, command="msformer benchmark --x <y>", unpaired=[Path("alone.png")], markdown=markdown)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["runs"] == 25
    assert len(summary["failed"]) == 5
    rows = summary["protocols"]["automatic"]["cells"]
    assert {row["method"] for row in rows} == set(METHODS)
    assert [row["summary"]["mean"] for row in rows] == sorted((row["summary"]["mean"] for row in rows), reverse=True)
    text = markdown.read_text()
    first_paragraph = text.split("\n\n")[2]
    assert "The program itself" in first_paragraph or "It beats every other method" in first_paragraph
    assert "msformer benchmark --x <y>" in text
    tables = dict(re.findall(r"^## Protocol `([a-z-]+)`\n\n.*\n\n((?:\|.*\n)+)", text, flags=re.MULTILINE))
    assert tables["automatic"].startswith("| set | method | mean |")
    assert tables["automatic"].count("| cells, 2 cases |") == 1
    for protocol in ("oracle-cluster", "oracle-components", "released"):
        columns = [name.strip() for name in tables[protocol].splitlines()[0].strip("|").split("|")]
        row = next(line for line in tables[protocol].splitlines() if line.startswith("| cells"))
        means = [mean.strip() for mean in row.strip("|").split("|")]
        assert (columns[0], set(columns[1:])) == ("set", set(METHODS))
        told = {row["method"]: row["summary"]["mean"] for row in summary["protocols"][protocol]["cells"]}
        assert means == ["cells, 2 cases", *(f"{told[name]:.3f}" for name in columns[1:])]
    for protocol in ("oracle-node", "oracle-nodes"):
        assert [row["method"] for row in summary["protocols"][protocol]["cells"]] == ["msformer"]
        assert tables[protocol].startswith("| set | msformer |\n")
    assert "| set | method | automatic | oracle-node | oracle-nodes | oracle-components |" in text
    for name in ("distributions", "time", "confidence"):
        assert Pillow.open(tmp_path / "benchmark" / f"{name}.png").size[0] > 300
    page = (out / "index.html").read_text()
    assert "msformer benchmark --x &lt;y&gt;" in page
    assert "methods disagree" in page
    assert "cells: Dice under oracle-nodes" in page
    for written in (text, page):
        assert "msformer chooses among regions" in written
    assert "no image format" in page
    assert 'src="http' not in page

"""Records → numbers: a score a case and method, summaries a set, paired differences between methods."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msformer.benchmark.task import Record
from msformer.evaluation.aggregate import Comparison, Summary, compare, summarise
from msformer.evaluation.protocols import NODE_PROTOCOLS

CaseScores = dict[str, float]
"""Score by case, mean over seeds."""
POOR = 0.7
"""Dice below which a mask is of no use as a first one; the share of such cases is reported."""


@dataclass(frozen=True)
class Row:
    """One method on one set under one protocol.

    Attributes:
        method: Its name.
        summary: Over cases, each the mean over seeds.
        seed_spread: Standard deviation of the set's mean between seeds; None for a single seed.
        poor_share: Share of cases whose Dice is below ``POOR``.
        seconds: Median over runs.
        peak_memory_mb: Largest of all runs; None where the system does not tell.
        failed: Number of runs that failed; each counts as Dice 0.
    """

    method: str
    summary: Summary
    seed_spread: float | None
    poor_share: float
    seconds: float
    peak_memory_mb: float | None
    failed: int


@dataclass(frozen=True)
class ObjectsRow:
    """One method on one set, objects one by one; means over cases, each the mean over seeds.

    Attributes:
        method: Its name.
        n: Cases whose objects were parted or failed, each of which counts as 0; the means are of these.
        parted: F1, AJI and PQ of the objects; nan where ``n`` is 0.
        components: The same of the mask's components as they are.
        n_found: Objects that were found, of all these runs.
        n_true: True ones.
    """

    method: str
    n: int
    parted: tuple[float, float, float]
    components: tuple[float, float, float]
    n_found: int
    n_true: int


class Table:
    """All records of a benchmark, ready for questions."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.records = list(records)
        self.sets = sorted({record["set"] for record in self.records})
        self.methods = list(dict.fromkeys(record["method"] for record in self.records))
        self._by_pair: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self.records:
            self._by_pair[record["set"], record["method"]].append(record)

    def runs(self, set_name: str, method: str) -> list[Record]:
        """Records of a method on a set."""
        return self._by_pair[set_name, method]

    def has(self, method: str, protocol: str) -> bool:
        """Whether a method is scored under a protocol; one that never ran through is, but for those of regions."""
        done = [record for record in self.records if record["method"] == method and record["status"] == "done"]
        return any(protocol in record["scores"] for record in done) if done else protocol not in NODE_PROTOCOLS

    def scores(self, set_name: str, method: str, protocol: str, metric: str = "dice") -> CaseScores:
        """Score of each case, mean over seeds; nan where it is undefined.

        The Dice of a failed run is 0, so that failing never pays; its other metrics are undefined.
        """
        values: dict[str, list[float]] = defaultdict(list)
        for record in self.runs(set_name, method):
            failed = record["status"] == "failed"
            score = (0.0 if metric == "dice" else None) if failed else record["scores"][protocol][metric]
            values[record["case"]].append(float("nan") if score is None else score)
        return {case: statistics.fmean(scores) for case, scores in values.items()}

    def means(self, set_name: str, method: str, protocol: str) -> dict[str, float]:
        """Mean over cases of every metric there is, cases in which it is undefined left out."""
        done = [record for record in self.runs(set_name, method) if record["status"] == "done"]
        if not done:
            return {}
        means = {}
        for metric, value in done[0]["scores"][protocol].items():
            if metric != "protocol" and not metric.startswith("tolerance") and not isinstance(value, str):
                scores = [one for one in self.scores(set_name, method, protocol, metric).values() if one == one]
                means[metric] = statistics.fmean(scores) if scores else float("nan")
        return means

    def row(self, set_name: str, method: str, protocol: str) -> Row:
        """Summary of the Dice of a method on a set under a protocol."""
        runs = self.runs(set_name, method)
        scores = self.scores(set_name, method, protocol)
        done = [record for record in runs if record["status"] == "done"]
        peaks = [record["peak_memory_mb"] for record in done if record["peak_memory_mb"] is not None]
        return Row(
            method=method,
            summary=summarise(list(scores.values())),
            seed_spread=self._seed_spread(runs, protocol),
            poor_share=statistics.fmean(score < POOR for score in scores.values()),
            seconds=statistics.median(record["seconds"] for record in done) if done else float("nan"),
            peak_memory_mb=max(peaks, default=None),
            failed=len(runs) - len(done),
        )

    def rows(self, set_name: str, protocol: str) -> list[Row]:
        """Rows of all methods on a set that are scored under a protocol, best mean first."""
        methods = [name for name in self.methods if self.runs(set_name, name) and self.has(name, protocol)]
        rows = [self.row(set_name, method, protocol) for method in methods]
        return sorted(rows, key=lambda row: -row.summary.mean)

    def objects(self, set_name: str) -> list[ObjectsRow]:
        """Rows of all methods on a set that has instance maps, best mean F1 first; none where it has not.

        A run whose settings do not ask for many objects has none of its own and is left out; a failed one counts as 0.
        """
        rows = []
        for method in self.methods:
            done = [run for run in self.runs(set_name, method) if run["status"] == "done" and run.get("objects")]
            if not done:
                continue
            asked = [run for run in done if run["objects"]["parted"] is not None]
            failed = [run for run in self.runs(set_name, method) if run["status"] == "failed"]
            cases = {run["case"] for run in [*asked, *failed]}
            rows.append(
                ObjectsRow(
                    method=method,
                    n=len(cases),
                    parted=self._mean_objects([*asked, *failed], "parted"),
                    components=self._mean_objects([*asked, *failed], "components"),
                    n_found=sum(run["objects"]["parted"]["n_pred"] for run in asked),
                    n_true=sum(run["objects"]["parted"]["n_gt"] for run in asked),
                )
            )
        return sorted(rows, key=lambda row: (row.n == 0, -row.parted[0]))

    @staticmethod
    def _mean_objects(runs: Sequence[Record], kind: str) -> tuple[float, float, float]:
        means = []
        for metric in ("f1", "aji", "pq"):
            by_case: dict[str, list[float]] = defaultdict(list)
            for run in runs:
                by_case[run["case"]].append(run["objects"][kind][metric] if run["status"] == "done" else 0.0)
            values = [statistics.fmean(scores) for scores in by_case.values()]
            means.append(statistics.fmean(values) if values else float("nan"))
        return means[0], means[1], means[2]

    def difference(self, set_name: str, first: str, second: str, protocol: str) -> Comparison:
        """Paired difference first − second of the Dice over the cases of a set."""
        return compare(self.scores(set_name, first, protocol), self.scores(set_name, second, protocol))

    def others(self, set_name: str, method: str) -> Sequence[str]:
        """The methods other than ``method`` that ran on a set."""
        return [name for name in self.methods if name != method and self.runs(set_name, name)]

    def _seed_spread(self, runs: list[Record], protocol: str) -> float | None:
        by_seed: dict[int, list[float]] = defaultdict(list)
        for record in runs:
            by_seed[record["seed"]].append(record["scores"][protocol]["dice"] if record["status"] == "done" else 0.0)
        means = [statistics.fmean(values) for values in by_seed.values()]
        return statistics.stdev(means) if len(means) > 1 else None

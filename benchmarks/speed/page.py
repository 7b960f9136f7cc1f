"""Results → ``performance.md`` with its tables, ``performance/`` with figures and the numbers as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.speed.floor import products
from msformer.io import MAX_PIXELS

Found = dict[str, Any]
COMMAND = "python -m benchmarks.speed --data DATA --out docs"
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#888888"


def write_page(out: Path, results: Found) -> str:
    """Write the page into ``out``; its text."""
    (out / "performance").mkdir(parents=True, exist_ok=True)
    (out / "performance" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for name, figure in (("steps", _steps_figure(results)), ("growth", _growth_figure(results))):
        FigureCanvasAgg(figure)
        figure.savefig(out / "performance" / f"{name}.png", dpi=90)
    sections = (_head, _step, _image, _folder, _memory, _growth)
    text = "\n".join("\n".join(section(results)) + "\n" for section in sections)
    (out / "performance.md").write_text(text, encoding="utf-8")
    return text


def ratios(over: Sequence[Found], under: Sequence[Found]) -> list[float]:
    """Ratios of seconds, round by round."""
    return [one["seconds"] / other["seconds"] for one, other in zip(over, under, strict=True)]


def _spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, least and largest."""
    middle, least, largest = statistics.median(values), min(values), max(values)
    return f"**{middle:.{digits}f}** ({least:.{digits}f}–{largest:.{digits}f})"


def _head(results: Found) -> list[str]:
    facts = results["machine"]
    return [
        "<!-- written by benchmarks/speed -->",
        "",
        "# How fast, how large",
        "",
        f"`{COMMAND}` · {facts['processor']}, {facts['cores']} cores, {facts['system']}, "
        f"torch {facts['versions']['torch']}, no GPU. Parts that are compared ran in turns in one run, each in a "
        "process of its own. Ratios: median over rounds, least and largest in brackets. Absolute times are of this "
        "machine.",
        "",
    ]


def _step(results: Found) -> list[str]:
    rounds = results["steps"]
    differences = results["mathematics"]
    kernels = ", ".join(
        f"{name.split()[1]} {found[0]['kernels']}" for name, found in rounds.items() if "kernels" in found[0]
    )
    operations = sum(product.operations for product in products()) / 1e9
    lines = [
        "## One step at the released size",
        "",
        "257 × 257 px, 100 channels, two blocks a branch: forward, loss, gradient, update. *Released-equivalent*: a "
        "plain implementation of the published description (`benchmarks/speed/released.py`). *Floor*: the products of "
        f"the step alone ({operations:.0f} GFLOP, nothing computed twice), by the library's matrix product into memory "
        "that is used again and again. The step can be below it: it has fewer products (reprojection, and upsampling "
        "with fusion, are folded into one each) and runs them as whatever measuring chose on this processor, 1 × 1 "
        f"convolutions or matrix products (`fit.kernels`): {kernels}.",
        "",
    ]
    lines += _table(rounds)
    worst = ", ".join(f"{name} {value:.0e}" for name, value in differences.items())
    return [
        *lines,
        "",
        "![steps](performance/steps.png)",
        "",
        f"Same weights, same image, float32: largest relative difference from the released-equivalent step: {worst}. "
        "What bfloat16 does to masks: [precision.md](precision.md).",
        "",
        *_elsewhere(results),
    ]


def _table(rounds: dict[str, list[Found]]) -> list[str]:
    """Steps of every kind beside each other."""
    lines = ["| | s | times faster than released | times its floor | peak, MB |", "|---|---|---|---|---|"]
    released = rounds["released-equivalent"]
    for name, found in rounds.items():
        floor = rounds["floor bfloat16" if "bfloat16" in name else "floor float32"]
        seconds = statistics.median(one["seconds"] for one in found)
        peak = statistics.median(one["peak_mb"] for one in found)
        lines.append(
            f"| {name} | {seconds:.2f} | {_spread(ratios(released, found))} | {_spread(ratios(found, floor))} | "
            f"{peak:.0f} |"
        )
    return lines


def _elsewhere(results: Found) -> list[str]:
    """The same steps on another device, where one was at hand."""
    if "device" not in results:
        return []
    found = results["device"]
    return [f"The same on {found['name']}; there its memory is told:", "", *_table(found["steps"]), ""]


def _image(results: Found) -> list[str]:
    whole = results["released_image"]
    names = ["read", "hash", "auto", "prepare", "cluster", "foreground", "refine", "measure", "write"]
    lines = [
        "## One image, from file to files",
        "",
        f"The released-equivalent loop at released settings took **{whole['seconds']:.0f} s** ({whole['n_iter']} "
        f"updates, {whole['peak_mb']:.0f} MB) for one image of 257 × 257 px. Below: one process, one thread, warm, "
        "native size; labels, mask and preview written; median over eight images, milliseconds by stage.",
        "",
        f"| images | size | {' | '.join(names)} | all | times faster |",
        f"|---|---|{'---|' * (len(names) + 2)}",
    ]
    for name, found in results["images"].items():
        stages = found["stages"]
        cells = " | ".join(f"{stages.get(stage, 0) * 1000:.0f}" for stage in names)
        size = f"{found['shape'][1]} × {found['shape'][0]}"
        lines.append(
            f"| {name} | {size} | {cells} | **{stages['all'] * 1000:.0f}** | {whole['seconds'] / stages['all']:.0f} |"
        )
    return [
        *lines,
        "",
        f"From the call of the program to the end of its first image (765 × 574 px): {_spread(results['first'])} s.",
        "",
    ]


def _folder(results: Found) -> list[str]:
    lines = [
        "## A folder",
        "",
        "Seconds an image, start of the processes included, and the program's own choice of processes and threads "
        "against all that was tried by hand.",
        "",
        "| preset | images | processes × threads | by | s an image | times the best by hand |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in results["folders"].items():
        splits: dict[tuple[str, int, int], list[Found]] = {}
        for one in found:
            splits.setdefault((one["by"], one["workers"], one["threads"]), []).append(one)
        hand = {key: runs for key, runs in splits.items() if key[0] == "hand"}
        best = min(hand.values(), key=lambda runs: statistics.median(one["seconds"] for one in runs))
        for (by, workers, threads), runs in splits.items():
            each = statistics.median(one["seconds"] / one["cases"] for one in runs)
            lines.append(
                f"| {name} | {runs[0]['cases']} | {workers} × {threads} | {by} | {each:.2f} | "
                f"{_spread(ratios(runs, best))} |"
            )
    return [
        *lines,
        "",
        "Several small images in one forward pass were not tried: batch normalisation takes its statistics from all "
        "that is in the pass, so that labels would depend on the neighbours in the folder.",
        "",
    ]


def _memory(results: Found) -> list[str]:
    lines = [
        "## Memory",
        "",
        "Peak of one case over an interpreter with torch loaded, imports of the program included.",
        "",
        "| case | size | MB | s |",
        "|---|---|---|---|",
    ]
    for name, found in results["memory"].items():
        if found["status"] == "done":
            size = f"{found['shape'][1]} × {found['shape'][0]}"
            lines.append(f"| {name} | {size} | **{found['above_mb']:.0f}** | {found['seconds']:.2f} |")
        else:
            lines.append(f"| {name} | | refused: over {MAX_PIXELS:,} pixels; `--max-pixels` lifts the limit | |")
    counts = results["many"]["resident_mb"]
    after = ", ".join(f"{megabytes:.0f} after {count}" for count, megabytes in counts)
    return [*lines, "", f"Cases one after another in one process (`auto`), resident MB: {after}.", ""]


def _growth(results: Found) -> list[str]:
    lines = [
        "## Growth",
        "",
        "The optimisation of `general` in float32 (48 channels, 4 updates) at other working sizes, both cores, first "
        "call of a process. The native size of an image does not enter.",
        "",
        "| working size, px | s | MB over torch | µs a pixel |",
        "|---|---|---|---|",
    ]
    for side, found in results["growth"].items():
        each = found["seconds"] / int(side) ** 2 * 1e6
        lines.append(f"| {side} | {found['seconds']:.2f} | {found['above_mb']:.0f} | {each:.0f} |")
    return [*lines, "", "![growth](performance/growth.png)"]


def _steps_figure(results: Found) -> Figure:
    figure = Figure(figsize=(7.5, 2.6), layout="constrained")
    axes = figure.add_subplot()
    for height, (name, found) in enumerate(reversed(results["steps"].items())):
        seconds = [one["seconds"] for one in found]
        colour = GREY if "floor" in name else ORANGE if "released" in name else BLUE
        axes.barh(height, statistics.median(seconds), color=colour, height=0.6)
        axes.plot(seconds, [height] * len(seconds), "k|", markersize=9)
    axes.set_yticks(range(len(results["steps"])), [*reversed(results["steps"])])
    axes.set_xlabel("seconds a step; marks: rounds")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _growth_figure(results: Found) -> Figure:
    sides = [int(side) for side in results["growth"]]
    figure = Figure(figsize=(7.5, 2.8), layout="constrained")
    for index, (key, label) in enumerate((("seconds", "seconds"), ("above_mb", "MB over torch")), start=1):
        axes = figure.add_subplot(1, 2, index)
        values = [found[key] for found in results["growth"].values()]
        axes.loglog([side**2 for side in sides], values, "o-", color=BLUE)
        first = values[0] / sides[0] ** 2
        axes.loglog([side**2 for side in sides], [first * side**2 for side in sides], "--", color=GREY)
        axes.set_xlabel("pixels; dashed: in proportion")
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    return figure

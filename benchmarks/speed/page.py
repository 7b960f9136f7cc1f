"""Results → ``performance.md`` with its tables, ``performance/`` with figures and the numbers as JSON.

What is fast differs from maker to maker, so each maker of processors has a file of its own, and the page shows all.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.speed.floor import products
from msformer.io import MAX_PIXELS

Found = dict[str, Any]
COMMAND = "python -m benchmarks.speed --data DATA --out docs"
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#888888"


def file_of(out: Path, processor: str) -> Path:
    """Where the numbers of a processor are, by its maker: the first word of what it is called."""
    match = re.match("[a-z0-9]+", processor.lower())
    return out / "performance" / f"{match[0] if match else 'other'}.json"


def write_page(out: Path, results: Found) -> str:
    """Keep the numbers of this machine in ``out``, and write the page of all machines there; its text."""
    (out / "performance").mkdir(parents=True, exist_ok=True)
    own = file_of(out, results["machine"]["processor"])
    own.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    files = sorted(own.parent.glob("*.json"))
    machines = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    for name, figure in (("steps", _steps_figure(machines)), ("growth", _growth_figure(machines))):
        FigureCanvasAgg(figure)
        figure.savefig(out / "performance" / f"{name}.png", dpi=90)
    sections = (_head, _step, _image, _folder, _memory, _growth)
    text = "\n".join("\n".join(section(machines)) + "\n" for section in sections)
    (out / "performance.md").write_text(text, encoding="utf-8")
    return text


def _where(machines: Sequence[Found], *parts: str) -> list[tuple[str, Found]]:
    """Machines on which these parts were measured, with what each is called."""
    return [(found["machine"]["processor"], found) for found in machines if all(part in found for part in parts)]


def ratios(over: Sequence[Found], under: Sequence[Found]) -> list[float]:
    """Ratios of seconds, round by round."""
    return [one["seconds"] / other["seconds"] for one, other in zip(over, under, strict=True)]


def _spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, least and largest."""
    middle, least, largest = statistics.median(values), min(values), max(values)
    return f"**{middle:.{digits}f}** ({least:.{digits}f}–{largest:.{digits}f})"


def _named(found: Found) -> str:
    """A machine, with its rounds of what takes turns and its cases of the test for growth, told by the numbers."""
    facts = found["machine"]
    name = f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, torch {facts['versions']['torch']}"
    told = []
    if "steps" in found:
        told.append(f"rounds of the steps: {len(found['steps']['released-equivalent'])}")
    if "folders" in found:
        # The program's own choice is tried once a round.
        runs = next(iter(found["folders"].values()))
        told.append(f"of folders: {sum(one['by'] == 'program' for one in runs)}")
    if "many" in found:
        told.append(f"cases one after another: {found['many']['resident_mb'][-1][0]}")
    return f"{name} ({', '.join(told)})" if told else name


def _head(machines: Sequence[Found]) -> list[str]:
    names = "; ".join(_named(found) for found in machines)
    return [
        "<!-- written by benchmarks/speed -->",
        "",
        "# How fast, how large",
        "",
        f"`{COMMAND}` · {names}; no GPU. Parts that are compared ran in turns in one run, each in a process of its "
        "own. Ratios: median over rounds, least and largest in brackets. Absolute times are of the machine they stand "
        "under.",
        "",
    ]


def _step(machines: Sequence[Found]) -> list[str]:
    operations = sum(product.operations for product in products()) / 1e9
    lines = [
        "## One step at the released size",
        "",
        "257 × 257 px, 100 channels, two blocks a branch: forward, loss, gradient, update. *Released-equivalent*: a "
        "plain implementation of the published description (`benchmarks/speed/released.py`). *Floor*: the products of "
        f"the step alone ({operations:.0f} GFLOP, nothing computed twice), by the library's matrix product into memory "
        "that is used again and again. The step has fewer products (reprojection, and upsampling with fusion, are "
        "folded into one each) and runs them as whatever measuring chose on this processor, 1 × 1 convolutions or "
        "matrix products (`fit.kernels`).",
        "",
    ]
    for name, found in _where(machines, "steps"):
        rounds = found["steps"]
        kernels = ", ".join(
            f"{kind.split()[1]} {runs[0]['kernels']}" for kind, runs in rounds.items() if "kernels" in runs[0]
        )
        lines += [f"**{name}**; chosen: {kernels}.", "", *_table(rounds), ""]
    differences = [found["mathematics"] for _, found in _where(machines, "mathematics")]
    worst = {kind: max(one[kind] for one in differences) for kind in differences[0]}
    told = ", ".join(f"{name} {value:.0e}" for name, value in worst.items())
    return [
        *lines,
        "![steps](performance/steps.png)",
        "",
        f"Same weights, same image, float32: largest relative difference from the released-equivalent step: {told}. "
        "What bfloat16 does to masks: [precision.md](precision.md).",
        "",
        *_elsewhere(machines),
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


def _elsewhere(machines: Sequence[Found]) -> list[str]:
    """The same steps on another device, where one was at hand."""
    lines = []
    for _, found in _where(machines, "device"):
        device = found["device"]
        lines += [f"The same on {device['name']}; there its memory is told:", "", *_table(device["steps"]), ""]
    return lines


def _image(machines: Sequence[Found]) -> list[str]:
    names = [
        "read", "hash", "auto", "prepare", "cluster", "foreground", "refine", "confidence", "measure", "write",
    ]  # fmt: skip
    lines = [
        "## One image, from file to files",
        "",
        "One process, one thread, warm, native size; labels, mask and preview written; median over eight images, "
        "milliseconds by stage. *Times faster*: than the released-equivalent loop at released settings on one image of "
        "257 × 257 px.",
        "",
    ]
    for name, found in _where(machines, "images", "released_image"):
        whole = found["released_image"]
        lines += [
            f"**{name}**; that loop took **{whole['seconds']:.0f} s** ({whole['n_iter']} updates, "
            f"{whole['peak_mb']:.0f} MB).",
            "",
            f"| images | size | {' | '.join(names)} | all | times faster |",
            f"|---|---|{'---|' * (len(names) + 2)}",
        ]
        for images, one in found["images"].items():
            stages = one["stages"]
            cells = " | ".join(f"{stages.get(stage, 0) * 1000:.0f}" for stage in names)
            lines.append(
                f"| {images} | {one['shape'][1]} × {one['shape'][0]} | {cells} | **{stages['all'] * 1000:.0f}** | "
                f"{whole['seconds'] / stages['all']:.0f} |"
            )
        lines.append("")
    first = "; ".join(f"{name} {_spread(found['first'])} s" for name, found in _where(machines, "first"))
    return [*lines, f"From the call of the program to the end of its first image (765 × 574 px): {first}.", ""]


def _folder(machines: Sequence[Found]) -> list[str]:
    lines = [
        "## A folder",
        "",
        "Seconds an image, start of the processes included, and the program's own choice of processes and threads "
        "against all that was tried by hand.",
        "",
    ]
    for name, found in _where(machines, "folders"):
        lines += [
            f"**{name}**",
            "",
            "| preset | images | processes × threads | by | s an image | times the best by hand |",
            "|---|---|---|---|---|---|",
        ]
        for preset, kinds in found["folders"].items():
            splits: dict[tuple[str, int, int], list[Found]] = {}
            for one in kinds:
                splits.setdefault((one["by"], one["workers"], one["threads"]), []).append(one)
            hand = {key: runs for key, runs in splits.items() if key[0] == "hand"}
            best = min(hand.values(), key=lambda runs: statistics.median(one["seconds"] for one in runs))
            for (by, workers, threads), runs in splits.items():
                each = statistics.median(one["seconds"] / one["cases"] for one in runs)
                lines.append(
                    f"| {preset} | {runs[0]['cases']} | {workers} × {threads} | {by} | {each:.2f} | "
                    f"{_spread(ratios(runs, best))} |"
                )
        lines.append("")
    return [
        *lines,
        "Several small images in one forward pass were not tried: batch normalisation takes its statistics from all "
        "that is in the pass, so that labels would depend on the neighbours in the folder.",
        "",
    ]


def _memory(machines: Sequence[Found]) -> list[str]:
    lines = [
        "## Memory",
        "",
        "Peak of one case over an interpreter with torch loaded, imports of the program included.",
        "",
    ]
    for name, found in _where(machines, "memory", "many"):
        lines += [f"**{name}**", "", "| case | size | MB | s |", "|---|---|---|---|"]
        for case, one in found["memory"].items():
            if one["status"] == "done":
                size = f"{one['shape'][1]} × {one['shape'][0]}"
                lines.append(f"| {case} | {size} | **{one['above_mb']:.0f}** | {one['seconds']:.2f} |")
            else:
                lines.append(f"| {case} | | refused: over {MAX_PIXELS:,} pixels; `--max-pixels` lifts the limit | |")
        after = ", ".join(f"{megabytes:.0f} after {count}" for count, megabytes in found["many"]["resident_mb"])
        lines += ["", f"Cases one after another in one process (`auto`), resident MB: {after}.", ""]
    return lines


def _growth(machines: Sequence[Found]) -> list[str]:
    lines = [
        "## Growth",
        "",
        "The optimisation of `general` in float32 (48 channels, 4 updates) at other working sizes, both cores, first "
        "call of a process. The native size of an image does not enter.",
        "",
    ]
    for name, found in _where(machines, "growth"):
        lines += [f"**{name}**", "", "| working size, px | s | MB over torch | µs a pixel |", "|---|---|---|---|"]
        for side, one in found["growth"].items():
            each = one["seconds"] / int(side) ** 2 * 1e6
            lines.append(f"| {side} | {one['seconds']:.2f} | {one['above_mb']:.0f} | {each:.0f} |")
        lines.append("")
    return [*lines, "![growth](performance/growth.png)"]


def _steps_figure(machines: Sequence[Found]) -> Figure:
    some = _where(machines, "steps")
    figure = Figure(figsize=(7.5, 0.3 + 2.3 * len(some)), layout="constrained")
    for axes, (machine, found) in zip(figure.subplots(len(some), sharex=True, squeeze=False)[:, 0], some, strict=True):
        for height, (name, runs) in enumerate(reversed(found["steps"].items())):
            seconds = [one["seconds"] for one in runs]
            colour = GREY if "floor" in name else ORANGE if "released" in name else BLUE
            axes.barh(height, statistics.median(seconds), color=colour, height=0.6)
            axes.plot(seconds, [height] * len(seconds), "k|", markersize=9)
        axes.set_yticks(range(len(found["steps"])), [*reversed(found["steps"])])
        axes.set_title(machine, loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("seconds a step; marks: rounds")
    return figure


def _growth_figure(machines: Sequence[Found]) -> Figure:
    figure = Figure(figsize=(7.5, 2.8), layout="constrained")
    for index, (key, label) in enumerate((("seconds", "seconds"), ("above_mb", "MB over torch")), start=1):
        axes = figure.add_subplot(1, 2, index)
        for colour, (machine, found) in zip(cycle((BLUE, ORANGE, GREEN)), _where(machines, "growth"), strict=False):
            sides = [int(side) for side in found["growth"]]
            values = [one[key] for one in found["growth"].values()]
            axes.loglog([side**2 for side in sides], values, "o-", color=colour, label=machine)
            first = values[0] / sides[0] ** 2
            axes.loglog([side**2 for side in sides], [first * side**2 for side in sides], "--", color=GREY)
        axes.set_xlabel("pixels; dashed: in proportion")
        axes.set_ylabel(label)
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure

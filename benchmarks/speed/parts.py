"""What is measured: each part runs in a process of its own, so that none warms or fills the memory of another.

A part prints one line of JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDE, DIM, DEPTH, PATCH = 257, 100, 2, 32
"""The released size."""
WARM, TIMED = 3, 5
"""Steps before and during the measurement."""
Found = dict[str, Any]


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args()
    print(json.dumps(PARTS[given.part](*given.arguments)))


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MB; ``getrusage`` would count that of its parent too."""
    return _status("VmHWM")


def resident_mb() -> float:
    """Resident memory of this process now, in MB."""
    return _status("VmRSS")


def _status(name: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024


def _repeat(step: Callable[[], object], device: str = "cpu") -> Found:
    """Time of a step, and the largest memory of what computes it."""
    import torch

    is_elsewhere = torch.device(device).type == "cuda"
    seconds = []
    for _ in range(WARM + TIMED):
        start = time.perf_counter()
        step()
        if is_elsewhere:  # it computes on when the call is back
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated(device) / 2**20 if is_elsewhere else peak_mb()
    return {"seconds": statistics.median(seconds[WARM:]), "first": seconds[0], "peak_mb": peak}


def released_step(device: str = "cpu") -> Found:
    """Steps of the released-equivalent loop on noise."""
    loop = _released_loop()
    loop.network.to(device)
    loop.image = loop.image.to(device)
    return _repeat(loop.step, device)


def own_step(precision: str, device: str = "cpu") -> Found:
    """Steps of this project's loop, the one that users run, on the same noise."""
    import torch

    from msformer.config import Config
    from msformer.fit import iterate
    from msformer.network import build_network
    from msformer.processor import choose

    settings = (
        Config.from_preset("paper-demo").replace(fit={"precision": precision, "max_iter": 1000, "device": device}).fit
    )
    generator = torch.Generator().manual_seed(0)
    network = build_network(3, embed_dim=DIM, depth=DEPTH, patch_size=PATCH, generator=generator)
    events = iterate(network, _noise(), settings)
    next(events)  # what comes before the first update
    kernels = str(choose("auto", torch.bfloat16 if precision == "bfloat16" else torch.float32))
    return _repeat(lambda: next(events), device) | {"kernels": kernels}


def floor_step(dtype: str, device: str = "cpu") -> Found:
    """The products of a step alone."""
    import torch

    from benchmarks.speed.floor import Floor

    return _repeat(Floor(getattr(torch, dtype), device).step, device)


def same_mathematics() -> Found:
    """Largest differences of outputs and of the first step's gradients from the released-equivalent ones, relative."""
    import torch
    import torch.nn.functional as F

    from msformer.config import LossWeights
    from msformer.network import from_released, load_released
    from msformer.objective import objective

    loop = _released_loop()
    own = load_released(loop.network.state_dict())
    theirs, ours = loop.network(loop.image), own(loop.image)
    labels = theirs[0].detach().argmax(dim=1)
    differences = {
        name: _relative(found, expected)
        for name, found, expected in (
            ("logits", ours.logits, theirs[0]),
            ("affinity", ours.affinity, theirs[1]),
            ("contexts", torch.stack([ours.context_fine, ours.context_coarse]), torch.stack(theirs[2:])),
        )
    }
    loss = F.cross_entropy(theirs[0], labels) + 2.0 * (1 - F.cosine_similarity(theirs[2], theirs[3], dim=-1).mean())
    loss = loss + 1.2 * (theirs[1] - torch.eye(theirs[1].shape[-1])).abs().mean()
    loss.backward()
    objective(ours, labels, LossWeights()).total.backward()  # type: ignore[no-untyped-call]
    expected = from_released(
        {name: value.grad for name, value in loop.network.named_parameters() if value.grad is not None}
    )
    flat = [(value.grad, expected[name]) for name, value in own.named_parameters() if value.grad is not None]
    both = [torch.cat([pair[which].flatten() for pair in flat]) for which in (0, 1)]
    differences["gradients"] = float((both[0] - both[1]).norm() / both[1].norm())
    return differences


def released_image(path: str, max_iter: str) -> Found:
    """The released-equivalent loop on an image, at released settings: file to labels, without any mask."""
    import cv2
    import numpy as np
    import torch

    start = time.perf_counter()
    pixels = cv2.resize(np.asarray(cv2.imread(path)), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    image = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)[None]
    loop = _released_loop(image)
    n_iter = 0
    while n_iter < int(max_iter):
        n_iter += 1
        if loop.step() <= 3:
            break
    with torch.no_grad():
        loop.network(image)[0].argmax(dim=1)
    return {"seconds": time.perf_counter() - start, "n_iter": n_iter, "peak_mb": peak_mb()}


def images(preset: str, *paths: str) -> Found:
    """Cases one after another in one process: seconds of each stage, of each image after the first two."""
    from msformer.batch.plan import plan_cases
    from msformer.batch.run import run_cases, split_cases
    from msformer.config import Config
    from msformer.processes import limit_threads

    config = Config.from_preset(preset)
    limit_threads(split_cases(1, config).threads)
    with tempfile.TemporaryDirectory() as out:
        cases = plan_cases([paths[0], *paths])
        run_cases(plan_cases([paths[0]]), config, Path(out) / "first")
        records = list(run_cases(cases, config, Path(out) / "all"))
    stages = [record["timings_s"] | {"all": record["elapsed_s"]} for record in records]
    names = dict.fromkeys(name for one in stages for name in one)
    return {
        "stages": {name: statistics.median(one.get(name, 0.0) for one in stages) for name in names},
        "shape": records[0]["shape"],
        "presets": sorted({record["preset"] for record in records}),
    }


def folder(preset: str, workers: str, threads: str, folder: str, max_cases: str, *assignments: str) -> Found:
    """A folder from the first to the last image; 0 leaves workers and threads to the program."""
    from msformer.batch.plan import plan_cases
    from msformer.batch.run import run_cases, split_cases
    from msformer.config import Config, nest
    from msformer.executors import Processes

    values = dict(text.split("=") for text in assignments)
    config = Config.from_preset(preset).replace(**nest({name: json.loads(value) for name, value in values.items()}))
    config = config.replace(fit={"threads": int(threads)}) if int(threads) else config
    cases = plan_cases([folder], max_cases=int(max_cases))
    split = split_cases(len(cases), config, workers=int(workers) or None)
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        executor = Processes(split.workers, split.threads)
        records = run_cases(cases, config, Path(out), executor=executor)
        executor.close()
        seconds = time.perf_counter() - start
        failed = sum(record["status"] != "done" for record in records)  # they are read from the folder
    return {
        "seconds": seconds,
        "cases": len(cases),
        "failed": failed,
        "workers": split.workers,
        "threads": split.threads,
    }


def memory(preset: str, path: str, max_pixels: str) -> Found:
    """Peak of one case over an interpreter that has loaded torch."""
    import torch

    torch.zeros(1)
    base = peak_mb()
    from msformer.batch.plan import Case
    from msformer.batch.work import run_case
    from msformer.config import Config
    from msformer.processes import limit_threads

    limit_threads(1)
    with tempfile.TemporaryDirectory() as out:
        config = Config.from_preset(preset)
        record = run_case(Case("case", Path(path)), config, _with_folders(out), max_pixels=int(max_pixels))
    return {
        "base_mb": base,
        "above_mb": peak_mb() - base,
        "seconds": record["elapsed_s"],
        "status": record["status"],
        "error": record.get("error"),
        "shape": record.get("shape"),
    }


def many(preset: str, count: str, folder: str) -> Found:
    """Resident memory after every fiftieth of many cases in one process."""
    from msformer.batch.plan import plan_cases
    from msformer.batch.work import run_case
    from msformer.config import Config
    from msformer.processes import limit_threads

    limit_threads(1)
    cases = plan_cases([folder])
    config = Config.from_preset(preset)
    found = []
    with tempfile.TemporaryDirectory() as out:
        for index in range(int(count)):
            run_case(cases[index % len(cases)], config, _with_folders(out))
            if (index + 1) % 50 == 0:
                found.append([index + 1, resident_mb()])
    return {"resident_mb": found}


def growth(side: str) -> Found:
    """The optimisation of ``general`` at a working size: seconds, and peak memory over torch."""
    import torch

    from msformer.config import Config
    from msformer.fit import fit
    from msformer.network import build_network

    torch.set_num_threads(os.cpu_count() or 1)
    torch.zeros(1)
    base = peak_mb()
    config = Config.from_preset("general").replace(fit={"precision": "float32"})
    sizes = config.network
    network = build_network(
        3, embed_dim=sizes.embed_dim, depth=sizes.depth, patch_size=sizes.patch_size,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    start = time.perf_counter()
    fit(network, _noise(int(side)), config.fit)
    return {"seconds": time.perf_counter() - start, "above_mb": peak_mb() - base}


def _with_folders(out: str) -> Path:
    from msformer.batch.files import OUTPUT_KINDS

    for kind in OUTPUT_KINDS:
        (Path(out) / kind).mkdir(exist_ok=True)
    return Path(out)


def _noise(side: int = SIDE) -> Any:
    import numpy as np

    return np.random.default_rng(0).random((3, side, side)).astype(np.float32)


def _released_loop(image: Any = None) -> Any:
    import torch

    from benchmarks.speed.released import ReleasedLoop, ReleasedNetwork

    torch.manual_seed(0)
    return ReleasedLoop(
        ReleasedNetwork(3, DIM, DEPTH, PATCH), torch.from_numpy(_noise())[None] if image is None else image
    )


def _relative(found: Any, expected: Any) -> float:
    return float((found - expected).detach().abs().max() / expected.detach().abs().max())


PARTS: dict[str, Callable[..., Found]] = {
    "released-step": released_step,
    "own-step": own_step,
    "floor-step": floor_step,
    "same-mathematics": same_mathematics,
    "released-image": released_image,
    "images": images,
    "folder": folder,
    "memory": memory,
    "many": many,
    "growth": growth,
}

if __name__ == "__main__":
    main()

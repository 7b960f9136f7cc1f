"""What this processor is, and which kernels are fast on it: measured once and remembered.

On processors of AMD 1 × 1 convolutions are faster than matrix products, on those of Intel with tile registers it is
mostly the other way round (``docs/performance.md``): so nothing is told from a maker's name. What is measured is one
product with its two gradients, of a small shape and of a large one, in turns, some ten milliseconds in all.
The result is kept in a file of the user, since a choice that could change from one run to the next would change last
digits, and now and then a label. Matrix products must win by ``MARGIN``, so that a busy machine does not choose by
chance.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

    from msformer.network.kernels import Kernel, Kernels

ROUNDS = 3
MARGIN = 1.25
FOLDER = "MSFORMER_CACHE"
"""Environment variable that names the folder for what is remembered."""


def choose(name: Literal["auto", "convolution", "matrix"], dtype: torch.dtype) -> Kernels:
    """The kernels that a setting stands for.

    Args:
        name: ``auto`` measures, unless it is known what is faster.
        dtype: That is multiplied in. Others than float32 and bfloat16 have one kernel only.
    """
    import torch

    from msformer.network.kernels import Kernels

    if name != "auto":
        return Kernels(name, name)
    if dtype not in (torch.float32, torch.bfloat16):
        return Kernels("matrix", "matrix")
    return _remembered(dtype)


@cache
def _remembered(dtype: torch.dtype) -> Kernels:
    """What the file says, or what is measured and put there; the first process that does so decides for all."""
    path = _file(dtype)
    known = _read(path)
    if known is None:
        known = measure(dtype)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.name}.{os.getpid()}")
            temporary.write_text(json.dumps(asdict(known)), encoding="utf-8")
            try:
                os.link(temporary, path)  # fails where another process was first
            except FileExistsError:
                known = _read(path) or known
            finally:
                temporary.unlink()
        except OSError:  # a home that cannot be written to: this process remembers
            pass
    return known


def measure(dtype: torch.dtype) -> Kernels:
    """Time both kernels at both shapes, in turns, by the seconds that one thread computes: the machine may be busy."""
    import torch

    from msformer.network.kernels import LARGE, SMALL, Kernels, use
    from msformer.network.products import correlate, project
    from msformer.threads import torch_threads

    chosen: list[Kernel] = []
    for tokens, channels_in, channels_out in (SMALL, LARGE):
        left = torch.ones(tokens, channels_in, dtype=dtype)
        weight = torch.ones(channels_out, channels_in, dtype=dtype)
        gradient = torch.ones(tokens, channels_out, dtype=dtype)

        def step(left: torch.Tensor = left, weight: torch.Tensor = weight, gradient: torch.Tensor = gradient) -> None:
            project(left, weight)
            project(gradient, weight.T)
            correlate(gradient, left)

        best: dict[Kernel, float] = {"convolution": float("inf"), "matrix": float("inf")}
        with torch_threads(1), torch.no_grad():
            for _ in range(ROUNDS + 1):  # the first one is slower
                for kernel in best:
                    with use(Kernels(kernel, kernel)):
                        began = time.thread_time()
                        step()
                        best[kernel] = min(best[kernel], time.thread_time() - began)
        chosen.append("matrix" if best["matrix"] * MARGIN < best["convolution"] else "convolution")
    return Kernels(*chosen)


def _read(path: Path) -> Kernels | None:
    from msformer.network.kernels import Kernels

    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if {said["small"], said["large"]} <= {"convolution", "matrix"}:
            return Kernels(said["small"], said["large"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _file(dtype: torch.dtype) -> Path:
    """Where it is kept: for a processor, a version of PyTorch and a type."""
    import torch

    about = f"{processor_name()} {torch.__version__} {torch.backends.cpu.get_cpu_capability()} {dtype}"
    return _folder() / f"kernels-{sha256(about.encode()).hexdigest()[:16]}.json"


def _folder() -> Path:
    if named := os.environ.get(FOLDER):
        return Path(named)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "msformer"
    if sys.platform == "darwin":
        return Path("~/Library/Caches/msformer").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "msformer"


@cache
def processor_name() -> str:
    """What the processor is called."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if names:
            return names[0]
    return platform.processor() or platform.machine()

"""``msformer info``: versions, machine, presets; what a bug report needs."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def info(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Tell versions, machine, presets and file types."""
    import json

    facts = _facts()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        if name == "presets":
            value = "".join(f"\n{'':>10}  {key}: {about}" for key, about in value.items()).strip()
        elif isinstance(value, dict):
            value = ", ".join(f"{key} {entry}" for key, entry in value.items())
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        typer.echo(f"{name:>10}  {value}")


def _facts() -> dict[str, Any]:
    import os
    import platform

    import torch

    from msformer.config import FORMATS, preset_summaries
    from msformer.io import IMAGE_SUFFIXES, MAX_PIXELS
    from msformer.io.medical import VOLUME_KINDS
    from msformer.segmentation import versions

    devices = ["cpu"]
    devices += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    return {
        "versions": versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "devices": devices,
        "presets": preset_summaries(),
        "suffixes": sorted(IMAGE_SUFFIXES),
        "volumes": sorted(VOLUME_KINDS),
        "formats": list(FORMATS),
        "max_pixels": MAX_PIXELS,
    }

"""What a person points at, image by image, from one file: prompts of one image never reach another.

The file is JSON: ``{"NAME": {"point": [ROW, COLUMN]}, "sub/OTHER": {"box": [ROW, COLUMN, ROW, COLUMN]}}``, names as the
results have them, in px of each image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from msformer.batch.plan import Case
from msformer.config import Config, HintSettings, describe
from msformer.errors import ConfigError

MAX_BYTES = 64 * 2**20
"""Of the file: a box for each of half a million images."""


def with_prompts(cases: Sequence[Case], path: Path) -> list[Case]:
    """The cases, each with what the file says of it.

    Raises:
        ConfigError: The file cannot be read, says what is no prompt, or names what is no image of these.
    """
    said = _read(path)
    images = {case.case_id for case in cases if not case.instances}
    for name in said:
        if name not in images:
            volumes = {case.case_id for case in cases if case.instances}
            what = "a volume, and prompts are for images" if name in volumes else f"none of the {len(images)} images"
            raise ConfigError(f"--prompts: {name!r} is {what}")
    hints = {name: _hints(name, one) for name, one in said.items()}
    return [replace(case, said=hints.get(case.case_id)) for case in cases]


def config_of(case: Case, config: Config) -> Config:
    """The settings of a case: those of all, and what was said of it alone."""
    if case.said is None:
        return config
    own = {name: value for name, value in case.said.model_dump().items() if value is not None}
    return config.replace(hints=own)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"--prompts {str(path)!r} must have at most {MAX_BYTES} bytes; got {path.stat().st_size}")
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"--prompts {str(path)!r} cannot be read: {error}") from error
    if not isinstance(said, dict):
        raise ConfigError(f"--prompts {str(path)!r} must hold an object by names; got {type(said).__name__}")
    return said


def _hints(name: str, said: Any) -> HintSettings:
    try:
        return HintSettings.model_validate(said)
    except ValidationError as error:
        raise ConfigError(f"--prompts: {name!r}: {describe(error)}") from error

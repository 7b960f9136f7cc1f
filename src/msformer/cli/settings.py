"""Settings from where a user may give them: command line > environment > file > preset."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from msformer.config import Config


def resolve(
    preset: str | None,
    seed: int | None,
    file: Path | None,
    assignments: Sequence[str],
    hints: Mapping[str, Any] | None = None,
) -> Config:
    """Put the settings of a run together.

    Args:
        preset: Name of the preset to start from.
        seed: Seed.
        file: TOML file.
        assignments: ``group.name=value`` each.
        hints: Nested settings that were given as options of their own; over the file, under ``assignments``.

    Raises:
        ConfigError: A setting is unknown or out of range, or an assignment has no ``=``.
    """
    from msformer.config import Config, merge, nest, read_toml
    from msformer.errors import ConfigError

    settings = read_toml(file) if file is not None else {}
    if preset is not None:
        if file is not None and settings.get("preset", preset) != preset:
            raise ConfigError(
                f"preset: {str(file)!r} starts from {settings['preset']!r}; got --preset {preset!r}, which its values "
                "would hide. Take the line out of the file"
            )
        settings["preset"] = preset
    if seed is not None:
        settings["random_state"] = seed
    settings = merge(settings, hints or {})
    return Config.from_mapping(merge(settings, nest(dict(_assignment(text) for text in assignments))))


def to_toml(config: Config) -> str:
    """The settings as a TOML file that ``--config`` reads; settings that are off (none) are left out."""
    import tomli_w

    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def _assignment(text: str) -> tuple[str, Any]:
    from msformer.errors import ConfigError

    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set must look like group.name=value; got {text!r}")
    return name.strip(), _value(value.strip())


def _value(text: str) -> Any:
    """A number, truth value or list as TOML writes it; ``none``; everything else is a plain string."""
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

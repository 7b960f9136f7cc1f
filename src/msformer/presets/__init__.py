"""Named settings, a TOML file each. Their names are found without reading them, so that help answers at once."""

from __future__ import annotations

from importlib import resources


def names() -> list[str]:
    """Names of the presets that the package ships, in alphabetical order."""
    folder = resources.files("msformer") / "presets"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))

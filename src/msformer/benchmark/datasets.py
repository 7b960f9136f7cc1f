"""A folder of ``<set>/{images,masks}`` → the cases of each set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msformer.errors import ConfigError
from msformer.io import IMAGE_SUFFIXES


@dataclass(frozen=True)
class BenchmarkCase:
    """An image and its ground truth.

    Attributes:
        set_name: Folder of the set.
        name: File name without suffix.
        image: The image.
        truth: The mask; any value but zero is the object.
        instances: The instance map, one number an object, where the set has one.
    """

    set_name: str
    name: str
    image: Path
    truth: Path
    instances: Path | None = None


@dataclass(frozen=True)
class Discovery:
    """The cases of all sets, and the files that had no partner of their own."""

    cases: tuple[BenchmarkCase, ...]
    unpaired: tuple[Path, ...]


def discover(root: Path, sets: Sequence[str] = (), max_cases: int | None = None) -> Discovery:
    """Find the sets below ``root``, in alphabetical order.

    Args:
        root: Folder whose subfolders hold ``images/`` and ``masks/``, and may hold ``instances/``; subfolders without
            the first two are passed over.
        sets: Take only these.
        max_cases: Take only the first so many of each set.

    Raises:
        ConfigError: No set, a set that was asked for is missing, or none has a pair.
    """
    if not root.is_dir():
        raise ConfigError(f"--data must be a folder; got {str(root)!r}")
    found = {
        path.parent.name: path.parent for path in sorted(root.glob("*/images")) if (path.parent / "masks").is_dir()
    }
    if missing := sorted(set(sets) - set(found)):
        raise ConfigError(f"--sets must be among {', '.join(found) or 'none'}; got {', '.join(missing)}")
    cases: list[BenchmarkCase] = []
    unpaired: list[Path] = []
    for set_name in sets or found:
        (images, other_images), (masks, other_masks) = (
            _by_stem(found[set_name] / kind) for kind in ("images", "masks")
        )
        unpaired += [*other_images, *other_masks]
        both = sorted(set(images) & set(masks))
        one_by_one = _by_stem(folder)[0] if (folder := found[set_name] / "instances").is_dir() else {}
        cases += [
            BenchmarkCase(set_name, stem, images[stem], masks[stem], one_by_one.get(stem)) for stem in both[:max_cases]
        ]
        unpaired += [path for stem, path in {**masks, **images}.items() if stem not in both]
    if not cases:
        raise ConfigError(
            f"--data must hold <set>/images and <set>/masks with files of the same name; got {str(root)!r}"
        )
    return Discovery(tuple(cases), tuple(sorted(unpaired)))


def _by_stem(folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """Image files by name without suffix, and those whose name another one has already."""
    by_stem: dict[str, Path] = {}
    others: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith("."):
            if path.stem in by_stem:
                others.append(path)
            else:
                by_stem[path.stem] = path
    return by_stem, others

"""Measure what the core dependencies take on the disk, and write it into the table of ``docs/dependencies.md``.

python scripts/measure_dependencies.py [--write | --check]

Run it by the Python of an environment into which nothing but msformer was installed. ``--check`` measures nothing: it
tells whether the page has a line for each dependency that ``pyproject.toml`` names, and no other.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
LINE = re.compile(r"^\| `(?P<name>[\w.-]+)` \| (?P<alone>\d*) \| (?P<brings>\d*) \|", re.MULTILINE)
TOTAL = re.compile(r"\*\*\d* MB\*\* in all")


def main() -> int:
    """Print the sizes, write them, or check the names; 1 where a line is missing or too many."""
    parser = argparse.ArgumentParser(description=__doc__)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--write", action="store_true")
    way.add_argument("--check", action="store_true")
    given = parser.parse_args()
    named, told = core(), [found["name"] for found in LINE.finditer(PAGE.read_text(encoding="utf-8"))]
    if sorted(named) != sorted(told):
        print(f"docs/dependencies.md lacks {set(named) - set(told)}, has too many {set(told) - set(named)}")
        return 1
    if given.check:
        return 0
    sizes, total = measure(named)
    for name, (alone, brings) in sorted(sizes.items(), key=lambda one: -sum(one[1])):
        print(f"{name:28} {alone / 1e6:7.1f} MB {brings / 1e6:7.1f} MB with what it alone brings")
    print(f"{'all, with msformer':28} {total / 1e6:7.1f} MB")
    if given.write:
        text = LINE.sub(
            lambda found: "| `{}` | {:.0f} | {:.0f} |".format(found["name"], *(n / 1e6 for n in sizes[found["name"]])),
            PAGE.read_text(encoding="utf-8"),
        )
        PAGE.write_text(TOTAL.sub(f"**{total / 1e6:.0f} MB** in all", text), encoding="utf-8")
    return 0


def core() -> list[str]:
    """Names of the dependencies that every installation has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [canonicalize_name(Requirement(line).name) for line in project["dependencies"]]


def measure(names: list[str]) -> tuple[dict[str, tuple[int, int]], int]:
    """Bytes of each package, bytes of what is there for it alone, and bytes of all with msformer."""
    everything = closure(names)
    sizes = {
        name: (size(name), sum(size(other) for other in everything - closure(set(names) - {name}) - {name}))
        for name in names
    }
    return sizes, sum(size(name) for name in everything | {"msformer"})


def closure(names: Iterable[str]) -> set[str]:
    """Packages and all that they need, without extras."""
    found: set[str] = set()
    rest = list(names)
    while rest:
        name = rest.pop()
        if name in found or (package := _package(name)) is None:
            continue
        found.add(name)
        needs = map(Requirement, package.requires or ())
        rest += [canonicalize_name(one.name) for one in needs if not one.marker or one.marker.evaluate({"extra": ""})]
    return found


def size(name: str) -> int:
    """Bytes of the files of a package, byte code included."""
    package = _package(name)
    files = () if package is None else (package.files or ())
    return sum(path.stat().st_size for file in files if (path := Path(str(file.locate()))).is_file())


def _package(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())

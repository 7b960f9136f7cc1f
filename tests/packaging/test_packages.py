"""Wheel and sdist: all that belongs into them and nothing else, and a program that runs from them alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

ROOT = Path(__file__).parents[2]
BESIDE = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "SECURITY.md", "constraints.txt", "pyproject.toml"}
"""What the sdist has beside the package."""


def clean() -> dict[str, str]:
    """The environment without what would let the checkout be found."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was made from it."""
    for needed in ("build", "hatchling"):
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    out = tmp_path_factory.mktemp("dist")
    # Without isolation nothing is fetched: hatchling is here already.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean())
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of an environment with the wheel, and no msformer but that."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    bin_folder = home / ("Scripts" if os.name == "nt" else "bin")
    python = bin_folder / ("python.exe" if os.name == "nt" else "python")
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True, env=clean())
    # The dependencies are those of the tests. Added as a mere folder, so that no file in it is followed which would
    # make the checkout importable, as it is where msformer is installed to be edited.
    own = next(home.rglob("site-packages"))
    (own / "dependencies.pth").write_text(str(distribution("numpy").locate_file("")) + "\n")
    return bin_folder


def packaged() -> set[str]:
    """Files of the package as they stand in the checkout."""
    source = ROOT / "src"
    return {
        path.relative_to(source).as_posix()
        for path in (source / "msformer").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == packaged()
    kinds = {Path(name).suffix for name in names}
    assert {".py", ".json", ".toml", ".html", ".css", ".js", ".svg", ".safetensors"} <= kinds
    assert {"msformer/py.typed", "msformer/prompting/grown.safetensors", "msformer/presets/auto.toml"} <= names


def test_the_sdist_has_the_package_and_what_describes_it(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names == {f"src/{name}" for name in packaged()} | BESIDE | {".gitignore", "PKG-INFO"}
    assert path.stat().st_size < 10e6


def test_the_metadata_name_the_license_and_no_address_that_is_not_there(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        told = Parser().parsestr(archive.read(name).decode("utf-8"))
    assert told["License-Expression"] == "MIT"
    assert told["Requires-Python"] == ">=3.11"
    assert told.get_all("Project-URL") is None
    needs = [line for line in told.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert not any(line.startswith(("monai", "matplotlib", "pandas")) for line in needs)


def test_the_conda_recipe_asks_for_the_same() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    recipe = yaml.safe_load((ROOT / "recipe" / "recipe.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    other_names = {"torch": "pytorch", "opencv-python-headless": "py-opencv"}
    wanted = {f"python {project['requires-python']}"}
    for line in project["dependencies"]:
        name, _, bound = line.partition(">=")
        wanted.add(f"{other_names.get(name, name)} >={bound}")
    assert set(recipe["requirements"]["run"]) == wanted
    assert recipe["context"]["version"] == project["version"]
    ((program, target),) = project["scripts"].items()
    assert recipe["build"]["python"]["entry_points"] == [f"{program} = {target}"]


def test_the_page_of_dependencies_has_a_line_for_each() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "measure_dependencies.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_installed_program_tells_its_version(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(installed / "msformer"), "--version"], capture_output=True, text=True, env=clean(), cwd=tmp_path
    )
    assert done.stdout == f"msformer {distribution('msformer').version}\n", done.stderr
    where = [str(installed / "python"), "-c", "import msformer; print(msformer.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, env=clean(), cwd=tmp_path, check=True).stdout
    assert Path(found).is_relative_to(installed.parent)


def test_the_installed_program_segments_a_picture(installed: Path, tmp_path: Path) -> None:
    rows, columns = np.mgrid[:67, :83]
    disc = (rows - 30) ** 2 + (columns - 45) ** 2 < 17**2
    grey = np.where(disc, 60, 190) + np.random.default_rng(1).integers(-9, 10, disc.shape)
    Pillow.fromarray(grey.astype(np.uint8)).save(tmp_path / "disc.png")
    command = [str(installed / "msformer"), "segment", "disc.png", "-o", "out", "--progress", "none"]
    done = subprocess.run(command, capture_output=True, text=True, env=clean(), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    with Pillow.open(tmp_path / "out" / "masks" / "disc.png") as picture:
        mask = np.asarray(picture) > 0
    assert 2 * (mask & disc).sum() / (mask.sum() + disc.sum()) > 0.95
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "msformer: 1 segmented, 0 failed" in page
    for name in ("style.css", "main.js", "index.html"):
        assert next((installed.parent).rglob(f"msformer/app/static/{name}")).stat().st_size > 0

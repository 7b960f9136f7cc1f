"""What CONTRIBUTING says of adding something is done as it stands there, in a copy, and what was added is used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STEP = re.compile(
    r"(?:New `(?P<new>[^`]+)`|In `(?P<file>[^`]+)`, before `(?P<before>[^`]+)`):\n\n```\w+\n(?P<code>.*?)```", re.S
)
USES = {
    "preset": """
from msformer.config import Config, preset_summaries
assert preset_summaries()["bright-spots"] == "bright spots on a dark ground"
image = np.zeros((96, 96), np.uint8); image[20:35, 20:35] = image[60:75, 60:75] = 200
assert msformer.segment(image, preset="bright-spots").instances.max() == 2
""",
    "cue": """
from msformer.foreground.cues import CUES
mask = np.zeros((40, 40), bool); mask[5:15, 5:15] = True
assert abs(CUES["roundness"](mask, None) - 1.0) < 1e-9
mask[5:6, 5:35] = True
assert CUES["roundness"](mask, None) < 0.2
from msformer.config import Config
foreground = {"cues": {"roundness": 1.0}, "source": "clusters"}
config = Config.from_mapping({"preset": "general", "cluster": {"method": "kmeans"}, "foreground": foreground})
image = np.zeros((96, 96), np.uint8); image[20:55, 20:55] = 200
assert "roundness" in msformer.segment(image, preset=config).cues
""",
    "format": """
import pathlib, tempfile
image = np.zeros((96, 96), np.uint8); image[20:55, 20:55] = 200
with tempfile.TemporaryDirectory() as folder:
    found = msformer.segment(image, preset="general")
    path = found.save(pathlib.Path(folder) / "mask.npy")
    assert (np.load(path)[0] == found.mask).all()
from msformer.config import Config
Config.from_mapping({"write": {"formats": ["npy"]}})
""",
    "baseline": """
from msformer.baselines import METHODS, segment
image = np.zeros((96, 96), np.uint8); image[20:80, 20:80] = 200
assert METHODS["median"].limits == "Halves every image."
assert segment(image, "median").n_labels == 2
""",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with all steps done."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "src" / "msformer", folder / "msformer", ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    steps = list(STEP.finditer(text))
    assert len(steps) == text.count("\n```") // 2, "each block of code is a step"
    for step in steps:
        path = folder / "msformer" / (step["new"] or step["file"])
        if step["new"]:
            assert not path.exists()
            path.write_text(step["code"], encoding="utf-8")
            continue
        before = path.read_text(encoding="utf-8")
        assert before.count(f"\n{step['before']}") == 1, f"{step['before']!r} is once in {step['file']}"
        path.write_text(before.replace(f"\n{step['before']}", f"\n{step['code']}{step['before']}"), encoding="utf-8")
    return folder


@pytest.mark.parametrize("what", USES)
def test_what_the_steps_add_works(package: Path, what: str) -> None:
    code = f"import numpy as np, msformer\nassert msformer.__file__.startswith({str(package)!r})\n{USES[what]}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(package)},
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_each_thing_has_its_steps() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.findall(r"^\*\*A (\w+)\.\*\*", text, flags=re.M) == list(USES)

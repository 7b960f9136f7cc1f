"""A model as a folder: members, the rule that decides, and a card that says how good it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from msformer import prompting
from msformer.config import Config
from msformer.errors import ConfigError, WeightsError
from msformer.io import write_text
from msformer.learning import Check, Course, Group, LessonLine, Rule, read_member
from msformer.prompting.model import read_bounded
from msformer.segmentation import versions

MODEL = "model"
MODEL_FILE = "model.json"
MODEL_CARD = "README.md"
FORMAT = "msformer-model-1"
LARGEST_ABOUT = 2**20
"""Bytes of what a model says of itself."""


def member_file(out: Path, group: Group) -> Path:
    """Where what a group of images taught lies."""
    return out / MODEL / f"{group.name}.safetensors"


@dataclass(frozen=True, eq=False)
class ModelFolder:
    """A model of another folder.

    Attributes:
        members: Files of what decides.
        keys: Of these.
        rule: How.
        in_colour: Whether it was taught by pictures with colour.
    """

    members: tuple[Path, ...]
    keys: tuple[str, ...]
    rule: Rule
    in_colour: bool


def write_model_folder(
    out: Path, course: Course, rule: Rule, found: Check | None, lines: Sequence[LessonLine], config: Config
) -> None:
    """Write what the model is; a folder that taught nothing has none, not even an old one."""
    path = out / MODEL / MODEL_FILE
    names = {member_file(out, group).name for group in course.groups}
    for old in sorted((out / MODEL).glob("*.safetensors")):
        if old.name not in names:
            old.unlink()
    if not course.groups:
        for file in (path, path.with_name(MODEL_CARD)):
            file.unlink(missing_ok=True)
        return
    about = {
        "format": FORMAT,
        "members": [member_file(out, group).name for group in course.groups if not group.is_check],
        "rule": asdict(rule),
        "reason": course.reason,
        "check": None if found is None else asdict(found),
        "images": len(lines),
        "in_colour": sum(one.is_coloured for one in lines) * 2 > len(lines),
        "network": prompting.grown_network().digest,
        "how": asdict(course.how),
        "versions": versions(),
        "settings": config.model_dump(mode="json"),
    }
    write_text(path, json.dumps(about, indent=1) + "\n")
    write_text(path.with_name(MODEL_CARD), model_card(about))


def model_card(about: Mapping[str, Any]) -> str:
    """What is to be known of a model, for people."""
    found = about["check"]
    lines = [
        "# A model that a folder taught",
        "",
        f"{about['reason'][0].upper()}{about['reason'][1:]}. {about['images']} images of "
        f"{'colour' if about['in_colour'] else 'grey values'}; network grown from random scenes, digest "
        f"`{about['network'][:16]}`.",
        "",
        "It holds a student (a network) and a forest over regions for each member, as numbers; nothing in it is code.",
        "It was taught by masks of the images of a folder, of which the files hold digests and no pixel. A network may",
        "remember more than that of its teachers: treat it as you treat the images.",
        "",
        "Use: `msformer segment NEW -o OUT --model FOLDER/model`.",
        "",
        "## How good it is on its folder",
        "",
    ]
    if found is None:
        lines += ["Not known: that takes at least four corrected images, some of which teach while others are tried."]
    else:
        lines += [
            f"On {found['images']} corrected images, each by members that did not see it (Dice on a small grid):",
            "",
            "| own masks | taught regions | with the student | the student's outline |",
            "|---|---|---|---|",
            f"| {found['own']:.3f} | {found['regions']:.3f} | {found['together']:.3f} | {found['outline']:.3f} |",
        ]
    return "\n".join(lines) + "\n"


def read_model_folder(folder: Path) -> ModelFolder:
    """Read a model.

    Raises:
        ConfigError: It is no model of this program, or of another network.
        WeightsError: One of its files cannot be used.
    """
    path = folder / MODEL_FILE
    if not path.is_file():
        raise ConfigError(f"--model {str(folder)!r} must hold {MODEL_FILE}: there is no such file")
    try:
        about = json.loads(read_bounded(path, LARGEST_ABOUT))
        is_one = isinstance(about, dict) and about.get("format") == FORMAT
        names = [str(one) for one in about["members"]] if is_one else []
        rule = _rule_of(about["rule"]) if is_one else None
    except WeightsError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"--model {str(folder)!r}: {MODEL_FILE} cannot be read") from error
    if rule is None or not names or any(Path(name).name != name for name in names):
        raise ConfigError(f"--model {str(folder)!r} is no model of this program: {MODEL_FILE} must say {FORMAT}")
    if about.get("network") != prompting.grown_network().digest:
        raise ConfigError(f"--model {str(folder)!r} was taught from another grown network than this program has")
    members = tuple(folder / name for name in names)
    keys = tuple(read_member(one).key for one in members)  # what cannot be used is told now, and not once an image
    return ModelFolder(members, keys, rule, bool(about.get("in_colour")))


def _rule_of(told: Mapping[str, Any]) -> Rule:
    """The rule that a file tells; ValueError or TypeError where it tells none."""
    rule = Rule(**told)
    numbers = (rule.student, rule.margin)
    if not all(type(one) in (int, float) and np.isfinite(one) for one in numbers):
        raise ValueError(f"numbers of the rule must be finite; got {numbers}")
    if rule.one_object not in (None, True, False) or type(rule.outlines) is not bool:
        raise ValueError("one_object and outlines of the rule must be true or false")
    return rule

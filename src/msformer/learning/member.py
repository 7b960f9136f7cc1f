"""What a folder teaches: a student and taught regions, which know whom they saw; and their file, which runs no code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from msformer.errors import WeightsError
from msformer.io.atomic import atomic_path
from msformer.learning.forest import PARTS, Forest
from msformer.learning.lesson import DESCRIBED, Lesson, LessonLine, Listed, in_order
from msformer.learning.student import Lessons, draw_chances, teach
from msformer.learning.taught import fit_taught, only_teaching
from msformer.network.prompted import PromptedNet, build_prompted
from msformer.prompting.model import read_bounded, sizes_in, state_of, tensors_in, what_it_says

FORMAT = "msformer-member-1"
"""What a file calls itself; the number rises when older programs could not read it."""
LARGEST_FILE = 256 * 2**20


@dataclass(frozen=True, eq=False)
class Member:
    """What was learned from some images.

    Attributes:
        student: The network.
        forest: Taught regions; None where no image had any.
        saw: Digests of the images that it was taught by.
        key: Of all that it was made from.
    """

    student: PromptedNet
    forest: Forest | None
    saw: frozenset[str]
    key: str

    def may_judge(self, lesson: Lesson) -> bool:
        """Whether it never saw a mask of this image, under whatever name."""
        return lesson.digest not in self.saw


def member_key(network_digest: str, lessons: Sequence[Listed], how: Lessons) -> str:
    """Digest of what a member is made from: where it starts, its teachers and what they say, how it is taught."""
    digest = hashlib.sha256(f"{FORMAT} {network_digest} {how}".encode())
    for lesson in in_order(lessons):
        digest.update(f"{lesson.confidence!r} {lesson.content}".encode())
    return digest.hexdigest()


def teach_member(
    network: PromptedNet,
    network_digest: str,
    lessons: Iterable[Lesson],
    how: Lessons,
    key: str | None = None,
) -> Member:
    """Teach a student and a forest by the same images.

    Args:
        network: What a student from ``grown`` starts as, and whose sizes one from noise has.
        network_digest: Of it.
        lessons: The teachers, which are taken one by one: of each no more is kept than teaches.
        how: How the student is taught.
        key: ``member_key`` of these teachers, where it is known already.
    """
    lines: list[LessonLine] = []
    taken = []
    for lesson in lessons:
        if key is None:
            lines.append(LessonLine.of(lesson))
        taken.append(only_teaching(lesson))
    ordered = in_order(taken)
    student = teach(network, ordered, how)
    forest = fit_taught(ordered, [float(chance) for chance in draw_chances(ordered, how)], how.seed)
    saw = frozenset(lesson.digest for lesson in ordered)
    return Member(student, forest, saw, member_key(network_digest, lines, how) if key is None else key)


def write_member(path: Path, member: Member) -> None:
    """Write a member; the file appears whole or not at all."""
    from safetensors.torch import save

    tensors = {f"student.{name}": value.detach().float().contiguous().clone()
               for name, value in member.student.state_dict().items()}  # fmt: skip
    if member.forest is not None:
        tensors |= {f"forest.{name}": torch.from_numpy(array.copy()) for name, array in member.forest.arrays().items()}
    about = {
        "format": FORMAT,
        "key": member.key,
        "saw": json.dumps(sorted(member.saw)),
        "sizes": json.dumps(member.student.describe()),
        "columns": json.dumps(DESCRIBED),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, metadata=about))


def read_member(path: Path) -> Member:
    """Read a member.

    Raises:
        WeightsError: The file is missing, too large, damaged, not of this program, of another version's regions, or
            does not hold finite numbers.
    """
    data = read_bounded(path, LARGEST_FILE)
    about = what_it_says(data, str(path), FORMAT)
    tensors = tensors_in(data, str(path))
    try:
        sizes = sizes_in({"sizes": json.loads(about["sizes"])}, str(path))
        saw, columns, key = json.loads(about["saw"]), json.loads(about["columns"]), str(about["key"])
        if not isinstance(saw, list) or not all(isinstance(one, str) for one in saw):
            raise ValueError("saw")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{path}: what the file says of itself cannot be read") from error
    if columns != list(DESCRIBED):
        raise WeightsError(f"{path}: was taught by another version of the program, which saw other things of regions")
    state = {name.removeprefix("student."): value for name, value in tensors.items() if name.startswith("student.")}
    expected = state_of(sizes, str(path))
    for name, value in expected.items():
        if name not in state or state[name].shape != value.shape or not torch.isfinite(state[name].float()).all():
            raise WeightsError(f"{path}: {name} of the student must hold {tuple(value.shape)} finite numbers")
    if more := sorted(set(state) - set(expected)):
        raise WeightsError(f"{path}: {more[0]!r:.80} is no part of the student")
    student = build_prompted(sizes, torch.Generator().manual_seed(0))
    student.load_state_dict(state)
    forest = None
    parts = {name: tensors[f"forest.{name}"] for name in PARTS if f"forest.{name}" in tensors}
    if parts:
        try:
            arrays = {name: part.numpy() for name, part in parts.items()}
        except TypeError as error:  # of a kind that numpy does not know
            raise WeightsError(f"{path}: the forest must hold numbers of single or double precision") from error
        forest = Forest.from_arrays(arrays, len(DESCRIBED), str(path))
    return Member(student.eval().requires_grad_(False), forest, frozenset(saw), key)

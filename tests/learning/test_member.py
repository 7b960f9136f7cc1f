"""What a folder teaches, and its file: a member knows whom it saw, and a file is believed nothing."""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save
from tests.helpers import refused_by, said
from tests.learning.helpers import lesson, network, same_arrays, same_weights

from msformer.errors import WeightsError
from msformer.learning import member as module
from msformer.learning.lesson import DESCRIBED, Lesson
from msformer.learning.member import FORMAT, LARGEST_FILE, Member, member_key, read_member, teach_member, write_member
from msformer.learning.student import Lessons

HOW = Lessons(updates=2)


@pytest.fixture(scope="module")
def member() -> Member:
    return teach_member(network(), "net", [lesson(number) for number in range(3)], HOW)


@pytest.fixture
def path(tmp_path: Path, member: Member) -> Path:
    place = tmp_path / "deeper" / "a.safetensors"
    write_member(place, member)
    return place


def refused(path: Path) -> str:
    return refused_by(read_member, path)


def test_what_was_written_comes_back(path: Path, member: Member) -> None:
    again = read_member(path)
    assert same_weights(again.student, member.student)
    assert again.forest is not None
    assert member.forest is not None
    assert same_arrays(again.forest.arrays(), member.forest.arrays())
    rows = lesson(9).features
    np.testing.assert_array_equal(again.forest.predict(rows), member.forest.predict(rows))
    assert again.saw == {lesson(number).digest for number in range(3)}
    assert again.key == member.key
    assert not again.student.training
    assert [one.name for one in path.parent.iterdir()] == [path.name], "no draft is left"


def test_of_each_teacher_no_more_is_kept_than_teaches(member: Member) -> None:
    """Lessons come one by one; their masks, most of their memory, are gone when the next but one comes."""
    alive: list[weakref.ref[Any]] = []

    def read() -> Iterator[Lesson]:
        for number in range(3):
            assert all(one() is None for one in alive[:-1]), "masks of earlier lessons are still there"
            found = lesson(number)
            alive.append(weakref.ref(found.masks))
            yield found
            del found

    streamed = teach_member(network(), "net", read(), HOW, "key")
    assert streamed.key == "key"
    assert streamed.forest is not None
    assert member.forest is not None
    assert same_arrays(streamed.forest.arrays(), member.forest.arrays())
    assert same_weights(streamed.student, member.student)


def test_a_member_without_regions_has_no_forest(tmp_path: Path) -> None:
    taught = teach_member(network(), "net", [lesson(1, n_regions=0)], HOW)
    write_member(tmp_path / "a.safetensors", taught)
    assert read_member(tmp_path / "a.safetensors").forest is None


def test_neither_order_nor_names_change_a_bit_but_the_seed_does(member: Member) -> None:
    """Names that sort the other way round."""
    others = [lesson(number, name=f"{9 - number}") for number in (1, 2, 0)]
    again = teach_member(network(), "net", others, HOW)
    assert same_weights(again.student, member.student)
    assert again.forest is not None
    assert member.forest is not None
    assert same_arrays(again.forest.arrays(), member.forest.arrays())
    assert again.key == member.key
    another = teach_member(network(), "net", others, replace(HOW, seed=1))
    assert not same_weights(another.student, member.student)
    assert another.forest is not None
    assert not same_arrays(another.forest.arrays(), member.forest.arrays())


def test_a_key_is_of_all_that_a_member_is_made_from() -> None:
    some = [lesson(0), lesson(1)]
    first = member_key("net", some, HOW)
    assert member_key("net", some[::-1], HOW) == first
    assert member_key("net", [replace(one, name=f"x{one.name}") for one in some], HOW) == first
    one = some[1]
    others = [
        ("another net", some, HOW),
        ("net", some, replace(HOW, updates=3)),
        ("net", some, replace(HOW, seed=1)),
        ("net", some[:1], HOW),
        *(
            ("net", [some[0], changed], HOW)
            for changed in (
                replace(one, confidence=0.8),
                replace(one, corrected=one.own),
                replace(one, corrected=np.roll(one.own, 1)),
                replace(one, own=np.roll(one.own, 1)),
                replace(one, view=one.view + 1),
                replace(one, features=one.features + 1),
                replace(one, masks=~one.masks),
                replace(one, digest="other"),
            )
        ),
    ]
    keys = {member_key(*given) for given in others}
    assert len(keys) == len(others)
    assert first not in keys


@pytest.mark.parametrize("share", [0.0, 2e-6, 0.001, 0.3, 0.9, 0.9999])
def test_a_cut_file_is_refused(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(path)


FOREIGN: dict[str, Callable[[], bytes]] = {
    "text": lambda: b"weights of a network\n" * 100,
    "zeros": lambda: bytes(1000),
    "other weights": lambda: save({"weight": torch.zeros(3)}),
    "another format": lambda: save({"weight": torch.zeros(3)}, metadata={"format": "msformer-grown-1"}),
    "nothing but a format": lambda: save({"weight": torch.zeros(3)}, metadata={"format": FORMAT}),
    "a longer header than there is": lambda: (2**63).to_bytes(8, "little") + b"{}" + bytes(100),
    "a header that nests": lambda: (100_000).to_bytes(8, "little") + b"[" * 100_000,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(FOREIGN[kind]())
    refused(path)


def test_a_pickle_under_another_name_is_refused_and_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "sprung"),))

    path = tmp_path / "a.safetensors"
    for is_zip in (True, False):
        torch.save({"weight": Trap()}, path, _use_new_zipfile_serialization=is_zip)
        refused(path)
    assert not (tmp_path / "sprung").exists()


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "must be a file" in refused(tmp_path / "pipe")
    assert "must be a file" in refused(tmp_path)
    assert "no such file" in refused(tmp_path / "absent")


def test_too_large_a_file_is_refused_before_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with path.open("r+b") as file:
        file.truncate(LARGEST_FILE + 1)

    def read(_: Path) -> bytes:
        raise AssertionError("it was read")

    monkeypatch.setattr(Path, "read_bytes", read)
    assert str(LARGEST_FILE) in refused(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dim", 10**9), ("dim", 0), ("dim", -8), ("dim", 8.0), ("dim", True), ("dim", "8"), ("dim", None), ("dim", [8]),
        ("dim", float("inf")), ("dim", float("nan")), ("depth_fine", 10**9), ("depth_coarse", 10**9),
        ("depth_coarse", 17), ("dim", 512), ("depth_fine", 2), ("encoder", "resnet"), ("encoder", ["unet"]),
        ("encoder", "unet"), ("width", 3),
    ],
)  # fmt: skip
def test_no_memory_is_taken_for_sizes_that_a_file_only_claims(
    path: Path, monkeypatch: pytest.MonkeyPatch, field: str, value: object
) -> None:
    about, tensors = said(path)

    def built(*_: object, **__: object) -> None:
        raise AssertionError("a network was built")

    monkeypatch.setattr(module, "build_prompted", built)
    sizes = json.loads(about["sizes"]) | {field: value}
    path.write_bytes(save(tensors, metadata=about | {"sizes": json.dumps(sizes)}))
    refused(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sizes", None), ("sizes", "{"), ("sizes", "[1]"), ("sizes", "3"), ("sizes", "[" * 50_000), ("saw", None),
        ("saw", "3"), ("saw", "[3]"), ("saw", '"abc"'), ("saw", "[["), ("columns", None), ("columns", "3"),
        ("columns", "null"), ("columns", '["area"]'), ("columns", json.dumps(DESCRIBED[::-1])), ("key", None),
        ("format", "msformer-member-2"),
    ],
)  # fmt: skip
def test_a_file_that_says_nonsense_of_itself_is_refused(path: Path, name: str, value: str | None) -> None:
    about, tensors = said(path)
    path.write_bytes(save(tensors, metadata=about))
    read_member(path)
    changed = {key: word for key, word in (about | {name: value}).items() if word is not None}
    path.write_bytes(save(tensors, metadata=changed))
    refused(path)


Tensors = dict[str, torch.Tensor]


def _nan(tensors: Tensors) -> str:
    tensors["student.unprompted.bias"][2] = torch.nan
    return "finite"


def _infinite(tensors: Tensors) -> str:
    tensors["student.unprompted.bias"] = tensors["student.unprompted.bias"].double() * 1e300
    return "finite"


def _shape(tensors: Tensors) -> str:
    tensors["student.unprompted.bias"] = torch.zeros(9)
    return r"must hold \(8,\)"


def _missing(tensors: Tensors) -> str:
    del tensors["student.unprompted.bias"]
    return "unprompted.bias"


def _more(tensors: Tensors) -> str:
    tensors["student." + "x" * 5000] = torch.zeros(1)
    return "no part"


def _leads_back(tensors: Tensors) -> str:
    inner = int((tensors["forest.feature"] >= 0).nonzero()[0])
    tensors["forest.left"][inner] = inner
    return "leads nowhere or back"


def _leads_away(tensors: Tensors) -> str:
    inner = int((tensors["forest.feature"] >= 0).nonzero()[0])
    tensors["forest.right"][inner] = 2**31 - 1
    return "leads nowhere or back"


def _column(tensors: Tensors) -> str:
    tensors["forest.feature"][0] = len(DESCRIBED)
    return f"at most {len(DESCRIBED)} columns"


def _no_value(tensors: Tensors) -> str:
    tensors["forest.value"][-1] = torch.nan
    return "finite"


def _half_a_forest(tensors: Tensors) -> str:
    del tensors["forest.roots"]
    return "no roots"


def _brain(tensors: Tensors) -> str:
    tensors["forest.value"] = tensors["forest.value"].bfloat16()
    return "forest"


@pytest.mark.parametrize(
    "spoil",
    [
        _nan, _infinite, _shape, _missing, _more, _leads_back, _leads_away, _column, _no_value, _half_a_forest, _brain,
    ],
)  # fmt: skip
def test_other_numbers_than_a_member_has_are_refused(path: Path, spoil: Callable[[Tensors], str]) -> None:
    about, tensors = said(path)
    word = spoil(tensors)
    path.write_bytes(save(tensors, metadata=about))
    with pytest.raises(WeightsError, match=word):
        read_member(path)
    refused(path)

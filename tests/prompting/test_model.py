"""A grown network as a file: what was written comes back, and nothing else is believed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from tests.helpers import refused_by, said

from msformer.errors import WeightsError
from msformer.network import weights_digest
from msformer.network.prompted import PromptedNet, PromptedSizes, build_prompted
from msformer.prompting import model
from msformer.prompting.model import FORMAT, LARGEST_FILE, read_model, write_model

SIZES = PromptedSizes(dim=8, depth_fine=1, depth_coarse=1)
RECIPE = {"seed": 3, "sizes": {"encoder": "dual-branch", "dim": 8, "depth_fine": 1, "depth_coarse": 1}}
CURVE = [{"step": 1.0, "one_click": 0.5}]


@pytest.fixture(scope="module")
def network() -> PromptedNet:
    return build_prompted(SIZES, torch.Generator().manual_seed(7))


@pytest.fixture
def path(tmp_path: Path, network: PromptedNet) -> Path:
    place = tmp_path / "net.safetensors"
    write_model(place, network, RECIPE, CURVE, versions="torch 2")
    return place


def refused(path: Path) -> str:
    return refused_by(read_model, path)


def test_what_was_written_comes_back(path: Path, network: PromptedNet) -> None:
    grown = read_model(path)
    before, after = network.state_dict(), grown.network.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (grown.recipe, grown.curve) == (RECIPE, tuple(CURVE))
    assert not grown.network.training
    assert not any(one.requires_grad for one in grown.network.parameters())
    assert said(path)[0]["versions"] == "torch 2"
    assert [one.name for one in path.parent.iterdir()] == [path.name], "no draft is left"


def test_the_digest_is_of_the_weights_alone(path: Path, network: PromptedNet) -> None:
    first = read_model(path).digest
    assert first == weights_digest(network.state_dict())
    assert len(first) == 64
    assert write_model(path, network, RECIPE | {"seed": 4}, []) == first
    changed = build_prompted(SIZES, torch.Generator().manual_seed(7))
    with torch.no_grad():
        changed.unprompted.weight[0, 0] += 1e-6
    assert write_model(path, changed, RECIPE, CURVE) != first


def test_weights_of_other_precision_are_written_in_single(tmp_path: Path) -> None:
    network = build_prompted(SIZES, torch.Generator().manual_seed(7)).double()
    write_model(tmp_path / "a.safetensors", network, RECIPE, CURVE)
    assert next(read_model(tmp_path / "a.safetensors").network.parameters()).dtype == torch.float32


def test_a_u_net_comes_back_too(tmp_path: Path) -> None:
    sizes = PromptedSizes("unet", 16, 1, 1)
    network = build_prompted(sizes, torch.Generator().manual_seed(7))
    digest = write_model(tmp_path / "a.safetensors", network, {"sizes": network.describe()}, [])
    grown = read_model(tmp_path / "a.safetensors")
    assert (grown.digest, grown.network.sizes) == (digest, sizes)


@pytest.mark.parametrize("share", [0.0, 2e-6, 1e-5, 0.001, 0.3, 0.9, 0.9999])
def test_a_cut_file_is_refused(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(path)


def test_a_file_with_something_behind_its_end_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")
    assert "damaged" in refused(path)


def test_a_flipped_bit_anywhere_is_refused(path: Path) -> None:
    """In the length, in the header's braces and names, and in weights all over the file."""
    whole = path.read_bytes()
    header = int.from_bytes(whole[:8], "little")
    for place in (0, 3, 7, 8, 9, 8 + header // 2, 8 + header + 1, (header + len(whole)) // 2, len(whole) - 1):
        spoiled = bytearray(whole)
        spoiled[place] ^= 0x10
        path.write_bytes(spoiled)
        with pytest.raises(WeightsError, match=r"net\.safetensors"):
            read_model(path)


FOREIGN: dict[str, Callable[[], bytes]] = {
    "text": lambda: b"weights of a network\n" * 100,
    "one byte": lambda: b"x",
    "zeros": lambda: bytes(1000),
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(200),
    "other weights": lambda: save({"weight": torch.zeros(3)}),
    "another format": lambda: save({"weight": torch.zeros(3)}, metadata={"format": "pt"}),
    "a longer header than there is": lambda: (2**63).to_bytes(8, "little") + b"{}" + bytes(100),
    "a header as long as the file": lambda: (100).to_bytes(8, "little") + b"{" * 100,
    "a header that nests": lambda: (100_000).to_bytes(8, "little") + b"[" * 100_000,
    "a header of numbers": lambda: (6).to_bytes(8, "little") + b"[1, 2]",
    "a header that is text": lambda: (20).to_bytes(8, "little") + b'{"__metadata__": ""}',
    "not UTF-8": lambda: (4).to_bytes(8, "little") + b"\xff\xfe\xfd\xfc",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(FOREIGN[kind]())
    refused(path)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "sprung"),))

    path = tmp_path / "a.safetensors"
    torch.save({"weight": Trap()}, path)
    refused(path)
    assert not (tmp_path / "sprung").exists()


def test_no_memory_is_taken_for_sizes_that_a_file_only_claims(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about, tensors = said(path)

    def built(*_: object, **__: object) -> None:
        raise AssertionError("a network was built")

    monkeypatch.setattr(model, "build_prompted", built)
    for field, value in (
        ("dim", 10**9), ("dim", 0), ("dim", -8), ("dim", 8.0), ("dim", True), ("dim", "8"), ("dim", None), ("dim", [8]),
        ("depth_fine", 10**12), ("depth_coarse", 17), ("dim", 512), ("depth_fine", 2), ("encoder", "resnet"),
        ("encoder", ["unet"]), ("encoder", "unet"),
    ):  # fmt: skip
        sizes = RECIPE["sizes"] | {field: value}  # type: ignore[operator]
        path.write_bytes(save(tensors, metadata=about | {"recipe": json.dumps({"sizes": sizes})}))
        refused(path)


def test_a_u_net_of_a_size_that_there_is_not_is_refused(path: Path) -> None:
    about, tensors = said(path)
    sizes = {"encoder": "unet", "dim": 9, "depth_fine": 1, "depth_coarse": 1}
    path.write_bytes(save(tensors, metadata=about | {"recipe": json.dumps({"sizes": sizes})}))
    assert "dim=9" in refused(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recipe", None),
        ("recipe", "{"),
        ("recipe", "[1]"),
        ("recipe", "{}"),
        ("recipe", '{"sizes": 3}'),
        ("recipe", '{"sizes": {"width": 8}}'),
        ("recipe", "[" * 50_000),
        ("curve", None),
        ("curve", "no JSON"),
        ("curve", "{}"),
        ("curve", "[3]"),
        ("curve", '[{"step": "one"}]'),
        ("curve", '[{"step": true}]'),
        ("digest", None),
        ("digest", "0" * 64),
        ("format", "msformer-grown-2"),
    ],
)
def test_a_file_that_says_nonsense_of_itself_is_refused(path: Path, name: str, value: str | None) -> None:
    about, tensors = said(path)
    path.write_bytes(save(tensors, metadata=about))
    read_model(path)
    changed = {key: word for key, word in (about | {name: value}).items() if word is not None}
    path.write_bytes(save(tensors, metadata=changed))
    refused(path)


def _nan(tensors: dict[str, torch.Tensor]) -> str:
    tensors["unprompted.bias"][2] = torch.nan
    return "finite"


def _infinite(tensors: dict[str, torch.Tensor]) -> str:
    tensors["decoder.masks.weight"][0] = -torch.inf
    return "finite"


def _shape(tensors: dict[str, torch.Tensor]) -> str:
    tensors["unprompted.bias"] = torch.zeros(9)
    return r"\(8,\); got \(9,\)"


def _axes(tensors: dict[str, torch.Tensor]) -> str:
    tensors["unprompted.bias"] = torch.zeros(8, 1)
    return "shape"


def _missing(tensors: dict[str, torch.Tensor]) -> str:
    del tensors["unprompted.bias"]
    return "nothing"


def _more(tensors: dict[str, torch.Tensor]) -> str:
    tensors["x" * 5000] = torch.zeros(1)
    return "no part"


def _half(tensors: dict[str, torch.Tensor]) -> str:
    tensors["unprompted.bias"] = tensors["unprompted.bias"].half()
    return "single precision"


def _brain(tensors: dict[str, torch.Tensor]) -> str:
    tensors["unprompted.bias"] = tensors["unprompted.bias"].bfloat16()
    return "single precision"


@pytest.mark.parametrize("spoil", [_nan, _infinite, _shape, _axes, _missing, _more, _half, _brain])
def test_other_tensors_than_the_network_s_are_refused_even_with_their_digest(
    path: Path, spoil: Callable[[dict[str, torch.Tensor]], str]
) -> None:
    about, tensors = said(path)
    word = spoil(tensors)
    path.write_bytes(save(tensors, metadata=about | {"digest": weights_digest(tensors)}))
    with pytest.raises(WeightsError, match=word):
        read_model(path)
    refused(path)


def test_exchanged_weights_of_the_right_shape_are_refused_by_their_digest(path: Path) -> None:
    about, tensors = said(path)
    tensors["unprompted.bias"] = tensors["unprompted.bias"].flip(0) + 1
    path.write_bytes(save(tensors, metadata=about))
    assert "digest" in refused(path)


def test_too_large_a_file_is_refused_before_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with path.open("r+b") as file:
        file.truncate(LARGEST_FILE + 1)

    def read(_: Path) -> bytes:
        raise AssertionError("it was read")

    monkeypatch.setattr(Path, "read_bytes", read)
    message = refused(path)
    assert str(LARGEST_FILE) in message
    assert str(LARGEST_FILE + 1) in message


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "link.safetensors").symlink_to("pipe.safetensors")
    for name in ("pipe.safetensors", "link.safetensors"):
        assert "must be a file" in refused(tmp_path / name)
    assert "must be a file" in refused(tmp_path)
    assert "no such file" in refused(tmp_path / "absent.safetensors")
    assert "must be a file" in refused(Path("/dev/zero"))


def test_the_format_has_a_number() -> None:
    assert FORMAT.rsplit("-", 1)[1].isdigit()

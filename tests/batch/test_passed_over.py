"""What lies in an input and is no case: each is named with its reason, and nothing hangs the planning."""

from __future__ import annotations

import gzip
import json
import os
import socket
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image as Pillow
from tests.conftest import MakeSquare
from tests.helpers import FAST, run_program

from msformer.batch.plan import plan_inputs
from msformer.batch.skipped import Skipped, in_words, log_lines
from msformer.errors import ConfigError
from msformer.io.medical import read_volume
from msformer.io.results import mark_results


def touch(root: Path, *names: str, kind: str | None = None) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGB", (40, 44), (90, 60, 50)).save(path, kind)


def planned(*inputs: Path | str, recursive: bool = False) -> tuple[set[str], dict[str, str]]:
    """Names of the cases, and why each other file is none."""
    plan = plan_inputs([str(given) for given in inputs], recursive=recursive)
    return {case.case_id for case in plan.cases}, {one.path.name: one.why for one in plan.skipped}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.jfif", "JPEG"), ("a.jpe", "JPEG"), ("a.gif", "GIF"), ("a.jp2", "JPEG2000"), ("a.ppm", "PPM"), ("a", "PNG"),
     ("a.txt", "BMP"), ("a.bin", "WEBP"), ("a.tga", "TGA")],
)  # fmt: skip
def test_contents_decide_in_folders(tmp_path: Path, name: str, kind: str) -> None:
    touch(tmp_path, name, kind=kind)
    assert planned(tmp_path) == ({"a"}, {})


def test_formats_without_a_signature_need_their_name(tmp_path: Path) -> None:
    touch(tmp_path, "a.db", kind="TGA")
    touch(tmp_path, "b.png")
    assert planned(tmp_path) == ({"b"}, {"a.db": "unknown"})


def test_a_heic_is_named_and_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(900))
    touch(tmp_path, "a.jpg")
    plan = plan_inputs([str(tmp_path)])
    assert [case.case_id for case in plan.cases] == ["a"]
    assert [(one.path.name, one.why) for one in plan.skipped] == [("IMG_1.HEIC", "unknown")]
    assert "JPEG or PNG" in plan.skipped[0].reason


@pytest.mark.parametrize("name", ["a.dcm", "a.nii.gz", "a.nrrd", "a.mha", "a.IMA", "a.mgz", "a.png", "a.jfif", "a.hdr"])
def test_what_is_called_an_image_and_cannot_be_read_is_a_case(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(struct.pack("<i", 348) + bytes(344) if name == "a.hdr" else b"no image")
    cases, skipped = planned(tmp_path)
    assert len(cases) == 1
    assert skipped == {}


def test_pipes_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    os.mkfifo(tmp_path / "b.png")
    (tmp_path / "c.nii").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(os.path.relpath(tmp_path / "d.dcm"))
        for given in (tmp_path, tmp_path / "*"):
            assert planned(given) == ({"a"}, dict.fromkeys(("b.png", "c.nii", "d.dcm"), "special"))
    with pytest.raises(ConfigError, match=r"b\.png: it is a pipe"):
        plan_inputs([str(tmp_path / "b.png")])


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    touch(data, "p1/a.png")
    touch(outside, "b.png")
    (data / "first").symlink_to("p1")  # sorted before the folder itself, whose name counts
    (data / "linked").symlink_to(outside)
    (data / "p1" / "up").symlink_to(data)
    (data / "p1" / "here").symlink_to(".")
    (outside / "back").symlink_to(data)
    (data / "again.png").symlink_to("p1/a.png")
    (data / "dead.png").symlink_to("nowhere")
    skipped = dict.fromkeys(("first", "up", "here", "back", "again.png", "dead.png"), "link")
    assert planned(data, recursive=True) == ({"p1/a", "linked/b"}, skipped)
    assert planned(data / "**" / "*.png")[0] == {"p1/a", "linked/b"}


def test_subfolders_hidden_files_and_unreadable_folders_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.png", "sub/b.png", ".git/c.png")
    (tmp_path / ".DS_Store").write_text("x")
    hidden = {".git": "hidden", ".DS_Store": "hidden"}
    assert planned(tmp_path) == ({"a"}, hidden | {"sub": "folder"})
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert planned(tmp_path, recursive=True) == ({"a"}, hidden | {"sub": "unreadable"})


@pytest.mark.parametrize("how", ["marker", "report", "records"])
def test_results_are_no_input_wherever_they_lie(tmp_path: Path, how: str) -> None:
    results = tmp_path / "tree" / "deep" / "results_seed1"
    touch(results, "masks/a.png", "preview/a.png", "own.png")
    if how == "marker":
        mark_results(results, ("masks", "preview"), ())
    elif how == "report":  # of an older version
        report = {"created": "2026", "planned": 1, "done": 1, "failed": 0, "interrupted": False, "cases": []}
        (results / "report.json").write_text(json.dumps(report, indent=1))
    else:
        settings = {"preset": "auto", "random_state": 0, "foreground": {}}
        (results / "records.jsonl").write_text(json.dumps(settings) + "\n")
    touch(tmp_path, "tree/x.png")
    (tmp_path / "tree" / "link").symlink_to(results / "masks")
    cases, skipped = planned(tmp_path / "tree", recursive=True)
    assert cases == {"x", "deep/results_seed1/own"}
    assert skipped["a.png"] == "result"
    for given in (results / "masks", results / "masks" / "a.png"):
        with pytest.raises(ConfigError, match=r"1 result: .*a\.png: it is a result of this program"):
            plan_inputs([str(given)])


def test_a_copied_mask_and_a_foreign_report_are_no_results(tmp_path: Path) -> None:
    touch(tmp_path, "copied/a.png", "other/masks/b.png")
    (tmp_path / "other" / "report.json").write_text('{"planned": "tomorrow"}')
    assert planned(tmp_path, recursive=True)[0] == {"copied/a", "other/masks/b"}


def test_dots_in_arguments_never_meet_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "study/a.png", "study/inner/a.png", "study/inner/b.png")
    monkeypatch.chdir(tmp_path / "study" / "inner")
    for inputs in (["..", "."], ["../*.png", "*.png"], ["../a.png", "a.png", "b.png"], ["../inner/../*.png", "."]):
        names = [case.case_id for case in plan_inputs(inputs).cases]
        assert sorted(names) == ["b", "inner/a.png", "study/a.png"] or inputs[0] == "../inner/../*.png"
        assert len({*names}) == 3
        assert not any(".." in name for name in names)


def nrrd(path: Path, voxels: np.ndarray, fields: str = "") -> None:
    names = {"uint8": "uint8", "int16": "int16", "float32": "float"}
    sizes = " ".join(map(str, reversed(voxels.shape)))
    head = (
        f"NRRD0004\ntype: {names[voxels.dtype.name]}\ndimension: {voxels.ndim}\nsizes: {sizes}\nencoding: gzip\n"
        f"endian: little\n{fields}\n"
    )
    path.write_bytes(head.encode() + gzip.compress(voxels.tobytes()))


@pytest.fixture
def ball() -> np.ndarray:
    slice_, row, column = np.mgrid[:5, :43, :47]
    return np.asarray((row - 20) ** 2 + (column - 22) ** 2 <= 81 + slice_, dtype=np.uint8)


def noise(dtype: type = np.int16) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 200, (5, 43, 47)).astype(dtype)


def test_label_maps_by_header_by_voxels_and_never_by_name_alone(tmp_path: Path, ball: np.ndarray) -> None:
    nrrd(tmp_path / "image.nrrd", noise())
    nrrd(tmp_path / "white-label.nrrd", noise(np.uint8))  # called so, and an image
    nrrd(tmp_path / "two_levels.nrrd", ball * np.uint8(200))  # an image of few values
    nrrd(tmp_path / "slicer.nrrd", ball, "Segment0_ID:=Segment_1\n")
    nrrd(tmp_path / "nameless.nrrd", ball)
    nrrd(tmp_path / "a-label.nrrd", ball * np.uint8(200))
    nrrd(tmp_path / "a_seg.nrrd", ball.astype(np.float32))
    sitk.WriteImage(sitk.GetImageFromArray(ball), str(tmp_path / "m.mha"), True)
    sitk.WriteImage(sitk.GetImageFromArray(ball), str(tmp_path / "n.nii.gz"))
    maps = {"slicer.nrrd", "nameless.nrrd", "a-label.nrrd", "a_seg.nrrd", "m.mha", "n.nii.gz"}
    assert planned(tmp_path) == ({"image", "white-label", "two_levels"}, dict.fromkeys(maps, "label map"))
    assert planned(tmp_path / "nameless.nrrd")[0] == {"nameless"}  # whoever names it means it
    with pytest.raises(ConfigError, match="1 label map"):
        plan_inputs([str(tmp_path / "slicer.nrrd")])


def test_nifti_says_in_its_header_that_it_holds_labels(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(noise())
    sitk.WriteImage(image, str(tmp_path / "a.nii"))
    data = bytearray((tmp_path / "a.nii").read_bytes())
    data[68:70] = struct.pack("<h", 1002)
    (tmp_path / "b.nii").write_bytes(bytes(data))
    assert planned(tmp_path) == ({"a"}, {"b.nii": "label map"})


def test_voxels_beside_their_header_are_parts_of_it(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(noise()), str(tmp_path / "a.mhd"))
    assert planned(tmp_path) == ({"a"}, {"a.raw": "part"})


def test_the_words_of_the_log() -> None:
    some = [Skipped(Path(f"{number}.png"), "result", "r") for number in range(12)]
    lines = list(log_lines([*some, Skipped(Path("x"), "unknown", "u")]))
    assert len(lines) == 12
    assert lines[0] == "skipped: 0.png: r"
    assert lines[10:] == ["skipped: 2 more results", "skipped: x: u"]
    assert in_words({"result": 3, "label map": 1, "unknown": 1}) == "3 results, 1 label map, 1 of no known kind"


def test_the_run_tells_what_it_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], square_image: MakeSquare
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    Pillow.fromarray(square_image()).save(data / "a.png")
    (data / "scene.mrml").write_text("<MRML/>")
    (data / "b.dcm").write_text("no image")
    out = data / "results"
    for skipped, counts in ((1, "1 of no known kind"), (11, "10 results, 1 of no known kind")):
        assert run_program(monkeypatch, "segment", data, "-r", "-o", out, "--progress", "none", *FAST) == 1
        assert f"segmented 1, failed 1, skipped {skipped}: {counts}" in capsys.readouterr().err
        report = json.loads((out / "report.json").read_text())
        assert (report["done"], report["failed"], report["n_skipped"]) == (1, 1, skipped)
        assert str(data / "scene.mrml") in [one["path"] for one in report["skipped"]]
        assert "scene.mrml: no image format recognises its contents" in (out / "index.html").read_text()


def test_files_of_voxels_are_parts_of_the_header_that_names_them(tmp_path: Path, ball: np.ndarray) -> None:
    """One, a list, or a pattern of files; names as file systems have them."""
    volume = (ball * 40 + np.random.default_rng(3).integers(0, 30, ball.shape)).astype(np.uint8)[:4]
    depth, height, width = volume.shape
    head = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {width} {height} {depth}\nencoding: raw\n"
    meta = f"ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = {width} {height} {depth}\n"
    headers = {
        "one.nhdr": f"{head}data file: größe.raw\n",
        "list.nhdr": f"{head}data file: LIST\na.raw\nb.raw\n",
        "pattern.nhdr": f"{head}data file: p%02d.raw 1 2 1\n",
        "meta.mhd": f"{meta}ElementType = MET_UCHAR\nElementDataFile = œdème.raw\n",
    }
    for name, text in headers.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    half = depth // 2
    for name, voxels in (("größe", volume), ("œdème", volume), ("a", volume[:half]), ("b", volume[half:])):
        (tmp_path / f"{name}.raw").write_bytes(voxels.tobytes())
    (tmp_path / "p01.raw").write_bytes(volume[:half].tobytes())
    (tmp_path / "p02.raw").write_bytes(volume[half:].tobytes())
    cases, skipped = planned(tmp_path)
    assert cases == {"one", "list", "pattern", "meta"}
    assert skipped == {f"{name}.raw": "part" for name in ("größe", "œdème", "a", "b", "p01", "p02")}
    for name in headers:
        np.testing.assert_array_equal(read_volume([tmp_path / name], max_voxels=10**6).voxels, volume, err_msg=name)

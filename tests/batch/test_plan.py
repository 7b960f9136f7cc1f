from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from tests.io.test_dicom import make_slice, save

from msformer.batch import plan
from msformer.batch.plan import plan_cases
from msformer.errors import ConfigError, ReadError
from msformer.io import read_image


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("L", (40, 40)).save(path)


def ids(*inputs: Path | str, **options: object) -> list[str]:
    return [case.case_id for case in plan_cases([str(given) for given in inputs], **options)]  # type: ignore[arg-type]


def test_folder_takes_images_in_order_and_nothing_else(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a.JPG", "sub/c.png", ".hidden.png")
    (tmp_path / "notes.txt").write_text("x")
    assert ids(tmp_path) == ["a", "b"]


def test_recursive_mirrors_the_tree(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "sub/deep/c.png", "sub/b.png", ".git/x.png")
    assert ids(tmp_path, recursive=True) == ["b", "sub/b", "sub/deep/c"]


def test_patterns_mirror_the_tree_below_their_fixed_part(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.png", "y/a.png", "y/b.jpg")
    assert ids(tmp_path / "*" / "*.png") == ["x/a", "y/a"]
    assert ids(tmp_path / "**" / "*.jpg") == ["y/b"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "scan[1].png")
    assert ids(tmp_path / "scan[1].png") == ["scan[1]"]


def test_names_do_not_collide(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.png", "one/a.jpg", "one/A.bmp", "two/a.png", "one/b.png")
    cases = ids(tmp_path / "one", tmp_path / "two")
    assert len({case.casefold() for case in cases}) == len(cases) == 5
    assert "b" in cases
    assert "a" not in cases


def test_last_resort_is_a_number(tmp_path: Path) -> None:
    touch(tmp_path, "p/same/a.png", "q/same/a.png")
    cases = ids(tmp_path / "p" / "same", tmp_path / "q" / "same")
    assert cases == ["same/a.png", "same/a.png-2"]


def test_each_file_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    assert ids(tmp_path, tmp_path / "a.png", tmp_path / "*.png") == ["a", "b"]


def test_pages_are_cases(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "stack.tif") as writer:
        for _ in range(2):
            writer.write(np.zeros((40, 40), dtype=np.uint8))
    touch(tmp_path, "z.png")
    assert ids(tmp_path) == ["stack_page0001", "stack_page0002", "z"]
    assert ids(tmp_path, max_cases=2) == ["stack_page0001", "stack_page0002"]


def test_results_of_an_earlier_run_are_no_input(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "out/masks/a.png")
    assert ids(tmp_path, recursive=True, exclude=[tmp_path / "out" / "masks"]) == ["a"]


@pytest.mark.parametrize("given", ["absent.png", "empty", "*.nothing"])
def test_input_that_names_nothing_is_an_error(tmp_path: Path, given: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=f"got .*{given.strip('*')}"):
        plan_cases([str(tmp_path / given)])


def test_a_file_that_cannot_be_opened_is_a_case_that_fails_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise ReadError(f"{path}: Permission denied")

    monkeypatch.setattr(plan, "look_at", refuse)
    (tmp_path / "a.dcm").write_bytes(bytes(200))
    (case,) = plan_cases([str(tmp_path / "a.dcm")])
    assert (case.source, case.instances) == (tmp_path / "a.dcm", (tmp_path / "a.dcm",))


def slices(folder: Path, values: list[int], **elements: Any) -> list[Path]:
    folder.mkdir()
    return [
        save(make_slice(np.full((8, 6), z, np.uint16), z, z, AcquisitionNumber=value, **elements), folder / f"{z}.dcm")
        for z, value in enumerate(values, 1)
    ]


def test_slices_are_one_case_however_they_are_named(tmp_path: Path) -> None:
    paths = slices(tmp_path / "ct", [1, 1, 1])
    for given in ([tmp_path / "ct"], [tmp_path / "ct" / "*.dcm"], paths):
        (case,) = plan_cases([str(one) for one in given])
        assert (case.instances, case.source) == (tuple(paths), tmp_path / "ct")
    assert ids(*paths) == ids(tmp_path / "ct") == ["ct"]
    assert ids(paths[1]) == ["2"]


def test_radiographs_are_a_case_each_however_they_are_named(tmp_path: Path) -> None:
    paths = slices(tmp_path / "dx", [1, 1, 1], Modality="DX")
    for given in ([tmp_path / "dx"], [tmp_path / "dx" / "*.dcm"], paths):
        cases = plan_cases([str(one) for one in given])
        assert [case.instances for case in cases] == [(path,) for path in paths]
        assert [case.case_id for case in cases] == ["1", "2", "3"]
        assert "one of 3 images" in cases[0].notes[0]


def test_volumes_of_a_series_are_named_after_what_tells_them_apart(tmp_path: Path) -> None:
    paths = slices(tmp_path / "two", [1, 1, 1])
    again = [
        save(make_slice(np.full((8, 6), 50 + z, np.uint16), z, 9 + z, AcquisitionNumber=2), tmp_path / "two" / f"b{z}")
        for z in (1, 2, 3)
    ]
    expected = ["two_acquisition-number-1", "two_acquisition-number-2"]
    assert ids(tmp_path / "two") == ids(*paths, *again) == expected


def test_a_tiff_without_a_page_is_a_case_that_fails(tmp_path: Path) -> None:
    """It was neither a case nor passed over: its pages were counted, and there were none."""
    (tmp_path / "a.tif").write_bytes(b"II*\0\xff\xff\0\0" + bytes(20))  # the first lies beyond the end
    assert ids(tmp_path / "a.tif") == ["a"]
    with pytest.raises(ReadError, match=r"a\.tif: broken TIFF"):
        read_image(tmp_path / "a.tif")

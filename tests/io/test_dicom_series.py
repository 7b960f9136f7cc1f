"""Which files of a series are one volume; expected values are worked out by hand from what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from tests.io.test_dicom import LIMIT, STORED, make_enhanced, make_slice, save

from msformer.errors import ReadError
from msformer.io.medical import find_cases, find_volumes, read_volume
from msformer.measure import measure_volume


def plane(value: int) -> Any:
    """Eight rows of six pixels, other ones for each value."""
    return np.arange(48, dtype=np.uint16).reshape(8, 6) + np.uint16(100 * value)


def save_stack(folder: Path, name: str, zs: list[float], start: int, **elements: Any) -> list[Path]:
    """Slices at ``zs`` of series 1.2.3, numbered from ``start``, whose pixels tell their number."""
    return [
        save(make_slice(plane(number), z, number, **elements), folder / f"{name}{number:02d}")
        for number, z in enumerate(zs, start)
    ]


def numbers_in(paths: list[Path], **choice: Any) -> list[int]:
    """The numbers of the slices of a volume, from its pixels."""
    voxels = read_volume(paths, max_voxels=LIMIT, **choice).voxels
    return [int((one[0, 0] + 1024) // 100) for one in voxels]


@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}, "acquisition number"),
        ({"AcquisitionTime": "120001"}, {"AcquisitionTime": "120002.5"}, "acquisition time"),
        ({"EchoTime": 2.46}, {"EchoTime": 4.92}, "echo time"),
        ({"EchoNumbers": 1}, {"EchoNumbers": 2}, "echo number"),
        ({"DiffusionBValue": 0.0}, {"DiffusionBValue": 1000.0}, "b-value"),
        ({}, {"DiffusionBValue": 1000.0}, "b-value"),
        ({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}, "temporal position"),
        ({"StackID": "1"}, {"StackID": "2"}, "stack"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M"]}, {"ImageType": ["ORIGINAL", "PRIMARY", "P"]}, "image type"),
        ({"TriggerTime": 0}, {"TriggerTime": 41.5}, "trigger time"),
        ({}, {}, "numbers"),
    ],
)
def test_two_passes_that_overlap_are_two_volumes(tmp_path: Path, first: Any, second: Any, label: str) -> None:
    one = save_stack(tmp_path, "a", [0, 2, 4, 6], 1, **first)
    other = save_stack(tmp_path, "b", [4, 6, 8, 10, 12], 5, **second)
    cases = find_cases([*one, *other])
    assert [list(case.paths) for case in cases] == [one, other]
    assert all(case.label.startswith(label) and case.label in case.notes[0] for case in cases)
    assert not any("1200" in case.label for case in cases)  # times of day are nobody's business
    assert numbers_in(one) == [1, 2, 3, 4]
    with pytest.raises(ReadError, match=rf"got 2 series or volumes, of 4, 5 files.*--series 0 to 1 \(0: .*{label}"):
        read_volume([*one, *other], max_voxels=LIMIT)
    assert numbers_in([*one, *other], series=1) == [5, 6, 7, 8, 9]
    with pytest.raises(ReadError, match=r"read\.series must be from 0 to 1 in these files; got 2"):
        read_volume([*one, *other], series=2, max_voxels=LIMIT)


def test_echoes_that_do_not_overlap_are_two_volumes_and_acquisitions_that_go_on_are_one(tmp_path: Path) -> None:
    echoes = save_stack(tmp_path, "e", [0, 2, 4], 1, EchoTime=2) + save_stack(tmp_path, "f", [1, 3, 5], 4, EchoTime=9)
    assert [len(group) for group in find_volumes(echoes)] == [3, 3]
    after = save_stack(tmp_path, "g", [0, 2, 4], 1, AcquisitionNumber=1)
    after += save_stack(tmp_path, "h", [6, 8, 10], 4, AcquisitionNumber=2)
    assert [len(group) for group in find_volumes(after)] == [6]
    between = save_stack(tmp_path, "i", [0, 4, 8], 1, AcquisitionNumber=1)
    between += save_stack(tmp_path, "j", [2, 6, 10], 4, AcquisitionNumber=2)
    assert [len(group) for group in find_volumes(between)] == [6]
    apart = save_stack(tmp_path, "k", [0, 2, 4], 1, AcquisitionNumber=1)
    apart += save_stack(tmp_path, "l", [3.3, 5.3, 7.3], 4, AcquisitionNumber=2)
    assert [len(group) for group in find_volumes(apart)] == [3, 3]


def test_what_every_slice_has_of_its_own_splits_nothing(tmp_path: Path) -> None:
    paths = []
    for number, z in enumerate([0.0, 2, 4, 8], 1):
        own = {"AcquisitionNumber": number, "AcquisitionTime": f"12000{number}", "TemporalPositionIdentifier": number}
        paths += save_stack(tmp_path, "a", [z], number, **own)
    assert find_volumes(paths) == [paths]


def test_frames_of_one_place_are_all_there_in_the_order_of_time_and_one_can_be_chosen(tmp_path: Path) -> None:
    times = [30.0, 10.0, 20.0, 0.0]
    paths = [
        save(make_slice(plane(number), 5, number, TriggerTime=time, Modality="MR"), tmp_path / str(number))
        for number, time in enumerate(times, 1)
    ]
    assert find_volumes(paths) == [paths]
    assert numbers_in(paths) == [4, 2, 3, 1]
    whole = read_volume(paths, max_voxels=LIMIT)
    assert "4 frames at one place" in whole.notes[0]
    assert whole.geometry is not None
    assert whole.geometry.is_stated == (True, True, False)  # times are not apart in mm, whatever the thickness
    assert measure_volume(np.ones(whole.shape, np.uint8), whole.geometry)[0].volume_ml is None
    assert [numbers_in(paths, frame=frame) for frame in range(4)] == [[4], [2], [3], [1]]
    chosen = read_volume(paths, frame=1, max_voxels=LIMIT)
    assert chosen.instances == (paths[1],)
    assert chosen.geometry is not None
    assert chosen.geometry.origin_mm == (10, 20, 5)
    with pytest.raises(ReadError, match=r"read\.frame must be from 0 to 3 in this file; got 4"):
        read_volume(paths, frame=4, max_voxels=LIMIT)


def test_two_frames_that_say_no_time_are_both_there(tmp_path: Path) -> None:
    paths = [save(make_slice(plane(number), 5, number), tmp_path / str(number)) for number in (1, 2)]
    assert numbers_in(paths) == [1, 2]
    assert numbers_in(paths, frame=1) == [2]


@pytest.mark.parametrize("uid", ["1.2.9", None])
def test_one_identifier_for_all_slices_leaves_none_out(tmp_path: Path, uid: str | None) -> None:
    paths = save_stack(tmp_path, "a", [0, 2, 4, 6], 1, SOPInstanceUID=uid or "1.2.9")
    for path in paths if uid is None else ():
        data = pydicom.dcmread(path)
        del data.SOPInstanceUID
        data.save_as(path)
    volume = read_volume(paths, max_voxels=LIMIT)
    assert numbers_in(paths) == [1, 2, 3, 4]
    assert volume.notes == ()


def test_a_copy_has_the_same_pixels_and_place(tmp_path: Path) -> None:
    paths = save_stack(tmp_path, "a", [0, 2, 4, 6, 8], 1)
    same = save(make_slice(plane(2), 2, 2, SOPInstanceUID="1.2.77"), tmp_path / "same")
    assert read_volume([*paths, same], max_voxels=LIMIT).notes == ("1 copies of the same slice left out",)
    elsewhere = save(make_slice(plane(2), 10, 2, SOPInstanceUID="1.2.3.2"), tmp_path / "elsewhere")
    assert numbers_in([*paths, elsewhere]) == [1, 2, 3, 4, 5, 2]
    other = save(make_slice(plane(9), 2, 2, SOPInstanceUID="1.2.3.2"), tmp_path / "other")
    assert read_volume([*paths, other], max_voxels=LIMIT).notes == ("1 slices at the same place as another left out",)
    assert numbers_in([*paths, other], frame=1) == [9]


@pytest.mark.parametrize("modality", ["DX", "CR", "MG", "US", "XC", "OP", "ES", "SM", "XA"])
@pytest.mark.parametrize("has_place", [True, False])
def test_images_that_are_no_slices_stand_alone(tmp_path: Path, modality: str, *, has_place: bool) -> None:
    where: dict[str, Any] = {} if has_place else {"ImagePositionPatient": None, "ImageOrientationPatient": None}
    paths = save_stack(tmp_path, "a", [0, 2, 4], 1, Modality=modality, **where)
    cases = find_cases(paths)
    assert [case.paths for case in cases] == [(path,) for path in paths]
    assert cases[0].notes == ("one of 3 images of a series that is no stack of slices",)


def test_slices_without_a_place_stand_alone_unless_they_say_their_location(tmp_path: Path) -> None:
    where: dict[str, Any] = {"Modality": "MR", "ImagePositionPatient": None}
    without = save_stack(tmp_path, "a", [0, 2, 4], 1, **where)
    assert find_volumes(without) == [[path] for path in without]
    with pytest.raises(ReadError, match="got 3 series or volumes, of 1, 1, 1 files"):
        read_volume(without, max_voxels=LIMIT)
    paths = []
    for number, location in enumerate([7.5, 2.5, 5.0], 4):
        paths += save_stack(tmp_path, "b", [0], number, SliceLocation=location, **where)
    assert find_volumes(paths) == [paths]
    assert numbers_in(paths) == [5, 6, 4]
    volume = read_volume(paths, max_voxels=LIMIT)
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == (0.25, 0.5, 2.5)


def test_localisers_are_told(tmp_path: Path) -> None:
    paths = save_stack(tmp_path, "a", [0, 2, 4], 1)
    scout = save(make_slice(plane(9), 2, 9, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), tmp_path / "z")
    cases = find_cases([*paths, scout])
    assert [case.paths for case in cases] == [tuple(paths), (scout,)]
    assert [case.notes for case in cases] == [(), ("a localiser",)]


def test_a_picture_in_colours_is_no_ct(tmp_path: Path) -> None:
    pixels = np.zeros((8, 6, 3), dtype=np.uint8)
    pixels[..., 0] = 200
    data = make_slice(pixels[..., 0], 0, 1, ImagePositionPatient=None, PhotometricInterpretation="RGB")
    data.SamplesPerPixel, data.PlanarConfiguration, data.PixelData = 3, 0, pixels.tobytes()
    volume = read_volume([save(data, tmp_path / "page")], max_voxels=LIMIT)
    assert volume.modality == "SC"
    np.testing.assert_array_equal(volume.voxels[0], pixels)


def enhanced(zs: list[float], group: str, keyword: str, values: list[Any]) -> Dataset:
    data = make_enhanced(zs)
    for frame, value in zip(data.PerFrameFunctionalGroupsSequence, values, strict=True):
        item = Dataset()
        setattr(item, keyword, value)
        setattr(frame, group, [item])
        frame.PixelValueTransformationSequence[0].RescaleSlope = 1
    return data


def test_text_of_a_header_that_tells_volumes_apart_is_counted_and_not_said(tmp_path: Path) -> None:
    paths = save_stack(tmp_path, "a", [0, 2, 4, 6], 1, StackID="DOE^JOHN", EchoTime=2.5)
    paths += save_stack(tmp_path, "b", [4, 6, 8, 10], 5, StackID="ADAM", EchoTime=2.5)
    assert [case.label for case in find_cases(paths)] == ["stack 2", "stack 1"]  # of both in order
    with pytest.raises(ReadError, match=r"0: CT, .*stack 2; 1: ") as caught:
        read_volume(paths, max_voxels=LIMIT)
    assert "DOE" not in str(caught.value)


@pytest.mark.parametrize(
    ("group", "keyword", "values", "label"),
    [
        ("FrameContentSequence", "StackID", ["1", "2", "1", "2"], "stack 2"),
        ("FrameContentSequence", "TemporalPositionIndex", [1, 2, 1, 2], "temporal position 2"),
        ("MREchoSequence", "EffectiveEchoTime", [2.5, 5.0, 2.5, 5.0], "echo time 5"),
        ("MRDiffusionSequence", "DiffusionBValue", [0.0, 800.0, 0.0, 800.0], "b-value 800"),
    ],
)
def test_volumes_of_one_enhanced_file_are_chosen(
    tmp_path: Path, group: str, keyword: str, values: list[Any], label: str
) -> None:
    path = save(enhanced([0, 0, 3, 3], group, keyword, values), tmp_path / "a")
    with pytest.raises(ReadError, match=rf"holds 2 volumes \(0: .*; 1: {label}\): choose one with --frame 0 to 1"):
        read_volume([path], max_voxels=LIMIT)
    volume = read_volume([path], frame=1, max_voxels=LIMIT)
    np.testing.assert_array_equal(volume.voxels, STORED[[1, 3]].astype(int) - 10)
    assert (volume.frames, volume.n_stored) == ((1, 3), 4)
    assert volume.geometry is not None
    assert volume.geometry.spacing_mm == (0.25, 0.5, 3.0)
    assert volume.geometry.origin_mm == (1, 2, 0)


def test_frames_are_sorted_by_their_places(tmp_path: Path) -> None:
    path = save(enhanced([3, 0, 6], "FrameContentSequence", "StackID", ["1", "1", "1"]), tmp_path / "a")
    volume = read_volume([path], max_voxels=LIMIT)
    np.testing.assert_array_equal(volume.voxels, STORED[[1, 0, 2]].astype(int) - 10)
    assert (volume.frames, volume.n_stored) == ((1, 0, 2), 3)


def test_a_clip_without_places_is_whole_and_one_frame_can_be_chosen(tmp_path: Path) -> None:
    data = make_slice(STORED, 0, 1, Modality="US", NumberOfFrames=5, ImagePositionPatient=None)
    path = save(data, tmp_path / "a")
    whole = read_volume([path], max_voxels=LIMIT)
    assert whole.shape == (5, 8, 6)
    assert whole.geometry is not None
    assert not whole.geometry.is_stated[2]
    volume = read_volume([path], frame=3, max_voxels=LIMIT)
    np.testing.assert_array_equal(volume.voxels, STORED[3:4].astype(int) - 1024)
    with pytest.raises(ReadError, match=r"read\.frame must be from 0 to 4 in this file; got 5"):
        read_volume([path], frame=5, max_voxels=LIMIT)

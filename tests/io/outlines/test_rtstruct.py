"""RT Structure Sets read by pydicom; SimpleITK says where in the image each point of a contour lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from scipy import ndimage
from tests.io.dicom_files import PLACES, Place, make_series, with_name
from tests.io.outlines.filling import filled, hard_masks

from msformer.errors import WriteError
from msformer.io.export import write_labels
from msformer.io.medical import read_volume
from msformer.io.segments import object_segment, segments_of

DRAWN = [hard_masks()[name] for name in ("two holes at a corner", "island in a hole", "comb", "chessboard")]
LABELS = np.zeros((4, 6, 9), np.uint8)
for _plane, _mask in zip(LABELS, DRAWN, strict=True):
    _plane[: len(_mask), 1 : 1 + _mask.shape[1]] = _mask
LABELS[1, 5, 7:], LABELS[3, 5, 2:4] = 2, 2
# A turn by rational numbers, and its third direction.
TURN = [2 / 3, 2 / 3, -1 / 3, -1 / 3, 2 / 3, 2 / 3]
NORMAL = np.cross(TURN[:3], TURN[3:])


def write(path: Path, labels: NDArray[Any], instances: Sequence[Path], **more: Any) -> Any:
    given: dict[str, Any] = {
        "segments": segments_of(2), "geometry": None, "description": "clusters", "seed": "7",
    } | more  # fmt: skip
    assert write_labels(path, labels, "rtstruct", instances=instances, **given) == [path]
    return pydicom.dcmread(path)


def contours_of(data: Any) -> list[tuple[int, str, NDArray[np.float64]]]:
    """Number of the ROI, identifier of the image and points ``(N, 3)`` of each contour."""
    found = []
    for roi in data.ROIContourSequence:
        for contour in roi.get("ContourSequence", []):
            assert contour.ContourGeometricType == "CLOSED_PLANAR"
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            assert len(points) == contour.NumberOfContourPoints
            (image,) = contour.ContourImageSequence
            found.append((int(roi.ReferencedROINumber), str(image.ReferencedSOPInstanceUID), points))
    return found


def uids_of(paths: Sequence[Path]) -> list[str]:
    return [str(pydicom.dcmread(path, stop_before_pixels=True).file_meta.MediaStorageSOPInstanceUID) for path in paths]


def drawn_back(data: Any, instances: Sequence[Path], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Labels of the voxels whose centres are inside an odd number of times, with the places of SimpleITK."""
    image = sitk.ReadImage([str(path) for path in instances])
    uids = uids_of(instances)
    labels = np.zeros(shape, np.uint8)
    for number, uid, points in contours_of(data):
        places = np.array([image.TransformPhysicalPointToContinuousIndex(point) for point in points.tolist()])
        plane = uids.index(uid)
        np.testing.assert_allclose(places[:, 2], plane, atol=1e-4)
        np.testing.assert_allclose(places[:, :2] * 2, np.rint(places[:, :2] * 2), atol=1e-4)  # edges of pixels
        inside = filled([places[:, :2] + 0.5], shape[1:])  # type: ignore[arg-type]
        assert not (labels[plane][inside] & ~np.uint8(number)).any()
        labels[plane][inside] ^= np.uint8(number)
    return labels


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0]])
@pytest.mark.parametrize("is_turned", [False, True])
def test_contours_drawn_back_are_the_labels(tmp_path: Path, order: list[int], is_turned: bool) -> None:
    more: dict[str, Any] = {}
    places = PLACES
    if is_turned:
        steps = [np.array([7.0, -11.0, 13.0]) + 2.5 * index * NORMAL for index in range(4)]
        places = [(float(x), float(y), float(z)) for x, y, z in np.round(steps, 9)]
        more = {"ImageOrientationPatient": [round(value, 9) for value in TURN]}
    series = make_series(tmp_path / "ct", places, **more)
    instances, labels = [series[index] for index in order], LABELS[order]
    data = write(tmp_path / "a.dcm", labels, instances)
    np.testing.assert_array_equal(drawn_back(data, instances, labels.shape), labels)


@pytest.mark.parametrize(
    "places",
    [
        [(0.0, 0.0, 1.0), (0.0, 0.0, 2.0), (0.0, 0.0, 5.0), (0.0, 0.0, 5.5)],
        [(0.0, -0.7 * index, 2.5 * index) for index in range(4)],
    ],
    ids=["uneven steps", "tilted gantry"],
)
def test_each_contour_has_the_place_of_its_slice(tmp_path: Path, places: list[Place]) -> None:
    series = make_series(tmp_path / "ct", places)
    labels = np.zeros((4, 6, 9), np.uint8)
    labels[:, 2:5, 3:7] = 1
    data = write(tmp_path / "a.dcm", labels, series)
    place_of = dict(zip(uids_of(series), places, strict=True))
    contours = contours_of(data)
    assert len(contours) == 4
    for _, uid, points in contours:
        x, y, z = place_of[uid]
        # Half a pixel of .5 (columns) and .75 mm (rows) before the centre of the first, after that of the last.
        assert {tuple(point) for point in np.round(points, 6).tolist()} == {
            (round(x + column, 6), round(y + row, 6), z) for column in (1.25, 3.25) for row in (1.125, 3.375)
        }


def test_what_is_drawn_and_on_what(tmp_path: Path) -> None:
    data = write(tmp_path / "a.dcm", LABELS, series := make_series(tmp_path / "ct"), segments=segments_of(3))
    source = pydicom.dcmread(series[0])
    assert data.SOPClassUID == data.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.481.3"
    assert data.SOPInstanceUID == data.file_meta.MediaStorageSOPInstanceUID
    assert (data.Modality, data.Manufacturer, data.SeriesDescription) == ("RTSTRUCT", "msformer", "clusters")
    assert data.ApprovalStatus == "UNAPPROVED"
    assert [(one.ROINumber, one.ROIName, one.ROIGenerationAlgorithm) for one in data.StructureSetROISequence] == [
        (number, f"cluster {number}", "AUTOMATIC") for number in (1, 2, 3)
    ]
    assert {one.ReferencedFrameOfReferenceUID for one in data.StructureSetROISequence} == {source.FrameOfReferenceUID}
    assert [list(one.ROIDisplayColor) for one in data.ROIContourSequence] == [
        [0, 114, 178], [230, 159, 0], [0, 158, 115],
    ]  # fmt: skip
    assert "ContourSequence" not in data.ROIContourSequence[2]
    assert [one.ReferencedROINumber for one in data.RTROIObservationsSequence] == [1, 2, 3]
    (frame,) = data.ReferencedFrameOfReferenceSequence
    (study,) = frame.RTReferencedStudySequence
    (referred,) = study.RTReferencedSeriesSequence
    assert frame.FrameOfReferenceUID == data.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert study.ReferencedSOPInstanceUID == data.StudyInstanceUID == source.StudyInstanceUID
    assert referred.SeriesInstanceUID == source.SeriesInstanceUID != data.SeriesInstanceUID
    assert [str(one.ReferencedSOPInstanceUID) for one in referred.ContourImageSequence] == uids_of(series)
    assert {one.ReferencedSOPClassUID for one in referred.ContourImageSequence} == {source.SOPClassUID}


def test_no_more_of_the_patient_than_the_standard_requires(tmp_path: Path) -> None:
    told: dict[str, Any] = {
        "PatientAge": "055Y", "PatientWeight": "79", "PatientComments": "secret", "PregnancyStatus": 1,
        "OtherPatientNames": "secret", "PatientAddress": "secret", "InstitutionName": "secret", "StationName": "secret",
        "InstitutionAddress": "secret", "StudyDescription": "secret", "PhysiciansOfRecord": "secret",
        "OperatorsName": "secret", "SeriesDescription": "secret", "DeviceSerialNumber": "secret",
    }  # fmt: skip
    series = make_series(tmp_path / "ct", **told, PatientIdentityRemoved="NO", IssuerOfPatientID="clinic")
    assert b"secret" in series[0].read_bytes()
    data = write(tmp_path / "a.dcm", LABELS, series)
    assert b"secret" not in (tmp_path / "a.dcm").read_bytes()
    assert not {"PatientAge", "PatientWeight", "PregnancyStatus"} & set(data.dir())
    assert (data.IssuerOfPatientID, data.PatientIdentityRemoved) == ("clinic", "NO")
    assert (str(data.PatientName), data.PatientID, data.PatientBirthDate, data.PatientSex) == (
        "Doe^Jane", "P7", "19700102", "F",
    )  # fmt: skip
    assert (data.StudyDate, data.StudyTime, data.StudyID, data.AccessionNumber) == ("20200304", "101112", "S1", "A1")
    # Neither the time of writing nor any other: the same labels give the same bytes.
    assert (data.StructureSetDate, data.StructureSetTime) == ("", "")


@pytest.mark.parametrize(
    ("declared", "name", "raw"),
    [
        ("ISO_IR 100", "Grün^Zoë", "Grün^Zoë".encode("latin-1")),
        ("GB18030", "王^小东", "王^小东".encode("gb18030")),
        (None, "王^小東", "王^小東".encode()),
    ],
)
def test_names_are_kept_in_whatever_character_set(tmp_path: Path, declared: str | None, name: str, raw: bytes) -> None:
    written = write(tmp_path / "a.dcm", np.ones((1, 6, 9), np.uint8), [with_name(tmp_path, declared, raw)])
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert str(written.PatientName) == name


@pytest.mark.parametrize("raw", ["张伟".encode("gbk"), b"Yamada=\x1b$B;3ED\x1b(B"])
def test_names_of_an_undeclared_character_set_keep_their_bytes(tmp_path: Path, raw: bytes) -> None:
    written = write(tmp_path / "a.dcm", np.ones((1, 6, 9), np.uint8), [with_name(tmp_path, None, raw)])
    assert "SpecificCharacterSet" not in written
    assert raw in (tmp_path / "a.dcm").read_bytes()


def test_bytes_follow_from_sources_seed_and_labels(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct")
    first = write(tmp_path / "a.dcm", LABELS, series)
    write(tmp_path / "b.dcm", LABELS, series)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()
    others = [
        write(tmp_path / "c.dcm", LABELS, series, seed="8"),
        write(tmp_path / "d.dcm", LABELS[:, ::-1], series),
        write(tmp_path / "e.dcm", LABELS, series, segments=segments_of(4)),
        write(tmp_path / "f.dcm", LABELS, series[::-1]),
    ]
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        assert len({str(data[keyword].value) for data in [first, *others]}) == 5


def test_identifiers_that_anonymisation_emptied_are_made_up_for(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct", StudyInstanceUID="", SeriesInstanceUID="", FrameOfReferenceUID="")
    data = write(tmp_path / "a.dcm", LABELS, series)
    (frame,) = data.ReferencedFrameOfReferenceSequence
    (study,) = frame.RTReferencedStudySequence
    assert data.StudyInstanceUID == study.ReferencedSOPInstanceUID != ""
    assert data.FrameOfReferenceUID == frame.FrameOfReferenceUID != ""


def test_an_empty_mask_is_an_object_without_contours(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct")
    data = write(tmp_path / "a.dcm", np.zeros_like(LABELS), series, segments=[object_segment()])
    assert [one.ROIName for one in data.StructureSetROISequence] == ["object"]
    assert contours_of(data) == []


def test_a_contour_of_any_length(tmp_path: Path) -> None:
    labels = np.zeros((1, 200, 300), np.uint8)
    labels[0, :, ::2], labels[0, 100] = 1, 1  # a comb of 30,000 px
    series = make_series(tmp_path / "ct", PLACES[:1], Rows=200, Columns=300, PixelData=bytes(120_000))
    data = write(tmp_path / "a.dcm", labels, series, segments=[object_segment()])
    ((_, _, points),) = contours_of(data)
    steps = (points[:, :2] - PLACES[0][:2]) / [0.5, 0.75]
    np.testing.assert_array_equal(filled([steps + 0.5], (200, 300)), labels[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ImagePositionPatient": None}, r"0\.dcm: rtstruct .*place of each.*missing there: .*ImagePositionPatient"),
        ({"PixelSpacing": None}, r"0\.dcm: rtstruct .*place of each.*missing there: PixelSpacing"),
        ({"Rows": 7}, r"0\.dcm: labels must have the source's shape \(4, 7, 9\); got \(4, 6, 9\)"),
        ({"NumberOfFrames": 3}, r"0\.dcm: rtstruct .*one image a file; this file has 3 frames"),
    ],
)
def test_what_a_source_lacks_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    series = make_series(tmp_path / "ct", **changes)
    with pytest.raises(WriteError, match=message):
        write(tmp_path / "a.dcm", LABELS, series)
    assert not (tmp_path / "a.dcm").exists()


def test_sources_that_are_no_series(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct")
    with pytest.raises(
        WriteError, match=r"a\.dcm: .*rtstruct.* at least 1 DICOM image; got 0 \(the input is no DICOM\)"
    ):
        write(tmp_path / "a.dcm", LABELS, [])
    with pytest.raises(WriteError, match="at least 1 segment; got 0"):
        write(tmp_path / "a.dcm", np.zeros_like(LABELS), series, segments=[])
    with pytest.raises(WriteError, match=r"shape \(3, 6, 9\); got \(4, 6, 9\)"):
        write(tmp_path / "a.dcm", LABELS, series[:3])
    other = make_series(tmp_path / "other", FrameOfReferenceUID=generate_uid(entropy_srcs=["other"]))
    with pytest.raises(WriteError, match="in 1 frame of reference; got 2"):
        write(tmp_path / "a.dcm", LABELS, [*series[:2], *other[2:]])
    (tmp_path / "b.dcm").write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(WriteError, match=r"a\.dcm: .*b\.dcm: "):
        write(tmp_path / "a.dcm", LABELS[:1], [tmp_path / "b.dcm"])
    assert not (tmp_path / "a.dcm").exists()


def test_one_file_of_all_frames_is_refused(tmp_path: Path) -> None:
    series = [pydicom.dcmread(path) for path in make_series(tmp_path / "ct")]
    enhanced = highdicom.legacy.LegacyConvertedEnhancedCTImage(
        series, generate_uid(), 5, generate_uid(), 1, transfer_syntax_uid=ExplicitVRLittleEndian
    )
    enhanced.save_as(tmp_path / "enhanced.dcm")
    with pytest.raises(WriteError, match=r"enhanced\.dcm: rtstruct .*4 frames: choose dicom-seg"):
        write(tmp_path / "a.dcm", LABELS, [tmp_path / "enhanced.dcm"])


def test_a_real_series(tmp_path: Path, shared: Path) -> None:
    volume = read_volume(sorted((shared / "data" / "volumes" / "example_ct_dicom").iterdir()), max_voxels=10**9)
    labels = ndimage.binary_opening(volume.voxels > 0, iterations=2).astype(np.uint8)
    labels[7] = 0
    data = write(tmp_path / "a.dcm", labels, volume.instances, segments=[object_segment()])
    np.testing.assert_array_equal(drawn_back(data, volume.instances, labels.shape), labels)

"""DICOM segmentations, read back by pydicom, whose frames are compared one by one, and by highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    generate_uid,
)
from tests.io.dicom_files import PLACES, Place, make_series, with_name

from msformer.errors import WriteError
from msformer.geometry import Geometry
from msformer.io.export import write_labels
from msformer.io.medical import read_volume
from msformer.io.segments import Segment, object_segment, segments_of

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
# One slice is empty and one segment has no pixel in another.
LABELS = np.zeros((4, 6, 9), dtype=np.uint8)
LABELS[0, 1:3, 2:8] = 1
LABELS[0, 4, 1:5] = 2
LABELS[1, 5, 3:] = 2
LABELS[3, 0, :4] = 1
LABELS[3, 3, 8] = 3


def write(path: Path, labels: NDArray[Any], instances: Sequence[Path], **more: Any) -> Any:
    given: dict[str, Any] = {
        "segments": segments_of(3), "geometry": None, "description": "clusters", "seed": "7",
    } | more  # fmt: skip
    assert write_labels(path, labels, "dicom-seg", instances=instances, **given) == [path]
    return pydicom.dcmread(path)


def frames_of(data: Any) -> dict[tuple[str, int], NDArray[Any]]:
    """Each frame by its source's identifier and its segment's number."""
    pixels = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    shared = data.SharedFunctionalGroupsSequence[0]
    items = data.PerFrameFunctionalGroupsSequence
    found: dict[tuple[str, int], NDArray[Any]] = {}
    assert len(pixels) == len(items) == data.NumberOfFrames
    for frame, item in zip(pixels, items, strict=True):
        one_of = item if "SegmentIdentificationSequence" in item else shared
        number = one_of.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        (source,) = item.DerivationImageSequence[0].SourceImageSequence
        key = (str(source.ReferencedSOPInstanceUID), int(number))
        assert key not in found
        found[key] = frame
    return found


def uids_of(paths: Sequence[Path]) -> list[str]:
    """Of the instances, from the first group of their files: anonymisation leaves that alone."""
    return [str(pydicom.dcmread(path, stop_before_pixels=True).file_meta.MediaStorageSOPInstanceUID) for path in paths]


def check_frames(data: Any, labels: NDArray[Any], instances: Sequence[Path]) -> None:
    """Each segment of each slice has just one frame if it has a pixel there, and the frame is where those are."""
    uids = uids_of(instances)
    found = frames_of(data)
    expected = {
        (uid, number): plane == number
        for uid, plane in zip(uids, labels, strict=True)
        for number in np.unique(plane[plane > 0]).tolist()
    }
    assert found.keys() == expected.keys()
    for key, frame in found.items():
        np.testing.assert_array_equal(frame, expected[key])


def check_by_highdicom(path: Path, labels: NDArray[Any], instances: Sequence[Path]) -> None:
    read = highdicom.seg.segread(path)
    pixels = read.get_pixels_by_source_instance(
        uids_of(instances), combine_segments=True, assert_missing_frames_are_empty=True, ignore_spatial_locations=True
    )
    np.testing.assert_array_equal(pixels, labels)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_every_frame_is_on_the_slice_it_was_made_from(tmp_path: Path, order: list[int]) -> None:
    series = make_series(tmp_path / "ct")
    instances, labels = [series[index] for index in order], LABELS[order]
    data = write(tmp_path / "a.dcm", labels, instances)
    assert data.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.4"
    assert (data.SegmentationType, data.Modality, data.BitsAllocated) == ("BINARY", "SEG", 1)
    assert data.NumberOfFrames == 5
    check_frames(data, labels, instances)
    check_by_highdicom(tmp_path / "a.dcm", labels, instances)
    referred = {
        str(item.ReferencedSOPInstanceUID) for item in data.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referred == set(uids_of(series))


@pytest.mark.parametrize(
    "places",
    [
        [(0.0, 0.0, 1.0), (0.0, 0.0, 2.0), (0.0, 0.0, 5.0), (0.0, 0.0, 5.5)],
        [(0.0, -0.7 * index, 2.5 * index) for index in range(4)],
    ],
    ids=["uneven steps", "tilted gantry"],
)
def test_places_are_those_of_the_slices(tmp_path: Path, places: list[Place]) -> None:
    series = make_series(tmp_path / "ct", places)
    data = write(tmp_path / "a.dcm", LABELS, series, geometry=Geometry((1.0, 1.0, 1.0), (5.0, 5.0, 5.0)))
    place_of = dict(zip(uids_of(series), places, strict=True))
    for item in data.PerFrameFunctionalGroupsSequence:
        uid = str(item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
        assert tuple(item.PlanePositionSequence[0].ImagePositionPatient) == pytest.approx(place_of[uid])
    shared = data.SharedFunctionalGroupsSequence[0]
    assert list(shared.PixelMeasuresSequence[0].PixelSpacing) == [0.75, 0.5]
    assert list(shared.PlaneOrientationSequence[0].ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    assert data.FrameOfReferenceUID == pydicom.dcmread(series[0]).FrameOfReferenceUID
    check_frames(data, LABELS, series)


def test_names_colours_and_maker(tmp_path: Path) -> None:
    segments = segments_of(7)
    data = write(tmp_path / "a.dcm", LABELS, make_series(tmp_path / "ct"), segments=segments)
    assert [(item.SegmentNumber, item.SegmentLabel) for item in data.SegmentSequence] == [
        (number, f"cluster {number}") for number in range(1, 8)
    ]
    assert {item.SegmentAlgorithmType for item in data.SegmentSequence} == {"AUTOMATIC"}
    assert {item.SegmentedPropertyTypeCodeSequence[0].CodeValue for item in data.SegmentSequence} == {"85756007"}
    # What a colour management program makes of the colours, in 8 bits for each of L, a and b.
    picture = Pillow.fromarray(np.array([[segment.colour for segment in segments]], np.uint8))
    turn = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    turned = ImageCms.applyTransform(picture, turn)
    assert turned is not None
    wanted = np.frombuffer(turned.tobytes(), np.uint8).reshape(7, 3)
    stored = np.array([list(item.RecommendedDisplayCIELabValue) for item in data.SegmentSequence]) / 65535
    np.testing.assert_allclose(stored[:, 0] * 100, wanted[:, 0] / 2.55, atol=0.5)
    np.testing.assert_allclose(stored[:, 1:] * 255 - 128, wanted[:, 1:].view(np.int8), atol=1)
    assert data.SeriesDescription == "clusters"
    assert data.Manufacturer == "msformer"


def test_green_is_the_green_of_the_standard(tmp_path: Path) -> None:
    segment = Segment(1, "green", (0, 255, 0))
    data = write(tmp_path / "a.dcm", LABELS[:1] & 1, make_series(tmp_path / "ct", PLACES[:1]), segments=[segment])
    lightness, a, b = data.SegmentSequence[0].RecommendedDisplayCIELabValue
    # Under D50, as ICC profiles have it: 87.82, -79.27, 80.99 (Little CMS and colour.js agree).
    assert lightness / 65535 * 100 == pytest.approx(87.82, abs=0.02)
    assert [a / 65535 * 255 - 128, b / 65535 * 255 - 128] == pytest.approx([-79.27, 80.99], abs=0.03)


def test_patient_and_study_are_the_sources(tmp_path: Path) -> None:
    data = write(tmp_path / "a.dcm", LABELS, series := make_series(tmp_path / "ct"))
    assert (str(data.PatientName), data.PatientID, data.PatientBirthDate, data.PatientSex) == (
        "Doe^Jane", "P7", "19700102", "F",
    )  # fmt: skip
    source = pydicom.dcmread(series[0])
    assert data.StudyInstanceUID == source.StudyInstanceUID
    assert data.SeriesInstanceUID != source.SeriesInstanceUID


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


def test_an_empty_mask_has_all_frames_and_no_pixel(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct")
    data = write(tmp_path / "a.dcm", np.zeros_like(LABELS), series, segments=[object_segment()])
    assert data.pixel_array.shape == (4, 6, 9)
    assert not data.pixel_array.any()
    assert [item.SegmentLabel for item in data.SegmentSequence] == ["object"]
    assert {uid for uid, _ in frames_of(data)} == set(uids_of(series))
    check_by_highdicom(tmp_path / "a.dcm", np.zeros_like(LABELS), series)


def test_a_segment_without_a_pixel_is_described_all_the_same(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct")
    data = write(tmp_path / "a.dcm", LABELS, series, segments=segments_of(5))
    assert len(data.SegmentSequence) == 5
    check_frames(data, LABELS, series)


def test_many_labels(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct")
    labels = np.zeros(LABELS.shape, np.uint16)
    labels[1, 2, 3], labels[2, 4, 5] = 256, 300
    data = write(tmp_path / "a.dcm", labels, series, segments=segments_of(300))
    check_frames(data, labels, series)


def identifiers(data: Any) -> list[str]:
    """All identifiers in a file, in their order."""
    return [str(element.value) for element in data.iterall() if element.VR == "UI"]


def test_identifiers_follow_from_sources_seed_and_labels(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct")
    first = write(tmp_path / "a.dcm", LABELS, series)
    assert identifiers(write(tmp_path / "b.dcm", LABELS, series)) == identifiers(first)
    others = [
        write(tmp_path / "c.dcm", LABELS, series, seed="8"),
        write(tmp_path / "d.dcm", LABELS[:, ::-1], series),
        write(tmp_path / "e.dcm", LABELS, series, segments=segments_of(4)),
        write(tmp_path / "f.dcm", LABELS, series[::-1]),
    ]
    assert len({data.SOPInstanceUID for data in [first, *others]}) == 5
    assert len({data.SeriesInstanceUID for data in [first, *others]}) == 5
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID


def test_pixels_of_the_source_are_not_decoded(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct")
    for path in series:
        data = pydicom.dcmread(path)
        data.file_meta.TransferSyntaxUID = JPEG2000Lossless
        data.PixelData = encapsulate([b"no code stream"])
        data["PixelData"].VR = "OB"
        data.save_as(path)
    check_frames(write(tmp_path / "a.dcm", LABELS, series), LABELS, series)


def test_one_file_of_all_frames(tmp_path: Path) -> None:
    series = [pydicom.dcmread(path) for path in make_series(tmp_path / "ct")]
    enhanced = highdicom.legacy.LegacyConvertedEnhancedCTImage(
        series, generate_uid(), 5, generate_uid(), 1, transfer_syntax_uid=ExplicitVRLittleEndian
    )
    enhanced.save_as(tmp_path / "enhanced.dcm")
    source = pydicom.dcmread(tmp_path / "enhanced.dcm")
    heights = [
        item.PlanePositionSequence[0].ImagePositionPatient[2] for item in source.PerFrameFunctionalGroupsSequence
    ]
    data = write(tmp_path / "a.dcm", LABELS, [tmp_path / "enhanced.dcm"])
    pixels = data.pixel_array
    assert len(pixels) == 5
    for frame, item in zip(pixels, data.PerFrameFunctionalGroupsSequence, strict=True):
        reference = item.DerivationImageSequence[0].SourceImageSequence[0]
        assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
        number = int(item.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        index = int(reference.ReferencedFrameNumber) - 1
        np.testing.assert_array_equal(frame, LABELS[index] == number)
        assert item.PlanePositionSequence[0].ImagePositionPatient[2] == heights[index]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ImagePositionPatient": None}, r"0\.dcm: .*place of each.*ImagePositionPatient"),
        ({"Rows": 7}, r"0\.dcm: labels must have the source's shape \(4, 7, 9\); got \(4, 6, 9\)"),
    ],
)
def test_what_a_source_lacks_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    series = make_series(tmp_path / "ct", **changes)
    with pytest.raises(WriteError, match=message):
        write(tmp_path / "out" / "a.dcm", LABELS, series)
    assert list((tmp_path / "out").iterdir()) == []


def test_each_slice_needs_its_file(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct")
    with pytest.raises(WriteError, match=r"shape \(3, 6, 9\); got \(4, 6, 9\)"):
        write(tmp_path / "a.dcm", LABELS, series[:3])
    with pytest.raises(WriteError, match=r"a\.dcm: .*at least 1 DICOM image; got 0"):
        write(tmp_path / "a.dcm", LABELS, [])
    with pytest.raises(WriteError, match=r"at least 1 segment; got 0"):
        write(tmp_path / "a.dcm", np.zeros_like(LABELS), series, segments=[])
    (tmp_path / "b.dcm").write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(WriteError, match=r"a\.dcm: .*b\.dcm: "):
        write(tmp_path / "a.dcm", LABELS[:1], [tmp_path / "b.dcm"])
    assert not (tmp_path / "a.dcm").exists()


def test_what_may_be_empty_may_be_missing(tmp_path: Path) -> None:
    absent: dict[str, Any] = dict.fromkeys(
        ["PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
         "AccessionNumber", "ReferringPhysicianName", "Modality"]
    )  # fmt: skip
    series = make_series(tmp_path / "ct", **absent)
    data = write(tmp_path / "a.dcm", LABELS, series)
    assert not data.PatientID
    assert "StudyDate" in data
    check_frames(data, LABELS, series)


@pytest.mark.parametrize("emptied", ["", None], ids=["empty", "missing"])
def test_identifiers_that_anonymisation_took_are_made_again(tmp_path: Path, emptied: str | None) -> None:
    lost: dict[str, Any] = dict.fromkeys(["StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"], emptied)
    series = make_series(tmp_path / "ct", **lost)
    data = write(tmp_path / "a.dcm", LABELS, series)
    other = write(tmp_path / "b.dcm", LABELS[::-1], series[::-1], segments=segments_of(4))
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID"):
        assert data[keyword].value.is_valid
        assert data[keyword].value == other[keyword].value
    assert data.ReferencedSeriesSequence[0].SeriesInstanceUID.is_valid
    assert data.ReferencedSeriesSequence[0].SeriesInstanceUID == other.ReferencedSeriesSequence[0].SeriesInstanceUID
    check_frames(data, LABELS, series)


def test_the_first_group_knows_what_the_header_lost(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct", SOPInstanceUID="", SOPClassUID="")
    assert {pydicom.dcmread(path).SOPInstanceUID for path in series} == {""}
    check_frames(write(tmp_path / "a.dcm", LABELS, series), LABELS, series)


@pytest.mark.parametrize(("given", "expected"), [(["L", "P"], ["L", "P"]), (None, "")])
def test_an_image_without_a_place_says_which_way_it_is_turned(tmp_path: Path, given: Any, expected: Any) -> None:
    absent: dict[str, Any] = dict.fromkeys(["FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient"])
    oriented: dict[str, Any] = {"PatientOrientation": given}
    if given is None:  # and what would be an invalid identifier in the segmentation
        absent, oriented = absent | {"FrameOfReferenceUID": ""}, {}
    series = make_series(tmp_path / "ct", PLACES[:1], SOPClassUID=ComputedRadiographyImageStorage, **absent, **oriented)
    data = write(tmp_path / "a.dcm", LABELS[:1], series)
    assert "FrameOfReferenceUID" not in data
    assert data.PatientOrientation == expected
    check_frames(data, LABELS[:1], series)
    check_by_highdicom(tmp_path / "a.dcm", LABELS[:1], series)


def test_a_thickness_that_is_missing(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct", SliceThickness=None, SpacingBetweenSlices=2.5)
    data = write(tmp_path / "a.dcm", LABELS, series)
    assert data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SliceThickness == 2.5
    check_by_highdicom(tmp_path / "a.dcm", LABELS, series)


def test_old_dates_and_unknown_sexes_are_no_obstacle(tmp_path: Path) -> None:
    series = make_series(tmp_path / "ct", StudyDate="1998.02.27", StudyTime="14:04:38", PatientSex="U")
    data = write(tmp_path / "a.dcm", LABELS, series)
    assert (data.StudyDate, data.StudyTime, data.PatientSex) == ("19980227", "140438", "")


def test_a_description_that_the_character_set_has_not(tmp_path: Path) -> None:
    data = write(tmp_path / "a.dcm", LABELS, make_series(tmp_path / "ct"), description="Größe\\" + "x" * 100)
    assert data.SeriesDescription == "Gr??e/" + "x" * 58


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm", "MR_small.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm",
        "J2K_pixelrep_mismatch.dcm", "SC_rgb_rle.dcm", "examples_rgb_color.dcm", "examples_palette.dcm",
        "examples_jpeg2k.dcm", "ExplVR_BigEnd.dcm", "SC_rgb_jpeg_app14_dcmd.dcm", "693_J2KI.dcm",
        "JPEGLSNearLossless_08.dcm", "dicomdirtests/77654033/CR1/6154",
    ],
)  # fmt: skip
def test_single_images_that_pydicom_ships(tmp_path: Path, name: str) -> None:
    source = pydicom.dcmread(SHIPPED / name, stop_before_pixels=True)
    labels = np.zeros((1, source.Rows, source.Columns), np.uint8)
    labels[0, 3:9, 2:5], labels[0, 10:12] = 1, 2
    data = write(tmp_path / "a.dcm", labels, [SHIPPED / name], segments=segments_of(2))
    check_frames(data, labels, [SHIPPED / name])
    check_by_highdicom(tmp_path / "a.dcm", labels, [SHIPPED / name])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("examples_ybr_color.dcm", "30 frames"),
        ("SC_rgb_rle_2frame.dcm", "2 frames"),
        ("rtdose.dcm", "15 frames"),
    ],
)
def test_what_pydicom_ships_and_has_no_place(tmp_path: Path, name: str, message: str) -> None:
    source = pydicom.dcmread(SHIPPED / name, stop_before_pixels=True)
    labels = np.ones((int(source.get("NumberOfFrames") or 1), source.Rows, source.Columns), np.uint8)
    with pytest.raises(WriteError, match=f"{name}.*{message}"):
        write(tmp_path / "a.dcm", labels, [SHIPPED / name])
    assert list(tmp_path.iterdir()) == []


def test_a_real_series(tmp_path: Path, shared: Path) -> None:
    folder = shared / "data" / "volumes" / "example_ct_dicom"
    volume = read_volume(sorted(folder.iterdir()), max_voxels=10**9)
    assert len(volume.instances) == 20
    labels = np.digitize(volume.voxels, [-500, 0, 300]).astype(np.uint8)
    labels[7] = 0
    data = write(tmp_path / "a.dcm", labels, volume.instances, geometry=volume.geometry)
    check_frames(data, labels, volume.instances)
    check_by_highdicom(tmp_path / "a.dcm", labels, volume.instances)
    # The same voxels as in a NIfTI of the same labels, at the same place.
    write_labels(
        tmp_path / "a.nii.gz", labels, "nii.gz", segments=segments_of(3), geometry=volume.geometry, description="",
        seed="",
    )  # fmt: skip
    import nibabel

    image: Any = nibabel.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asanyarray(image.dataobj).transpose(2, 1, 0), labels)
    heights = {uid: index for index, uid in enumerate(uids_of(volume.instances))}
    for item in data.PerFrameFunctionalGroupsSequence:
        uid = str(item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
        x, y, z, _ = image.affine @ [0, 0, heights[uid], 1]
        np.testing.assert_allclose((-x, -y, z), item.PlanePositionSequence[0].ImagePositionPatient, atol=1e-3)


@pytest.mark.parametrize(
    ("declared", "name", "raw"),
    [
        ("ISO_IR 100", "Grün^Zoë", "Grün^Zoë".encode("latin-1")),
        ("ISO_IR 192", "王^小東", "王^小東".encode()),
        ("GB18030", "王^小东", "王^小东".encode("gb18030")),
        ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"),
        ("\\ISO 2022 IR 149", "Hong=홍", b"Hong=\x1b$)C\xc8\xab"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ", b"\xd4\xcf\xc0\xde"),
        ("ISO-IR 192", "王^小東", "王^小東".encode()),  # misspelt
        ("utf-8", "王^小東", "王^小東".encode()),
        ("ISO IR100", "Zoë", b"Zo\xeb"),
        ("nonsense", "王^小東", "王^小東".encode()),
        ("", "Test^Name", b"Test^Name"),
        ("", "王^小東", "王^小東".encode()),
        (None, "王^小東", "王^小東".encode()),
    ],
)
def test_names_are_kept_in_whatever_character_set(tmp_path: Path, declared: str | None, name: str, raw: bytes) -> None:
    written = write(tmp_path / "seg.dcm", STACK_OF_ONE, [with_name(tmp_path, declared, raw)])
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert str(written.PatientName) == name


@pytest.mark.parametrize("raw", ["张伟".encode("gbk"), b"Yamada=\x1b$B;3ED\x1b(B"])
def test_names_of_an_undeclared_character_set_keep_their_bytes(tmp_path: Path, raw: bytes) -> None:
    written = write(tmp_path / "seg.dcm", STACK_OF_ONE, [with_name(tmp_path, None, raw)])
    assert "SpecificCharacterSet" not in written
    assert raw in (tmp_path / "seg.dcm").read_bytes()


STACK_OF_ONE = np.ones((1, 6, 9), dtype=np.uint8)

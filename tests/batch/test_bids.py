"""Names of BIDS derivatives, by the validator of the standard."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from bids_validator import BIDSValidator
from PIL import Image as Pillow
from tests.conftest import MakeSquare

from msformer.batch.bids import bids_name
from msformer.batch.plan import plan_cases
from msformer.batch.run import Order, look_ahead, run_cases
from msformer.config import Config
from msformer.errors import ConfigError

RULE = re.compile(  # of masks and segmentations among derivatives, by the standard; the validator knows raw data
    r"(sub-[A-Za-z0-9]+)/(?:(ses-[A-Za-z0-9]+)/)?(anat|func|dwi|fmap|perf|pet|micr)/\1(?:_\2)?(?:_[a-z]+-[A-Za-z0-9]+)*"
    r"_desc-[A-Za-z0-9]+_(?:mask\.(?:nii\.gz|json)|dseg\.(?:nii\.gz|json|tsv))"
)


@pytest.mark.parametrize(
    ("case_id", "path"),
    [
        ("sub-01_T1w", "sub-01/anat/sub-01_desc-msformerT1w_mask.nii.gz"),
        ("sub-01/ses-2/anat/sub-01_ses-2_T2w", "sub-01/ses-2/anat/sub-01_ses-2_desc-msformerT2w_mask.nii.gz"),
        ("sub-a/func/sub-a_task-rest_run-1_bold", "sub-a/func/sub-a_task-rest_run-1_desc-msformerbold_mask.nii.gz"),
        ("sub-01_desc-preproc_T1w", "sub-01/anat/sub-01_desc-preprocmsformerT1w_mask.nii.gz"),
        ("scan7", "sub-scan7/anat/sub-scan7_desc-msformer_mask.nii.gz"),
    ],
)
def test_names(case_id: str, path: str) -> None:
    assert bids_name(case_id).path("masks", ".nii.gz") == f"bids/{path}"
    assert RULE.fullmatch(path)


def test_names_without_an_order_stay_apart() -> None:
    names = [bids_name(one).path("masks", "") for one in ("a-b", "ab", "a_b", "a/b", "sub-1_x_y")]
    assert len(set(names)) == 5
    assert all(RULE.fullmatch(name.removeprefix("bids/") + ".json") for name in names)


def test_a_run_makes_a_data_set_and_goes_on(tmp_path: Path, fast: Config, square_image: MakeSquare) -> None:
    source = tmp_path / "raw" / "sub-01" / "ses-2" / "anat"
    source.mkdir(parents=True)
    voxels = np.random.default_rng(2).integers(0, 900, (47, 53, 3)).astype(np.int16)
    affine = np.diag([-2.0, -3.0, 5.0, 1.0])
    for suffix in ("T1w", "T2w"):
        nibabel.Nifti1Image(voxels, affine).to_filename(source / f"sub-01_ses-2_{suffix}.nii.gz")
    Pillow.fromarray(square_image()).save(tmp_path / "raw" / "skin 3.png")
    config, out = fast.replace(write={"naming": "bids"}, foreground={"objects": "many"}), tmp_path / "out"
    cases = plan_cases([str(tmp_path / "raw")], recursive=True)
    records = run_cases(cases, config, out)
    assert {one["status"] for one in records} == {"done"}
    files = {path.relative_to(out / "bids").as_posix() for path in (out / "bids").rglob("*") if path.is_file()}
    validator = BIDSValidator()
    top = {"dataset_description.json", "README.md", ".bidsignore"}
    assert all(validator.is_top_level(f"/{name}") for name in top - {".bidsignore"})
    ignored = {name for name in files if name.endswith("_labels.txt")}
    assert top <= files
    assert [name for name in files - top - ignored if not RULE.fullmatch(name)] == []
    stem = "sub-01/ses-2/anat/sub-01_ses-2_desc-msformerT1w"
    assert {f"{stem}_mask.nii.gz", f"{stem}_mask.json", f"{stem}_dseg.nii.gz", f"{stem}_dseg.tsv"} <= files
    mask: Any = nibabel.load(out / "bids" / f"{stem}_mask.nii.gz")
    np.testing.assert_array_equal(mask.affine, affine)
    assert mask.shape == (47, 53, 3)
    assert json.loads((out / "bids" / f"{stem}_mask.json").read_text())["RawSources"] == ["sub-01_ses-2_T1w.nii.gz"]
    table = (out / "bids" / f"{stem}_dseg.tsv").read_text().splitlines()
    assert table[0] == "index\tname\tcolor"
    assert table[1] == "1\tcluster 1\t#0072b2"
    about = json.loads((out / "bids" / "dataset_description.json").read_text())
    assert {"Name", "BIDSVersion", "GeneratedBy"} <= about.keys()
    assert about["DatasetType"] == "derivative"
    assert not look_ahead(Order(cases, config), out).cases
    (out / "bids" / f"{stem}_dseg.tsv").unlink()
    assert look_ahead(Order(cases, config), out).reasons == {"with results missing": 1}
    run_cases(cases, fast, out, executor=None)
    left = {path.relative_to(out / "bids").as_posix() for path in (out / "bids").rglob("*") if path.is_file()}
    assert left == top, "names of other settings went with their results"


def test_two_images_of_one_name_are_refused(tmp_path: Path, fast: Config, square_image: MakeSquare) -> None:
    for side in "ab":
        (tmp_path / side).mkdir()
        Pillow.fromarray(square_image()).save(tmp_path / side / "sub-01_photo.png")
    cases = plan_cases([str(tmp_path)], recursive=True)
    with pytest.raises(ConfigError, match=r"'a/sub-01_photo' and 'b/sub-01_photo' would both be"):
        run_cases(cases, fast.replace(write={"naming": "bids"}), tmp_path / "out")


def test_other_formats_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"same or nii\.gz with naming bids; got png"):
        Config.from_mapping({"write": {"naming": "bids", "formats": ["png"]}})

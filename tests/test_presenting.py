"""Results as people look at them: a line, a page, a picture, a table, a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as Pillow
from tests.conftest import MakeSquare

from msformer import ConfigError, ImageError, MSFormerError, Segmentation, segment, segment_volume
from msformer.config import preset_names, preset_summaries
from msformer.errors import WriteError


@pytest.fixture
def found(square_image: MakeSquare) -> Segmentation:
    return segment(square_image(), "general", seed=0)


def test_a_result_is_a_line(found: Segmentation) -> None:
    height, width = found.label_map.shape
    line = repr(found)
    assert line.startswith(f"<Segmentation {height} × {width} px, preset general, {found.n_labels} clusters, object ")
    assert f"confidence {found.confidence:.2f}" in line
    assert len(line) < 120


def test_a_page_has_pictures_the_preset_in_words_and_a_table(found: Segmentation) -> None:
    page = found._repr_html_()
    assert page.count("<img") == 1
    assert 'src="data:image/jpeg;base64,' in page
    assert preset_summaries()["general"] in page
    assert f"<b>{found.confidence:.2f}</b>" in page
    assert page.count("<tr>") == 1 + min(len(found.to_dataframe()), 8)
    assert "<script" not in page


def test_many_rows_are_not_all_on_the_page() -> None:
    image = np.full((120, 160), 30, dtype=np.uint8)
    for row in range(10, 110, 20):
        for column in range(10, 150, 20):
            image[row : row + 8, column : column + 8] = 220
    found = segment(image, "nuclei", seed=0)
    rows = len(found.to_dataframe())
    assert rows > 20
    assert found._repr_html_().count("<tr>") == 9
    assert f"and {rows - 8} more rows" in found._repr_html_()
    table = found.to_dataframe()
    pieces = table[table["what"] == "piece"]
    assert len(pieces) == len(found.objects) == 35
    assert set(pieces["area_px"]) == {one.area_px for one in found.objects}


def test_words_of_the_command_line_are_settings(square_image: MakeSquare) -> None:
    found = segment(square_image(), preset="general", seed=7, polarity="darker", share=(0.01, 0.5), n_clusters=3)
    config = found.config
    assert (config.random_state, config.preset) == (7, "general")
    assert config.foreground.polarity == "darker"
    assert (config.foreground.min_share, config.foreground.max_share) == (0.01, 0.5)
    assert found.n_labels <= 3
    with pytest.raises(ConfigError, match=r"hints\.point|point"):
        segment(square_image(), point=(1, 2, 3))  # type: ignore[arg-type]


def test_results_are_equal_where_what_was_found_is(square_image: MakeSquare, found: Segmentation) -> None:
    image = square_image()
    again = segment(image, "general", seed=0)
    assert found == again
    assert hash(found) == hash(again)
    assert found != segment(image, "general", seed=1)
    assert found != replace(again, mask=~again.mask)
    assert found != "found"


def test_an_overlay_is_the_image_with_an_outline(found: Segmentation) -> None:
    drawn = found.overlay()
    height, width = found.label_map.shape
    assert drawn.shape == (height, width, 3)
    yellow = (drawn == (255, 230, 0)).all(axis=2)
    assert yellow.any()
    assert not (yellow & ~found.mask).any()
    with pytest.raises(ImageError, match="does not hold its image"):
        replace(found, image=None).overlay()
    assert "<img" not in replace(found, image=None)._repr_html_()


def test_a_plot_has_three_panels(found: Segmentation) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure = found.plot()
    assert [len(one.images) for one in figure.axes] == [1, 1, 1]
    with pytest.raises(ConfigError, match="axes must be three; got 2"):
        found.plot(plt.subplots(1, 2)[1])
    plt.close("all")


def test_a_mask_is_saved_as_its_name_ends(tmp_path: Path, found: Segmentation) -> None:
    assert found.save(tmp_path / "mask.png") == tmp_path / "mask.png"
    np.testing.assert_array_equal(np.asarray(Pillow.open(tmp_path / "mask.png")) > 0, found.mask)
    found.save(str(tmp_path / "labels.nii.gz"), "labels")
    written: Any = nib.load(tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj).T.squeeze(), found.label_map)
    with pytest.raises(WriteError, match=r"must end in one of \.png.*got 'mask\.jpg'"):
        found.save(tmp_path / "mask.jpg")
    with pytest.raises(ConfigError, match="what must be one of mask, labels, objects; got 'all'"):
        found.save(tmp_path / "mask.png", "all")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="objects"):
        found.save(tmp_path / "mask.png", "objects")
    with pytest.raises(MSFormerError):
        found.save(tmp_path / "mask.dcm")


def test_a_volume_is_saved_where_it_lies(tmp_path: Path) -> None:
    voxels = np.full((3, 64, 80), -900, dtype=np.int16)
    voxels[:, 20:44, 30:60] = 40
    affine = np.array([[0.7, 0, 0, -20], [0, 0.8, 0, 11], [0, 0, 5, 300], [0, 0, 0, 1]])
    given = nib.Nifti1Image(voxels.transpose(2, 1, 0), affine)
    found = segment_volume(given, "general", seed=0)
    assert repr(found).startswith("<VolumeSegmentation 3 × 64 × 80 voxels, preset general, 3 slices, ")
    assert "One of its slices:" in found._repr_html_()
    assert found._repr_html_().count("<img") == 1
    found.save(tmp_path / "mask.nii.gz")
    saved: Any = nib.load(tmp_path / "mask.nii.gz")
    np.testing.assert_allclose(saved.affine, affine)
    np.testing.assert_array_equal(np.asarray(saved.dataobj).transpose(2, 1, 0) > 0, found.mask)
    assert found == segment_volume(given, "general", seed=0)
    np.testing.assert_array_equal(np.asarray(found), found.label_map)


def test_every_preset_says_what_it_is_for() -> None:
    said = preset_summaries()
    assert list(said) == preset_names()
    assert all(5 < len(words) < 80 for words in said.values())


def test_a_bar_is_shown_to_who_waits(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from msformer import patience

    for wait, is_shown in ((0.0, True), (60.0, False)):
        monkeypatch.setattr(patience, "PATIENCE_S", wait)
        with patience.PatientBar("updates", 3, is_wanted=True) as bar:
            if bar._timer is not None and is_shown:
                bar._timer.join()
            for _ in range(3):
                bar.advance("5 clusters")
        assert ("updates" in capsys.readouterr().err) == is_shown
    with patience.PatientBar("updates", 3) as bar:
        assert bar._timer is None  # nobody looks at what a test captures

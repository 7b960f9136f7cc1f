"""What napari reads of the plugin."""

from __future__ import annotations

from importlib.metadata import distribution

import numpy as np
import pytest
from npe2 import PluginManifest

from msformer import segment
from napari_msformer import samples


def test_every_command_of_the_manifest_is_there() -> None:
    manifest = PluginManifest.from_distribution("napari-msformer")
    manifest.validate_imports()
    assert [one.display_name for one in manifest.contributions.widgets or ()] == ["Segment and correct"]


def test_no_version_of_qt_is_asked_for_and_nothing_is_held_back() -> None:
    wanted = [one for one in distribution("napari-msformer").requires or () if "extra ==" not in one]
    assert not any(name in one.lower() for one in wanted for name in ("pyqt", "pyside"))
    assert not any(sign in one for one in wanted for sign in ("<", "==", "~="))


@pytest.mark.parametrize("make", [samples.lesion, samples.cells, samples.chest])
def test_samples_can_be_segmented(make: object) -> None:
    assert callable(make)
    ((data, about, kind),) = make()
    assert kind == "image"
    picture = np.asarray(data)[0] if about["name"] == "chest" else np.asarray(data)
    assert segment(picture, "general").mask.any()

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from msformer.io import write_label_map, write_mask
from msformer.io.atomic import atomic_path


@pytest.mark.parametrize(("largest", "mode"), [(255, "L"), (256, "I;16")])
def test_label_map_is_grey_as_deep_as_it_must_be(tmp_path: Path, largest: int, mode: str) -> None:
    labels = np.arange(41 * 53).reshape(41, 53).astype(np.uint16) % (largest + 1)
    write_label_map(tmp_path / "sub" / "a.png", labels)
    with Pillow.open(tmp_path / "sub" / "a.png") as opened:
        assert opened.mode == mode
        np.testing.assert_array_equal(np.asarray(opened), labels)


def test_mask_is_0_and_255(tmp_path: Path) -> None:
    mask = np.eye(41, 53, dtype=bool)
    write_mask(tmp_path / "a.png", mask)
    with Pillow.open(tmp_path / "a.png") as opened:
        np.testing.assert_array_equal(np.asarray(opened), np.where(mask, 255, 0))


def test_after_an_error_the_old_file_stands_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_in_the_middle() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_in_the_middle()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]

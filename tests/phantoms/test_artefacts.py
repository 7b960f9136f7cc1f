"""Artefacts are drawn over phantoms, the same for the same seed, and take their truth away only where they cover it."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.errors import ConfigError
from msformer.phantoms import ARTEFACT_KINDS, PHANTOM_KINDS, add_artefact, artefact_pixels, make_phantom

COVERING = {"border", "letterbox", "aperture", "sticker"}


@pytest.mark.parametrize("artefact", ARTEFACT_KINDS)
@pytest.mark.parametrize("kind", PHANTOM_KINDS)
def test_an_artefact_changes_what_it_covers_and_little_else(kind: str, artefact: str) -> None:
    phantom = make_phantom(kind, seed=3)
    before = phantom.image.copy()
    spoilt, drawn = add_artefact(phantom, artefact, 5), artefact_pixels(phantom, artefact, 5)
    np.testing.assert_array_equal(phantom.image, before)
    assert spoilt.image.dtype == phantom.image.dtype
    assert spoilt.image.shape[:2] == drawn.shape == phantom.mask.shape
    assert 0 < drawn.mean() < 0.8
    old = before[:, :, None] if before.ndim == 2 else before
    new = spoilt.image[:, :, None] if spoilt.image.ndim == 2 else spoilt.image
    changed = (old != new).any(axis=2)
    assert (changed & ~drawn).mean() < 0.02  # the antialiased rim
    expected = phantom.mask & ~drawn if artefact in COVERING else phantom.mask
    np.testing.assert_array_equal(spoilt.mask, expected)


@pytest.mark.parametrize("artefact", ARTEFACT_KINDS)
def test_the_same_seed_gives_the_same_pixels_and_another_one_others(artefact: str) -> None:
    phantom = make_phantom("dermoscopy", seed=1)
    first, again, other = (add_artefact(phantom, artefact, seed).image for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_unknown_kinds_and_seeds_are_refused() -> None:
    phantom = make_phantom("empty", seed=0)
    with pytest.raises(ConfigError, match="kind must be one of border"):
        add_artefact(phantom, "dust", 0)
    with pytest.raises(ConfigError, match="seed"):
        add_artefact(phantom, "words", -1)

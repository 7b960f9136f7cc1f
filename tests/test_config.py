from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from msformer.config import Config, nest, preset_names
from msformer.errors import ConfigError


def test_shipped_presets() -> None:
    assert preset_names() == [
        "auto", "chest-xray", "dermoscopy", "general", "lung-ct", "nuclei", "paper", "paper-demo",
        "paper-lung", "paper-scored", "stained-tissue", "ultrasound",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "weights", "shift", "merge_to"),
    [
        ("paper-demo", (1.0, 2.0, 1.2), 1, None),
        ("paper-scored", (1.0, 1.5, 1.3), 1, None),
        ("paper", (1.0, 2.0, 1.2), 2, 3),
        ("paper-lung", (1.2, 1.8, 1.2), 2, 2),
    ],
)
def test_paper_presets_are_the_released_settings_or_those_of_the_text(
    name: str, weights: tuple[float, float, float], shift: int, merge_to: int | None
) -> None:
    """Written out from docs/fidelity.md, not read from the preset's file."""
    config = Config.from_preset(name)
    assert config.preset == name
    assert config.prepare.model_dump() == {
        "window": "auto",
        "working_size": 257,
        "keep_aspect": False,
        "interpolation": "bilinear",
        "colour": "bgr",
        "padding": 0,
        "detail_size": None,
        "no_data": False,
        "remove_hair": False,
        "field": "whole",
        "flatten_vignette": False,
        "flatten_depth": False,
        "background": None,
        "smoothing": 0.0,
        "tone": "lab",
    }
    assert config.network.model_dump() == {"embed_dim": 100, "depth": 2, "patch_size": 32, "affinity_shift": shift}
    assert (config.cluster.method, config.cluster.merge_to) == ("network", merge_to)
    assert (config.foreground.source, config.grown.prompts) == ("clusters", False)
    fit = config.fit
    assert (fit.max_iter, fit.min_clusters, fit.learning_rate, fit.momentum) == (50, 3, 0.1, 0.9)
    assert fit.precision == "float32"
    assert tuple(fit.loss_weights.model_dump().values()) == weights
    assert (config.refine.logit_smoothing, config.refine.boundary_rounds) == (1, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fit": {"max_iter": -1}}, r"fit\.max_iter: .*greater than or equal to 0, got -1"),
        ({"fit": {"max_itre": 1}}, r"fit\.max_itre: .*not permitted, got 1"),
        ({"prepare": {"working_size": 32}}, r"prepare\.working_size: .*33, got 32"),
        ({"fit": {"learning_rate": float("nan")}}, r"fit\.learning_rate"),
        ({"network": {"affinity_shift": 0}}, r"network\.affinity_shift: .*greater than or equal to 1, got 0"),
        ({"network": {"affinity_shift": 17}}, r"network\.affinity_shift: .*less than or equal to 16, got 17"),
        ({"preset": "nope"}, r"preset must be one of auto, .* got 'nope'"),
        ({"foreground": 3}, r"foreground"),
        ({"fit": {"max_iter": True}}, r"fit\.max_iter: .*valid integer, got True"),
        ({"": 5}, r"settings: .*not permitted, got 5"),
    ],
)
def test_wrong_settings_are_named_with_limit_and_value(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.from_mapping(settings)


def test_file_goes_over_the_preset_that_it_names(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('preset = "paper-demo"\n[fit]\nmax_iter = 7\n')
    config = Config.from_toml(file)
    assert (config.fit.max_iter, config.network.embed_dim) == (7, 100)


@pytest.mark.parametrize("text", ["preset = ", "[fit]\nmax_iter = 'many'\n", "\xff"])
def test_broken_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"bad\.toml|fit\.max_iter"):
        Config.from_toml(file)
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        Config.from_toml(tmp_path / "absent.toml")


def test_frozen_and_replaced_by_validated_copies() -> None:
    config = Config.from_preset()
    with pytest.raises(Exception, match="frozen"):
        config.random_state = 3  # type: ignore[misc]
    other = config.replace(fit={"max_iter": 9}, random_state=3)
    assert (other.fit.max_iter, other.fit.momentum, other.random_state) == (9, 0.9, 3)
    assert config.fit.max_iter == 4
    with pytest.raises(ConfigError, match="preset must stay 'auto' here; start from 'paper-demo' instead"):
        config.replace(preset="paper-demo")
    with pytest.raises(ConfigError, match=r"fit\.momentum"):
        config.replace(fit={"momentum": 1.0})


def test_digest_depends_on_every_setting_and_on_nothing_else() -> None:
    config = Config.from_preset()
    assert config.digest == Config.from_mapping(config.model_dump()).digest
    assert config.digest != config.replace(random_state=1).digest
    assert config.digest != config.replace(fit={"loss_weights": {"cluster": 0.9}}).digest


def test_dotted_names_nest() -> None:
    assert nest({"fit.max_iter": 1, "fit.loss_weights.cluster": 2, "preset": "x"}) == {
        "fit": {"max_iter": 1, "loss_weights": {"cluster": 2}},
        "preset": "x",
    }
    with pytest.raises(ConfigError, match="'preset' is a setting"):
        nest({"preset": "x", "preset.a": 1})
    for name in ("", "fit.", ".fit", "a." * 3000 + "b"):
        with pytest.raises(ConfigError, match=r"must be named like group\.name"):
            nest({name: 1})


def test_byte_order_mark_of_windows_editors_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf[fit]\nmax_iter = 9\n")
    assert Config.from_toml(tmp_path / "bom.toml").fit.max_iter == 9

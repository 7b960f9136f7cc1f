"""What is taken out is of the scenes' options, and nothing is left out of them in silence."""

from __future__ import annotations

from dataclasses import fields

from benchmarks.growing.variants import TAKEN_OUT, variants

from msformer.growing.recipe import Recipe
from msformer.scenes import SceneOptions

NOT_A_PROPERTY = {
    "single",
    "nothing",
    "radius",
    "off_centre",
    "cut",
    "count",
    "fill",
    "touching",
    "clustered",
    "bright",
    "contrast",
    "colour",
    "saturation",
    "texture_scale",
    "crossing",
    "bands",
    "attenuation",
    "speckle",
    "shadows",
    "two_channels",
    "four_channels",
}
"""What every scene has some of, and what goes with a group's first property."""


def test_every_property_is_in_one_group() -> None:
    grouped = [name for group in TAKEN_OUT.values() for name in group]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) - {one.name for one in fields(SceneOptions)} == set()
    assert {one.name for one in fields(SceneOptions)} - set(grouped) - NOT_A_PROPERTY == set()


def test_a_variant_differs_in_its_group_alone() -> None:
    several = variants(Recipe(), 5, (9,), seeds=2)
    assert [one.name for one in several[:3]] == ["everything, 9 updates", "everything", "everything, seed 1"]
    assert [one.recipe.steps for one in several[:4]] == [9, 5, 5, 5]
    whole = several[1].recipe
    for one in several[3:]:
        changed = {name for name in whole.as_mapping() if one.recipe.as_mapping()[name] != whole.as_mapping()[name]}
        assert changed == {"options"}
        differing = {
            field.name
            for field in fields(SceneOptions)
            if getattr(one.recipe.options, field.name) != getattr(whole.options, field.name)
        }
        assert differing == set(TAKEN_OUT[one.name])

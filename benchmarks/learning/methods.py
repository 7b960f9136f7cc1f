"""Corrected images in, a decision for every other image out: all methods, in groups that share what they learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmarks.learning.pixels import folder_clusters, pixel_forest
from msformer.image import Mask
from msformer.learning import Decision, Lesson, Lessons, Member, check, judge, plan_course, teach_member, teachers_of
from msformer.learning.lesson import HALF
from msformer.learning.student import draw_chances, objects_in, teach
from msformer.learning.taught import fit_taught
from msformer.network.prompted import PromptedSizes, build_prompted
from msformer.prompting import grown_network

FIRST, LEARN, REGIONS, TOGETHER, OUTLINE = (
    "first pass",
    "msformer learn",
    "taught regions alone",
    "regions with the student",
    "student's outline alone",
)
FOREST, CLUSTERED = "pixel forest", "k-means over the folder"
GROWN, UNET = "student from the grown network", "U-Net from noise"
WITH_GROWN, WITH_UNET = f"regions with the {GROWN}", f"regions with the {UNET}"
METHODS = {
    FIRST: "each image's own mask, nothing learned",
    LEARN: "what the program does: regions with the student, unless another way was clearly better on corrected images "
    "which taught nothing of it; fewer than four are too few for that, and of one or two it is regions alone",
    REGIONS: "the region of which a forest over descriptors expects most; own masks where several objects are meant",
    TOGETHER: "the same, and the agreement of each region with the student's map: the network's features",
    OUTLINE: "where the student gives at least a half, border drawn anew",
    FOREST: "ilastik's way: 50 trees over value, blur, gradient, Laplacian and Hessian of pixels at four scales, "
    "taught by whole masks; where it gives at least a half, border drawn anew",
    CLUSTERED: "eight colours of the folder, those of them that corrected masks are made of, border drawn anew",
    GROWN: "the outline of a student whose network was grown from random scenes before; as many updates",
    UNET: "the outline of a U-Net of equal cost, from noise as the student is",
    WITH_GROWN: "the best region by the forest and the map of such a student",
    WITH_UNET: "the best region by the forest and the map of such a U-Net",
}


@dataclass(frozen=True, eq=False)
class Made:
    """What a group of methods decided.

    Attributes:
        decisions: By method, by image that is not corrected.
        way: What the check of ``msformer learn`` chose; empty where there was none.
    """

    decisions: dict[str, dict[str, Decision]]
    way: str = ""


def forest_member(teachers: Sequence[Lesson], how: Lessons) -> Member:
    """What ``teach_member`` gives, without a student: for rules that do not ask one."""
    forest = fit_taught(teachers, [float(chance) for chance in draw_chances(teachers, how)], how.seed)
    return Member(grown_network().network, forest, frozenset(one.digest for one in teachers), "")


def by_regions(lessons: Sequence[Lesson], how: Lessons) -> Made:
    """First masks and taught regions; seconds."""
    course = plan_course(lessons, how)
    member = forest_member(teachers_of(course.groups[0], lessons), how)
    rule = replace(course.rule, student=0.0)
    rest = _others(lessons)
    own = {one.name: Decision("own", None, 1.0, 0.0, "nothing is learned") for one in rest}
    return Made({FIRST: own, REGIONS: {one.name: judge(one, [member], rule) for one in rest}})


def by_students(lessons: Sequence[Lesson], how: Lessons) -> Made:
    """What the program does, and its parts; one student, three where the choice is checked."""
    grown, course = grown_network(), plan_course(lessons, how)
    members = [
        teach_member(grown.network, grown.digest, teachers_of(one, lessons), course.how) for one in course.groups
    ]
    deciders = [one for group, one in zip(course.groups, members, strict=True) if not group.is_check]
    checking = [one for group, one in zip(course.groups, members, strict=True) if group.is_check]
    found = check(lessons, checking, course.rule)
    rule = course.rule if found is None else found.best(course.rule)
    way = "outline" if rule.outlines else "own masks" if rule.margin > 1 else "together" if rule.student else "regions"
    rest = _others(lessons)
    decisions = {
        LEARN: {one.name: judge(one, deciders, rule) for one in rest},
        TOGETHER: {one.name: judge(one, deciders, course.rule) for one in rest},
        OUTLINE: {one.name: _outline(objects_in(deciders[0].student, one) >= HALF) for one in rest},
    }
    return Made(decisions, "" if found is None else way)


def by_pixels(lessons: Sequence[Lesson], how: Lessons) -> Made:
    """Methods that know pixels and no regions."""
    ways = {CLUSTERED: folder_clusters, FOREST: pixel_forest}
    return Made(
        {name: {one: _outline(mask) for one, mask in way(lessons, how.seed).items()} for name, way in ways.items()}
    )


def other_students(lessons: Sequence[Lesson], how: Lessons) -> Made:
    """Students that start elsewhere or are of another kind, alone and with taught regions under the same rule."""
    course, grown = plan_course(lessons, how), grown_network()
    teachers = teachers_of(course.groups[0], lessons)
    member = forest_member(teachers, how)
    unet = build_prompted(PromptedSizes(encoder="unet"), torch.Generator().manual_seed(how.seed))
    decisions: dict[str, dict[str, Decision]] = {}
    for name, together, network, taught_how in (
        (GROWN, WITH_GROWN, grown.network, replace(how, start="grown")),
        (UNET, WITH_UNET, unet, how),
    ):
        student = teach(network, teachers, taught_how)
        taught = replace(member, student=student)
        rest = _others(lessons)
        decisions[name] = {one.name: _outline(objects_in(student, one) >= HALF) for one in rest}
        decisions[together] = {one.name: judge(one, [taught], course.rule) for one in rest}
    return Made(decisions)


GROUPS: dict[str, Callable[[Sequence[Lesson], Lessons], Made]] = {
    "regions": by_regions,
    "students": by_students,
    "pixels": by_pixels,
    "others": other_students,
}


def _others(lessons: Sequence[Lesson]) -> list[Lesson]:
    return [one for one in lessons if one.corrected is None]


def _outline(mask: Mask) -> Decision:
    return Decision("outline", np.asarray(mask), 1.0, 0.0, "an outline")

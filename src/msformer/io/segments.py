"""What the numbers of a label map are called and how they are coloured, the same in every kind of file."""

from __future__ import annotations

from dataclasses import dataclass

from msformer.render import OUTLINE_COLOUR, label_colours


@dataclass(frozen=True)
class Segment:
    """A label of a label map as other programs show it.

    Attributes:
        label: Its number in the label map, from 1.
        name: Shown beside it.
        colour: RGB, 0 to 255.
        category: What it is one of several of; empty where it is the only one of its name.
    """

    label: int
    name: str
    colour: tuple[int, int, int]
    category: str = ""

    @property
    def class_name(self) -> str:
        """What programs that sort things into classes call its class."""
        return self.category or self.name


def segments_of(n_labels: int) -> list[Segment]:
    """The clusters 1 to ``n_labels``, in the colours of previews; neither name nor colour depends on how many."""
    colours = [(int(red), int(green), int(blue)) for red, green, blue in label_colours(n_labels)]
    return [Segment(label, f"cluster {label}", colours[label]) for label in range(1, n_labels + 1)]


def instance_segments(count: int) -> list[Segment]:
    """The objects 1 to ``count`` of an instance map; at least one, as no format takes none."""
    return [Segment(one.label, f"object {one.label}", one.colour, "object") for one in segments_of(max(count, 1))]


def object_segment() -> Segment:
    """The one label of a mask, in the colour of the outline in previews."""
    return Segment(1, "object", OUTLINE_COLOUR)

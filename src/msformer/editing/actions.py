"""What a person does to the mask of one image, as data: prompts, strokes and commands, ready for JSON.

Places are px of the image: rows and columns of points and boxes count from 0; those of paths are continuous, with pixel
``r`` from ``r`` to ``r + 1``. An action knows nothing of masks; ``editor`` says what comes of it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from msformer.editing.change import Change
from msformer.errors import ConfigError, ReadError
from msformer.image import Mask

Mode: TypeAlias = Literal["here", "more"]
"""What is pointed at: *here* is the object, or more of it; *more* is one of several, to be added or taken away."""
Row: TypeAlias = Annotated[int, Field(ge=0, le=1_000_000)]
Coordinate: TypeAlias = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Path: TypeAlias = Annotated[tuple[tuple[Coordinate, Coordinate], ...], Field(max_length=100_000)]
"""Row and column of places, in their order."""


NAMES = {
    "point": ("point at the object", "point beside it"),
    "point more": ("add one", "take one away"),
    "box": ("box around the object",),
    "box more": ("box around one more",),
    "scribble": ("scribble on the object", "scribble beside it"),
    "region": ("add a region", "take a region away"),
    "alternative": ("take the part", "take the object", "take the whole"),
    "brush": ("brush", "erase"),
    "lasso": ("lasso", "lasso away"),
    "fill": ("fill holes",),
    "smooth": ("smooth",),
    "split": ("split",),
    "merge": ("merge",),
    "clear": ("clear",),
    "redraw": ("drawing",),
}
"""What each is called, on and off; of alternatives each."""


class Action(BaseModel):
    """One thing that a person does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def words(self) -> str:
        """What it is called where it can be undone."""
        said = self.model_dump()
        names = NAMES[said["kind"] + (" more" if said.get("mode") == "more" else "")]
        return names[said.get("index", 0) if said["kind"] == "alternative" else 0 if said.get("is_on", True) else 1]


class Point(Action):
    """A click on the object, or beside it."""

    kind: Literal["point"] = "point"
    row: Row
    column: Row
    is_on: bool = True
    mode: Mode = "here"


class Box(Action):
    """The box that an object fills: its first row and column, and those after its last."""

    kind: Literal["box"] = "box"
    top: Row
    left: Row
    bottom: Row
    right: Row
    mode: Mode = "here"

    @model_validator(mode="after")
    def _has_sides(self) -> Box:
        if self.top >= self.bottom or self.left >= self.right:
            raise ValueError("a box must be first row, first column, end row, end column")
        return self


class Scribble(Action):
    """A line drawn on the object, or beside it: every pixel of it is, and more of its kind around."""

    kind: Literal["scribble"] = "scribble"
    path: Annotated[Path, Field(min_length=1)]
    is_on: bool = True


class Region(Action):
    """A region of the picture, by its number among those that the editor tells."""

    kind: Literal["region"] = "region"
    index: Row
    is_on: bool = True


class Alternative(Action):
    """Another answer to the last prompt: 0 is a part, 1 the object, 2 the whole."""

    kind: Literal["alternative"] = "alternative"
    index: Annotated[int, Field(ge=0, le=2)]


class Brush(Action):
    """A stroke of a round brush, or of the eraser."""

    kind: Literal["brush"] = "brush"
    path: Annotated[Path, Field(min_length=1)]
    radius: Annotated[float, Field(gt=0, le=2000, allow_inf_nan=False)]
    is_on: bool = True


class Lasso(Action):
    """A closed line; what is inside is added or taken away."""

    kind: Literal["lasso"] = "lasso"
    path: Annotated[Path, Field(min_length=3)]
    is_on: bool = True


class Fill(Action):
    """Fill the holes of the mask."""

    kind: Literal["fill"] = "fill"


class Smooth(Action):
    """Make the border smoother, by a Gaussian of this width in px."""

    kind: Literal["smooth"] = "smooth"
    width: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 2.0


class Split(Action):
    """Part what a line crosses."""

    kind: Literal["split"] = "split"
    path: Annotated[Path, Field(min_length=2)]


class Merge(Action):
    """Join the pieces that a line touches, by what lies between them."""

    kind: Literal["merge"] = "merge"
    path: Annotated[Path, Field(min_length=2)]


class Clear(Action):
    """Take all away."""

    kind: Literal["clear"] = "clear"


class Redraw(Action):
    """What was drawn in another program: the pixels that turn, as ``Change`` has them for JSON."""

    kind: Literal["redraw"] = "redraw"
    box: tuple[Row, Row, Row, Row]
    bits: Annotated[str, Field(max_length=100_000_000)]

    @classmethod
    def between(cls, before: Mask, after: Mask) -> Redraw:
        """From the mask ``(H, W)`` that was there to the one that was drawn."""
        return cls(**Change.between(before, after).to_json())

    def change(self, shape: tuple[int, int]) -> Change:
        """The pixels of a mask ``shape`` that turn.

        Raises:
            ConfigError: It is no change of such a mask.
        """
        try:
            return Change.from_json(self.model_dump(), shape)
        except ReadError as error:
            raise ConfigError(f"redraw: {error}") from error


AnyAction: TypeAlias = Annotated[
    Point | Box | Scribble | Region | Alternative | Brush | Lasso | Fill | Smooth | Split | Merge | Clear | Redraw,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[Any] = TypeAdapter(AnyAction)


def action_of(said: Any) -> Any:
    """An action from its mapping, as JSON has it.

    Raises:
        ConfigError: It is none; the message names what is wrong.
    """
    try:
        return _ADAPTER.validate_python(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"action {where or said!r}: {first['msg']}") from error

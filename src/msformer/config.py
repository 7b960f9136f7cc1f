"""The settings of a run: validated once, frozen, and written beside every result.

Each group of settings belongs to the stage of the same name. Presets are TOML files in ``presets/``: data, not code.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from msformer import presets
from msformer.errors import ConfigError

AUTO_PRESET = "auto"
"""The preset that stands for whichever one fits an image (``hypotheses.py``)."""
DEFAULT_PRESET = AUTO_PRESET
SEEDS = 2**63
"""Seeds are smaller than this."""
MOST_CLUSTERS = 64
"""Of k-means."""
MIN_SIDE = 33
"""Smallest side in px of an image and of the network's input: one 32-px patch and its shift by one pixel."""


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # TOML and JSON know no tuples


Box: TypeAlias = Annotated[tuple[int, int, int, int], BeforeValidator(_as_tuple)]
"""First row, first column, end row, end column, in px."""
Point: TypeAlias = Annotated[tuple[int, int], BeforeValidator(_as_tuple)]
"""Row, column, in px."""
Format: TypeAlias = Literal[
    "same",
    "png",
    "tif",
    "nii.gz",
    "nrrd",
    "seg.nrrd",
    "mha",
    "dicom-seg",
    "ome-zarr",
    "rtstruct",
    "geojson",
    "coco",
    "imagej-roi",
]
"""What labels and masks can be written as; ``same`` stands for the kind of the input."""
FORMATS: tuple[str, ...] = get_args(Format)
Formats: TypeAlias = Annotated[tuple[Format, ...], BeforeValidator(_as_tuple)]
Share: TypeAlias = Annotated[float, Field(gt=0, le=0.5)]
Window: TypeAlias = Annotated[
    Literal["auto", "lung", "soft-tissue", "bone"] | tuple[float, float], BeforeValidator(_as_tuple)
]
Precision: TypeAlias = Literal["auto", "float32", "float64", "bfloat16"]
Radii: TypeAlias = Annotated[tuple[float, ...], BeforeValidator(_as_tuple)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class ReadSettings(_Settings):
    """What of a file is looked at (``io/``, ``volumes.py``)."""

    slices: str = Field(
        "all",
        pattern=r"^(all|-?\d*:-?\d*(:[1-9]\d*)?|\d+)$",
        description="Slices of a volume: all, one number, or FIRST:END or FIRST:END:STEP, counted from 0, END not "
        "included; negative numbers count from the end.",
    )
    axis: Literal[0, 1, 2] = Field(0, description="What slices are across: 0 the file's own slices, 1 rows, 2 columns.")
    frame: int | None = Field(
        None, ge=0, description="Which volume of a file or series of several (4-D), counted from 0."
    )
    series: int | None = Field(None, ge=0, description="Which series of a zip of several, counted from 0.")


class WriteSettings(_Settings):
    """Kinds of files that are written: of labels and masks (``io/export.py``), of pictures (``batch/pictures.py``)."""

    formats: Formats = Field(
        ("same",),
        min_length=1,
        description="png, tif, nii.gz, nrrd, seg.nrrd, mha, dicom-seg, ome-zarr, or same: the kind of the input; "
        "outlines of masks and objects only: rtstruct, geojson, coco, imagej-roi.",
    )
    naming: Literal["plain", "bids"] = Field(
        "plain",
        description="Where labels and masks go: labels/NAME and masks/NAME, or as NIfTI into bids/, a data set of BIDS "
        "derivatives; then formats is same or nii.gz.",
    )
    pictures: bool = Field(
        True, description="Write pictures at full size: overlays, the image with the outline, and clusters in colours."
    )

    @model_validator(mode="after")
    def _formats_of_bids(self) -> Self:
        if self.naming == "bids" and not set(self.formats) <= {"same", "nii.gz"}:
            raise ValueError(f"formats must be same or nii.gz with naming bids; got {', '.join(self.formats)}")
        return self


class PrepareSettings(_Settings):
    """How an image becomes what is clustered and compared (``prepare/``)."""

    window: Window = Field(
        "auto",
        description="Values that become black and white: a window of CT (lung, soft-tissue, bone), centre and width, "
        "or auto: -1000 to 400 in CT, the whole range of 8-bit images, else percentiles.",
    )

    working_size: int = Field(
        97, ge=MIN_SIDE, le=2049, description="Side in px of the square that has as many pixels as the input."
    )
    keep_aspect: bool = Field(True, description="Keep the aspect ratio; otherwise squash to a square.")
    interpolation: Literal["area", "bilinear"] = Field(
        "area", description="Resampling to the working size: mean over areas, or bilinear as released."
    )
    colour: Literal["whitened", "rgb", "bgr"] = Field(
        "whitened",
        description="Channels: decorrelated Lab (grey stays one channel), RGB, or BGR as released (grey repeated).",
    )
    detail_size: int | None = Field(
        None,
        ge=MIN_SIDE,
        le=2049,
        description="Size of the finer grid of the steps below and of the boundary; none: the working size.",
    )
    no_data: bool = Field(
        True,
        description="Leave out of the field what shows nothing: padding, apertures, stickers; paint over words, "
        "calipers, rulers and glare.",
    )
    remove_hair: bool = Field(False, description="Paint over thin dark lines.")
    field: Literal["whole", "aperture", "air", "body"] = Field(
        "whole",
        description="What counts: everything, all but the dark corners of a round aperture, all but the dark air "
        "around a body at the frame, or the body on dark air with its holes.",
    )
    flatten_vignette: bool = Field(False, description="Divide by the light's fall from the centre outwards.")
    flatten_depth: bool = Field(False, description="Subtract the weakening of echoes from the top downwards.")
    background: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Subtract the surroundings' mean in a Gaussian window of this width, as a share of the image's "
        "side; none: subtract nothing.",
    )
    smoothing: float = Field(
        0.0,
        ge=0,
        le=0.1,
        description="Gaussian blur of what is clustered and compared, as a share of the image's side; against ribs "
        "and speckle.",
    )
    tone: Literal["lab", "root", "stain"] = Field(
        "lab",
        description="What tells things apart: Lab colours, square roots of the light (between its linear scale, blind "
        "in the dark, and density, blind in the light), or stain density over the slide's own ground.",
    )
    padding: int = Field(
        4, ge=0, le=16, description="Reflected border in px around the input; cut off again after the fit."
    )


class ClusterSettings(_Settings):
    """How pixels become clusters (``cluster.py``)."""

    method: Literal["network", "kmeans"] = Field(
        "network", description="The network of the method, or k-means of the same channels, which is many times faster."
    )
    n_clusters: int = Field(8, ge=2, le=MOST_CLUSTERS, description="Number of clusters of k-means.")
    merge_to: int | None = Field(
        None, ge=2, le=512, description="Merge the most similar clusters until so many are left; none: merge nothing."
    )


class NetworkSettings(_Settings):
    """Size of the network (``network/``)."""

    embed_dim: int = Field(48, ge=2, le=512, description="Channels; also the number of clusters at the start.")
    depth: int = Field(2, ge=1, le=8, description="Transformer blocks in each branch.")
    patch_size: int = Field(12, ge=2, le=32, description="Side in px of the patches whose affinity is stabilised.")
    affinity_shift: int = Field(
        1,
        ge=1,
        le=16,
        description="How far in px, down and right, patches are shifted to be compared with: 1 as released, 2 in the "
        "paper's text.",
    )


class LossWeights(_Settings):
    """Weights of the three losses (``objective.py``)."""

    cluster: float = Field(1.0, ge=0, description="Weight of the cross-entropy on the network's own clusters.")
    inter_scale: float = Field(2.0, ge=0, description="Weight of the consistency between the two scales.")
    intra_scale: float = Field(1.2, ge=0, description="Weight of the spatial stability within a scale.")


class FitSettings(_Settings):
    """The optimisation (``fit.py``)."""

    max_iter: int = Field(4, ge=0, le=1000, description="Most updates of the parameters; 0 leaves them untrained.")
    min_clusters: int = Field(
        3, ge=1, description="Stop after the update that started from this many clusters or fewer."
    )
    learning_rate: float = Field(0.1, gt=0, le=10, description="Step size of stochastic gradient descent.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of stochastic gradient descent.")
    loss_weights: LossWeights = LossWeights()
    precision: Precision = Field(
        "float32",
        description="Arithmetic; bfloat16 keeps float32 parameters and rounds the products; auto: bfloat16 on a CPU "
        "that has instructions for it, else float32, which a fit that rounding breaks is made again in.",
    )
    threads: int = Field(
        1,
        ge=1,
        le=1024,
        description="Threads of the network's sums on a CPU, however many cores there are: another number has other "
        "last digits, and some labels change.",
    )
    kernels: Literal["auto", "convolution", "matrix"] = Field(
        "auto",
        description="How products are computed on a CPU, as 1 × 1 convolutions or as matrix products, which differ in "
        "last digits; auto: what is faster on the processor, measured once and remembered.",
    )
    device: str = Field("cpu", description="Where the network runs, as PyTorch names it: cpu, cuda:0, mps.")


class CueWeights(_Settings):
    """What speaks for a candidate (``foreground/cues.py``): the exponent of each cue in their product; 0 is off."""

    explained: float = Field(1.0, ge=0, le=8, description="Share of the image's variance that the split explains.")
    frame: float = Field(1.0, ge=0, le=8, description="Share of the frame that is left free.")
    ring: float = Field(0.0, ge=0, le=8, description="Share of the ring around it that differs from it.")
    solidity: float = Field(0.0, ge=0, le=8, description="Share of its convex hull that each object fills.")
    centre: float = Field(0.0, ge=0, le=8, description="How near to the image's centre it lies.")
    separate: float = Field(0.0, ge=0, le=8, description="How well each object differs from what is just around it.")
    several: float = Field(0.0, ge=0, le=8, description="How many objects of like size there are.")
    air: float = Field(0.0, ge=0, le=8, description="How far it is on the way from the body's level to that of air.")


class ForegroundSettings(_Settings):
    """Which clusters are the object (``foreground/``)."""

    source: Literal["regions", "clusters"] = Field(
        "regions",
        description="What candidates are made of: the prepared picture itself (nested regions for one object, level "
        "sets for several), or, as in the paper, the clusters.",
    )
    grid: Literal["working", "detail"] = Field(
        "working", description="Where candidates are made and compared; small objects need the detail grid."
    )
    polarity: Literal["either", "darker", "brighter", "minority"] = Field(
        "either",
        description="Whether the object is darker or brighter than its surroundings; minority: on the side to which "
        "few pixels pull the mean away from the median.",
    )
    objects: Literal["any", "one", "two", "pair", "many"] = Field(
        "any",
        description="One object, at most two, one on each side of the body's midline, all of a kind, or whatever "
        "scores best.",
    )
    min_share: float = Field(0.0, ge=0, lt=1, description="Smallest object, all its parts, as a share of the image.")
    max_share: float = Field(1.0, gt=0, le=1, description="Largest object, all its parts, as a share of the image.")
    min_area: float = Field(0.002, ge=0, lt=1, description="Smallest component, as a share of the image's area.")
    min_relative_area: float = Field(
        0.0, ge=0, le=1, description="Smallest component, as a share of the largest one of the same candidate."
    )
    touches_frame: bool = Field(True, description="Whether a component may touch the frame of the image.")
    openings: Radii = Field(
        (0.0,),
        min_length=1,
        max_length=8,
        description="Radii, as shares of the image's side, by which candidates are opened; 0 leaves them as they are.",
    )
    inner_splits: int = Field(
        0, ge=0, le=4, description="How often each candidate is split again by what is inside of it."
    )
    windows: Annotated[tuple[Share, ...], BeforeValidator(_as_tuple)] = Field(
        (),
        max_length=8,
        description="Widths, as shares of the image's side, of Gaussian windows whose mean is subtracted before levels "
        "are cut, beside the picture as it is: for many objects, some dim and some bright.",
    )
    hull: bool = Field(False, description="Take the convex hull of each component.")
    mirror: bool = Field(False, description="Add the mirror image about the body's midline: what one side hides.")
    cues: CueWeights = CueWeights()


class RefineSettings(_Settings):
    """The way back to the native grid (``refine/``)."""

    logit_smoothing: int = Field(
        3,
        ge=1,
        le=15,
        description="Side in px of the mean over neighbouring logits before the argmax; 1 is off.",
    )
    boundary_rounds: int = Field(
        0, ge=0, le=10, description="How often the mask's border is moved to where the image changes; 0 is off."
    )
    boundary_level: float = Field(
        0.5, gt=0, lt=1, description="Where the border lies between the surroundings' level, 0, and the object's, 1."
    )
    boundary_reach: Share | Literal["own"] = Field(
        0.08,
        description="How far the border may move a round, as a share of the image's side, at most 0.5; own: the "
        "objects' own median radius.",
    )
    wall: bool = Field(
        False,
        description="Two lungs in a radiograph: the border lies at the foot of the slope against the chest's wall, "
        "half way at the base, at boundary_level elsewhere; hulls are taken against the wall only.",
    )
    closing: float = Field(
        0.0,
        ge=0,
        le=0.1,
        description="Close gaps of up to twice this share of the image's side in each component: vessels in lungs.",
    )
    hull: bool = Field(False, description="Take the convex hull of each component in the end.")
    min_relative_area: float = Field(
        0.0, ge=0, le=1, description="Drop components under this share of the typical one in the end."
    )
    cells: bool = Field(
        False, description="Grow nuclei to cells by the stain around them, and keep those that have enough of it."
    )
    keeps: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Dice that the new outline must have with the chosen object; under it, the border is that of the "
        "region as it was chosen: what moves so far is another object's.",
    )
    neck: float = Field(
        0.9,
        ge=0,
        lt=1,
        description="With foreground.objects = many, objects that touch are told apart where the neck between them is "
        "narrower than this share of the smaller one's width; 0 parts nothing.",
    )

    @property
    def moves_border(self) -> bool:
        """Whether any step works on the detail grid; if none does, the border is that of the native clusters."""
        steps = (self.boundary_rounds, self.min_relative_area, self.wall, self.closing, self.hull, self.cells)
        return any(step > 0 for step in steps)


class AutoSettings(_Settings):
    """How presets compete (``hypotheses.py``, ``batch/agree.py``)."""

    folder: bool = Field(
        True,
        description="Images of one run agree on a preset, unless one clearly differs; otherwise each is on its own.",
    )
    expected: str | None = Field(None, description="The preset that is ahead; set by the run where images agree.")


class HintSettings(_Settings):
    """What the user points at, in px of the image (``focus.py``)."""

    region: Box | None = Field(
        None, description="Look only here: first row, first column, end row, end column; the label outside is 0."
    )
    box: Box | None = Field(None, description="The object fills about this box.")
    point: Point | None = Field(None, description="The object holds this pixel: row, column.")


class GrownSettings(_Settings):
    """The network grown from random scenes (``prompting/``)."""

    prompts: bool = Field(
        True, description="It finds the one object that the user points at; otherwise the regions do, as without hints."
    )
    automatic: bool = Field(
        False,
        description="It has a say in the choice of one object, and its answers are candidates beside the regions.",
    )
    model: str | None = Field(
        None, description="File of a network that `msformer grow` made, in place of the one that ships."
    )


class ConfidenceSettings(_Settings):
    """When nothing is found (``confidence.py``)."""

    empty_below: float = Field(
        0.0, ge=0, le=1, description="The mask is empty where the confidence is lower; 0 never empties it."
    )


class Config(_Settings):
    """All settings of one run. ``Config.from_preset(name)`` gives a named set of them."""

    preset: str = Field(DEFAULT_PRESET, description="The preset that the settings started from.")
    random_state: int = Field(0, ge=0, lt=SEEDS, description="Seed of every random draw of a case.")
    restarts: int = Field(
        1, ge=1, le=64, description="Seeds that are tried; the mask that most resembles the others is taken."
    )
    read: ReadSettings = ReadSettings()
    write: WriteSettings = WriteSettings()
    prepare: PrepareSettings = PrepareSettings()
    cluster: ClusterSettings = ClusterSettings()
    network: NetworkSettings = NetworkSettings()
    fit: FitSettings = FitSettings()
    foreground: ForegroundSettings = ForegroundSettings()
    refine: RefineSettings = RefineSettings()
    grown: GrownSettings = GrownSettings()
    confidence: ConfidenceSettings = ConfidenceSettings()
    auto: AutoSettings = AutoSettings()
    hints: HintSettings = HintSettings()

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> Self:
        """Take nested settings over the preset they name (key ``preset``; the default one if they name none).

        Raises:
            ConfigError: A setting is unknown or out of range; the message names each.
        """
        return cls._validated(merge(_preset_mapping(str(settings.get("preset", DEFAULT_PRESET))), settings))

    @classmethod
    def from_preset(cls, name: str = DEFAULT_PRESET) -> Self:
        """The settings of a preset that the package ships.

        Raises:
            ConfigError: There is no preset of that name.
        """
        return cls.from_mapping({"preset": name})

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read settings from a TOML file; what it leaves out comes from the preset that it names.

        Raises:
            ConfigError: The file cannot be read or parsed, or a setting is wrong.
        """
        return cls.from_mapping(read_toml(path))

    def replace(self, **changes: Any) -> Self:
        """A copy with other values; nested groups take mappings: ``replace(fit={"max_iter": 8})``.

        Raises:
            ConfigError: A setting is unknown or out of range, or another preset is asked for, which would be a name
                without its values.
        """
        if changes.get("preset", self.preset) != self.preset:
            raise ConfigError(f"preset must stay {self.preset!r} here; start from {changes['preset']!r} instead")
        return self._validated(merge(self.model_dump(), changes))

    def carried_to(self, preset: str) -> Self:
        """The settings of another preset, with everything over them that differs from this one's own."""
        own, values = type(self).from_preset(self.preset).model_dump(), self.model_dump()
        return self._validated(merge(_preset_mapping(preset), _difference(values, own) | {"preset": preset}))

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of the settings that differ from the preset's own and change nothing: the network's, without one.

        ``auto`` is not judged: what it takes is known once the image is.
        """
        if self.preset == AUTO_PRESET or self.cluster.method == "network":
            return ()
        own = type(self).from_preset(self.preset).model_dump(include={"network", "fit"})
        changed = _difference(self.model_dump(include={"network", "fit"}), own)
        return tuple(f"{group}.{name}" for group, values in changed.items() for name in values)

    @property
    def asks_network(self) -> bool:
        """Whether the grown network answers: the user points at one object, and the settings do not keep it out.

        Presets for many objects take a point for one more of them and keep the others (``answer.adds_pointed``).
        """
        points = self.hints.point is not None or self.hints.box is not None
        return points and self.grown.prompts and self.foreground.objects == "one"

    @classmethod
    def _validated(cls, settings: Mapping[str, Any]) -> Self:
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise ConfigError(describe(error)) from error

    @property
    def digest(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the settings; equal settings have equal digests."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def preset_names() -> list[str]:
    """List the names of the presets that the package ships, in alphabetical order."""
    return presets.names()


def preset_summaries() -> dict[str, str]:
    """What each preset is for, in a few words."""
    return {name: str(_preset_file(name)["about"]) for name in preset_names()}


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file as nested mappings.

    Raises:
        ConfigError: The file is missing, unreadable or no TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"config file {str(path)!r}: {error}") from error


def nest(assignments: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted names into nested mappings: ``{"fit.max_iter": 8}`` → ``{"fit": {"max_iter": 8}}``."""
    nested: dict[str, Any] = {}
    for name, value in assignments.items():
        *groups, leaf = name.split(".")
        if not leaf or len(groups) > 5 or not all(groups):
            raise ConfigError(f"a setting must be named like group.name; got {name[:80]!r}")
        target = nested
        for group in groups:
            target = target.setdefault(group, {})
            if not isinstance(target, dict):
                raise ConfigError(f"{name}: {group!r} is a setting, not a group of settings")
        target[leaf] = value
    return nested


def _preset_mapping(name: str) -> dict[str, Any]:
    names = preset_names()
    if name not in names:
        raise ConfigError(f"preset must be one of {', '.join(names)}; got {name!r}")
    settings = _preset_file(name)
    del settings["about"]
    base = settings.pop("extends", None)
    return settings if base is None else merge(_preset_mapping(base), settings)


def _preset_file(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("msformer") / "presets" / f"{name}.toml").read_text(encoding="utf-8"))


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings ``base`` with those of ``over`` put over them."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _difference(values: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What of nested settings ``values`` is not as in ``own``."""
    changed = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            if below := _difference(value, own[key]):
                changed[key] = below
        elif value != own[key]:
            changed[key] = value
    return changed


def describe(error: ValidationError) -> str:
    """What is wrong, setting by setting, with the values that were given."""
    lines = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"]) or "settings"
        lines.append(f"{name}: {item['msg']}, got {item['input']!r}")
    return "; ".join(lines)


def settings_of(config: Config | str | Mapping[str, Any] | None, random_state: int | None = None) -> Config:
    """Settings as they are, as nested mappings, or by the name of a preset; the default preset if left out.

    Raises:
        ConfigError: They are wrong, or there is no such preset.
    """
    if isinstance(config, Config):
        settings = config
    elif isinstance(config, Mapping):
        settings = Config.from_mapping(config)
    else:
        settings = Config.from_preset(DEFAULT_PRESET if config is None else config)
    return settings if random_state is None else settings.replace(random_state=random_state)

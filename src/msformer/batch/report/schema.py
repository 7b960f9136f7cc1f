"""What ``report.json`` holds, field by field: the models that ``docs/report.schema.json`` is made from.

The program writes its records without them, so that a report of a hundred thousand cases costs nothing more; tests read
real reports by them, and by a validator that knows the schema alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = "1.1"
"""Of ``report.json``: the second number grows with a new field, the first where one goes or means something else."""
ADDRESS = "https://json-schema.org/draft/2020-12/schema"

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]+$")]
Paths = Annotated[dict[str, str], Field(description="Paths below the folder of the report, by kind of file.")]
Shape = Annotated[list[Count], Field(min_length=2, max_length=2)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Input(_Model):
    """The files of a case as they were when they were read."""

    stat: str = Field(description="Digest of sizes and times; empty where a file was not there.")
    content: str = Field(description="Digest of their bytes; empty where they could not be read.")


class Foreground(_Model):
    """The mask measured; places in px, from 0, ends not included."""

    label: Literal[0]
    area_px: Count = Field(description="Pixels, of a volume voxels.")
    area_mm2: float | None
    volume_ml: float | None = Field(None, description="Of volumes alone.")
    area_share: Share
    mean_intensity: list[float] = Field(description="Of each channel.")
    bbox: list[int] = Field(min_length=4, max_length=4, description="First row and column, end row and column.")
    centroid: list[float] = Field(min_length=2, max_length=2, description="Row, column.")
    slices: list[int] | None = Field(None, description="Of volumes: the first slice, and the one after the last.")
    centroid_mm: list[float] | None = Field(None, description="Of volumes: the place in the patient (LPS).")


class Learned(_Model):
    """What the folder's lesson did to the mask of a case."""

    source: Literal["own", "region", "outline", "corrected"]
    reason: str
    agreement: float
    ahead: float
    worth_correcting: float
    slices: dict[str, str] | None = Field(None, description="Of volumes: the source of each slice.")


class _Tried(_Model):
    case_id: str = Field(description="Unique; the path of its results without suffix.")
    source: str = Field(description="The file; of a series its folder.")
    source_from: str | None = Field(None, description="Where a relative source starts, from the folder of results.")
    page: Count | None = Field(description="Page of a file of several, from 0.")
    input: Input
    elapsed_s: Seconds


class FailedCase(_Tried):
    """A case that could not be read, segmented or written."""

    status: Literal["failed"]
    files: list[str]
    error_type: str
    error: str = Field(description="Why, without words out of a header.")
    errno: int | None = Field(None, description="The number of an error of the system.")


class _Done(_Tried):
    status: Literal["done"]
    n_channels: Count
    dtype: str
    outputs: Paths
    notes: list[str] = Field(description="What a reader should know of how it was read and written.")
    n_labels: Count
    preset: str
    preset_reason: str = Field(description="Why auto chose it; empty where it was given.")
    confidence: Share
    is_empty: bool
    foreground: Foreground | None
    network: dict[str, int] | None
    precision: str | None
    kernels: str | None = Field(description="How products were computed on a CPU; none without a network.")
    initial_weights_digest: Digest | None
    intensity_range: list[float] = Field(min_length=2, max_length=2, description="Values that are black and white.")
    timings_s: dict[str, Seconds]
    seed: Count
    config: dict[str, Any] | None = Field(None, description="Settings, where they are not those of the run.")
    config_digest: Digest
    input_digest: Digest
    versions: dict[str, str]
    digests: dict[str, Annotated[list[Any], Field(min_length=2, max_length=2)]] = Field(
        description="SHA-256 and bytes of each output, by path."
    )
    learned: Learned | None = None


class Step(_Model):
    """The state before an update of the network."""

    step: Count
    n_labels: Count
    losses: dict[str, float]


class ImageCase(_Done):
    """An image."""

    shape: Shape = Field(description="Rows, columns.")
    spacing_mm: list[float] | None = Field(description="Size of a pixel: row, column.")
    n_iter: Count
    stop_reason: str
    converged: bool
    foreground_score: float
    cues: dict[str, float]
    confidence_reason: str
    compared: dict[str, Share]
    agreement: Share
    n_objects: Count | None = Field(description="None where objects are not told apart.")
    cluster_channels: list[Count]
    working_shape: Shape
    history: list[Step]
    tiles: Count | None = Field(None, description="Of a slide that was segmented by tile: how many tiles.")


class VolumeCase(_Done):
    """A volume."""

    shape: Annotated[list[Count], Field(min_length=3, max_length=3)] = Field(description="Slices, rows, columns.")
    spacing_mm: list[float | None] | None = Field(description="Size of slices, rows, columns, as far as stated.")
    kind: str
    modality: str | None
    body_part: str | None
    from_header: list[str] = Field(description="What of it its header says.")
    axis: Annotated[int, Field(ge=0, le=2)]
    slices: list[Count] = Field(description="Numbers of those that were segmented.")
    labels_changed: Count
    labels_followed: Count
    confidences: list[Share]


class Skipped(_Model):
    """A file or folder that is no case."""

    path: str
    why: str
    reason: str


class Report(_Model):
    """``report.json`` of a folder of results."""

    schema_version: Literal["1.1"]
    program: Literal["msformer"]
    created: str = Field(description="ISO 8601, in UTC.")
    planned: Count
    done: Count
    failed: Count
    n_skipped: Count
    skipped_by_reason: dict[str, Count]
    interrupted: bool
    workers: Count
    threads: Count
    left_from_other_runs: list[str]
    versions: dict[str, str]
    config: dict[str, Any] = Field(description="All settings; see docs/settings.md.")
    config_digest: Digest
    learned: dict[str, Any] | None = Field(None, description="What the folder taught; see docs/learning.md.")
    skipped: list[Skipped]
    cases: list[ImageCase | VolumeCase | FailedCase]


def report_schema() -> dict[str, Any]:
    """The JSON schema of ``report.json``."""
    return {"$schema": ADDRESS, **Report.model_json_schema()}

"""``msformer segment``: images in, label maps, masks, previews and reports out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msformer.bars import bar_columns
from msformer.cli import options
from msformer.cli.executors import CASE_TIMEOUT_S, Workers, executor_of
from msformer.cli.place import address_of, results_beside
from msformer.cli.say import say, start_log
from msformer.plain import printable

if TYPE_CHECKING:
    import rich.progress
    from torch import Tensor

    from msformer.batch.resume import ToDo


class Progress(StrEnum):
    """How a long run tells where it is."""

    auto = "auto"
    bar = "bar"
    none = "none"


class Naming(StrEnum):
    """What files of labels and masks are called."""

    plain = "plain"
    bids = "bids"


def segment(
    inputs: Annotated[list[str] | None, typer.Argument(metavar="INPUT...", help="Images, folders or patterns.")] = None,
    out: options.Out = None,
    preset: options.Preset = None,
    seed: options.Seed = None,
    config: options.ConfigFile = None,
    assignments: options.Assignments = None,
    polarity: options.Polarity = None,
    objects: options.Objects = None,
    touches_frame: Annotated[
        bool | None,
        typer.Option("--touches-frame/--inside-frame", help="The object may touch the frame, or not."),
    ] = None,
    share: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="MIN MAX", help="Share of the image that the object covers."),
    ] = None,
    region: Annotated[
        tuple[int, int, int, int] | None,
        typer.Option(metavar="ROW COL ROW COL", help="Look only here: first row, column, end row, column, in px."),
    ] = None,
    box: Annotated[
        tuple[int, int, int, int] | None,
        typer.Option(metavar="ROW COL ROW COL", help="The object fills about this box."),
    ] = None,
    point: Annotated[
        tuple[int, int] | None, typer.Option(metavar="ROW COL", help="The object holds this pixel.")
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='Points and boxes of many images, as JSON: {"NAME": {"point": [ROW, COL]}}.'),
    ] = None,
    network: Annotated[
        Path | None,
        typer.Option(help="A network that msformer grow made, in place of the one that ships.", metavar="FILE"),
    ] = None,
    no_network: Annotated[
        bool, typer.Option("--no-network", help="Do without the network grown from random scenes.")
    ] = False,
    clusters: options.Clusters = None,
    restarts: options.Restarts = None,
    learn: Annotated[
        bool, typer.Option("--learn", help="Let the folder teach, and decide on each image by what others taught.")
    ] = False,
    corrections: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Masks that a person gave, NAME.png, which teach the rest; with --learn."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Decide by what another folder taught: its OUT/model; nothing is learned."),
    ] = None,
    max_cases: options.MaxCases = None,
    recursive: options.Recursive = False,
    spacing_mm: options.SpacingMm = None,
    window: options.Window = None,
    slices: options.Slices = None,
    axis: Annotated[int | None, typer.Option(min=0, max=2, help="Slices across: 0 slices, 1 rows, 2 columns.")] = None,
    frame: Annotated[
        int | None,
        typer.Option(min=0, help="Which volume of 4-D files and series over time; what holds one is taken as it is."),
    ] = None,
    series: Annotated[int | None, typer.Option(min=0, help="Which series of a zip of several.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="KIND",
            help="Files of labels and masks: png, tif, nii.gz, nrrd, seg.nrrd, mha, dicom-seg, ome-zarr, or same as "
            "the input; of masks and objects as outlines: rtstruct, geojson, coco, imagej-roi. Repeatable.",
        ),
    ] = None,
    naming: Annotated[
        Naming | None,
        typer.Option(help="Names of labels and masks: plain, or bids for a data set of BIDS derivatives in OUT/bids."),
    ] = None,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures/--no-pictures", help="Pictures at full size: the image with the outline, clusters in colours."
        ),
    ] = True,
    weights: Annotated[
        Path | None, typer.Option(help="Start from a state dict saved from the released MS-Former classes.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do again what is finished.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Do again what failed, for whatever reason.")
    ] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first image that fails.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    num_parts: Annotated[
        int, typer.Option(min=1, help="Parts of a job array, which share OUT.", envvar="MSFORMER_NUM_PARTS")
    ] = 1,
    part_id: Annotated[int, typer.Option(min=0, help="Which part this is, from 0.", envvar="MSFORMER_PART_ID")] = 0,
    workers: options.Workers = None,
    case_timeout: options.CaseTimeout = CASE_TIMEOUT_S,
    case_memory: options.CaseMemory = None,
    scheduler: options.Scheduler = None,
    cluster: options.Cluster = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads of the network's sums (fit.threads), 1 or 2 by the preset; another number, other labels.",
            envvar="MSFORMER_THREADS",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="Where the network runs, as PyTorch names it: cpu, cuda, mps.", envvar="MSFORMER_DEVICE"),
    ] = None,
    max_pixels: options.MaxPixels = None,
    watch: options.Watch = None,
    progress: Annotated[Progress, typer.Option(help="A bar, or lines for logs.")] = Progress.auto,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the settings as TOML and stop; --config reads them back.")
    ] = False,
) -> None:
    """Segment images and volumes without labels.

    Writes labels/NAME (1 to K), masks/NAME (the object), overlays/NAME.jpg, colours/NAME.png, preview/NAME.png,
    regions.csv, report.json and index.html into the output folder, which is NAME-msformer beside the input if left
    out, with --restarts also stability/NAME.png (0 to 255: share of the restarts); of images with --objects many, or
    a preset that says so, also instances/NAME (1 to n, touching objects parted) and objects.csv.
    Labels, masks and instances are of the input's kind, with its geometry, or of those that --format names.
    Contents decide what a file is; what is passed over is counted on standard error and named in report.json.
    The same call again does what is missing, failed for a passing reason, or changed in input, settings or version.
    Exit codes: 0 all done, 1 some images failed, 2 usage, 74 a disk that is full or files that cannot be read or
    written, 75 another run has OUT, 129, 130 and 143 stopped by a signal; the reports of what is finished are there.
    """
    from msformer.cli.settings import resolve, to_toml
    from msformer.config import merge
    from msformer.hints import hint_settings

    hints = hint_settings(
        polarity=polarity,
        objects=objects,
        touches_frame=touches_frame,
        share=share,
        region=region,
        box=box,
        point=point,
        n_clusters=clusters,
        restarts=restarts,
    )
    said = merge(
        hints,
        _given(
            fit={"device": device, "threads": threads},
            grown={
                "model": None if network is None else str(network),
                "prompts": False if no_network else None,
                "automatic": False if no_network else None,
            },
            prepare={"window": _window(window)},
            read={"slices": slices, "axis": axis, "frame": frame, "series": series},
            write={
                "formats": tuple(formats) if formats else None,
                "pictures": None if pictures else False,
                "naming": naming and naming.value,
            },
        ),
    )
    settings = resolve(preset, seed, config, assignments or [], said)
    if network is not None and no_network:
        raise typer.BadParameter("say either --network or --no-network", param_hint="--no-network")
    if print_config:
        typer.echo(to_toml(settings), nl=False)
        return
    if not inputs:
        raise typer.BadParameter("give at least one image, folder or pattern", param_hint="INPUT")
    if out is None:
        out = results_beside(inputs)
    if corrections is not None and (model is not None or not learn):
        raise typer.BadParameter("goes with --learn, and not with --model", param_hint="--corrections")
    if learn and model is not None:
        raise typer.BadParameter("say either --learn or --model", param_hint="--model")
    from msformer.batch.part import Part
    from msformer.batch.plan import plan_inputs
    from msformer.batch.prompts import with_prompts
    from msformer.batch.record import IN_LOG
    from msformer.batch.resume import Redo
    from msformer.batch.run import Order, look_ahead, run_order, split_cases
    from msformer.batch.skipped import count, in_words, log_lines
    from msformer.image import check_spacing
    from msformer.io import MAX_PIXELS, prepare_folder
    from msformer.io.results import SEGMENT_FOLDERS

    # What is wrong for every case alike is told before the first one.
    part = Part(part_id, num_parts)
    if learn and num_parts > 1:
        raise typer.BadParameter("goes with one part; run msformer learn --again OUT at the end", param_hint="--learn")
    check_spacing(spacing_mm)
    if learn or model is not None:
        from msformer.batch.files import check_readable

        check_readable(settings)
    if settings.fit.device != "cpu":  # which is always there, and torch takes a second to load
        from msformer.fit import find_device

        find_device(settings.fit.device)
    if corrections is not None:
        check_corrections(corrections)
    if model is not None:
        from msformer.batch.learn import read_model_folder

        read_model_folder(model)
    if settings.grown.model is not None:
        from msformer.prompting import read_model

        read_model(Path(settings.grown.model))
    plan = plan_inputs(
        inputs,
        recursive=recursive,
        max_cases=max_cases,
        exclude=[*(out / folder for folder in SEGMENT_FOLDERS), *([] if corrections is None else [corrections])],
    )
    cases = plan.cases
    for name, value in (("point", settings.hints.point), ("box", settings.hints.box)):
        if len(cases) > 1 and value is not None:
            raise typer.BadParameter(
                f"it is of one image, and these are {len(cases)}: --prompts takes a file with a {name} for each",
                param_hint=f"--{name}",
            )
    if prompts is not None:
        cases = tuple(with_prompts(cases, prompts))
    order = Order(
        cases,
        settings,
        spacing_mm=spacing_mm,
        max_pixels=max_pixels or MAX_PIXELS,
        initial_weights=None if weights is None else _read_weights(weights),
        skipped=[one.record() for one in plan.skipped],
        part=part,
        redo=Redo(everything=overwrite, failed=retry_failed),
        stops_at_failure=fail_fast,
        watch=watch,
    )
    for line in log_lines(plan.skipped):
        say(line, err=True)
    if dry_run:
        ahead = look_ahead(order, out)
        for case in ahead.cases:
            typer.echo(printable(f"{case.case_id}: {case.source}"))
        say(str(ahead), err=True)
        return
    prepare_folder(out)
    split = split_cases(len(part.of(cases)), settings, workers=workers)
    said_of_workers = Workers(workers, case_timeout, case_memory, scheduler, cluster)
    failures: list[str] = []
    try:
        with executor_of(said_of_workers, split) as executor:
            with _progress(progress) as bar:

                def on_record(record: dict[str, Any]) -> None:
                    bar.advance(record["case_id"])
                    if record["status"] == "failed":
                        failures.append(record.get(IN_LOG, record["error"]))

                def on_plan(todo: ToDo) -> None:
                    bar.begin(len(todo.cases))
                    if todo.finished:
                        say(str(todo), err=True)

                records = run_order(order, out, executor=executor, on_record=on_record, on_plan=on_plan)
            if learn or model is not None:
                from msformer.cli.learn import learn_and_report

                learn_and_report(
                    settings,
                    out,
                    corrections,
                    model,
                    max_pixels or MAX_PIXELS,
                    executor,
                    is_told=progress != "none",
                    watch=watch,
                )
    except KeyboardInterrupt:
        say(f"interrupted; what was finished is in {out}, and the same call goes on with the rest", err=True)
        raise
    for text in failures if progress is not Progress.none else ():  # the log has told them already
        say(f"failed: {text}", err=True)
    failed = sum(entry.status == "failed" for entry in records.entries)
    counts = in_words(count(one.record() for one in plan.skipped))
    say(
        f"segmented {len(records) - failed}, failed {failed}, skipped {len(plan.skipped)}"
        + (f": {counts}" if counts else ""),
        err=True,
    )
    say(f"{len(records) - failed} of {len(records)} images segmented; look at {address_of(out / 'index.html')}")
    if failed:
        raise typer.Exit(1)


def check_corrections(folder: Path) -> None:
    """A folder of corrections that is named must be there.

    Raises:
        ConfigError: It is not.
    """
    from msformer.errors import ConfigError

    if not folder.is_dir():
        raise ConfigError(f"--corrections must be a folder; there is no {str(folder)!r}")


def _given(**groups: dict[str, Any]) -> dict[str, Any]:
    """Nested settings without those that were not said."""
    said = {group: {name: value for name, value in one.items() if value is not None} for group, one in groups.items()}
    return {group: one for group, one in said.items() if one}


def _window(words: list[str] | None) -> str | tuple[float, float] | None:
    if not words:
        return None
    if len(words) == 1:
        return words[0]
    try:
        centre, width = (float(word) for word in words)
    except ValueError:
        raise typer.BadParameter(
            f"give a name, or centre and width; got {' '.join(words)}", param_hint="--window"
        ) from None
    return centre, width


def _read_weights(path: Path) -> dict[str, Tensor]:
    import torch

    from msformer.errors import WeightsError

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and io errors alike
        raise WeightsError(f"--weights {str(path)!r}: {type(error).__name__}: {error}") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"--weights {str(path)!r} must hold a state dict; got {type(state).__name__}")
    return state


class _Bar:
    """A bar with the time that is left; nothing where lines of a log tell it."""

    def __init__(self, bar: rich.progress.Progress | None) -> None:
        self._bar = bar
        self._task = None if bar is None else bar.add_task("", total=None)

    def begin(self, total: int) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=total)

    def advance(self, name: str) -> None:
        from rich.markup import escape

        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=1, description=escape(printable(name)))


@contextmanager
def _progress(kind: Progress) -> Iterator[_Bar]:
    """A bar with the time left on a terminal; else one line of log a case on standard error."""
    from rich.console import Console

    console = Console(stderr=True)
    if kind is Progress.none or (kind is Progress.auto and not console.is_terminal):
        start_log(logging.INFO)
        yield _Bar(None)
        return
    from rich import progress as rich_progress

    start_log(logging.CRITICAL)  # failures are told after the bar
    with rich_progress.Progress(*bar_columns("segmenting"), console=console) as bar:
        yield _Bar(bar)

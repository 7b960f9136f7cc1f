"""``msformer evaluate``: masks and label maps against ground truths."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msformer.cli.place import address_of
from msformer.cli.say import say

if TYPE_CHECKING:
    from msformer.evaluation.cases import ScoreSettings


class Kind(StrEnum):
    """What the predictions are."""

    auto = "auto"
    masks = "masks"
    labels = "labels"
    instances = "instances"


def evaluate(
    pred: Annotated[Path, typer.Argument(metavar="PRED", help="Folder or file; or what `segment` wrote.")],
    gt: Annotated[Path, typer.Argument(metavar="GT", help="Folder or file; everything but 0 is the object.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the reports.")],
    kind: Annotated[
        Kind,
        typer.Option(
            "--as",
            help="What PRED holds; auto takes files of 0 and one other value for masks, others for labels. instances: "
            "PRED and GT are instance maps, one number an object.",
        ),
    ] = Kind.auto,
    spacing_mm: Annotated[
        tuple[float, float] | None, typer.Option(help="Size of a pixel in mm: row column. Gives distances in mm.")
    ] = None,
    tolerance_px: Annotated[
        float | None, typer.Option(min=0, help="Tolerance of the surface Dice without spacing; 2 if left out.")
    ] = None,
    tolerance_mm: Annotated[
        float | None, typer.Option(min=0, help="Tolerance of the surface Dice with spacing; 2 if left out.")
    ] = None,
    worst: Annotated[int, typer.Option(min=0, help="Number of cases to show with a picture, worst first.")] = 20,
    images: Annotated[
        Path | None, typer.Option(exists=True, help="Images by the same names, to be shown under the masks.")
    ] = None,
) -> None:
    """Score masks and label maps against ground truths.

    Files are paired by their path below PRED and GT, without suffix; nothing is ever resized. Masks are scored under
    the protocol `automatic`; label maps under `oracle-cluster` and `oracle-components`, where the ground truth picks
    the clusters; label maps that `segment` wrote also as the released code does it. Where `segment` wrote instances/,
    and GT has a folder instances/ in it or beside it, objects are compared one by one as well: F1 at IoU .5, AJI, PQ.
    Writes a table of the cases for each protocol used (cases-automatic.csv, …), of objects cases-instances.csv,
    summary.json and index.html. Exit codes: 0 all scored, 1 some could
    not be paired or scored, 2 usage, 130 interrupted.
    """
    settings = _settings(spacing_mm, tolerance_px, tolerance_mm)
    if out.exists() and not out.is_dir():
        raise typer.BadParameter(f"must be a folder; {str(out)!r} is a file", param_hint="--out / -o")
    if out.resolve() in (pred.resolve(), gt.resolve()):
        raise typer.BadParameter("must be a folder of its own, not PRED or GT", param_hint="--out / -o")

    if images is not None and pred.is_dir() and not images.is_dir():
        raise typer.BadParameter("must be a folder where PRED is one", param_hint="--images")

    from msformer.evaluation.cases import score_cases
    from msformer.evaluation.pairing import pair
    from msformer.evaluation.report import Inputs, write_report

    pairing = pair(pred, gt, kind=kind.value)
    try:
        scored = score_cases(pairing.cases, settings)
        inputs = Inputs(pred, gt, kind.value)
        summary = write_report(out, inputs, pairing, scored, settings, worst=worst, images=images)
    except KeyboardInterrupt:
        say("interrupted; nothing is written", err=True)
        raise typer.Exit(130) from None
    _tell(summary)
    say(f"{summary['n_scored']} of {summary['n_paired']} pairs scored; look at {address_of(out / 'index.html')}")
    if summary["failures"] or summary["only_pred"] or summary["only_gt"]:
        raise typer.Exit(1)


def _settings(
    spacing_mm: tuple[float, float] | None, tolerance_px: float | None, tolerance_mm: float | None
) -> ScoreSettings:
    if spacing_mm is None and tolerance_mm is not None:
        raise typer.BadParameter("needs --spacing-mm; without it distances are in px", param_hint="--tolerance-mm")
    if spacing_mm is not None and tolerance_px is not None:
        raise typer.BadParameter("distances are in mm with --spacing-mm", param_hint="--tolerance-px")
    tolerance = tolerance_px if spacing_mm is None else tolerance_mm

    from msformer.evaluation.cases import ScoreSettings

    return ScoreSettings(spacing_mm, 2.0 if tolerance is None else tolerance)


def _tell(summary: dict[str, Any]) -> None:
    for name, table in summary["protocols"].items():
        dice = table["metrics"]["dice"]
        say(f"{name}: Dice mean {dice['mean']:.3f}, median {dice['median']:.3f}, {table['n_cases']} scored")
    if (objects := summary["instances"]) is not None:
        f1, aji, pq = (objects["metrics"][name]["mean"] for name in ("f1", "aji", "pq"))
        counts = f"{objects['n_matched']} of {objects['n_gt']} objects found, {objects['n_pred']} marked"
        say(f"instances: F1 mean {f1:.3f}, AJI {aji:.3f}, PQ {pq:.3f}, {objects['n_cases']} scored; {counts}")
    for remark in summary["remarks"]:
        cases = f" (cases: {len(remark['case_ids'])})" if remark["case_ids"] else ""
        say(f"note: {remark['remark']}{cases}")
    for side, names in (("PRED", summary["only_pred"]), ("GT", summary["only_gt"])):
        if names:
            say(f"only in {side}, not scored: {', '.join(names)}")
    for failure in summary["failures"]:
        say(f"failed: {failure['case_id']}: {failure['error']}", err=True)

"""``msformer measure``: what the labels of existing label maps and masks are, without segmenting again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msformer.cli.say import say


def measure(
    labels: Annotated[
        list[str],
        typer.Argument(
            metavar="LABELS...", help="Label maps and masks: files, folders with their subfolders, or patterns."
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Images by the same names; gives mean intensities."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="CSV to write; standard output if left out.")] = None,
    spacing_mm: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Size of a pixel in mm: row column. Gives areas in mm²; goes over what files tell."),
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            min=1, help="Refuse larger images and volumes; 150,000,000 if left out.", envvar="MSFORMER_MAX_PIXELS"
        ),
    ] = None,
) -> None:
    """Measure label maps and masks that exist already, without segmenting again.

    Takes PNG, TIFF, NIfTI, NRRD, MetaImage and DICOM SEG, and the folder that `segment` wrote. Every value but 0 is an
    object of its own: a mask of 0 and 255 has the one label 255. Writes a CSV with one row a label: number of
    voxels and share of the image, area in mm² of images of one slice, volume in ml of volumes, centroid in voxels and
    in mm of the patient (LPS), bounding box, the largest area in one slice and, with --images, the mean of each
    channel. Slices, rows and columns count from 0. A size that neither the file nor its image nor --spacing-mm tells
    is left empty. Exit codes: 0 all measured, 1 some files failed, 2 usage, 130 interrupted.
    """
    from msformer.batch.remeasure import find_labels, measure_all, to_csv
    from msformer.image import check_spacing
    from msformer.io import MAX_PIXELS, write_text

    def tell(line: str) -> None:
        say(line, err=True)

    check_spacing(spacing_mm)
    items = find_labels(labels)
    if out is not None:
        if out.is_dir():
            raise typer.BadParameter(f"must be a file; {str(out)!r} is a folder", param_hint="--out / -o")
        if out.resolve() in {item.path.resolve() for item in items}:
            raise typer.BadParameter("must not be one of the LABELS", param_hint="--out / -o")
    try:
        rows, n_failed = measure_all(items, images, spacing_mm, max_pixels or MAX_PIXELS, tell)
    except KeyboardInterrupt:
        say("interrupted; nothing is written", err=True)
        raise typer.Exit(130) from None
    if out is None:
        typer.echo(to_csv(rows).encode("utf-8", errors="backslashreplace"), nl=False)
    else:
        write_text(out, to_csv(rows))
        say(f"{len(items) - n_failed} of {len(items)} files measured, {len(rows)} labels; look at {out}")
    if n_failed:
        raise typer.Exit(1)

"""``msformer slide``: slides that are larger than memory, tile by tile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msformer.cli import options
from msformer.cli.place import results_beside
from msformer.cli.say import say


def slide(
    slides: Annotated[list[Path], typer.Argument(metavar="SLIDE...", help="Slides: TIFF, .svs, .ndpi, .scn, .bif.")],
    out: options.Out = None,
    mpp: Annotated[
        float | None,
        typer.Option(min=0.001, help="Segment at the level nearest to this size of a pixel in µm; else the largest."),
    ] = None,
    preset: options.Preset = None,
    seed: options.Seed = None,
    config: options.ConfigFile = None,
    assignments: options.Assignments = None,
    polarity: options.Polarity = None,
    objects: options.Objects = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do again what is finished.")] = False,
) -> None:
    """Segment slides tile by tile, in the memory of a tile and of a row an object.

    Tiles overlap; black, white, colours and preset are those of the whole slide, and an object on a seam is one object.
    Writes labels/NAME.tif and masks/NAME.tif, with many objects instances/NAME.tif (OME-TIFF in levels) and a table of
    them, outlines for QuPath (.geojson, in px of the largest level), preview/NAME.png and slides/NAME.json. Tiles of
    glass are left out. The same call again leaves what is finished, and a slide that was being worked on goes on behind
    its last tile. Exit codes: 0 all done, 1 some failed, 2 usage.
    """
    from msformer.batch.lock import locked
    from msformer.batch.part import Part
    from msformer.batch.slide_case import run_slide
    from msformer.cli.settings import resolve
    from msformer.errors import FolderInUseError, MSFormerError, ReadError, failed_file
    from msformer.hints import hint_settings
    from msformer.io import prepare_folder
    from msformer.patience import PatientBar

    if out is None:
        out = results_beside([str(path) for path in slides])
    names = [one.stem for one in slides]
    if len(set(names)) < len(names):
        raise typer.BadParameter("slides must have names that differ, as their results have", param_hint="SLIDE")
    settings = resolve(preset, seed, config, assignments or [], hint_settings(polarity=polarity, objects=objects))
    failed = 0
    prepare_folder(out)
    with locked(out, Part()) as lock:

        def on_tile(done: int, total: int) -> None:
            lock.check()
            bar.reach(done, total)

        for path in slides:
            try:
                with PatientBar("tiles", 1) as bar:
                    record = run_slide(path, settings, out, mpp=mpp, is_forced=overwrite, on_tile=on_tile)
            except FolderInUseError:
                raise
            except Exception as error:  # a slide that no reader foresaw must not stop the others
                failed += 1
                is_told = isinstance(error, (MSFormerError, OSError))
                say(failed_file(path, error if is_told else ReadError(f"{type(error).__name__}: {error}")), err=True)
                continue
            about = record.about
            if about["segmented"] == 0:
                say(f"{path}: no tile shows more than glass", err=True)
            many = "" if about["n_objects"] is None else f", {about['n_objects']} objects"
            say(
                f"{path}: {'' if record.is_new else 'finished before: '}{about['segmented']} of {about['tiles']} tiles "
                f"show more than glass{many}, object {100 * about['area_share']:.1f} %; look at "
                f"{out / about['outputs']['preview']}"
            )
    if failed:
        raise typer.Exit(1)

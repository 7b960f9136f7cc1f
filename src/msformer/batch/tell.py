"""A journal → the reports of its folder: at the end of a run, when it was stopped, and whenever somebody asks."""

from __future__ import annotations

from pathlib import Path

from msformer.batch.journal import FOLDER, Journal
from msformer.batch.report import write_report
from msformer.config import Config
from msformer.errors import ConfigError
from msformer.processes import Split


def report(out: Path, journal: Journal | None = None) -> tuple[int, int]:
    """Make the reports of a folder from its journal.

    They list what was done with the settings of the last run, and of that every case, whichever call or part did it.

    Returns:
        How many were segmented, and how many failed.

    Raises:
        ConfigError: The folder has no journal, or it cannot be read.
        OSError: The reports cannot be written.
    """
    journal = journal or Journal(out)
    if journal.run is None:
        raise ConfigError(f"{str(out)!r} must be a folder that msformer segment wrote; it has no {FOLDER}")
    about = journal.run.about
    records = journal.records()
    failed = sum(entry.status == "failed" for entry in records.entries)
    write_report(
        out,
        records,
        Config.from_mapping(about["config"]),
        n_planned=max(int(about.get("planned", 0)), len(records)),
        split=Split(int(about.get("workers", 0)), int(about.get("threads", 1))),
        learned=journal.learned,
        skipped=about.get("skipped", ()),
    )
    return len(records) - failed, failed

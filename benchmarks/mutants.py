"""Broken files of every kind, by the command line: does each end its own case only, in bounded time and memory?

    python -m benchmarks.mutants --out OUT --markdown docs/reliability.md

Of a small picture or volume in each of eight kinds mutants are made, seeded: bits turned, the end cut off, or both. All
of a kind are one folder for ``msformer segment``. A process that dies, a traceback, a case over the limits, or a file
that the report does not mention is a fault; so is an exit code that says neither "all well" nor "some failed".
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from nibabel.nifti1 import Nifti1Image
from PIL import Image as Pillow
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from benchmarks.common import put
from msformer.benchmark.task import machine
from msformer.geometry import Geometry
from msformer.io.metaimage import write_mha
from msformer.io.nrrd import write_nrrd

SHAPE = 6, 44, 52
GEOMETRY = Geometry((0.7, 0.8, 3.0), (-10.0, 5.0, 2.0))
MOST_BITS = 24
"""Bits that are turned in a mutant, at most."""
HEADER_FIRST = 0.5
"""Chance that turned bits lie within the first bytes, where most of the headers are."""
HEADER = 400
SLOWEST_S, LARGEST_MB = 20.0, 1536.0
"""What no case may take."""
ENDED_WELL = (0, 1)
"""Exit codes of a run: all well, or some cases failed."""
EXPECTED = frozenset({"ReadError", "ImageError", "ImageShapeError", "NonFiniteImageError", "WriteError", "ConfigError"})
"""What a broken file may fail with."""


def volume() -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """A bright ball in a darker noise, ``SHAPE``."""
    rows = [np.linspace(-1, 1, side) for side in SHAPE]
    inside = sum(one**2 for one in np.meshgrid(*rows, indexing="ij")) < 0.5
    noise = np.random.default_rng(0).normal(0, 20, SHAPE)
    return np.asarray(np.clip(300 + 500 * inside + noise, 0, 4000), dtype=np.uint16)


def picture() -> Pillow.Image:
    """A slice of it in three colours."""
    grey = (volume()[3] / 4).astype(np.uint8)
    return Pillow.fromarray(np.stack([grey, grey // 2, 255 - grey], axis=-1))


def _photo(name: str) -> bytes:
    file = io.BytesIO()
    picture().save(file, name)
    return file.getvalue()


def _tiff() -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.asarray(picture()), compression="zlib", photometric="rgb")
    return file.getvalue()


def _nifti() -> bytes:
    return bytes(Nifti1Image(volume().transpose(2, 1, 0), np.diag([-0.7, -0.8, 3.0, 1])).to_bytes())


def _nifti_packed() -> bytes:
    return gzip.compress(_nifti(), mtime=0)


def _nrrd() -> bytes:
    file = io.BytesIO()
    write_nrrd(file, volume(), GEOMETRY, {})
    return file.getvalue()


def _mha() -> bytes:
    file = io.BytesIO()
    write_mha(file, volume(), GEOMETRY)
    return file.getvalue()


def _dicom(number: int) -> bytes:
    """A file of a series of its own: files of one series would be one case."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(f"1.2.826.0.1.{number + 1}.1")
    one = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    one.SeriesInstanceUID, one.StudyInstanceUID = f"1.2.826.0.1.{number + 1}", "1.2.826.0.1"
    one.Modality, one.PhotometricInterpretation, one.SamplesPerPixel = "CT", "MONOCHROME2", 1
    one.Rows, one.Columns = SHAPE[1:]
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
    one.RescaleSlope, one.RescaleIntercept = 1, -1024
    one.PixelSpacing, one.ImagePositionPatient = [0.8, 0.7], [0, 0, 0]
    one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    one.PixelData = volume()[3].tobytes()
    file = io.BytesIO()
    one.save_as(file, enforce_file_format=True)
    return file.getvalue()


KINDS: dict[str, Callable[[int], bytes]] = {
    "png": lambda _: _photo("PNG"),
    "jpg": lambda _: _photo("JPEG"),
    "tif": lambda _: _tiff(),
    "nii": lambda _: _nifti(),
    "nii.gz": lambda _: _nifti_packed(),
    "nrrd": lambda _: _nrrd(),
    "mha": lambda _: _mha(),
    "dcm": _dicom,
}
"""What a whole file of each kind is; the argument tells files of a kind apart where they must be."""


@dataclass(frozen=True)
class Outcome:
    """What became of the mutants of a kind.

    Attributes:
        kind: The kind.
        mutants: How many there were.
        done: Segmented.
        failed: Recorded as failed.
        skipped: Passed over by name.
        missing: Mentioned nowhere.
        faults: What must not happen, in words.
        slowest_s: The longest case.
        largest_mb: The largest resident size of any process.
    """

    kind: str
    mutants: int
    done: int
    failed: int
    skipped: int
    missing: int
    faults: tuple[str, ...]
    slowest_s: float
    largest_mb: float


def main() -> None:
    """Make mutants, run them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for mutants and results; must not exist")
    parser.add_argument("--each", type=int, default=300, help="mutants of a kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--markdown", type=Path, help="page, of which the part on broken files is replaced")
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"--out must not exist; got {given.out}")
    if given.each < 1:
        parser.error(f"--each must be at least 1; got {given.each}")
    outcomes = []
    for kind in given.kinds:
        outcomes.append(try_kind(kind, given.each, given.seed, given.out))
        print(f"{kind}: {outcomes[-1]}", file=sys.stderr, flush=True)
    put(page(outcomes, given.each, given.seed), "mutants", given.markdown)
    sys.exit(1 if any(one.faults for one in outcomes) else 0)


def try_kind(kind: str, each: int, seed: int, out: Path) -> Outcome:
    """Make the mutants of a kind and segment their folder."""
    folder, results = out / "mutants" / kind, out / "results" / kind
    folder.mkdir(parents=True)
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    for number in range(each):
        (folder / f"m{number:04d}.{kind}").write_bytes(mutant(KINDS[kind](number), rng))
    command = [sys.executable, "-m", "msformer", "segment", str(folder), "-o", str(results), "--preset", "lung-ct"]
    log = out / f"{kind}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return outcome_of(
        kind, folder, results, process.returncode, log.read_text("utf-8", "replace"), usage.ru_maxrss / 1024
    )


def outcome_of(kind: str, folder: Path, results: Path, code: int, log: str, largest_mb: float) -> Outcome:
    """What the report says of every file of a folder."""
    files = sorted(folder.iterdir())
    faults = [] if code in ENDED_WELL else [f"exit code {code}"]
    if "Traceback" in log:
        faults.append("a traceback")
    report_file = results / "report.json"
    if not report_file.is_file():
        return Outcome(kind, len(files), 0, 0, 0, len(files), (*faults, "no report"), 0.0, largest_mb)
    report = json.loads(report_file.read_text(encoding="utf-8"))
    cases, skipped = report["cases"], report.get("skipped", [])
    # What failed names its files; several that look like one series are one case, named after their folder.
    of_cases = {Path(path).name for one in cases for path in one.get("files", [one["source"]])}
    named = of_cases | {Path(one["path"]).name for one in skipped}
    missing = [file.name for file in files if file.name not in named]
    others = {one["error_type"] for one in cases if one["status"] == "failed"} - EXPECTED
    slowest = max((float(one["elapsed_s"]) for one in cases), default=0.0)
    faults += [f"cases that fail with {name}" for name in sorted(others)]
    faults += [f"{len(missing)} files that the report does not mention"] if missing else []
    faults += [f"a case of {slowest:.0f} s"] if slowest > SLOWEST_S else []
    faults += [f"a process of {largest_mb:.0f} MB"] if largest_mb > LARGEST_MB else []
    done = sum(one["status"] == "done" for one in cases)
    counts = len(files), done, len(cases) - done, len(skipped), len(missing)
    return Outcome(kind, *counts, tuple(faults), slowest, largest_mb)


def mutant(whole: bytes, rng: np.random.Generator) -> bytes:
    """A file with bits turned, cut, or both."""
    broken = bytearray(whole)
    how = rng.integers(3)
    if how != 1:
        for _ in range(int(np.exp(rng.uniform(0, np.log(MOST_BITS))))):  # often a few
            end = min(HEADER, len(broken)) if rng.random() < HEADER_FIRST else len(broken)
            broken[int(rng.integers(end))] ^= 1 << int(rng.integers(8))
    if how != 0:
        del broken[int(rng.integers(1, len(broken))) :]
    return bytes(broken)


def page(outcomes: list[Outcome], each: int, seed: int) -> str:
    """The table."""
    here = f"{machine()['processor']}, {machine()['cores']} cores"
    count = sum(one.mutants for one in outcomes)
    lines = [
        f"{count} mutants of small files, {each} a kind, seed {seed}: up to {MOST_BITS} bits turned, half of the",
        f"time in the first {HEADER} bytes, the end cut off, or both. Each kind is a folder for `msformer segment`.",
        f"A fault is a process that dies, a traceback, a case over {SLOWEST_S:.0f} s,",
        f"a process over {LARGEST_MB:.0f} MB, a file that `report.json` does not mention,",
        "or an error that is none of this program's.",
        "",
        f"Made by `python -m benchmarks.mutants --out OUT --each {each} --seed {seed} --markdown docs/reliability.md`",
        f"({here}).",
        "",
        "| kind | mutants | segmented | failed | skipped | missing | slowest case | largest process | faults |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in outcomes:
        counts = " | ".join(str(n) for n in (one.mutants, one.done, one.failed, one.skipped, one.missing))
        said = "; ".join(one.faults) or "none"
        lines.append(f"| {one.kind} | {counts} | {one.slowest_s:.1f} s | {one.largest_mb:.0f} MB | {said} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

"""Names of BIDS derivatives: masks and label maps in ``OUT/bids``, a data set that its validator accepts.

``sub-01_ses-2_T1w.nii.gz`` gives ``sub-01/ses-2/anat/sub-01_ses-2_desc-msformerT1w_mask.nii.gz`` and ``_dseg``: all
entities of the source, and its suffix within ``desc``, so that several images of a subject never share a name. What has
no such name becomes a subject of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from msformer.batch.plan import Case
from msformer.errors import ConfigError
from msformer.io.segments import Segment
from msformer.io.write import write_text

FOLDER = "bids"
BIDS_VERSION = "1.10.0"
ENTITY = re.compile(r"([a-z]+)-([A-Za-z0-9]+)")
DATATYPES = frozenset({"anat", "func", "dwi", "fmap", "perf", "pet", "micr"})
KINDS = {"masks": ("", "mask"), "labels": ("", "dseg"), "instances": ("objects", "dseg")}
"""What is added to the description, and the suffix, of each kind of results."""
README = """\
# Masks by msformer

`_mask`: the object. `_dseg`: clusters, or with `objects` in `desc` the objects one by one; `_dseg.tsv` has their names.
`report.json` in the folder above says how sure the program is of each. Nobody has looked at them.
"""


@dataclass(frozen=True)
class BidsName:
    """What a case is called.

    Attributes:
        folder: Below the data set: subject, session, kind of data.
        entities: Of the source, without ``desc``.
        description: The value of ``desc``.
    """

    folder: str
    entities: tuple[str, ...]
    description: str

    def path(self, kind: str, extension: str) -> str:
        """Path below OUT of a file of one of ``KINDS``."""
        more, suffix = KINDS[kind]
        name = "_".join([*self.entities, f"desc-{self.description}{more}", suffix])
        return f"{FOLDER}/{self.folder}/{name}{extension}"


def bids_name(case_id: str) -> BidsName:
    """The name of a case: that of its file where it is one of BIDS, else a subject made of its letters and digits."""
    path = PurePosixPath(case_id)
    *entities, suffix = path.name.split("_")
    said = [ENTITY.fullmatch(one) for one in entities]
    if not entities or None in said or not entities[0].startswith("sub-") or not suffix.isalnum():
        label = re.sub(r"[^A-Za-z0-9]", "", case_id)
        if label != case_id:  # others may have the same letters
            label += hashlib.sha256(case_id.encode("utf-8", "surrogateescape")).hexdigest()[:6]
        return BidsName(f"sub-{label}/anat", (f"sub-{label}",), "msformer")
    before = "".join(one.removeprefix("desc-") for one in entities if one.startswith("desc-"))
    kept = tuple(one for one in entities if not one.startswith("desc-"))
    folders = [one for one in kept if one.startswith(("sub-", "ses-"))]
    datatype = path.parent.name if path.parent.name in DATATYPES else "anat"
    return BidsName("/".join([*folders, datatype]), kept, f"{before}msformer{suffix}")


def check_names(cases: Iterable[Case]) -> None:
    """See that no two cases have one name.

    Raises:
        ConfigError: Two have.
    """
    taken: dict[str, str] = {}
    for case in cases:
        name = bids_name(case.case_id).path("masks", "")
        if taken.setdefault(name, case.case_id) != case.case_id:
            raise ConfigError(
                f"--naming bids needs names that differ; {taken[name]!r} and {case.case_id!r} would both be {name!r}: "
                "give one data set a call"
            )


def write_dataset(out: Path) -> None:
    """Write what says that ``OUT/bids`` is a data set, unless it is there."""
    about = {
        "Name": "Masks by msformer",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "msformer", "Version": version("msformer")}],
    }
    files = {
        "dataset_description.json": json.dumps(about, indent=1) + "\n",
        "README.md": README,
        ".bidsignore": "*_labels.txt\n",
    }
    for name, text in files.items():
        path = out / FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)


def write_sidecars(out: Path, case: Case, kind: str, segments: Sequence[Segment]) -> dict[str, str]:
    """Write what goes beside a file of a kind: its source and, of label maps, names of labels; their paths."""
    name = bids_name(case.case_id)
    about = {"RawSources": [case.source.name]} | ({"Type": "ROI"} if kind == "masks" else {})
    paths = {f"{kind}.json": name.path(kind, ".json")}
    write_text(out / paths[f"{kind}.json"], json.dumps(about, indent=1) + "\n")
    if kind != "masks":
        rows = [f"{one.label}\t{one.name}\t#{''.join(f'{part:02x}' for part in one.colour)}" for one in segments]
        paths[f"{kind}.tsv"] = name.path(kind, ".tsv")
        write_text(out / paths[f"{kind}.tsv"], "\n".join(["index\tname\tcolor", *rows]) + "\n")
    return paths

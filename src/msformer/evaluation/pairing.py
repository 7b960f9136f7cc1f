"""Predictions and ground truths → pairs by name; what has no partner is kept, never dropped in silence."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from msformer.errors import ConfigError
from msformer.io.contents import images_below, without_suffixes
from msformer.io.folder import is_segment_output

Kind = Literal["auto", "masks", "labels", "instances"]
"""What predictions are: binary masks, label maps, or told apart file by file by the values in them; or, of the ground
truths as well, instance maps: one number an object."""
INSTANCES = "instances"
"""Folder of instance maps, in an output of ``segment`` and beside or below the ground truths."""


@dataclass(frozen=True)
class Prediction:
    """One file to be scored.

    Attributes:
        path: The file.
        kind: What it holds; ``auto`` looks at its values.
        outside: The label that stands for no cluster, where there is one.
        channels: The network's output channel of label 1, 2, …, K; None where that is not known.
    """

    path: Path
    kind: Kind
    outside: int | None = None
    channels: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Case:
    """A ground truth and what is scored against it.

    Attributes:
        case_id: Path below the folder, without suffix.
        truth: File of the ground truth.
        predictions: One file, or mask and label map of the same image; none where only objects are compared.
        instances: Instance maps of the prediction and of the ground truth, where both have one.
    """

    case_id: str
    truth: Path
    predictions: tuple[Prediction, ...]
    instances: tuple[Path, Path] | None = None


@dataclass(frozen=True)
class Remark:
    """Something to be told of a case; ``case_id`` is empty where it concerns the whole run."""

    case_id: str
    text: str


@dataclass(frozen=True)
class Pairing:
    """What came of matching names.

    Attributes:
        cases: Pairs, by name.
        only_pred: Names without a ground truth.
        only_gt: Names without a prediction.
        failures: Names that could not be paired for another reason.
        remarks: What is worth telling and no failure.
    """

    cases: tuple[Case, ...]
    only_pred: tuple[str, ...]
    only_gt: tuple[str, ...]
    failures: tuple[Remark, ...]
    remarks: tuple[Remark, ...]


Index = dict[str, list[Path]]


def pair(pred: Path, gt: Path, *, kind: Kind = "auto") -> Pairing:
    """Match predictions with ground truths.

    Two folders are matched by relative path without suffix, subfolders included, hidden files left out; two files
    are a pair whatever their names. A folder with ``masks/`` and ``labels/`` is taken as output of
    ``msformer segment``: its masks and its label maps are both scored, and ``report.json`` tells the raw channels.
    Where it has instance maps, and there is a folder ``instances`` beside GT, or in it beside ``masks``, those are
    compared as well; what has none of them is not, and no failure.

    Args:
        pred: Folder or file.
        gt: Folder or file.
        kind: Take all predictions for this; of an output of ``segment``, only the masks, the label maps or the
            instance maps. ``instances`` takes GT for instance maps, too, or its subfolder of that name.

    Raises:
        ConfigError: One is missing, one is a folder and the other a file, or nothing could be paired.
    """
    for name, path in (("PRED", pred), ("GT", gt)):
        if not path.exists():
            raise ConfigError(f"{name} must be a file or folder; {str(path)!r} does not exist")
    if pred.is_dir() != gt.is_dir():
        kinds = ["a folder" if path.is_dir() else "a file" for path in (pred, gt)]
        raise ConfigError(f"PRED and GT must be two folders or two files; got {kinds[0]} and {kinds[1]}")
    only_instances = kind == INSTANCES
    if not pred.is_dir():
        one = Case(pred.stem, gt, (), (pred, gt)) if only_instances else Case(pred.stem, gt, (Prediction(pred, kind),))
        return Pairing((one,), (), (), (), ())

    of_objects = _objects(pred, gt, kind)
    is_set = (gt / "masks").is_dir() and (gt / INSTANCES).is_dir()
    truths = index_folder(_below(gt, INSTANCES) if only_instances else gt / "masks" if is_set else gt)
    channels: dict[str, tuple[int, ...]] = {}
    remarks: list[Remark] = []
    if only_instances:
        found_in = _below(pred, INSTANCES) if is_segment_output(pred) else pred
        sides = {"": index_folder(found_in)}
    elif is_segment_output(pred):
        sides = {side: index_folder(pred / side) for side in ("masks", "labels") if kind in ("auto", side)}
        channels, remarks = _channels(pred / "report.json")
    else:
        sides = {"": index_folder(pred)}
    names = set().union(*sides.values())
    cases: list[Case] = []
    failures: list[Remark] = []
    for name in sorted(names & truths.keys()):
        failures += (Remark(name, reason) for reason in _unclear(name, {"GT": truths}, "GT"))
        if len(truths[name]) > 1:
            continue
        failures += (Remark(name, reason) for reason in _unclear(name, sides, "PRED"))
        if only_instances:
            files = sides[""].get(name, [])
            cases += [Case(name, truths[name][0], (), (files[0], truths[name][0]))] if len(files) == 1 else []
            continue
        found = tuple(
            Prediction(index[name][0], "masks" if side == "masks" else "labels", 0, channels.get(name))
            if side
            else Prediction(index[name][0], kind)
            for side, index in sides.items()
            if len(index.get(name, [])) == 1
        )
        if found:
            cases.append(Case(name, truths[name][0], found, of_objects.get(name)))
    only_pred, only_gt = sorted(names - truths.keys()), sorted(truths.keys() - names)
    if not cases and not failures:
        raise ConfigError(f"no name in PRED is also in GT; PRED has {_some(only_pred)}, GT has {_some(only_gt)}")
    return Pairing(tuple(cases), tuple(only_pred), tuple(only_gt), tuple(failures), tuple(remarks))


def _below(folder: Path, name: str) -> Path:
    """A subfolder where there is one, else the folder itself."""
    return folder / name if (folder / name).is_dir() else folder


def _objects(pred: Path, gt: Path, kind: Kind) -> dict[str, tuple[Path, Path]]:
    """Instance maps of an output of ``segment`` and of the ground truths, by name, where there are both."""
    beside = [folder / INSTANCES for folder in (gt, gt.resolve().parent) if (folder / INSTANCES).is_dir()]
    if kind != "auto" or not beside or not is_segment_output(pred) or not (pred / INSTANCES).is_dir():
        return {}
    found, true = index_folder(pred / INSTANCES), index_folder(beside[0])
    both = (name for name in found if len(found[name]) == len(true.get(name, [])) == 1)
    return {name: (found[name][0], true[name][0]) for name in both}


def index_folder(folder: Path) -> Index:
    """Images below a folder by relative path without suffix; more than one where only suffixes differ."""
    index: Index = defaultdict(list)
    for path in images_below(folder):
        index[without_suffixes(path.relative_to(folder))].append(path)
    return dict(index)


def _unclear(name: str, sides: Mapping[str, Index], argument: str) -> Iterator[str]:
    for side, index in sides.items():
        where = f"{argument}/{side}" if side and side != argument else argument
        files = index.get(name, [])
        if not files:
            yield f"{where} has no file of this name"
        elif len(files) > 1:
            yield f"{where} has {len(files)} files of this name: {', '.join(path.name for path in files)}"


def _channels(report: Path) -> tuple[dict[str, tuple[int, ...]], list[Remark]]:
    """Raw channels of each label by case, from the report that ``segment`` wrote."""
    try:
        cases: Iterable[Mapping[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["cases"]
        return {
            str(case["case_id"]): tuple(int(channel) for channel in case["cluster_channels"])
            for case in cases
            if case["status"] == "done"
        }, []
    except FileNotFoundError:
        return {}, [Remark("", "PRED has no report.json, which holds the raw channel numbers")]
    except (OSError, ValueError, LookupError, TypeError) as error:
        text = f"report.json of PRED, which holds the raw channel numbers, is broken: {type(error).__name__}: {error}"
        return {}, [Remark("", text)]


def _some(names: list[str]) -> str:
    if not names:
        return "no images"
    return ", ".join(map(repr, names[:2])) + (f" and {len(names) - 2} more" if len(names) > 2 else "")

"""Correct masks of msformer in 3D Slicer, one case after another: ``Slicer --python-script msformer_slicer.py OUT``.

``OUT`` is a folder that ``msformer segment`` or ``learn`` wrote. In Slicer's Python console ``next_case()`` saves what
was corrected as ``OUT/corrections/NAME.seg.nrrd``, which ``msformer learn --again OUT`` reads, and opens the next one.
"""

import json
import sys
from pathlib import Path

try:
    import slicer
except ImportError:  # whoever looks at the list of cases needs no Slicer
    slicer = None

SUFFIXES = (".seg.nrrd", ".nii.gz", ".nrrd", ".mha", ".png", ".tif")
"""Masks that Slicer opens, those first that keep names and colours."""


class Cases:
    """The cases of a folder of results, the least certain masks first.

    Attributes:
        out: The folder.
        names: Of the cases that have a mask which Slicer opens.
        current: Number of the one that is open.
    """

    def __init__(self, out):
        self.out = Path(out)
        report = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        done = [case for case in report["cases"] if case["status"] == "done" and self._mask(case)]
        if not done:
            raise SystemExit(f"{self.out} has no case with a mask in one of the formats {', '.join(SUFFIXES)}")
        self.cases = {case["case_id"]: case for case in sorted(done, key=lambda case: case["confidence"])}
        self.names = list(self.cases)
        self.current = -1

    def image(self, name):
        """The file of the image; of a series of DICOM one of its files, from which Slicer takes the others."""
        case = self.cases[name]
        # Where the paths are relative, this says from where, as seen from the folder.
        start = (self.out / case["source_from"]).resolve() if "source_from" in case else Path()
        path = start / case["source"]
        return start / self._files(name)[0] if path.is_dir() else path

    def _files(self, name):
        """The files of a series, of which several may lie in one folder: the journal has them, the report has not."""
        number, files = -1, []
        for path in (self.out / "journal").glob("*.jsonl"):
            for text in path.read_text(encoding="utf-8").splitlines():
                line = json.loads(text) if text.endswith("}") else {}  # the last one is torn where the power went
                if line.get("case") == name and line["n"] > number:
                    number, files = line["n"], line["record"].get("instances", [])
        if not files:
            raise SystemExit(f"{self.out / 'journal'} does not say which files {name} was made of")
        return files

    def mask(self, name):
        """The file to begin with: a correction of an earlier day, or the mask that the program made."""
        corrected = self.correction(name)
        return corrected if corrected.exists() else self._mask(self.cases[name])

    def correction(self, name):
        """Where the corrected mask goes."""
        return self.out / "corrections" / f"{name}.seg.nrrd"

    def _mask(self, case):
        paths = [self.out / case["outputs"]["masks"], *(self.out / "masks").glob(f"{case['case_id']}.*")]
        named = [path for suffix in SUFFIXES for path in paths if path.name.endswith(suffix) and path.exists()]
        return named[0] if named else None


def open_case(cases, number):
    """Show a case with its mask, ready for the segment editor."""
    name = cases.names[number]
    slicer.mrmlScene.Clear(0)
    volume = slicer.util.loadVolume(str(cases.image(name)))
    segmentation = slicer.util.loadSegmentation(str(cases.mask(name)))
    segmentation.SetName(name)
    # Saved on the grid of the image, whatever is drawn.
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    cases.current = number
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(segmentation)
    editor.setSourceVolumeNode(volume)
    slicer.util.showStatusMessage(f"{number + 1} of {len(cases.names)}: {name}")
    return segmentation


def save_case(cases):
    """Save what is open as a correction; the file appears whole or not at all."""
    name = cases.names[cases.current]
    path = cases.correction(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name.removesuffix('.seg.nrrd')}.part.seg.nrrd")
    if not slicer.util.saveNode(slicer.util.getNode(name), str(temporary)):
        raise RuntimeError(f"{path} could not be written")
    temporary.replace(path)
    return path


def next_case():
    """Save what was corrected and open the next case."""
    path = save_case(CASES)
    slicer.util.showStatusMessage(f"saved {path}")
    if CASES.current + 1 < len(CASES.names):
        open_case(CASES, CASES.current + 1)
    else:
        slicer.util.infoDisplay(f"That was the last one. Now: msformer learn --again {CASES.out}")


if __name__ == "__main__" and slicer is not None:
    if len(sys.argv) < 2:
        raise SystemExit("say which folder: Slicer --python-script msformer_slicer.py OUT")
    CASES = Cases(sys.argv[1])
    open_case(CASES, 0)

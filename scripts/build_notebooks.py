"""Write ``notebooks/*.ipynb`` from their plain text in ``notebooks/src``, with the outputs of a real run.

python scripts/build_notebooks.py [NAME...]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SOURCES = NOTEBOOKS / "src"
WIDGET = "application/vnd.jupyter.widget-view+json"
TIMEOUT_S = 600
"""Of a cell; on two cores that do nothing else each takes seconds."""


def main() -> int:
    """Write those that are named, or all; return 1 where a name has no source."""
    names = sys.argv[1:] or notebook_names()
    for name in names:
        if name not in notebook_names():
            print(f"no notebook {name!r}; there are {', '.join(notebook_names())}", file=sys.stderr)
            return 1
        with tempfile.TemporaryDirectory() as folder:
            done = run(from_source(name), Path(folder))
        nbformat.write(done, NOTEBOOKS / f"{name}.ipynb")
        print(f"notebooks/{name}.ipynb, {(NOTEBOOKS / f'{name}.ipynb').stat().st_size / 1000:.0f} kB")
    return 0


def notebook_names() -> list[str]:
    """Names without suffix."""
    return sorted(path.stem for path in SOURCES.glob("*.py"))


def from_source(name: str) -> NotebookNode:
    """The notebook without outputs. Cells are numbered, so that the same text is the same file."""
    notebook: NotebookNode = jupytext.read(SOURCES / f"{name}.py", fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = NotebookNode()
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = NotebookNode(kernelspec=kernel, language_info={"name": "python"})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run all cells in a folder; what they write goes there.

    Raises:
        CellExecutionError: A cell raised.
    """
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        # JPEG: pictures with noise in them are several times as large as PNG
        extra_arguments=["--InlineBackend.figure_formats=jpeg"],
    )
    done: NotebookNode = client.execute()
    done.metadata.pop("widgets", None)  # the modules of the page, which show nothing without a kernel
    done.metadata.language_info = NotebookNode(name="python")  # not the version that it ran on
    for cell in done.cells:
        if cell.cell_type == "code":
            cell.outputs = _kept(cell.outputs)
    return done


def _kept(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs without bars of progress, which show themselves on slow days only; of pictures the smaller file."""
    kept: list[NotebookNode] = []
    for output in outputs:
        data = output.get("data", {})
        if WIDGET in data or (output.output_type == "display_data" and data.get("text/plain") == ""):
            continue
        pictures = sorted((kind for kind in data if kind.startswith("image/")), key=lambda kind: len(data[kind]))
        for kind in pictures[1:]:
            del data[kind]
        if kept and output.output_type == kept[-1].output_type == "stream" and output.name == kept[-1].name:
            kept[-1].text += output.text  # a bar was between them
        else:
            kept.append(output)
    return kept


if __name__ == "__main__":
    sys.exit(main())

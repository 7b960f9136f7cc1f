"""A picture and its mask in a notebook: the page's own tools, and the corrected mask given back to Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from msformer.errors import ConfigError
from msformer.segmentation import Segmentation

if TYPE_CHECKING:
    from msformer.app.widget.edit_widget import EditWidget

NEEDED = frozenset({"anywidget", "ipywidgets", "traitlets"})
HEIGHT = 600
"""Of the widget, in px of the screen."""


def edit(
    image: Any,
    mask: ArrayLike | Segmentation | None = None,
    *,
    axes: str | None = None,
    height: int = HEIGHT,
) -> EditWidget:
    """Correct a mask by hand in a notebook: JupyterLab, VS Code, Colab, marimo.

    Click on the object, walk through regions with the wheel, brush, draw, undo: the tools of ``msformer app``. What is
    drawn is in ``widget.mask`` at once, and what ``widget.editor`` does in Python is on the screen at once.

    Args:
        image: What ``msformer.segment`` takes, or what it returned.
        mask: ``(H, W)``, what there is already, or what ``msformer.segment`` returned; empty if left out. A result
            brings its clusters and how certain its mask is as well.
        axes: See ``msformer.segment``.
        height: Of the widget in px of the screen, at least 320.

    Returns:
        The widget, with ``mask``, ``labels`` and ``editor``; as the last line of a cell it is shown.

    Raises:
        ConfigError: The libraries of notebooks are missing, or a result has no picture.
        ImageError: The image cannot be segmented as given.
        ImageShapeError: The mask has not its size.
    """
    if isinstance(image, Segmentation):
        if image.image is None:
            raise ConfigError(
                "image must be a result that has its picture; this has none: msformer.edit(picture, result)"
            )
        image, mask = image.image, image if mask is None else mask
    try:
        from msformer.app.widget.edit_widget import EditWidget
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in NEEDED:
            raise
        raise ConfigError(
            f"msformer.edit needs {error.name}, which is not installed: pip install 'msformer[notebook]'"
        ) from error
    return EditWidget(image, mask, axes=axes, height=height)


__all__ = ["HEIGHT", "edit"]

"""msformer in napari: any Image layer in, a Labels layer out, corrected by points, shapes and the brush."""

__version__ = "0.1.0"

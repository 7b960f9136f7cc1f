"""A slide tile by tile: tiles overlap, share what an image is prepared by, and an object is cut by no seam.

Memory is that of a tile and of a row an object; maps of the whole are files mapped into memory, which outlive a run
that is ended.
"""

from msformer.slides.segment import SlideSegmentation, segment_slide
from msformer.slides.tiles import MARGIN, TILE, Tile, tiles_of

__all__ = ["MARGIN", "TILE", "SlideSegmentation", "Tile", "segment_slide", "tiles_of"]

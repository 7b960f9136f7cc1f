"""Make the README's figure with the program itself: a made lesion, its clusters, the mask that the rule chose."""

from __future__ import annotations

from pathlib import Path

from msformer import Image, segment
from msformer.io import write_png
from msformer.phantoms import make_phantom
from msformer.render import preview

if __name__ == "__main__":
    phantom = make_phantom("dermoscopy", seed=3, difficulty=0.25, shape=(320, 420), vignette=0.0, hair_count=6)
    image = Image.from_array(phantom.image)
    result = segment(image, seed=0)
    picture = preview(image, result.label_map, result.mask, result.intensity_range)
    write_png(Path(__file__).parent.parent / "docs" / "figure.png", picture)

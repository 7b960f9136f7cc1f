"""Images and volumes of other libraries: taken as they are meant, and given back as what they were.

What a number of axes means is never guessed where two readings are possible: then it is an error that names both calls
and the argument ``axes``.
"""

from msformer.interop.axes import image_axes, volume_axes
from msformer.interop.given import GiveBack, Given
from msformer.interop.take import as_image, as_volume, take

__all__ = ["GiveBack", "Given", "as_image", "as_volume", "image_axes", "take", "volume_axes"]

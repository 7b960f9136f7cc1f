"""What in a picture is no data: padding, apertures, words, calipers, rulers, stickers, glare."""

from msformer.prepare.no_data.find import NO_DATA_PARTS, NoData, continued, find_no_data, paint_over

__all__ = ["NO_DATA_PARTS", "NoData", "continued", "find_no_data", "paint_over"]

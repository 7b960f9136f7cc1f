"""The grown network at work: a picture is looked at once, then asked about."""

from msformer.prompting.looked import Alternatives, Answered, Looked, Said, answer, further, look, on_picture
from msformer.prompting.model import Grown, grown_network, read_model, write_model
from msformer.prompting.pointing import MEANINGS, look_at, network_for, point_out, point_out_more
from msformer.prompting.several import one_of_several

__all__ = [
    "MEANINGS",
    "Alternatives",
    "Answered",
    "Grown",
    "Looked",
    "Said",
    "answer",
    "further",
    "grown_network",
    "look",
    "look_at",
    "network_for",
    "on_picture",
    "one_of_several",
    "point_out",
    "point_out_more",
    "read_model",
    "write_model",
]

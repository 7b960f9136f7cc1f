"""The grown network at work: a picture is looked at once, then asked about."""

from msformer.prompting.looked import Alternatives, Answered, Looked, Said, answer, further, look, on_picture
from msformer.prompting.model import Grown, grown_network, read_model, write_model
from msformer.prompting.pointing import look_at, network_for, point_out

__all__ = [
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
    "point_out",
    "read_model",
    "write_model",
]

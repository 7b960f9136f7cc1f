"""The prompted network: the method's two branches, batched, behind clicks, boxes and masks. Pure PyTorch modules."""

from msformer.network.prompted.affinity import patch_affinity
from msformer.network.prompted.decoder import ALTERNATIVES, Decoded
from msformer.network.prompted.encoder import Features
from msformer.network.prompted.network import (
    IN_CHANNELS,
    SIDE_MULTIPLE,
    PromptedNet,
    PromptedSizes,
    build_prompted,
)
from msformer.network.prompted.prompts import Prompts

__all__ = [
    "ALTERNATIVES",
    "IN_CHANNELS",
    "SIDE_MULTIPLE",
    "Decoded",
    "Features",
    "PromptedNet",
    "PromptedSizes",
    "Prompts",
    "build_prompted",
    "patch_affinity",
]

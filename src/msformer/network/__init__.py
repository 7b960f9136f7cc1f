"""The network of the paper as pure PyTorch modules: no files, no configuration, no loop."""

from msformer.network.network import MSFormerNet, NetworkOutput, build_network
from msformer.network.released import from_released, load_released, weights_digest

__all__ = ["MSFormerNet", "NetworkOutput", "build_network", "from_released", "load_released", "weights_digest"]

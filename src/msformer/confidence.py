"""How far a mask can be trusted, from the image and the mask alone."""

from __future__ import annotations

from dataclasses import dataclass

from msformer.consensus import Consensus
from msformer.foreground import Foreground
from msformer.image import Mask
from msformer.prepare import View


@dataclass(frozen=True)
class Evidence:
    """What speaks for a mask."""

    explained: float
    agreement: float

    @classmethod
    def of(cls, mask: Mask, chosen: Foreground, consensus: Consensus, view: View) -> Evidence:
        """Gather it."""
        return cls(chosen.score, consensus.agreement)


def estimate_confidence(evidence: Evidence) -> float:
    """Placeholder until calibrated."""
    return evidence.explained * evidence.agreement

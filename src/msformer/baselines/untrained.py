"""The network of the method as it is drawn, without an update: what training must beat."""

from __future__ import annotations

from msformer.baselines.base import Method
from msformer.cluster import Clustering, network_clusterer
from msformer.config import Config
from msformer.prepare import Prepared


def cluster(prepared: Prepared, settings: Config) -> Clustering:
    """Cluster with random parameters: the pipeline with ``fit.max_iter`` = 0."""
    return network_clusterer()(prepared, settings.replace(fit={"max_iter": 0}))


METHODS = (
    Method(
        name="untrained",
        cluster=cluster,
        seeded=True,
        reference="Karimijafarbigloo et al., MIDL 2023, PMLR 227:680-694, without its optimisation",
        limits="Random local filters: many small clusters of similar colour, different for every seed.",
    ),
)

"""Open the engine that a study's options ask for."""

from harness.search.engines.cluster import Cluster
from harness.search.engines.engine import Engine
from harness.search.engines.local_engine import LocalEngine
from harness.search.engines.messages import WorkerSetup


def open_engine(
    setup: WorkerSetup, *, workers: int, gpus: tuple[str, ...] = (), cluster: Cluster | None = None
) -> Engine:
    """Return an engine that has started nothing yet.

    Args:
        setup: What each worker loads.
        workers: How many there will be.
        gpus: What workers of this machine lease in turn; none to train on cores.
        cluster: Where they run instead of on this machine; None for here.
    """
    if cluster is None:
        return LocalEngine(setup, workers=workers, gpus=gpus)
    raise NotImplementedError

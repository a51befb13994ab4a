"""Open the backend that a study's options ask for, and find how many workers there is room for."""

import os

from harness.backends.backend import Backend, WorkerSetup
from harness.backends.cluster import Cluster
from harness.backends.devices import WorkerDevices, available_cores, divide, find_gpus
from harness.backends.local_backend import LocalBackend
from harness.core.errors import require_packages


def open_backend(
    setup: WorkerSetup, *, workers: int, gpus: tuple[str, ...] = (), cluster: Cluster | None = None
) -> Backend:
    """Return a backend that has started no worker yet.

    Args:
        setup: What each worker loads.
        workers: How many there will be.
        gpus: What workers of this machine get in turn; none to train on cores.
        cluster: Where they run instead of on this machine; None for here.

    Raises:
        MissingExtraError: If a cluster is asked for and Ray is not installed.
        ConfigError: If there is no cluster at its address.
    """
    if cluster is None:
        return LocalBackend(setup, workers=workers, gpus=gpus)
    _require_ray()
    from harness.backends.ray.ray_backend import RayBackend

    return RayBackend(setup, workers=workers, cluster=cluster)


def find_devices(workers: str, cluster: Cluster | None) -> WorkerDevices:
    """Return how many workers to start, and what each gets; no cluster is looked for yet.

    Args:
        workers: A number, or `auto` for as many as there is room for.
        cluster: Where they run; None for this machine.

    Raises:
        ConfigError: If `workers` is neither.
        MissingExtraError: If a cluster is asked for and Ray is not installed.
    """
    if cluster is None:
        gpus = find_gpus(os.environ.get("CUDA_VISIBLE_DEVICES"))
        return divide(workers, cores=available_cores(), gpus=gpus)
    count = divide(workers, cores=1).workers  # refuses what is neither
    _require_ray()
    return WorkerDevices(None if workers == "auto" else count, cluster.threads)


def find_room(cluster: Cluster | None) -> int:
    """Return how many workers there is room for now, at least 1.

    Args:
        cluster: Where; it is started where `auto` finds none. None for this machine's cores.

    Raises:
        ConfigError: If there is no cluster at its address.
        MissingExtraError: If a cluster is asked for and Ray is not installed.
    """
    if cluster is None:
        return available_cores()
    _require_ray()
    from harness.backends.ray.connection import connect
    from harness.backends.ray.ray_backend import room_for

    connect(cluster)
    return max(1, room_for(cluster))


def _require_ray() -> None:
    remedy = "Install it, here and on every node: `pip install 'gan-sweep-harness[ray]'`."
    require_packages("--engine ray", ["ray"], remedy)

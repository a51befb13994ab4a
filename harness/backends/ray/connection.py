"""Find a Ray cluster, or start one of this machine alone, and be a part of it until the end."""

import contextlib
import logging
import math
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

# Ray reports to its makers unless told otherwise before it is imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# It ends this process a minute after the cluster's head was lost; `Lookout` is to see that first.
os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", "3600")

import ray
import ray._private.worker
import ray.exceptions

from harness.backends.cluster import Cluster
from harness.backends.devices import available_cores, find_gpus
from harness.backends.local_backend import signals_held_back
from harness.backends.ray.cluster_address import (
    LOOPBACK,
    ClusterAddress,
    find_address,
    stay_on_loopback,
)
from harness.core.errors import ConfigError, first_line
from harness.core.provenance import PACKAGE
from harness.core.quiet import quiet_stderr

_NAMESPACE = "gan-sweep-harness"
_FAILURES = (ConnectionError, OSError, RuntimeError, ValueError, TimeoutError)


def connect(cluster: Cluster, *, workers: int = 0) -> None:
    """Become a part of a cluster; nothing happens where this process is part of one already.

    Args:
        cluster: Where it is.
        workers: How many a cluster of this machine's own is to have room for; 0 for one a core.

    Raises:
        ConfigError: If there is none at its address, or none of this machine's own could have
            room for a worker.
    """
    if ray.is_initialized():
        return
    place = find_address(cluster.address)
    if place is None:
        _check_own(cluster)
    # What Ray has to say of a worker's death would otherwise go to standard output.
    ray._private.worker.print_to_stdstream = _say_nothing
    options: dict[str, Any] = {"runtime_env": _runtime_env(cluster)}
    with _own_handlers():
        try:
            if place is None:
                cores = math.ceil(workers * cluster.cpus_per_worker)
                _start(options, cores=max(cores, available_cores()))
            else:
                _join(options | {"address": place.address})
        except (*_FAILURES, ray.exceptions.RayError) as error:
            raise ConfigError(
                f"--address {cluster.address}: cannot take part in the cluster there: "
                f"{first_line(error).rstrip('.')}. Both sides need the same version of Ray "
                f"({ray.__version__} here) and of Python; if the cluster asks for a token, give "
                f"this command RAY_AUTH_MODE=token and the same RAY_AUTH_TOKEN or "
                f"~/.ray/auth_token."
            ) from error
    _tell(place)


def disconnect() -> None:
    """Leave the cluster that `connect` found; one that it started ends."""
    if ray.is_initialized() and ray.get_runtime_context().namespace == _NAMESPACE:
        ray.shutdown()


def _join(options: dict[str, Any]) -> None:
    # Ray warns at each of twenty attempts; one message says it all.
    with quiet_stderr(shows_at_failure=False):
        ray.init(namespace=_NAMESPACE, log_to_driver=False, logging_level=logging.ERROR, **options)


def _is_this_machine_alone() -> bool:
    """Return whether no other machine can reach a node; the head of many has a loopback, too."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return all(node["NodeManagerAddress"] in LOOPBACK for node in nodes if node["Alive"])


def _check_own(cluster: Cluster) -> None:
    """Refuse what a cluster of this machine alone will never have."""
    has = {
        "--cpus-per-worker": (cluster.cpus_per_worker, available_cores(), "cores"),
        "--gpus-per-worker": (
            cluster.gpus_per_worker,
            len(find_gpus(os.environ.get("CUDA_VISIBLE_DEVICES"))),
            "NVIDIA GPUs",
        ),
    }
    for option, (asked, there, kind) in has.items():
        if asked > there:
            raise ConfigError(
                f"{option}: expected at most {there}, since this machine belongs to no Ray "
                f"cluster and has {there} {kind} itself; received {asked:g}. Choose less, or name "
                f"a cluster with --address."
            )


def _start(options: dict[str, Any], *, cores: int) -> None:
    """Start a cluster of this machine alone, which nobody else can reach.

    Args:
        options: What Ray is told of any cluster.
        cores: So many workers share the machine as a user asked for, like those without Ray.
    """
    stay_on_loopback()
    # Ctrl-C and SIGTERM may go to the whole process group; stopping is the runner's decision.
    with signals_held_back():
        ray.init(
            namespace=_NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
            num_cpus=cores,
            include_dashboard=False,
            **options,
        )


def _tell(place: ClusterAddress | None) -> None:
    """Say what listens from now on, and to whom."""
    if place is None:
        _say(
            "This machine belongs to no Ray cluster: started one of its own, on 127.0.0.1 alone, "
            "that ends with this command."
        )
    elif not _is_this_machine_alone():
        places = "each worker" if place.is_client else "each worker and in this command"
        _say(
            f"Takes part in the Ray cluster at {place.found}: until the end Ray listens in "
            f"{places} on all addresses of their machines, for trusted networks only."
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _runtime_env(cluster: Cluster) -> dict[str, Any]:
    """Return what makes every node run this process's code, with so many threads."""
    variables = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Threads of OpenBLAS wait for each other where all cores are busy.
        "OPENBLAS_NUM_THREADS": str(cluster.threads),
    }
    if not cluster.gpus_per_worker:
        # Ray hides none from a worker that was leased none, and the first would take all memory.
        variables["CUDA_VISIBLE_DEVICES"] = "-1"
    elif cluster.gpus_per_worker < 1:
        variables["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # or the first would take all its memory
    return {"py_modules": [str(PACKAGE)], "env_vars": variables}


@contextlib.contextmanager
def _own_handlers() -> Iterator[None]:
    """Keep what handles signals in this process: Ray puts its own in the place."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # only the main thread may, and Ray only did there
            for number, handler in before.items():
                signal.signal(number, handler)


def _say_nothing(*_: object, **__: object) -> None:
    pass

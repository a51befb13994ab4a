"""Find a Ray cluster, or start one of this machine alone, and be a part of it until the end."""

import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Ray reports to its makers unless told otherwise before it is imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
import ray._private.ray_constants
import ray._private.services
import ray._private.worker
import ray.exceptions

import harness
from harness.errors import ConfigError
from harness.quiet import quiet_stderr
from harness.search.devices import available_cores
from harness.search.engines.cluster import Cluster
from harness.search.engines.local_engine import signals_held_back

_NAMESPACE = "gan-sweep-harness"
_CLIENT = "ray://"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LOOK_SECONDS = 5
_FAILURES = (ConnectionError, OSError, RuntimeError, ValueError, TimeoutError)
_RAY: Any = ray  # some of its functions have no types


def connect(cluster: Cluster) -> None:
    """Become a part of a cluster; nothing happens where this process is part of one already.

    Raises:
        ConfigError: If there is none at its address.
    """
    if ray.is_initialized():
        return
    address = _find(cluster.address)
    # What Ray has to say of a worker's death would otherwise go to standard output.
    ray._private.worker.print_to_stdstream = _say_nothing
    options: dict[str, Any] = {"address": address, "runtime_env": _runtime_env(cluster)}
    with _own_handlers():
        try:
            if address is None:
                _start(options)
            else:
                _join(options)
        except (*_FAILURES, ray.exceptions.RayError) as error:
            raise ConfigError(
                f"--address {cluster.address}: cannot take part in the cluster there: "
                f"{_first_line(error)} Both sides need the same version of Ray "
                f"({ray.__version__} here) and of Python; if the cluster asks for a token, give "
                f"this command RAY_AUTH_MODE=token and the same RAY_AUTH_TOKEN or "
                f"~/.ray/auth_token."
            ) from error


def disconnect() -> None:
    """Leave the cluster that `connect` found; one that it started ends."""
    if ray.is_initialized() and ray.get_runtime_context().namespace == _NAMESPACE:
        ray.shutdown()


def room_for(cluster: Cluster) -> int:
    """Return how many workers there is room for now, at least 1."""
    by_nodes = sum(_fitting(cluster, node) for node in _nodes())
    return max(1, min(by_nodes, _fitting(cluster, _free())))


def missing_node(cluster: Cluster) -> str:
    """Return what to tell a user of whom no node can take a worker, even an idle one; else ""."""
    nodes = _nodes()
    if any(_fitting(cluster, node) for node in nodes):
        return ""
    cpus = max((node.get("CPU", 0) for node in nodes), default=0)
    gpus = max((node.get("GPU", 0) for node in nodes), default=0)
    return (
        f"A worker takes {cluster.demand}, and no node of the cluster has that: of its "
        f"{len(nodes)} the largest has {cpus:g} CPUs, and one has {gpus:g} GPUs. Workers wait for "
        f"nodes to join; choose less with --cpus-per-worker and --gpus-per-worker if none will."
    )


def offer() -> str:
    """Return what the cluster has and what of it is free, for people."""
    total, free = _total(), _free()
    kinds = [kind for kind in ("CPU", "GPU") if total.get(kind) or kind == "CPU"]
    parts = [f"{free.get(kind, 0):g} of {total.get(kind, 0):g} {kind}s" for kind in kinds]
    return f"{len(_nodes())} nodes, {' and '.join(parts)} free"


def _find(asked: str) -> str | None:
    """Return the address of a cluster that answers; None to start one.

    Ray itself takes minutes to see that nobody answers, and remembers clusters that are no more.
    """
    if asked != "auto":
        _check_answer(asked, asked)
        return _plain(asked)
    known = os.environ.get("RAY_ADDRESS", "")
    if known and known not in ("auto", "local"):
        _check_answer(known, f"auto (RAY_ADDRESS={known})")
        return _plain(known)
    try:
        found = ray._private.services.get_ray_address_from_environment("auto", None)
        _check_answer(found, asked)
    except (ConnectionError, ConfigError):
        return None
    _plain(found)
    return "auto"  # only where Ray itself looks does it use this user's token unasked


def _check_answer(address: str, asked: str) -> None:
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(
            f"--address: expected auto, HOST:PORT or {_CLIENT}HOST:PORT; received {asked!r}. "
            f"`ray status` on a node says where its cluster is; Ray's ports are 6379 and, for "
            f"{_CLIENT}, 10001."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _LOOK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"--address {asked}: nobody answers there ({error}). Start a cluster with `ray start "
            f"--head`, or see with `ray status` on one of its nodes where it is."
        ) from error


def _plain(address: str) -> str:
    """Return an address as it is, and have Ray take it for that."""
    host = address.removeprefix(_CLIENT).rpartition(":")[0].strip("[]")
    if host in _LOOPBACK:
        _stay_on_loopback()
    return address


def _stay_on_loopback() -> None:
    # Ray else puts the machine's public address in the place of 127.0.0.1, wherever it reads it.
    ray._private.ray_constants.ENABLE_RAY_CLUSTER = False


def _join(options: dict[str, Any]) -> None:
    # Ray warns at each of twenty attempts; one message says it all.
    with quiet_stderr(shows_at_failure=False):
        ray.init(namespace=_NAMESPACE, log_to_driver=False, logging_level=logging.ERROR, **options)


def _start(options: dict[str, Any]) -> None:
    """Start a cluster of this machine alone, which nobody else can reach."""
    _stay_on_loopback()
    # Ctrl-C and SIGTERM may go to the whole process group; stopping is the brain's decision.
    with signals_held_back():
        ray.init(
            namespace=_NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
            num_cpus=available_cores(),
            include_dashboard=False,
            **options,
        )
    print(
        "This machine belongs to no Ray cluster: started one of its own, on 127.0.0.1 alone, that "
        "ends with this command.",
        file=sys.stderr,
        flush=True,
    )


def _runtime_env(cluster: Cluster) -> dict[str, Any]:
    """Return what makes every node run this process's code, with so many threads."""
    variables = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Threads of OpenBLAS wait for each other where all cores are busy.
        "OPENBLAS_NUM_THREADS": str(cluster.threads),
    }
    if 0 < cluster.gpus_per_worker < 1:
        variables["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # or the first would take all its memory
    package = Path(harness.__file__).resolve().parent
    return {"py_modules": [str(package)], "env_vars": variables}


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


def _nodes() -> list[dict[str, float]]:
    return [node["Resources"] for node in _RAY.nodes() if node["Alive"]]


def _total() -> dict[str, float]:
    found: dict[str, float] = _RAY.cluster_resources()
    return found


def _free() -> dict[str, float]:
    found: dict[str, float] = _RAY.available_resources()
    return found


def _fitting(cluster: Cluster, resources: dict[str, float]) -> int:
    """Return how many workers resources are enough for."""
    counts = [resources.get("CPU", 0) / cluster.cpus_per_worker]
    if cluster.gpus_per_worker:
        counts.append(resources.get("GPU", 0) / cluster.gpus_per_worker)
    return int(min(counts) + 1e-9)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".") + "."


def _say_nothing(*_: object, **__: object) -> None:
    pass

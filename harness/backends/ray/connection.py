"""Becoming part of a Ray cluster, or of one that is started for this machine alone."""

import contextlib
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
import ray.exceptions

from harness.backends.cluster import Cluster
from harness.backends.devices import available_cores, find_gpus
from harness.backends.local_backend import signals_held_back
from harness.backends.ray import IMPATIENCE
from harness.core.errors import ConfigError, first_line
from harness.core.process import quiet_stderr

_NAMESPACE = "gan-sweep-harness"
_CLIENT = "ray://"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_FAILURES = (OSError, RuntimeError, ValueError, ray.exceptions.RayError)
_OPTIONS: dict[str, Any] = {
    "namespace": _NAMESPACE,
    "log_to_driver": False,
    "logging_level": logging.ERROR,
}
_REACH_SECONDS = 5.0
_MOST_UNANSWERED = 9
"""So many attempts in a row, and the head counts as gone; nodes that lost it end after 60 s."""


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
    address = _address(cluster)
    options = _OPTIONS | {"runtime_env": _runtime_env(cluster)}
    if address not in ("auto", "local"):
        _check_answer(address)
    with _own_handlers():
        try:
            if address == "local" or not _join(address, options):
                _check_own(cluster)
                for name in IMPATIENCE:
                    os.environ.pop(name, None)  # its own processes may take their time
                # So many workers share the machine as asked for, like those without Ray.
                cores = max(math.ceil(workers * cluster.cpus_per_worker), available_cores())
                # Signals may go to the whole process group; stopping is the runner's decision.
                with signals_held_back():
                    ray.init("local", num_cpus=cores, include_dashboard=False, **options)
                print(
                    "This machine belongs to no Ray cluster: started one of its own, on 127.0.0.1 "
                    "alone, that ends with this command.",
                    file=sys.stderr,
                    flush=True,
                )
                return
        except _FAILURES as error:
            cause = (first_line(error) or type(error).__name__).rstrip(".")
            raise ConfigError(
                f"--address {address}: cannot take part in the cluster there: "
                f"{cause}. If another program listens there: Ray's ports are 6379 "
                f"and, for {_CLIENT}, 10001. Both sides need the same version of Ray "
                f"({ray.__version__} here) and of Python; if the cluster asks for a token, give "
                f"this command RAY_AUTH_MODE=token and the same RAY_AUTH_TOKEN or "
                f"~/.ray/auth_token. If it is no more, `ray stop` makes this machine forget it."
            ) from error
    _warn_of_ports(address)


def disconnect() -> None:
    """Leave the cluster that `connect` found; one that it started ends."""
    if ray.is_initialized() and ray.get_runtime_context().namespace == _NAMESPACE:
        ray.shutdown()


def head_address(cluster: Cluster) -> str | None:
    """Return where a cluster's head is; None for `ray://`, where Ray raises once it is lost."""
    if _address(cluster).startswith(_CLIENT):
        return None
    return str(ray.get_runtime_context().gcs_address)


class HeadMonitor:
    """A thread that tries every few seconds whether the head of the cluster can be reached.

    Ray itself ends a process that has lost the head for a minute, in the middle of whatever it
    does; the runner is to end in good order instead.

    Args:
        head: Where it is, HOST:PORT; None to try nothing.
        every_seconds: Between two attempts; also how long each may take.
    """

    def __init__(self, head: str | None, *, every_seconds: float = _REACH_SECONDS) -> None:
        self._every_seconds = every_seconds
        self._unanswered = 0
        self._closed = threading.Event()
        if head is not None:
            threading.Thread(target=self._watch, args=(head,), daemon=True).start()

    @property
    def is_gone(self) -> bool:
        """Return whether the head has not been reached for so long that it will not come back."""
        return self._unanswered >= _MOST_UNANSWERED

    def close(self) -> None:
        """Try no more."""
        self._closed.set()

    def _watch(self, head: str) -> None:
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                _reach(head, self._every_seconds)
                self._unanswered = 0
            except OSError:
                self._unanswered += 1
            self._closed.wait(max(0.0, began + self._every_seconds - time.monotonic()))


def _address(cluster: Cluster) -> str:
    """Return HOST:PORT, ray://HOST:PORT, `auto` or, for a cluster of its own, `local`."""
    asked = cluster.address
    return os.environ.get("RAY_ADDRESS") or asked if asked == "auto" else asked


def _reach(address: str, timeout_seconds: float) -> None:
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout_seconds).close()


def _check_answer(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself would take minutes to see that."""
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(
            f"--address: expected auto, HOST:PORT or {_CLIENT}HOST:PORT; received {address!r}. "
            f"`ray status` on a node says where its cluster is; Ray's ports are 6379 and, for "
            f"{_CLIENT}, 10001."
        )
    try:
        _reach(address, _REACH_SECONDS)
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"--address {address}: nobody answers there ({error}). Start a cluster with `ray "
            f"start --head`, or see with `ray status` on one of its nodes where it is."
        ) from error


def _join(address: str, options: dict[str, Any]) -> bool:
    """Become a part of a cluster; return False if it is to be found and there is none."""
    try:
        # Ray warns at each attempt; one message says it all.
        with quiet_stderr(shows_at_failure=False), warnings.catch_warnings(action="ignore"):
            ray.init(address=address, **options)
    except ConnectionError as error:
        if address != "auto" or error.__cause__ is not None:
            raise
        return False  # it has found nothing; one that it found and cannot reach has a cause
    return True


def _check_own(cluster: Cluster) -> None:
    """Refuse what a cluster of this machine alone will never have."""
    gpus = len(find_gpus(os.environ.get("CUDA_VISIBLE_DEVICES")))
    for option, asked, there, kind in (
        ("--cpus-per-worker", cluster.cpus_per_worker, available_cores(), "cores"),
        ("--gpus-per-worker", cluster.gpus_per_worker, gpus, "NVIDIA GPUs"),
    ):
        if asked > there:
            raise ConfigError(
                f"{option}: expected at most {there}, since this machine belongs to no Ray "
                f"cluster and has {there} {kind} itself; received {asked:g}. Choose less, or name "
                f"a cluster with --address."
            )


def _warn_of_ports(address: str) -> None:
    """Say what listens from now on, and to whom, unless no other machine can reach a node."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    if all(node["NodeManagerAddress"] in _LOOPBACK for node in nodes if node["Alive"]):
        return
    if address == "auto":
        address = ray.get_runtime_context().gcs_address
    places = "each worker" if address.startswith(_CLIENT) else "each worker and in this command"
    print(
        f"Takes part in the Ray cluster at {address}: until the end Ray listens in {places} on "
        f"all addresses of their machines, for trusted networks only.",
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
    if not cluster.gpus_per_worker:
        # Ray hides none from a worker that was leased none, and the first would take all memory.
        variables["CUDA_VISIBLE_DEVICES"] = "-1"
    elif cluster.gpus_per_worker < 1:
        variables["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # or the first would take all its memory
    package = Path(__file__).resolve().parents[2]
    return {"py_modules": [str(package)], "env_vars": variables}


@contextlib.contextmanager
def _own_handlers() -> Iterator[None]:
    """Keep what handles signals in this process: Ray puts its own in the place."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # only the main thread may, and Ray only did there
            for number, handler in before.items():
                signal.signal(number, handler)

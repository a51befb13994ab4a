"""Divide cores and GPUs among workers, without importing TensorFlow.

Tested with made-up lists of devices; not yet run on a machine with GPUs.
"""

import dataclasses
import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from harness.core.errors import ConfigError

_LISTED = re.compile(r"^GPU (\d+): .*\(UUID: (GPU-[0-9A-Fa-f-]+)\)", re.MULTILINE)
_LIST_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class WorkerDevices:
    """The number of workers, and what each gets.

    Args:
        workers: How many; None for as many as a cluster turns out to have room for.
        threads: TensorFlow threads of each.
        gpus: Names of the GPUs they get in turn; none to train on cores.
    """

    workers: int | None
    threads: int
    gpus: tuple[str, ...] = ()

    def at_most(self, trainings: int) -> int | None:
        """Return how many workers to start where there is no more to train than that."""
        return None if self.workers is None else min(self.workers, trainings)


def available_cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def divide(workers: str, *, cores: int, gpus: Sequence[str] = ()) -> WorkerDevices:
    """Divide a machine among workers.

    Small GANs leave a second thread half idle, so one worker a core with one thread each trains
    more images in all than one worker with many threads. A GPU does best with one worker, which
    then has all its memory.

    Args:
        workers: A number, or `auto` for one a GPU, or one a core where there is none.
        cores: Cores of this machine.
        gpus: Names of its GPUs, as `find_gpus` returns them.

    Raises:
        ConfigError: If `workers` is neither.
    """
    if workers == "auto":
        count = len(gpus) or cores
    elif workers.isdecimal() and int(workers) >= 1:
        count = int(workers)
    else:
        raise ConfigError(f"--workers: expected a number from 1, or auto; received {workers!r}.")
    return WorkerDevices(count, max(1, cores // count), tuple(gpus))


def gpu_environment(slot: int, *, workers: int, gpus: Sequence[str]) -> dict[str, str]:
    """Return the environment that gives a worker its GPU; nothing where there is none.

    A GPU that several workers share is given out as they need it (memory growth); otherwise
    TensorFlow would take all of its memory for the first of them.

    Args:
        slot: Which worker, from 0. A worker that replaces another gets its GPU too.
        workers: How many there are.
        gpus: What they get in turn.
    """
    if not gpus:
        return {}
    variables = {"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]}
    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return variables | shared if workers > len(gpus) else variables


def find_gpus(visible: str | None) -> tuple[str, ...]:
    """Return the NVIDIA GPUs that a process may use; none where there is no driver.

    Args:
        visible: What `CUDA_VISIBLE_DEVICES` says; None where it is not set.
    """
    command = shutil.which("nvidia-smi")
    if command is None:
        return ()
    try:
        found = subprocess.run(
            [command, "-L"], capture_output=True, text=True, timeout=_LIST_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return visible_gpus(found.stdout, visible)


def visible_gpus(listing: str, visible: str | None) -> tuple[str, ...]:
    """Return the GPUs of a listing that are visible, by the names they are made visible with.

    Args:
        listing: What `nvidia-smi -L` prints.
        visible: Indices or beginnings of UUIDs, comma-separated. As CUDA does, everything behind
            the first that does not exist is left out; None leaves out nothing.
    """
    uuids = dict(_LISTED.findall(listing))
    if visible is None:
        return tuple(uuids)
    names: list[str] = []
    for name in (part.strip() for part in visible.split(",")):
        known = name in uuids or any(
            name.startswith("GPU-") and uuid.startswith(name) for uuid in uuids.values()
        )
        if not known or name in names:
            break
        names.append(name)
    return tuple(names)

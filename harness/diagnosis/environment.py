"""Check what a sweep needs from this machine: versions, hardware, data, weights, credentials."""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from harness.backends.devices import available_cores
from harness.core.errors import HarnessError
from harness.core.files import nearest_folder
from harness.core.process import NOT_FOLLOWED
from harness.data.datasets import load_dataset
from harness.data.fashion_mnist import NAME as FASHION_MNIST
from harness.data.fashion_mnist import find_location
from harness.diagnosis.finding import Finding, fail, ok, warn
from harness.metrics.extractors.panel import load_panel
from harness.tracking.wandb_mode import wandb_mode

DISTRIBUTION = "gan-sweep-harness"
PACKAGES = ("tensorflow", "keras", "optuna", "wandb")

MEGABYTE = 2**20
# A worker of the default study holds about 1.2 GB, a study of 50 trials about 0.3 GB.
MEGABYTES_PER_WORKER = 1200
WARN_DISK_MEGABYTES = 2000
FAIL_DISK_MEGABYTES = 300

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def check_environment(studies_dir: Path, data_dir: Path | None) -> list[Finding]:
    """Return all findings about this machine, in the order a user sets it up.

    Args:
        studies_dir: Where studies would lie.
        data_dir: Where to look for the data first.
    """
    return [
        check_python(),
        *(check_package(name) for name in PACKAGES),
        check_processors(),
        check_gpu(),
        check_memory(),
        check_disk(studies_dir),
        check_data(data_dir),
        check_extractor(),
        check_wandb(studies_dir),
        *check_settings(),
    ]


def check_python() -> Finding:
    """Check that this Python is one the package supports."""
    version = platform.python_version()
    wanted = SpecifierSet(importlib.metadata.metadata(DISTRIBUTION)["Requires-Python"])
    return _version_finding("python", version, wanted)


def check_package(name: str) -> Finding:
    """Check that a package is installed in a version this one was made for."""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return fail(name, f"{name} is not installed. Run `make setup`.")
    requirements = map(Requirement, importlib.metadata.requires(DISTRIBUTION) or [])
    bounds = (each.specifier for each in requirements if each.name == name and not each.marker)
    return _version_finding(name, version, next(bounds, SpecifierSet()))


def check_processors() -> Finding:
    """Report how many cores a sweep may use."""
    cores = available_cores()
    return ok("cpu", f"{cores} cores for this process ({platform.machine()})")


def check_gpu() -> Finding:
    """Report which GPUs TensorFlow sees; none is fine, a hidden one is worth a warning."""
    import tensorflow as tf  # the one import that takes seconds

    devices = tf.config.list_physical_devices("GPU")
    if devices:
        return ok("gpu", f"TensorFlow sees {len(devices)}: {', '.join(d.name for d in devices)}")
    if shutil.which("nvidia-smi"):
        return warn(
            "gpu",
            "this machine has NVIDIA's driver, but TensorFlow sees no GPU. Install the `gpu` "
            "extra, and look at CUDA_VISIBLE_DEVICES.",
        )
    return ok("gpu", "none; trainings run on the CPU")


def check_memory(cores: int | None = None, megabytes: float | None = None) -> Finding:
    """Check that the free memory holds a worker a core.

    Args:
        cores: Workers that `--workers auto` starts; None asks the system.
        megabytes: Free memory in MiB; None asks the system.
    """
    workers = cores or available_cores()
    free = available_megabytes() if megabytes is None else megabytes
    if free is None:
        return ok("memory", "this system does not tell how much is free; not checked")
    fitting = int(free // MEGABYTES_PER_WORKER)
    message = f"{free:,.0f} MiB free; {workers} workers take about {MEGABYTES_PER_WORKER} each"
    if fitting < 1:
        return fail("memory", f"{message}. Not even one fits: close other programs.")
    if fitting < workers:
        return warn("memory", f"{message}. Use --workers {fitting}.")
    return ok("memory", message)


def check_disk(studies_dir: Path, megabytes: float | None = None) -> Finding:
    """Check that the studies folder can be written and has room.

    Args:
        studies_dir: Where studies would lie.
        megabytes: Free space in MiB; None asks the system.
    """
    folder = nearest_folder(studies_dir)
    if not os.access(folder, os.W_OK):
        return fail("disk", f"{folder} cannot be written. Choose another --studies-dir.")
    free = shutil.disk_usage(folder).free / MEGABYTE if megabytes is None else megabytes
    message = f"{free:,.0f} MiB free in {folder}"
    if free < FAIL_DISK_MEGABYTES:
        return fail("disk", f"{message}; a sweep needs {FAIL_DISK_MEGABYTES}. Free some.")
    if free < WARN_DISK_MEGABYTES:
        return warn("disk", f"{message}; long sweeps want {WARN_DISK_MEGABYTES}.")
    return ok("disk", message)


def check_data(data_dir: Path | None) -> Finding:
    """Check that the default data set is here and is the published one; nothing is fetched."""
    try:
        place = find_location(data_dir)
        if place is None:
            return fail("data", "Fashion-MNIST is not on this machine. Run `make data`.")
        dataset = load_dataset(FASHION_MNIST, data_dir)
    except HarnessError as error:
        return fail("data", str(error))
    digest = dataset.validation.sha256[:16]
    counts = " / ".join(f"{len(s):,}" for s in (dataset.train, dataset.validation, dataset.test))
    return ok("data", f"{dataset.name} in {place.folder}, as published: {counts} images; {digest}")


def check_extractor(name: str = "panel") -> Finding:
    """Check that the weights of an extractor hash to what its scores stand for."""
    try:
        extractor = load_panel(name)
    except HarnessError as error:
        return fail("extractor", str(error))
    return ok("extractor", f"{extractor.name}, weights {extractor.sha256[:16]} as recorded")


def check_wandb(studies_dir: Path) -> Finding:
    """Report whether W&B will be online, from its settings; credentials are never shown."""
    name = "wandb login"
    try:
        mode = wandb_mode(studies_dir)
    except HarnessError as error:
        return fail(name, str(error))
    if mode.mode == "online":
        return ok(name, "credentials found, and the server answers: runs go online")
    why = mode.hint.partition(". See the runs")[0]
    return warn(name, f"{why}. Nothing is lost; `wandb login` before a sweep puts it online")


def check_settings() -> list[Finding]:
    """Report what the user has set for other programs, followed or not.

    No value that is followed is shown: it may be a key. Looks at what remains once W&B has been
    looked at, which removes what is not followed.
    """
    # The service is W&B's own, begun by that look.
    followed = sorted(n for n in os.environ if n.startswith("WANDB_") and n != "WANDB_SERVICE")
    return [ok(name, "is followed") for name in followed] + [
        warn(Path(name).name, f"{name} is not followed: {why}")
        for name, why in NOT_FOLLOWED.items()
    ]


def available_megabytes(
    meminfo: Path = Path("/proc/meminfo"), limit: Path = CGROUP_LIMIT
) -> float | None:
    """Return the free memory in MiB, a container's limit observed; None if it is unknown."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
    except OSError:
        found = None
    free = int(found[1]) / 1024 if found else None
    try:
        text = limit.read_text().strip()
    except OSError:
        text = "max"
    if text.isdecimal():
        ceiling = int(text) / MEGABYTE
        return ceiling if free is None else min(free, ceiling)
    return free


def _version_finding(name: str, version: str, wanted: SpecifierSet) -> Finding:
    if wanted.contains(version, prereleases=True):
        return ok(name, version)
    where = f" ({sys.executable})" if name == "python" else ""
    return fail(name, f"{version}{where}; expected {wanted}. Run `make setup`.")

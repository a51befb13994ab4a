"""Real Ray clusters of several nodes on this machine, and small studies to run there."""

import contextlib
import copy
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before anything imports Ray: report nothing, and stay on 127.0.0.1.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"

import ray
import yaml
from ray.cluster_utils import Cluster as Machines

from harness.core.events import Event
from harness.gan.config.config import GANConfig
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from tests.support.endings import GOOD, SPACE

NODE = {"num_cpus": 1, "object_store_memory": 150 * 2**20}
_ATTEMPTS = 3

# What makes trials long enough to lose something.
LONGER: dict[str, Any] = {
    "budget": {"rungs_kimg": [2, 200]},
    "parameters": {
        "batch_size": {"value": 64},
        "generator.name": {"value": "mlp"},
        "generator.latent_dim": {"value": 8},
        "generator.embedding_dim": {"value": 4},
        "generator.width": {"value": 16},
        "generator.depth": {"value": 1},
        "generator.learning_rate": {"low": 1.0e-3, "high": 3.0e-3, "log": True},
        "discriminator.name": {"value": "mlp"},
        "discriminator.padding": {"value": "valid"},
        "discriminator.widths": {"value": [16]},
        "discriminator.learning_rate": {"low": 1.0e-3, "high": 3.0e-3, "log": True},
        "ema.half_life_kimg": {"value": 0.1},
    },
    "pruner": {"name": "none"},
}


@contextlib.contextmanager
def running_machines(*, head_cpus: int, others: int) -> Iterator[Machines]:
    """Run a head node and others with a core each."""
    head = NODE | {"num_cpus": head_cpus, "include_dashboard": False}
    machines = Machines()
    try:
        for node in (head, *[NODE] * others):
            add_node(machines, **node)
        yield machines
    finally:
        ray.shutdown()
        machines.shutdown()


def add_node(machines: Machines, **node: Any) -> Any:
    """Add a node; on a crowded machine one needs longer than Ray waits, and the next does not."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(Exception):  # Ray raises no other
            return machines.add_node(**node)
    return machines.add_node(**node)


class Notes:
    """A listener to a sweep that keeps its events and does something at each."""

    def __init__(self, act: Callable[[str, Event], object] = lambda name, event: None) -> None:
        self.events: list[tuple[str, Event]] = []
        self._act = act

    def opened(self, ended: int) -> None:
        """Ignore how many trials have ended."""

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Keep the event, then act."""
        self.events.append((name, event))
        self._act(name, event)

    def of(self, name: str, kind: type) -> list[Any]:
        """Return the events of a kind that a trial had."""
        return [event for trial, event in self.events if trial == name and isinstance(event, kind)]


def write_space(folder: Path, **changes: Any) -> Path:
    """Write a search space of tiny GANs, and one that is good to begin with."""
    (folder / "tries.yaml").write_text(yaml.safe_dump([GOOD]))
    file = folder / "space.yaml"
    file.write_text(yaml.safe_dump(copy.deepcopy(SPACE) | changes))
    return file


def options(folder: Path, name: str, **changes: Any) -> SweepOptions:
    """Return options of one small trial, or of what the changes say."""
    return SweepOptions(
        name=name,
        studies_dir=folder / "studies",
        enqueue=folder / "tries.yaml",
        tracker="none",
        **{"trials": 1, "threads": 1, **changes},
    )


def small_space(folder: Path, **changes: Any) -> SearchSpace:
    """Return that search space."""
    return SearchSpace.load(str(write_space(folder, **changes)))

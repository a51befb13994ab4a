"""Where a Ray cluster is, and what each worker takes of it; imports no Ray."""

import dataclasses

from harness.core.errors import ConfigError
from harness.core.option_values import FileRoute, check_choices


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A Ray cluster on which workers run, instead of on this machine.

    Args:
        address: `auto` for the cluster this machine belongs to, or one of its own where it belongs
            to none; `HOST:PORT` for one whose network this machine is part of; `ray://HOST:PORT`
            for one seen from outside.
        cpus_per_worker: Cores that Ray sets aside for each; fractions share one.
        gpus_per_worker: GPUs that Ray sets aside for each; fractions share one. Never tried on
            hardware.
        files: How a training's files reach the study: `shared` if all nodes see its folder,
            `travel` if the runner is to write what workers send; `auto` to find out for each.
    """

    address: str = "auto"
    cpus_per_worker: float = 1.0
    gpus_per_worker: float = 0.0
    files: FileRoute = "auto"

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("cpus_per_worker", "gpus_per_worker"):
            _check_share(name, getattr(self, name))

    @property
    def threads(self) -> int:
        """Return the TensorFlow threads of each worker."""
        return max(1, int(self.cpus_per_worker))

    @property
    def demand(self) -> str:
        """Return what each worker takes, for people."""
        parts = [f"{self.cpus_per_worker:g} CPU{'s' if self.cpus_per_worker > 1 else ''}"]
        if self.gpus_per_worker:
            parts.append(f"{self.gpus_per_worker:g} GPU{'s' if self.gpus_per_worker > 1 else ''}")
        return " and ".join(parts)


def _check_share(name: str, value: float) -> None:
    """Refuse what Ray cannot set aside: it divides one core or GPU, but not several."""
    least = 0.0 if name == "gpus_per_worker" else 0.0001
    if least <= value <= 1 or (value > 1 and float(value).is_integer()):
        return
    raise ConfigError(
        f"--{name.replace('_', '-')}: expected a share of one up to 1, or a whole number above; "
        f"received {value:g}."
    )

"""Say where a Ray cluster is and what each worker takes of it; imports no Ray."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Place workers on a Ray cluster instead of on this machine.

    Args:
        address: `auto` for the cluster this machine belongs to, or one of its own where it belongs
            to none; `ray://HOST:PORT` for one seen from outside.
        cpus_per_worker: Cores that Ray sets aside for each; fractions share one.
        gpus_per_worker: GPUs that Ray sets aside for each; fractions share one.
    """

    address: str = "auto"
    cpus_per_worker: float = 1.0
    gpus_per_worker: float = 0.0

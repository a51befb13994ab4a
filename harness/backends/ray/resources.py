"""Say how many workers a Ray cluster has room for, and what to tell where it is too small."""

from typing import Any

import ray

from harness.backends.cluster import Cluster

_RAY: Any = ray  # some of its functions have no types


def room_for(cluster: Cluster) -> int:
    """Return how many workers there is room for now."""
    by_nodes = sum(_fitting(cluster, node) for node in _nodes())
    return min(by_nodes, _fitting(cluster, _free()))


def shortage(cluster: Cluster, workers: int) -> str:
    """Return what to tell a user some of whose workers have no room now; else ""."""
    nodes = _nodes()
    if any(_fitting(cluster, node) for node in nodes):
        room = room_for(cluster)
        if room >= workers:
            return ""
        asked = f"{workers} worker{'s' if workers > 1 else ''} asked"
        return f"{asked}, room for {room} now; the others begin when nodes join or have room."
    cpus = max((node.get("CPU", 0) for node in nodes), default=0)
    gpus = max((node.get("GPU", 0) for node in nodes), default=0)
    return (
        f"A worker takes {cluster.demand}, and no node of the cluster has that: of its "
        f"{len(nodes)} the largest has {cpus:g} CPUs, and one has {gpus:g} GPUs. Workers wait for "
        f"nodes to join; choose less with --cpus-per-worker and --gpus-per-worker if none will."
    )


def idle_gpus(cluster: Cluster) -> str:
    """Return what to tell a user whose workers leave all GPUs of the cluster alone; else ""."""
    gpus = sum(node.get("GPU", 0) for node in _nodes())
    if cluster.gpus_per_worker or not gpus:
        return ""
    return (
        f"The cluster has {gpus:g} GPUs, and workers use none of them. Give each one with "
        f"--gpus-per-worker 1, or let some share one with a fraction."
    )


def offer() -> str:
    """Return what the cluster has and what of it is free, for people."""
    total: dict[str, float] = _RAY.cluster_resources()
    free = _free()
    kinds = [kind for kind in ("CPU", "GPU") if total.get(kind) or kind == "CPU"]
    parts = [f"{free.get(kind, 0):g} of {total.get(kind, 0):g} {kind}s" for kind in kinds]
    return f"{len(_nodes())} nodes, {' and '.join(parts)} free"


def _nodes() -> list[dict[str, float]]:
    return [node["Resources"] for node in _RAY.nodes() if node["Alive"]]


def _free() -> dict[str, float]:
    found: dict[str, float] = _RAY.available_resources()
    return found


def _fitting(cluster: Cluster, resources: dict[str, float]) -> int:
    """Return how many workers resources are enough for."""
    counts = [resources.get("CPU", 0) / cluster.cpus_per_worker]
    if cluster.gpus_per_worker:
        counts.append(resources.get("GPU", 0) / cluster.gpus_per_worker)
    return int(min(counts) + 1e-9)

"""Train on hosts that share nothing but a network, and cut one of them off for a minute."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

pytest.importorskip("ray", reason="Ray is not installed")

from harness.events import Progressed, RungScored, Started
from harness.search.leaderboard import read_entries
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from tests.commands import TIMEOUT_SECONDS, Commands, wait_until
from tests.endings import SPACE
from tests.hosts import Host, Hosts, running_hosts, why_none

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_none()), reason=f"no hosts: {why_none()}"),
]

CUT_SECONDS = 60
TRIALS = 8
MLPS = SPACE["parameters"] | {
    "generator.learning_rate": {"low": 1.0e-3, "high": 3.0e-3, "log": True},
    "discriminator.name": {"value": "mlp"},
    "discriminator.widths": {"value": [16]},
    "discriminator.learning_rate": {"low": 1.0e-3, "high": 3.0e-3, "log": True},
}
LONG = SPACE | {
    "parameters": MLPS,
    "budget": {"rungs_kimg": [2, 150]},
    "pruner": {"name": "none"},
}
STORE = "--object-store-memory=200000000"
SWEEP = (
    *("python", "-m", "harness.sweep", "--search-space", "./space.yaml", "--study", "cut"),
    *("--engine", "ray", "--address", "10.0.0.1:6379", "--workers", "2", "--files", "travel"),
    *("--trials", str(TRIALS), "--tracker", "jsonl", "--checkpoint-seconds", "1"),
)


def start_ray(host: Host, *arguments: str) -> None:
    """Have a host take part; Ray gives up after half a minute, which a busy machine may need."""
    for _ in range(4):
        process = host.start("ray", "start", *arguments, STORE)
        _, err = process.communicate(timeout=TIMEOUT_SECONDS)
        if process.returncode == 0:
            return
        host.run("ray", "stop", "--force")
    raise AssertionError(err)


def join(host: Host) -> None:
    start_ray(host, "--address=10.0.0.1:6379", "--num-cpus=1")


@pytest.fixture(scope="module")
def hosts(commands: Commands) -> Iterator[Hosts]:
    """Return a host for the brain alone, and two that train."""
    with running_hosts(3, commands) as running:
        head = ("--head", "--node-ip-address=10.0.0.1", "--port=6379", "--num-cpus=0")
        start_ray(running[0], *head, "--include-dashboard=false")
        for host in running[1:]:
            join(host)
        yield running


def starts(study: Path) -> dict[str, list[float]]:
    """Return at how many kimg each trial began, and began again."""
    return {
        log.parent.name: [event.kimg for event in read_history(log) if isinstance(event, Started)]
        for log in sorted(study.glob(f"trials/*/{HISTORY_NAME}"))
    }


def running(study: Path) -> dict[str, float]:
    """Return how far trials are that have not ended, in kimg."""
    found = {}
    for log in sorted(study.glob(f"trials/*/{HISTORY_NAME}")):
        if not (log.parent / "outcome.json").exists():
            said = [e for e in read_history(log) if isinstance(e, Progressed | RungScored)]
            found[log.parent.name] = max((event.kimg for event in said), default=0.0)
    return found


def has_trained(host: Host, *, since: float) -> bool:
    """Return whether a worker has written a checkpoint on a host after a moment."""
    files = host.folder.glob("harness-worker-*/training/checkpoint.npz")
    return any(file.stat().st_mtime > since for file in files)


def is_part(host: Host) -> bool:
    """Return whether Ray runs on a host."""
    return any("/raylet/raylet " in line for line in host.commands())


def cut_for_a_minute(hosts: Hosts, study: Path) -> tuple[str, float]:
    """Cut the last host off; return the trial that stood still meanwhile, and where."""
    hosts.cut(hosts[-1])
    time.sleep(10)  # what was on its way is there
    before = running(study)
    time.sleep(CUT_SECONDS - 10)
    after = running(study)
    hosts.mend(hosts[-1])
    (lost,) = (name for name, kimg in before.items() if kimg > 2 and after.get(name) == kimg)
    return lost, before[lost]


def come_back(host: Host, sweep: "subprocess.Popen[str]") -> bool:
    """Wait until a worker trains on a host; return whether Ray had to be started there again."""
    since, restarted = time.time(), False

    def works() -> bool:
        nonlocal restarted
        if not is_part(host):
            join(host)
            restarted = True
        time.sleep(1)
        return has_trained(host, since=since)

    wait_until(works, sweep)
    return restarted


def test_a_study_outlives_a_minute_without_one_of_its_hosts(hosts: Hosts):
    head, _, far = hosts
    (head.folder / "space.yaml").write_text(yaml.safe_dump(LONG))
    study = head.folder / "studies" / "cut"
    sweep = head.start(*SWEEP)
    # The checkpoint of the first rung, at 2 kimg, has come with what was said after it.
    wait_until(lambda: [kimg > 2.5 for kimg in running(study).values()] == [True, True], sweep)
    assert all(has_trained(host, since=0) for host in hosts[1:])
    began = time.monotonic()
    lost, at_kimg = cut_for_a_minute(hosts, study)
    back = time.monotonic()
    wait_until(lambda: running(study).get(lost, 1e9) > at_kimg, sweep)
    moved = time.monotonic()
    restarted = come_back(far, sweep)
    out, err = sweep.communicate(timeout=2 * TIMEOUT_SECONDS)
    assert sweep.returncode == 0, out + err
    entries = read_entries(study)
    assert [entry.name for entry in entries] == [f"{number:04d}" for number in range(TRIALS)]
    assert all(entry.outcome.final is not None for entry in entries)
    begun = starts(study)
    assert all(kimgs == [0] for name, kimgs in begun.items() if name != lost)
    assert all(kimg >= 2 for kimg in begun[lost][1:])
    assert not (far.folder / "studies").exists()
    print(
        f"| network cut for {back - began:.0f} s | {TRIALS} | {len(entries)} | {lost}, at "
        f"{at_kimg:.2f} kimg, from {begun[lost][1:]} kimg | {moved - began:.0f} s after the cut | "
        f"{'Ray started anew there' if restarted else 'Ray went on there'} |"
    )

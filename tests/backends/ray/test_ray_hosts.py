"""Train on hosts that share nothing but a network; lose workers, hosts, networks, the runner."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.core.outcome import Reason
from harness.study.leaderboard import Entry, read_entries
from tests.support.commands import TIMEOUT_SECONDS, Commands, wait_until
from tests.support.endings import LONG
from tests.support.hosts import Host, Hosts, running_hosts, why_none
from tests.support.progress import running, saved_kimg, starts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_none()), reason=f"no hosts: {why_none()}"),
]

CUT_SECONDS = 60
TRIALS = 10
STORE = "--object-store-memory=200000000"
SWEEP = (
    *("python", "-m", "harness.sweep", "--search-space", "./space.yaml", "--engine", "ray"),
    *("--address", "10.0.0.1:6379", "--workers", "2", "--files", "travel", "--tracker", "jsonl"),
    *("--checkpoint-seconds", "1"),
)
FEW = 3


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
    """Return a host for the runner alone, and two that train."""
    with running_hosts(3, commands) as made:
        (made[0].folder / "space.yaml").write_text(yaml.safe_dump(LONG))
        head = ("--head", "--node-ip-address=10.0.0.1", "--port=6379", "--num-cpus=0")
        start_ray(made[0], *head, "--include-dashboard=false")
        for host in made[1:]:
            join(host)
        yield made


@pytest.fixture(autouse=True)
def _whole_again(hosts: Hosts) -> Iterator[None]:
    """End what a failed test left running, and have every host take part in the next one."""
    yield
    for number, host in enumerate(hosts):
        if left := host.processes(r"harness\.sweep"):
            host.run("kill", "-9", *left)
        if number and not is_part(host):
            host.run("ray", "stop", "--force")
            join(host)


def has_trained(host: Host, *, since: float) -> bool:
    """Return whether a worker has written a checkpoint on a host after a moment."""
    files = host.folder.glob("harness-worker-*/training/checkpoint.npz")
    return any(file.stat().st_mtime > since for file in files)


def is_part(host: Host) -> bool:
    """Return whether Ray runs on a host."""
    return bool(host.processes("/raylet/raylet "))


def cut_for_a_minute(hosts: Hosts, study: Path) -> tuple[str, float]:
    """Cut the last host off; return the trial that stood still meanwhile, and where."""
    hosts.cut(hosts[-1])
    time.sleep(10)  # what was on its way is there
    before = running(study)
    time.sleep(CUT_SECONDS - 10)
    after = running(study)
    hosts.mend(hosts[-1])
    # None where everything was between two trials, or in its first moments, at that time.
    stood = [name for name, kimg in before.items() if kimg > 2 and after.get(name) == kimg]
    assert stood, (before, after)
    return stood[0], before[stood[0]]


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


def begin(
    hosts: Hosts, name: str, *, trials: int, trains_at: int = 2
) -> tuple[Path, "subprocess.Popen[str]"]:
    """Start a sweep, and wait until so many trials have their first rung behind them."""
    study = hosts[0].folder / "studies" / name
    sweep = hosts[0].start(*SWEEP, "--study", name, "--trials", str(trials))
    # The checkpoint of the first rung, at 2 kimg, has come with what was said after it.
    wait_until(lambda: sum(kimg > 2.5 for kimg in running(study).values()) == trains_at, sweep)
    return study, sweep


def finish(study: Path, sweep: "subprocess.Popen[str]", *, trials: int) -> list[Entry]:
    """Wait for the end of a sweep, and expect that it has its trials and no other."""
    out, err = sweep.communicate(timeout=2 * TIMEOUT_SECONDS)
    assert sweep.returncode == 0, out + err
    assert "Takes part in the Ray cluster at 10.0.0.1:6379: until the end Ray listens" in err
    entries = read_entries(study)
    assert [entry.name for entry in entries] == [f"{number:04d}" for number in range(trials)]
    # Of ten such trials one has a discriminator that wins, wherever it is trained.
    reasons = {entry.outcome.reason for entry in entries}
    assert reasons <= {Reason.FINISHED, Reason.DISCRIMINATOR_WON}
    return entries


def place(hosts: Hosts, study: Path, name: str, *, since: float = 0) -> int | None:
    """Return the number of the host that trains a trial, known by the checkpoint it has saved.

    A host whose node was killed keeps the old ones; `since` leaves these out.
    """
    trial = study / "trials" / name
    known = {content(file) for file in trial.glob("checkpoint*.npz")}
    for host in hosts[1:]:
        files = host.folder.glob("harness-worker-*/training/checkpoint*.npz")
        if known & {content(file) for file in files if changed(file) > since} - {b""}:
            return host.number
    return None


def content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:  # replaced or removed at this moment
        return b""


def changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def listening(host: Host) -> str:
    """Return where the processes of a host listen."""
    return host.run("ss", "-ltnp")


@pytest.mark.parametrize("what", ["worker", "node"])
def test_what_a_host_loses_goes_on_from_its_checkpoint(hosts: Hosts, what: str):
    study, sweep = begin(hosts, what, trials=FEW)
    assert re.search(r"\*:\d+ .*python", listening(hosts[0])), "as it says"
    lost = min(name for name, kimg in running(study).items() if kimg > 2)
    wait_until(lambda: place(hosts, study, lost), sweep)
    host = hosts[(place(hosts, study, lost) or 1) - 1]
    killed = time.time()
    host.run(
        "kill", "-9", *host.processes(r"ray::WorkerActor" if what == "worker" else r"/raylet ")
    )
    began = time.monotonic()
    wait_until(lambda: len(starts(study)[lost]) > 1, sweep)
    seconds = time.monotonic() - began
    after: int | None = None

    def is_saved_anew() -> bool:
        nonlocal after
        after = place(hosts, study, lost, since=killed)
        return after is not None

    wait_until(is_saved_anew, sweep)
    finish(study, sweep, trials=FEW)
    begun = starts(study)
    assert begun.pop(lost)[1] >= 2
    assert set(map(tuple, begun.values())) == {(0,)}
    if what == "node":
        assert after != host.number
    print(
        f"| {what} of a host killed | {FEW} | {FEW} | {lost} on host {host.number}, from "
        f"{starts(study)[lost][1]:.2f} kimg on host {after} | {seconds:.0f} |"
    )


def test_the_same_command_goes_on_where_the_runner_of_hosts_was_killed(hosts: Hosts):
    study, sweep = begin(hosts, "runner", trials=FEW)
    hosts[0].run("kill", "-9", *hosts[0].processes(r"harness\.sweep"))
    sweep.communicate(timeout=TIMEOUT_SECONDS)
    begun = starts(study)
    saved = {name: saved_kimg(study, name) for name in begun}
    began = time.monotonic()
    _, again = begin(hosts, "runner", trials=FEW, trains_at=1)
    seconds = time.monotonic() - began
    finish(study, again, trials=FEW)
    later = {name: kimgs[1:] for name, kimgs in starts(study).items() if kimgs[1:]}
    assert later
    assert all(kimgs == [saved[name]] for name, kimgs in later.items())
    print(f"| runner killed | {FEW} | {FEW} | {later} | {seconds:.0f} |")


def test_a_host_that_joins_takes_the_worker_that_waited(hosts: Hosts):
    far = hosts[-1]
    far.run("ray", "stop", "--force")
    wait_for_nodes(hosts[0], 2)
    study, sweep = begin(hosts, "joins", trials=FEW, trains_at=1)
    since = time.time()
    join(far)
    wait_until(lambda: has_trained(far, since=since), sweep)
    finish(study, sweep, trials=FEW)
    assert all(kimgs == [0] for kimgs in starts(study).values())
    print(f"| host added | {FEW} | {FEW} | nothing was interrupted | 0 |")


def wait_for_nodes(head: Host, number: int) -> None:
    """Wait until a cluster knows of no more nodes than there are."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while len(re.findall(r"^ 1 node_", head.run("ray", "status"), re.MULTILINE)) > number:
        assert time.monotonic() < deadline
        time.sleep(1)


def test_a_runner_cut_off_for_a_minute_ends_in_order_and_goes_on(hosts: Hosts):
    """The runner is on the far host here: the cable to it is cut, not those of the others."""
    far = hosts[-1]
    (far.folder / "space.yaml").write_text(yaml.safe_dump(LONG))
    study = far.folder / "studies" / "alone"
    command = (*SWEEP, "--study", "alone", "--trials", str(FEW))
    sweep = far.start(*command)
    wait_until(lambda: sum(kimg > 2.5 for kimg in running(study).values()) == 2, sweep)
    hosts.cut(far)
    began = time.monotonic()
    _, err = sweep.communicate(timeout=TIMEOUT_SECONDS)
    seconds = time.monotonic() - began
    time.sleep(max(0, CUT_SECONDS - seconds))
    hosts.mend(far)
    assert sweep.returncode == 2, err
    assert "its head does not answer). Give the same command again" in err
    saved = {name: saved_kimg(study, name) for name in starts(study)}
    far.run("ray", "stop", "--force")
    join(far)
    finish(study, far.start(*command), trials=FEW)
    later = {name: kimgs[1:] for name, kimgs in starts(study).items() if kimgs[1:]}
    assert later
    assert all(kimgs == [saved[name]] for name, kimgs in later.items())
    print(f"| network of the runner cut | {FEW} | {FEW} | {later} | ended {seconds:.0f} s after |")


def test_a_head_that_is_reached_through_loopback_says_that_ray_listens_further(hosts: Hosts):
    command = [*SWEEP, "--study", "loopback", "--trials", "1"]
    command[command.index("10.0.0.1:6379")] = "127.0.0.1:6379"
    sweep = hosts[0].start(*command)
    _, err = sweep.communicate(timeout=2 * TIMEOUT_SECONDS)
    assert sweep.returncode == 0, err
    assert "Takes part in the Ray cluster at 127.0.0.1:6379: until the end Ray listens in" in err


def test_a_sweep_from_outside_whose_door_closes_ends_in_order(hosts: Hosts):
    far = hosts[-1]
    (far.folder / "space.yaml").write_text(yaml.safe_dump(LONG))
    command = [*SWEEP, "--study", "outside", "--trials", str(FEW)]
    command[command.index("10.0.0.1:6379")] = "ray://10.0.0.1:10001"
    study = far.folder / "studies" / "outside"
    sweep = far.start(*command)
    wait_until(lambda: sum(kimg > 2.5 for kimg in running(study).values()) == 2, sweep)
    hosts[0].run("kill", "-9", *hosts[0].processes(r"ray\.util\.client\.server"))
    began = time.monotonic()
    _, err = sweep.communicate(timeout=TIMEOUT_SECONDS)
    seconds = time.monotonic() - began
    assert sweep.returncode == 2, err
    assert err.count("error: ") == 1
    assert "Give the same command again" in err
    assert "Traceback" not in err
    command[command.index("ray://10.0.0.1:10001")] = "10.0.0.1:6379"
    saved = {name: saved_kimg(study, name) for name in starts(study)}
    finish(study, far.start(*command), trials=FEW)
    later = {name: kimgs[1:] for name, kimgs in starts(study).items() if kimgs[1:]}
    assert later
    assert all(kimgs == [saved[name]] for name, kimgs in later.items())
    print(f"| door for outsiders killed | {FEW} | {FEW} | {later} | ended {seconds:.0f} s after |")


def test_a_study_outlives_a_minute_without_one_of_its_hosts(hosts: Hosts):
    far = hosts[-1]
    study, sweep = begin(hosts, "cut", trials=TRIALS)
    assert all(has_trained(host, since=0) for host in hosts[1:])
    began = time.monotonic()
    lost, at_kimg = cut_for_a_minute(hosts, study)
    back = time.monotonic()
    wait_until(lambda: running(study).get(lost, 1e9) > at_kimg, sweep)
    moved = time.monotonic()
    restarted = come_back(far, sweep)
    entries = finish(study, sweep, trials=TRIALS)
    begun = starts(study)
    assert all(kimgs == [0] for name, kimgs in begun.items() if name != lost)
    assert all(kimg >= 2 for kimg in begun[lost][1:])
    assert not (far.folder / "studies" / "cut").exists()
    print(
        f"| network cut for {back - began:.0f} s | {TRIALS} | {len(entries)} | {lost}, at "
        f"{at_kimg:.2f} kimg, from {begun[lost][1:]} kimg | {moved - began:.0f} s after the cut | "
        f"{'Ray started anew there' if restarted else 'Ray went on there'} |"
    )

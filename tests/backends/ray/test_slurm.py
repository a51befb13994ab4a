"""Run the SLURM script without SLURM: hosts are the nodes, and `srun` is a stand-in."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

pytest.importorskip("ray", reason="Ray is not installed")

from harness.study.leaderboard import read_entries
from tests.support.commands import TIMEOUT_SECONDS, Commands, wait_until
from tests.support.endings import LONG
from tests.support.hosts import Hosts, running_hosts, why_none
from tests.support.progress import running, saved_kimg, starts
from tests.support.slurm import JOB, Allocation, allocation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_none()), reason=f"no hosts: {why_none()}"),
]

SWEEP = (
    *("--search-space", "./space.yaml", "--study", "job", "--trials", "3", "--workers", "auto"),
    *("--files", "travel", "--tracker", "jsonl", "--checkpoint-seconds", "1"),
)
STOPPED = 143


@pytest.fixture
def hosts(commands: Commands) -> Iterator[Hosts]:
    with running_hosts(3, commands) as made:
        (made[0].folder / "space.yaml").write_text(yaml.safe_dump(LONG))
        yield made


def test_a_job_that_is_queued_again_goes_on_and_a_cancelled_one_stays_away(
    hosts: Hosts, tmp_path: Path
):
    study = hosts[0].folder / "studies" / "job"
    with allocation(hosts, tmp_path) as job:
        saved = stop_when_all_train(job, study, "USR1")
        assert job.requeued == [f"requeue {JOB}"]
        assert not any(host.processes("/raylet/raylet |ray::") for host in hosts)
        again = stop_when_all_train(job, study, "TERM")
        assert job.requeued == [f"requeue {JOB}"]
        batch = job.submit(*SWEEP)
        out, err = batch.communicate(timeout=2 * TIMEOUT_SECONDS)
        assert batch.returncode == 0, out + err
    assert [entry.name for entry in read_entries(study)] == ["0000", "0001", "0002"]
    assert starts(study) == {name: [0.0, saved[name], again[name]] for name in saved}


def stop_when_all_train(job: Allocation, study: Path, name: str) -> dict[str, float]:
    """Send the script a signal once three trials are under way; return what they have saved."""
    before = starts(study)
    batch = job.submit(*SWEEP)
    started = {trial: len(kimgs) + 1 for trial, kimgs in before.items()}

    def all_train() -> bool:
        now = {trial: len(kimgs) for trial, kimgs in starts(study).items()}
        is_started = now == started if before else len(now) == 3
        return is_started and all(kimg > 2.5 for kimg in running(study).values())

    wait_until(all_train, batch)
    began = time.monotonic()
    job.signal(name)
    out, err = batch.communicate(timeout=TIMEOUT_SECONDS)
    assert batch.returncode == STOPPED, out + err
    saved = {trial: saved_kimg(study, trial) for trial in starts(study)}
    assert all(kimg > 2 for kimg in saved.values()), saved
    print(f"| {name} | {time.monotonic() - began:.0f} s | {saved} |")
    return saved

"""Everything that is done to a running study: what each fault does, and how the command takes it.

Each function gets the sweep and a source of chance, does its harm, undoes what it did to the
machine (a full disk is freed), and returns what it did in a few words. It raises
`NotNow` where there is nothing to harm, and `Loss` where the command does not behave.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.core.events import Progressed, RungScored
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from tests.chaos.sweeps import Loss, Sweep

Fault = Callable[[Sweep, random.Random], str]
GRACE_SECONDS = 10
# The runner ends a trial whose worker died three times: it takes the trial for the cause.
_MOST_WORKER_KILLS = 2


class NotNow(Exception):  # noqa: N818 - not an error: there is nothing to harm at the moment
    pass


# While the sweep runs on


def kill_worker(sweep: Sweep, rng: random.Random) -> str:
    """Kill a worker; the runner must put another in its place."""
    workers = sweep.workers()
    if not workers or sweep.worker_kills >= _MOST_WORKER_KILLS:
        raise NotNow
    with contextlib.suppress(ProcessLookupError):
        os.kill(rng.choice(workers), signal.SIGKILL)
    sweep.worker_kills += 1
    sweep.wait_for_new_worker(workers)
    return "SIGKILL to a worker"


def stop_worker(sweep: Sweep, rng: random.Random) -> str:
    """Suspend a worker for a while."""
    workers = sweep.workers()
    if not workers:
        raise NotNow
    return _suspend(rng.choice(workers), rng.uniform(0.2, sweep.plan.stop_seconds))


def stop_runner(sweep: Sweep, rng: random.Random) -> str:
    """Suspend the runner for a while."""
    return _suspend(sweep.runner, rng.uniform(0.2, sweep.plan.stop_seconds))


def remove_wandb_alive(sweep: Sweep, rng: random.Random) -> str:
    """Remove W&B's folder while runs are being written to it."""
    done = remove_wandb(sweep, rng)
    sweep.is_damaged_alive = True
    return done


# Until the sweep has ended


def kill_runner(sweep: Sweep, rng: random.Random) -> str:
    """Kill the runner alone; its workers must leave by themselves."""
    del rng
    return _kill(sweep, group=False)


def kill_both(sweep: Sweep, rng: random.Random) -> str:
    """Kill runner and workers in the same moment."""
    del rng
    return _kill(sweep, group=True)


def terminate_runner(sweep: Sweep, rng: random.Random) -> str:
    """Ask the runner to end: it must do so in good order, and say so by its exit code."""
    if not sweep.workers():  # before this, Python itself ends the process
        raise NotNow
    sweep.orphans = sweep.workers()
    began = time.monotonic()
    sweep.signal(signal.SIGTERM, group=rng.random() < 0.5)
    sweep.wait_for_end()
    seconds = time.monotonic() - began
    if seconds > GRACE_SECONDS:
        raise Loss(f"SIGTERM took {seconds:.1f} s; {GRACE_SECONDS} are allowed")
    sweep.check_manners({0, 128 + signal.SIGTERM})
    sweep.replace_dead()
    return f"SIGTERM; ended after {seconds:.1f} s"


def fill_disk(sweep: Sweep, rng: random.Random) -> str:
    """Leave no byte on the disk of the studies until the command gives up."""
    if not _is_own_disk(sweep) or not (sweep.folder / "study.json").exists():
        raise NotNow
    filler = sweep.folder.parent / "filler"
    sweep.orphans = sweep.workers()
    try:
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**16))
        sweep.check_manners({0, 2})
        if rng.random() < 0.3:
            sweep.start()
            sweep.check_manners({0, 2})
    finally:
        filler.unlink(missing_ok=True)
    sweep.replace_dead()
    return "the disk was full"


def protect_journal(sweep: Sweep, rng: random.Random) -> str:
    """Kill everything, and give the command with a journal that cannot be written."""
    journal = sweep.folder / "optuna.jsonl"
    if not _is_own_disk(sweep) or not journal.exists():
        raise NotNow
    kill_both(sweep, rng)
    # A study that has only to be looked at has nothing to write.
    with _read_only(rng.choice([journal, sweep.folder])) as path:
        sweep.start()
        sweep.check_manners({0, 2})
    return f"{path.name} was mounted read-only"


# While nothing runs


def cut_checkpoint(sweep: Sweep, rng: random.Random) -> str:
    """Cut the latest checkpoint of an interrupted trial in half."""
    files = [each.checkpoint_file for each in sweep.unfinished().values()]
    files = [file for file in files if file.exists()]
    if not files:
        raise NotNow
    file = rng.choice(files)
    os.truncate(file, file.stat().st_size // 2)
    return f"{file.parent.name}/{file.name} cut in half"


def cut_journal(sweep: Sweep, rng: random.Random) -> str:
    """Cut the last line of Optuna's journal, as a kill in the middle of a write leaves it."""
    file = sweep.folder / "optuna.jsonl"
    content = file.read_bytes() if file.exists() else b""
    if not content.endswith(b"\n"):
        raise NotNow
    begin = content[:-1].rfind(b"\n") + 1
    end = rng.randrange(begin, len(content))
    os.truncate(file, end)
    file.with_name("optuna.jsonl.lock").write_text("")
    return f"journal cut at byte {end} of {len(content)}, with a lock file left behind"


def cut_last_line(sweep: Sweep, rng: random.Random) -> str:
    """Cut the last line of a history in half."""
    name, file = _some_history(sweep, rng)
    content = file.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    return _cut(sweep, name, file, last + (len(content) - last) // 2)


def cut_history(sweep: Sweep, rng: random.Random) -> str:
    """Cut a history in half."""
    name, file = _some_history(sweep, rng)
    return _cut(sweep, name, file, file.stat().st_size // 2)


def remove_wandb_run(sweep: Sweep, rng: random.Random) -> str:
    """Remove all that W&B holds of one training."""
    found = {path.stem for path in sweep.folder.glob("wandb/*run-*/run-*.wandb")}
    ids = sorted(name for name in found if not name.endswith("-study"))
    if not ids:
        raise NotNow
    chosen = rng.choice(ids)
    for file in list(sweep.folder.glob(f"wandb/*run-*/{chosen}.wandb")):
        shutil.rmtree(file.parent)
    return f"W&B's folders of trial {chosen.rsplit('-', 1)[1]} removed"


def remove_wandb(sweep: Sweep, rng: random.Random) -> str:
    """Remove W&B's folder of the study."""
    del rng
    folder = sweep.folder / "wandb"
    if not folder.exists():
        raise NotNow
    while folder.exists():  # somebody may be writing to it
        shutil.rmtree(folder, ignore_errors=True)
    return "W&B's folder removed"


ALIVE: dict[str, Fault] = {
    "kill worker": kill_worker,
    "suspend worker": stop_worker,
    "suspend runner": stop_runner,
    "remove wandb folder alive": remove_wandb_alive,
}
ENDING: dict[str, Fault] = {
    "kill runner": kill_runner,
    "kill both": kill_both,
    "terminate runner": terminate_runner,
    "full disk": fill_disk,
    "read-only journal": protect_journal,
}
STILL: dict[str, Fault] = {
    "cut checkpoint": cut_checkpoint,
    "cut journal": cut_journal,
    "cut last line of history": cut_last_line,
    "cut history": cut_history,
    "remove wandb run": remove_wandb_run,
    "remove wandb folder": remove_wandb,
}
FAULTS: dict[str, Fault] = ALIVE | ENDING | STILL


def _kill(sweep: Sweep, *, group: bool) -> str:
    if sweep.kill(group=group) != -signal.SIGKILL:
        raise NotNow  # it ended a moment before
    return "SIGKILL to the process group" if group else "SIGKILL to the runner"


def _suspend(process_id: int, seconds: float) -> str:
    try:
        os.kill(process_id, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(process_id, signal.SIGCONT)
    except ProcessLookupError as error:
        raise NotNow from error
    return f"suspended for {seconds:.1f} s"


def _is_own_disk(sweep: Sweep) -> bool:
    return os.path.ismount(sweep.folder.parent)


@contextlib.contextmanager
def _read_only(path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def _some_history(sweep: Sweep, rng: random.Random) -> tuple[str, Path]:
    files = [(name, folder.path / HISTORY_NAME) for name, folder in sweep.trainings()]
    files = [(name, file) for name, file in files if file.exists() and file.stat().st_size]
    if not files:
        raise NotNow
    return rng.choice(files)


def _cut(sweep: Sweep, name: str, file: Path, size: int) -> str:
    """Cut a history, and note what it lost: what was said there may not be said again."""
    before = read_history(file)
    os.truncate(file, size)
    lost = before[len(read_history(file)) :]
    told = [(type(each), each.kimg) for each in lost if isinstance(each, Progressed | RungScored)]
    sweep.lost.setdefault(name, set()).update(told)
    return f"{name}/{file.name} cut, {len(lost)} of {len(before)} events lost"

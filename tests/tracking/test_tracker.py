"""Hold every tracker to one contract."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from harness.core.errors import ConfigError
from harness.core.events import Event, Finished, Progressed, RungScored
from harness.core.option_values import TrackerName
from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.jsonl_tracker import read_history
from harness.tracking.tracker import CompositeTracker, open_tracker
from tests.tracking.offline_log import read_offline_runs
from tests.tracking.trainings import (
    FID,
    OFFLINE,
    between,
    complete,
    diverged,
    identify,
    play,
    record_interrupted_trial,
    record_whole_trial,
    start,
)

# Where each tracker's records can be read back.
KEEPS = {"wandb": ("history", "wandb"), "jsonl": ("history",), "none": ()}
EVERY_KIMG = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


@pytest.fixture(params=sorted(get_args(TrackerName)))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def read(store: str, identity: TrialIdentity) -> dict[str, object]:
    """Return what a store says of a trial, in words that all stores share."""
    if store == "history":
        events = read_history(identity.folder / "history.jsonl")
        reasons = [event.outcome.reason for event in events if isinstance(event, Finished)]
        return {
            "progress": [event.kimg for event in events if isinstance(event, Progressed)],
            "losses": [e.generator_loss for e in events if isinstance(e, Progressed)],
            "fids": [event.score.value for event in events if isinstance(event, RungScored)],
            "reason": reasons[-1].value if reasons else None,
        }
    runs = {run.id: run for run in read_offline_runs(identity.wandb_root / "wandb")}
    run = runs[identity.run_id]
    return {
        "progress": [row["kimg"] for row in run.rows if "generator_loss" in row],
        "losses": run.column("generator_loss"),
        "fids": run.column(FID),
        "reason": run.summary.get("outcome", {}).get("reason"),
    }


def test_every_tracker_has_readers():
    assert set(KEEPS) == set(get_args(TrackerName))


def test_keeps_a_whole_trial_and_says_nothing_at_the_terminal(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    identity = identify(tmp_path)
    record_whole_trial(name, identity)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    for store in KEEPS[name]:
        assert read(store, identity) == {
            "progress": EVERY_KIMG,
            "losses": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            "fids": [40.0, 20.0, 30.0],
            "reason": "finished",
        }


def test_says_nothing_twice_when_a_trial_goes_on(name: str, tmp_path: Path):
    identity = identify(tmp_path)
    record_interrupted_trial(name, identity)
    for store in KEEPS[name]:
        said = read(store, identity)
        assert said["progress"] == EVERY_KIMG
        assert said["fids"] == [40.0, 20.0, 30.0]
        assert said["reason"] == "finished"


def test_a_trial_that_was_only_interrupted_has_no_reason(name: str, tmp_path: Path):
    identity = identify(tmp_path)
    tracker = open_tracker(name, identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 3)])
    tracker.close()
    for store in KEEPS[name]:
        assert read(store, identity)["reason"] is None
        assert read(store, identity)["progress"] == [1.0, 2.0, 3.0]


def test_keeps_trials_apart_that_run_at_once(name: str, tmp_path: Path):
    identities = [identify(tmp_path, f"000{number}") for number in range(3)]
    trackers = [open_tracker(name, identity, OFFLINE) for identity in identities]
    # One event to each in turn; the trials stop at 4, 5 and 6 kimg.
    scripts = [
        [start(), *between(identity, 0, until)]
        for identity, until in zip(identities, (4, 5, 6), strict=True)
    ]
    for turn in range(max(map(len, scripts))):
        for tracker, script in zip(trackers, scripts, strict=True):
            play(tracker, script[turn : turn + 1])
    for tracker in trackers:
        tracker.close()
    for identity, until in zip(identities, (4, 5, 6), strict=True):
        for store in KEEPS[name]:
            assert read(store, identity)["progress"] == EVERY_KIMG[:until]


def test_keeps_the_reason_of_a_failure(name: str, tmp_path: Path):
    identity = identify(tmp_path)
    tracker = open_tracker(name, identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 5), diverged()])
    tracker.close()
    for store in KEEPS[name]:
        assert read(store, identity)["reason"] == "diverged"


def test_keeps_an_outcome_that_is_told_late(name: str, tmp_path: Path):
    # What a repair does after a crash between the outcome's file and the trackers.
    identity = identify(tmp_path)
    tracker = open_tracker(name, identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 6)])
    tracker.close()
    tracker = open_tracker(name, identity, OFFLINE)
    tracker.emit(complete())
    tracker.close()
    for store in KEEPS[name]:
        said = read(store, identity)
        assert (said["progress"], said["reason"]) == (EVERY_KIMG, "finished")


def test_can_be_closed_twice_and_unused(name: str, tmp_path: Path):
    tracker = open_tracker(name, identify(tmp_path), OFFLINE)
    tracker.close()
    tracker.close()


def test_refuses_what_wandb_would_refuse_later():
    with pytest.raises(ConfigError, match=r"--wandb-project: expected .* received 'a/b'"):
        TrackerOptions(project="a/b")
    with pytest.raises(ConfigError, match=r"--wandb-entity: expected .* received ''"):
        TrackerOptions(entity="")
    with pytest.raises(ConfigError, match=r"received 'ofline'\. Did you mean 'offline'\?"):
        TrackerOptions(wandb_mode="ofline")


def test_one_tracker_that_fails_to_close_leaves_the_others_closed():
    class Recorder:
        closed = 0

        def emit(self, event: Event) -> None: ...

        def close(self) -> None:
            self.closed += 1

    class Stubborn(Recorder):
        def close(self) -> None:
            raise OSError("stuck")

    recorder = Recorder()
    with pytest.raises(OSError, match="stuck"):
        CompositeTracker([recorder, Stubborn()]).close()
    assert recorder.closed == 1


def test_tracking_without_wandb_does_not_import_it(tmp_path: Path):
    code = f"""
import sys
from pathlib import Path
from harness.tracking.identity import TrialIdentity
from harness.tracking.tracker import open_tracker
root = Path({str(tmp_path)!r})
identity = TrialIdentity(
    study="s", study_id="u", trial="0", folder=root, config={{}}, wandb_root=root
)
open_tracker("jsonl", identity).close()
sys.exit("wandb" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

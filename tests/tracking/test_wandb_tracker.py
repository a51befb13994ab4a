import dataclasses
import logging
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PIL import Image

from harness.core.errors import ConfigError
from harness.core.events import Event, Progressed, RungScored
from harness.gan.config.config import GANConfig
from harness.tracking.catch_up import catch_up, wandb_fault
from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.jsonl_tracker import read_history
from harness.tracking.tracker import open_tracker
from harness.tracking.wandb_log import find_runs, rows_given
from harness.tracking.wandb_tracker import spend_image_bytes
from tests.tracking.offline_log import OfflineRun, read_offline_runs
from tests.tracking.trainings import (
    FID,
    INSPECTION,
    OFFLINE,
    PROTOCOL,
    between,
    complete,
    diverged,
    identify,
    play,
    record_interrupted_trial,
    record_whole_trial,
    start,
)

LOGGER = "harness.tracking.wandb_tracker"


def read_one(identity: TrialIdentity) -> OfflineRun:
    (run,) = read_offline_runs(identity.wandb_root / "wandb")
    return run


def in_another_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        # A child would share this process's W&B service, which knows its runs already.
        env={k: v for k, v in os.environ.items() if k != "WANDB_SERVICE"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_run_says_whose_it_is(tmp_path: Path):
    identity = identify(tmp_path, "baseline-mlp_cgan", job_type="baseline", tags=("mlp", "x"))
    record_whole_trial("wandb", identity)
    run = read_one(identity)
    assert run.id == "0d4c5f52-6f0f-4c8e-9f1c-2a5b1d1f0a11-baseline-mlp_cgan"
    assert run.name == "default baseline-mlp_cgan"
    assert (run.group, run.job_type, run.tags) == ("default", "baseline", ("mlp", "x"))
    assert GANConfig(**run.config) == GANConfig(seed=7)
    assert run.config["generator"]["width"] == 24


def test_a_row_holds_progress_and_rung_of_its_kimg(tmp_path: Path):
    identity = identify(tmp_path)
    record_whole_trial("wandb", identity)
    run = read_one(identity)
    assert run.column("kimg") == [1, 2, 3, 4, 5, 6]
    assert run.column("_step") == [0, 1, 2, 3, 4, 5]
    row = {key: value for key, value in run.rows[3].items() if key[0] != "_" and key != "grid"}
    assert row == {
        "kimg": 4,
        "generator_loss": 0.4,
        "discriminator_loss": 0.2,
        "accuracy_real": 0.75,
        "accuracy_fake": 0.5,
        "images_per_second": 4000,
        "rung": 1,
        "rung_kimg": 4,
        FID: 20,
        f"best_{FID}": 20,
        f"{FID}_low": 19.5,
        f"{FID}_high": 20.5,
    }
    assert run.column(f"best_{FID}") == [40, 20, 20]


def test_kimg_never_goes_back_where_batches_do_not_end_at_rungs(tmp_path: Path):
    def behind(kimg: float, until: float) -> list[Event]:
        """Return events of batches of which one ends 0.024 kimg behind each whole kimg."""
        events = between(identity, kimg, until)
        return [late(event) for event in events]

    def late(event: Event) -> Event:
        if isinstance(event, Progressed):
            return dataclasses.replace(event, kimg=event.kimg + 0.024)
        assert isinstance(event, RungScored)
        stood = dataclasses.replace(event.score, kimg=event.kimg + 0.024)
        return dataclasses.replace(event, score=stood)

    identity = identify(tmp_path)
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(), *behind(0, 2)[:-1]])  # interrupted before it scores the first rung
    tracker.close()
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(1.024), *behind(1, 5)])
    tracker.close()
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(3.024), *behind(3, 6), complete()])
    tracker.close()
    run = read_one(identity)
    assert run.column("kimg") == [1.024, 2.024, 3.024, 4.024, 5.024, 6.024]
    assert run.column("_step") == list(range(6))
    assert run.column("rung_kimg") == [2, 4, 6]
    assert run.column(FID) == [40, 20, 30]
    assert wandb_fault(identity, read_history(identity.folder / "history.jsonl")) is None


def test_each_rung_shows_its_grid(tmp_path: Path):
    identity = identify(tmp_path)
    record_whole_trial("wandb", identity)
    images = read_one(identity).images()
    # Each grid was painted in the grey of its kimg.
    assert [Image.open(path).getpixel((0, 0)) for path in images] == [2, 4, 6]


def test_metrics_are_drawn_over_kimg_and_only_fid_keeps_its_minimum(tmp_path: Path):
    identity = identify(tmp_path)
    record_whole_trial("wandb", identity)
    run = read_one(identity)
    assert run.metrics["*"]["step_metric"] == "kimg"
    assert run.metrics[FID]["step_metric"] == "kimg"
    assert run.metrics[FID]["summary"] == {"min": True}
    asked_otherwise = [name for name in run.metrics if run.metrics[name].get("summary")]
    assert asked_otherwise == [FID]
    # Rungs scored 40, 20 and 30; losses rose to 0.6 and 0.3.
    assert run.summary[FID] == {"min": 20}
    assert run.summary["generator_loss"] == 0.6
    assert run.summary["discriminator_loss"] == 0.3


def test_weights_and_gradients_become_histograms_and_curves(tmp_path: Path):
    identity = identify(tmp_path)
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(
        tracker,
        [
            start(),
            *(
                dataclasses.replace(event, inspection=INSPECTION)
                for event in between(identity, 0, 2)
                if isinstance(event, RungScored)
            ),
        ],
    )
    tracker.close()
    run = read_one(identity)
    (histogram,) = run.column("weights/generator/000_kernel")
    assert histogram["_type"] == "histogram"
    assert (histogram["values"], histogram["bins"]) == ([3, 5], [-1, 0, 1])
    assert run.column("gradient_norm/generator") == [0.5]
    assert run.column("gradient_norm/discriminator") == [0.25]


def test_project_and_entity_are_what_was_asked_for(tmp_path: Path):
    identity = identify(tmp_path)
    options = dataclasses.replace(OFFLINE, project="mine", entity="us")
    open_tracker("wandb", identity, options).close()
    run = read_one(identity)
    assert (run.project, run.entity) == ("mine", "us")


def test_grids_beyond_the_budget_stay_out_of_wandb(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    first, second = identify(tmp_path, "0001"), identify(tmp_path, "0002")
    list(between(first, 0, 2))  # paints the first grid
    size = (first.folder / "grids" / "2.png").stat().st_size
    options = dataclasses.replace(OFFLINE, image_megabytes=4.5 * size / 1e6)
    for identity in (first, second):  # three grids each, of about equal size
        tracker = open_tracker("wandb", identity, options)
        play(tracker, [start(), *between(identity, 0, 6)])
        tracker.close()
    runs = read_offline_runs(tmp_path / "wandb")
    assert [len(run.images()) for run in runs] == [3, 1]
    assert [run.column(FID) for run in runs] == [[40, 20, 30]] * 2
    assert caplog.text.count("W&B gets no more sample grids of study default") == 1


def test_images_can_be_left_out(tmp_path: Path):
    identity = identify(tmp_path)
    options = dataclasses.replace(OFFLINE, images=False)
    tracker = open_tracker("wandb", identity, options)
    play(tracker, [start(), *between(identity, 0, 6)])
    tracker.close()
    assert read_one(identity).column("grid") == []
    assert read_one(identity).column(FID) == [40, 20, 30]


def test_a_missing_grid_costs_the_picture_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    identity = identify(tmp_path)
    events = list(between(identity, 0, 2))
    (identity.folder / "grids" / "2.png").unlink()
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, events)
    tracker.close()
    assert "2.png: the sample grid is missing" in caplog.text
    assert read_one(identity).column(FID) == [40]


def test_the_summary_of_a_complete_trial(tmp_path: Path):
    identity = identify(tmp_path)
    record_whole_trial("wandb", identity)
    run = read_one(identity)
    assert run.summary["outcome"] == {"state": "complete", "reason": "finished", "detail": ""}
    # Best rung 20 of (40, 20, 30); the final score was measured with other noise.
    assert run.summary[FID] == {"min": 20}
    assert run.summary[f"best_{FID}"] == 20
    assert run.summary[f"best_{FID}_low"] == 19.5
    assert run.summary[f"final_{FID}"] == 21.5
    assert run.summary["protocol_fingerprint"] == PROTOCOL.fingerprint
    assert (run.summary["kimg"], run.summary["duration_seconds"]) == (6, 12)
    assert run.summary["generator_parameters"] == 100
    assert run.exit_codes == [0]


def test_the_summary_of_a_failed_trial(tmp_path: Path):
    identity = identify(tmp_path)
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 5), diverged()])
    tracker.close()
    run = read_one(identity)
    assert run.summary["outcome"] == {
        "state": "failed",
        "reason": "diverged",
        "detail": "generator loss is nan at 5 kimg",
    }
    assert run.summary[f"best_{FID}"] == 20
    assert f"final_{FID}" not in run.summary
    assert run.exit_codes == [1]


def test_a_resumed_offline_run_is_logged_anew_and_whole(tmp_path: Path):
    identity = identify(tmp_path)
    record_interrupted_trial("wandb", identity)
    run = read_one(identity)
    assert run.exit_codes == [0]
    assert run.column("_step") == [0, 1, 2, 3, 4, 5]
    assert run.column("kimg") == [1, 2, 3, 4, 5, 6]
    assert run.summary[FID] == {"min": 20}
    assert len(run.images()) == 3


def test_a_trial_may_go_on_more_often_than_once_a_second(tmp_path: Path):
    identity = identify(tmp_path)
    for kimg in range(6):
        tracker = open_tracker("wandb", identity, OFFLINE)
        play(tracker, [start(float(kimg)), *between(identity, kimg, kimg + 1)])
        tracker.close()
    run = read_one(identity)
    assert len(run.segments) == 1
    assert run.column("_step") == [0, 1, 2, 3, 4, 5]
    assert run.column("kimg") == [1, 2, 3, 4, 5, 6]


def test_a_killed_process_leaves_neither_gap_nor_double(tmp_path: Path):
    identity = identify(tmp_path)
    killed = in_another_process(f"""
        import os, signal
        from pathlib import Path
        from tests.tracking.trainings import *
        identity = identify(Path({str(tmp_path)!r}))
        tracker = open_tracker("wandb", identity, OFFLINE)
        play(tracker, [start(), *between(identity, 0, 5)])
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    # W&B had flushed less than was said; the history has everything.
    assert len(read_one(identity).rows) < 5
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(3.0), *between(identity, 3, 6)])
    tracker.close()
    run = read_one(identity)
    assert run.column("kimg") == [1, 2, 3, 4, 5, 6]
    assert run.column("_step") == [0, 1, 2, 3, 4, 5]
    assert run.column(FID) == [40, 20, 30]


def test_a_run_that_a_server_has_in_part_goes_on_behind_that(tmp_path: Path):
    identity = identify(tmp_path)
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 4)])
    tracker.close()
    (folder,) = find_runs(identity.wandb_folder, identity.run_id)
    online = folder.rename(folder.with_name(folder.name.removeprefix("offline-")))
    # Of the rows at 1, 2, 3 and 4 kimg a server would have the first two, with the rung at 2.
    arrived = rows_given([online], before=2)
    assert (arrived.next_step, arrived.progress, arrived.rungs) == (2, {1.0, 2.0}, {2.0})
    tracker = open_tracker("wandb", identity, OFFLINE)  # and now there is no network
    play(tracker, [start(3.0), *between(identity, 3, 6), complete()])
    tracker.close()
    run = read_one(identity)
    assert run.column("kimg") == [1, 2, 3, 4, 5, 6]
    assert run.column("_step") == [0, 1, 2, 3, 4, 5]
    assert len(run.segments) == 2
    assert wandb_fault(identity, read_history(identity.folder / "history.jsonl")) is None


def test_a_clock_that_steps_back_gives_no_row_twice(tmp_path: Path):
    identity = identify(tmp_path)
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 4)])
    tracker.close()
    (folder,) = find_runs(identity.wandb_folder, identity.run_id)
    # A server has it, and it began when the clock was a day ahead.
    online = folder.rename(folder.with_name(f"run-29991231_000000-{identity.run_id}"))
    tracker = open_tracker("wandb", identity, OFFLINE)
    play(tracker, [start(3.0), *between(identity, 3, 6), complete()])
    tracker.close()
    before = find_runs(identity.wandb_folder, identity.run_id)
    assert before[0] == online
    catch_up("wandb", identity, complete().outcome, OFFLINE)
    assert find_runs(identity.wandb_folder, identity.run_id) == before
    assert rows_given(before).next_step == 6


def test_what_other_processes_left_counts_against_the_budget(tmp_path: Path):
    images = tmp_path / "offline-run-1-a" / "files" / "media" / "images"
    images.mkdir(parents=True)
    (images / "grid_0.png").write_bytes(b"x" * 700)
    # 700 bytes are there, of 1000 that may be.
    assert spend_image_bytes(tmp_path, 200, limit_megabytes=0.001)
    assert not spend_image_bytes(tmp_path, 200, limit_megabytes=0.001)
    assert spend_image_bytes(tmp_path, 100, limit_megabytes=0.001)
    assert spend_image_bytes(tmp_path / "another", 1000, limit_megabytes=0.001)


def test_a_dead_service_costs_one_warning_and_no_event(tmp_path: Path):
    identity = identify(tmp_path)
    result = in_another_process(f"""
        import os, signal, subprocess, time
        from pathlib import Path
        from tests.tracking.trainings import *
        identity = identify(Path({str(tmp_path)!r}))
        tracker = open_tracker("wandb", identity, OFFLINE)
        play(tracker, [start(), *between(identity, 0, 2)])
        children = Path(f"/proc/self/task/{{os.getpid()}}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        time.sleep(0.5)
        play(tracker, [*between(identity, 2, 6), complete()])
        tracker.close()
    """)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("W&B failed for trial 0007 of study default") == 1
    history = read_history(identity.folder / "history.jsonl")
    assert len([event for event in history if isinstance(event, Progressed)]) == 6
    assert len([event for event in history if isinstance(event, RungScored)]) == 3


def test_an_unusable_folder_costs_one_warning_and_no_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    identity = identify(tmp_path)
    (tmp_path / "wandb").write_text("a file where W&B's folder should be")
    with caplog.at_level(logging.WARNING, LOGGER):
        record_whole_trial("wandb", identity)
    assert [record.name for record in caplog.records] == [LOGGER]
    assert "gets no more of it (FileExistsError" in caplog.text
    assert len(read_history(identity.folder / "history.jsonl")) == 11


def test_disabled_leaves_the_history_alone(tmp_path: Path):
    identity = identify(tmp_path)
    tracker = open_tracker("wandb", identity, TrackerOptions(wandb_mode="disabled"))
    play(tracker, [start(), *between(identity, 0, 6)])
    tracker.close()
    assert not (tmp_path / "wandb").exists()
    assert len(read_history(identity.folder / "history.jsonl")) == 10


def test_an_unknown_mode_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "ofline")
    with pytest.raises(ConfigError, match=r"received 'ofline'\. Did you mean 'offline'\?"):
        open_tracker("wandb", identify(tmp_path))


def test_nothing_of_the_machine_is_logged(tmp_path: Path):
    identity = identify(tmp_path)
    result = in_another_process(
        f"""
        from pathlib import Path
        from tests.tracking.trainings import *
        record_whole_trial("wandb", identify(Path({str(tmp_path)!r})))
        """,
        SECRET_TOKEN="a-very-secret-value",
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    files = [path for path in (tmp_path / "wandb").rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert b"a-very-secret-value" not in path.read_bytes()
    assert read_one(identity).host == ""
    names = {path.name for path in files}
    assert not names & {"wandb-metadata.json", "requirements.txt", "output.log", "diff.patch"}


@pytest.mark.parametrize("trial", ["0007", "baseline-mlp_cgan", "a/b:c?d#e%f\\g h"])
def test_run_ids_use_characters_that_wandb_allows(tmp_path: Path, trial: str):
    identity = dataclasses.replace(identify(tmp_path), trial=trial)
    assert not set(identity.run_id) & set("/\\#?%: ")

"""Queue the trainings of a study: interrupted trials first, new ones, baselines once."""

from pathlib import Path

import pytest

from harness.core.events import Progressed
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.gan.presets import PRESETS
from harness.runner.job_queue import JobQueue, RunningJob
from harness.runner.open_study import Study
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study import optuna_trials

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
SMOKE = SearchSpace.load("smoke")


def queue(study: Study, *, trials: int, baseline_seconds: float | None = None) -> JobQueue:
    options = SweepOptions("s", trials=trials, baseline_seconds=baseline_seconds, tracker="jsonl")
    return JobQueue(study, SMOKE, options)


def drain(job_queue: JobQueue) -> list[RunningJob]:
    taken = []
    while (running := job_queue.next()) is not None:
        running.tracker.close()
        taken.append(running)
    return taken


def end(study: Study, running: RunningJob) -> None:
    best = Score(20.0, 1.0, 0, PROTOCOL)
    outcome = Outcome(Reason.FINISHED, best=best, final=best)
    running.job.folder.write_outcome(outcome)
    if running.trial is not None:
        optuna_trials.tell(study.optuna, running.trial, outcome)


@pytest.fixture
def study(tmp_path: Path):
    opened = Study(tmp_path, "s", space=SMOKE, seed=3, protocol=PROTOCOL)
    yield opened
    opened.close()


def test_a_study_gets_exactly_its_trials(study: Study):
    assert [each.job.name for each in drain(queue(study, trials=3))] == ["0000", "0001", "0002"]


def test_a_larger_total_adds_what_is_missing(study: Study):
    for each in drain(queue(study, trials=2)):
        end(study, each)
    assert not queue(study, trials=2)
    assert not queue(study, trials=1)
    assert [each.job.name for each in drain(queue(study, trials=3))] == ["0002"]


def test_interrupted_trials_come_first_and_count(study: Study):
    first, second = drain(queue(study, trials=2))
    end(study, first)
    again = drain(queue(study, trials=3))
    assert [each.job.name for each in again] == ["0001", "0002"]
    assert again[0].job == second.job


def test_a_job_says_all_a_worker_needs(study: Study):
    (running,) = drain(queue(study, trials=1))
    job = running.job
    assert job.rungs_kimg == (1, 2)
    assert job.seed == 3
    assert job.folder.read_config() == job.config
    assert job.stop_after_seconds is None


def test_baselines_come_last_and_are_trained_once(study: Study):
    taken = drain(queue(study, trials=1, baseline_seconds=2.5))
    assert [each.job.name for each in taken] == ["0000", *(f"baseline-{p}" for p in PRESETS)]
    # A hung one is given up after half an hour in which large ones may score.
    assert {each.deadline_seconds for each in taken[1:]} == {2.5 + 1800}
    assert {each.job.stop_after_seconds for each in taken[1:]} == {2.5}
    assert all(each.trial is None for each in taken[1:])
    for each in taken:
        end(study, each)
    assert not queue(study, trials=1, baseline_seconds=2.5)


def test_an_interrupted_baseline_goes_on_without_the_finished_ones(study: Study):
    trial, first, *rest = drain(queue(study, trials=1, baseline_seconds=1))
    end(study, trial)
    end(study, first)
    again = drain(queue(study, trials=1, baseline_seconds=1))
    assert [each.job for each in again] == [each.job for each in rest]


def test_what_a_dead_worker_left_is_handed_out_first(study: Study):
    job_queue = queue(study, trials=2)
    running = job_queue.next()
    running.tracker.emit(Progressed(1.0, 0.1, 0.2, 0.5, 0.5, 100.0, 1.0))
    job_queue.give_back(running)
    assert job_queue.next() is running
    job_queue.give_back(running)
    job_queue.close()  # a stop closes what nobody took up again, and may come twice
    job_queue.close()


def test_a_training_that_died_is_told_by_what_it_last_said(study: Study):
    (running,) = drain(queue(study, trials=1))
    assert running.outcome(Reason.CRASHED, "why").kimg == 0.0
    running.last = Progressed(1.5, 0.1, 0.2, 0.5, 0.5, 100.0, 9.0)
    running.best = Score(20.0, 1.0, 0, PROTOCOL)
    outcome = running.outcome(Reason.CRASHED, "why")
    assert (outcome.kimg, outcome.duration_seconds) == (1.5, 9.0)
    assert outcome.best == running.best

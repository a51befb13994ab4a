"""Queue the trainings of a study: interrupted trials first, new ones, baselines once."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.backends.backend import WorkerReady
from harness.core.events import Answer, Finished, Progressed, RungScored
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.gan.presets import PRESETS
from harness.runner.job_source import RunningJob
from harness.runner.study_jobs import StudyJobs
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.tracking.jsonl_tracker import read_history

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
SMOKE = SearchSpace.load("smoke")
BEST = Score(20.0, 1.0, 0, PROTOCOL)
FINISHED = Outcome(Reason.FINISHED, best=BEST, final=BEST)

Queue = Callable[..., StudyJobs]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    """Open the jobs of one study, each time as another process would."""
    with contextlib.ExitStack() as opened:

        def open_jobs(**changes: object) -> StudyJobs:
            opened.close()
            options = SweepOptions("s", studies_dir=tmp_path, seed=3, tracker="jsonl", **changes)
            jobs = opened.enter_context(contextlib.closing(StudyJobs(SMOKE, options)))
            jobs.open(WorkerReady(PROTOCOL))
            return jobs

        yield open_jobs


def drain(jobs: StudyJobs) -> list[RunningJob]:
    taken = []
    while (running := jobs.next()) is not None:
        running.tracker.close()
        taken.append(running)
    return taken


def names(taken: list[RunningJob]) -> list[str]:
    return [each.job.name for each in taken]


def test_a_study_gets_exactly_its_trials(queue: Queue):
    assert names(drain(queue(trials=3))) == ["0000", "0001", "0002"]


def test_a_larger_total_adds_what_is_missing(queue: Queue):
    jobs = queue(trials=2)
    for each in drain(jobs):
        jobs.record(each, FINISHED)
    assert not jobs.has_unfinished()
    assert not queue(trials=1).has_unfinished()
    jobs = queue(trials=3)
    assert jobs.has_unfinished()
    assert names(drain(jobs)) == ["0002"]


def test_interrupted_trials_come_first_and_count(queue: Queue):
    jobs = queue(trials=2)
    first, second = drain(jobs)
    jobs.record(first, FINISHED)
    again = drain(queue(trials=3))
    assert names(again) == ["0001", "0002"]
    assert again[0].job == second.job


def test_what_only_the_folder_knows_is_passed_on_when_the_study_is_opened(queue: Queue):
    first, _ = drain(queue(trials=2))
    first.job.folder.write_outcome(FINISHED)  # and then the process died
    jobs = queue(trials=2)
    (second,) = drain(jobs)
    assert second.job.name == "0001"
    history = read_history(first.job.folder.path / "history.jsonl")
    assert history == [Finished(FINISHED)]
    jobs.record(second, FINISHED)
    assert not jobs.has_unfinished()


def test_a_job_has_all_a_worker_needs(queue: Queue):
    (running,) = drain(queue(trials=1))
    job = running.job
    assert job.rungs_kimg == (1, 2)
    assert job.seed == 3
    assert job.folder.read_config() == job.config
    assert job.stop_after_seconds is None


def test_baselines_come_last_and_are_trained_once(queue: Queue):
    jobs = queue(trials=1, baseline_seconds=2.5)
    taken = drain(jobs)
    assert names(taken) == ["0000", *(f"baseline-{preset}" for preset in PRESETS)]
    # A hung one is given up after half an hour in which large ones may score.
    assert {each.deadline_seconds for each in taken[1:]} == {2.5 + 1800}
    assert {each.job.stop_after_seconds for each in taken[1:]} == {2.5}
    assert all(each.trial is None for each in taken[1:])
    for each in taken:
        jobs.record(each, FINISHED)
    assert not queue(trials=1, baseline_seconds=2.5).has_unfinished()


def test_an_interrupted_baseline_goes_on_without_the_finished_ones(queue: Queue):
    jobs = queue(trials=1, baseline_seconds=1)
    trial, first, *rest = drain(jobs)
    jobs.record(trial, FINISHED)
    jobs.record(first, FINISHED)
    again = drain(queue(trials=1, baseline_seconds=1))
    assert [each.job for each in again] == [each.job for each in rest]


def test_what_a_dead_worker_left_is_handed_out_first(queue: Queue):
    jobs = queue(trials=2)
    running = jobs.next()
    running.tracker.emit(Progressed(1.0, 0.1, 0.2, 0.5, 0.5, 100.0, 1.0))
    jobs.give_back(running)
    assert jobs.next() is running
    jobs.give_back(running)
    jobs.close()  # a stop closes what was not taken up again, and may come twice
    jobs.close()


def test_a_training_that_died_ends_with_its_last_event(queue: Queue):
    (running,) = drain(queue(trials=1))
    assert running.outcome(Reason.CRASHED, "why").kimg == 0.0
    running.note(Progressed(1.5, 0.1, 0.2, 0.5, 0.5, 100.0, 9.0))
    running.best = BEST
    outcome = running.outcome(Reason.CRASHED, "why")
    assert (outcome.kimg, outcome.duration_seconds) == (1.5, 9.0)
    assert outcome.best == running.best


def test_a_trial_that_costs_several_times_the_median_is_over_budget_at_its_first_rung(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
):
    budget = SMOKE.budget.model_copy(update={"max_relative_cost": 4.0})
    monkeypatch.setattr(f"{__name__}.SMOKE", SMOKE.model_copy(update={"budget": budget}))
    jobs = queue(trials=4)

    def told(running: RunningJob, cost: float | None, rung: int = 0) -> Answer:
        return jobs.answer(running, RungScored(1.0 + rung, rung, BEST, BEST, "", 9.0, cost))

    first, second, third, fourth = drain(jobs)
    assert [told(first, 1.0), told(second, 1.2), told(third, None)] == [Answer.GO_ON] * 3
    # The median of 1.0, 1.2 and 4.9 is 1.2, and 4 times that is 4.8.
    assert told(fourth, 4.9) is Answer.TOO_COSTLY
    ended = jobs.record(fourth, Outcome(Reason.OVER_BUDGET, "at 1 kimg", best=BEST))
    assert ended.detail == (
        "4.900 s of processor time a kimg at 1 kimg; the limit is 4 times the study's median of "
        "1.200"
    )
    assert told(first, 99.0, rung=1) is Answer.GO_ON, "only the first rung judges"


def test_a_study_begins_with_what_its_space_knows_once(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
):
    record = SMOKE.to_dict() | {"start": [{"generator.width": 8}, {"generator.width": 4}]}
    monkeypatch.setattr(f"{__name__}.SMOKE", SearchSpace.from_dict(record, source="known"))
    taken = drain(queue(trials=1))
    assert [each.job.config.generator.width for each in taken] == [8]
    taken = drain(queue(trials=4))
    assert names(taken) == ["0000", "0001", "0002", "0003"]
    assert [each.job.config.generator.width for each in taken[:2]] == [8, 4]

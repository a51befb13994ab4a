"""Keep studies in a real PostgreSQL, and let several sweeps share one."""

import contextlib
import dataclasses
from pathlib import Path

import pytest
import sqlalchemy

from harness.core.errors import StudyError
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.diagnosis.consistency import examine_study
from harness.diagnosis.file_systems import check_storage
from harness.gan.presets import PRESETS
from harness.runner.job_queue import JobQueue
from harness.runner.open_study import Study
from harness.runner.outcomes import OutcomeRecorder
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.fork import fork_study
from harness.study.leases import LEASES, TURN
from harness.study.overview import sum_up
from harness.study.record import read_study
from harness.study.removal import remove
from harness.study.storage_url import parse_storage
from tests.support.postgres import PASSWORD

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
SMOKE = SearchSpace.load("smoke")
BEST = Score(20.0, 1.0, 0, PROTOCOL)


class Quiet:
    """Hear nothing but the ends."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def opened(self, ended: int) -> None:
        pass

    def hear(self, name, config, event) -> None:
        del config, event
        self.ended.append(name)


@dataclasses.dataclass
class Sweep:
    """Do by hand what a runner does, without its workers."""

    study: Study
    options: SweepOptions

    def __post_init__(self) -> None:
        self.listener = Quiet()
        self.endings = OutcomeRecorder(self.study, self.options, self.listener)
        self.assignments = JobQueue(self.study, SMOKE, self.options)

    def end(self, assignment) -> None:
        outcome = Outcome(Reason.FINISHED, kimg=2.0, best=BEST, final=BEST)
        self.endings.end(assignment, outcome)


@pytest.fixture
def begin(tmp_path: Path, server_url: str):
    """Return a function that begins one more sweep of the same study."""
    with contextlib.ExitStack() as closing:

        def begin_it(
            *, seconds: float = 30.0, trials: int = 3, tracker: str = "none", **options
        ) -> Sweep:
            storage = parse_storage(server_url, "--storage")
            study = Study(
                tmp_path, "shared", space=SMOKE, seed=3, protocol=PROTOCOL, storage=storage
            )
            closing.callback(study.close)
            return Sweep(study, SweepOptions("shared", trials=trials, tracker=tracker, **options))

        yield begin_it


def silence(sweep: Sweep) -> None:
    """Make a sweep one that has not renewed its leases for longer than they last."""
    study = sweep.study
    with study._engine.begin() as connection:
        connection.execute(
            LEASES.update()
            .where(LEASES.c.study == study.record.id)
            .where(LEASES.c.owner == study.share._leases._owner)
            .values(expires=0)
        )


def take(sweep: Sweep):
    """Return the next assignment; the rest of one second after finding nothing is skipped."""
    sweep.assignments._rest_until = 0.0
    return sweep.assignments.next()


def test_sweeps_share_the_trials_and_agree_on_their_number(begin):
    first, second = begin(), begin()
    taken = [take(sweep) for sweep in (first, second, first, second, first)]
    assert [each.job.name if each else None for each in taken] == [
        "0000", "0001", "0002", None, None,
    ]  # fmt: skip
    assert len({each.job.config.seed for each in taken[:3]}) == 3
    first.end(taken[0])
    first.end(taken[2])
    assert take(first) is None
    assert first.assignments, "it waits for the trial of the other one"
    second.end(taken[1])
    assert not first.assignments
    assert not second.assignments
    assert first.study.count_ended() == second.study.count_ended() == 3


def test_both_propose_what_one_alone_would(begin, tmp_path: Path):
    first, second = begin(), begin()
    shared = [take(first).job.config, take(second).job.config, take(first).job.config]
    alone = Study(tmp_path, "alone", space=SMOKE, seed=3, protocol=PROTOCOL)
    with contextlib.closing(alone):
        assert shared == [config for _, config in (alone.ask(), alone.ask(), alone.ask())]


def test_each_baseline_is_trained_by_one(begin):
    first, second = begin(trials=1, baseline_seconds=5), begin(trials=1, baseline_seconds=5)
    first.end(take(first))
    taken = [take(sweep) for _ in PRESETS for sweep in (first, second)]
    names = [each.job.name for each in taken if each]
    assert sorted(names) == sorted(f"baseline-{preset}" for preset in PRESETS)
    for each, sweep in zip(taken, [first, second] * len(PRESETS), strict=True):
        if each is not None:
            sweep.end(each)
    assert not first.assignments
    assert take(second) is None


def test_what_a_silent_sweep_had_goes_to_the_others(begin):
    silent, other = begin(trials=2), begin(trials=2)
    lost, kept = take(silent), take(silent)
    assert take(other) is None
    silence(silent)
    found = take(other)
    assert found.job == lost.job
    silent.end(lost)  # too late: it must not write a word
    assert not lost.job.folder.outcome_file.exists()
    silent.end(kept)  # nobody took it
    assert kept.job.folder.outcome_file.exists()
    other.end(found)
    assert silent.study.count_ended() == 2
    assert take(silent) is None


def test_a_sweep_that_lost_a_trial_is_told_at_its_next_renewal(begin):
    silent, other = begin(trials=1), begin(trials=1)
    lost = take(silent)
    silence(silent)
    found = take(other)
    names = silent.study.share.renew()
    assert names == {"0000"}
    silent.assignments.forget(names)
    other.study.close()  # stopped by Ctrl-C: its leases are free at once
    found.tracker.close()
    assert take(silent).job == lost.job


def test_an_end_that_only_the_folder_knows_is_told_by_who_takes_over(begin):
    dying, other = begin(trials=1), begin(trials=1)
    assignment = take(dying)
    assignment.job.folder.write_outcome(Outcome(Reason.FINISHED, best=BEST, final=BEST))
    silence(dying)
    found = take(other)
    other.endings.settle(found, found.job.folder.read_outcome())
    assert other.study.count_ended() == 1


def test_a_turn_that_passed_on_makes_no_trial_too_many(begin):
    slow, quick = begin(trials=1), begin(trials=1)
    assert slow.study.share.claim(TURN)
    silence(slow)
    assert quick.study.share.claim(TURN)
    assert slow.study.ask() is None  # as if it had been suspended after it counted
    quick.study.share.release(TURN)
    assert quick.study.interrupted() == []
    assert take(quick).job.name == "0000"  # it takes the one that nobody counts
    assert take(quick) is None


def test_a_trial_taken_over_while_it_was_proposed_is_the_other_sweeps(begin, monkeypatch):
    slow, quick = begin(trials=1), begin(trials=1)
    found = []
    suggest = SearchSpace.suggest

    def be_suspended(space, trial, *, seed):
        config = suggest(space, trial, seed=seed)
        if not found:
            found.append("first")
            silence(slow)
            found.append(take(quick))
        return config

    monkeypatch.setattr(SearchSpace, "suggest", be_suspended)
    assert take(slow) is None
    assert found[1].job.name == "0000"
    quick.end(found[1])
    assert slow.study.count_ended() == quick.study.count_ended() == 1
    assert take(slow) is None


def test_the_ends_of_others_count_for_rules_and_display(begin):
    first, second = begin(target_fid=25.0), begin(target_fid=25.0)
    first.end(take(first))
    assert second.endings.stop() is None
    second.endings.follow()
    second.endings.follow()
    assert second.listener.ended == ["0000"]
    assert "0000 has reached 20.000" in second.endings.stop().message


def test_networks_are_kept_of_the_best_trial_of_all_sweeps(begin):
    first, second = begin(keep="best"), begin(keep="best")
    better, worse = take(first), take(second)
    for each in (better, worse):
        each.job.folder.generator_file.write_bytes(b"network")
    first.end(better)
    second.endings.follow()
    high = Score(30.0, 1.0, 0, PROTOCOL)
    second.endings.end(worse, Outcome(Reason.FINISHED, best=high, final=high))
    assert better.job.folder.generator_file.exists()
    assert not worse.job.folder.generator_file.exists()


def test_commands_keep_off_a_study_that_is_swept(begin, tmp_path: Path, server_url: str):
    sweep = begin()
    assert sum_up(tmp_path / "shared").running
    with pytest.raises(StudyError, match="a sweep is running this study"):
        remove(tmp_path, "shared", server_url)
    (tmp_path / "shared" / "lock").unlink()  # as on a file system that passes no locks on
    with pytest.raises(StudyError, match="a sweep is running this study"):
        remove(tmp_path, "shared", server_url)
    sweep.study.close()
    remove(tmp_path, "shared", server_url)
    assert not (tmp_path / "shared").exists()
    engine = sqlalchemy.create_engine(server_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        for table in ("studies", "harness_leases"):
            column = "study_name" if table == "studies" else "study"
            rows = connection.execute(sqlalchemy.text(f"SELECT {column} FROM {table}")).scalars()
            assert not [name for name in rows if sweep.study.record.id in name]
    engine.dispose()


def test_the_doctor_examines_and_a_fork_begins_on_the_server(
    begin, tmp_path: Path, server_url: str
):
    sweep = begin(trials=2, tracker="jsonl")
    ended, _ = take(sweep), take(sweep).tracker.close()
    sweep.end(ended)
    sweep.study.close()
    findings = examine_study(tmp_path, "shared", tracker="jsonl")
    assert not [each for each in findings if each.level.value == "fail"]
    ended.job.folder.outcome_file.unlink()
    findings = examine_study(tmp_path, "shared", tracker="jsonl", repair=True)
    assert any("mended: Optuna has closed it" in each.message for each in findings)
    fork = fork_study(tmp_path, "shared", "fork", space=SMOKE, storage=server_url)
    assert (fork.copied, fork.left_out) == (2, ())
    assert read_study(fork.folder).storage == read_study(tmp_path / "shared").storage
    local = fork_study(tmp_path, "fork", "local", space=SMOKE)
    assert read_study(local.folder).storage is None
    assert (local.folder / "optuna.db").exists()


def test_the_doctor_tells_of_a_server_that_answers(
    tmp_path: Path, server_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HARNESS_STORAGE", server_url)
    finding = check_storage(tmp_path)
    assert finding.level == "ok"
    assert "answers; several sweeps may share a study" in finding.message
    assert PASSWORD not in finding.message


def test_two_studies_of_one_name_share_a_server(tmp_path: Path, server_url: str):
    storage = parse_storage(server_url, "--storage")
    for place in ("one", "two"):
        study = Study(
            tmp_path / place, "s", space=SMOKE, seed=1, protocol=PROTOCOL, storage=storage
        )
        with contextlib.closing(study), study.share.turn():
            assert study.ask()[0].number == 0

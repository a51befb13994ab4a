"""Train the leaders of a study on in the end, with workers that only pretend."""

import os
import signal
from pathlib import Path

import pytest

from harness.core.events import RungScored
from harness.gan.config.config import GANConfig, build_config
from harness.runner.finish import finish_config
from harness.runner.job_source import NullListener
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.settings import FinishSettings, PromotionSettings, RandomSettings
from harness.space.space import SearchSpace
from harness.study.leaderboard import Entry, rank, read_entries, winner
from harness.tracking.jsonl_tracker import read_history
from harness.training.checkpoint import load_checkpoint
from tests.support.doubles import StandInEngine

SPACE = SearchSpace.load("default").model_copy(
    update={"sampler": RandomSettings(), "pruner": PromotionSettings()}
)
FINISH = FinishSettings(leaders=2, kimg=100, rungs=4, decay=0.5)


def run(
    folder: Path,
    finish: FinishSettings | None = None,
    listener: NullListener | None = None,
    **changes: object,
) -> list[Entry]:
    options = SweepOptions("s", studies_dir=folder, tracker="jsonl", trials=8, **changes)
    space = SPACE.model_copy(update={"finish": finish})
    StudyRunner(StudyJobs(space, options), backend=StandInEngine()).run(listener or NullListener())
    return read_entries(folder / "s")


def leaders_of(entries: list[Entry], count: int = 2) -> list[str]:
    return [each.name for each in rank([e for e in entries if e.is_trial])][:count]


def rungs_of(entry: Entry) -> list[float]:
    history = read_history(entry.folder.path / "history.jsonl")
    return [event.kimg for event in history if isinstance(event, RungScored)]


def test_a_study_ends_with_its_leaders_trained_on_from_their_checkpoints(tmp_path: Path):
    entries = run(tmp_path, FINISH)
    finished = {each.name: each for each in entries if each.name.endswith("-finish")}
    assert sorted(finished) == sorted(f"{name}-finish" for name in leaders_of(entries))
    for name, entry in finished.items():
        leader = next(each for each in entries if each.name == name.removesuffix("-finish"))
        start = leader.outcome.kimg
        # 100 kimg in 4 parts, from where the leader stands.
        assert rungs_of(entry) == [start + part for part in (25, 50, 75, 100)]
        assert entry.config.schedule.hold_kimg == start + 50
        assert entry.config.schedule.decay_kimg == start + 100
        _, meta = load_checkpoint(leader.folder.checkpoint_file)
        assert meta["kimg"] == start, "the leader itself stays as it was"
    assert winner(entries) is rank(entries)[0]
    assert run(tmp_path, FINISH) == entries, "the same again adds nothing"


def test_an_ended_study_is_finished_afterwards(tmp_path: Path):
    before = run(tmp_path)
    assert not (tmp_path / "s" / "finish").exists()
    after = finish_afterwards(tmp_path)
    assert [each for each in after if each.is_trial] == before
    finished = [each for each in after if not each.is_trial]
    assert sorted(each.name[:4] for each in finished) == sorted(leaders_of(before))
    last = next(each for each in before if each.name == finished[0].name[:4]).outcome.kimg
    assert rungs_of(finished[0])[-1] == last + 125, "as far as the last rung, by default"


def finish_afterwards(folder: Path) -> list[Entry]:
    options = SweepOptions("s", studies_dir=folder, tracker="jsonl", trials=8, finish=True)
    StudyRunner(StudyJobs(SPACE, options), backend=StandInEngine()).run(NullListener())
    return read_entries(folder / "s")


class StopAtFinish(NullListener):
    """Press Ctrl-C at the second rung of a finish."""

    def hear(self, name: str, config: GANConfig, event: object) -> None:
        if name.endswith("-finish") and isinstance(event, RungScored) and event.rung == 1:
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_finish_goes_on_by_its_own_plan(tmp_path: Path):
    run(tmp_path, FINISH, StopAtFinish())
    other = FINISH.model_copy(update={"kimg": 40, "decay": 0.0})
    entries = run(tmp_path, other)
    lengths = {
        each.name: rungs_of(each)[-1] - rungs_of(each)[0] for each in entries if not each.is_trial
    }
    # What had begun ends after 100 kimg, as it was planned: 75 beyond its first rung. What had
    # not goes by what is asked for now: 40 kimg in 4 parts.
    assert sorted(lengths.values()) == [30.0, 75.0]


@pytest.mark.parametrize("keep", ["best", "none"])
def test_leaders_keep_what_a_finish_needs(tmp_path: Path, keep: str):
    entries = run(tmp_path, FINISH, keep=keep)
    assert sum(not each.is_trial for each in entries) == 2
    kept = {path.parent.name for path in (tmp_path / "s/trials").rglob("generator.keras")}
    assert kept == set(leaders_of(entries))


def test_rates_fall_over_the_last_stretch_or_stay():
    plain = GANConfig()
    assert finish_config(plain, FinishSettings(), end=200.0, kimg=100.0) == plain
    fallen = build_config({"schedule.name": "cosine", "schedule.decay_kimg": 125.0})
    schedule = finish_config(fallen, FinishSettings(), end=200.0, kimg=100.0).schedule
    assert schedule.final_share == 1.0, "rates that had fallen to 0 would train nothing"
    schedule = finish_config(fallen, FINISH, end=225.0, kimg=100.0).schedule
    # Half of 100 kimg: full rates up to 175, then straight down to 0 at 225.
    assert (schedule.hold_kimg, schedule.decay_kimg, schedule.final_share) == (175.0, 225.0, 0.0)


def test_a_finish_changes_no_trial_and_so_not_the_meaning_of_a_space():
    assert SPACE.model_copy(update={"finish": FINISH}).sha256 == SPACE.sha256

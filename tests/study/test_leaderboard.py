"""Rank the trainings of a study from its folder alone."""

import dataclasses
from pathlib import Path

import pytest

from harness.core.errors import ProtocolMismatchError, StudyError
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.gan.config.config import GANConfig
from harness.study.leaderboard import Entry, find_entry, rank, read_entries, winner
from harness.training.training_folder import TrainingFolder

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)


def outcome(
    reason: Reason, *, best: float | None = None, final: float | None = None, kimg: float = 2.0
) -> Outcome:
    return Outcome(
        reason,
        kimg=kimg,
        best=None if best is None else Score(best, kimg, 0, PROTOCOL),
        final=None if final is None else Score(final, kimg, 1, PROTOCOL),
    )


def entry(name: str, reason: Reason, **scores: float) -> Entry:
    return Entry(name, TrainingFolder(Path(name)), GANConfig(), outcome(reason, **scores))


def names(entries: list[Entry]) -> list[str]:
    return [each.name for each in entries]


def store(study: Path, place: str, ended: Outcome | None) -> None:
    folder = TrainingFolder(study / place)
    folder.write_config(GANConfig())
    if ended is not None:
        folder.write_outcome(ended)


def test_completed_trials_rank_by_final_fid_not_by_their_luckiest_rung():
    lucky = entry("0000", Reason.FINISHED, best=10.0, final=12.0)
    sound = entry("0001", Reason.FINISHED, best=11.0, final=11.5)
    assert names(rank([lucky, sound])) == ["0001", "0000"]
    assert winner([lucky, sound]) is sound


def test_the_best_kept_generator_comes_first_whatever_its_state():
    pruned = entry("0000", Reason.OUTRANKED, best=2.0)
    complete = entry("0001", Reason.FINISHED, best=2.5, final=3.0)
    paused = entry("0002", Reason.UNFINISHED, best=1.0, kimg=1.0)
    late = entry("0003", Reason.TIMED_OUT, best=1.5)
    entries = [pruned, complete, paused, late]
    assert names(rank(entries)) == ["0002", "0003", "0000", "0001"]
    assert winner(entries) is paused
    assert winner([pruned, complete]) is pruned


@pytest.mark.parametrize(
    "reason", [Reason.DIVERGED, Reason.COLLAPSED, Reason.DISCRIMINATOR_WON, Reason.CRASHED]
)
def test_what_was_found_faulty_comes_last_and_never_wins(reason: Reason):
    faulty = entry("0000", reason, best=1.0)
    sound = entry("0001", Reason.OUTRANKED, best=90.0)
    assert names(rank([faulty, sound])) == ["0001", "0000"]
    assert winner([faulty, sound]) is sound
    assert winner([faulty]) is None


def test_one_that_another_supersedes_does_not_win():
    first = entry("0000", Reason.OUT_OF_MEMORY, best=1.0)
    first = dataclasses.replace(
        first, outcome=dataclasses.replace(first.outcome, superseded_by="0001")
    )
    assert winner([first]) is None


def test_without_a_score_whoever_came_further_stands_higher():
    near = entry("0000", Reason.OVER_BUDGET, kimg=0.5)
    far = entry("0001", Reason.OVER_BUDGET, kimg=0.7)
    assert names(rank([near, far])) == ["0001", "0000"]
    assert winner([near, far]) is None


def test_ties_keep_the_order_of_names():
    entries = [entry(f"000{i}", Reason.FINISHED, final=1.0) for i in (2, 0, 1)]
    assert names(rank(entries)) == ["0000", "0001", "0002"]


def test_baselines_are_ranked_but_never_win():
    baseline = entry("baseline-mlp_cgan", Reason.FINISHED, final=1.0)
    trial = entry("0000", Reason.FINISHED, final=2.0)
    assert names(rank([trial, baseline])) == ["baseline-mlp_cgan", "0000"]
    assert winner([trial, baseline]) is trial
    assert winner([baseline]) is None


def test_scores_of_two_protocols_are_never_ranked_together():
    one = entry("0000", Reason.FINISHED, final=1.0)
    other = Score(2.0, 2.0, 0, dataclasses.replace(PROTOCOL, extractor="inception"))
    two = dataclasses.replace(one, outcome=Outcome(Reason.FINISHED, final=other))
    with pytest.raises(ProtocolMismatchError, match=r"extractor: fashion_cnn \| inception"):
        rank([one, two])


def test_a_score_of_a_first_rungs_fewer_images_ranks_behind_those_in_full():
    fewer = Score(0.5, 1.0, 0, dataclasses.replace(PROTOCOL, num_images=250))
    stopped = dataclasses.replace(
        entry("0000", Reason.OUTRANKED), outcome=Outcome(Reason.OUTRANKED, kimg=1.0, best=fewer)
    )
    whole = entry("0001", Reason.FINISHED, best=1.0, final=1.1)
    assert names(rank([stopped, whole])) == ["0001", "0000"]
    assert winner([stopped]) is stopped  # in hand as long as there is no other
    assert winner([stopped, whole]) is whole


def test_only_what_has_ended_or_was_scored_is_read(tmp_path: Path):
    store(tmp_path, "trials/0000", outcome(Reason.FINISHED, best=2.0, final=3.0))
    store(tmp_path, "trials/0001", None)
    store(tmp_path, "trials/0002", outcome(Reason.CRASHED))
    store(tmp_path, "baselines/mlp_cgan", outcome(Reason.FINISHED, best=9.0, final=9.0))
    (tmp_path / "trials" / "notes").mkdir()
    (tmp_path / "trials" / "0003").mkdir()
    store(tmp_path, "trials/0004", None)
    standing = outcome(Reason.UNFINISHED, best=5.0, kimg=1.0)
    TrainingFolder(tmp_path / "trials/0004").write_standing(standing)
    entries = read_entries(tmp_path)
    assert names(entries) == ["0000", "0002", "0004", "baseline-mlp_cgan"]
    assert [each.is_baseline for each in entries] == [False, False, False, True]
    assert entries[2].stands == "at 1 kimg; it may go on"
    assert entries[0].score.value == 3.0
    assert entries[1].score is None


def test_a_study_without_a_folder_has_no_entries(tmp_path: Path):
    assert read_entries(tmp_path / "absent") == []


def test_a_trial_is_found_by_number_or_as_the_winner(tmp_path: Path):
    store(tmp_path, "trials/0000", outcome(Reason.OUTRANKED, best=4.0))
    store(tmp_path, "trials/0012", outcome(Reason.FINISHED, best=2.0, final=3.0))
    assert find_entry(tmp_path).name == "0012"
    assert find_entry(tmp_path, 0).name == "0000"
    expected = r"has no trial 1 that has ended or was scored; such trials: 0000, 0012\."
    with pytest.raises(StudyError, match=expected):
        find_entry(tmp_path, 1)


def test_a_study_without_a_sound_generator_says_so(tmp_path: Path):
    store(tmp_path, "trials/0000", outcome(Reason.DIVERGED, best=1.0))
    with pytest.raises(StudyError, match=r"no trial has a sound generator yet \(1 ended\)"):
        find_entry(tmp_path)


def test_an_entry_is_ready_for_json():
    record = entry("0000", Reason.FINISHED, best=2.0, final=3.0).to_dict()
    assert (record["kept_kimg"], record["may_go_on"]) == (2.0, False)
    assert record["trial"] == "0000"
    assert record["family"] == "dcgan"
    assert record["outcome"]["final"]["value"] == 3.0
    assert GANConfig.model_validate(record["config"]) == GANConfig()

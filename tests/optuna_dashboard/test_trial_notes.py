import dataclasses
from pathlib import Path

from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol
from harness.gan.config.config import GANConfig
from harness.optuna_dashboard.trial_notes import study_note, title_of, trial_note
from harness.study.leaderboard import Entry
from harness.study.record import StudyRecord
from harness.training.training_folder import TrainingFolder
from tests.reporting.studies import PROTOCOL, score

FID = PROTOCOL.name
WINNER = Entry(
    "0001",
    TrainingFolder(Path("0001")),
    GANConfig(),
    Outcome(Reason.FINISHED, kimg=32.0, best=score(1.0, 8), final=score(1.2, 8)),
)


def note(outcome: Outcome | None, rungs: dict[int, float] | None = None) -> str:
    line = "W&B run: **small 0007**"
    return trial_note("0007", outcome, rungs=rungs or {}, metric=FID, wandb_line=line)


def test_a_complete_trial_quotes_its_final_score_first():
    outcome = Outcome(Reason.FINISHED, "fid 1.2", 32.0, 150.0, score(1.0, 8), score(1.2, 8))
    assert note(outcome).splitlines() == [
        "### Trial 0007: complete (finished)",
        "",
        f"- final {FID}: **1.200 ±0.100**",
        "- best rung: 1.000 ±0.100 at 8 kimg",
        "- trained to 32 kimg in 2 min",
        "",
        "W&B run: **small 0007**",
    ]


def test_what_ended_early_says_why_and_what_counts_instead():
    outcome = Outcome(Reason.OUT_OF_MEMORY, "it `broke`", 2.0, 5.0, superseded_by="0009")
    lines = note(outcome).splitlines()
    assert lines[0] == "### Trial 0007: failed (out_of_memory)"
    assert "- why it ended: `it  broke `" in lines
    assert "- trial 0009 counts in its place" in lines


def test_a_running_trial_says_how_far_it_came():
    assert f"- last rung passed: at 8 kimg, {FID} 4.000" in note(None, {2: 6.0, 8: 4.0})
    assert "- last rung passed: no rung" in note(None)
    assert title_of(None) == "not ended"
    assert title_of(None, 8.0) == "paused at 8 kimg"


def test_the_study_says_what_its_numbers_mean():
    record = StudyRecord("id", "small", 3, "fashion_mnist", dataclasses.asdict(PROTOCOL), "")
    text = study_note(record, winner=WINNER, wandb_line="W&B has no run of it here.")
    best = "Best: **trial 0001**, by its kept generator at 8 kimg; it is not confirmed."
    assert best in text
    assert "are the best scores until each rung, not those of the rung itself" in text
    assert f"best `{FID}` at any rung; lower is better" in text
    assert Protocol(**record.protocol).fingerprint in text
    assert "none has a sound generator" in study_note(record, winner=None, wandb_line="")


def test_a_confirmed_winner_goes_before_the_search_s():
    record = StudyRecord("id", "small", 3, "fashion_mnist", dataclasses.asdict(PROTOCOL), "")
    text = study_note(record, winner=WINNER, confirmed="0000", wandb_line="")
    assert "Best: **trial 0000**, confirmed" in text
    assert "the best kept generator of the search is that of trial 0001 at 8 kimg." in text
    same = study_note(record, winner=WINNER, confirmed="0001", wandb_line="")
    assert "it was the best on the test split." in same

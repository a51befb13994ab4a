"""Stop studies for their time, their best score and their failures, and for nothing else."""

import re
import time
from pathlib import Path

from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.gan.config.config import GANConfig
from harness.runner.stop_rules import (
    StopRules,
    common_properties,
    explain_failures,
    nothing_completed,
)
from harness.runner.sweep_options import SweepOptions
from harness.study.leaderboard import Entry
from harness.training.training_folder import TrainingFolder

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
CONFIG = GANConfig()
FOLDER = TrainingFolder(Path("0000"))


def finished(value: float) -> Outcome:
    score = Score(value, 1.0, 0, PROTOCOL)
    return Outcome(Reason.FINISHED, best=Score(value / 2, 1.0, 0, PROTOCOL), final=score)


def rules(*outcomes: Outcome, **options: object) -> StopRules:
    found = StopRules(SweepOptions("s", **options), [])
    for number, outcome in enumerate(outcomes):
        found.note(Entry(f"{number:04d}", FOLDER, CONFIG, outcome))
    return found


FAILED, PRUNED = Outcome(Reason.DIVERGED), Outcome(Reason.OUTRANKED)


def test_a_share_of_failures_beyond_the_limit_stops_a_study_of_eight():
    assert rules(*[FAILED] * 7).stop() is None  # too few to say
    assert rules(*[FAILED] * 4, *[PRUNED] * 4).stop() is None  # half is not more than half
    stop = rules(*[FAILED] * 5, *[PRUNED] * 3).stop()
    assert stop.exit_code == 3
    assert "more than 50% of the trials failed. 5 of 8 trials failed (diverged 5)." in stop.message
    assert rules(*[FAILED] * 5, *[PRUNED] * 3, max_failed_share=0.7).stop() is None
    assert rules(*[FAILED] * 9, max_failed_share=1.0).stop() is None


def test_a_study_in_which_nothing_completed_says_why_in_its_trials_own_words():
    def ended(*outcomes: Outcome) -> list[Entry]:
        return [Entry(f"{n:04d}", FOLDER, CONFIG, each) for n, each in enumerate(outcomes)]

    crashed = Outcome(Reason.CRASHED, "ValueError at mine.py:3: no such axis")
    stop = nothing_completed(ended(crashed, Outcome(Reason.TIMED_OUT, "after 2 s"), crashed))
    assert stop is not None
    assert stop.exit_code == 3
    assert stop.message == (
        "None of 3 trials completed:\n"
        "  trial 0000, 0002: crashed: ValueError at mine.py:3: no such axis\n"
        "  trial 0001: timed_out: after 2 s"
    )
    assert nothing_completed([]) is None  # nothing has ended either
    assert nothing_completed(ended(crashed, finished(4.0))) is None
    # Its time was over while one went on, which has kept a generator.
    waits = Outcome(Reason.UNFINISHED, best=finished(4.0).final)
    assert nothing_completed(ended(crashed, waits)) is None
    baseline = Entry("baseline-x", FOLDER, CONFIG, finished(1.0))
    assert nothing_completed([*ended(crashed), baseline]) is not None


def test_superseded_trials_and_what_is_told_twice_count_once():
    found = rules(*[FAILED] * 4, *[PRUNED] * 4)
    found.note(Entry("0000", FOLDER, CONFIG, FAILED))
    found.note(Entry("0008", FOLDER, CONFIG, Outcome(Reason.OUT_OF_MEMORY)))
    assert found.stop() is not None  # 5 of 9
    found.note(Entry("0008", FOLDER, CONFIG, Outcome(Reason.OUT_OF_MEMORY, superseded_by="0009")))
    assert found.stop() is None


def test_a_target_is_reached_by_a_final_score_alone():
    assert rules(finished(4.0), target_fid=3.0).stop() is None  # its best rung had 2
    stop = rules(finished(4.0), finished(2.9), PRUNED, target_fid=3.0).stop()
    assert stop.exit_code == 0
    assert "trial 0001 has reached 2.900, the target being 3" in stop.message


def test_a_time_budget_counts_from_the_beginning_of_the_sweep():
    found = rules(time_budget_seconds=0.2)
    assert found.stop() is None
    time.sleep(0.25)
    stop = found.stop()
    assert stop.exit_code == 0
    assert re.search("time budget of 0.2 seconds is used. The same command goes on", stop.message)


def test_a_plan_s_time_began_before_the_study_was_open():
    options = SweepOptions("s", time_budget_seconds=100.0)
    assert StopRules(options, [], began=time.monotonic() - 99.0).stop() is None
    assert StopRules(options, [], began=time.monotonic() - 101.0).stop() is not None


def test_what_ended_before_counts_and_baselines_do_not():
    entries = [Entry("baseline-x", FOLDER, CONFIG, finished(1.0))]
    options = SweepOptions("s", target_fid=3.0)
    assert StopRules(options, entries).stop() is None
    entries.append(Entry("0000", FOLDER, CONFIG, finished(2.0)))
    assert StopRules(options, entries).stop() is not None


def ended(failed: bool, *, rate: float = 1e-3, batch: int = 64, seed: int = 0) -> Entry:
    config = GANConfig.model_validate(
        {"batch_size": batch, "seed": seed, "discriminator": {"learning_rate": rate}}
    )
    return Entry("0000", FOLDER, config, Outcome(Reason.DIVERGED if failed else Reason.OUTRANKED))


def test_a_half_that_fails_is_told_by_its_median():
    # Rates 0.1 to 0.8: the median is 0.45, and all above it but one failed.
    rates = [(rate / 10, rate > 5) for rate in range(1, 9)]
    trials = [ended(failed, rate=rate, seed=i) for i, (rate, failed) in enumerate(rates)]
    (found,) = common_properties(trials)
    assert found == ("discriminator.learning_rate above 0.45", (3, 4), (0, 4))
    assert explain_failures(trials) == (
        "3 of 8 trials failed (diverged 3).\n"
        "  discriminator.learning_rate above 0.45: 3 of 4 failed; without it 0 of 4"
    )


def test_a_choice_that_fails_is_told_by_its_value():
    trials = [ended(batch == 16, batch=batch) for batch in (16, 32, 64, 16, 32, 64)]
    assert [text for text, *_ in common_properties(trials)] == ["batch_size 16"]


def test_parameters_that_single_out_the_same_trials_are_one():
    trials = [ended(batch == 16, batch=batch, rate=batch * 1e-4) for batch in (16, 32, 16, 32)]
    assert len(common_properties(trials)) == 1


def test_failures_without_anything_in_common_say_so():
    trials = [ended(failed, batch=batch) for failed in (True, False) for batch in (16, 32)]
    assert common_properties(trials) == []
    assert "No parameter separates them from the others." in explain_failures(trials)

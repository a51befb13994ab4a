"""Find what failed trials share, in hand-made studies."""

from pathlib import Path

from harness.core.outcome import Outcome, Reason
from harness.gan.config.config import GANConfig
from harness.runner.failure_summary import common_properties, explain_failures
from harness.study.leaderboard import Entry
from harness.training.training_folder import TrainingFolder

FOLDER = TrainingFolder(Path("0000"))


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
    assert found.text == "discriminator.learning_rate above 0.45"
    assert (found.counts(having=True), found.counts(having=False)) == ((3, 4), (0, 4))
    assert explain_failures(trials) == (
        "3 of 8 trials failed (diverged 3).\n"
        "  discriminator.learning_rate above 0.45: 3 of 4 failed; without it 0 of 4"
    )


def test_a_choice_that_fails_is_told_by_its_value():
    trials = [ended(batch == 16, batch=batch) for batch in (16, 32, 64, 16, 32, 64)]
    assert [found.text for found in common_properties(trials)] == ["batch_size 16"]


def test_parameters_that_single_out_the_same_trials_are_one():
    trials = [ended(batch == 16, batch=batch, rate=batch * 1e-4) for batch in (16, 32, 16, 32)]
    assert len(common_properties(trials)) == 1


def test_failures_without_anything_in_common_say_so():
    trials = [ended(failed, batch=batch) for failed in (True, False) for batch in (16, 32)]
    assert common_properties(trials) == []
    assert "No parameter separates them from the others." in explain_failures(trials)

import optuna
import pytest
from optuna.trial import TrialState

from harness.core.errors import StudyError
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.study.optuna_trials import VIOLATIONS, median_exceeded, report, tell
from harness.study.trial_storage import TrialStorage
from tests.support.divergences import share_proposed

PROTOCOL = Protocol("fid", "fashion_cnn", "ab", 1000, "fashion_mnist/validation", "cd")


def score(value, kimg=16):
    return Score(value=value, kimg=kimg, noise_seed=1, protocol=PROTOCOL)


@pytest.fixture
def study(tmp_path):
    study = TrialStorage(tmp_path, writes=True).open_study("s")
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    return study


def reopened(study, trial):
    return trial.storage.open_trial(study, trial.number)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_end_in_optuna(study, reason):
    trial = study.ask()
    report(trial, 16, 7.0)
    tell(study, trial, Outcome(reason=reason, detail="why", kimg=16.0, best=score(7.0)))

    stored = study.trials[0]
    if reason is Reason.FINISHED:
        expected = TrialState.COMPLETE
    elif reason is Reason.CRASHED:
        expected = TrialState.FAIL
    else:
        expected = TrialState.PRUNED
    assert stored.state is expected
    assert stored.value == (None if reason is Reason.CRASHED else 7.0)
    assert stored.constraints == ({reason.value: 1.0} if reason in VIOLATIONS else {})
    assert stored.user_attrs["state"] == reason.state.value
    assert stored.user_attrs["reason"] == reason.value
    assert stored.user_attrs["detail"] == "why"


def test_violations_are_what_tells_against_a_configuration():
    others = {Reason.FINISHED, Reason.OUTRANKED, Reason.CRASHED, Reason.UNFINISHED}
    assert set(Reason) - VIOLATIONS == others


def test_value_is_the_best_rung_not_the_last(study):
    trial = study.ask()
    report(trial, 16, 7.0)
    report(trial, 64, 5.0)
    report(trial, 256, 5.0)
    tell(study, trial, Outcome(reason=Reason.FINISHED, best=score(5.0, 64), final=score(5.5, 64)))

    assert study.trials[0].value == 5.0
    assert study.trials[0].user_attrs["final"]["value"] == 5.5
    assert study.trials[0].intermediate_values == {16: 7.0, 64: 5.0, 256: 5.0}


def test_reports_and_endings_can_be_replayed(study):
    outcome = Outcome(reason=Reason.DIVERGED, kimg=20.0, best=score(7.0))
    trial = study.ask()
    for _ in range(2):
        report(trial, 16, 7.0)
    report(reopened(study, trial), 16, 8.0)
    tell(study, trial, outcome)
    first = study.trials[0]

    # pytest turns Optuna's warning about a second write into a failure.
    tell(study, trial, outcome)
    tell(study, reopened(study, trial), outcome)

    assert study.trials[0] == first
    assert first.intermediate_values == {16: 7.0}


def test_ending_goes_on_where_a_crash_cut_it_short(study):
    trial = study.ask()
    trial.set_constraint("diverged", 1.0)

    tell(study, reopened(study, trial), Outcome(reason=Reason.DIVERGED))

    assert study.trials[0].state is TrialState.PRUNED
    assert study.trials[0].constraints == {"diverged": 1.0}


def test_ending_brings_the_score_that_was_never_reported(study):
    trial = study.ask()
    tell(study, trial, Outcome(reason=Reason.OUTRANKED, kimg=16.0, best=score(7.0)))

    assert study.trials[0].value == 7.0


def test_early_divergence_has_no_value(study):
    trial = study.ask()
    tell(study, trial, Outcome(reason=Reason.DIVERGED, kimg=3.0))

    assert study.trials[0].state is TrialState.PRUNED
    assert study.trials[0].value is None


def test_complete_trial_without_a_score_is_refused(study):
    trial = study.ask()
    with pytest.raises(StudyError, match="Trial 0 is complete without a score"):
        tell(study, trial, Outcome(reason=Reason.FINISHED))

    assert study.trials[0].state is TrialState.RUNNING


def test_best_trial_is_never_a_violation(study):
    for reason, value in [(Reason.FINISHED, 9.0), (Reason.COLLAPSED, 1.0)]:
        tell(study, study.ask(), Outcome(reason=reason, best=score(value)))

    assert study.best_trial.value == 9.0


def test_after_20_divergences_tpe_avoids_their_region_as_plain_failures_would_not():
    taught = share_proposed(1, as_violation=True, proposals=10)
    untaught = share_proposed(1, as_violation=False, proposals=10)
    # The best trials lie at the region's edge, and TPE knows nothing of what merely failed.
    assert untaught >= 0.8
    assert taught <= untaught / 2


def test_a_cost_is_compared_with_the_median_of_all_costs_so_far(study):
    assert median_exceeded(study.ask(), 1.0, 4.0) is None, "alone it is the median"
    assert median_exceeded(study.ask(), 9.0, 4.0) is None, "the median of 1 and 9 is 5"
    assert median_exceeded(study.ask(), 2.0, 4.0) is None
    trial = study.ask()
    # 1, 2, 9 and 12: the median is 5.5, and 12 is less than 4 times that.
    assert median_exceeded(trial, 12.0, 4.0) is None
    assert median_exceeded(trial, 12.0, 2.0) == 5.5
    assert median_exceeded(trial, 99.0, 4.0) is None, "what was told first stays"

import optuna
from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.trial import TrialState, create_trial

from harness.optimization.study_view import MOST_OTHERS, showing, thin_out

X = {"x": optuna.distributions.FloatDistribution(0.0, 1.0)}


def study_of(count: int) -> optuna.Study:
    """Return a study whose best trials are spread over it, and of which the last ones run."""
    study = optuna.create_study()
    values = [(number * 617) % count for number in range(count)]  # 617 is a prime
    study.add_trials(
        [
            create_trial(value=value, params={"x": value / count}, distributions=X)
            for value in values
        ]
    )
    for _ in range(3):
        study.ask().suggest_float("x", 0.0, 1.0)
    return study


def test_up_to_so_many_trials_all_are_learnt_from():
    study = study_of(MOST_OTHERS + 25)
    assert thin_out(study) == study.get_trials(deepcopy=False)


def test_of_more_the_best_and_the_running_ones_stay_and_the_others_are_spread_evenly():
    study = study_of(4025)
    shown = thin_out(study)
    assert len(shown) == 25 + MOST_OTHERS + 3
    numbers = [trial.number for trial in shown]
    assert numbers == sorted(set(numbers))
    assert sum(trial.state is TrialState.RUNNING for trial in shown) == 3

    ended = [trial for trial in shown if trial.state is not TrialState.RUNNING]
    best, others = _split_trials(study, ended, default_gamma(len(ended)))
    assert sorted(trial.value for trial in best) == list(range(25))
    # 4,000 others, every eighth: each quarter of the study keeps about a quarter of them.
    first = sum(trial.number < 1000 for trial in others)
    assert 120 <= first <= 130


def test_where_too_few_are_complete_the_best_are_those_that_tpe_ranks_first():
    study = optuna.create_study()
    for number in range(600):
        ended = TrialState.COMPLETE if number in (7, 311) else TrialState.PRUNED
        value = 1.0 if ended is TrialState.COMPLETE else None
        came = {1 + number % 50: float(number)}
        study.add_trial(
            create_trial(
                state=ended,
                value=value,
                params={"x": 0.5},
                distributions=X,
                intermediate_values=came,
            )
        )
    best, _ = _split_trials(study, study.get_trials(deepcopy=False), 25)
    shown = {trial.number for trial in thin_out(study)}
    assert {7, 311} <= {trial.number for trial in best} <= shown
    assert len(shown) == 25 + MOST_OTHERS


def test_a_study_that_shows_some_trials_still_writes_to_the_real_one():
    study = study_of(4)
    some = study.get_trials()[1:3]
    shown = showing(study, some)
    assert shown.get_trials() == some
    assert shown._get_trials(use_cache=True) == some
    assert shown.get_trials(states=(TrialState.RUNNING,)) == []
    running = study.get_trials(states=(TrialState.RUNNING,))[0]
    shown._storage.set_trial_system_attr(running._trial_id, "key", "value")
    assert study.trials[running.number].system_attrs["key"] == "value"
    assert len(study.get_trials()) == 7

"""Compare the groups of trials with what going over all trials finds."""

import random

from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.study.storage import SUPERSEDED_BY
from harness.study.trial_index import ENDED, TrialIndex

SETS = (("x",), ("x", "y"), ("z",))


def trial_of(number: int, state: TrialState, luck: random.Random) -> FrozenTrial:
    names = luck.choice(SETS)
    trial = create_trial(
        state=state,
        value=luck.choice((1.0, 2.0, luck.random())) if state is TrialState.COMPLETE else None,
        params=dict.fromkeys(names, 0.5),
        distributions=dict.fromkeys(names, FloatDistribution(0.0, 1.0)),
        user_attrs={SUPERSEDED_BY: "9999"} if state.is_finished() and luck.random() < 0.1 else {},
    )
    trial.number = number
    return trial


def changed(luck: random.Random, steps: int) -> tuple[TrialIndex, dict[int, FrozenTrial]]:
    """Return an index and the trials it was given last, after many began, waited and ended."""
    index, trials = TrialIndex(), {}
    for _ in range(steps):
        number = luck.randrange(steps // 2)
        before = trials.get(number)
        if before is not None and before.state.is_finished():
            continue  # Optuna changes none that has ended
        trials[number] = trial_of(number, luck.choice(list(TrialState)), luck)
        index.put(trials[number])
    return index, trials


def test_every_group_is_what_going_over_all_trials_finds():
    for seed in range(20):
        index, given = changed(random.Random(seed), 300)
        trials = [given[number] for number in sorted(given)]
        assert index.select(None) == trials
        for states in [(state,) for state in TrialState] + [ENDED, tuple(TrialState)[:3]]:
            expected = [trial for trial in trials if trial.state in states]
            assert index.select(states) == expected
        for state in TrialState:
            expected = [trial for trial in trials if trial.state is state]
            assert index.of(state).trials == expected
            assert index.of(state).numbers == [trial.number for trial in expected]
        assert index.ended.trials == [trial for trial in trials if trial.state in ENDED]
        assert index.count_ended == sum(
            trial.state.is_finished() and SUPERSEDED_BY not in trial.user_attrs for trial in trials
        )


def test_the_best_are_the_complete_ones_of_lowest_value_and_earlier_before_later():
    index, given = changed(random.Random(1), 300)
    complete = [trial for trial in given.values() if trial.state is TrialState.COMPLETE]
    ranked = sorted(complete, key=lambda trial: (trial.value, trial.number))
    assert len(ranked) > 20
    assert index.best(20) == [trial.number for trial in ranked[:20]]
    assert index.pick(index.best(3)) == ranked[:3]


def test_a_kind_is_the_first_ended_trial_with_its_parameters():
    index, given = changed(random.Random(2), 300)
    first: dict[tuple[str, ...], FrozenTrial] = {}
    for number in sorted(given):
        if given[number].state in ENDED:
            first.setdefault(tuple(given[number].params), given[number])
    assert len(first) == len(SETS)
    assert index.kinds() == list(first.values())


def test_a_trial_that_is_read_again_takes_its_own_place():
    index = TrialIndex()
    luck = random.Random(3)
    for number in (2, 0, 1):
        index.put(trial_of(number, TrialState.COMPLETE, luck))
    again = trial_of(1, TrialState.COMPLETE, luck)
    index.put(again)
    assert index.all.get(1) is index.ended.get(1) is index.of(TrialState.COMPLETE).get(1) is again
    assert len(index.all) == len(index.ended) == len(index.best(9)) == 3

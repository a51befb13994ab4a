"""CMA-ES rebuilt from ended trials proposes what one that is kept would."""

import datetime
import math
from pathlib import Path

import cmaes
import numpy as np
import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from harness.core.outcome import Outcome, Reason
from harness.core.score import Score
from harness.optimization.cma_sampler import CMASampler
from harness.study import optuna_trials
from harness.study.trial_storage import TrialStorage, journal_file
from tests.support.doubles import PROTOCOL

SPACE: dict[str, BaseDistribution] = {
    "rate": FloatDistribution(1e-4, 1e-2, log=True),
    "beta": FloatDistribution(0.0, 0.9),
    "kind": CategoricalDistribution(("mlp", "dcgan")),
    "fixed": FloatDistribution(1.0, 1.0),
}


def ask(study: optuna.Study, seed: int, space: dict[str, BaseDistribution] = SPACE):
    study.sampler = CMASampler(
        space, RandomSampler(seed=seed), n_startup_trials=1, popsize=4, seed=seed
    )
    return study.ask(space)


def loss(params: dict[str, float]) -> float:
    return (math.log10(params["rate"]) + 3.5) ** 2 + (params["beta"] - 0.2) ** 2


def as_units(params: dict[str, float]) -> np.ndarray:
    # log10 of the rate from -4 to -2, beta from 0 to 0.9.
    return np.array([(math.log10(params["rate"]) + 4) / 2, params["beta"] / 0.9])


def test_it_proposes_what_an_optimizer_driven_by_hand_does():
    study = optuna.create_study()
    first = ask(study, 0)
    study.tell(first, loss(first.params))
    by_hand = cmaes.CMA(
        mean=np.array([0.5, 0.5]),
        sigma=1 / 6,
        bounds=np.array([[0.0, 1.0]] * 2),
        n_max_resampling=20,
        population_size=4,
    )
    told = []
    for seed in range(1, 30):
        trial = ask(study, seed)
        by_hand.reseed_rng(seed)
        assert as_units(trial.params) == pytest.approx(by_hand.ask(), abs=1e-9)
        assert (trial.params["fixed"], trial.params["kind"] in ("mlp", "dcgan")) == (1.0, True)
        if seed % 5 == 0:  # a crash teaches nothing
            study.tell(trial, state=TrialState.FAIL)
            continue
        if seed % 3 == 0:  # a pruned trial counts with its last score
            trial.report(99.0, 1)
            trial.report(loss(trial.params), 4)
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, loss(trial.params))
        told.append((as_units(trial.params), loss(trial.params)))
        if len(told) == 4:
            by_hand.tell(told)
            told = []
    assert by_hand.generation == 6  # 24 of 29 trials had a score


def test_the_order_of_ends_is_counted_and_not_told_by_the_clock():
    study = optuna.create_study()
    asked = [ask(study, seed) for seed in range(7)]
    for trial in (asked[0], asked[5], asked[1], asked[4], asked[2], asked[3]):
        value = loss(trial.params)
        best = Score(value, 5.0, 0, PROTOCOL)
        optuna_trials.tell(study, trial, Outcome(Reason.FINISHED, kimg=5.0, best=best))
    proposed = ask(study, 50).params
    turned = optuna.create_study()
    ended = study.get_trials()[:6]
    for trial in ended:  # as if the clock had been set back before each of them ended
        trial.datetime_complete = datetime.datetime(2026, 1, 1) - (
            trial.user_attrs["ended_as"] * datetime.timedelta(days=1)
        )
    turned.add_trials(ended)
    for key, value in study.user_attrs.items():
        turned.set_user_attr(key, value)
    turned.add_trial(optuna.trial.create_trial(state=TrialState.FAIL))  # keeps the numbers
    assert ask(turned, 50).params == proposed


def test_trials_that_end_late_change_nothing_that_was_told():
    study = optuna.create_study()
    study.tell(ask(study, 0), 1.0)
    many = [ask(study, seed) for seed in range(1, 7)]  # all of the first generation
    for trial in (many[5], many[1], many[4], many[2]):
        study.tell(trial, loss(trial.params))
    before = ask(study, 50).params
    study.tell(many[0], loss(many[0].params))
    study.tell(many[3], loss(many[3].params))
    assert ask(study, 50).params == before
    assert study.user_attrs == {"cmaes:generation:0": 1, "cmaes:generation:1": 7}


def test_a_study_opened_again_proposes_the_same_and_keeps_no_pickle(tmp_path: Path):
    def run(study: optuna.Study, seeds: range) -> list[dict[str, object]]:
        found = []
        for seed in seeds:
            trial = ask(study, seed)
            study.tell(trial, loss(trial.params))
            found.append(trial.params)
        return found

    whole = run(optuna.create_study(), range(14))
    storage = TrialStorage(tmp_path, writes=True)
    run(storage.open_study("s"), range(11))
    storage.close()
    again = TrialStorage(tmp_path, writes=True).open_study("s")
    assert run(again, range(11, 14)) == whole[11:]
    assert all(trial.system_attrs == {} for trial in again.trials)
    assert b"optimizer" not in journal_file(tmp_path).read_bytes()


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (IntDistribution(16, 40, step=8), {16, 24, 32, 40}),
        (IntDistribution(1, 3, log=True), {1, 2, 3}),
        (FloatDistribution(0.0, 1.0, step=0.5), {0.0, 0.5, 1.0}),
    ],
)
def test_steps_are_kept_and_every_one_is_reached(
    distribution: BaseDistribution, values: set[float]
):
    study = optuna.create_study()
    space = {"a": distribution, "b": distribution}
    seen = set()
    study.tell(ask(study, 0, space), 1.0)
    for seed in range(200):  # all of the first generation
        trial = ask(study, seed, space)
        seen |= set(trial.params.values())
        assert type(trial.params["a"]) is (int if distribution.high > 1 else float)
    assert seen == values


def test_one_number_alone_is_searched_too():
    study = optuna.create_study()
    space = {"rate": SPACE["rate"]}
    logs = []
    for seed in range(60):
        trial = ask(study, seed, space)
        logs.append(math.log10(trial.params["rate"]))
        study.tell(trial, (logs[-1] + 3.5) ** 2)
    assert np.mean(logs[-10:]) == pytest.approx(-3.5, abs=0.2)

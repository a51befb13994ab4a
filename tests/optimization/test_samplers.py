import importlib.util
import random

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.core.errors import MissingExtraError
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.optimization.samplers import SAMPLERS, sampler_for, visible_trials
from harness.space.settings import SAMPLER_SETTINGS
from harness.space.space import SearchSpace
from harness.study.optuna_trials import tell
from harness.study.trial_storage import TrialStorage

PROTOCOL = Protocol("fid", "fashion_cnn", "ab", 1000, "fashion_mnist/validation", "cd")
EVERY_SAMPLER = [
    pytest.param(name, marks=[pytest.mark.torch] if name == "gp" else []) for name in SAMPLERS
]
PARAMETERS = {
    "generator.name": {"choices": ["mlp", "dcgan"]},
    "generator.learning_rate": {"low": 1.0e-4, "high": 1.0e-2, "log": True},
    "generator.latent_dim": {"low": 32, "high": 128, "step": 32},
    "generator.width": [
        {"when": {"generator.name": "mlp"}, "choices": [64, 128]},
        {"when": {"generator.name": "dcgan"}, "low": 16, "high": 40, "step": 8},
    ],
    "optimizer.beta_1": {"low": 0.0, "high": 0.9},
}


def space(sampler="tpe", parameters=PARAMETERS, **options):
    record = {
        "name": "small",
        "dataset": "fashion_mnist",
        "parameters": parameters,
        "budget": {"rungs_kimg": [16, 64]},
        "sampler": {"name": sampler, **options},
    }
    return SearchSpace.from_dict(record, source="small")


def ask(study, searched, number):
    trials = study.get_trials(deepcopy=False)
    study.sampler = sampler_for(searched, study_seed=7, number=number, trials=trials)
    trial = study.ask()
    return trial, searched.suggest(trial, seed=0)


def outcome(reason, value, kimg=16):
    return Outcome(reason=reason, kimg=kimg, best=Score(value, kimg, 1, PROTOCOL))


def fill(study, searched, count):
    """Run a study whose score is known: small learning rates of dcgan are best."""
    configs = []
    for number in range(count):
        trial, config = ask(study, searched, number)
        value = 1000 * config.generator.learning_rate + (config.family == "mlp")
        reason = Reason.OUTRANKED if number % 4 == 3 else Reason.FINISHED
        tell(study, trial, outcome(reason, value))
        configs.append(config)
    return configs


def test_every_setting_has_a_sampler():
    assert SAMPLERS.keys() == SAMPLER_SETTINGS.keys()


@pytest.mark.parametrize("name", EVERY_SAMPLER)
def test_sampler_handles_a_conditional_space_without_noise(name, caplog):
    searched = space(name)
    optuna.logging.enable_propagation()
    try:
        configs = fill(optuna.create_study(), searched, 20)
    finally:
        optuna.logging.disable_propagation()

    # Warnings are errors here, and this is what Optuna would log instead.
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []
    assert {config.family for config in configs} == {"mlp", "dcgan"}
    distinct = len({config.generator.learning_rate for config in configs})
    assert distinct == 20 or (name == "gp" and distinct > 10)  # GP returns to a bound it likes


@pytest.mark.parametrize("name", EVERY_SAMPLER)
def test_proposals_are_a_function_of_seed_and_past(name):
    searched = space(name)

    assert fill(optuna.create_study(), searched, 16) == fill(optuna.create_study(), searched, 16)


@pytest.mark.parametrize("searched", [space("tpe", n_startup_trials=0), space("random")])
def test_trial_seed_decides_what_is_drawn(searched):
    drawn = [ask(optuna.create_study(), searched, seed)[1] for seed in (1, 1, 2)]

    assert drawn[0] == drawn[1] != drawn[2]


def test_resumed_study_proposes_what_an_uninterrupted_one_would(tmp_path):
    searched = space("tpe", n_startup_trials=4)
    whole = fill(optuna.create_study(), searched, 8)

    storage = TrialStorage(tmp_path, writes=True)
    fill(storage.open_study("s"), searched, 7)
    storage.close()
    resumed = TrialStorage(tmp_path, writes=True).open_study("s")

    assert ask(resumed, searched, 7)[1] == whole[7]


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_learning_samplers_beat_chance(name):
    def late_rates(sampler):
        configs = fill(optuna.create_study(), space(sampler), 60)
        return np.log([config.generator.learning_rate for config in configs[30:]])

    # Uniform in the logarithm would average log(1e-3); small rates are better here.
    assert late_rates(name).mean() < late_rates("random").mean() - 0.4


def test_tpe_avoids_the_region_of_violations(tmp_path):
    searched = space("tpe", {"generator.learning_rate": PARAMETERS["generator.learning_rate"]})

    def share_in_bad_region(reason, storage):
        study = optuna.create_study(storage=storage)
        rng = np.random.default_rng(0)
        for number in range(24):
            # Half of the trials lie above 1e-3, come further and score better, but end badly.
            bad = number % 2 == 1
            rate = float(10 ** rng.uniform(-3, -2) if bad else 10 ** rng.uniform(-4, -3))
            study.enqueue_trial({"generator.learning_rate": rate})
            trial, _ = ask(study, searched, number)
            end = outcome(reason, 5.0, 64) if bad else outcome(Reason.OUTRANKED, 20.0, 16)
            tell(study, trial, end)
        rates = []
        for number in range(15):
            trial, config = ask(study, searched, 100 + number)
            rates.append(config.generator.learning_rate)
            tell(study, trial, Outcome(reason=Reason.CRASHED))  # teaches nothing
        return np.mean(np.array(rates) > 1e-3)

    storage = TrialStorage(tmp_path, writes=True)
    assert share_in_bad_region(Reason.DIVERGED, storage) < 0.2
    # The same trials without the constraint, ended as merely outranked, would attract it.
    assert share_in_bad_region(Reason.OUTRANKED, None) > 0.8


def test_tpe_begins_with_every_family_and_with_all_of_the_range():
    configs = fill(optuna.create_study(), space("tpe", n_startup_trials=16), 16)

    # Of 16 independent draws one family would have fewer than 6 in one study out of five.
    families = [config.generator.name for config in configs]
    assert min(families.count("mlp"), families.count("dcgan")) >= 6
    logs = np.log10([config.generator.learning_rate for config in configs])
    assert sorted(np.floor((logs + 4) / 2 * 16).astype(int)) == list(range(16))


def test_crashes_teach_tpe_nothing():
    searched = space("tpe", n_startup_trials=2)

    def next_proposal(crashes):
        study = optuna.create_study()
        for number in range(4):
            trial, _ = ask(study, searched, number)
            tell(study, trial, outcome(Reason.FINISHED, float(number)))
        for number in range(crashes):
            trial, _ = ask(study, searched, 50 + number)
            tell(study, trial, outcome(Reason.CRASHED, 0.1))
        return ask(study, searched, 99)[1]

    assert next_proposal(0) == next_proposal(3)


def test_qmc_spreads_evenly_over_conditional_parameters_too():
    configs = fill(optuna.create_study(), space("qmc"), 64)
    logs = np.log10([config.generator.learning_rate for config in configs])

    # A scrambled Sobol sequence puts exactly one of 64 points into each 64th of every axis.
    cells = np.floor((logs + 4) / 2 * 64).astype(int)
    assert sorted(cells) == list(range(64))
    # The family's own axis as well: half of 64 points choose dcgan, spread over its four widths.
    assert sum(config.family == "dcgan" for config in configs) == 32


def test_qmc_sequence_is_the_study_seeds():
    searched = space("qmc")

    def first(study_seed):
        study = optuna.create_study(
            sampler=sampler_for(searched, study_seed=study_seed, number=0, trials=())
        )
        return searched.suggest(study.ask(), seed=0)

    assert first(1) == first(1) != first(2)


def drawn_trials(count: int) -> list[FrozenTrial]:
    """Return ended trials with numbers, one of ten of another family, and one that runs."""
    luck = random.Random(0)
    study = optuna.create_study()
    rate = optuna.distributions.FloatDistribution(0.0, 1.0)
    for number in range(count):
        names = ["rate", "width"] if number % 10 else ["rate"]
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE if number % 3 else TrialState.PRUNED,
                value=luck.uniform(20, 200),
                params=dict.fromkeys(names, 0.5),
                distributions=dict.fromkeys(names, rate),
                intermediate_values={5: 1.0},
                constraints={"diverged": 1.0} if number % 3 == 0 else None,
            )
        )
    study.ask()
    return study.get_trials()


def test_tpe_sees_all_of_a_few_trials_and_a_part_of_thousands():
    few, many = drawn_trials(525), drawn_trials(3000)
    assert list(visible_trials(space(), few)) == few
    assert list(visible_trials(space("cmaes"), many)) == many
    shown = visible_trials(space(), many)
    # The 25 best, the first of each of two sets of parameters, 500 others and what runs.
    assert 526 <= len(shown) <= 528
    assert shown[-1].state is TrialState.RUNNING
    complete = [each.value for each in many if each.state is TrialState.COMPLETE]
    assert set(sorted(complete)[:25]) <= {each.value for each in shown}
    numbers = [each.number for each in shown]
    assert numbers == sorted(numbers)
    assert {0, 1} <= set(numbers)
    # Evenly by number: each tenth of the study shows a tenth of the 500, give or take the best.
    tenths = np.histogram(numbers, bins=10, range=(0, 3000))[0]
    assert tenths.min() >= 48
    assert tenths.max() <= 62


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_missing_package_is_named_with_its_remedy():
    with pytest.raises(MissingExtraError, match=r"gp needs torch.*harness\[samplers\]"):
        sampler_for(space("gp"), study_seed=0, number=0, trials=())

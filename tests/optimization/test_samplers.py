import importlib.util

import cmaes
import numpy as np
import optuna
import pytest

from harness.core.errors import MissingExtraError
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.optimization.samplers import MOST_OTHERS, SAMPLERS, sampler_for, teaching_trials
from harness.space.settings import SAMPLER_SETTINGS
from harness.space.space import SearchSpace
from harness.study.optuna_trials import tell
from harness.study.storage import TrialStorage

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


def ask(study, searched, trial_seed):
    study.sampler = sampler_for(searched, study_seed=7, trial_seed=trial_seed, trials=study.trials)
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
        tell(trial, outcome(reason, value))
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
    storage.journal.close()
    resumed = TrialStorage(tmp_path, writes=True).open_study("s")

    assert ask(resumed, searched, 7)[1] == whole[7]


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_learning_samplers_beat_chance(name):
    def late_rates(sampler):
        configs = fill(optuna.create_study(), space(sampler), 60)
        return np.log([config.generator.learning_rate for config in configs[30:]])

    # Uniform in the logarithm would average log(1e-3); small rates are better here.
    assert late_rates(name).mean() < late_rates("random").mean() - 0.4


def test_tpe_avoids_the_region_of_violations():
    searched = space("tpe", {"generator.learning_rate": PARAMETERS["generator.learning_rate"]})

    def share_in_bad_region(reason):
        study = optuna.create_study()
        rng = np.random.default_rng(0)
        for number in range(24):
            # Half of the trials lie above 1e-3, come further and score better, but end badly.
            bad = number % 2 == 1
            rate = float(10 ** rng.uniform(-3, -2) if bad else 10 ** rng.uniform(-4, -3))
            study.enqueue_trial({"generator.learning_rate": rate})
            trial, _ = ask(study, searched, number)
            end = outcome(reason, 5.0, 64) if bad else outcome(Reason.OUTRANKED, 20.0, 16)
            tell(trial, end)
        rates = []
        for number in range(15):
            trial, config = ask(study, searched, 100 + number)
            rates.append(config.generator.learning_rate)
            tell(trial, Outcome(reason=Reason.CRASHED))  # teaches nothing
        return np.mean(np.array(rates) > 1e-3)

    assert share_in_bad_region(Reason.DIVERGED) < 0.2
    # The same trials without the constraint, ended as merely outranked, would attract it.
    assert share_in_bad_region(Reason.OUTRANKED) > 0.8


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
            tell(trial, outcome(Reason.FINISHED, float(number)))
        for number in range(crashes):
            trial, _ = ask(study, searched, 50 + number)
            tell(trial, outcome(Reason.CRASHED, 0.1))
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
            sampler=sampler_for(searched, study_seed=study_seed, trial_seed=0)
        )
        return searched.suggest(study.ask(), seed=0)

    assert first(1) == first(1) != first(2)


@pytest.mark.parametrize("count", [500, 3000])
def test_tpe_learns_from_a_part_of_thousands(count):
    distribution = {"x": optuna.distributions.FloatDistribution(0.0, 1.0)}
    trials = [
        optuna.trial.create_trial(value=float(n), params={"x": 0.5}, distributions=distribution)
        for n in range(count)
    ]
    violated = optuna.trial.create_trial(
        value=-1.0, params={"x": 0.5}, distributions=distribution, constraints={"diverged": 1.0}
    )
    running = optuna.trial.create_trial(
        state=optuna.trial.TrialState.RUNNING, params={"x": 0.5}, distributions=distribution
    )
    study = optuna.create_study()
    study.add_trials([*reversed(trials), violated, running])
    shown = teaching_trials(space("tpe"), study.trials)
    if count == 500:
        assert shown is None
        return
    numbers = [trial.number for trial in shown]
    assert numbers == sorted(numbers)
    assert running.state in {trial.state for trial in shown}
    # The 25 best were added last, just before the one that violates; 500 others lie evenly.
    assert set(range(count - 25, count)) <= set(numbers)
    assert len(numbers) == 25 + MOST_OTHERS + 1
    assert max(np.diff(numbers)) <= 2 * count / MOST_OTHERS


def generations(study):
    """Return the first trial of each generation of CMA-ES."""
    prefix = "cmaes:generation:"
    found = {key: value for key, value in study.user_attrs.items() if key.startswith(prefix)}
    return [found[f"{prefix}{n}"] for n in range(len(found))]


def test_cmaes_keeps_its_dimensions_while_families_come_and_go():
    study = optuna.create_study()
    for _ in range(12):
        study.enqueue_trial({"generator.name": "dcgan"})
    for _ in range(4):
        study.enqueue_trial({"generator.name": "mlp"})
    fill(study, space("cmaes"), 24)

    # A generation of 3 dimensions takes 4 + floor(3 ln 3) = 7 trials; the first trial starts up.
    assert generations(study) == [1, 8, 15, 22]


def test_cmaes_learns_from_pruned_trials():
    study, searched = optuna.create_study(), space("cmaes")
    for number in range(20):
        trial, config = ask(study, searched, number)
        tell(trial, outcome(Reason.OUTRANKED, config.generator.learning_rate))

    assert generations(study) == [1, 8, 15]


def test_cmaes_rebuilt_from_trials_proposes_what_one_kept_in_memory_does():
    low, high = 1.0e-4, 1.0e-2
    searched = space(
        "cmaes",
        {
            "generator.learning_rate": {"low": low, "high": high, "log": True},
            "optimizer.beta_1": {"low": 0.0, "high": 0.9},
        },
    )
    study = optuna.create_study()
    # Two dimensions: a population of 4 + floor(3 ln 2) = 6, mean in the middle, a sixth wide.
    kept = cmaes.CMA(
        np.array([0.5, 0.5]), 1 / 6, bounds=np.array([[0, 1], [0, 1]]), n_max_resampling=20
    )
    told = []
    for number in range(1 + 3 * 6):
        trial, config = ask(study, searched, number)
        rate, beta = config.generator.learning_rate, config.optimizer.beta_1
        value = 1000 * rate + beta
        if number:  # before anything has ended there is nothing to learn from
            kept.reseed_rng(number)
            point = kept.ask()
            assert rate == pytest.approx(low * (high / low) ** point[0])
            assert beta == pytest.approx(0.9 * point[1])
            told.append((point, value))
        if len(told) == 6:
            kept.tell(told)
            told = []
        crash = number == 9
        tell(trial, outcome(Reason.CRASHED if crash else Reason.FINISHED, value))
        if crash:  # it teaches nothing: the generation takes one more
            told.pop()
    assert generations(study) == [1, 7, 14]


def test_nothing_of_cmaes_is_kept_but_where_generations_begin():
    study = optuna.create_study()
    fill(study, space("cmaes"), 12)
    assert {key for trial in study.trials for key in trial.system_attrs} == set()
    assert set(study.user_attrs) == {"cmaes:generation:0", "cmaes:generation:1"}


def test_whole_numbers_and_steps_of_cmaes_lie_on_their_grid():
    searched = space(
        "cmaes",
        {
            "generator.latent_dim": {"low": 32, "high": 128, "step": 32},
            "discriminator.dropout": {"low": 0.0, "high": 0.3, "step": 0.1},
        },
    )
    configs = fill(optuna.create_study(), searched, 40)
    assert {config.generator.latent_dim for config in configs} == {32, 64, 96, 128}
    assert {config.discriminator.dropout for config in configs} <= {0.0, 0.1, 0.2, 0.3}


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_missing_package_is_named_with_its_remedy():
    with pytest.raises(MissingExtraError, match=r"sampler gp needs torch, .*harness\[samplers\]"):
        sampler_for(space("gp"), study_seed=0, trial_seed=0)

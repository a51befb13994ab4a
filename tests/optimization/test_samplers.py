import importlib.util
import pickle

import numpy as np
import optuna
import pytest
from optuna.samplers import CmaEsSampler

from harness.core.errors import MissingExtraError
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.optimization.samplers import SAMPLERS, sampler_for
from harness.space.settings import SAMPLER_SETTINGS
from harness.space.space import SearchSpace
from harness.study.optuna_trials import tell

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
    study.sampler = sampler_for(searched, study_seed=7, trial_seed=trial_seed)
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

    storage = f"sqlite:///{tmp_path / 'study.db'}"
    fill(optuna.create_study(study_name="s", storage=storage), searched, 7)
    resumed = optuna.load_study(study_name="s", storage=storage)

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

    storage = f"sqlite:///{tmp_path / 'study.db'}"
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
            sampler=sampler_for(searched, study_seed=study_seed, trial_seed=0)
        )
        return searched.suggest(study.ask(), seed=0)

    assert first(1) == first(1) != first(2)


def generations(study):
    return [trial.system_attrs.get("cma:generation") for trial in study.trials]


def test_cmaes_keeps_its_dimensions_while_families_come_and_go():
    study = optuna.create_study()
    for _ in range(12):
        study.enqueue_trial({"generator.name": "dcgan"})
    for _ in range(4):
        study.enqueue_trial({"generator.name": "mlp"})
    fill(study, space("cmaes"), 24)

    # Optuna marks the trials that CMA-ES itself proposed. By itself it would search dcgan's width
    # too while all trials have one, and give up when the first without it completes.
    assert generations(study)[0] is None
    assert None not in generations(study)[1:]


def test_cmaes_learns_from_pruned_trials():
    study, searched = optuna.create_study(), space("cmaes")
    for number in range(20):
        trial, config = ask(study, searched, number)
        tell(study, trial, outcome(Reason.OUTRANKED, config.generator.learning_rate))

    # A generation of 3 dimensions takes 4 + floor(3 ln 3) = 7 trials: 2 are over after 19.
    assert generations(study)[-1] == 2


def optuna_as_it_is(searched, seed):
    """Return the sampler that ours derives from, with the same settings."""
    ours = sampler_for(searched, study_seed=7, trial_seed=seed)
    stock = CmaEsSampler(
        seed=seed,
        consider_pruned_trials=True,
        n_startup_trials=1,
        independent_sampler=optuna.samplers.TPESampler(multivariate=False, seed=seed),
        warn_independent_sampling=False,
    )
    stock.infer_relative_search_space = ours.infer_relative_search_space
    return stock


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_cmaes_rebuilt_from_trials_proposes_what_optunas_stored_one_does(tmp_path):
    searched = space("cmaes")
    studies = []
    for name in ("ours", "stock"):
        study = optuna.create_study(study_name=name, storage=f"sqlite:///{tmp_path}/{name}.db")
        for number in range(24):
            study.sampler = (
                sampler_for(searched, study_seed=7, trial_seed=number)
                if name == "ours"
                else optuna_as_it_is(searched, number)
            )
            trial = study.ask()
            config = searched.suggest(trial, seed=0)
            reason = Reason.CRASHED if number == 9 else Reason.FINISHED
            tell(study, trial, outcome(reason, 1000 * config.generator.learning_rate))
        studies.append(study)
    ours, stock = studies
    # Generations of 7 trials, but the first trial and the crashed one count for none.
    assert generations(ours)[-1] == generations(stock)[-1] == 3
    assert [trial.params for trial in ours.trials] == [trial.params for trial in stock.trials]
    keys = {key for trial in stock.trials for key in trial.system_attrs}
    assert any("optimizer" in key for key in keys)  # Optuna's own is a pickle


class Loud:
    """Tell if anybody runs what a pickle says."""

    def __reduce__(self):
        return (exec, ("raise RuntimeError('executed')",))


def test_nothing_of_cmaes_is_stored_or_run_from_the_database(tmp_path):
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'study.db'}")
    searched = space("cmaes")
    fill(study, searched, 12)
    keys = {key for trial in study.trials for key in trial.system_attrs}
    assert keys == {"cma:generation"}
    trial, _ = ask(study, searched, 99)
    hostile = pickle.dumps(Loud()).hex()
    study._storage.set_trial_system_attr(trial._trial_id, "cma:optimizer:0", hostile)
    tell(study, trial, outcome(Reason.FINISHED, 1.0))
    ask(study, searched, 100)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_missing_package_is_named_with_its_remedy():
    with pytest.raises(
        MissingExtraError, match=r"gp needs the package torch.*harness\[samplers\]"
    ):
        sampler_for(space("gp"), study_seed=0, trial_seed=0)

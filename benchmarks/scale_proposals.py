"""Measure what a proposal costs by how many trials have ended, with a database in memory.

    python -m benchmarks.scale_proposals --trials 300 1000 3000 10000

Compares what Optuna does by itself, which looks at all trials for each group of parameters, with
one look at a part of them; then how good proposals are when a larger or a smaller part is shown.
Adds to results.json in --out.
"""

import argparse
import random
import statistics
import time
from pathlib import Path

import optuna
from optuna.trial import create_trial

from benchmarks.scale_report import keep
from harness.optimization import study_view
from harness.optimization.samplers import sampler_for
from harness.space.space import SearchSpace
from harness.study.trial_cache import TrialCache
from tests.support.doubles import invented_score

KINDS = ("all trials, a look a group", "a part, one look")


def fill(study, space, count):
    """Add ended trials drawn at random, with invented scores."""
    luck = random.Random(0)
    drawing = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=count))
    for number in range(count):
        trial = drawing.ask()
        config = space.suggest(trial, seed=number)
        value = invented_score(config, 125, luck).value
        study.add_trial(
            create_trial(value=value, params=trial.params, distributions=trial.distributions)
        )


def sampler_of(kind, space, number):
    """Return a fresh sampler of a kind, as the search makes one for each trial."""
    ours = sampler_for(space, study_seed=0, trial_seed=number)
    if kind == KINDS[1]:
        return ours
    return optuna.samplers.TPESampler(
        n_startup_trials=10, multivariate=True, group=True, seed=number
    )


def measure(kind, study, space, repeats):
    """Return the median of some proposals, in milliseconds of processor time."""
    spent = []
    for number in range(repeats):
        study.sampler = sampler_of(kind, space, number)
        began = time.process_time()
        trial = study.ask()
        space.suggest(trial, seed=0)
        spent.append(1000 * (time.process_time() - began))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return round(statistics.median(spent), 1)


def learn(study, space, others, proposals):
    """Return how good proposals are, by invented scores, where so many others are shown."""
    study_view.MOST_OTHERS = others
    values, began = [], time.process_time()
    for number in range(proposals):
        study.sampler = sampler_for(space, study_seed=0, trial_seed=number)
        trial = study.ask()
        config = space.suggest(trial, seed=0)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        values.append(typical_score(config))
    return {
        "others": others,
        "mean": round(statistics.mean(values), 3),
        "error": round(statistics.stdev(values) / len(values) ** 0.5, 3),
        "milliseconds": round(1000 * (time.process_time() - began) / proposals, 1),
    }


def typical_score(config):
    """Return the mean of a configuration's invented scores over eight trainings."""
    seeds = range(8)
    return statistics.mean(
        invented_score(config.model_copy(update={"seed": seed}), 125, random.Random(seed)).value
        for seed in seeds
    )


def main():
    """Measure both ways at growing numbers of trials, and what a part of them teaches."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[300, 1000, 3000, 10_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--others", type=int, nargs="+", default=[1000, 500, 250, 100])
    parser.add_argument("--proposals", type=int, default=150)
    parser.add_argument("--out", type=Path, default=Path("reports/scale"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = SearchSpace.load("default")
    database = optuna.storages.RDBStorage("sqlite:///:memory:")
    study = optuna.create_study(storage=TrialCache(database))
    rows = []
    for trials in sorted(options.trials):
        fill(study, space, trials - len(study.trials))
        rows.append({"trials": trials})
        for kind in KINDS:
            rows[-1][kind] = measure(kind, study, space, options.repeats)
        print(rows[-1], flush=True)
        keep(options.out, "proposals", rows)
    learnt = []
    for others in options.others:
        learnt.append(
            {"ended": max(options.trials)} | learn(study, space, others, options.proposals)
        )
        print(learnt[-1], flush=True)
        keep(options.out, "learning", learnt)


if __name__ == "__main__":
    main()

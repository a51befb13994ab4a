"""Measure how far apart proposals lie that TPE makes for workers that train at the same time.

    python -m benchmarks.scale_spread --trials 200

While a trial runs, TPE counts it among the bad ones (a constant liar), and so proposes something
else. Beside it stand TPE that is told nothing of running trials, and proposals drawn at random.
The distance of two proposals is Gower's: the mean over all parameters of how far apart they are on
their scale, 0 to 1; choices, and parameters that only one of them has, count 1 unless equal.
Adds to results.json in --out, and writes its README.md anew.
"""

import argparse
import math
import random
import statistics
from pathlib import Path

import optuna
from optuna.distributions import CategoricalDistribution

from benchmarks.scale_report import keep, write_report
from harness.optimization.samplers import sampler_for
from harness.space.settings import RandomSettings
from harness.space.space import SearchSpace
from tests.support.doubles import invented_score

WINDOW = 64
KINDS = ("tpe", "tpe without liar", "random")


def run(kind, *, workers, trials, seed):
    """Run a study without training; return each trial's parameters, oldest first."""
    space = SearchSpace.load("default")
    if kind == "random":
        space = space.model_copy(update={"sampler": RandomSettings()})
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    luck = random.Random(seed)
    running, proposed = [], []
    for number in range(trials):
        if len(running) == workers:
            trial, config = running.pop(luck.randrange(len(running)))
            study.tell(trial, invented_score(config, 125, luck).value)
        study.sampler = sampler_for(
            space,
            study_seed=seed,
            number=1000 * seed + number,
            trials=study.get_trials(deepcopy=False),
        )
        if kind == "tpe without liar":
            study.sampler._constant_liar = False
        trial = study.ask()
        running.append((trial, space.suggest(trial, seed=number)))
        others = [each.number for each, _ in running[:-1]]
        proposed.append((trial.params, trial.distributions, others))
    return proposed


def distance(one, other):
    """Return Gower's distance of two proposals, 0 to 1."""
    (params, scales, _), (others, other_scales, _) = one, other
    names = [
        name for name in {**params, **others} if not {**scales, **other_scales}[name].single()
    ]
    return statistics.fmean(
        _apart(params[name], others[name], scales[name])
        if name in params and name in others
        else 1.0
        for name in names
    )


def _apart(one, other, scale):
    if isinstance(scale, CategoricalDistribution):
        return float(one != other)
    if scale.log:
        return abs(math.log(one / other)) / math.log(scale.high / scale.low)
    return abs(one - other) / (scale.high - scale.low)


def measure(kind, workers, trials, seeds):
    """Return how close proposals lie to what runs, and to those made shortly before."""
    to_running, to_recent, count, same = [], [], 0, 0
    for seed in range(seeds):
        proposed = run(kind, workers=workers, trials=trials, seed=seed)
        # The start is a quasi-random sequence, and TPE knows nothing before trials have ended.
        for number in range(max(WINDOW, 2 * workers), trials):
            mine, recent = proposed[number], proposed[number - WINDOW + 1 : number]
            to_recent.append(min(distance(mine, each) for each in recent))
            running = [distance(mine, proposed[other]) for other in mine[2]]
            if running:
                to_running.append(min(running))
            count += 1
            same += min(running, default=1.0) == 0.0
    return {
        "sampler": kind,
        "workers": workers,
        "proposals": count,
        "same_as_running": same,
        "nearest_running_median": _median(to_running),
        "nearest_running_p5": _p5(to_running),
        "nearest_of_last_63_median": _median(to_recent),
    }


def _median(values):
    return round(statistics.median(values), 4) if values else None


def _p5(values):
    return round(sorted(values)[len(values) // 20], 4) if values else None


def main():
    """Measure all samplers with all numbers of workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("reports/scale"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for kind in KINDS:
        for workers in options.workers:
            rows.append(measure(kind, workers, options.trials, options.seeds))
            print(rows[-1], flush=True)
            keep(options.out, "spread", rows)
    write_report(options.out)


if __name__ == "__main__":
    main()

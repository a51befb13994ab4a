"""Measure what TPE's proposals cost in a large study, and what opening that study again costs.

    python -m benchmarks.scale_proposals

Processor time of this process: medians of asking for a trial of the default space, with all
trials shown to TPE and with the part that a sweep shows it.
"""

import statistics
import tempfile
import time
import warnings
from pathlib import Path

import optuna
from optuna.trial import TrialState

from benchmarks.storage import draw_trials
from harness.optimization.samplers import sampler_for, visible_trials
from harness.space.space import SearchSpace
from harness.study.trial_storage import TrialStorage, journal_file

SIZES = ((1000, 8), (3000, 100), (10_000, 1000))
REPEATS = 5


def ask(storage, study, space, *, part):
    """Ask for a trial, end it, and return what asking took in milliseconds."""
    began = time.process_time()
    trials = study.get_trials(deepcopy=False)
    study.sampler = sampler_for(space, study_seed=0, number=len(trials), trials=trials)
    with storage.transaction(), storage.showing(visible_trials(space, trials) if part else trials):
        trial = study.ask()
        space.suggest(trial, seed=0)
    spent = 1000 * (time.process_time() - began)
    study.tell(trial, state=TrialState.FAIL)
    return spent


def measure(space, ended, running, folder):
    """Return one row of the table."""
    storage = TrialStorage(folder, writes=True)
    study = storage.open_study("s")
    with storage.transaction():
        study.add_trials(draw_trials(lambda trial: space.suggest(trial, seed=0), ended, running))
    every, part = (
        statistics.median(ask(storage, study, space, part=part) for _ in range(REPEATS))
        for part in (False, True)
    )
    storage.close()
    began = time.process_time()
    TrialStorage(folder, writes=True).open_study("s")
    opened = time.process_time() - began
    megabytes = journal_file(folder).stat().st_size / 1e6
    return f"| {ended} / {running} | {every:.0f} | {part:.0f} | {opened:.1f} | {megabytes:.0f} |"


def main():
    """Print the table."""
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    space = SearchSpace.load("default")
    print("| ended / running | all shown, ms | a part, ms | opening, s | journal, MB |")
    print("|---|---|---|---|---|")
    for ended, running in SIZES:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            print(measure(space, ended, running, Path(folder)), flush=True)


if __name__ == "__main__":
    main()

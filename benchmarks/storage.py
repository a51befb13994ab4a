"""Measure what a trial costs in each of Optuna's storages, by public names alone.

    python -m benchmarks.storage --out reports/storage

A trial is asked for with all its parameters, reported once and told, while so many have ended and
so many run. Storages take turns at each trial, so that whatever else the machine does meets all
of them. The journals differ in the file alone: Optuna's own, and the project's.
"""

import argparse
import contextlib
import functools
import itertools
import json
import os
import platform
import random
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from harness.space.space import SearchSpace
from harness.study.journal import StudyJournal

SIZES = ((50, 2), (300, 100), (1000, 8))
NAME = "study"
PHASES = ("ask", "report", "tell")
NOTES = {"reason": "outranked", "kimg": 25.0, "duration_seconds": 31.5, "detail": ""}


def suggest_floats(trial):
    """Suggest twenty numbers."""
    for number in range(20):
        trial.suggest_float(f"x{number}", 0.0, 1.0)


def suggest_default(space, trial):
    """Suggest what a trial of the default search space has."""
    space.suggest(trial, seed=0)


class SQLite:
    """Optuna's database in one file; with `ahead` it appends to a log instead of syncing."""

    def __init__(self, folder, *, ahead):
        self.file = folder / f"{'ahead' if ahead else 'plain'}.db"
        self.storage = RDBStorage(
            f"sqlite:///{self.file}", engine_kwargs={"connect_args": {"timeout": 60}}
        )
        if ahead:
            sqlalchemy.event.listen(self.storage.engine, "connect", self._configure)
            self.storage.engine.dispose()

    @staticmethod
    def _configure(connection, _):
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    def transaction(self):
        """Optuna has no public way to write several things at once."""
        return contextlib.nullcontext()


class OptunaJournal:
    """Optuna's journal in the file that Optuna comes with."""

    def __init__(self, folder):
        self.file = folder / "optuna.jsonl"
        self.storage = JournalStorage(JournalFileBackend(str(self.file)))

    def transaction(self):
        """Each operation is written by itself."""
        return contextlib.nullcontext()


class OwnJournal:
    """Optuna's journal in the project's file, one write for each of a trial's phases."""

    def __init__(self, folder):
        self.file = folder / "own.jsonl"
        self.journal = StudyJournal(self.file, writes=True)
        self.storage = JournalStorage(self.journal)
        self.transaction = self.journal.transaction


STORAGES = {
    "SQLite": functools.partial(SQLite, ahead=False),
    "SQLite, write-ahead": functools.partial(SQLite, ahead=True),
    "JournalStorage, JournalFileBackend": OptunaJournal,
    "JournalStorage, StudyJournal": OwnJournal,
}


def draw_trials(suggest, ended, running):
    """Return trials as a study would hold them, drawn at random."""
    luck = random.Random(0)
    drawing = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trials = []
    for number in range(ended + running):
        trial = drawing.ask()
        suggest(trial)
        value = luck.uniform(20, 200)
        state = (TrialState.COMPLETE, TrialState.PRUNED)[number % 4 > 0]
        trials.append(
            create_trial(
                state=state if number < ended else TrialState.RUNNING,
                value=value if number < ended else None,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=NOTES if number < ended else {},
                intermediate_values={5: value},
            )
        )
    return trials


def open_study(make, folder, trials):
    """Return a storage that holds these trials, and its study."""
    opened = make(folder)
    study = optuna.create_study(study_name=NAME, storage=opened.storage)
    with opened.transaction():
        study.add_trials(trials)
    return opened, study


def run_trial(opened, study, suggest, number):
    """Ask for a trial, report it and tell it; return what each took in milliseconds."""
    study.sampler = optuna.samplers.TPESampler(multivariate=True, group=True, seed=number)
    marks = [time.perf_counter()]
    with opened.transaction():
        trial = study.ask()
        suggest(trial)
    marks.append(time.perf_counter())
    with opened.transaction():
        trial.report(100.0 - number, step=5)
    marks.append(time.perf_counter())
    with opened.transaction():
        for key, value in NOTES.items():
            trial.set_user_attr(key, value)
        study.tell(trial, 100.0 - number)
    marks.append(time.perf_counter())
    return [1000 * (after - before) for before, after in itertools.pairwise(marks)]


def measure(suggest, ended, running, repeats):
    """Return the medians of some trials, by storage and phase, in milliseconds."""
    trials = draw_trials(suggest, ended, running)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        studies = {name: open_study(make, Path(folder), trials) for name, make in STORAGES.items()}
        spent = {name: [] for name in studies}
        for number in range(repeats + 1):
            for name, (opened, study) in studies.items():
                spent[name].append(run_trial(opened, study, suggest, number))
    found = {}
    for name, rows in spent.items():
        rows = rows[1:]  # the first fills caches
        found[name] = {
            phase: round(statistics.median(column), 2)
            for phase, column in zip(PHASES, zip(*rows, strict=True), strict=True)
        }
        found[name]["total"] = round(statistics.median(map(sum, rows)), 2)
    return found


def table(results):
    """Return the results as Markdown."""
    lines = ["| space | ended / running | storage | ask | report | tell | total |"]
    lines.append("|---|---|---|---|---|---|---|")
    for row in results:
        for name, each in row["milliseconds"].items():
            numbers = " | ".join(f"{each[key]:.1f}" for key in (*PHASES, "total"))
            lines.append(
                f"| {row['space']} | {row['ended']} / {row['running']} | {name} | {numbers} |"
            )
    return "\n".join(lines)


def main():
    """Measure, print a table and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spaces = {
        "20 floats": suggest_floats,
        "default.yaml": functools.partial(suggest_default, SearchSpace.load("default")),
    }
    began = os.getloadavg()[0]
    results = [
        {
            "space": name,
            "ended": ended,
            "running": running,
            "milliseconds": measure(suggest, ended, running, options.repeats),
        }
        for name, suggest in spaces.items()
        for ended, running in SIZES
    ]
    print(table(results))
    if options.out:
        record = {
            "optuna": optuna.__version__,
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load_before_and_after": [round(began, 2), round(os.getloadavg()[0], 2)],
            "repeats": options.repeats,
            "results": results,
        }
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "results.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()

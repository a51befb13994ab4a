"""Check a study that was disturbed and then ended: nothing lost, nothing twice."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from harness.core.events import Finished, Progressed, RungScored
from harness.core.outcome import Outcome
from harness.gan.presets import PRESETS
from harness.study.trial_storage import open_read_only
from harness.training.training_folder import TrainingFolder
from tests.chaos.sweeps import Sweep
from tests.tracking.offline_log import OfflineRun, read_trainings


def check(sweep: Sweep, reference: dict[str, Any] | None = None) -> list[str]:
    """Return everything that is not as it should be, a sentence each.

    Args:
        sweep: Whose command has ended the study.
        reference: What `course` says of the same study, undisturbed.
    """
    found = [line for each in CHECKS.values() for line in each(sweep)]
    return found if reference is None else [*found, *_differences(sweep, reference)]


def course(sweep: Sweep) -> dict[str, Any]:
    """Return what a deterministic study says the same each time: courses and rankings."""
    result = {}
    for name, folder in sweep.trainings():
        outcome = folder.read_outcome()
        result[name] = {
            "config": folder.config_file.read_text(),
            "outcome": None if outcome is None else _lasting(outcome),
            "progress": [
                (event.kimg, event.generator_loss, event.discriminator_loss)
                for event in sweep.events(folder)
                if isinstance(event, Progressed)
            ],
            "rungs": [
                (event.kimg, event.score.value)
                for event in sweep.events(folder)
                if isinstance(event, RungScored)
            ],
        }
    return result


def _lasting(outcome: Outcome) -> tuple[object, ...]:
    best = outcome.best and outcome.best.value
    final = outcome.final and outcome.final.value
    return outcome.reason.value, outcome.kimg, best, final


def _counts(sweep: Sweep) -> Iterator[str]:
    """Compare what was asked for with folders and journal."""
    plan = sweep.plan
    ended = {name: folder.read_outcome() for name, folder in sweep.trainings()}
    expected = [f"{number:04d}" for number in range(plan.trials)]
    if plan.baselines:
        expected += sorted(f"baseline-{preset}" for preset in PRESETS)
    if sorted(ended) != sorted(expected):
        yield f"trainings {sorted(ended)}, expected {expected}"
    for name, outcome in ended.items():
        if outcome is None:
            yield f"{name} has no outcome"
    study = open_read_only(sweep.folder)
    told = {
        f"{trial.number:04d}": (trial.state.name, trial.user_attrs.get("reason"))
        for trial in (study.get_trials() if study else [])
    }
    if len(told) != plan.trials or any(state == "RUNNING" for state, _ in told.values()):
        yield f"Optuna has {told}"
    for name, (_, reason) in told.items():
        outcome = ended.get(name)
        if outcome is not None and outcome.reason.value != reason:
            yield f"{name} is {outcome.reason.value} to its folder, {reason} to Optuna"


def _histories(sweep: Sweep) -> Iterator[str]:
    for name, folder in sweep.trainings():
        events = sweep.events(folder)
        ends = [event for event in events if isinstance(event, Finished)]
        if len(ends) != 1 or events[-1] != ends[0]:
            yield f"{name}: its history has {len(ends)} ends"
        elif ends[0].outcome != folder.read_outcome():
            yield f"{name}: its history tells another end than its folder"
        for kind in (Progressed, RungScored):
            told = [event.kimg for event in events if isinstance(event, kind)]
            if told != sorted(set(told)):
                yield f"{name}: its history tells {kind.__name__} twice or out of order: {told}"


def _wandb(sweep: Sweep) -> Iterator[str]:
    """Read W&B's logs as its server would, and compare them with the histories."""
    runs = {_training(run): run for run in read_trainings(sweep.folder / "wandb")}
    trainings = dict(sweep.trainings())
    if set(runs) != set(trainings):
        yield f"W&B has runs of {sorted(runs)}, expected {sorted(trainings)}"
    for name in sorted(set(runs) & set(trainings)):
        for line in _run(runs[name], trainings[name], sweep, sweep.lost.get(name, set())):
            yield f"W&B's run of {name}: {line}"


def _training(run: OfflineRun) -> str:
    return run.name.rsplit(" ", 1)[1]


def _run(
    run: OfflineRun, folder: TrainingFolder, sweep: Sweep, lost: set[tuple[type, float]]
) -> Iterator[str]:
    steps = run.column("_step")
    if steps != list(range(len(steps))):
        yield f"steps {steps}"
    events = sweep.events(folder)
    kinds = (("generator_loss", "kimg", Progressed), ("rung", "rung_kimg", RungScored))
    for key, place, kind in kinds:
        logged = [row[place] for row in run.rows if key in row]
        told = [event.kimg for event in events if isinstance(event, kind)]
        if logged != sorted(set(logged)):
            yield f"{key} twice or out of order at {logged}"
        # What a cut took from the history, W&B may have kept.
        extra = [kimg for kimg in logged if kimg not in told]
        if not set(told) <= set(logged) or any((kind, kimg) not in lost for kimg in extra):
            yield f"{key} at {logged}, the history has it at {told}"
    pictures = len(run.images())
    if pictures != len(run.column("rung")):
        yield f"{pictures} pictures of {len(run.column('rung'))} rungs"
    outcome = folder.read_outcome()
    if outcome is not None and run.summary.get("outcome", {}).get("reason") != outcome.reason:
        yield f"its summary says {run.summary.get('outcome')}, expected {outcome.reason.value}"
    if run.exit_codes[-1] not in (0, 1):
        yield f"it ends with exit codes {run.exit_codes}"


def _doctor(sweep: Sweep) -> Iterator[str]:
    result = sweep.commands.run("doctor", "--study", sweep.folder.name, "--json", cwd=sweep.cwd)
    if result.returncode:
        yield f"the doctor ends with {result.returncode}: {result.stdout}{result.stderr}"
        return
    for finding in json.loads(result.stdout):
        if finding["level"] != "ok":
            yield f"the doctor finds: {finding['name']}: {finding['message']}"


CHECKS: dict[str, Callable[[Sweep], Iterator[str]]] = {
    "counts": _counts,
    "histories": _histories,
    "wandb": _wandb,
    "doctor": _doctor,
}


def _differences(sweep: Sweep, reference: dict[str, Any]) -> Iterator[str]:
    """Compare a study with the undisturbed one: the same numbers, not similar ones."""
    found = course(sweep)
    for name, expected in reference.items():
        if name not in found:
            continue  # counted already
        lost = sweep.lost.get(name, set())
        for key, kind in (("progress", Progressed), ("rungs", RungScored)):
            here, there = found[name][key], expected[key]
            missing = [each for each in there if each not in here]
            if any(each not in there for each in here) or any(
                (kind, each[0]) not in lost for each in missing
            ):
                yield f"{name}: {key} {here}, undisturbed {there}"
        for key in ("config", "outcome"):
            if found[name][key] != expected[key]:
                yield f"{name}: {key} {found[name][key]}, undisturbed {expected[key]}"

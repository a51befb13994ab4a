"""Report a finished study: `python -m benchmarks.default_study --study default`.

Trains the yardsticks (mlp_cgan to the winner's kimg, reference_dcgan to the last rung), scores
them and the winner with fresh noise under both extractors, asks the classifier whether the winner
draws what it is asked for, and writes table, grid and learning curves into reports/.
"""

import argparse
import json
import os
import platform
import subprocess
from pathlib import Path

import numpy as np

from benchmarks.extractor_validation import Instrument
from benchmarks.study_curves import draw_learning_curves
from harness.cli.display import count_outcomes
from harness.core.durations import format_kimg, format_seconds
from harness.core.events import Answer
from harness.core.files import write_json, write_text
from harness.core.seeds import derive_seed
from harness.data.datasets import load_dataset
from harness.gan.presets import load_preset
from harness.gan.sampling import Sampler, load_generator
from harness.gan.trainer import Trainer
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors.feature_extractor import load_extractor
from harness.space.space import SearchSpace
from harness.study.leaderboard import find_entry, rank, read_entries, winner
from harness.study.record import read_study
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from harness.training.context import prepare_context
from harness.training.grid import draw_grid, grid_labels
from harness.training.job import TrainingJob, WorkerSetup
from harness.training.loop import run_job
from harness.training.training_folder import TrainingFolder
from tests.extractors.residual import load_second_extractor

ROOT = Path(__file__).parents[1]
SLOW_PRESETS = {"tf_dcgan": 20, "fashiongan": 1}
"""Presets too slow to be given as much as the winner, and the kimg that they get."""
SLOW_NOTE = (
    "`tf_dcgan` and `fashiongan` are too slow on this machine to be given as much: their rows "
    "show what a few minutes buy, not what they can reach."
)


def train_yardstick(preset, kimg, folder, context):
    """Train a preset to a kimg, or take the training that is there; return its folder."""
    target = TrainingFolder(folder / f"{preset}-{kimg:g}kimg")
    if target.read_outcome() is None:
        config = load_preset(preset)
        target.write_config(config)
        job = TrainingJob(config, target, rungs_kimg=(kimg,), seed=config.seed, name=preset)
        target.write_outcome(run_job(job, context, lambda event: Answer.GO_ON))
    return target


def train_slow(preset, kimg, dataset, instruments):
    """Train a preset too slow for rungs, sample it once, and return its FID by extractor."""
    trainer = Trainer(load_preset(preset), dataset.train.images, dataset.train.labels, 10)
    while trainer.kimg < kimg:
        trainer.advance(1)
    return score(trainer.ema_generator, preset, dataset, instruments)


def score(generator, name, dataset, instruments):
    """Return the FID of a generator by extractor, on one fresh noise."""
    images = Sampler(generator).sample(
        noise_seed=derive_seed("default study", name), labels=Evaluator(dataset).labels
    )
    return {key: float(fid(images)) for key, fid in instruments.items()}


def label_accuracy(path, dataset):
    """Return the share of 1,000 images, 100 a class, classified as the class asked for."""
    labels = np.repeat(np.arange(dataset.num_classes, dtype=np.int32), 100)
    sampler = Sampler(load_generator(path))
    images = sampler.sample(noise_seed=derive_seed("default study", "labels"), labels=labels)
    return Evaluator(dataset).label_accuracy(images, labels)


def machine():
    """Return the size of this machine in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, CPU"


def commit():
    """Return the commit of the source tree."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def leaderboard_rows(ranked):
    """Return Markdown rows of all trials."""
    rows = []
    for place, entry in enumerate(ranked, start=1):
        outcome = entry.outcome
        final = outcome.final.text if outcome.final else "-"
        best = f"{outcome.best.value:.3f}" if outcome.best else "-"
        rows.append(
            f"| {place} | {entry.name} | {entry.config.family} | {format_kimg(outcome.kimg)} | "
            f"{final} | {best} | {outcome.reason.value} | {outcome.duration_seconds:.0f} |"
        )
    return "\n".join(rows)


def describe(results, ranked, metric):
    """Return the report as Markdown."""
    scores = results["fid"]
    names = list(next(iter(scores.values())))
    header = " | ".join(names)
    lines = "\n".join(
        f"| {name} | {format_kimg(results['kimg'][name])} | "
        + " | ".join(f"{values[key]:.3f}" for key in names)
        + " |"
        for name, values in scores.items()
    )
    ratios = "; ".join(
        f"{key}: mlp_cgan / winner = {scores['mlp_cgan'][key] / scores['winner'][key]:.1f}, "
        f"reference_dcgan / winner = {scores['reference_dcgan'][key] / scores['winner'][key]:.2f}"
        for key in names
    )
    slow = SLOW_NOTE if set(SLOW_PRESETS) & set(scores) else ""
    return f"""# The default study

`python -m harness.sweep --trials 50`, then `python -m benchmarks.default_study` for the
comparison below. Commit {results["commit"]}; {results["machine"]}; seed {results["seed"]}.
{results["outcomes"]}; the sweep took {results["duration"]}.

![winner](grid.png)

Ten images of each class by the winner, trial {results["winner"]}, on the study's fixed noise.

## The winner against the yardsticks

Scored with fresh noise against the validation split (10,000 images each), under the embedded
extractor and under the second one, which has another architecture and seed. Lower is better.
{slow}

| generator | kimg | {header} |
|---|---|{"---|" * len(names)}
{lines}

{ratios}.

Of 1,000 images by the winner, 100 a class, {results["label_accuracy"]:.1%} are classified as the
class asked for.

## Learning curves

![FID at the rungs](curves.png)

## All trials

`final` is {metric}, of the kept checkpoint on fresh noise, with half the width of its 95 %
interval; `best rung` is what the search saw.

| rank | trial | family | kimg | final | best rung | outcome | seconds |
|---|---|---|---|---|---|---|---|
{leaderboard_rows(ranked)}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="default")
    parser.add_argument("--studies-dir", type=Path, default=Path("studies"))
    parser.add_argument("--duration", type=float, required=True, help="Seconds the sweep took.")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "default-study")
    parser.add_argument("--fast", action="store_true", help="Leave out the slow presets.")
    arguments = parser.parse_args()
    folder = arguments.studies_dir / arguments.study
    ranked = rank(read_entries(folder))
    best, record = winner(ranked), read_study(folder)
    kimg = best.outcome.final.kimg
    last_rung = SearchSpace.load(str(folder / "search_space.yaml")).budget.rungs_kimg[-1]
    context = prepare_context(WorkerSetup())
    yardsticks = Path("trainings") / "yardsticks"
    files = {"winner": find_entry(folder).folder.generator_file}
    given = {"reference_dcgan": last_rung, "mlp_cgan": round(kimg)}
    for preset, budget in given.items():
        trained = train_yardstick(preset, budget, yardsticks, context)
        files[preset] = trained.generator_file
    dataset = load_dataset(record.dataset)
    instruments = {
        extractor.name: Instrument(extractor, dataset.validation)
        for extractor in (load_extractor("fashion_cnn"), load_second_extractor())
    }
    fid = {
        name: score(load_generator(path), name, dataset, instruments)
        for name, path in files.items()
    }
    print(json.dumps(fid, indent=2), flush=True)
    slow = {} if arguments.fast else SLOW_PRESETS
    fid |= {name: train_slow(name, slow[name], dataset, instruments) for name in slow}
    results = {
        "commit": (record.commit or commit())[:12],
        "machine": machine(),
        "seed": record.seed,
        "outcomes": count_outcomes(ranked),
        "duration": format_seconds(arguments.duration),
        "winner": best.name,
        "kimg": {"winner": kimg, **given, **slow},
        "fid": fid,
        "label_accuracy": label_accuracy(files["winner"], dataset),
        "config": best.config.model_dump(mode="json"),
        "leaderboard": [entry.to_dict() for entry in ranked],
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    for entry in results["leaderboard"]:
        del entry["folder"]
    write_json(arguments.out / "results.json", results)
    write_text(
        arguments.out / "README.md",
        describe(
            results,
            ranked,
            f"{best.score.protocol.name}, protocol {best.score.protocol.fingerprint}",
        ),
    )
    sampler = Sampler(load_generator(files["winner"]))
    images = sampler.sample(
        noise_seed=derive_seed(record.seed, "grid noise"), labels=grid_labels(dataset, True)
    )
    grid = draw_grid(images, row_names=dataset.class_names, scale=2)
    grid.save(arguments.out / "grid.png", optimize=True)
    histories = {entry.name: read_history(entry.folder.path / HISTORY_NAME) for entry in ranked}
    families = {entry.name: entry.config.family for entry in ranked}
    draw_learning_curves(histories, families, best.name).save(arguments.out / "curves.png")
    print(json.dumps({key: results[key] for key in ("fid", "label_accuracy")}, indent=2))


if __name__ == "__main__":
    main()

"""Report a finished study: `python -m tests.benchmarks.default_study --study default`.

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

import keras
import numpy as np

from harness.data.datasets import load_dataset
from harness.files import write_json, write_text
from harness.gan.presets import load_preset
from harness.gan.sampling import Sampler
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors import load_extractor
from harness.search.folders import read_study
from harness.search.leaderboard import find_entry, rank, read_entries, winner
from harness.seeds import derive_seed
from harness.terminal import count_outcomes, format_seconds
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from harness.training.folder import TrainingFolder
from harness.training.grid import draw_grid, grid_labels
from harness.training.runner import Runner
from harness.training.standalone import Training, run
from tests.benchmarks.extractor_validation import Instrument
from tests.benchmarks.study_curves import draw_learning_curves
from tests.extractors.residual import load_second_extractor

ROOT = Path(__file__).parents[2]


def train_yardstick(preset, kimg, folder, runner):
    """Train a preset to a kimg, or take the training that is there; return its folder."""
    target = TrainingFolder(folder / f"{preset}-{kimg:g}kimg")
    if target.read_outcome() is None:
        training = Training(load_preset(preset), target, kimg, tracker="none")
        run(training, runner, lambda event: None)
    return target


def score_all(generator_files, dataset, instruments):
    """Return FID by name and extractor, all on one fresh noise."""
    labels = Evaluator(dataset).labels
    table = {}
    for name, path in generator_files.items():
        sampler = Sampler(keras.saving.load_model(path, compile=False))
        images = sampler.sample(noise_seed=derive_seed("default study", name), labels=labels)
        table[name] = {key: float(fid(images)) for key, fid in instruments.items()}
    return table


def label_accuracy(path, dataset):
    """Return the share of 1,000 images, 100 a class, classified as the class asked for."""
    labels = np.repeat(np.arange(dataset.num_classes, dtype=np.int32), 100)
    sampler = Sampler(keras.saving.load_model(path, compile=False))
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
        final = f"{outcome.final.value:.3f}" if outcome.final else "-"
        best = f"{outcome.best.value:.3f}" if outcome.best else "-"
        rows.append(
            f"| {place} | {entry.name} | {entry.config.family} | {outcome.kimg:g} | {final} | "
            f"{best} | {outcome.reason.value} | {outcome.duration_seconds:.0f} |"
        )
    return "\n".join(rows)


def describe(results, ranked, metric):
    """Return the report as Markdown."""
    scores = results["fid"]
    names = list(next(iter(scores.values())))
    header = " | ".join(names)
    lines = "\n".join(
        f"| {name} | " + " | ".join(f"{values[key]:.3f}" for key in names) + " |"
        for name, values in scores.items()
    )
    ratios = "; ".join(
        f"{key}: mlp_cgan / winner = {scores['mlp_cgan'][key] / scores['winner'][key]:.1f}, "
        f"reference_dcgan / winner = {scores['reference_dcgan'][key] / scores['winner'][key]:.2f}"
        for key in names
    )
    return f"""# The default study

`python -m harness.sweep --trials 50`, then `python -m tests.benchmarks.default_study` for the
comparison below. Commit {results["commit"]}; {results["machine"]}; seed {results["seed"]}.
{results["outcomes"]}; the sweep took {results["duration"]}.

![winner](grid.png)

Ten images of each class by the winner, trial {results["winner"]}, on the study's fixed noise.

## The winner against the yardsticks

All three trained to {results["kimg"]:g} kimg, scored with fresh noise against the validation
split (10,000 images each), under the embedded extractor and under the second one, which has
another architecture and seed. Lower is better.

| generator | {header} |
|---|{"---|" * len(names)}
{lines}

{ratios}.

Of 1,000 images by the winner, 100 a class, {results["label_accuracy"]:.1%} are classified as the
class asked for.

## Learning curves

![FID at the rungs](curves.png)

## All trials

`final` is {metric} of the kept checkpoint on fresh noise; `best rung` is what the search saw.

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
    arguments = parser.parse_args()
    folder = arguments.studies_dir / arguments.study
    ranked = rank(read_entries(folder))
    best, record = winner(ranked), read_study(folder)
    kimg = max(entry.outcome.final.kimg for entry in ranked if entry.outcome.final)
    runner = Runner()
    yardsticks = Path("trainings") / "yardsticks"
    files = {"winner": find_entry(folder).folder.generator_file}
    for preset in ("reference_dcgan", "mlp_cgan"):
        trained = train_yardstick(preset, round(kimg), yardsticks, runner)
        files[preset] = trained.generator_file
    dataset = load_dataset(record.dataset)
    instruments = {
        extractor.name: Instrument(extractor, dataset.validation)
        for extractor in (load_extractor(), load_second_extractor())
    }
    results = {
        "commit": commit(),
        "machine": machine(),
        "seed": record.seed,
        "outcomes": count_outcomes(ranked),
        "duration": format_seconds(arguments.duration),
        "winner": best.name,
        "kimg": kimg,
        "fid": score_all(files, dataset, instruments),
        "label_accuracy": label_accuracy(files["winner"], dataset),
        "config": best.config.model_dump(mode="json"),
        "leaderboard": [entry.to_dict() for entry in ranked],
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    for entry in results["leaderboard"]:
        del entry["folder"]
    write_json(arguments.out / "results.json", results)
    write_text(arguments.out / "README.md", describe(results, ranked, best.score.protocol.name))
    sampler = Sampler(keras.saving.load_model(files["winner"], compile=False))
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

"""Measure floor, noise and presets by every metric: `python -m benchmarks.metrics_table`.

Trains each preset to the kimg below into --folder (again: takes what is there), measures 10,000
images of each against the validation split, and writes reports/metrics/.
"""

import argparse
from pathlib import Path

import numpy as np

from harness.core.files import write_json, write_text
from harness.core.seeds import derive_seed
from harness.data.datasets import load_dataset
from harness.gan.presets import load_preset
from harness.gan.sampling import Sampler, load_generator
from harness.gan.trainer import Trainer
from harness.metrics.evaluator import Evaluator
from harness.metrics.label_policy import choose_rows
from harness.study.leaderboard import find_entry
from harness.training.training_folder import TrainingFolder

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "reports" / "metrics"
KIMG = {"reference_dcgan": 128, "mlp_cgan": 128, "tf_dcgan": 20, "fashiongan": 1}
"""What each preset is given; the last two are slow on a CPU."""

SHOWN = (
    "fid",
    "fid_infinity",
    "kid",
    "precision",
    "recall",
    "density",
    "coverage",
    "memorisation",
    "label_accuracy",
    "fid_worst_class",
    "cas",
)


def sources(folder, study, dataset, evaluator):
    """Yield name, images and labels of everything that is measured."""
    train = dataset.train
    rows = choose_rows(evaluator.num_images, labels=train.labels, wanted=evaluator.labels)
    yield "training images (the floor)", train.images[rows], train.labels[rows]
    shape = (evaluator.num_images, *dataset.image_shape)
    yield "uniform noise", np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), None
    if study.exists():
        path = find_entry(study).folder.generator_file
        yield f"winner of study {study.name}", *draw(Sampler(load_generator(path)), evaluator)
    for preset, kimg in KIMG.items():
        kept = TrainingFolder(folder / f"{preset}-{kimg}kimg")
        if not kept.generator_file.exists():
            train_to(preset, kimg, kept, dataset)
        sampler = Sampler(load_generator(kept.generator_file))
        yield f"{preset}, {kimg} kimg", *draw(sampler, evaluator)


def train_to(preset, kimg, folder, dataset):
    trainer = Trainer(load_preset(preset), dataset.train.images, dataset.train.labels, 10)
    while trainer.kimg < kimg:
        trainer.advance(max(1, round(0.25 / trainer.kimg_per_step)))
    folder.path.mkdir(parents=True, exist_ok=True)
    trainer.ema_generator.save(folder.generator_file)


def draw(sampler, evaluator):
    """Return images and labels of a generator; no labels where it takes none."""
    seed = derive_seed("metrics table")
    images = sampler.sample(noise_seed=seed, labels=evaluator.labels)
    return images, evaluator.labels if sampler.conditional else None


def cell(measured):
    if measured is None:
        return "-"
    digits = 4 if measured["protocol"]["metric"] == "kid" else 3
    text = f"{measured['value']:.{digits}f}"
    if measured["interval"]:
        low, high = measured["interval"]
        text += f" ({low:.{digits}f} to {high:.{digits}f})"
    return f"{text} {measured['note']}".strip()


def describe(results):
    """Return the table as Markdown, a row a metric."""
    names = list(results)
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [
        f"| {metric} | {' | '.join(cell(results[name].get(metric)) for name in names)} |"
        for metric in SHOWN
    ]
    protocol = next(iter(results.values()))["fid"]
    return TEXT.format(
        table="\n".join(lines), name=protocol["name"], fingerprint=protocol["fingerprint"]
    )


TEXT = """# Every metric, measured

10,000 images against the validation split, all metrics from the same features of `fashion_cnn`
(`{name}`, protocol `{fingerprint}`); 95 % intervals in parentheses, where there are any. They say
what other noise would give, not what another training seed would. Made by
`python -m benchmarks.metrics_table`; all numbers with their protocols in
[results.json](results.json).

{table}

Lower is better for the FIDs and KID, higher for precision, recall, density, coverage, label
accuracy and cas (classification accuracy score, on the validation images); memorisation is best
at 0.5: there fakes lie as near to training images as held-out real images do. The floor is the
first training images in the validation split's proportions, so its memorisation is 1. Presets
have one seed each.

How early FID tells the end of a training: [rungs.md](rungs.md).
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "trainings" / "metrics-table")
    parser.add_argument("--study", type=Path, default=ROOT / "studies" / "default")
    arguments = parser.parse_args()
    dataset = load_dataset("fashion_mnist")
    evaluator = Evaluator(dataset)
    results = {}
    for name, images, labels in sources(arguments.folder, arguments.study, dataset, evaluator):
        measured = evaluator.measure(images, labels)
        if labels is not None:
            measured.append(evaluator.classification_accuracy(images, labels))
        results[name] = {one.protocol.metric: one.to_dict() for one in measured}
        print(name, {key: cell(results[name].get(key)) for key in SHOWN}, flush=True)
        REPORT.mkdir(parents=True, exist_ok=True)
        write_json(REPORT / "results.json", results)
    write_text(REPORT / "README.md", describe(results))


if __name__ == "__main__":
    main()

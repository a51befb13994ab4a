"""Set a confirmed winner beside a yardstick: `python -m benchmarks.winner_seeds`.

The trainings that `harness.confirm` made of the winner's configuration with new seeds, against as
many of `reference_dcgan`, each given the time that the search's winner took, on one thread, two at
a time. All are scored with fresh noise on the test split under the embedded extractor and the
second one, and the winner's also class by class. Written into reports/: winner_seeds.json and a
page beside it.
"""

import argparse
import multiprocessing
import statistics
from pathlib import Path

from harness.confirmation.result import read_result
from harness.core.durations import format_kimg
from harness.core.files import write_json, write_text
from harness.core.seeds import derive_seed
from harness.training.training_folder import TrainingFolder

YARDSTICK = "reference_dcgan"
RUNGS = (16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0)
"""Where the yardstick is scored: its best generator counts, as the winner's does."""


def train(task):
    """Train the yardstick on one seed for so many seconds in a process of its own."""
    folder, seed, seconds = task
    from harness.core.events import Answer
    from harness.gan.presets import load_preset
    from harness.training.context import prepare_context
    from harness.training.job import TrainingJob, WorkerSetup
    from harness.training.loop import run_job

    target = TrainingFolder(folder)
    if target.read_outcome() is None:
        config = load_preset(YARDSTICK).model_copy(update={"seed": seed})
        target.write_config(config)
        job = TrainingJob(
            config,
            target,
            rungs_kimg=RUNGS,
            seed=seed,
            name=YARDSTICK,
            stop_after_seconds=seconds,
        )
        target.write_outcome(
            run_job(job, prepare_context(WorkerSetup(threads=1)), lambda event: Answer.GO_ON)
        )
    return folder


def train_yardsticks(seeds, seconds, root):
    """Train the yardstick on every seed, two at a time; return the folders."""
    tasks = [(root / f"{YARDSTICK}-{seconds:.0f}s-seed{seed}", seed, seconds) for seed in seeds]
    context = multiprocessing.get_context("spawn")
    with context.Pool(2, maxtasksperchild=1) as pool:
        return pool.map(train, tasks, chunksize=1)


def winner_folders(study):
    """Return the folders of the confirmed winner's trainings, its trial, and what that took."""
    result = read_result(study)
    if result is None or result.winner is None:
        raise SystemExit(f"{study}: nothing is confirmed. Run python -m harness.confirm first.")
    best = next(each for each in result.candidates if each.trial == result.winner)
    trial = TrainingFolder(study / "trials" / best.trial).read_outcome()
    return [study / seed.folder for seed in best.seeds], best.trial, trial.duration_seconds


def measure(folder, evaluators):
    """Return FID, worst and median class, by extractor, of a training's kept generator."""
    from harness.gan.sampling import Sampler, load_generator

    training = TrainingFolder(folder)
    outcome = training.read_outcome()
    found = {
        "training": folder.name,
        "kimg": outcome.best.kimg,
        "seconds": outcome.duration_seconds,
        "fid": {},
        "classes": {},
    }
    sampler = Sampler(load_generator(training.generator_file))
    for name, evaluator in evaluators.items():
        seed = derive_seed("winner seeds", folder.name)
        labels = evaluator.labels if sampler.conditional else None
        count = None if sampler.conditional else evaluator.num_images
        images = sampler.sample(noise_seed=seed, labels=labels, count=count)
        for each in evaluator.measure(images, labels, ("fid", "classes")):
            metric = each.protocol.metric
            if metric == "fid":
                found["fid"][name] = each.value
                found.setdefault("protocol", {})[name] = each.protocol.fingerprint
            elif metric.startswith("fid_class_"):
                found["classes"].setdefault(name, {})[metric.removeprefix("fid_class_")] = (
                    each.value
                )
    return found


def describe(results):
    """Return the page as Markdown."""
    names = list(results["winner"][0]["fid"])
    lines = [
        "# The winner over seeds",
        "",
        "`python -m benchmarks.winner_seeds`: the configuration of the confirmed winner, "
        f"trial {results['trial']}, with {len(results['winner'])} new seeds of "
        f"{kimg_text(results['winner'])} kimg, against `{YARDSTICK}` with as many, each stopped "
        f"after what that trial took in the search, {results['seconds']:.0f} s on one thread, by "
        f"when its best generator had {kimg_text(results['yardstick'])} kimg. So the two had at "
        "most about the same kimg, and not the same time: the winner's trainings took "
        f"{seconds_text(results['winner'])} s by the clock of a crowded machine. FID on the test "
        "split, 10,000 images of fresh noise, of the generator that was best on the validation "
        "split.",
        "",
        "| training | kimg | seconds | " + " | ".join(names) + " |",
        "|---|---|---|" + "---|" * len(names),
    ]
    for kind in ("winner", "yardstick"):
        for each in results[kind]:
            values = " | ".join(f"{each['fid'][name]:.3f}" for name in names)
            lines.append(
                f"| {each['training']} | {format_kimg(each['kimg'])} | {each['seconds']:.0f} "
                f"| {values} |"
            )
        means = " | ".join(mean_text(results[kind], name) for name in names)
        lines.append(f"| **{kind}: mean ± standard deviation** | | | {means} |")
    shares = ", ".join(f"{name} {results['share'][name]:.2f}" for name in names)
    worst = ", ".join(f"{name} {results['worst_class'][name]:.2f}" for name in names)
    lines += [
        "",
        f"Winner's mean / yardstick's mean: {shares}. Worst class / median class of the winner, "
        f"the largest of its seeds: {worst}.",
        "",
    ]
    return "\n".join(lines)


def kimg_text(trainings):
    """Return from how many to how many kimg trainings had."""
    ends = (function(each["kimg"] for each in trainings) for function in (min, max))
    return " to ".join(dict.fromkeys(format_kimg(round(end)) for end in ends))


def seconds_text(trainings):
    """Return from how many to how many seconds trainings took."""
    ends = (function(each["seconds"] for each in trainings) for function in (min, max))
    return " to ".join(dict.fromkeys(f"{end:.0f}" for end in ends))


def mean_text(trainings, name):
    """Return mean and standard deviation over seeds."""
    values = [each["fid"][name] for each in trainings]
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


def main():
    """Train the yardsticks, measure all and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=Path("studies/default"))
    parser.add_argument("--out", type=Path, default=Path("reports/fashion-mnist"))
    options = parser.parse_args()
    winners, trial, seconds = winner_folders(options.study)
    yardsticks = train_yardsticks(range(len(winners)), seconds, Path("trainings"))

    from harness.data.datasets import load_dataset
    from harness.metrics.evaluator import Evaluator
    from harness.metrics.extractors.feature_extractor import load_extractor
    from tests.extractors.residual import load_second_extractor

    dataset = load_dataset("fashion_mnist")
    evaluators = {
        extractor.name: Evaluator(dataset, extractor=extractor, split="test")
        for extractor in (load_extractor("fashion_cnn"), load_second_extractor())
    }
    results = {
        "trial": trial,
        "seconds": seconds,
        "winner": [measure(folder, evaluators) for folder in winners],
        "yardstick": [measure(folder, evaluators) for folder in yardsticks],
    }
    results["share"] = {
        name: statistics.mean(each["fid"][name] for each in results["winner"])
        / statistics.mean(each["fid"][name] for each in results["yardstick"])
        for name in evaluators
    }
    results["worst_class"] = {
        name: max(
            max(each["classes"][name].values()) / statistics.median(each["classes"][name].values())
            for each in results["winner"]
        )
        for name in evaluators
    }
    options.out.mkdir(parents=True, exist_ok=True)
    write_json(options.out / "winner_seeds.json", results)
    write_text(options.out / "winner_seeds.md", describe(results))
    print(describe(results))


if __name__ == "__main__":
    main()

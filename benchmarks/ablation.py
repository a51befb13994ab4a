r"""Turn each ingredient on and off: `python -m benchmarks.ablation --kimg 256 --seeds 3`.

Trains every row of ablation.yaml on every seed, two at a time with one thread each, scores the
averaged generator of the last step with fresh noise, by each judge and by an extractor that is
held back from every choice, and writes a table into reports/ablation/. Results are kept as they
come, so the same command goes on after an interruption, and generators under studies/ablation/,
for measures to come. Speeds are those of `benchmarks.ablation_speed`, which measures each row
beside its rival.

A few rows can be compared on more seeds, in a folder of their own:

    python -m benchmarks.ablation --seeds 8 --rows backbone bfloat16 \
      --out reports/ablation/bfloat16
"""

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import statistics
import tempfile
from pathlib import Path

import yaml

from harness.core.files import write_text
from harness.gan.config.config import GANConfig

ROWS_FILE = Path(__file__).with_suffix(".yaml")
KEPT = Path("studies/ablation")
HELD_BACK = "fashion_residual"
SPEED_NOTE = (
    "Speeds are the backbone's images a second on one thread, times how many times as fast a row "
    "is: medians of turns with the row it is compared with "
    "(`python -m benchmarks.ablation_speed`)."
)
SURE = 0.05
"""A change of the mean beyond this share counts as one, and below it as none."""
_context = None
_held_back = None


def load_rows():
    """Return the rows by name, each with its group, its whole configuration and its rival."""
    plan = yaml.safe_load(ROWS_FILE.read_text())
    rows = {}
    for name, row in plan["rows"].items():
        config = build(plan["backbone"] | row["change"])
        rows[name] = {
            "group": row["group"],
            "against": row.get("against", "backbone"),
            "config": config,
        }
    return rows


def build(fields):
    """Return the configuration that dotted fields make."""
    nested = {}
    for path, value in fields.items():
        *parents, last = path.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return GANConfig.model_validate(nested)


def train(task):
    """Train one row on one seed in a worker process; return its result."""
    global _context, _held_back
    name, config, seed, kimg = task
    from harness.core.events import Answer, Finished
    from harness.gan.sampling import Sampler, load_generator
    from harness.metrics.evaluator import Evaluator
    from harness.training.context import prepare_context
    from harness.training.job import TrainingJob, WorkerSetup
    from harness.training.loop import run_job
    from harness.training.training_folder import TrainingFolder
    from tests.extractors.residual import load_second_extractor

    _context = _context or prepare_context(WorkerSetup(threads=1))
    _held_back = _held_back or Evaluator(_context.dataset, extractor=load_second_extractor())
    outcomes = []

    def listen(event):
        if isinstance(event, Finished):
            outcomes.append(event.outcome)
        return Answer.GO_ON

    with tempfile.TemporaryDirectory() as folder:
        target = TrainingFolder(Path(folder) / "training")
        target.write_config(config.model_copy(update={"seed": seed}))
        job = TrainingJob(
            config.model_copy(update={"seed": seed}),
            target,
            rungs_kimg=(kimg,),
            seed=seed,
            name=name,
        )
        run_job(job, _context, listen)
        outcome, found = outcomes[-1], {}
        if outcome.final:
            kept = Sampler(load_generator(target.generator_file))
            noise = outcome.final.noise_seed
            found = {m.protocol.extractor: m.value for m in outcome.final.members}
            found[HELD_BACK] = _held_back.fid(
                kept.sample(noise_seed=noise, labels=_held_back.labels)
            )
            KEPT.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target.generator_file, KEPT / f"{name}, {seed}, {kimg:g}.keras")
    return {
        "row": name,
        "seed": seed,
        "kimg": kimg,
        "reason": outcome.reason.value,
        "fid": outcome.final.value if outcome.final else None,
        "by": found,
        "fingerprint": _context.evaluator.protocol.fingerprint,
        "seconds": outcome.duration_seconds,
    }


def read_results(path, kimg):
    """Return the results so far by row and seed; those of one extractor alone are made anew."""
    lines = path.read_text().splitlines() if path.exists() else []
    records = [json.loads(line) for line in lines]
    return {(r["row"], r["seed"]): r for r in records if r["kimg"] == kimg and "by" in r}


def summarise(rows, results):
    """Return mean and standard deviation of every row that has results, by name."""
    summary = {}
    for name in rows:
        found = [r for (row, _), r in sorted(results.items()) if row == name]
        ended = [r for r in found if r["fid"] is not None]
        values = [r["fid"] for r in ended]
        if not found:
            continue
        summary[name] = {
            "runs": len(found),
            "failed": len(found) - len(values),
            "mean": statistics.mean(values) if values else None,
            "deviation": statistics.stdev(values) if len(values) > 1 else None,
            "by": {
                extractor: statistics.mean(r["by"][extractor] for r in ended)
                for extractor in (ended[0]["by"] if ended else ())
            },
        }
    return summary


def table(rows, summary, speeds):
    """Return the table as Markdown lines."""
    members = next((list(found["by"]) for found in summary.values() if found["by"]), [])
    head = ["group", "ingredient", "final FID", "against", *members, "they say", "failed"]
    head += ["images/s", "x the other's"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, row in rows.items():
        if name not in summary:
            continue
        own, rival = summary[name], summary.get(row["against"])
        fid = "-" if own["mean"] is None else f"{own['mean']:.2f}"
        if own["deviation"] is not None:
            fid += f" ± {own['deviation']:.2f}"
        gain, speed, relative, verdict = "-", "-", "-", "-"
        each = ["-" for _ in members]
        both = rival and name != row["against"] and None not in (own["mean"], rival["mean"])
        if both:
            gain = f"{100 * (own['mean'] / rival['mean'] - 1):+.0f} % ({row['against']})"
            changes = [own["by"][member] / rival["by"][member] - 1 for member in members]
            each = [f"{100 * change:+.0f} %" for change in changes]
            verdict = agreement(changes)
        if name in speeds:
            speed = f"{images_per_second(name, rows, speeds):,.0f}"
            relative = f"{speeds[name]['relative']:.2f}"
        cells = [row["group"], name, fid, gain, *each, verdict]
        cells += [f"{own['failed']} of {own['runs']}", speed, relative]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def agreement(changes):
    """Return in a word what all extractors say of a row's change, or that they differ."""
    words = {"better" if c < -SURE else "worse" if c > SURE else "no change" for c in changes}
    return words.pop() if len(words) == 1 else "differ"


def images_per_second(name, rows, speeds):
    """Return a row's speed on the machine as it was when the backbone's was measured."""
    rival = rows[name]["against"]
    if name == rival:
        return speeds[name]["images_per_second"]
    return speeds[name]["relative"] * images_per_second(rival, rows, speeds)


def given(options):
    """Return the rest of the command that chose a few rows."""
    chosen = "".join(f" '{name}'" if " " in name else f" {name}" for name in options.rows or [])
    return f" --rows{chosen} --out {options.out}" if chosen else ""


def write_report(out, rows, results, options):
    """Write the table, and keep what was written by hand below it."""
    report = out / "README.md"
    reading = "\n## Reading\n"
    old = report.read_text() if report.exists() else ""
    below = old[old.index(reading) :] if reading in old else ""
    measured = out / "speeds.json"
    speeds = json.loads(measured.read_text()) if measured.exists() else {}
    head = [
        "# Ablation",
        "",
        f"`python -m benchmarks.ablation --kimg {options.kimg:g} --seeds {options.seeds}"
        f"{given(options)}` on {os.cpu_count()} cores without a GPU, Python "
        f"{platform.python_version()}, trainings of one thread each, {options.processes} at once.",
        "",
        f"One small conditional DCGAN on Fashion-MNIST (the backbone of "
        f"`benchmarks/ablation.yaml`), {options.kimg:g} kimg, each ingredient changed "
        "alone. Final FID by the panel on 10,000 images against the validation split: mean ± "
        "standard deviation over seeds. `against` is the change of the mean, relative to the row "
        f"it names, and then what each judge says of it, and `{HELD_BACK}`, by which nothing was "
        f"ever chosen. They say better or worse where all find more than {SURE:.0%}. "
        + (SPEED_NOTE if speeds else "Speeds have not been measured yet."),
        "",
    ]
    lines = table(rows, summarise(rows, results), speeds)
    write_text(report, "\n".join([*head, *lines, ""]) + below)


def main():
    """Train what is missing and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kimg", type=float, default=256.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", nargs="+", help="Only these.")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("reports/ablation"))
    options = parser.parse_args()
    rows = load_rows()
    rows = {name: rows[name] for name in options.rows or rows}
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "results.jsonl"
    results = read_results(kept, options.kimg)
    tasks = [
        (name, row["config"], seed, options.kimg)
        for seed in range(options.seeds)
        for name, row in rows.items()
        if (name, seed) not in results
    ]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # workers inherit it
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes) as pool:
        for result in pool.imap_unordered(train, tasks):
            with kept.open("a") as file:
                file.write(json.dumps(result) + "\n")
            results[result["row"], result["seed"]] = result
            write_report(options.out, rows, results, options)
            print(json.dumps(result), flush=True)
    write_report(options.out, rows, results, options)


if __name__ == "__main__":
    main()

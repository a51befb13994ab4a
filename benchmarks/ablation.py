r"""Turn each ingredient on and off: `python -m benchmarks.ablation --kimg 256 --seeds 3`.

Trains every row of ablation.yaml on every seed, two at a time with one thread each, scores the
averaged generator of the last step with fresh noise, and writes a table into reports/ablation/.
Results are kept as they come, so the same command goes on after an interruption. Speeds are those
of `benchmarks.ablation_speed`, which measures each row beside its rival.

A few rows can be compared on more seeds, in a folder of their own:

    python -m benchmarks.ablation --seeds 8 --rows backbone bfloat16 \
      --out reports/ablation/bfloat16
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import tempfile
from pathlib import Path

import yaml

from harness.core.files import write_text
from harness.gan.config.config import GANConfig

ROWS_FILE = Path(__file__).with_suffix(".yaml")
SPEED_NOTE = (
    "Speeds are the backbone's images a second on one thread, times how many times as fast a row "
    "is: medians of turns with the row it is compared with "
    "(`python -m benchmarks.ablation_speed`)."
)
_context = None


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
    global _context
    name, config, seed, kimg = task
    from harness.core.events import Answer, Finished
    from harness.training.context import prepare_context
    from harness.training.job import TrainingJob, WorkerSetup
    from harness.training.loop import run_job
    from harness.training.training_folder import TrainingFolder

    _context = _context or prepare_context(WorkerSetup(threads=1))
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
    outcome = outcomes[-1]
    return {
        "row": name,
        "seed": seed,
        "kimg": kimg,
        "reason": outcome.reason.value,
        "fid": outcome.final.value if outcome.final else None,
        "fingerprint": outcome.final.protocol.fingerprint if outcome.final else None,
        "seconds": outcome.duration_seconds,
    }


def read_results(path, kimg):
    """Return the results so far, by row and seed."""
    lines = path.read_text().splitlines() if path.exists() else []
    records = [json.loads(line) for line in lines]
    return {(r["row"], r["seed"]): r for r in records if r["kimg"] == kimg}


def summarise(rows, results):
    """Return mean and standard deviation of every row that has results, by name."""
    summary = {}
    for name in rows:
        found = [r for (row, _), r in sorted(results.items()) if row == name]
        values = [r["fid"] for r in found if r["fid"] is not None]
        if not found:
            continue
        summary[name] = {
            "runs": len(found),
            "failed": len(found) - len(values),
            "mean": statistics.mean(values) if values else None,
            "deviation": statistics.stdev(values) if len(values) > 1 else None,
        }
    return summary


def table(rows, summary, speeds):
    """Return the table as Markdown lines."""
    lines = [
        "| group | ingredient | final FID | against | failed | images/s | x the other's |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        if name not in summary:
            continue
        own, rival = summary[name], summary.get(row["against"])
        fid = "-" if own["mean"] is None else f"{own['mean']:.2f}"
        if own["deviation"] is not None:
            fid += f" ± {own['deviation']:.2f}"
        gain, speed, relative = "-", "-", "-"
        both = rival and name != row["against"] and None not in (own["mean"], rival["mean"])
        if both:
            gain = f"{100 * (own['mean'] / rival['mean'] - 1):+.0f} % ({row['against']})"
        if name in speeds:
            speed = f"{images_per_second(name, rows, speeds):,.0f}"
            relative = f"{speeds[name]['relative']:.2f}"
        lines.append(
            f"| {row['group']} | {name} | {fid} | {gain} | {own['failed']} of {own['runs']} | "
            f"{speed} | {relative} |"
        )
    return lines


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
        f"{platform.python_version()}, two trainings at a time with one thread each.",
        "",
        f"One small conditional DCGAN on Fashion-MNIST (the backbone of "
        f"`benchmarks/ablation.yaml`), {options.kimg:g} kimg, each ingredient changed "
        "alone. Final FID by `fashion_cnn` on 10,000 images against the validation split: mean ± "
        "standard deviation over seeds. `against` is the change of the mean, relative to the row "
        "it names. " + (SPEED_NOTE if speeds else "Speeds have not been measured yet."),
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

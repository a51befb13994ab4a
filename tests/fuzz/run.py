"""Fuzz every reader for long, and write what came of it: `python -m tests.fuzz.run`."""

import argparse
import collections
import os
import platform
import random
import sys
import time
from pathlib import Path

import hypothesis

from tests.fuzz.inputs import inputs, random_damage
from tests.fuzz.readers import MOST_MEGABYTES, MOST_SECONDS, READERS

REPORT = Path("reports/reliability/fuzz.md")
# What earlier runs and hand-made attacks found, and what was put right.
FIXED = (
    "outcome: a score that is no mapping raised AttributeError",
    "outcome, history: an endless noise seed, or a number no float holds, raised OverflowError",
    "outcome, history, study record: deeply nested JSON raised RecursionError",
    "images, npz: damaged compressed data raised zlib.error",
    "images, folder: damage that Pillow guesses around gave warnings; a small file that claims "
    "gigabytes of pixels was decoded",
    "search space: 220 kB of conditions took 21 s to check, now 2",
    "checkpoint: a compressed archive of 600 kB could unfold to 600 MB",
)


def main() -> int:
    arguments = _parse()
    rows, failures = [], []
    for name in arguments.readers or READERS:
        counts: collections.Counter[str] = collections.Counter()
        began = time.monotonic()
        fault = _fuzz(name, arguments.inputs, arguments.seed, counts)
        fault = fault or _fuzz_at_random(name, arguments.random, arguments.seed, counts)
        rows.append((name, counts, time.monotonic() - began))
        if fault:
            failures.append((name, fault))
        print(f"{name}: {dict(counts)} {rows[-1][2]:.0f} s {fault}", flush=True)
    if arguments.report:
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        arguments.report.write_text(_report(arguments, rows, failures), encoding="utf-8")
    return int(bool(failures))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="a reader, by hypothesis")
    parser.add_argument("--random", type=int, default=8000, help="a reader, by plain chance")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, default=None, help=f"e.g. {REPORT}")
    parser.add_argument("--readers", nargs="*", choices=list(READERS))
    return parser.parse_args()


def _fuzz(name: str, count: int, seed: int, counts: collections.Counter[str]) -> str:
    """Give one reader its inputs; return what it raised, smallest input first found, or ''."""
    reader = READERS[name]

    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        verbosity=hypothesis.Verbosity.quiet,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.seed(seed)
    @hypothesis.given(inputs(reader))
    def attempt(content: bytes) -> None:
        counts["inputs"] += 1
        try:
            counts[reader.attempt(content)] += 1
        except BaseException as error:
            error.add_note(f"input: {content[:300]!r}")
            raise

    try:
        attempt()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a reader raises is the result
        notes = [note for note in getattr(error, "__notes__", ()) if note.startswith("input: ")]
        return f"{type(error).__name__}: {str(error)[:200]}; {notes[-1] if notes else ''}"
    return ""


def _fuzz_at_random(name: str, count: int, seed: int, counts: collections.Counter[str]) -> str:
    """Give one reader damaged files drawn by plain chance; return what it raised, or ''."""
    reader, rng = READERS[name], random.Random(f"{name}/{seed}")
    seeds = reader.seeds()
    for _ in range(count):
        content = random_damage(rng, seeds)
        counts["inputs"] += 1
        try:
            counts[reader.attempt(content)] += 1
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a reader raises is the result
            return f"{type(error).__name__}: {str(error)[:200]}; input: {content[:300]!r}"
    return ""


def _report(
    arguments: argparse.Namespace,
    rows: list[tuple[str, "collections.Counter[str]", float]],
    failures: list[tuple[str, str]],
) -> str:
    total = sum(counts["inputs"] for _, counts, _ in rows)
    seconds = sum(row[2] for row in rows)
    readers = " --readers " + " ".join(map(repr, arguments.readers)) if arguments.readers else ""
    lines = [
        "# Files that nobody should trust",
        "",
        f"`python -m tests.fuzz.run --inputs {arguments.inputs} --random {arguments.random} "
        f"--seed {arguments.seed}"
        f"{readers} --report {arguments.report}`",
        "",
        f"{total:,} inputs in {seconds:,.0f} s (Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, shared with other work). Each is a sound file with up to six "
        f"kinds of damage, a document of the right words in wrong places, or noise: "
        f"{arguments.inputs:,} a reader made by hypothesis {hypothesis.__version__}, the rest by "
        f"plain chance. Every one must give a value or a HarnessError, within {MOST_SECONDS} s "
        f"of a processor and {MOST_MEGABYTES} MB.",
        "",
        "| reader | inputs | read | refused | other exceptions | seconds |",
        "|---|---|---|---|---|---|",
    ]
    failed = dict(failures)
    for name, counts, spent in rows:
        refused = sum(count for key, count in counts.items() if key not in ("inputs", "value"))
        lines.append(
            f"| {name} | {counts['inputs']:,} | {counts['value']:,} | {refused:,} | "
            f"{int(name in failed)} | {spent:,.0f} |"
        )
    lines += ["", "Found in this run: " + ("; ".join(f"{n}: {f}" for n, f in failures) or "none.")]
    if FIXED:
        lines += [
            "",
            "Found by earlier runs and the attacks of tests/fuzz/test_hostile.py, and put right:",
            "",
        ]
        lines += [f"- {each}" for each in FIXED]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

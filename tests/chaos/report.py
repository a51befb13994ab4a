"""Turn the journal of injected faults into a table."""

import argparse
import os
import platform
import statistics
from importlib.metadata import version
from typing import Any

from tests.chaos.faults import FAULTS

_LIBRARIES = ("tensorflow", "keras", "optuna", "wandb")
# What earlier runs found, and what was put right.
FIXED = (
    "killed between the two writes of a pruner's verdict, a trial that was outranked went on",
    "killed between scoring a rung and saving, a history told the rung twice",
    "a history that was cut, or a W&B folder that was removed, after its trial had ended was left "
    "so by the same command, and mended by the doctor alone",
    "what W&B had kept of a history that was cut counted as a disagreement",
)


def write_report(arguments: argparse.Namespace, records: list[dict[str, Any]]) -> None:
    """Write `chaos.md` beside the journal."""
    text = "\n".join(report_lines(arguments, records)) + "\n"
    (arguments.out / "chaos.md").write_text(text, encoding="utf-8")


def report_lines(arguments: argparse.Namespace, records: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the report: what was done, a row for each kind of fault, the sums."""
    faults = [record for record in records if "kind" in record]
    studies = [record for record in records if "losses" in record]
    lost = {study["study"] for study in studies if study["losses"]}
    compared = sum(study["compared"] for study in studies)
    minutes = sum(study["seconds"] for study in studies) / 60
    versions = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    lines = [
        "# Studies that were disturbed",
        "",
        f"`python -m tests.chaos.record --faults {arguments.faults} --seed {arguments.seed} "
        f"--out {arguments.out}`",
        "",
        f"{len(faults)} faults in {len(studies)} studies of {arguments.trials} trials, "
        f"{minutes:.0f} minutes (Python {platform.python_version()}, {versions}; "
        f"{os.cpu_count()} cores, shared with other work). After each fault that ended it, the "
        f"same command was given again. At its end every study had exactly its trials, each "
        f"ended once in folder, journal and history, W&B's logs whole, and nothing for the "
        f"doctor to find; the {compared} that can be repeated, with one worker and no "
        f"baselines, had the same courses, scores and ranking as that study undisturbed, bit for "
        f"bit. What is otherwise is a loss, and "
        f"a loss counts against every fault of its study. A fault has recovered once every "
        f"interrupted trial has trained on, from its newest sound checkpoint.",
        "",
        "| fault | injected | recovered | losses | median seconds to recover |",
        "|---|---|---|---|---|",
    ]
    for kind in FAULTS:
        lines.append(_row(kind, [fault for fault in faults if fault["kind"] == kind], lost))
    lines.append(_row("all", faults, lost))
    found = ["Found by earlier runs, and put right:", "", *(f"- {each}" for each in FIXED)]
    return [*lines, "", *_losses(studies), "", *found]


def _row(name: str, faults: list[dict[str, Any]], lost: set[int]) -> str:
    bad = sum(fault["study"] in lost for fault in faults)
    seconds = [fault["recovery_seconds"] for fault in faults]
    seconds = [each for each in seconds if each is not None]
    median = f"{statistics.median(seconds):.1f}" if seconds else "-"
    return f"| {name} | {len(faults)} | {len(faults) - bad} | {bad} | {median} |"


def _losses(studies: list[dict[str, Any]]) -> list[str]:
    """Return what was lost, or that nothing was."""
    lost = [study for study in studies if study["losses"]]
    if not lost:
        return ["Lost: nothing."]
    return ["Lost:", "", *(f"- study {study['study']}: {study['losses'][0]}" for study in lost)]

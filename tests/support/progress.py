"""How far the trials of a study are, read from its files."""

from pathlib import Path

from harness.core.events import Progressed, RungScored, Started
from harness.tracking.jsonl_tracker import HISTORY_NAME, read_history
from harness.training.checkpoint import load_checkpoint


def starts(study: Path) -> dict[str, list[float]]:
    """Return at how many kimg each trial began, and began again."""
    return {
        log.parent.name: [event.kimg for event in read_history(log) if isinstance(event, Started)]
        for log in sorted(study.glob(f"trials/*/{HISTORY_NAME}"))
    }


def running(study: Path) -> dict[str, float]:
    """Return how far trials are that have not ended, in kimg."""
    found = {}
    for log in sorted(study.glob(f"trials/*/{HISTORY_NAME}")):
        if not (log.parent / "outcome.json").exists():
            events = [e for e in read_history(log) if isinstance(e, Progressed | RungScored)]
            found[log.parent.name] = max((event.kimg for event in events), default=0.0)
    return found


def saved_kimg(study: Path, name: str) -> float:
    """Return where a trial's checkpoint in the study stands; 0 where there is none."""
    for kind in ("checkpoint.npz", "checkpoint.previous.npz"):  # killed between the two
        file = study / "trials" / name / kind
        if file.exists():
            return float(load_checkpoint(file)[1]["kimg"])
    return 0.0

"""Say what a training says: small scripts of events that the tests play to trackers."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from harness.core.events import (
    Event,
    Finished,
    Histogram,
    Inspection,
    Progressed,
    RungScored,
    Started,
)
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.gan.config.config import GANConfig
from harness.tracking.identity import TrackerOptions, TrialIdentity
from harness.tracking.tracker import Tracker, open_tracker

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 10_000, "fashion_mnist/validation", "cd" * 32)
FID = "fid_fashion_cnn@10000"
# The second rung is the best: 40 at kimg 2, 20 at kimg 4, 30 at kimg 6.
RUNGS = {2.0: 40.0, 4.0: 20.0, 6.0: 30.0}
INSPECTION = Inspection(
    {"generator/000_kernel": Histogram(-1.0, 1.0, (3, 5))},
    {"generator/000_kernel": 0.5, "generator": 0.5, "discriminator": 0.25},
)
OFFLINE = TrackerOptions(wandb_mode="offline")


def identify(study: Path, trial: str = "0007", **changes: Any) -> TrialIdentity:
    folder = study / "trials" / trial
    (folder / "grids").mkdir(parents=True, exist_ok=True)
    fields: dict[str, Any] = {
        "study": "default",
        "study_id": "0d4c5f52-6f0f-4c8e-9f1c-2a5b1d1f0a11",
        "trial": trial,
        "folder": folder,
        "config": GANConfig(seed=7).model_dump(mode="json"),
        "wandb_root": study,
        "tags": ("dcgan", "tpe"),
    }
    return TrialIdentity(**(fields | changes))


def score(kimg: float) -> Score:
    value = RUNGS[kimg]
    return Score(value, kimg, 1, PROTOCOL, interval=(value - 0.5, value + 0.5))


def best_until(kimg: float) -> Score:
    return min((score(rung) for rung in RUNGS if rung <= kimg), key=lambda one: one.value)


def between(identity: TrialIdentity, after: float, until: float) -> Iterable[Event]:
    """Yield progress each whole kimg in (after, until], and a rung at 2, 4 and 6."""
    for step in range(int(after) + 1, int(until) + 1):
        kimg = float(step)
        yield Progressed(kimg, kimg / 10, kimg / 20, 0.75, 0.5, 4000.0, 2 * kimg)
        if kimg in RUNGS:
            grid = f"grids/{step}.png"
            Image.new("L", (56, 28), color=step).save(identity.folder / grid)
            rung = list(RUNGS).index(kimg)
            yield RungScored(kimg, rung, score(kimg), best_until(kimg), grid, 2 * kimg)


def play(tracker: Tracker, events: Iterable[Event]) -> None:
    for event in events:
        tracker.emit(event)


def start(kimg: float = 0.0) -> Started:
    return Started(kimg, generator_parameters=100, discriminator_parameters=200)


def complete() -> Finished:
    final = Score(21.5, 4.0, noise_seed=2, protocol=PROTOCOL)
    return Finished(Outcome(Reason.FINISHED, "", 6.0, 12.0, score(4.0), final))


def diverged() -> Finished:
    return Finished(
        Outcome(Reason.DIVERGED, "generator loss is nan at 5 kimg", 5.0, 10.0, score(4.0))
    )


def record_whole_trial(name: str, identity: TrialIdentity) -> None:
    tracker = open_tracker(name, identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 6), complete()])
    tracker.close()


def record_interrupted_trial(name: str, identity: TrialIdentity) -> None:
    """Stop at 5 kimg, go on from the checkpoint at 3 kimg, so that 4 and 5 are said twice."""
    tracker = open_tracker(name, identity, OFFLINE)
    play(tracker, [start(), *between(identity, 0, 5)])
    tracker.close()
    tracker = open_tracker(name, identity, OFFLINE)
    play(tracker, [start(3.0), *between(identity, 3, 6), complete()])
    tracker.close()

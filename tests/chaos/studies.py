"""Disturb one study after another: which faults, at which moments, and what came of each."""

import dataclasses
import itertools
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.chaos.checks import check, course
from tests.chaos.faults import ALIVE, ENDING, FAULTS, STILL, NotNow
from tests.chaos.resumption import Resumption
from tests.chaos.sweeps import Loss, Plan, Sweep
from tests.support.commands import Commands

# How often each kind comes up in a round of its deck; restarts cost most of the time.
WEIGHTS = {
    "kill worker": 3,
    "suspend worker": 3,
    "suspend runner": 3,
    "remove wandb folder alive": 2,
    "kill runner": 3,
    "kill both": 3,
    "terminate runner": 3,
    "full disk": 2,
    "read-only journal": 2,
    "cut checkpoint": 4,
    "cut journal": 3,
    "cut last line of history": 2,
    "cut history": 2,
    "remove wandb run": 2,
    "remove wandb folder": 2,
}
MOST_STILL = 4
"""So many things are damaged at once, at most, while nothing runs."""


@dataclasses.dataclass
class Injected:
    """Say what came of one fault.

    Args:
        kind: Key of `FAULTS`.
        what: What was done.
        at_seconds: When, since its study began.
        recovery_seconds: From the end of the fault until training went on; None where it ended
            before, or never did.
        loss: What went otherwise than asked; empty for nothing.
    """

    kind: str
    what: str
    at_seconds: float
    recovery_seconds: float | None = None
    loss: str = ""


class Decks:
    """Hand out kinds of faults in random order, each as often as its weight says.

    Args:
        rng: Source of chance.
        kinds: Which may come up.
    """

    def __init__(self, rng: random.Random, kinds: set[str]) -> None:
        self._rng = rng
        self._still = _deck(rng, [kind for kind in STILL if kind in kinds])
        self._others = _deck(rng, [kind for kind in (*ALIVE, *ENDING) if kind in kinds])

    def next(self) -> list[str]:
        """Return a fault, and whatever is damaged while the sweep lies still because of it."""
        first = next(self._others)
        count = self._rng.randint(1, MOST_STILL) if first in ENDING else 0
        return list(dict.fromkeys([first, *itertools.islice(self._still, count)]))


def _deck(rng: random.Random, kinds: list[str]) -> Iterator[str]:
    while kinds:
        cards = [kind for kind in kinds for _ in range(WEIGHTS[kind])]
        rng.shuffle(cards)
        yield from cards


def run_reference(commands: Commands, cwd: Path, plan: Plan) -> dict[str, Any]:
    """Return the course of a study that nothing disturbs.

    Raises:
        Loss: If even that fails.
    """
    sweep = Sweep(commands, cwd, plan)
    sweep.start()
    try:
        sweep.check_manners({0})
    finally:
        sweep.kill()
    if losses := check(sweep):
        raise Loss("; ".join(losses))
    return course(sweep)


def disturb(
    sweep: Sweep, rng: random.Random, next_faults: Callable[[], list[str]]
) -> Iterator[Injected]:
    """Run a study to its end under faults; yield each once training has gone on after it.

    Args:
        sweep: What to disturb.
        rng: Source of chance: moments and victims.
        next_faults: Returns what to do next: one fault, and more if it ends the sweep.
    """
    began = time.monotonic()
    sweep.start()
    while _lives_until(sweep, time.monotonic() + _pause(sweep, rng)):
        injected = []
        try:
            for kind in next_faults():
                try:
                    what = FAULTS[kind](sweep, rng)
                except NotNow:
                    if kind not in STILL:
                        break
                    continue
                injected.append(Injected(kind, what, time.monotonic() - began))
            if injected:
                _recover(sweep, rng, injected)
        except (Loss, OSError, subprocess.SubprocessError) as loss:
            injected = injected or [Injected(kind, "", time.monotonic() - began)]
            injected[-1].loss = str(loss) or type(loss).__name__
            sweep.kill()
            yield from injected
            return
        yield from injected


def finish(sweep: Sweep, reference: dict[str, Any] | None) -> list[str]:
    """Give the command until the study stands as asked for; return what does not.

    Args:
        sweep: Whose command has ended by itself.
        reference: The course of the same study, undisturbed; None where it cannot be the same.
    """
    try:
        if sweep.is_damaged_alive:  # what was removed under the command's hands, the next mends
            sweep.start()
        sweep.check_manners({0})
        return check(sweep, reference)
    except (Loss, OSError) as loss:
        return [str(loss)]


def _pause(sweep: Sweep, rng: random.Random) -> float:
    """Return how long to let it train; now and then it is disturbed at once."""
    return rng.uniform(0, sweep.plan.pause_seconds) if rng.random() < 0.85 else 0


def _lives_until(sweep: Sweep, moment: float) -> bool:
    while sweep.is_running() and time.monotonic() < moment:
        time.sleep(0.02)
    return sweep.is_running()


def _recover(sweep: Sweep, rng: random.Random, injected: list[Injected]) -> None:
    """Give the command again where it ended, and wait until training goes on."""
    ended = not sweep.is_running()
    # Where other workers train on, nobody can tell from outside whose trial was interrupted.
    is_still = ended or (injected[0].kind == "kill worker" and sweep.plan.workers == 1)
    resumption = Resumption.of(sweep, only_any=not is_still)
    since = time.monotonic()
    if ended:
        sweep.start()
    if rng.random() < 0.1:
        return  # the next fault comes before it has recovered, even before it is ready
    resumption.wait(sweep)
    if not sweep.is_running():
        sweep.check_manners({0})
    for each in injected:
        each.recovery_seconds = time.monotonic() - since

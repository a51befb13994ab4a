"""Expect that interrupted trials go on from their checkpoints."""

import dataclasses
import time
from typing import Self

from harness.core.errors import DamagedError
from harness.core.events import Event, Finished, Progressed, RungScored, Started
from harness.training.checkpoint import load_checkpoint
from tests.chaos.sweeps import PATIENCE_SECONDS, Loss, Sweep


@dataclasses.dataclass(frozen=True)
class Resumption:
    """Say from where each interrupted trial is to go on, and see that it does.

    Args:
        before: The last event of each training while nothing ran.
        kimg: Where the newest sound checkpoint of each interrupted trial stands.
        damaged: The trials whose latest checkpoint is damaged.
    """

    before: dict[str, Event | None]
    kimg: dict[str, float]
    damaged: frozenset[str]

    @classmethod
    def of(cls, sweep: Sweep, *, only_any: bool = False) -> Self:
        """Look at a study while it lies still.

        Args:
            sweep: Whose.
            only_any: Expect no more than that any training goes on.
        """
        kimg: dict[str, float] = {}
        damaged = set()
        for name, folder in ({} if only_any else sweep.unfinished()).items():
            kimg[name] = 0.0
            for file in (folder.previous_checkpoint_file, folder.checkpoint_file):
                if file.exists():
                    try:
                        kimg[name] = load_checkpoint(file)[1]["kimg"]
                    except DamagedError:
                        damaged.add(name)
        return cls(sweep.said(), kimg, frozenset(damaged))

    def wait(self, sweep: Sweep) -> None:
        """Wait until every interrupted trial has gone on, from where it should.

        Raises:
            Loss: If it begins elsewhere, or not at all.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while sweep.is_running() and not self._is_met(sweep):
            if time.monotonic() > deadline:
                raise Loss(f"training did not go on within {PATIENCE_SECONDS} s")
            time.sleep(0.1)
        for name, expected in self.kimg.items():
            self._check(name, sweep.events(dict(sweep.trainings())[name]), expected)

    def _is_met(self, sweep: Sweep) -> bool:
        said = sweep.said()
        changed = {
            name
            for name, event in said.items()
            if isinstance(event, Progressed | RungScored | Finished)
            and event != self.before.get(name)
        }
        return set(self.kimg) <= changed if self.kimg else bool(changed)

    def _check(self, name: str, history: list[Event], expected: float) -> None:
        starts = [event for event in history if isinstance(event, Started)]
        if not starts or abs(starts[-1].kimg - expected) > 1e-9:
            found = starts[-1].kimg if starts else None
            raise Loss(f"trial {name} went on from {found} kimg, its checkpoint is {expected}")
        if name in self.damaged and "damaged" not in starts[-1].note:
            raise Loss(f"trial {name} does not say that its checkpoint was damaged")

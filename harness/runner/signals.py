"""Turn Ctrl-C and SIGTERM into a stop in good order; a second one stops at once."""

import signal
import threading
import time
from types import FrameType
from typing import Any, Self

from harness.runner.stop_rules import Stop


class Signals:
    """Note signals while a block runs, and restore what handled them before."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self.since: float | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other may take signals
            self._previous = {
                number: signal.signal(number, self._note)
                for number in (signal.SIGINT, signal.SIGTERM)
            }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.stop is not None:  # asked twice: do not even wait for checkpoints
            raise KeyboardInterrupt
        self.stop = Stop("Stopped; the same command goes on from here.", 128 + number)
        self.since = time.monotonic()

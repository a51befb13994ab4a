"""Turn Ctrl-C and SIGTERM into a stop in good order; a second one stops at once."""

import signal
import threading
import time
from types import FrameType
from typing import Any, Self


class Signals:
    """A record of the first SIGINT or SIGTERM while a block runs.

    What handled them before is restored at the block's end. A second signal raises
    KeyboardInterrupt: asked twice, a command does not even wait for checkpoints.

    Attributes:
        received: The first signal, or None.
        since: When it came, by `time.monotonic`, or None.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
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
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = signal.Signals(number)
        self.since = time.monotonic()

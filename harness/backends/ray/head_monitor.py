"""Ask the head of a Ray cluster again and again whether it is there.

Ray itself ends a process that has not reached the head for a minute, in the middle of whatever it
does. The runner is to end in good order instead.
"""

import threading
import time
from typing import Any

import ray._private.worker

EVERY_SECONDS = 5.0

PATIENCE = 9
"""So many questions in a row without an answer, and the head counts as gone.

The nodes that lost it end themselves after 60 seconds.
"""


class HeadMonitor:
    """Watch the head, beside the work; nothing is watched through `ray://`.

    There Ray's client tells by itself that its connection is lost.
    """

    def __init__(self) -> None:
        self._unanswered = 0
        self._over = threading.Event()
        client: Any = getattr(ray._private.worker.global_worker, "gcs_client", None)
        self._thread = threading.Thread(target=self._look, args=(client,), daemon=True)
        if client is not None:
            self._thread.start()

    @property
    def is_gone(self) -> bool:
        """Return whether the head has not answered for so long that nothing is to be hoped for."""
        return self._unanswered >= PATIENCE

    def close(self) -> None:
        """Ask no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _look(self, client: Any) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                client.internal_kv_exists(b"harness", None, timeout=EVERY_SECONDS)
                self._unanswered = 0
            except Exception:  # of several kinds, and each says that there was no answer
                self._unanswered += 1
            self._over.wait(max(0.0, began + EVERY_SECONDS - time.monotonic()))

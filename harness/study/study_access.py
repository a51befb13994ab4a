"""Say what a sweep may do in its study: everything if it is alone, else what it has leases on."""

import contextlib
from collections.abc import Iterator

from harness.study.leases import TURN, Leases
from harness.study.storage import Storage


class Share:
    """Ask for parts of a study before working on them.

    A sweep whose study is a file in its folder holds the folder's lock, which keeps all others
    out: everything is granted. Where a server keeps the study, sweeps tell each other by leases.

    Args:
        storage: The study's database.
        leases: What this sweep has there; None if it is alone.
    """

    def __init__(self, storage: Storage, leases: Leases | None = None) -> None:
        self._storage = storage
        self._leases = leases

    @property
    def is_shared(self) -> bool:
        """Return whether other sweeps may work on the study at the same time."""
        return self._leases is not None

    def claim(self, name: str) -> bool:
        """Ask for something; return False if another sweep has it."""
        if self._leases is None:
            return True
        with self._storage.faults():
            return self._leases.claim(name)

    def keeps(self, name: str) -> bool:
        """Make sure of something before acting on it; return False if another sweep took it."""
        if self._leases is None:
            return True
        with self._storage.faults():
            return self._leases.keep(name)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other sweep changes the queue, and keep them from it during the block."""
        if self._leases is None:
            yield
            return
        with self._storage.faults(), self._leases.held(TURN):
            yield

    def taken(self) -> set[str]:
        """Return what other sweeps have."""
        if self._leases is None:
            return set()
        with self._storage.faults():
            return self._leases.taken()

    def release(self, name: str) -> None:
        """Give something back that others may want."""
        if self._leases is not None:
            with self._storage.faults():
                self._leases.release(name)

    def leave(self, name: str) -> None:
        """Give something back that is done, once every machine has seen that in its folder."""
        if self._leases is not None:
            self._leases.leave(name)

    def is_due(self) -> bool:
        """Return whether it is time to renew what this sweep has, and to look at the others."""
        return self._leases is not None and self._leases.is_due()

    def renew(self) -> set[str]:
        """Keep what this sweep has; return what others took because it was silent too long.

        Raises:
            StudyError: If another command took the whole study.
        """
        if self._leases is None:
            return set()
        with self._storage.faults():
            return self._leases.renew()

    def close(self) -> None:
        """Give everything back."""
        if self._leases is not None:
            with self._storage.faults():
                self._leases.close()

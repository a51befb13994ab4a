"""Let one command at a time write a study in an object store, by objects that name the holder.

Holders are numbered: whoever takes the study creates the object of the next number, which only
one can where the store knows conditional writes. The holder writes its object again and again;
one that has been silent for longer than it promised has lost the study to whoever comes next. All
times are the store's: the clocks of the machines need not agree.

What this does not guarantee: a single upload that was on its way when its sender lost the study
may still arrive, since stores know no fences; and a store without conditional writes may let two
commands in that begin in the same moment, until one of them renews and finds the other.
"""

import contextlib
import dataclasses
import datetime
import json
import os
import socket
import time
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from harness.core.errors import StudyError
from harness.search.object_store.store import ObjectStore

FOLDER = ".holder"
"""Where a study keeps these objects, beside its files."""

_RENEWALS = 8


@dataclasses.dataclass(frozen=True)
class Holder:
    """Name who has a study, or had it last.

    Args:
        session: Its own name, a UUID.
        host: The machine's name.
        process: Its number there.
        machine: Tells machines apart that have the same name.
        born: When that process began, as the machine counts.
        since: When it took the study, ISO 8601, by its own clock.
        seconds: How long it may be silent.
        released: Whether it gave the study back.
    """

    session: str
    host: str
    process: int
    machine: str
    born: str
    since: str
    seconds: float
    released: bool = False

    @classmethod
    def myself(cls, seconds: float) -> Self:
        """Return this process as a new holder."""
        return cls(
            session=uuid.uuid4().hex,
            host=socket.gethostname(),
            process=os.getpid(),
            machine=_machine(),
            born=_born(os.getpid()),
            since=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            seconds=seconds,
        )

    def is_over(self, ended: Collection[str] = ()) -> bool:
        """Return whether it gave the study back, or is of this very machine and over.

        Args:
            ended: Names of sessions known to be over if they are of this machine.
        """
        if self.released or self.machine != _machine():
            return self.released
        return self.session in ended or self.born != _born(self.process)

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(dataclasses.asdict(self)).encode()


class Lease:
    """Hold a study in an object store.

    Args:
        store: Where the studies lie.
        study: Its name.
        seconds: How long this holder may be silent before others may take the study.
    """

    def __init__(self, store: ObjectStore, study: str, *, seconds: float) -> None:
        self._store = store
        self._study = study
        self._me = Holder.myself(seconds)
        self._number = 0
        self._renewed = 0.0

    @property
    def session(self) -> str:
        """Return the name under which this holder has the study."""
        return self._me.session

    @property
    def renewal_seconds(self) -> float:
        """Return how often to renew."""
        return self._me.seconds / _RENEWALS

    def take(self, *, ended: Collection[str] = ()) -> str | None:
        """Take the study; return the session that had it before, None if none ever had.

        Args:
            ended: Sessions of this machine of which the caller knows that they are over, even
                where they could not say so to the store.

        Raises:
            StudyError: If another command has it.
        """
        numbers = _numbers(self._store, self._study)
        newest = max(numbers, default=0)
        holder = _read(self._store, self._study, newest)
        if holder is not None and not holder.is_over(ended):
            self._refuse_living(holder, newest)
        self._number = newest + 1
        began = time.monotonic()
        made = self._store.create(self._path(self._number), self._me.to_bytes())
        if not made or not self._is_mine():
            raise StudyError(
                f"{self._store.url}/{self._study}: another command has just taken this study. "
                f"Wait for it, or choose another --study."
            )
        self._renewed = began
        self._store.remove(self._path(number) for number in numbers)
        return None if holder is None else holder.session

    def renew(self) -> None:
        """Say that this holder lives.

        Raises:
            StudyError: If another command has taken the study.
        """
        began = time.monotonic()
        if not self._is_mine():
            raise self._lost()
        self._store.write(self._path(self._number), self._me.to_bytes())
        self._renewed = began

    def require(self) -> None:
        """Make sure before writing that nobody can have taken the study yet.

        Raises:
            StudyError: If this holder was silent for too long.
        """
        if time.monotonic() - self._renewed > self._me.seconds:
            self.renew()

    def release(self, *, forgets: bool = False) -> None:
        """Give the study back.

        Args:
            forgets: Leave no word there of who had it last, as there is no study.
        """
        if not self._is_mine():
            return
        if forgets:
            self._store.remove([self._path(self._number)])
        else:
            done = dataclasses.replace(self._me, released=True)
            self._store.write(self._path(self._number), done.to_bytes())

    def _is_mine(self) -> bool:
        newest = max(_numbers(self._store, self._study), default=0)
        holder = _read(self._store, self._study, newest)
        return holder is not None and holder.session == self._me.session

    def _lost(self) -> StudyError:
        return StudyError(
            f"{self._store.url}/{self._study}: another command has taken this study, because this "
            f"one was silent for more than {self._me.seconds:g} seconds or the study was removed. "
            f"Wait for it, then give the same command again."
        )

    def _refuse_living(self, holder: Holder, number: int) -> None:
        probe = f"{self._study}/{FOLDER}/now-{self._me.session}"
        self._store.write(probe, b"")
        try:
            age = self._store.age_seconds(self._path(number), now=probe)
        finally:
            self._store.remove([probe])
        if age is not None and age <= holder.seconds:
            raise StudyError(
                f"{self._store.url}/{self._study}: process {holder.process} of {holder.host} has "
                f"this study since {holder.since}. Wait for it, stop it, or choose another "
                f"--study; if it was killed, the study is free in "
                f"{max(holder.seconds - age, 0) + 1:.0f} seconds."
            )

    def _path(self, number: int) -> str:
        return f"{self._study}/{FOLDER}/{number:08d}.json"


def last_session(store: ObjectStore, study: str) -> str | None:
    """Return the name of the holder that had a study last; None if none ever had."""
    holder = _read(store, study, max(_numbers(store, study), default=0))
    return holder.session if holder is not None else None


def _numbers(store: ObjectStore, study: str) -> list[int]:
    names = store.list(f"{study}/{FOLDER}")
    return [int(name.removesuffix(".json")) for name in names if name[:1].isdigit()]


def _read(store: ObjectStore, study: str, number: int) -> Holder | None:
    content = store.read(f"{study}/{FOLDER}/{number:08d}.json") if number else None
    if content is None:
        return None
    try:
        record: dict[str, Any] = json.loads(content)
        return Holder(**record)
    except (ValueError, TypeError) as error:
        raise StudyError(
            f"{store.url}/{study}/{FOLDER}/{number:08d}.json: expected who has the study; "
            f"{error}. See that no command runs on it, then remove that object."
        ) from error


def _machine() -> str:
    """Return what differs between machines, their restarts, and containers on one."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _born(process: int) -> str:
    """Return when a process began, as far as the system tells; nothing if it is no more."""
    with contextlib.suppress(OSError, IndexError):
        after_name = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        return "" if after_name[0] == "Z" else after_name[19]
    return ""

"""Share a study between several sweeps: who has what stands in the study's own database.

A lease names a thing that only one sweep may do at a time, who does it, and until when. Owners
renew their leases; one that died or was suspended does not, and what it had is soon anyone's. All
times are the database server's: the clocks of the machines need not agree.
"""

import contextlib
import time
import uuid
from collections.abc import Iterator

import sqlalchemy
from sqlalchemy import BigInteger, Column, MetaData, String, Table

from harness.core.errors import StudyError

LEASE_SECONDS = 120.0
"""How long a lease lasts without being renewed. Closing a W&B run may take half of that."""

TURN = "turn"
"""The lease on changing what all share: the count of trials, the queue, the study itself."""

_RENEWALS = 10
"""A lease is renewed so often while it lasts."""

_LOOK_SECONDS = 0.2

LEASES = Table(
    "harness_leases",
    MetaData(),
    Column("study", String(120), primary_key=True),
    Column("name", String(120), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("expires", BigInteger, nullable=False),
)

# Milliseconds since 1970 by the server's clock at this moment, not at the transaction's start.
_NOW = {
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
    "mysql": "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
    "mariadb": "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
}

DATABASES = tuple(_NOW)
"""SQLAlchemy's names of the databases that can hold a study."""


class Leases:
    """Hold the leases of one owner on one study.

    Args:
        engine: The database that all owners see; its table is made if there is none.
        study: The study's id.
        seconds: How long a lease lasts unless it is renewed.
    """

    def __init__(
        self, engine: sqlalchemy.Engine, study: str, *, seconds: float = LEASE_SECONDS
    ) -> None:
        self._engine = engine
        self._study = study
        self._seconds = seconds
        self._owner = uuid.uuid4().hex
        self._presence = f"sweep-{self._owner}"
        self._held: set[str] = set()
        self._renewed = time.time()
        now = sqlalchemy.literal_column(_NOW[engine.dialect.name], BigInteger)
        self._alive = LEASES.c.expires >= now
        self._until = now + int(seconds * 1000)
        _make_table(engine)

    def claim(self, name: str) -> bool:
        """Take a lease that nobody has, or that expired; return whether this owner has it now."""
        mine = LEASES.c.owner == self._owner
        values = {"owner": self._owner, "expires": self._until}
        free = self._rows(name) & (mine | ~self._alive)
        with self._engine.begin() as connection:
            taken = connection.execute(LEASES.update().where(free).values(values)).rowcount == 1
        if not taken:
            try:
                with self._engine.begin() as connection:
                    row = values | {"study": self._study, "name": name}
                    connection.execute(LEASES.insert().values(row))
            except sqlalchemy.exc.IntegrityError:
                return False  # there is one, and it lives
        self._held.add(name)
        return True

    def keep(self, name: str) -> bool:
        """Renew one lease; return False if it was lost, and with it the right to act."""
        with self._engine.begin() as connection:
            found = connection.execute(self._renewal(self._rows(name))).rowcount
        return found == 1

    def taken(self) -> set[str]:
        """Return the names of what others have."""
        theirs = self._rows() & (LEASES.c.owner != self._owner) & self._alive
        with self._engine.begin() as connection:
            return set(
                connection.execute(sqlalchemy.select(LEASES.c.name).where(theirs)).scalars()
            )

    def is_due(self) -> bool:
        """Return whether it is time to renew."""
        # The clock on the wall goes on while a machine sleeps; if it is set, this only renews.
        return abs(time.time() - self._renewed) >= self._seconds / _RENEWALS

    def renew(self) -> set[str]:
        """Renew all leases; return the names of those that others took meanwhile.

        Raises:
            StudyError: If others took the study itself, because this owner was silent too long.
        """
        with self._engine.begin() as connection:
            connection.execute(self._renewal(self._rows()))
            mine = self._rows() & (LEASES.c.owner == self._owner)
            kept = set(connection.execute(sqlalchemy.select(LEASES.c.name).where(mine)).scalars())
        self._renewed = time.time()
        lost = self._held - kept
        self._held -= lost
        if self._presence in lost:
            raise StudyError(
                f"This sweep was suspended for more than {self._seconds:g} seconds, and another "
                f"command took its study meanwhile. Give the same command again."
            )
        return lost

    def release(self, name: str) -> None:
        """Give a lease back."""
        self._held.discard(name)
        mine = self._rows(name) & (LEASES.c.owner == self._owner)
        with self._engine.begin() as connection:
            connection.execute(LEASES.delete().where(mine))

    def leave(self, name: str) -> None:
        """Give a lease back by letting it expire after this owner has gone.

        Other machines may see what was done under it a while later, as the caches of network file
        systems do; until then nobody shall begin it again.
        """
        self._held.discard(name)

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Wait for a lease, and have it while the block runs.

        Raises:
            StudyError: If another owner goes on renewing it.
        """
        deadline = time.monotonic() + self._seconds + LEASE_SECONDS
        while not self.claim(name):
            if time.monotonic() > deadline:
                raise StudyError(
                    "Another command has had this study for a while. Wait for it, or stop it; if "
                    "it was killed, the study is free in ten minutes at most."
                )
            time.sleep(_LOOK_SECONDS)
        try:
            yield
        finally:
            self.release(name)

    def join(self) -> None:
        """Take part in the study, so that no command takes it away.

        Raises:
            StudyError: If a command has it.
        """
        with self.held(TURN):
            self.claim(self._presence)

    def take_over(self) -> bool:
        """Take the whole study, unless somebody takes part in it; return whether it worked."""
        if not self.claim(TURN):
            return False
        others = self._rows() & (LEASES.c.owner != self._owner)
        with self._engine.begin() as connection:
            # An owner that was suspended shall find that it lost what it had.
            connection.execute(LEASES.delete().where(others & ~self._alive))
            alone = connection.execute(LEASES.select().where(others)).first() is None
        if not alone:
            self.release(TURN)
        return alone

    def close(self) -> None:
        """Give all leases back at once, except what was left."""
        mine = self._rows() & (LEASES.c.owner == self._owner) & LEASES.c.name.in_(self._held)
        self._held = set()
        with self._engine.begin() as connection:
            connection.execute(LEASES.delete().where(mine))

    def _rows(self, name: str | None = None) -> sqlalchemy.ColumnElement[bool]:
        study = LEASES.c.study == self._study
        return study if name is None else study & (LEASES.c.name == name)

    def _renewal(self, rows: sqlalchemy.ColumnElement[bool]) -> sqlalchemy.Update:
        # One that expired and that nobody took is still this owner's.
        mine = rows & (LEASES.c.owner == self._owner)
        return LEASES.update().where(mine).values(expires=self._until)


def _make_table(engine: sqlalchemy.Engine) -> None:
    try:
        LEASES.create(engine, checkfirst=True)
    except sqlalchemy.exc.DBAPIError:
        if not sqlalchemy.inspect(engine).has_table(LEASES.name):
            raise
        # Another process made it between the look and the attempt.

"""Give a thing to one owner at a time, on the databases that can be shared."""

import threading
import time
import uuid
from pathlib import Path

import pytest
import sqlalchemy

from harness.core.errors import StudyError
from harness.study.leases import LEASES, TURN, Leases


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'leases.db'}"
    else:
        url = request.getfixturevalue("server_url").replace("postgresql:", "postgresql+psycopg:")
    made = sqlalchemy.create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def owners(engine: sqlalchemy.Engine):
    """Return a function that makes owners of leases on one study."""
    study = str(uuid.uuid4())
    return lambda seconds=30.0: Leases(engine, study, seconds=seconds)


def expire(engine: sqlalchemy.Engine, leases: Leases) -> None:
    """Let an owner have renewed nothing for longer than its leases last."""
    with engine.begin() as connection:
        mine = LEASES.c.owner == leases._owner
        connection.execute(LEASES.update().where(mine).values(expires=LEASES.c.expires - 60_000))


def test_a_lease_has_one_owner_until_it_is_given_back(owners):
    first, second = owners(), owners()
    assert first.claim("0007")
    assert first.claim("0007")  # has it already
    assert not second.claim("0007")
    assert second.claim("0008")
    assert (first.taken(), second.taken()) == ({"0008"}, {"0007"})
    second.release("0007")  # not its own: nothing happens
    assert not second.claim("0007")
    first.release("0007")
    assert second.claim("0007")
    assert not first.claim("0007")


def test_studies_do_not_meet(engine: sqlalchemy.Engine, owners):
    assert owners().claim("0007")
    assert Leases(engine, "another").claim("0007")


def test_an_expired_lease_is_anyones_and_its_owner_notices(engine, owners):
    slow, other = owners(), owners()
    assert slow.claim("0007")
    assert slow.claim("0008")
    assert not other.claim("0007")
    expire(engine, slow)
    assert other.taken() == set()
    assert other.claim("0007")
    assert not slow.keep("0007")
    assert slow.keep("0008")  # nobody took it
    assert slow.renew() == {"0007"}
    assert slow.renew() == set()  # told once
    assert not other.claim("0008")


def test_renewing_keeps_all_that_nobody_took(engine, owners):
    steady, other = owners(), owners()
    assert steady.claim("0007")
    assert steady.claim("0008")
    expire(engine, steady)
    assert steady.renew() == set()
    assert not other.claim("0007")
    assert not other.claim("0008")


def test_leases_expire_by_the_clock_of_the_database(owners):
    # The other owner's times would not matter: only the server says what time it is.
    brief, other = owners(0.3), owners()
    assert brief.claim("0007")
    assert not brief.is_due() or brief.renew() == set()
    time.sleep(0.5)
    assert brief.is_due()
    assert other.claim("0007")


def test_of_many_that_ask_at_once_one_gets_it(owners):
    asking = [owners() for _ in range(6)]
    start = threading.Barrier(len(asking))
    granted = []

    def ask(leases: Leases) -> None:
        start.wait()
        granted.append(leases.claim("0007"))

    threads = [threading.Thread(target=ask, args=(leases,)) for leases in asking]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(granted) == [False] * 5 + [True]


def test_closing_gives_everything_back_but_what_was_left(engine, owners):
    first, second = owners(), owners()
    assert first.claim("0007")
    assert first.claim("baseline-dcgan")
    first.leave("baseline-dcgan")
    first.close()
    assert second.claim("0007")
    assert not second.claim("baseline-dcgan")
    expire(engine, first)
    assert second.claim("baseline-dcgan")


def test_a_turn_is_waited_for(owners):
    first, second = owners(0.3), owners()
    assert first.claim(TURN)  # and dies
    with second.held(TURN):
        assert not first.claim(TURN)
    assert first.claim(TURN)


def test_a_study_is_taken_over_only_when_nobody_takes_part(engine, owners):
    sweep, doctor = owners(), owners()
    sweep.join()
    assert not doctor.take_over()
    assert sweep.claim(TURN), "a refused command gives the turn back"
    sweep.release(TURN)
    expire(engine, sweep)
    assert doctor.take_over()
    with pytest.raises(StudyError, match=r"suspended for more than 30 seconds"):
        sweep.renew()
    doctor.close()
    owners().join()


def test_tables_are_made_once_by_many(engine: sqlalchemy.Engine):
    LEASES.drop(engine, checkfirst=True)
    faults = []

    def make() -> None:
        try:
            assert Leases(engine, "s").taken() == set()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=make) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []

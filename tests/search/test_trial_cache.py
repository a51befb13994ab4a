"""Compare what the cache holds with what the database does, whoever wrote it."""

from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from harness.search.storage_url import find_storage
from harness.search.trial_cache import TrialCache


@pytest.fixture
def database(tmp_path: Path) -> RDBStorage:
    with find_storage(tmp_path).faults():
        return find_storage(tmp_path).open()


def open_study(database: RDBStorage, *, alone: bool) -> optuna.Study:
    cache = TrialCache(database, alone=alone)
    return optuna.create_study(study_name="s", storage=cache, load_if_exists=True)


def stored(database: RDBStorage) -> list[optuna.trial.FrozenTrial]:
    return database.get_all_trials(database.get_study_id_from_name("s"))


def work(study: optuna.Study) -> None:
    """Do everything that is done to trials."""
    study.enqueue_trial({"x": 0.25})
    first, second, third = study.ask(), study.ask(), study.ask()
    for trial in (first, second, third):
        trial.suggest_float("x", 0.0, 1.0)
    first.report(1.0, step=1)
    second.set_user_attr("key", "value")
    second.set_constraint("late", 1.0)
    study.tell(first, 1.0)
    study.tell(second, state=TrialState.PRUNED)


@pytest.mark.parametrize("alone", [True, False])
def test_trials_are_as_the_database_has_them_after_each_kind_of_writing(
    database: RDBStorage, alone: bool
):
    study = open_study(database, alone=alone)
    assert study.get_trials() == []
    work(study)
    assert study.get_trials() == stored(database)
    assert [trial.state.name for trial in study.get_trials()] == ["COMPLETE", "PRUNED", "RUNNING"]


def test_a_study_that_is_gone_on_with_holds_what_there_was(database: RDBStorage):
    work(open_study(database, alone=True))
    again = open_study(database, alone=True)
    assert again.get_trials() == stored(database)
    again.tell(2, 3.0)
    assert again.get_trials() == stored(database)


def test_one_that_is_alone_reads_nothing_unless_it_wrote(database: RDBStorage):
    study = open_study(database, alone=True)
    work(study)
    study.get_trials()
    statements: list[str] = []
    sqlalchemy.event.listen(
        database.engine, "before_cursor_execute", lambda *args: statements.append(args[2])
    )
    study.get_trials()
    assert statements == []
    study.tell(2, 3.0)
    del statements[:]
    study.get_trials()
    assert statements


def test_what_others_begin_and_end_is_seen_at_once(database: RDBStorage):
    here, there = (open_study(database, alone=False) for _ in range(2))
    here.get_trials()
    work(there)
    assert here.get_trials() == stored(database)
    there.tell(2, 3.0)
    assert here.get_trials() == stored(database)
    there.enqueue_trial({"x": 0.5})
    assert here.get_trials()[3].state is TrialState.WAITING
    there.ask()
    assert here.get_trials()[3].state is TrialState.RUNNING


def test_what_others_report_of_running_trials_is_seen_after_a_while(
    database: RDBStorage, monkeypatch: pytest.MonkeyPatch
):
    here, there = (open_study(database, alone=False) for _ in range(2))
    trial = there.ask()
    here.get_trials()
    trial.report(1.0, step=1)
    monkeypatch.setattr(here._storage, "_rest_until", 0.0)  # the while is over
    assert here.get_trials()[0].intermediate_values == {1: 1.0}
    assert here._storage._rest_until > 0.0

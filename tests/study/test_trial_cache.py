"""Compare what the cache holds with what the database does."""

from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from harness.study.storage import Storage
from harness.study.trial_cache import TrialCache, written_at_once


@pytest.fixture
def database(tmp_path: Path) -> RDBStorage:
    with Storage(tmp_path).faults():
        return Storage(tmp_path).open()


def open_study(database: RDBStorage) -> optuna.Study:
    cache = TrialCache(database)
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


def test_trials_are_as_the_database_has_them_after_each_kind_of_writing(database: RDBStorage):
    study = open_study(database)
    assert study.get_trials() == []
    work(study)
    assert study.get_trials() == stored(database)
    assert [trial.state.name for trial in study.get_trials()] == ["COMPLETE", "PRUNED", "RUNNING"]


def test_a_study_that_is_gone_on_with_holds_what_there_was(database: RDBStorage):
    work(open_study(database))
    again = open_study(database)
    assert again.get_trials() == stored(database)
    again.tell(2, 3.0)
    assert again.get_trials() == stored(database)


def test_nothing_is_read_unless_it_wrote(database: RDBStorage):
    study = open_study(database)
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


def set_everything(study: optuna.Study, trial: optuna.Trial) -> None:
    trial.suggest_float("x", 0.0, 1.0)
    study.get_trials()  # as samplers do between two parameters
    trial.suggest_categorical("y", ["a", "b"])
    trial.set_user_attr("key", {"nested": [1, 2]})
    trial.set_constraint("late", 1.0)


def be_interrupted(study: optuna.Study, trial: optuna.Trial) -> None:
    with written_at_once(study):
        set_everything(study, trial)
        raise KeyboardInterrupt("now")


def transactions_that_write(database: RDBStorage) -> list[int]:
    """Return a list that will hold how much each transaction wrote that wrote anything."""
    written: list[int] = []
    counts = {"now": 0}

    def count(connection, cursor, statement, *others):
        counts["now"] += statement.startswith(("INSERT", "UPDATE"))

    def commit(connection):
        written.extend([counts["now"]] if counts["now"] else [])
        counts["now"] = 0

    sqlalchemy.event.listen(database.engine, "before_cursor_execute", count)
    sqlalchemy.event.listen(database.engine, "commit", commit)
    return written


def test_a_block_is_one_transaction(database: RDBStorage):
    study = open_study(database)
    set_everything(study, study.ask())
    trial = study.ask()
    study.get_trials()
    written = transactions_that_write(database)
    with written_at_once(study):
        set_everything(study, trial)
        assert stored(database)[1].params == {}
        assert written == []
    assert len(written) == 1
    assert study.get_trials() == stored(database)
    assert set(study.get_trials()[1].params) == {"x", "y"}
    assert study.get_trials()[1].constraints == {"late": 1.0}


def test_a_block_cut_short_leaves_nothing_of_itself(database: RDBStorage):
    study = open_study(database)
    trial = study.ask()
    with pytest.raises(KeyboardInterrupt, match="now"):
        be_interrupted(study, trial)
    assert study.get_trials() == stored(database)
    assert study.get_trials()[0].params == {}
    again = optuna.Trial(study, trial._trial_id)
    with written_at_once(study):
        set_everything(study, again)
    assert set(stored(database)[0].params) == {"x", "y"}
    assert study.get_trials() == stored(database)


def test_a_block_in_a_storage_of_optunas_own_writes_as_optuna_does():
    study = optuna.create_study()
    trial = study.ask()
    with written_at_once(study):
        set_everything(study, trial)
    assert set(study.trials[0].params) == {"x", "y"}

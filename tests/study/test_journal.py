"""A study's journal: whatever byte a killed process stopped at, the study goes on."""

import json
import os
import shutil
import stat
from wsgiref.util import setup_testing_defaults

import optuna
import optuna_dashboard
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from harness.core.errors import StorageError
from harness.study.journal import StudyJournal

NAME = "study"


def opened(file, *, writes=True):
    journal = StudyJournal(file, writes=writes)
    return journal, optuna.load_study(study_name=NAME, storage=JournalStorage(journal))


def made(file):
    journal = StudyJournal(file, writes=True)
    return journal, optuna.create_study(study_name=NAME, storage=JournalStorage(journal))


def run_trial(journal, study, value):
    with journal.transaction():
        trial = study.ask()
        trial.suggest_float("width", 0.0, 1.0)
        trial.suggest_categorical("family", ["mlp", "dcgan"])
    with journal.transaction():
        trial.report(value, step=5)
        trial.set_user_attr("verdict", False)
    with journal.transaction():
        trial.set_user_attr("reason", "finished")
        study.tell(trial, value)


def facts(trials):
    return [
        (
            each.number,
            each.state,
            each.value,
            each.params,
            each.user_attrs,
            each.intermediate_values,
        )
        for each in trials
    ]


def test_every_reader_sees_what_was_written(tmp_path):
    file = tmp_path / "optuna.jsonl"
    journal, study = made(file)
    run_trial(journal, study, 3.0)
    _, beside = opened(file, writes=False)
    run_trial(journal, study, 2.0)

    stock = optuna.load_study(
        study_name=NAME, storage=JournalStorage(JournalFileBackend(str(file)))
    )
    assert facts(study.trials) == facts(beside.trials) == facts(stock.trials)
    assert [each.value for each in beside.trials] == [3.0, 2.0]


def test_a_study_cut_at_any_byte_goes_on_from_its_last_transaction(tmp_path):
    file, cut = tmp_path / "optuna.jsonl", tmp_path / "cut.jsonl"
    journal, study = made(file)
    run_trial(journal, study, 3.0)
    sizes, states = [file.stat().st_size], [facts(study.trials)]
    for change in ("ask", "report", "tell"):
        with journal.transaction():
            if change == "ask":
                trial = study.ask()
                trial.suggest_float("width", 0.0, 1.0)
                trial.suggest_categorical("family", ["mlp", "dcgan"])
            elif change == "report":
                trial.report(2.0, step=5)
                trial.set_user_attr("verdict", True)
            else:
                trial.set_user_attr("reason", "outranked")
                study.tell(trial, state=TrialState.PRUNED)
        sizes.append(file.stat().st_size)
        states.append(facts(study.trials))
    whole = file.read_bytes()

    for end in range(sizes[0], len(whole) + 1):
        cut.write_bytes(whole[:end])
        (tmp_path / "cut.jsonl.lock").write_text("")  # by whoever was killed with it
        due = states[sum(size <= end for size in sizes) - 1]
        _, beside = opened(cut, writes=False)
        assert facts(beside.trials) == due
        assert cut.stat().st_size == end, "a reader changes nothing"
        resumed, study = opened(cut)
        assert facts(study.trials) == due
        study.ask()
        resumed.close()
        _, beside = opened(cut, writes=False)
        assert facts(beside.trials) == facts(study.trials)
        assert len(beside.trials) == len(due) + 1


def test_optunas_own_file_breaks_where_this_one_heals(tmp_path):
    # Why there is a file of our own: if this fails, Optuna mends journals and ours may go.
    file = tmp_path / "optuna.jsonl"
    journal, study = made(file)
    run_trial(journal, study, 3.0)
    file.write_bytes(file.read_bytes()[:-9])
    backend = JournalFileBackend(str(file))
    study = optuna.load_study(study_name=NAME, storage=JournalStorage(backend))
    with pytest.raises(
        (ValueError, AttributeError), match=r"Extra data|delimiter|_by_this_process"
    ):
        study.ask()


def test_what_a_block_did_before_it_raised_is_kept(tmp_path):
    file = tmp_path / "optuna.jsonl"
    journal, study = made(file)

    def fail():
        with journal.transaction():
            study.ask().suggest_float("width", 0.0, 1.0)
            raise RuntimeError("unforeseen")

    with pytest.raises(RuntimeError, match="unforeseen"):
        fail()
    assert facts(opened(file, writes=False)[1].trials) == facts(study.trials) != []


def test_a_transaction_within_another_ends_with_it(tmp_path):
    file = tmp_path / "optuna.jsonl"
    journal, study = made(file)
    size = file.stat().st_size
    with journal.transaction():
        with journal.transaction():
            study.ask()
        assert file.stat().st_size == size
        assert len(study.trials) == 1
    assert file.stat().st_size > size


@pytest.mark.parametrize("line", ["no json", "[1]", '{"op_code": 4, "remaining": "many"}'])
def test_a_damaged_line_is_named_and_nothing_cut(tmp_path, line):
    file = tmp_path / "optuna.jsonl"
    journal, study = made(file)
    run_trial(journal, study, 3.0)
    lines = file.read_text().splitlines(keepends=True)
    lines[3] = line + "\n"
    file.write_text("".join(lines))
    damaged = file.read_bytes()
    with pytest.raises(StorageError, match=r"optuna\.jsonl: .* at byte \d+ is no"):
        StudyJournal(file, writes=True)
    assert file.read_bytes() == damaged


def test_a_disk_that_is_full_leaves_whole_transactions(tmp_path):
    resource = pytest.importorskip("resource")
    file = tmp_path / "optuna.jsonl"
    journal, study = made(file)
    run_trial(journal, study, 3.0)
    before = file.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(StorageError, match="cannot be read or written: File too large"):
            run_trial(journal, study, 2.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_bytes() == before


def test_a_reader_writes_nothing(tmp_path):
    file = tmp_path / "optuna.jsonl"
    made(file)
    _, study = opened(file, writes=False)
    with pytest.raises(StorageError, match="is not open for writing"):
        study.ask()


def test_the_umask_decides_who_reads(tmp_path):
    before = os.umask(0o027)
    try:
        made(tmp_path / "optuna.jsonl")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "optuna.jsonl").stat().st_mode) == 0o640


def test_optunas_dashboard_opens_it(tmp_path):
    file = tmp_path / "optuna.jsonl"
    journal, study = made(file)
    run_trial(journal, study, 3.0)
    shutil.copy(file, tmp_path / "copy.jsonl")
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "copy.jsonl")))
    request = {"PATH_INFO": "/api/studies"}
    setup_testing_defaults(request)
    answers = []
    body = b"".join(
        optuna_dashboard.wsgi(storage)(request, lambda status, *_: answers.append(status))
    )
    assert answers == ["200 OK"]
    assert [each["study_name"] for each in json.loads(body)["study_summaries"]] == [NAME]

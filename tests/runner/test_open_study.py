"""Open studies, go on with them, and refuse what would mix with them."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from harness.core.errors import StorageError, StudyError
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.runner.open_study import Study
from harness.space.space import SearchSpace
from harness.study import optuna_trials
from harness.study.record import read_study
from harness.study.trial_storage import journal_file

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
SMOKE = SearchSpace.load("smoke")


@pytest.fixture
def open_study(tmp_path: Path):
    """Return a function that opens the same study again and again; all are closed at the end."""
    opened: list[Study] = []

    def open_it(
        *,
        name: str = "s",
        space: SearchSpace = SMOKE,
        seed: int | None = None,
        protocol: Protocol = PROTOCOL,
    ) -> Study:
        study = Study(tmp_path / "studies", name, space=space, seed=seed, protocol=protocol)
        opened.append(study)
        return study

    yield open_it
    for study in opened:
        study.close()


def finish(study: Study, trial: optuna.Trial) -> None:
    best = Score(20.0, 1.0, 0, PROTOCOL)
    optuna_trials.tell(study.optuna, trial, Outcome(Reason.FINISHED, best=best, final=best))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_new_study_says_what_it_is(open_study, tmp_path: Path):
    study = open_study(seed=7)
    record = read_study(tmp_path / "studies" / "s")
    assert record == study.record
    assert (record.name, record.seed, record.dataset) == ("s", 7, "fashion_mnist")
    assert record.protocol == dataclasses.asdict(PROTOCOL)
    stored = SearchSpace.load(str(study.folder / "search_space.yaml"))
    assert stored.sha256 == SMOKE.sha256


def test_two_studies_of_one_name_have_two_ids(open_study):
    assert open_study(name="a").record.id != open_study(name="b").record.id


def test_opening_again_keeps_id_and_seed(open_study):
    first = open_study(seed=7)
    first.close()
    assert open_study().record == first.record


def test_a_configuration_is_stored_before_its_trial_begins(open_study):
    study = open_study()
    trial, config = study.ask()
    assert trial.number == 0
    assert study.trial_folder(0).read_config() == config
    assert study.trial_folder(0).path.name == "0000"


def test_a_study_proposes_the_same_trials_again(open_study):
    def propose(name: str, seed: int) -> list[object]:
        study = open_study(name=name, seed=seed)
        asked = [study.ask() for _ in range(3)]
        return [config for _, config in asked]

    assert propose("a", 1) == propose("b", 1)
    assert propose("a2", 1) != propose("c", 2)
    assert len({config.seed for config in propose("d", 1)}) == 3


def test_an_interrupted_trial_comes_back_as_it_was(open_study):
    study = open_study()
    ended, _ = study.ask()
    finish(study, ended)
    _, config = study.ask()
    study.close()
    again = open_study()
    (frozen,) = again.interrupted()
    trial, reopened = again.reopen(frozen)
    assert (trial.number, reopened) == (1, config)
    assert again.count_ended() == 1
    finish(again, trial)
    assert again.interrupted() == []
    assert again.count_ended() == 2


def test_a_trial_cut_short_while_it_was_asked_for_gets_the_rest(open_study):
    study = open_study()
    frozen = study.optuna.ask()  # the process dies before anything was suggested or stored
    study.close()
    again = open_study()
    trial, config = again.reopen(again.interrupted()[0])
    assert trial.number == frozen.number == 0
    assert again.trial_folder(0).read_config() == config


def test_a_second_sweep_of_the_same_study_is_refused(open_study, tmp_path: Path):
    open_study()
    with pytest.raises(StudyError, match="another sweep is running this study"):
        open_study()
    # Another process is refused likewise.
    code = (
        "from harness.core.locks import lock_folder\nfrom pathlib import Path\n"
        f"lock_folder(Path({str(tmp_path / 'studies' / 's')!r}), 'it is taken')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "it is taken" in result.stderr


def test_a_closed_study_is_free(open_study):
    open_study().close()
    open_study()


def changed_space() -> SearchSpace:
    record = SMOKE.to_dict()
    record["parameters"]["generator.width"] = {"choices": [4, 16]}
    record["budget"]["rungs_kimg"] = [1, 2, 4]
    return SearchSpace.from_dict(record, source="changed")


CHANGES = {
    "space": ({"space": changed_space()}, r"generator\.width: .*\[4, 8\].* -> .*\[4, 16\]"),
    "rungs": ({"space": changed_space()}, r"budget\.rungs_kimg: \[1, 2\] -> \[1, 2, 4\]"),
    "seed": ({"seed": 8}, r"seed: 7 -> 8"),
    "protocol": (
        {"protocol": dataclasses.replace(PROTOCOL, num_images=500)},
        r"protocol\.num_images: 1000 -> 500",
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_other_settings_are_refused_with_a_diff_and_change_nothing(
    open_study, tmp_path: Path, kind: str
):
    study = open_study(seed=7)
    trial, _ = study.ask()
    finish(study, trial)
    study.close()
    before = contents(study.folder)
    arguments, message = CHANGES[kind]
    with pytest.raises(StudyError, match=message) as caught:
        open_study(**arguments)
    assert "was made with other settings" in str(caught.value)
    assert "choose a new --study" in str(caught.value)
    assert contents(study.folder) == before


def test_another_meaning_of_the_numbers_is_refused(open_study, monkeypatch: pytest.MonkeyPatch):
    study = open_study()
    study.close()
    path = study.folder / "study.json"
    text = path.read_text()
    path.write_text(text.replace('"semantics_version": ', '"semantics_version": 9'))
    with pytest.raises(StudyError, match=r"semantics_version: 9\d -> \d"):
        open_study()


def test_a_new_name_or_description_is_no_change(open_study):
    open_study().close()
    renamed = SMOKE.model_copy(update={"name": "other", "description": "words"})
    assert open_study(space=renamed).record.name == "s"


def test_a_folder_that_is_no_study_is_left_alone(open_study, tmp_path: Path):
    folder = tmp_path / "studies" / "s"
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("precious")
    with pytest.raises(StudyError, match=r"is no study but holds thesis\.tex"):
        open_study()
    assert contents(folder) == {"thesis.tex": b"precious"}


def test_a_study_that_was_only_begun_can_be_begun_again(open_study, tmp_path: Path):
    study = open_study()
    study.close()
    journal_file(study.folder).unlink()
    (study.folder / "study.json").unlink()
    open_study(space=changed_space())


def test_a_file_in_the_place_of_a_study_is_one_message(open_study, tmp_path: Path):
    (tmp_path / "studies").write_text("a file")
    with pytest.raises(StorageError, match=r"studies/s: cannot be read or written"):
        open_study()


def test_a_damaged_journal_is_one_message(open_study):
    study = open_study()
    study.close()
    journal_file(study.folder).write_bytes(b"no journal\n" * 1000)
    with pytest.raises(StorageError, match=r"optuna\.jsonl: the journal is damaged: .*byte 0"):
        open_study()
    # Whoever mends it meets no lock.
    journal_file(study.folder).unlink()
    open_study()


def test_the_database_of_an_earlier_version_is_refused(open_study):
    study = open_study()
    study.close()
    journal_file(study.folder).rename(study.folder / "optuna.db")
    before = contents(study.folder)
    with pytest.raises(
        StudyError, match=r"optuna\.db: an earlier version .* --study s .* --repair"
    ):
        open_study()
    assert contents(study.folder) == before


def test_killed_at_any_byte_of_asking_the_same_trial_is_asked_for_again(open_study):
    study = open_study()
    trial, _ = study.ask()
    finish(study, trial)
    file = journal_file(study.folder)
    before = file.stat().st_size
    _, config = study.ask()
    study.close()
    whole = file.read_bytes()
    lines = [place for place in range(before, len(whole)) if whole[place : place + 1] == b"\n"]
    for end in sorted({before, before + 1, *lines, *(place + 1 for place in lines)}):
        file.write_bytes(whole[:end])
        (study.folder / "optuna.jsonl.lock").write_text("")  # as other tools would leave one
        again = open_study()
        number, same = again.next_trial(2, set())
        assert (number.number, same) == (1, config)
        assert again.next_trial(2, {1}) is None
        again.close()


def test_a_journal_that_lost_a_trial_does_not_overwrite_it(open_study):
    study = open_study()
    study.ask()
    study.close()
    journal_file(study.folder).unlink()
    config_file = study.trial_folder(0).config_file
    config_file.write_text(config_file.read_text().replace("width: 8", "width: 9"))
    before = contents(study.folder / "trials")
    with pytest.raises(StudyError, match="holds another configuration than the journal gives"):
        open_study().ask()
    assert contents(study.folder / "trials") == before

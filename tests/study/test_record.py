"""Find studies on disk by names that stay names."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from harness.core.errors import StorageError, StudyError
from harness.core.files import read_json, write_json
from harness.core.score import Protocol
from harness.study.record import (
    StudyRecord,
    adopt,
    check_study_name,
    find_study,
    read_own_study,
    read_study,
)

RECORD = StudyRecord(
    id="0d4c5f52-6f0f-4c8e-9f1c-2a5b1d1f0a11",
    name="fashion",
    seed=3,
    dataset="fashion_mnist",
    protocol=dataclasses.asdict(
        Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
    ),
    created="2026-11-22T10:00:00+00:00",
)


def store(studies: Path, name: str = "fashion") -> Path:
    write_json(studies / name / "study.json", dataclasses.asdict(RECORD))
    return studies / name / "study.json"


@pytest.mark.parametrize("name", ["a", "default", "2026-11-22_run.3", "A" * 100])
def test_plain_names_are_taken(name: str):
    assert check_study_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "-rf", ".hidden", "a b", "a\n", "ä", "A" * 101],
)
def test_names_that_could_escape_or_confuse_are_refused(name: str):
    with pytest.raises(StudyError, match="--study: expected up to 100 letters, digits"):
        check_study_name(name)


def test_a_study_is_found_and_read(tmp_path: Path):
    store(tmp_path)
    assert find_study(tmp_path, "fashion") == tmp_path / "fashion"
    assert read_study(tmp_path / "fashion") == RECORD


def test_an_unknown_study_names_the_known_ones_and_the_nearest(tmp_path: Path):
    store(tmp_path)
    store(tmp_path, "digits")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match=r"no study named 'fashon'; studies there: digits, fa"):
        find_study(tmp_path, "fashon")
    with pytest.raises(StudyError, match=r"Did you mean 'fashion'\?"):
        find_study(tmp_path, "fashon")
    with pytest.raises(StudyError, match=r"no study named 'empty'"):
        find_study(tmp_path, "empty")


def test_a_folder_without_studies_says_so(tmp_path: Path):
    with pytest.raises(StudyError, match="there is no study there"):
        find_study(tmp_path / "absent", "fashion")


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path):
    store(tmp_path)
    (tmp_path / "studies").mkdir()
    with pytest.raises(StudyError, match=r"received '\.\./fashion'"):
        find_study(tmp_path / "studies", "../fashion")


def test_a_study_of_another_form_is_refused(tmp_path: Path):
    path = store(tmp_path)
    write_json(path, read_json(path) | {"schema_version": 99})
    with pytest.raises(StudyError, match=r"schema version 99, .* reads schema version 1,"):
        read_study(path.parent)


def test_a_study_whose_trials_are_elsewhere_is_refused(tmp_path: Path):
    path = store(tmp_path)
    write_json(path, read_json(path) | {"storage": None})  # as earlier versions wrote it
    assert read_study(path.parent) == RECORD
    write_json(path, read_json(path) | {"storage": "postgresql+psycopg://ann@db/gans"})
    with pytest.raises(StudyError, match=r"outside its folder, in postgresql\S+,"):
        read_study(path.parent)


def test_a_study_written_by_a_later_version_of_the_same_form_is_read(tmp_path: Path):
    path = store(tmp_path)
    write_json(path, read_json(path) | {"mood": "sunny"})
    assert read_study(path.parent) == RECORD


@pytest.mark.parametrize("content", ["[]", "{}", '"text"'])
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, content: str):
    store(tmp_path).write_text(content)
    with pytest.raises(StudyError, match=r"study\.json: study .* has schema version None"):
        read_study(tmp_path / "fashion")


def test_a_record_without_all_its_facts_is_damaged(tmp_path: Path):
    path = store(tmp_path)
    record = read_json(path)
    del record["seed"]
    write_json(path, record)
    with pytest.raises(
        StorageError, match=r"study\.json: expected the record .*seed: Field required"
    ):
        read_study(path.parent)


def test_a_copied_study_is_gone_on_with_only_as_one_of_its_own(tmp_path: Path):
    original = store(tmp_path).parent
    shutil.copytree(original, tmp_path / "copy")
    before = (original / "study.json").read_bytes()
    with pytest.raises(StudyError, match=r"record is that of study 'fashion'.*studies adopt copy"):
        read_own_study(tmp_path / "copy")
    made = adopt(tmp_path / "copy")
    assert made == read_own_study(tmp_path / "copy")
    assert (made.name, made.seed, made.protocol) == ("copy", RECORD.seed, RECORD.protocol)
    assert made.id != RECORD.id
    assert (original / "study.json").read_bytes() == before
    with pytest.raises(StudyError, match="is a study of its own already"):
        adopt(tmp_path / "copy")


def test_a_link_in_the_place_of_the_record_is_not_read(tmp_path: Path):
    path = store(tmp_path)
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(StorageError, match="leads outside"):
        read_study(tmp_path / "fashion")

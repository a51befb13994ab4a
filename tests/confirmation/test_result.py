"""Write a confirmation's result and read it back."""

import json
from pathlib import Path

import pytest

from harness.confirmation.result import read_result, result_file, write_result
from harness.confirmation.summary import make_plan, sum_up
from harness.core.errors import StorageError
from tests.confirmation.made import TEST, make_study, outcomes_of


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "s", [1.2, 1.0])


def test_what_is_written_is_read(study: Path):
    plan = make_plan(study, top=2, seeds=2)
    for values in ({}, {"0001": [(1.0, 1.5), None], "0000": [(1.1, 1.2), (1.2, 1.3)]}):
        result = sum_up(plan, outcomes_of(plan, values), TEST)
        write_result(study, result)
        assert read_result(study) == result
    record = json.loads(result_file(study).read_text())
    assert record["schema_version"] == 2
    assert record["fingerprint"] == TEST.fingerprint
    assert record["winner"] == "0000"
    assert record["candidates"][0]["seeds"][0]["test"]["value"] == 1.2


def test_an_older_result_is_read_and_known_to_be_chosen_by_its_judge(study: Path):
    plan = make_plan(study, top=2, seeds=2)
    write_result(study, sum_up(plan, outcomes_of(plan, {}), TEST))
    record = json.loads(result_file(study).read_text())
    assert read_result(study).judged_apart
    result_file(study).write_text(json.dumps(record | {"schema_version": 1}))
    assert not read_result(study).judged_apart


def test_a_study_without_one_has_none(study: Path):
    assert read_result(study) is None


@pytest.mark.parametrize("text", ["{}", "[]", '{"schema_version": 99}', '{"schema_version": 1}'])
def test_a_damaged_result_is_one_message(study: Path, text: str):
    result_file(study).parent.mkdir()
    result_file(study).write_text(text)
    with pytest.raises(StorageError, match="expected the result of a confirmation"):
        read_result(study)

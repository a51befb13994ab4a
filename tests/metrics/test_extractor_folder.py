"""Tell the folder of an extractor from a name, whatever else lies beside."""

import json
from pathlib import Path

import pytest

from harness.metrics.extractor_folder import RECORD_FILE, located_extractor, stored_sha256


@pytest.mark.parametrize("spelling", ["ex", "ex/", "./ex", "{}/ex", "~/ex"])
def test_a_folder_by_any_spelling_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ex").mkdir()
    (tmp_path / "ex" / RECORD_FILE).write_text(json.dumps({"sha256": "abc"}))
    spelling = spelling.format(tmp_path)
    assert located_extractor(spelling) == str(tmp_path / "ex")
    assert stored_sha256(spelling) == "abc"


def test_a_name_means_no_folder_that_happens_to_be_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inception").mkdir()
    assert located_extractor("inception") == "inception"
    assert stored_sha256("inception") is None

"""Refuse a study whose files have keys that are called otherwise now."""

from pathlib import Path

import pytest
import yaml

from tests.reporting.studies import make_small_study
from tests.support.commands import Commands, the_one_message


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return the folder of a study as it would have been written with the old keys."""
    folder = make_small_study(tmp_path / "studies" / "old")
    for file in folder.glob("*/*/config.yaml"):
        text = file.read_text()
        file.write_text(text.replace("regularizer", "regulariser"))
    file = folder / "search_space.yaml"
    space = yaml.safe_load(file.read_text())
    space["parameters"]["regulariser.name"] = {"value": "none"}
    file.write_text(yaml.safe_dump(space, sort_keys=False))
    return folder


@pytest.mark.parametrize("command", ["sweep", "train", "confirm", "report"])
def test_an_old_study_is_refused_by_the_new_names(
    commands: Commands, study: Path, tmp_path: Path, command: str
):
    arguments = {
        "sweep": ["--search-space", study / "search_space.yaml", "--study", "old"],
        "train": ["--from", "old", "--kimg", 99],
        "confirm": ["--study", "old"],
        "report": ["--study", "old"],
    }
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    result = commands.run(
        command, *arguments[command], "--studies-dir", study.parent, cwd=tmp_path
    )
    assert "regulariser.name is now called regularizer.name." in the_one_message(result)
    assert {path: path.read_bytes() for path in before} == before

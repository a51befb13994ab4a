"""Refuse a study whose files have keys that are called otherwise now."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import SweptStudy
from tests.support.commands import Commands, the_one_message


@pytest.fixture
def old_studies(swept: SweptStudy, tmp_path: Path) -> Path:
    """Return a folder with the study as it would have been written with the old keys."""
    folder = tmp_path / "studies" / swept.folder.name
    shutil.copytree(swept.folder, folder)
    changed = 0
    for file in (folder / "search_space.yaml", *folder.glob("*/*/config.yaml")):
        text = file.read_text()
        old = text.replace("regularizer", "regulariser").replace("normalization", "normalisation")
        changed += old != text
        file.write_text(old)
    assert changed > 2
    return folder.parent


@pytest.mark.parametrize("command", ["sweep", "train", "confirm", "report"])
def test_an_old_study_is_refused_by_the_new_names(
    commands: Commands, swept: SweptStudy, old_studies: Path, tmp_path: Path, command: str
):
    name = swept.folder.name
    arguments = {
        "sweep": ["--space", old_studies / name / "search_space.yaml", "--study", name],
        "train": ["--from", name, "--kimg", 99],
        "confirm": [name],
        "report": [name],
    }
    before = {path: path.read_bytes() for path in old_studies.rglob("*") if path.is_file()}
    result = commands.run(command, *arguments[command], "--studies-dir", old_studies, cwd=tmp_path)
    message = the_one_message(result)
    assert "normalisation is now called generator.normalization." in message
    assert {path: path.read_bytes() for path in before} == before

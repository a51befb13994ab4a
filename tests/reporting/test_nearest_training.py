"""Read what an export kept of the nearest training images, from anybody's study."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.reporting.nearest_training import read_nearest

RECORD = {
    "training": "0003",
    "says": "the nearest of all",
    "classes": ["a", ""],
    "nearest": [0.5, 1.25],
}


def write(folder: Path, **changed: Any) -> Path:
    kept = folder / "nearest"
    kept.mkdir()
    Image.new("L", (8, 8)).save(kept / "0003.png")
    (kept / "0003.json").write_text(json.dumps(RECORD | changed))
    return kept


def test_a_picture_is_described_row_by_row(tmp_path: Path):
    kept = write(tmp_path)
    found = read_nearest(tmp_path, "0003")
    assert found is not None
    assert found.picture == kept / "0003.png"
    assert found.alt.endswith("distances to the nearest: a 0.50, 1.25")
    assert found.to_dict()["rows"] == [["a", 0.5], ["", 1.25]]
    assert read_nearest(tmp_path, "0004") is None
    assert read_nearest(tmp_path, None) is None


@pytest.mark.parametrize(
    "changed",
    [{"training": "0004"}, {"nearest": [1.0]}, {"nearest": "x"}, {"classes": 3}, {"says": None}],
)
def test_what_does_not_fit_is_left_out_or_text(tmp_path: Path, changed: dict[str, Any]):
    write(tmp_path, **changed)
    found = read_nearest(tmp_path, "0003")
    assert (found is None) == ("says" not in changed)


def test_a_link_that_leads_out_of_the_study_is_not_followed(tmp_path: Path):
    other = tmp_path / "other.png"
    Image.new("L", (8, 8)).save(other)
    study = tmp_path / "study"
    study.mkdir()
    kept = write(study)
    (kept / "0003.png").unlink()
    (kept / "0003.png").symlink_to(other)
    assert read_nearest(study, "0003") is None

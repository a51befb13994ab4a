"""Replace earlier bundles, and nothing else."""

from pathlib import Path

import pytest

from harness.core.errors import StudyError
from harness.exporting.bundle_folder import (
    CHECKSUMS,
    is_bundle,
    listed_files,
    put_in_place,
    refuse_strangers,
    write_checksums,
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "savedmodel" / "variables").mkdir(parents=True)
    (folder / "metrics.json").write_text('{"study_id": "x"}')
    (folder / "savedmodel" / "variables" / "index").write_bytes(b"weights")
    write_checksums(folder)
    return folder


def test_checksums_are_those_of_sha256(bundle: Path):
    lines = (bundle / CHECKSUMS).read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == [
        "metrics.json",
        "savedmodel/variables/index",
    ]
    # printf weights | sha256sum
    assert lines[1].split()[0].startswith("9a129038d9a00aed")
    assert set(listed_files(bundle)) == {"metrics.json", "savedmodel/variables/index"}


def test_a_bundle_is_known_by_its_list(bundle: Path):
    assert is_bundle(bundle)
    (bundle / "savedmodel" / "variables" / "notes.txt").write_text("precious")
    assert not is_bundle(bundle)
    with pytest.raises(StudyError, match="is not an exported bundle, so it is left alone"):
        refuse_strangers(bundle)


def test_a_bundle_without_a_list_is_known_by_its_names(bundle: Path, tmp_path: Path):
    older = tmp_path / "older"
    older.mkdir()
    for name in ("README.md", "generator.keras", "metrics.json"):
        (older / name).write_text('{"study_id": "x"}')
    assert is_bundle(older)
    (older / "generator.onnx").write_text("precious")
    assert not is_bundle(older)


def test_a_list_that_cannot_be_read_lists_nothing(bundle: Path):
    (bundle / CHECKSUMS).write_bytes(b"\xff\xfe")
    assert listed_files(bundle) == {}
    assert not is_bundle(bundle)


def test_a_bundle_takes_the_place_of_an_earlier_one(bundle: Path, tmp_path: Path):
    made = tmp_path / "temporary" / "bundle"
    made.mkdir(parents=True)
    (made / "new").write_text("new")
    put_in_place(made, bundle)
    assert [path.name for path in bundle.iterdir()] == ["new"]
    assert [path.name for path in (tmp_path / "temporary").iterdir()] == ["earlier"]


def test_an_earlier_one_comes_back_where_its_place_is_not_taken(bundle: Path, tmp_path: Path):
    made = tmp_path / "temporary" / "bundle"
    made.parent.mkdir()
    with pytest.raises(FileNotFoundError, match="bundle"):
        put_in_place(made, bundle)  # nothing was made
    assert is_bundle(bundle)

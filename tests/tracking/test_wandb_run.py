"""Log artifacts offline and read back what W&B would upload."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.tracking.wandb_run import (
    ArtifactContents,
    end_run,
    log_artifact,
    start_run,
)
from tests.tracking.offline_log import read_records
from tests.tracking.trainings import OFFLINE, identify

NAMES = ("generator.keras", "inner/config.yaml")


def logged(study: Path, files: Mapping[str, Path]) -> dict[str, Any]:
    """Return the record of an artifact that was logged offline."""
    contents = ArtifactContents(
        name="default",
        type="model",
        files=files,
        aliases=["best", "0007"],
        metadata={"fid": 1.5},
        description="A generator.",
    )
    run, _ = start_run(identify(study, "export"), OFFLINE, "offline")
    log_artifact(run, contents)
    end_run(run)
    records = read_records(next((study / "wandb").glob("*/run-*.wandb")))
    (record,) = (each["artifact"] for each in records if each["type"] == "artifact")
    return record


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "inner").mkdir(parents=True)
    (folder / "generator.keras").write_bytes(b"network")
    (folder / "inner" / "config.yaml").write_text("seed: 7\n")
    return folder


def test_a_folder_is_logged_with_aliases_and_metadata(
    tmp_path: Path, bundle: Path, capfd: pytest.CaptureFixture[str]
):
    record = logged(tmp_path, {name: bundle / name for name in NAMES})
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert (record["name"], record["type"]) == ("default", "model")
    assert sorted(record["aliases"]) == ["0007", "best", "latest"]  # W&B adds the last one
    assert json.loads(record["metadata"]) == {"fid": 1.5}
    assert record["description"] == "A generator."
    contents = {entry["path"]: entry for entry in record["manifest"]["contents"]}
    assert sorted(contents) == ["generator.keras", "inner/config.yaml"]
    assert int(contents["generator.keras"]["size"]) == len(b"network")


def test_what_will_be_uploaded_is_a_copy_in_the_folder_of_the_run(tmp_path: Path, bundle: Path):
    home = os.environ.get("WANDB_DATA_DIR")
    record = logged(tmp_path, {name: bundle / name for name in NAMES})
    (bundle / "generator.keras").unlink()
    copies = [Path(entry["local_path"]) for entry in record["manifest"]["contents"]]
    assert {copy.read_bytes() for copy in copies} == {b"network", b"seed: 7\n"}
    assert all(copy.is_relative_to(tmp_path / "wandb") for copy in copies)
    assert os.environ.get("WANDB_DATA_DIR") == home


def test_files_are_logged_by_the_names_they_are_given(tmp_path: Path, bundle: Path):
    record = logged(tmp_path, {"network": bundle / "generator.keras"})
    assert [entry["path"] for entry in record["manifest"]["contents"]] == ["network"]

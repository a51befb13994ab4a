from pathlib import Path

import pytest

from harness.tracking.tracker import TrackerOptions
from harness.tracking.wandb_log import latest_segments, run_address, run_id
from harness.tracking.wandb_run import end_run, start_run
from tests.tracking.trainings import OFFLINE, identify


def segment_of(study: Path, options: TrackerOptions) -> Path:
    identity = identify(study)
    end_run(start_run(identity, options, "offline"))
    return latest_segments(study / "wandb")[run_id(identity)]


def logged_online(segment: Path) -> Path:
    """Return a log under the name that W&B gives the folders of online runs."""
    name = segment.parent.name.removeprefix("offline-")
    return segment.parent.rename(segment.parent.with_name(name)) / segment.name


def test_the_newest_log_of_each_run_counts(tmp_path: Path):
    first, second = segment_of(tmp_path, OFFLINE), segment_of(tmp_path, OFFLINE)
    assert first.name == second.name
    assert first != second
    assert list(latest_segments(tmp_path / "wandb").values()) == [second]


def test_a_run_on_this_disk_alone_has_no_address(tmp_path: Path):
    options = TrackerOptions(wandb_mode="offline", entity="us", project="mine")
    assert run_address(segment_of(tmp_path, options)) is None


@pytest.mark.parametrize(
    ("server", "begins"),
    [(None, "https://wandb.ai"), ("https://wandb.example.org/", "https://wandb.example.org")],
)
def test_an_online_run_has_the_address_that_its_log_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str | None, begins: str
):
    options = TrackerOptions(wandb_mode="offline", entity="us", project="mine")
    segment = logged_online(segment_of(tmp_path, options))
    monkeypatch.delenv("WANDB_BASE_URL", raising=False)
    if server:
        monkeypatch.setenv("WANDB_BASE_URL", server)
    assert run_address(segment) == f"{begins}/us/mine/runs/{run_id(identify(tmp_path))}"


def test_without_an_account_nobody_but_the_server_knows_the_address(tmp_path: Path):
    assert run_address(logged_online(segment_of(tmp_path, OFFLINE))) is None

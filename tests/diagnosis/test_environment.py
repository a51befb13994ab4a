"""Check a machine, real and made up."""

import importlib.metadata
import stat
from pathlib import Path

import pytest

from harness.diagnosis import environment
from harness.diagnosis.environment import (
    available_megabytes,
    check_data,
    check_disk,
    check_extractor,
    check_gpu,
    check_memory,
    check_package,
    check_python,
    check_wandb,
)
from harness.metrics.extractors.panel import load_panel

KEY = "0123456789abcdef" * 2 + "01234567"


def test_this_machine_runs_the_versions_that_the_package_asks_for():
    assert check_python().level == "ok"
    for name in environment.PACKAGES:
        finding = check_package(name)
        assert (finding.level, finding.message) == ("ok", importlib.metadata.version(name))


@pytest.mark.parametrize("version", ["1.2.3", "2.9.1", "2.22"])  # by number: 9 is less than 21
def test_another_version_fails_with_both_numbers(version: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    finding = check_package("tensorflow")
    assert finding.level == "fail"
    assert finding.message.startswith(f"{version}; expected ")
    assert "2.21" in finding.message


def test_a_package_that_is_missing_fails():
    finding = check_package("no-such-package")
    assert finding.level == "fail"
    assert "not installed. Run `make setup`" in finding.message


@pytest.mark.parametrize(
    ("free", "level"), [(1000.0, "fail"), (2500.0, "warn"), (5000.0, "ok"), (None, "ok")]
)
def test_memory_is_measured_against_the_workers(
    free: float | None, level: str, monkeypatch: pytest.MonkeyPatch
):
    # Four workers of 1,200 MiB take 4,800.
    monkeypatch.setattr(environment, "available_megabytes", lambda: None)
    finding = check_memory(4, free)
    assert finding.level == level
    if level == "warn":
        assert "Use --workers 2" in finding.message


def test_a_containers_limit_counts(tmp_path: Path):
    meminfo, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    2097152 kB\n")
    assert available_megabytes(meminfo, limit) == 2048  # no limit file
    limit.write_text("max\n")
    assert available_megabytes(meminfo, limit) == 2048
    limit.write_text(f"{512 * 2**20}\n")
    assert available_megabytes(meminfo, limit) == 512
    assert available_megabytes(tmp_path / "none", tmp_path / "none") is None


@pytest.mark.parametrize(("free", "level"), [(100.0, "fail"), (1000.0, "warn"), (9e9, "ok")])
def test_disk_has_to_have_room(tmp_path: Path, free: float, level: str):
    finding = check_disk(tmp_path / "studies" / "deeper", free)
    assert finding.level == level
    assert str(tmp_path) in finding.message


def test_the_published_data_are_recognised_and_damaged_ones_fail(tmp_path: Path):
    assert check_data(None).level == "ok"
    finding = check_data(tmp_path)
    assert finding.level == "fail"
    assert "incomplete" in finding.message


def test_the_shipped_weights_have_the_recorded_hash():
    finding = check_extractor()
    assert finding.level == "ok"
    assert load_panel("panel").sha256[:16] in finding.message


def test_a_missing_extractor_fails():
    assert check_extractor("fashion_cn").level == "fail"


def test_no_gpu_is_fine_and_a_hidden_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    if check_gpu().message.startswith("TensorFlow sees"):
        pytest.skip("this machine has a GPU")
    assert check_gpu().level == "ok"
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    assert check_gpu().level == "warn"


def test_credentials_are_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    finding = check_wandb(tmp_path)
    assert finding.level == "warn"
    assert "offline" in finding.message
    assert KEY not in finding.message
    monkeypatch.setenv("WANDB_MODE", "onlin")
    assert check_wandb(tmp_path).level == "fail"

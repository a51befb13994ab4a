"""Look for what belongs to one machine and its user in all that a study's life leaves."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.reporting.page import render_page
from harness.reporting.report_data import read_report
from harness.reporting.study_publisher import read_snapshot
from tests.conftest import SweptStudy
from tests.reporting.studies import make_small_study
from tests.support.commands import Commands, the_one_message


def planted_in(folder: Path) -> Iterator[str]:
    """Yield the files below a folder that hold what was planted in the environment."""
    for path in folder.rglob("*"):
        if path.is_file() and b"planted" in path.read_bytes():
            yield str(path.relative_to(folder))


def test_no_variable_reaches_what_a_sweep_and_all_that_follow_write(
    swept: SweptStudy, commands: Commands, tmp_path: Path
):
    cwd = Path(shutil.copytree(swept.cwd, tmp_path / "cwd", symlinks=True))
    assert "planted" not in swept.result.stdout + swept.result.stderr
    for command in (
        ("report", "--study", "endings"),
        ("report", "--study", "endings", "--json"),
        ("export", "--study", "endings", "--to", "wandb"),
        ("doctor", "--study", "endings"),
    ):
        result = commands.run(*command, cwd=cwd)
        assert result.returncode == 0, result.stderr
        assert "planted" not in result.stdout + result.stderr
    assert (cwd / "reports/endings/index.html").is_file()
    assert (cwd / "studies/endings/export/README.md").is_file()
    assert list(cwd.glob("studies/endings/wandb/*-export/*.wandb"))
    assert list(planted_in(cwd)) == []


@pytest.mark.slow
def test_no_variable_reaches_what_ray_keeps_of_a_sweep(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as short:  # holds sockets
        monkeypatch.setenv("RAY_TMPDIR", short)
        options = ("--search-space", "smoke", "--trials", 2, "--engine", "ray", "--workers", 1)
        result = commands.run("sweep", *options, cwd=tmp_path)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "planted" not in result.stdout + result.stderr
        sessions = list(Path(short).glob("ray/session_2*/logs"))
        assert sessions, "Ray keeps its records elsewhere"
        assert list(planted_in(Path(short))) == []
    result = commands.run("export", "--study", "smoke", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert list(planted_in(tmp_path)) == []


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a study of images in a home folder, seen through an extractor in another's."""
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "studies" / "small"
    make_small_study(folder)
    images, extractor = f"npz:{tmp_path}/ann/pictures/mine.npz", "/home/bob/extractors/shoes"
    record = json.loads((folder / "study.json").read_text())
    record |= {"dataset": images, "extractor": extractor}
    (folder / "study.json").write_text(json.dumps(record))
    space = (folder / "search_space.yaml").read_text()
    space = space.replace("dataset: fashion_mnist", f"dataset: {images}")
    space = space.replace("extractor: fashion_cnn", f"extractor: {extractor}")
    (folder / "search_space.yaml").write_text(space)
    return folder


def test_paths_leave_the_machine_in_nothing_that_is_shared(elsewhere: Path, tmp_path: Path):
    data = read_report(elsewhere)
    snapshot = read_snapshot(elsewhere)
    shared = {
        "page": render_page(data),
        "report --json": json.dumps(data.to_dict()),
        "W&B": json.dumps([snapshot.identity.config, snapshot.summary, list(snapshot.rows)]),
    }
    for name, text in shared.items():
        assert "npz:~/pictures/mine.npz" in text, name
        assert ".../shoes" in text, name
        assert str(tmp_path) not in text, name
        assert "bob" not in text, name


def test_a_password_on_a_command_line_is_refused_and_not_repeated(
    commands: Commands, tmp_path: Path
):
    storage = "--storage=mysql://joe:hunter22@db.example.org/x"
    message = the_one_message(commands.run("sweep", storage, cwd=tmp_path))
    assert message.startswith("--storage: expected no password; received an address with one")
    assert "hunter22" not in message
    assert list(tmp_path.iterdir()) == []

"""Report on a study the way a user does."""

import json
import shutil
from pathlib import Path

import pytest

from harness.report import app
from tests.conftest import SweptStudy
from tests.reporting.studies import make_small_study
from tests.support.commands import Commands, the_one_message


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    make_small_study(tmp_path / "studies" / "small")
    return tmp_path


def test_the_command_writes_one_page(commands: Commands, swept: SweptStudy, tmp_path: Path):
    shutil.copytree(swept.folder, tmp_path / "studies" / "endings")
    result = commands.run("report", "--study", "endings", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Wrote reports/endings/index.html (0.")
    text = (tmp_path / "reports" / "endings" / "index.html").read_text()
    assert "T-shirt/top" in text
    assert all(reason in text for reason in ("finished", "diverged", "crashed", "outranked"))


def test_the_command_speaks_text_and_json(commands: Commands, cwd: Path):
    text = commands.run("report", "--study", "small", "--text", cwd=cwd)
    assert "Winner: trial 0001, dcgan, final 1.100" in text.stdout
    record = json.loads(commands.run("report", "--study", "small", "--json", cwd=cwd).stdout)
    assert record["winner"]["trial"] == "0001"
    assert not (cwd / "reports").exists()


def test_watching_a_study_at_rest_writes_it_and_ends(commands: Commands, cwd: Path):
    result = commands.run("report", "--study", "small", "--watch", "--out", "there", cwd=cwd)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("No sweep is running on it; the page is complete.\n")
    assert [path.name for path in (cwd / "there").iterdir()] == ["index.html"]


def test_bad_input_is_refused_in_one_message(commands: Commands, cwd: Path):
    refused = commands.run("report", "--study", "smal", cwd=cwd)
    assert "Did you mean 'small'?" in the_one_message(refused)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--study", "../x"), "expected up to 100 letters"),
        (("--study", "small", "--text", "--json"), "expected one of them at most"),
        (
            ("--study", "small", "--out", "studies/small/study.json"),
            "--out: expected a folder, to write index.html into; received the file studies",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(
    cwd: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
):
    monkeypatch.chdir(cwd)
    with pytest.raises(SystemExit, match="2"):
        app(arguments)
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said

"""Open the dashboard the way a user does: a real process, looked at in a real Chromium."""

import json
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from harness.dashboard import app
from harness.optuna_dashboard import live_dashboard
from harness.optuna_dashboard.live_dashboard import LiveDashboard
from harness.study.record import read_study
from harness.study.trial_storage import journal_file
from tests.conftest import SweptStudy
from tests.reporting.studies import make_study
from tests.support.browser import started_browser
from tests.support.commands import Commands, interrupt, wait_until


@pytest.fixture(scope="module")
def study(swept: SweptStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cwd = tmp_path_factory.mktemp("dashboard")
    return Path(shutil.copytree(swept.folder, cwd / "studies" / "endings"))


@pytest.fixture(scope="module")
def address(study: Path, commands: Commands) -> Iterator[str]:
    """Give the address that the command prints; Ctrl-C ends it in the end."""
    options = ("--study", "endings", "--port", 0, "--no-browser")
    process = commands.start("dashboard", *options, cwd=study.parent.parent)
    line = process.stdout.readline()
    assert line.startswith("Study endings is shown at http://127.0.0.1:"), process.stderr.read()
    yield line.split()[-1]
    out, err = interrupt(process)
    assert (process.returncode, out.splitlines()[-1], err) == (0, "Ended.", "")


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Any]:
    with started_browser() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text))
        page.on(
            "response", lambda answer: answer.ok or said.append(f"{answer.status} {answer.url}")
        )
        yield page
        assert said == []


def test_a_trial_page_shows_its_grid_and_its_note(page: Any, address: str):
    page.goto(f"{address}/trials?numbers=0")
    grid = page.get_by_alt_text("4 kimg.png")
    grid.wait_for()
    assert (
        grid.evaluate("async (image) => { await image.decode(); return image.naturalWidth; }")
        > 100
    )
    text = page.locator("body").inner_text()
    assert "Trial 0000: complete (finished)" in text
    assert "final fid_fashion_cnn@1000:" in text
    assert "W&B run: endings 0000" in text
    assert page.get_by_alt_text("2 kimg.png").count() == 1


def test_the_study_page_names_its_metric_and_its_note_how_to_read_it(page: Any, address: str):
    page.goto(address)
    page.get_by_text("fid_fashion_cnn@1000").first.wait_for()
    page.goto(f"{address}/note")
    page.get_by_text("lower is better").wait_for()
    assert "Best: trial 0000" in page.locator("body").inner_text()


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/api/studies/0"), ("PUT", "/api/studies/0/note")]
)
def test_nothing_done_there_reaches_the_study(address: str, study: Path, method: str, path: str):
    before = journal_file(study).read_bytes()
    server = address.partition("/dashboard")[0]
    request = urllib.request.Request(server + path, b"{}", method=method)
    with pytest.raises(urllib.error.HTTPError, match="405: Method Not Allowed") as refused:
        urllib.request.urlopen(request, timeout=30)
    with refused.value:
        assert json.load(refused.value)["reason"].startswith("This page is only for looking")
    assert journal_file(study).read_bytes() == before


def test_a_page_of_another_name_cannot_read_the_study(address: str):
    server = address.partition("/dashboard")[0]
    headers = {"Host": f"rebind.evil.example:{server.rpartition(':')[2]}"}
    request = urllib.request.Request(f"{server}/api/studies/0", headers=headers)
    with pytest.raises(urllib.error.HTTPError, match="403: Forbidden") as refused:
        urllib.request.urlopen(request, timeout=30)
    refused.value.close()


def test_a_browser_that_keeps_the_terminal_is_served_too(
    study: Path, commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # As text browsers do, this one returns to its caller when it has read the page.
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(
        f"#!{sys.executable}\nimport pathlib, sys, urllib.request\n"
        f"page = urllib.request.urlopen(sys.argv[1], timeout=20)\n"
        f"pathlib.Path({str(seen)!r}).write_text(str(page.status))\n"
    )
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    process = commands.start(
        "dashboard", "--study", "endings", "--port", 0, cwd=study.parent.parent
    )
    process.stdout.readline()
    wait_until(lambda: seen.is_file() and seen.read_text(), process)
    assert seen.read_text() == "200"
    interrupt(process)


def test_the_page_follows_a_study_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = make_study(tmp_path / "small")
    monkeypatch.setattr(live_dashboard, "_FRESH_SECONDS", 0.0)
    study = optuna.create_study(study_name="small")
    live = LiveDashboard(folder, read_study(folder), study.get_trials)

    def trials() -> int:
        answers: list[str] = []
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/studies/0", "QUERY_STRING": ""}
        body = b"".join(live(environ, lambda status, *_: answers.append(status)))
        assert answers == ["200 OK"], body
        return len(json.loads(body)["trials"])

    assert trials() == 0
    study.add_trial(optuna.trial.create_trial(value=1.0))
    assert trials() == 1


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit, match="2"):
        app(arguments)
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    return said


def test_without_its_extra_it_says_what_to_install(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)  # as if it were not installed
    said = refused(capsys, "--study", "endings", "--studies-dir", str(study.parent))
    assert "pip install 'gan-sweep-harness[dashboard]'" in said


def test_what_cannot_be_shown_is_refused(
    study: Path, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    there = ("--studies-dir", str(study.parent), "--no-browser")
    assert "Did you mean 'endings'?" in refused(capsys, "--study", "ending", *there)
    port = address.partition("/dashboard")[0].rpartition(":")[2]
    said = refused(capsys, "--study", "endings", "--port", port, *there)
    assert f"--port: cannot listen on 127.0.0.1:{port}: Address already in use" in said
    make_study(tmp_path / "small")
    said = refused(capsys, "--study", "small", "--studies-dir", str(tmp_path))
    assert "the study has no journal yet" in said

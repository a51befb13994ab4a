"""Serve a bundle by the command, as a user does."""

import signal
import time
import urllib.request
from pathlib import Path

import pytest

from tests.commands import Commands, interrupt, the_one_message


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "explorer.html").write_text("the page")
    return folder


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -15)])
def test_the_printed_address_shows_the_page_until_ctrl_c(
    commands: Commands, bundle: Path, number: int, code: int
):
    process = commands.start("explore", bundle, "--no-browser", cwd=bundle.parent)
    address = process.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.read() == b"the page"
    _, err = interrupt(process, number)
    assert process.returncode == code
    assert err == ""


def test_the_browser_is_opened_unless_told_not_to(
    commands: Commands, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    process = commands.start("explore", bundle, cwd=tmp_path)
    address = process.stdout.readline().strip()
    for _ in range(500):
        if opened.exists():
            break
        time.sleep(0.02)
    interrupt(process)
    assert opened.read_text().strip() == address


def test_a_folder_without_an_explorer_is_refused(commands: Commands, tmp_path: Path):
    message = the_one_message(commands.run("explore", tmp_path, cwd=tmp_path))
    assert "explorer.html" in message
    assert "python -m harness.export" in message

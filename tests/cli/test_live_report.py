"""Show the report of a study while a sweep runs, by the process that really writes it."""

import http.client
import shutil
import time
import urllib.request
from pathlib import Path

import pytest

from harness.cli.live_report import LivePage, LiveReport
from harness.core.locks import lock_folder
from harness.runner.job_source import NullListener
from tests.conftest import SweptStudy


def ask(page: LivePage, path: str = "/", method: str = "GET") -> tuple[str, dict[str, str], bytes]:
    seen: list = []
    content = page(
        {"PATH_INFO": path, "REQUEST_METHOD": method},
        lambda status, headers: seen.extend((status, dict(headers))),
    )
    return seen[0], seen[1], b"".join(content)


def test_a_page_that_is_not_written_yet_says_so_and_asks_again(tmp_path: Path):
    page = LivePage(tmp_path)
    status, headers, content = ask(page)
    assert (status, headers["ETag"]) == ("200 OK", '"none"')
    assert b'http-equiv="refresh"' in content
    assert b"being written" in content
    page.trouble = "It failed: <b>"
    assert b"It failed: &lt;b&gt;" in ask(page)[2]


def test_its_state_changes_with_the_file_and_nothing_else_is_given(tmp_path: Path):
    page = LivePage(tmp_path)
    (tmp_path / "index.html").write_text("one")
    (tmp_path / "words").write_text("not for a browser")
    assert page.asked_at is None
    _, first, content = ask(page, method="HEAD")
    assert (content, first["Content-Length"]) == (b"", "3")
    assert page.given == ""  # a look at the state gives no page
    assert ask(page)[2] == b"one"
    assert page.given == page.state == first["ETag"]
    (tmp_path / "index.html").write_text("another")
    assert ask(page, method="HEAD")[1]["ETag"] != first["ETag"]
    assert ask(page, "/words")[0] == ask(page, "/../words")[0] == "404 Not Found"


@pytest.fixture
def study(swept: SweptStudy, tmp_path: Path) -> Path:
    return Path(shutil.copytree(swept.folder, tmp_path / "studies" / swept.folder.name))


def test_the_report_is_written_shown_and_ended_with_the_block(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    before = sorted(study.rglob("*"))
    lock = lock_folder(study, "a sweep runs.")  # as a sweep holds it
    with LiveReport(study, NullListener()) as report:
        report.opened(0)
        assert fetched(report.address, b"loads itself again")
        assert opened.read_text().strip() == report.address
        lock.close()
        begun = time.monotonic()
        report.finish()
        # Nobody fetches the last state: it waits its time, and no longer.
        assert 7 < time.monotonic() - begun < 60
        assert fetched(report.address, b"Skip to the winner")
        with urllib.request.urlopen(report.address, timeout=10) as answer:
            assert b"data-follows" not in answer.read()
        host = report.address.removeprefix("http://").rstrip("/")
    with pytest.raises(OSError, match="refused"):
        http.client.HTTPConnection(host).request("GET", "/")
    assert sorted(study.rglob("*")) == before


def fetched(address: str, wanted: bytes) -> bool:
    """Return whether a page with these words comes, on however busy a machine."""
    for _ in range(600):
        with urllib.request.urlopen(address, timeout=30) as answer:
            if wanted in answer.read():
                return True
        time.sleep(0.2)
    return False


def test_where_only_the_terminal_could_show_it_no_browser_is_opened(
    monkeypatch: pytest.MonkeyPatch,
):
    import harness.cli.app as app

    tried: list[str] = []
    monkeypatch.setattr(app.webbrowser, "open", tried.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(app.sys, "platform", "linux")
    app.open_browser("http://127.0.0.1:1/")
    time.sleep(0.1)
    assert tried == []

"""What every room's tests share: the real data, and an environment of their own."""

import dataclasses
import os
import signal
import subprocess
from pathlib import Path

# Before anything imports TensorFlow.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

from harness.data.datasets import load_dataset
from harness.data.image_dataset import ImageDataset
from tests.support.commands import Commands
from tests.support.endings import ENDINGS, write_endings
from tests.support.fashion_mnist_places import bare as bare
from tests.support.fashion_mnist_places import link as link
from tests.support.fashion_mnist_places import real_folder as real_folder
from tests.support.fashion_mnist_places import replace as replace
from tests.support.skips import are_installable, reasons


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell lets what it runs in the background, and its children, ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-installable-skips",
        action="store_true",
        help="fail where a test skips for want of something that could be installed",
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that would pass, if what it skipped could have been installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not session.config.getoption("no_installable_skips"):
        return  # a worker of xdist, or a run that may skip
    if session.exitstatus == 0 and are_installable(reporter.stats.get("skipped", [])):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with one line for each reason why tests were skipped."""
    for line in reasons(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the user's HARNESS_ variables, except the one that says where the data lie."""
    for name in list(os.environ):
        if name.startswith("HARNESS_") and name != "HARNESS_DATA_DIR":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def fashion_mnist() -> ImageDataset:
    """Return the real Fashion-MNIST, all 70,000 images; its arrays are read-only."""
    return load_dataset("fashion_mnist")


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """Return what runs the commands with a home folder of their own."""
    home = tmp_path_factory.mktemp("home") / "plantedname"
    home.mkdir()
    return Commands(home)


@dataclasses.dataclass(frozen=True)
class SweptStudy:
    """Hold a study that a real sweep left, and what the sweep printed. Copy before changing it.

    Args:
        cwd: Where the sweep ran.
        folder: The study's folder.
        result: What it printed.
    """

    cwd: Path
    folder: Path
    result: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def swept(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> SweptStudy:
    """Sweep once, for all tests that look at a study: a trial for each way to end."""
    cwd = tmp_path_factory.mktemp("swept")
    options = write_endings(cwd)
    result = commands.run("sweep", *options, "--trials", len(ENDINGS), "--workers", 1, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return SweptStudy(cwd, cwd / "studies" / "endings", result)

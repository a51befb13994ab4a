"""Make temporary folders, and clear away those of processes that were killed."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.scratch import find_left, remove_left, scratch_folder

AT_WORK = """
import pathlib, sys
from harness.core.scratch import scratch_folder
with scratch_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "bundle").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def process_at_work(target: Path):
    with subprocess.Popen(
        [sys.executable, "-c", AT_WORK, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, Path(process.stdout.readline().strip())


def test_nothing_is_left_however_the_block_ends(tmp_path: Path):
    for error in (None, RuntimeError, KeyboardInterrupt):
        with (
            contextlib.suppress(error or ()),
            scratch_folder(tmp_path / "in" / "export") as folder,
        ):
            assert folder.parent == tmp_path / "in"
            (folder / "bundle").mkdir()
            if error:
                raise error
        assert list((tmp_path / "in").iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_one_at_work_has_stays(tmp_path: Path):
    target = tmp_path / "export"
    with process_at_work(target) as (process, folder):
        with scratch_folder(target) as mine:
            assert {path.name for path in tmp_path.iterdir()} == {folder.name, mine.name}
        remove_left(folder, target)
        assert (folder / "bundle").is_dir()
        assert find_left(tmp_path) == []
        process.kill()
    assert find_left(tmp_path) == [folder]
    with scratch_folder(target) as mine:
        assert list(tmp_path.iterdir()) == [mine]


@pytest.mark.parametrize(
    "name", [".export-mine/thesis.tex", ".export-abcd1234/thesis.tex", ".export-abcd1234.txt"]
)
def test_what_is_somebodys_own_stays(tmp_path: Path, name: str):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("precious")
    with scratch_folder(tmp_path / "export"):
        pass
    assert file.read_text() == "precious"


def test_an_earlier_result_taken_away_by_a_process_that_was_killed_comes_back(tmp_path: Path):
    left = tmp_path / ".export-abcd1234"
    (left / "earlier").mkdir(parents=True)
    (left / "earlier" / "file").write_text("precious")
    with scratch_folder(tmp_path / "export"):
        assert (tmp_path / "export" / "file").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["export"]

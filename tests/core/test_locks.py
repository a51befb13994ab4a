"""Lock folders, between processes and within one."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.errors import StorageError, StudyError
from harness.core.locks import is_locked, lock_folder


def test_a_second_taker_is_told_and_the_first_keeps_it(tmp_path: Path):
    folder = tmp_path / "new" / "folder"
    held = lock_folder(folder, "in use.")
    with pytest.raises(StudyError, match=r"folder: in use\.$"):
        lock_folder(folder, "in use.")
    held.close()
    lock_folder(folder, "in use.").close()


def test_those_that_share_a_lock_keep_out_those_that_do_not(tmp_path: Path):
    assert not is_locked(tmp_path)
    first = lock_folder(tmp_path, "in use.", shared=True)
    second = lock_folder(tmp_path, "in use.", shared=True)
    first.close()
    assert is_locked(tmp_path)
    with pytest.raises(StudyError, match=r"in use\."):
        lock_folder(tmp_path, "in use.")
    second.close()
    assert not is_locked(tmp_path)
    with (
        lock_folder(tmp_path, "in use."),
        pytest.raises(StudyError, match=r"in use\."),
    ):
        lock_folder(tmp_path, "in use.", shared=True)


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path):
    code = (
        "import sys, pathlib, harness.core.locks\n"
        "held = harness.core.locks.lock_folder(pathlib.Path(sys.argv[1]), 'in use.')\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StudyError, match=r"in use\."):
            lock_folder(tmp_path, "in use.")
        process.kill()
    lock_folder(tmp_path, "in use.").close()


def test_a_file_in_the_folders_place_is_a_storage_error(tmp_path: Path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(StorageError, match="file: cannot be read or written"):
        lock_folder(tmp_path / "file", "in use.")
    assert (tmp_path / "file").read_text() == "precious"


def test_asking_never_makes_a_taker_find_it_taken(tmp_path: Path):
    # Two processes ask all the time; 9 of 6,944 takers were refused before they took turns.
    code = (
        "import sys, pathlib, harness.core.locks as locks\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "print('asks', flush=True)\n"
        "while folder.is_dir():\n"
        "    locks.is_locked(folder)\n"
    )
    folder = tmp_path / "study"
    lock_folder(folder, "in use.").close()
    askers = [
        subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        for asker in askers:
            asker.stdout.readline()
        for _ in range(2000):
            lock_folder(folder, "in use.").close()
    finally:
        for asker in askers:
            asker.kill()
            asker.communicate()


def test_asking_leaves_no_file_behind(tmp_path: Path):
    assert not is_locked(tmp_path)
    assert not is_locked(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study/lock").symlink_to(tmp_path / "made")
    with pytest.raises(StorageError, match="cannot be read or written"):
        lock_folder(tmp_path / "study", "in use.")
    assert not is_locked(tmp_path / "study")
    assert not (tmp_path / "made").exists()

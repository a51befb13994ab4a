from pathlib import Path

from harness.gan.user_code.user_functions import UserFile, pin
from harness.training.user_files import write_copies


def test_copies_are_found_again_by_their_hash(tmp_path: Path):
    file = UserFile("net.py", b"# a network\n")
    write_copies(tmp_path, [file])
    assert (tmp_path / "functions" / "net.py").read_bytes() == file.content
    _, files = pin(f"net.py:build@{file.sha256}", tmp_path, [])
    assert files == {"net.py": file}


def test_nothing_is_written_where_there_is_nothing_to_copy(tmp_path: Path):
    write_copies(tmp_path, ())
    assert list(tmp_path.iterdir()) == []

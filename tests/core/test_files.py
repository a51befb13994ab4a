"""Write whole files or none."""

import json
import os
import stat
from pathlib import Path

import pytest

from harness.core.errors import StorageError
from harness.core.files import (
    copy_folder,
    inside,
    read_json,
    replacing,
    write_bytes,
    write_json,
    write_text,
)
from tests.tracking.disks import run_on_disk


def test_a_file_replaces_its_predecessor_and_leaves_nothing_beside_it(tmp_path: Path):
    path = tmp_path / "new" / "folder" / "notes.txt"
    write_text(path, "first")
    write_text(path, "zweite Fassung, größer")
    assert path.read_text(encoding="utf-8") == "zweite Fassung, größer"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mask", [0o077, 0o002, 0o022])
def test_the_umask_decides_who_reads(tmp_path: Path, mask: int):
    given = tmp_path / "given"  # made under another mask than the copy
    write_text(given / "inner" / "b", "text")
    before = os.umask(mask)
    try:
        write_bytes(tmp_path / "made" / "inner" / "a", b"\x00\xff")
        copy_folder(given, tmp_path / "copied")
    finally:
        os.umask(before)
    assert (tmp_path / "made" / "inner" / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "copied" / "inner" / "b").read_text() == "text"
    for path in [*(tmp_path / "made").rglob("*"), *(tmp_path / "copied").rglob("*")]:
        full = 0o777 if path.is_dir() else 0o666
        assert stat.S_IMODE(path.stat().st_mode) == full & ~mask, path


def test_a_failure_halfway_keeps_the_old_content(tmp_path: Path):
    path = tmp_path / "results.json"
    write_json(path, {"kept": 1})

    def fail_halfway() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the new")
            raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"):
        fail_halfway()
    assert read_json(path) == {"kept": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_lies_beside_its_target_with_its_suffix(tmp_path: Path):
    with replacing(tmp_path / "model.keras") as temporary:
        # Keras chooses the format by the suffix; a rename is only atomic within a file system.
        assert temporary.suffix == ".keras"
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"model")
    assert (tmp_path / "model.keras").read_bytes() == b"model"


def test_a_file_in_the_way_of_a_folder_is_one_message(tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StorageError, match=r"taken/x\.json: cannot be read or written"):
        write_json(tmp_path / "taken" / "x.json", {})
    assert (tmp_path / "taken").read_text() == "a file"


def test_json_comes_back_as_it_was_written(tmp_path: Path):
    value = {"text": "é", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    write_json(tmp_path / "v.json", value)
    assert read_json(tmp_path / "v.json") == value
    assert (tmp_path / "v.json").read_bytes().endswith(b"}\n")


def test_a_missing_json_file_says_so(tmp_path: Path):
    with pytest.raises(StorageError, match=r"absent\.json: .*No such file or directory"):
        read_json(tmp_path / "absent.json")


@pytest.mark.parametrize("content", [b'{"half": ', b"", b"\xff\xfe\x00", b"not json"])
def test_damaged_json_says_what_to_do(tmp_path: Path, content: bytes):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"x\.json: expected JSON; .* restore it from a copy"):
        read_json(tmp_path / "x.json")


def test_a_full_disk_keeps_the_old_file(tmp_path: Path):
    disk = tmp_path / "disk"
    path = disk / "x.json"
    result = run_on_disk(
        disk,
        "size=64k",
        f"""
        from pathlib import Path
        from harness.core.errors import StorageError
        from harness.core.files import write_text
        path = Path({str(path)!r})
        write_text(path, "old")
        try:
            write_text(path, "n" * 100_000)
        except StorageError as error:
            print(error)
        print(path.read_text(), [p.name for p in path.parent.iterdir()])
        """,
    )
    assert result.returncode == 0, result.stderr
    message, left = result.stdout.splitlines()
    assert message.startswith(f"{path}: cannot be read or written: No space left on device. Free")
    assert left == "old ['x.json']"


def test_a_read_only_disk_is_one_message(tmp_path: Path):
    result = run_on_disk(
        tmp_path / "disk",
        "ro",
        f"""
        from pathlib import Path
        from harness.core.errors import StorageError
        from harness.core.files import write_json
        try:
            write_json(Path({str(tmp_path)!r}, "disk", "study", "x.json"), {{}})
        except StorageError as error:
            print(error)
        """,
    )
    assert result.returncode == 0, result.stderr
    assert "x.json: cannot be read or written: Read-only file system." in result.stdout


def test_json_is_indented_for_people(tmp_path: Path):
    write_json(tmp_path / "v.json", {"a": 1})
    assert (tmp_path / "v.json").read_text() == json.dumps({"a": 1}, indent=2) + "\n"


def test_json_nested_beyond_reason_is_damage_too(tmp_path: Path):
    (tmp_path / "x.json").write_text("[" * 100_000)
    with pytest.raises(StorageError, match=r"x\.json: expected JSON; .*recursion"):
        read_json(tmp_path / "x.json")


def test_a_file_of_a_folder_is_found_and_what_is_missing_is_none(tmp_path: Path):
    (tmp_path / "grids").mkdir()
    for name in ("a.json", "grids/b.png"):
        (tmp_path / name).write_text("{}")
        assert inside(tmp_path, name) == tmp_path / name
    for name in ("c.json", "grids/c.png", "a.json/d"):
        assert inside(tmp_path, name) is None
    (tmp_path / "link").symlink_to(tmp_path / "a.json")  # it stays in the folder
    assert inside(tmp_path, "link") == tmp_path / "link"


@pytest.mark.parametrize(
    "name", ["..", "../out", "folder/../../out", "{out}", "link", "linked/out", "dangling"]
)
def test_no_name_and_no_link_leads_out_of_a_folder(tmp_path: Path, name: str):
    out, folder = tmp_path / "out", tmp_path / "in"
    out.write_text("precious")
    (folder / "folder").mkdir(parents=True)
    (folder / "link").symlink_to(out)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "dangling").symlink_to(tmp_path / "new")
    with pytest.raises(StorageError, match=r"leads outside .* so it is not read"):
        inside(folder, name.format(out=out))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("folder", "expected a file; received something else"),
        ("pipe", "expected a file; received something else"),
        ("large", "takes 11 bytes; at most 10 are read"),
        ("circle", "is no path: |cannot be read"),
        ("\0", "is no path: embedded null"),
        ("x" * 300, "cannot be read or written: File name too long"),
    ],
)
def test_what_no_file_or_too_large_is_not_opened(tmp_path: Path, kind: str, message: str):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 11)
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(StorageError, match=message):
        inside(tmp_path, kind, most_bytes=10)


def test_a_device_is_no_record(tmp_path: Path):
    with pytest.raises(StorageError, match="expected a file; received something else"):
        read_json(Path("/dev/zero"))
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(StorageError, match="takes 1,099,511,627,776 bytes"):
        read_json(tmp_path / "x.json")


def test_a_copy_takes_no_foreign_file_along(tmp_path: Path):
    (tmp_path / "secret").write_text("precious")
    (tmp_path / "source/folder").mkdir(parents=True)
    (tmp_path / "source/folder/file").symlink_to(tmp_path / "secret")
    with pytest.raises(StorageError, match="leads outside"):
        copy_folder(tmp_path / "source", tmp_path / "target")

"""Get the browser's runtime from a tarball or from npm, and believe neither."""

import base64
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from harness.core.errors import MissingExtraError, StorageError
from harness.exporting.explorer_runtime import FILES, TARBALL_VARIABLE, find_runtime, unpack

CONTENT = b"export default 1;\n"
WANTED = {"ort.mjs": hashlib.sha256(CONTENT).hexdigest()}
NAME = "package/dist/ort.mjs"


def packed(path: Path, members: dict[str, bytes], *, link: tuple[str, str] | None = None) -> str:
    """Write a tarball; return its integrity."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link:
            member = tarfile.TarInfo(link[0])
            member.type, member.linkname = tarfile.SYMTYPE, link[1]
            archive.addfile(member)
    return integrity(path)


def integrity(path: Path) -> str:
    digest = hashlib.sha512(path.read_bytes()).digest()
    return f"sha512-{base64.b64encode(digest).decode()}"


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a script that stands where npm would; there is nothing yet."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}")
    return programs / "npm"


def write_npm(npm: Path, *lines: str) -> None:
    npm.write_text("\n".join(("#!/bin/sh", *lines, "")))
    npm.chmod(0o755)


def test_only_what_is_needed_is_taken_out(tmp_path: Path):
    tarball = tmp_path / "package.tgz"
    found = packed(tarball, {NAME: CONTENT, "package/dist/more.js": b"x", "../evil": b"x"})
    unpack(tarball, tmp_path / "out" / "cache", integrity=found, files=WANTED)
    assert (tmp_path / "out" / "cache" / "ort.mjs").read_bytes() == CONTENT
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["cache", "ort.mjs"]
    assert not (tmp_path / "evil").exists()


def test_a_tarball_with_another_hash_is_not_opened(tmp_path: Path):
    tarball = tmp_path / "package.tgz"
    packed(tarball, {NAME: CONTENT})
    with pytest.raises(StorageError, match=r"package\.tgz: expected the tarball of onnxruntime"):
        unpack(tarball, tmp_path / "out", files=WANTED)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("members", "link"),
    [
        ({}, None),
        ({NAME: b"another"}, None),
        ({"ort.mjs": CONTENT}, None),
        ({}, (NAME, "/etc/passwd")),
        ({}, (NAME, "../../../secret")),
    ],
)
def test_a_file_that_is_missing_or_another_is_refused(
    tmp_path: Path, members: dict[str, bytes], link: tuple[str, str] | None
):
    (tmp_path / "secret").write_bytes(CONTENT)
    tarball = tmp_path / "package.tgz"
    found = packed(tarball, members, link=link)
    with pytest.raises(StorageError, match=r"expected package/dist/ort\.mjs with SHA-256"):
        unpack(tarball, tmp_path / "out", integrity=found, files=WANTED)
    assert not (tmp_path / "out").exists()


def test_what_is_no_tarball_is_one_message(tmp_path: Path):
    file = tmp_path / "package.tgz"
    file.write_bytes(b"no tarball at all")
    with pytest.raises(StorageError, match=r"package\.tgz: cannot be read as a tarball"):
        unpack(file, tmp_path / "out", integrity=integrity(file), files=WANTED)
    packed(file, {NAME: os.urandom(10_000)})
    file.write_bytes(file.read_bytes()[:5_000])
    with pytest.raises(StorageError, match=r"package\.tgz: cannot be read as a tarball"):
        unpack(file, tmp_path / "out", integrity=integrity(file), files=WANTED)


def test_without_npm_one_line_says_how_to_get_the_runtime(tmp_path: Path, npm: Path):
    with pytest.raises(MissingExtraError, match=r"npm is missing\. Install Node\.js") as error:
        find_runtime(tmp_path / "cache")
    assert TARBALL_VARIABLE in str(error.value)
    assert "\n" not in str(error.value)


def test_what_npm_complains_of_is_said_in_one_line(tmp_path: Path, npm: Path):
    write_npm(npm, "echo 'npm error code ENOTFOUND\nnpm error network' >&2", "exit 1")
    expected = (
        r"ended with exit code 1 and no tarball: npm error code ENOTFOUND npm error network\."
    )
    with pytest.raises(MissingExtraError, match=expected) as error:
        find_runtime(tmp_path / "cache")
    assert "\n" not in str(error.value)


def test_another_tarball_from_npm_is_not_used(tmp_path: Path, npm: Path):
    write_npm(npm, "echo other > onnxruntime-web-1.30.0.tgz")
    with pytest.raises(MissingExtraError, match=r"or is another package\. Install Node\.js"):
        find_runtime(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_named_tarball_is_taken_or_refused_whatever_npm_could_do(
    tmp_path: Path, npm: Path, monkeypatch: pytest.MonkeyPatch
):
    write_npm(npm, f"touch {tmp_path / 'asked'}")
    monkeypatch.setenv(TARBALL_VARIABLE, str(tmp_path / "nowhere.tgz"))
    with pytest.raises(StorageError, match=r"nowhere\.tgz: cannot be read or written"):
        find_runtime(tmp_path / "cache")
    packed(tmp_path / "other.tgz", {NAME: CONTENT})
    monkeypatch.setenv(TARBALL_VARIABLE, str(tmp_path / "other.tgz"))
    with pytest.raises(StorageError, match=r"other\.tgz: expected the tarball of onnxruntime-web"):
        find_runtime(tmp_path / "cache")
    assert not (tmp_path / "asked").exists()


def test_what_was_fetched_once_is_found_without_npm(runtime: Path, npm: Path):
    assert find_runtime() == runtime
    for name, expected in FILES.items():
        assert hashlib.sha256((runtime / name).read_bytes()).hexdigest() == expected


def test_a_damaged_cache_is_not_used(runtime: Path, tmp_path: Path, npm: Path):
    cache = tmp_path / runtime.name
    cache.mkdir()
    for name in FILES:
        (cache / name).write_bytes((runtime / name).read_bytes())
    assert find_runtime(tmp_path) == cache
    (cache / "ort.wasm.min.js").write_bytes(b"damaged")
    with pytest.raises(MissingExtraError, match="npm is missing"):
        find_runtime(tmp_path)

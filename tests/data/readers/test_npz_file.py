"""Read .npz files that are whole, damaged, forged or hostile."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import DataError
from harness.data import memory
from harness.data.readers.npz_file import ArrayHeader, read_npz


def accept(headers) -> None:
    del headers


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(6, dtype=np.int16).reshape(2, 3), names=np.array(["a", "bc"]))
    return path


def npy_bytes(header: str, values: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values


def zip_of(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def test_arrays_come_back_and_the_check_sees_their_headers_first(file: Path):
    seen = {}
    arrays = read_npz(file, seen.update)
    assert seen == {
        "x": ArrayHeader((2, 3), np.dtype(np.int16)),
        "names": ArrayHeader((2,), np.dtype("<U2")),
    }
    assert seen["x"].num_bytes == 12  # 6 values of 2 bytes
    assert arrays["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert arrays["names"].tolist() == ["a", "bc"]


def test_compressed_and_fortran_ordered_arrays_come_back(tmp_path: Path):
    x = np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    np.savez_compressed(tmp_path / "a.npz", x=x)
    assert read_npz(tmp_path / "a.npz", accept)["x"].tolist() == x.tolist()


def test_what_the_check_raises_stops_before_the_values_are_read(tmp_path: Path):
    file = tmp_path / "a.npz"
    np.savez(file, x=np.full(100_000, 7, np.uint8))
    content = bytearray(file.read_bytes())
    content[content.rindex(b"\x07" * 8)] ^= 1  # one of the last values: the checksum is wrong
    file.write_bytes(content)

    def refuse(headers) -> None:
        raise DataError(f"seen {sorted(headers)}")

    with pytest.raises(DataError, match=r"^seen \['x'\]$"):
        read_npz(file, refuse)
    with pytest.raises(DataError, match="damaged, or another kind of file"):
        read_npz(file, accept)


def test_a_missing_file_a_folder_and_other_files_are_told_apart(tmp_path: Path):
    (tmp_path / "text.npz").write_text("not a zip")
    np.save(tmp_path / "single.npy", np.arange(3))
    for name, message in (
        ("absent.npz", r"absent\.npz: no such file; expected an \.npz file as np\.savez writes"),
        (".", "is a folder; expected"),
        ("text.npz", "damaged, or another kind of file .*zip"),
        ("single.npy", "damaged, or another kind of file .*zip"),
    ):
        with pytest.raises(DataError, match=message):
            read_npz(tmp_path / name, accept)


def test_pickled_objects_are_refused_unread(tmp_path: Path):
    # Reading it would create the file: what a hostile pickle does could be anything.
    class Hostile:
        def __reduce__(self):
            return Path.touch, (tmp_path / "was-run",)

    np.savez(tmp_path / "a.npz", x=np.array([Hostile()], dtype=object))
    with pytest.raises(DataError, match=r"x\.npy holds pickled Python objects.*dtype=str"):
        read_npz(tmp_path / "a.npz", accept)
    assert not (tmp_path / "was-run").exists()


def test_a_header_that_promises_more_than_the_file_holds_allocates_nothing(tmp_path: Path):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000, 28, 28), }"
    path = zip_of(tmp_path / "a.npz", x=npy_bytes(header, b"123"))
    with pytest.raises(DataError, match=r"x\.npy claims the shape .* but holds 3 bytes"):
        read_npz(path, accept)


def test_a_negative_size_is_refused(tmp_path: Path):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, -3), }"
    path = zip_of(tmp_path / "a.npz", x=npy_bytes(header, b"123"))
    with pytest.raises(DataError, match=r"claims the shape \(-1, -3\)"):
        read_npz(path, accept)


def test_a_compression_bomb_is_refused_by_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    np.savez_compressed(
        tmp_path / "a.npz", x=np.zeros(3 << 20, np.uint8), y=np.zeros(2 << 20, "?")
    )
    assert (tmp_path / "a.npz").stat().st_size < 10_000
    monkeypatch.setattr(memory, "MAX_BYTES", (5 << 20) - 1)
    # 3 + 2 MiB are 5/1024 = 0.0049 GiB.
    with pytest.raises(DataError, match=r"would take 0\.0 GiB of memory; at most 0\.0 GiB"):
        read_npz(tmp_path / "a.npz", accept)
    monkeypatch.setattr(memory, "MAX_BYTES", 5 << 20)
    assert len(read_npz(tmp_path / "a.npz", accept)) == 2


def test_any_flipped_or_missing_bytes_are_a_data_error_or_harmless(file: Path, tmp_path: Path):
    whole = file.read_bytes()
    expected = read_npz(file, accept)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(600):
        content = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.2 else whole)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] ^= 1 << rng.integers(8)
        (tmp_path / "b.npz").write_bytes(content)
        try:
            arrays = read_npz(tmp_path / "b.npz", accept)
        except DataError:
            refused += 1
            continue
        # What is read passed its checksum; only names, and with them the suffix, may differ.
        for array in arrays.values():
            assert any(np.array_equal(array, original) for original in expected.values())
    assert refused > 300


def test_an_empty_archive_holds_no_arrays(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "no arrays")
    assert read_npz(tmp_path / "a.npz", accept) == {}


def test_an_unknown_format_version_is_refused(tmp_path: Path):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.arange(3), version=(3, 0))
    with pytest.raises(DataError, match=r"version \(3, 0\) of the \.npy format"):
        read_npz(zip_of(tmp_path / "a.npz", x=buffer.getvalue()), accept)

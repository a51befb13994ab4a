import gzip
import hashlib

import numpy as np
import pytest

from harness.core.errors import DataError
from harness.data.readers.idx import read_idx

# Magic: two zero bytes, 08 for unsigned bytes, 03 dimensions; then 2 images of 2 rows, 3 columns.
IMAGES = bytes([0, 0, 8, 3]) + bytes([0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(12))


def write(folder, content, name="images.idx"):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("name", "pack"), [("a.idx", bytes), ("a.gz", gzip.compress)])
def test_values_come_in_c_order(tmp_path, name, pack):
    images = read_idx(write(tmp_path, pack(IMAGES), name))
    assert images.dtype == np.uint8
    assert images.tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]
    assert not images.flags.writeable


def test_hash_is_that_of_the_decompressed_bytes(tmp_path):
    digest = hashlib.sha256(IMAGES).hexdigest()
    for level in (1, 9):
        path = write(tmp_path, gzip.compress(IMAGES, level, mtime=level), f"{level}.gz")
        assert read_idx(path, sha256=digest).shape == (2, 2, 3)


def test_one_changed_bit_is_named_with_both_hashes(tmp_path):
    changed = IMAGES[:-1] + bytes([IMAGES[-1] ^ 1])
    path = write(tmp_path, gzip.compress(changed), "a.gz")
    expected, received = (hashlib.sha256(content).hexdigest() for content in (IMAGES, changed))
    message = rf"a\.gz: SHA-256.* is {received}; expected {expected}\. Ask Zoe\."
    with pytest.raises(DataError, match=message):
        read_idx(path, sha256=expected, remedy="Ask Zoe.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"begins with bytes \(none\); expected 00 00 08"),
        (b"\x00\x00\x0d\x03" + IMAGES[4:], "begins with bytes 00 00 0d 03"),
        (b"\x89PNG\r\n", "begins with bytes 89 50 4e 47"),
        (b"\x00\x00\x08\x00", "claims 0 dimensions; expected 1 to 4"),
        (b"\x00\x00\x08\xff" + bytes(2000), "claims 255 dimensions"),
        (IMAGES[:9], "ends inside its header; expected 3 sizes"),
        (IMAGES[:4] + bytes(12), r"claims the shape \(0, 0, 0\)"),
        (IMAGES[:-1], r"11 values follow a header that promises 12, of shape \(2, 2, 3\)"),
        (IMAGES + b"\x00", "more values follow a header that promises 12"),
        # 4,294,967,295 images of 65,535 x 65,535 in 12 bytes: nothing may be allocated for that.
        (IMAGES[:4] + b"\xff\xff\xff\xff" + b"\x00\x00\xff\xff" * 2 + IMAGES[16:], "12 values"),
    ],
)
def test_header_and_size_faults(tmp_path, content, message):
    for name, pack in (("images.idx", bytes), ("images.idx.gz", gzip.compress)):
        with pytest.raises(DataError, match=message):
            read_idx(write(tmp_path, pack(content), name))


def test_no_more_is_decompressed_than_the_header_promises(tmp_path):
    # 1 GiB of zeros after an honest header shrinks to 1 MB; read in full it would take seconds.
    bomb = gzip.compress(IMAGES) + gzip.compress(bytes(1 << 24)) * 64
    with pytest.raises(DataError, match="more values follow"):
        read_idx(write(tmp_path, bomb, "bomb.gz"))


def test_truncated_gzip(tmp_path):
    packed = gzip.compress(IMAGES)
    # The last 8 bytes are checksum and length: all values are there, and still it is not whole.
    for cut in (4, 8, 15):
        with pytest.raises(DataError, match=r"a\.gz: truncated.* Fetch the file again"):
            read_idx(write(tmp_path, packed[:-cut], "a.gz"))


def test_gzip_checksum_counts(tmp_path):
    packed = bytearray(gzip.compress(IMAGES))
    packed[-8] ^= 1  # first byte of the CRC
    with pytest.raises(DataError, match=r"damaged or not gzip \(CRC check failed"):
        read_idx(write(tmp_path, bytes(packed), "a.gz"))


def test_not_gzip(tmp_path):
    with pytest.raises(DataError, match=r"page\.gz: damaged or not gzip \(Not a gzipped file"):
        read_idx(write(tmp_path, b"<html>log in</html>", "page.gz"))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"none\.gz: no such file"):
        read_idx(tmp_path / "none.gz")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\)"):
        read_idx(tmp_path)

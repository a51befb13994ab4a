"""Small files that would fill the memory, one a format: built here, never kept."""

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

MEBIBYTE = 2**20


def deflated(head: bytes, mebibytes: int) -> tuple[bytes, int, int]:
    """Return a header and so many zeros behind it, deflated; their size and checksum."""
    packer = zlib.compressobj(9, wbits=-15)
    parts = [packer.compress(head), packer.flush(zlib.Z_FULL_FLUSH)]
    zeros = bytes(MEBIBYTE)
    # Behind a full flush nothing refers to what was before: one block serves for all.
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    parts += [block] * mebibytes + [packer.flush()]
    checksum = zlib.crc32(head)
    for _ in range(mebibytes):
        checksum = zlib.crc32(zeros, checksum)
    return b"".join(parts), len(head) + mebibytes * MEBIBYTE, checksum


def archive(**members: tuple[bytes, int, int]) -> bytes:
    """Return a ZIP file of members that are deflated already."""
    body, entries = b"", b""
    for key, (packed, size, checksum) in members.items():
        name = key.replace("__", ".").encode()
        sizes = struct.pack("<III", checksum, len(packed), size)
        common = struct.pack("<HHHHH", 20, 0, 8, 0, 0) + sizes + struct.pack("<HH", len(name), 0)
        place = len(body)
        body += b"PK\3\4" + common + name + packed
        entries += b"PK\1\2" + struct.pack("<H", 20) + common
        entries += struct.pack("<HHHII", 0, 0, 0, 0, place) + name
    count = len(members)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(entries), len(body), 0)
    return body + entries + b"PK\5\6" + end


def npy(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}) + "\n"
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header.encode()


def npz_of_zeros() -> bytes:
    count = 1200 * MEBIBYTE // 784  # 1.2 GiB of images of 28 x 28 in 1.2 MB
    rest = 1200 * MEBIBYTE - count * 784
    packed = deflated(npy((count, 28, 28)), 1200)
    return archive(images__npy=(packed[0], packed[1] - rest, packed[2]))


def npz_of_pixels() -> bytes:
    """Return images of one pixel each: what is kept for each is more than the pixel."""
    return archive(images__npy=deflated(npy((64 * MEBIBYTE, 1, 1)), 64))


def npz_of_a_header() -> bytes:
    length = (200 * MEBIBYTE).to_bytes(4, "little")
    return archive(images__npy=deflated(b"\x93NUMPY\x02\0" + length, 200))


def npz_of_nothing() -> bytes:
    """Return a trillion names of no letters."""
    return archive(
        images__npy=deflated(npy((MEBIBYTE, 1, 1)), 1),
        labels__npy=deflated(npy((MEBIBYTE,)), 1),
        class_names__npy=deflated(npy((10**12,), "<U0"), 0),
    )


def idx(gigabytes: int) -> bytes:
    return b"\0\0\x08\x03" + struct.pack(">III", gigabytes * 2**20, 32, 32)


def idx_gzip() -> bytes:
    return gzip.compress(idx(4)) + gzip.compress(bytes(MEBIBYTE)) * 4096


def idx_of_pixels() -> bytes:
    return gzip.compress(b"\0\0\x08\x03" + struct.pack(">III", 64 * MEBIBYTE, 1, 1)) + (
        gzip.compress(bytes(MEBIBYTE)) * 64
    )


def csv() -> bytes:
    return b"0," * (8 * MEBIBYTE)


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


def png() -> bytes:
    sound = picture("PNG")
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + sound[24:29]
    return sound[:12] + header + struct.pack(">I", zlib.crc32(header)) + sound[33:]


def png_of_zeros() -> bytes:
    """Return 8,000 x 8,000 pixels that are there: 64 million of four bytes each in 300 kB."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 8000, 8000, 8, 6, 0, 0, 0)
    rows = 8000 * (1 + 4 * 8000) // MEBIBYTE + 1
    packed, _, _ = deflated(b"", rows)
    data = b"IDAT" + b"\x78\xda" + packed + b"\0\0\0\1"
    chunks = (header, data, b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each))
        for each in chunks
    )


def gif() -> bytes:
    sound = picture("GIF")
    return sound[:6] + struct.pack("<HH", 65_535, 65_535) + sound[10:]


def bmp() -> bytes:
    sound = picture("BMP")
    return sound[:18] + struct.pack("<ii", 60_000, 60_000) + sound[26:]


def jpeg() -> bytes:
    sound = picture("JPEG")
    place = sound.index(b"\xff\xc0") + 5
    return sound[:place] + struct.pack(">HH", 65_500, 65_500) + sound[place + 4 :]


def tiff() -> bytes:
    sound = picture("TIFF")
    for tag in (256, 257):  # width and height
        entry = struct.pack("<HHIHH", tag, 3, 1, 8, 0)
        sound = sound.replace(entry, struct.pack("<HHIHH", tag, 3, 1, 60_000, 0))
        entry = struct.pack("<HHII", tag, 4, 1, 8)
        sound = sound.replace(entry, struct.pack("<HHII", tag, 4, 1, 60_000))
    return sound


def webp() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "WEBP", lossless=True)
    sound = buffer.getvalue()
    place = sound.index(b"VP8L") + 9  # 14 bits of width and of height, each less one
    bits = int.from_bytes(sound[place : place + 4], "little") | 0x0FFF_FFFF
    return sound[:place] + bits.to_bytes(4, "little") + sound[place + 4 :]


def keras() -> bytes:
    return archive(
        config__json=deflated(b"{}", 0),
        metadata__json=deflated(b"{}", 0),
        model__weights__h5=deflated(b"", 1500),
    )


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "npz, zeros": ("a.npz", npz_of_zeros),
    "npz, pixels": ("a.npz", npz_of_pixels),
    "npz, header": ("a.npz", npz_of_a_header),
    "npz, names": ("a.npz", npz_of_nothing),
    "idx": ("a-images-idx3-ubyte", lambda: idx(4)),
    "idx, gzip": ("a-images-idx3-ubyte.gz", idx_gzip),
    "idx, pixels": ("a-images-idx3-ubyte.gz", idx_of_pixels),
    "csv": ("a.csv", csv),
    "png": ("folder/a.png", png),
    "png, zeros": ("folder/a.png", png_of_zeros),
    "gif": ("folder/a.gif", gif),
    "bmp": ("folder/a.bmp", bmp),
    "jpeg": ("folder/a.jpg", jpeg),
    "tiff": ("folder/a.tif", tiff),
    "webp": ("folder/a.webp", webp),
    "keras": ("a.keras", keras),
}
"""File and content by name."""


def write_bomb(place: Path, name: str) -> Path:
    """Write a bomb and return what a command is given: the file, or the folder of a picture."""
    file, make = BOMBS[name]
    path = place / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(make())
    return path.parent if path.parent != place else path

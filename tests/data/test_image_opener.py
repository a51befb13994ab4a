"""Open pictures by their content: sound ones whatever their notes say, and nothing else."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.core.errors import DataError
from harness.data.image_opener import opened_image, read_grid

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind)
    return buffer.getvalue()


def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag, kind, count) + value


def directory(*entries: bytes, end: bytes = b"\0" * 4) -> bytes:
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + b"".join(entries) + end


UPRIGHT = entry(0x0112, 3, 1, struct.pack("<HH", 1, 0))


def jpeg(marker: bytes, notes: bytes) -> bytes:
    """Return a JPEG with notes of one kind behind its first segment."""
    sound = encoded("JPEG")
    head = 4 + struct.unpack(">H", sound[4:6])[0]
    return sound[:head] + marker + struct.pack(">H", len(notes) + 2) + notes + sound[head:]


def animated_png() -> bytes:
    """Return a PNG that claims to be an animation of no pictures."""
    sound, claim = encoded("PNG"), struct.pack(">II", 0, 0)
    checksum = struct.pack(">I", zlib.crc32(b"acTL" + claim))
    return sound[:33] + struct.pack(">I", 8) + b"acTL" + claim + checksum + sound[33:]


PHOTO = entry(0x010F, 2, 20, struct.pack("<I", 60))  # twenty letters that lie beyond the end
PICTURES = entry(0xB000, 7, 4, b"0100"), entry(0xB001, 4, 1, struct.pack("<I", 2))


@pytest.mark.parametrize(
    "content",
    [
        jpeg(b"\xff\xe1", b"Exif\0\0" + directory(UPRIGHT, end=b"")),
        jpeg(b"\xff\xe1", b"Exif\0\0" + directory(PHOTO, UPRIGHT)),
        jpeg(b"\xff\xe2", b"MPF\0" + directory(*PICTURES)),
        animated_png(),
    ],
)
def test_damaged_notes_do_not_damage_a_picture(tmp_path: Path, content: bytes):
    (tmp_path / "a").write_bytes(content)
    with opened_image(tmp_path / "a") as image:
        assert np.asarray(image).shape == (16, 16, 3)


def test_what_is_cut_short_is_damaged(tmp_path: Path):
    for kind in ("PNG", "JPEG", "TIFF"):
        (tmp_path / "a").write_bytes(encoded(kind)[:-40])
        with (
            pytest.raises(DataError, match="a: cannot be read as an image"),
            opened_image(tmp_path / "a") as image,
        ):
            image.load()


def test_too_many_pixels_are_not_decoded(tmp_path: Path):
    sound = encoded("PNG")
    size = struct.pack(">II", 8193, 8192)  # 8,192 more than 2²⁶ pixels
    header = b"IHDR" + size + sound[24:29]
    checksum = struct.pack(">I", zlib.crc32(header))
    (tmp_path / "a.png").write_bytes(sound[:12] + header + checksum + sound[33:])
    with (
        pytest.raises(DataError, match="claims 8193 x 8192 pixels; at most 67,108,864"),
        opened_image(tmp_path / "a.png"),
    ):
        pass


def test_content_chooses_no_decoder(tmp_path: Path):
    # Pillow gives an EPS to Ghostscript, a program that runs what the file says.
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EOF\n")
    with pytest.raises(DataError, match=r"a\.png: cannot be read as an image: .* sound PNG"):
        read_grid(tmp_path / "a.png")
    for kind, refused in (("PNG", False), ("JPEG", True), ("GIF", True)):
        (tmp_path / "b.png").write_bytes(encoded(kind))
        if refused:
            with pytest.raises(DataError, match="Expected a sound PNG"):
                read_grid(tmp_path / "b.png")
        else:
            np.testing.assert_array_equal(np.asarray(read_grid(tmp_path / "b.png")), PIXELS)


def test_what_may_never_end_is_not_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "zero.png"):
        with pytest.raises(DataError, match=f"{name}: is no file"):
            read_grid(tmp_path / name)

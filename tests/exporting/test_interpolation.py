"""Walk through latent space on great arcs, and show the walk."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.exporting.interpolation import MOST_BYTES, walk, write_interpolation
from tests.exporting.generators import CLASSES, build


def test_a_walk_follows_the_circle_and_closes():
    points = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float32)
    # Steps of 45 degrees, counterclockwise: (cos 0, sin 0), (cos 45, sin 45), ...
    angles = np.deg2rad(45.0 * np.arange(8))
    expected = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    np.testing.assert_allclose(walk(points, 2), expected, atol=1e-6)


def test_a_walk_stays_as_far_out_as_its_points():
    points = np.random.default_rng(0).standard_normal((3, 5, 64)).astype(np.float32)
    way = walk(points, 10)
    assert way.shape == (30, 5, 64)
    np.testing.assert_allclose(way[::10], points, atol=1e-5)
    # Half way on a straight line between orthogonal points it would be 1 / sqrt(2) = 0.71 of it.
    lengths = np.linalg.norm(way, axis=-1)
    assert lengths.min() > 0.9 * np.linalg.norm(points, axis=-1).min()
    assert np.linalg.norm(way[1:] - way[:-1], axis=-1).max() < 2  # no jumps
    assert np.linalg.norm(way[0] - way[-1], axis=-1).max() < 2


def test_all_classes_walk_in_a_loop_that_is_small(tmp_path: Path):
    file = tmp_path / "walk.gif"
    write_interpolation(file, build("dcgan"), noise_seed=1, classes=len(CLASSES))
    assert file.stat().st_size <= MOST_BYTES
    with Image.open(file) as animation:
        assert (animation.n_frames, animation.info["loop"]) == (48, 0)
        assert animation.size == (4 * 3 * 28, 3 * 28)  # a tile a class, three times as large
        frames = []
        for index in (0, 12, 47):
            animation.seek(index)
            frames.append(np.asarray(animation.convert("L"), dtype=float))
    assert np.abs(frames[0] - frames[1]).mean() > 0.1  # another point
    assert np.abs(frames[0] - frames[2]).mean() < np.abs(frames[0] - frames[1]).mean()
    tiles = frames[0].reshape(84, 4, 84).transpose(1, 0, 2)
    assert np.abs(tiles[0] - tiles[1]).mean() > 0.1  # another class


@pytest.mark.parametrize(("side", "most"), [(32, 32 * 3), (128, 128 // 2)])
def test_large_images_are_shown_smaller(side: int, most: int, tmp_path: Path):
    original = build("mlp", (side, side, 3), conditional=False, depth=1)
    write_interpolation(tmp_path / "walk.gif", original, noise_seed=1, classes=0)
    assert (tmp_path / "walk.gif").stat().st_size <= MOST_BYTES
    with Image.open(tmp_path / "walk.gif") as animation:
        assert 0 < animation.width <= 5 * most  # ten walks in rows of five
        assert animation.height * 5 == animation.width * 2

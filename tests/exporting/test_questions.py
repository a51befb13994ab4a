"""Find pictures in latent space, walk through it, and look for neighbours."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.core.errors import DataError
from harness.exporting.bundle_questions import read_picture
from harness.exporting.templates.generate import grid
from harness.exporting.templates.questions.latent_walk import (
    WalkPictures,
    on_route,
    palette_of,
    tiled,
    write_gif,
    write_walk,
)
from harness.exporting.templates.questions.projection import Found, project
from harness.exporting.templates.questions.sheets import draw_found, draw_neighbours, nearest
from tests.exporting.generators import CLASSES, build


@pytest.mark.parametrize("conditional", [True, False])
def test_a_picture_that_it_drew_is_found_again(conditional: bool):
    original = build("mlp", (8, 8, 1), conditional=conditional, depth=1)
    noise = np.random.default_rng(3).standard_normal((1, original.latent_dim), np.float32)
    (picture,) = original.pixels(noise, np.array([2], np.int32))
    before = [weight.numpy() for weight in original.model.weights]
    found = project(original.model, picture, original.output, range(len(CLASSES)))
    assert (found.label is None) != conditional  # which, the noise can make up for
    assert found.error < 1.5 < found.begun  # rounding alone gives up to 0.5
    assert found.steps == 400
    (again,) = original.pixels(found.noise[None], np.array([found.label or 0], np.int32))
    assert np.abs(again.astype(int) - found.pixels).max() <= 1
    for weight, value in zip(original.model.weights, before, strict=True):
        assert (weight.numpy() == value).all()


def test_a_class_that_is_asked_for_is_kept_and_noise_stays_near():
    original = build("mlp", (8, 8, 1), depth=1)
    picture = np.tile(np.array([[0, 255]], np.uint8), (8, 4))[..., None]  # it draws no stripes
    found = project(original.model, picture, original.output, [1])
    assert found.label == 1
    assert found.error <= found.begun
    # The square root of 6 dimensions is 2.45, and 2 beyond it are allowed.
    assert np.linalg.norm(found.noise) <= 4.46
    short = project(original.model, picture, original.output, [1], seconds=0.01)
    assert short.steps < found.steps


def test_a_route_passes_equal_and_opposite_points():
    points = np.array([[1, 0], [1, 0], [-1, 0]], np.float32)
    way = on_route(points, np.array([0.0, 0.5, 1.0, 1.25, 2.0, 3.0]))
    assert np.isfinite(way).all()
    np.testing.assert_allclose(way[[0, 1, 2, 4, 5]], points[[0, 0, 1, 2, 0]], atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gif_holds_each_picture_and_time(channels: int):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 2, (6, 5, channels), np.uint8) * 255 for _ in range(4)]
    frames[2] = frames[1]  # nothing changes
    stream = io.BytesIO()
    write_gif(stream, iter(frames), palette_of(frames), fps=20)
    with Image.open(stream) as film:
        assert (film.n_frames, film.info["loop"], film.size) == (4, 0, (5, 6))
        for index, frame in enumerate(frames):
            film.seek(index)
            assert film.info["duration"] == 50  # a twentieth of a second
            shown = np.asarray(film.convert("RGB"))
            assert (shown == np.broadcast_to(frame, shown.shape)).all()


def test_few_pictures_of_a_long_walk_are_in_memory(tmp_path: Path):
    drawn = []

    def draw(noise: np.ndarray) -> np.ndarray:
        drawn.append(len(noise))
        return np.full((len(noise), 500, 500, 1), 7, np.uint8)

    points = np.eye(3, dtype=np.float32)
    write_walk(tmp_path / "walk.gif", WalkPictures(draw, 4), points, frames=10, fps=25)
    assert drawn == [12, 4, 4, 2]  # the colours first
    with Image.open(tmp_path / "walk.gif") as film:
        assert (film.n_frames, film.size) == (10, (500, 500))


def test_an_mp4_has_even_sides_and_every_picture(tmp_path: Path):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    pictures = WalkPictures(lambda noise: np.full((len(noise), 401, 403, 1), 200, np.uint8), 8)
    write_walk(tmp_path / "w.mp4", pictures, np.eye(2, dtype=np.float32), frames=20, fps=10)
    with av.open(str(tmp_path / "w.mp4")) as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 10
    assert len(shown) == 20
    assert shown[0].shape == (402, 404, 3)
    assert np.abs(shown[19].astype(int) - 200).max() <= 3


def test_each_class_is_a_tile_of_the_same_noise():
    def pixels(noise: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return (10 * noise[:, 0] + labels).astype(np.uint8).reshape(-1, 1, 1, 1)

    pictures = tiled(pixels, np.array([1, 2, 3]), grid)
    drawn = pictures.draw(np.array([[4.0], [5.0]], np.float32))
    assert drawn[:, 0, :, 0].tolist() == [[41, 42, 43], [51, 52, 53]]
    assert pictures.batch == 83  # 250 images at once


def test_the_nearest_are_those_that_a_look_at_all_finds():
    points = np.array([[0, 0], [3, 4], [1, 0], [6, 8]], np.uint8)
    order, distances = nearest(np.array([[0, 0], [6, 7]], np.uint8), points, 2)
    assert order.tolist() == [[0, 2], [3, 1]]
    # (6, 7) is 1 from (6, 8), and the root of 9 + 9 from (3, 4); uint8 would go round below 0.
    np.testing.assert_allclose(distances, [[0, 1], [1, 18**0.5]])


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_sheets_show_images_and_words(channels: int, mode: str):
    picture = np.full((20, 16, channels), 100, np.uint8)
    found = Found(np.zeros(2), 1, picture + 50, 50.0, 60.0, 400)
    sheet = draw_found(picture, found, "a name")
    shown = np.asarray(sheet).reshape(sheet.height, sheet.width, -1)
    assert sheet.mode == mode
    for level in (100, 150, 205):  # yours, found, 255 less their difference of 50
        assert (shown == level).sum() >= 160 * 128 * channels
    training = np.stack([picture * 0, picture * 0 + 9])
    order = np.array([[1, 0]])
    beside = draw_neighbours(picture[None], ["x"], training, order, [["1.00", "2.00"]])
    columns = np.asarray(beside).reshape(beside.height, beside.width, -1)[60, :, 0]
    assert [columns.tolist().index(level) for level in (100, 9)] == sorted(
        columns.tolist().index(level) for level in (100, 9)
    )


def test_a_picture_of_any_kind_becomes_the_generators_form(tmp_path: Path):
    file = tmp_path / "mine.png"
    Image.new("RGB", (40, 20), (255, 0, 0)).save(file)
    pixels, said = read_picture(file, (16, 12, 1))
    assert (pixels.shape, pixels.dtype) == ((16, 12, 1), np.uint8)
    assert np.abs(pixels.astype(int) - 76).max() <= 1  # luma of red: 0.299 * 255 = 76.2
    assert said == f"{file}: 40 x 20 pixels (RGB); its middle is taken as 12 x 16 gray"
    Image.new("L", (8, 8), 3).save(file)
    assert read_picture(file, (8, 8, 1))[1] == ""
    assert read_picture(file, (8, 8, 3))[0].shape == (8, 8, 3)
    file.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"mine\.png: cannot be read as an image"):
        read_picture(file, (8, 8, 1))
    with pytest.raises(DataError, match="received no file"):
        read_picture(tmp_path / "none.png", (8, 8, 1))

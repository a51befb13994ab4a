"""Ask a bundle's program, as a stranger does: with nothing of this package."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.exporting.generators import build, write_bundle
from tests.exporting.test_generate import OTHERS, check_refusal, run

WITH_PILLOW = OTHERS.replace("PIL,", "")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    original = build("mlp", (8, 8, 1), depth=1)
    return write_bundle(tmp_path_factory.mktemp("asked") / "b", original, "onnx", "keras")


def test_a_picture_is_found_and_walked_through(bundle: Path, tmp_path: Path):
    mine, out = tmp_path / "mine.png", tmp_path / "found.png"
    Image.new("RGBA", (30, 20), (0, 0, 0, 0)).save(mine)  # transparent, hence white
    files = sorted(bundle.rglob("*"))
    result = run(bundle, "--find", mine, "--out", out, without="harness,onnxruntime")
    assert result.returncode == 0, result.stderr
    changed, found, noise = result.stdout.splitlines()
    assert changed == f"{mine}: of 30 x 20 pixels (RGBA), its middle made 8 x 8 gray"
    assert found.startswith(f"{out}: class class ")
    assert " of 255 levels (root mean square); " in found
    assert noise == f"{out.with_suffix('.npz')}: its noise, for --like and --walk"
    with Image.open(out) as picture:
        picture.verify()
    walk = tmp_path / "walk.gif"
    points = f"3,{out.with_suffix('.npz')}"
    result = run(bundle, "--walk", points, "--fps", 10, "--out", walk, without=WITH_PILLOW)
    assert result.stdout == f"{walk}: 4 s, 40 pictures through 2 points\n", result.stderr
    with Image.open(walk) as film:
        assert film.n_frames == 40
        assert film.width == 4 * film.height  # a seed has no class, so all four are tiles
    assert sorted(bundle.rglob("*")) == files


def test_without_pyav_a_gif_takes_the_place_of_an_mp4(bundle: Path, tmp_path: Path):
    out = tmp_path / "walk.mp4"
    hidden = f"{WITH_PILLOW},av"
    arguments = ("--walk", "1,2", "--class", 1, "--seconds", 1, "--fps", 5, "--out", out)
    result = run(bundle, *arguments, without=hidden)
    note, said = result.stdout.splitlines()
    gif = out.with_suffix(".gif")
    assert note == f"note: an MP4 needs PyAV, not installed (pip install av): {gif} instead."
    assert said == f"{gif}: 1 s, 5 pictures through 2 points"
    assert [path.name for path in tmp_path.iterdir()] == ["walk.gif"]


def test_the_nearest_of_training_images_stand_beside(bundle: Path, tmp_path: Path):
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8), np.uint8)
    np.save(tmp_path / "train.npy", images)
    np.savez(tmp_path / "train.npz", x_train=images)
    for name in ("train.npy", "train.npz"):
        out = tmp_path / f"{name}.png"
        asked = ("--nearest", tmp_path / name, "--count", 3, "--out", out)
        result = run(bundle, *asked, without=WITH_PILLOW)
        assert "3 images, each with the nearest of 9 by their pixels" in result.stdout
    with Image.open(tmp_path / "train.npy.png") as one, Image.open(out) as other:
        assert (np.asarray(one) == np.asarray(other)).all()


@pytest.mark.parametrize(
    ("arguments", "without", "message"),
    [
        (("--walk", "3,4"), OTHERS, "What is asked needs Pillow, not installed"),
        pytest.param(
            ("--find", "generate.py"),
            "harness",
            "--find generate.py: expected a sound PNG, JPEG",
            marks=pytest.mark.slow,  # it loads Keras first
        ),
        (("--find", "x.png"), WITH_PILLOW, "its files need keras, not installed"),
        (("--walk", "3"), WITH_PILLOW, "--walk: expected at least 2 points, such as 3,17,99"),
        (("--walk", "3,generate.py"), WITH_PILLOW, "--like generate.py: expected noise (n, 6)"),
        (("--walk", "3,4", "--class", "none"), WITH_PILLOW, "--class: received none; expected"),
        (("--walk", "3,4", "--out", "w.png"), WITH_PILLOW, "--out must end in .gif or .mp4"),
        (("--walk", "3,4", "--out", "no/w.gif"), WITH_PILLOW, "--out no/w.gif: cannot be writt"),
        (("--nearest", "generate.py"), WITH_PILLOW, "expected training images, uint8 (n, 8, 8"),
        (("--walk", "3,4", "--fps", "0"), WITH_PILLOW, "--fps must be 1 to 100"),
    ],
)
def test_what_cannot_be_answered_is_one_message(
    bundle: Path, arguments: tuple[object, ...], without: str, message: str
):
    check_refusal(run(bundle, *arguments, without=without), message)

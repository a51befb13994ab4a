"""Run a bundle's program as a stranger does: with one runtime and nothing of this package."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.exporting.bundle_folder import write_checksums
from harness.exporting.scoring import Original
from harness.exporting.templates.generate import class_number, grid, to_pixels
from tests.exporting.generators import build, write_bundle

# Hides whole packages, as if they were not installed, and then runs the program.
ALONE = """
import runpy, sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(","), None))
sys.argv[0] = "generate.py"
runpy.run_path("generate.py", run_name="__main__")
"""
OTHERS = "harness,PIL,keras,tensorflow,ai_edge_litert"


def run(folder: Path, *arguments: object, without: str = OTHERS) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-I", "-c", ALONE, without, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def original() -> Original:
    return build("dcgan")


@pytest.fixture(scope="module")
def bundle(original: Original, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("by_class") / "b", original, "onnx", "litert")


@pytest.fixture(scope="module")
def whole(original: Original, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "b"
    return write_bundle(folder, original, "onnx", "litert", "keras")


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    original = build("mlp", (16, 20, 3), conditional=False, depth=1, output="sigmoid")
    return write_bundle(tmp_path_factory.mktemp("coloured") / "b", original, "onnx")


def expected_pixels(original: Original, seed: int, labels: list[int]) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((len(labels), 6), np.float32)
    return original.pixels(noise, np.array(labels, np.int32))


def difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def test_a_class_is_drawn_as_png_with_one_runtime_alone(
    bundle: Path, original: Original, tmp_path: Path
):
    out = tmp_path / "images.png"
    result = run(bundle, "--class", 3, "--count", 5, "--seed", 2, "--out", out)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{out}: 5 images by onnxruntime 1.")
    with Image.open(out) as picture:
        picture.verify()
    with Image.open(out) as picture:
        assert (picture.mode, picture.size) == ("L", (3 * 28, 2 * 28))  # 5 in rows of 3
        drawn = np.asarray(picture)
    tiles = drawn.reshape(2, 28, 3, 28).transpose(0, 2, 1, 3).reshape(6, 28, 28, 1)
    assert difference(tiles[:5], expected_pixels(original, 2, [3] * 5)) <= 1
    assert (tiles[5] == 255).all()


def test_the_names_of_classes_serve_too(bundle: Path, original: Original, tmp_path: Path):
    out = tmp_path / "pixels.npy"
    result = run(bundle, "--class", "Class 1", "--count", 2, "--out", out)
    assert result.returncode == 0, result.stderr
    assert difference(np.load(out), expected_pixels(original, 0, [1, 1])) <= 1


@pytest.mark.parametrize(
    ("names", "wanted", "expected"),
    [
        (["a", "A", "b"], "A", 1),
        (["a", "A", "b"], "B", 2),
        (["a", "A", "b"], "2", 2),
        (["1", "2", "3"], "1", 0),
        (["1", "2", "3"], "0", None),
        (["aa", "Aa"], "AA", None),
        (["x=1, [y]", "-z"], "-z", 1),
    ],
)
def test_every_class_can_be_named(names: list[str], wanted: str, expected: int | None):
    assert class_number(wanted, names) == expected


def test_another_runtime_draws_the_same_from_an_earlier_file(
    bundle: Path, original: Original, tmp_path: Path
):
    one, other = tmp_path / "one.npz", tmp_path / "other.npz"
    assert run(bundle, "--count", 6, "--seed", 1, "--out", one).returncode == 0
    again = run(bundle, "--runtime", "litert", "--like", one, "--out", other, without="keras")
    assert again.stdout.startswith(f"{other}: 6 images by litert "), again.stderr
    drawn, redrawn = np.load(one), np.load(other)
    assert drawn["labels"].tolist() == [0, 1, 2, 3, 0, 1]  # all classes in turn
    assert (drawn["noise"] == redrawn["noise"]).all()
    np.testing.assert_allclose(drawn["images"], redrawn["images"], atol=1e-5)
    assert difference(drawn["pixels"], redrawn["pixels"]) <= 1
    assert difference(drawn["pixels"], expected_pixels(original, 1, [0, 1, 2, 3, 0, 1])) <= 1


def test_without_classes_and_in_colour(coloured: Path, tmp_path: Path):
    out = tmp_path / "images.png"
    result = run(coloured, "--count", 4, "--out", out)
    assert result.returncode == 0, result.stderr
    with Image.open(out) as picture:
        assert (picture.mode, picture.size) == ("RGB", (2 * 20, 2 * 16))
    refused = run(coloured, "--class", 0)
    assert (refused.returncode, refused.stdout) == (2, "")
    message = "error: --class: received 0; expected none, for the generator has no classes.\n"
    assert refused.stderr == message


@pytest.mark.parametrize(
    ("arguments", "without", "message"),
    [
        (("--class", 4), OTHERS, "--class: received 4; expected one of 0 class 0, 1 class 1, "),
        (("--runtime", "keras"), OTHERS, "holds no generator.keras, which the runtime keras need"),
        ((), "onnxruntime,ai_edge_litert", "its files need onnxruntime or ai_edge_litert, not in"),
        (("--runtime", "litert"), OTHERS, "its files need ai_edge_litert, not installed. Instal"),
        (("--out", "nowhere/images.png"), OTHERS, "--out nowhere/images.png: cannot be written: "),
        (("--like", "nothing.npz"), OTHERS, "--like nothing.npz: expected noise (n, 6) and label"),
        (("--like", "generator.json"), OTHERS, "--like generator.json: expected noise (n, 6) and"),
        (("--count", 0), OTHERS, "--count must be at least 1"),
        (("--out", "images.gif"), OTHERS, "--out must end in .png or .npy or .npz"),
    ],
)
def test_what_cannot_be_drawn_is_one_message(
    bundle: Path, arguments: tuple[object, ...], without: str, message: str
):
    result = run(bundle, *arguments, without=without)
    check_refusal(result, message)


def check_refusal(result: subprocess.CompletedProcess, message: str) -> None:
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.count("error: ") == 1
    assert message in result.stderr


NETWORKS = {
    "onnxruntime": "generator.onnx",
    "litert": "generator.tflite",
    "keras": "generator.keras",
}


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("runtime", NETWORKS)
def test_a_damaged_network_is_one_message(whole: Path, tmp_path: Path, runtime: str, listed: bool):
    folder = Path(shutil.copytree(whole, tmp_path / "b"))
    if listed:
        write_checksums(folder)
    file = folder / NETWORKS[runtime]
    content = file.read_bytes()
    message = f"{file}: expected SHA-256" if listed else f"{file}: expected a generator that"
    for damaged in (content[: len(content) // 2], b"not a network"):
        file.write_bytes(damaged)
        check_refusal(run(folder, "--runtime", runtime, without="harness"), message)


DESCRIPTIONS = {
    "half of it": '{"latent_dim": 6, "out',
    "a key less": '{"latent_dim": 6, "output": "tanh"}',
    "another type": '{"latent_dim": "6", "output": "tanh", "class_names": []}',
    "another form": "[]",
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_a_damaged_description_is_one_message(bundle: Path, tmp_path: Path, kind: str):
    folder = Path(shutil.copytree(bundle, tmp_path / "b"))
    (folder / "generator.json").write_text(DESCRIPTIONS[kind])
    message = "generator.json: expected JSON with latent_dim, output and class_names; received"
    check_refusal(run(folder), message)


def test_pixels_are_rounded_and_clipped():
    # tanh: (-1.2 + 1) 127.5 = -25.5, 0 -> 127.5 -> 128 (to even), 0.5 -> 191.25, 1 -> 255
    tanh = to_pixels(np.array([-1.2, 0.0, 0.5, 1.0], np.float32), "tanh")
    assert tanh.tolist() == [0, 128, 191, 255]
    # sigmoid: 0.5 255 = 127.5 -> 128, 0.1 255 = 25.5 -> 26 (to even)
    sigmoid = to_pixels(np.array([0.0, 0.1, 0.5, 1.0], np.float64), "sigmoid")
    assert sigmoid.tolist() == [0, 26, 128, 255]


def test_a_grid_goes_row_by_row():
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1)
    # Two columns for three images; the fourth cell is white.
    assert grid(images)[:, :, 0].tolist() == [[0, 1], [2, 255]]

"""Evaluate images as a user does: a generator, an array, a folder, and what is none of them."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from harness.core.score import Protocol
from harness.evaluate import app


@pytest.fixture
def run(folder, monkeypatch):
    """Return what runs the command in this process, in the folder, with a cache of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(folder / "cache"))

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluate")


@pytest.fixture(scope="module")
def arrays(folder, fashion_mnist):
    rows = np.arange(600)
    train = fashion_mnist.train
    np.savez(folder / "copies.npz", images=train.images[rows], labels=train.labels[rows])
    return folder / "copies.npz"


def by_metric(path):
    record = json.loads(path.read_text())
    # What a panel says of all comes before its members.
    return {one["protocol"]["metric"]: one for one in reversed(record["measurements"])}


def test_an_array_gives_a_table_and_json(folder, arrays, run):
    result = run(arrays.name, "--num-images", 500)
    assert result.exit_code == 0, result.stderr
    measured = by_metric(folder / "copies.evaluation.json")
    assert measured["fid"]["name"] == "fid_panel@500"
    protocol = Protocol(**measured["fid"]["protocol"])
    assert measured["fid"]["fingerprint"] == protocol.fingerprint
    assert protocol.reference == "fashion_mnist/test"
    low, high = measured["fid"]["interval"]
    assert low < measured["fid"]["value"] < high
    assert measured["memorisation"]["value"] > 0.99  # they are training images
    assert measured["label_accuracy"]["value"] > 0.9
    assert "panel@500 against fashion_mnist/test" in result.stdout
    assert protocol.fingerprint in result.stdout
    assert f"{measured['kid']['value']:.4f}" in result.stdout


@pytest.mark.slow
def test_a_generator_is_sampled_from_the_seed(swept, run, folder):
    generator = swept.folder / "trials" / "0000" / "generator.keras"
    values = []
    for seed, name in ((1, "a.json"), (1, "b.json"), (2, "c.json")):
        options = ["--num-images", 200, "--seed", seed, "--out", name]
        result = run(generator, *options)
        assert result.exit_code == 0, result.stderr
        values.append(by_metric(folder / name)["fid"]["value"])
    assert values[0] == values[1] != values[2]


@pytest.mark.slow
def test_a_folder_of_fewer_images_is_scored_as_what_it_is(folder, fashion_mnist, run):
    for number, image in enumerate(fashion_mnist.test.images[:60]):
        (folder / "few").mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / "few" / f"{number:02d}.png")
    result = run("few", "--json")
    assert result.exit_code == 0, result.stderr
    assert "warning: few holds 60 images: scores use 60 instead of 10000" in result.stderr
    names = {one["name"] for one in json.loads(result.stdout)["measurements"]}
    assert "fid_panel@60" in names
    assert "label_accuracy_fashion_cnn@60" not in names  # without labels nobody was asked


@pytest.mark.slow
def test_the_classification_accuracy_score_is_asked_for(folder, arrays, run):
    options = ["--num-images", 500, "--cas", "--out", "cas.json"]
    result = run(arrays.name, *options)
    assert result.exit_code == 0, result.stderr
    cas = by_metric(folder / "cas.json")["cas"]
    assert cas["better"] == "higher"
    assert 0.2 < cas["value"] < 1.0  # 500 images teach more than chance


def test_what_cannot_be_evaluated_is_refused(folder, arrays, run):
    np.savez(folder / "floats.npz", images=np.zeros((4, 28, 28)))
    np.savez(folder / "colour.npz", images=np.zeros((4, 32, 32, 3), np.uint8))
    np.savez(folder / "bare.npz", images=np.zeros((4, 28, 28), np.uint8))
    (folder / "broken.keras").write_bytes(b"no model")
    for arguments, expected in (
        (["missing.npz"], "): no such file or folder"),
        (["floats.npz"], "not clear which range its images have"),
        (["floats.npz", "--inputs", "noise=z"], "--inputs: floats.npz is no generator"),
        (["colour.npz"], "images must have the shape (n, 28, 28, 1)"),
        (["broken.keras"], "cannot be loaded by Keras"),
        (["bare.npz", "--cas"], "--cas: trains a classifier"),
        ([arrays.name, "--extractor", "fashion_cn"], "Did you mean 'fashion_cnn'?"),
    ):
        result = run(*arguments, "--num-images", 4, "--out", "refused.json")
        assert result.exit_code == 2, arguments
        assert result.stderr.count("error: ") == 1
        assert expected in result.stderr, arguments
    assert not (folder / "refused.json").exists()


def test_too_few_images_name_the_one_number_that_all_measures_need(folder, run):
    np.savez(folder / "three.npz", images=np.zeros((3, 28, 28), np.uint8))
    result = run("three.npz", "--extractor", "fashion_cnn")
    assert result.exit_code == 2
    # Twice the 240 features, for FID at infinity: 480.
    assert "three.npz: 3 images are too few to measure: all measures need 480" in result.stderr


def test_a_folder_is_read_as_a_data_set_is(folder, fashion_mnist, run):
    place = folder / "drawn"
    for label in (0, 1):
        (place / str(label)).mkdir(parents=True)
        for number in range(4):
            image = fashion_mnist.test.images[number, ..., 0]
            Image.fromarray(image).save(place / str(label) / f"{number}.png")
    (place / ".ipynb_checkpoints").mkdir()
    result = run("drawn", "--extractor", "fashion_cnn", "--out", "drawn.json")
    assert result.exit_code == 0, result.stderr
    assert (
        "drawn: 8 images of 28 x 28, gray, in [0, 255], 2 classes (T-shirt/top: 4, Trouser: 4); "
        "passed over: .ipynb_checkpoints"
    ) in result.stderr
    record = json.loads((folder / "drawn.json").read_text())
    assert record["range"] == "0,255"
    Image.fromarray(image).save(place / "preview.png")
    result = run("drawn", "--out", "stray.json")
    assert result.exit_code == 2
    assert "preview.png: lies beside the folders of the classes" in result.stderr


def test_a_result_that_cannot_be_written_is_refused_before_it_is_computed(folder, arrays, run):
    (folder / "taken").mkdir(exist_ok=True)
    for out in ("taken", f"{arrays.name}/x.json"):
        result = run(arrays.name, "--out", out)
        assert result.exit_code == 2
        assert f"{out}: cannot be read or written" in result.stderr
        assert "fid" not in result.stdout

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
        (["missing.npz"], "missing.npz: no such file or folder"),
        (["floats.npz"], "images must be uint8 from 0 to 255"),
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

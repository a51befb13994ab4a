"""Let files prove themselves, and catch those that are not what they say."""

from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import ExportError
from harness.data.image_dataset import ImageDataset
from harness.exporting.scoring import Original, ReferenceImages, draw_reference
from harness.exporting.verification import verify
from harness.metrics.evaluator import Evaluator
from tests.exporting.generators import build, write_bundle


@pytest.fixture(scope="module")
def evaluator(fashion_mnist: ImageDataset) -> Evaluator:
    return Evaluator(fashion_mnist, num_images=300, split="test")


@pytest.fixture(scope="module")
def original() -> Original:
    return build("mlp", conditional=False, depth=1)


@pytest.fixture(scope="module")
def reference(original: Original, evaluator: Evaluator) -> ReferenceImages:
    return draw_reference(original, evaluator, noise_seed=3, kimg=8.0)


def test_a_file_is_scored_from_the_images_that_it_drew(
    original: Original, reference: ReferenceImages, evaluator: Evaluator, tmp_path: Path
):
    folder = write_bundle(tmp_path / "bundle", original, "onnx", "litert")
    proofs = verify(folder, ["onnx", "litert"], reference, evaluator)
    assert [(proof.format, proof.file) for proof in proofs] == [
        ("onnx", "generator.onnx"),
        ("litert", "generator.tflite"),
    ]
    for proof in proofs:
        assert proof.max_difference < 1e-5
        assert proof.max_levels <= 1
        assert proof.test.protocol == reference.test.protocol
        assert (proof.test.kimg, proof.test.noise_seed) == (8.0, 3)
        assert proof.test.value == pytest.approx(reference.test.value, rel=1e-3)
        assert proof.size_bytes == (folder / proof.file).stat().st_size
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "bundle.keras"}


def test_the_reference_holds_as_many_images_as_are_scored(reference: ReferenceImages):
    assert reference.noise.shape == (300, 6)
    assert reference.labels is None
    assert reference.images.shape == reference.pixels.shape == (300, 28, 28, 1)
    # tanh: a pixel is (image + 1) 127.5, rounded
    assert np.abs((reference.images + 1) * 127.5 - reference.pixels).max() <= 0.5 + 1e-4


def test_what_needs_labels_is_not_measured_without(
    reference: ReferenceImages, evaluator: Evaluator
):
    asked = ("memorisation", "label_accuracy", "classes")
    found = evaluator.measure(reference.pixels, reference.labels, asked)
    assert {each.protocol.metric for each in found} == {"memorisation"}


def test_another_generator_s_file_is_refused(
    reference: ReferenceImages, evaluator: Evaluator, tmp_path: Path
):
    other = build("mlp", conditional=False, depth=1, seed=1)
    folder = write_bundle(tmp_path / "bundle", other, "onnx")
    with pytest.raises(
        ExportError, match=r"generator\.onnx: onnxruntime .* draws other images .* at most 1"
    ):
        verify(folder, ["onnx"], reference, evaluator)
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "bundle.keras"}


def test_images_of_another_shape_are_refused(
    reference: ReferenceImages, evaluator: Evaluator, tmp_path: Path
):
    other = build("mlp", (32, 32, 3), conditional=False, depth=1)
    folder = write_bundle(tmp_path / "bundle", other, "onnx")
    with pytest.raises(ExportError, match=r"draws images of shape \(300, 32, 32, 3\); expected"):
        verify(folder, ["onnx"], reference, evaluator)


def test_a_file_that_its_runtime_cannot_load_is_refused(
    original: Original, reference: ReferenceImages, evaluator: Evaluator, tmp_path: Path
):
    folder = write_bundle(tmp_path / "bundle", original, "onnx")
    (folder / "generator.onnx").write_bytes(b"half a model")
    with pytest.raises(ExportError, match=r"generate\.py --runtime onnxruntime: ended with exit"):
        verify(folder, ["onnx"], reference, evaluator)

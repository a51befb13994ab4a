"""Write generators of every kind in every format, and draw with each format's runtime."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.errors import ConfigError, ExportError, MissingExtraError
from harness.exporting.formats import FORMATS, check_formats, write_format
from harness.exporting.templates.generate import BATCH, RUNTIMES, open_generator
from tests.exporting.generators import CLASSES, build, write_bundle

KINDS: dict[str, dict[str, Any]] = {
    "dcgan by class": {"name": "dcgan"},
    "upsample, colour, without classes": {
        "name": "upsample",
        "image_shape": (32, 32, 3),
        "conditional": False,
        "normalization": "group",
    },
    "resnet, conditional normalization": {
        "name": "resnet",
        "image_shape": (12, 16, 3),
        "conditioning": "conditional_batch",
    },
    "resnet, attention": {
        "name": "resnet",
        "image_shape": (12, 16, 3),
        "conditional": False,
        "attention": "half",
    },
    "mlp, sigmoid, one-hot": {
        "name": "mlp",
        "depth": 1,
        "output": "sigmoid",
        "conditioning": "one_hot",
    },
}


# Converting a residual network takes seconds.
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.slow] * kind.startswith("resnet")) for kind in KINDS],
)
def test_every_format_draws_the_same_images_in_batches_of_any_size(kind: str, tmp_path: Path):
    original = build(**KINDS[kind])
    folder = write_bundle(tmp_path / "bundle", original, *FORMATS)
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((BATCH + 7, original.latent_dim), np.float32)  # 250 and then 7
    labels = np.arange(len(noise), dtype=np.int32) % len(CLASSES)
    expected = original.draw(noise, labels)
    assert expected.std(axis=0).max() > 0.05  # they do depend on noise and label
    for form in FORMATS.values():
        draw = open_generator(folder, form.runtime)
        drawn = draw(noise, labels if original.conditional else None)
        assert drawn.dtype == np.float32
        np.testing.assert_allclose(drawn, expected, atol=1e-4, err_msg=form.file)


def test_formats_and_the_program_name_the_same_files():
    assert {form.runtime: form.file for form in FORMATS.values()} == {
        name: file for name, (file, _, _) in RUNTIMES.items()
    }
    for form in FORMATS.values():
        package = RUNTIMES[form.runtime][1]
        assert not form.packages or package in form.packages


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--formats: received none; expected some of keras, savedmodel, onnx, litert"),
        ("tflite", "--formats: received 'tflite'; expected some of keras"),
        ("saved_model", r"received 'saved_model'.* Did you mean 'savedmodel'\?"),
        ("keras,,onnx", "--formats: received ''"),
        ("onnx,onnx", "--formats: received 'onnx' twice"),
    ],
)
def test_a_bad_list_is_refused(text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        check_formats(text.split(","))


def test_a_format_is_refused_without_its_packages(monkeypatch: pytest.MonkeyPatch):
    for package in ("tf2onnx", "onnxruntime", "ai_edge_litert"):
        monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    assert check_formats(["keras", "savedmodel"]) == ("keras", "savedmodel")
    with pytest.raises(MissingExtraError, match=r"onnx needs tf2onnx, onnxruntime, which are not"):
        check_formats(["keras", "onnx"])
    with pytest.raises(MissingExtraError, match=r"pip install 'gan-sweep-harness\[litert\]'"):
        check_formats(["litert"])


def test_what_a_format_cannot_express_is_said(tmp_path: Path):
    import keras
    import tensorflow as tf

    class Foreign(keras.layers.Layer):
        """Hold an operation that LiteRT's own do not include."""

        def call(self, inputs: Any) -> Any:
            return tf.linalg.expm(inputs[:, :4, :4, 0])[..., None]

    original = build("mlp", depth=1)
    model = keras.Model(original.model.inputs, Foreign()(original.model.outputs[0]))
    with pytest.raises(ExportError, match=r"x\.tflite: this generator cannot be converted to lit"):
        write_format("litert", model, tmp_path / "x.keras", tmp_path / "x.tflite")
    assert not (tmp_path / "x.tflite").exists()

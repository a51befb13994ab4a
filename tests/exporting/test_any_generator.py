"""Read generators of anybody's: their inputs, their range, and the images they draw."""

from pathlib import Path

import keras
import numpy as np
import pytest

from harness.core.errors import ConfigError, DataError, StorageError
from harness.exporting.any_generator import AnyGenerator
from harness.exporting.formats import runtime_of, write_format
from harness.exporting.input_roles import InputRoles

CLASSES = 3
LABELS = np.arange(12, dtype=np.int32) % CLASSES

Z = ((None, 16), "float32")
INDEX = ((None,), "int32")
COLUMN = ((None, 1), "int64")
ROWS = ((None, CLASSES), "float32")


@pytest.mark.parametrize(
    ("inputs", "given", "expected"),
    [
        ({"z": Z}, None, ("z", None, False)),
        ({"noise": Z, "label": INDEX}, None, ("noise", "label", False)),
        ({"a": COLUMN, "b": Z}, None, ("b", "a", False)),
        ({"a": Z, "b": ROWS}, None, ("a", "b", True)),
        ({"a": ((None, 1, 1, 16), "float16")}, None, ("a", None, False)),
        ({"y": INDEX}, None, (None, "y", False)),
        ({"a": Z, "b": ((None, 1), "float32")}, "noise=a,label=b", ("a", "b", False)),
        ({"a": ROWS, "b": ROWS}, "label=a,noise=b", ("b", "a", True)),
        ({"a": ROWS}, "label=a", (None, "a", True)),
        ({"noise": ROWS}, None, ("noise", None, False)),
    ],
)
def test_types_and_shapes_tell_what_inputs_are_for(inputs, given, expected):
    assert InputRoles.read(inputs, given, CLASSES) == InputRoles(*expected)


@pytest.mark.parametrize(
    ("inputs", "given", "message"),
    [
        (
            {"a": Z, "b": Z},
            None,
            r"a float32 \(n, 16\), b float32 \(n, 16\); .*--inputs noise=NAME",
        ),
        ({"a": Z, "b": ((None, 1), "float32")}, None, "Say which is which"),
        ({"a": ROWS, "b": ROWS}, None, "Say which is which"),
        ({"a": ROWS}, None, "Say which is which"),
        ({"a": Z, "b": INDEX, "c": Z}, None, "Say which is which"),
        ({"a": ((None, None), "float32")}, None, "must be floats of a fixed shape"),
        ({"a": Z, "b": ((None, 5), "float32")}, "noise=a,label=b", r"one-hot rows \(n, 3\)"),
        ({"a": Z}, "noise=b", "--inputs: expected noise=NAME,label=NAME, .*; received 'noise=b'"),
        ({"a": Z, "b": INDEX}, "noise=a", "expected a role for each of a float32"),
        ({"a": Z}, "", "received ''"),
    ],
)
def test_doubt_is_refused(inputs, given, message):
    with pytest.raises(ConfigError, match=message):
        InputRoles.read(inputs, given, CLASSES)


def test_labels_need_a_data_set_with_classes():
    with pytest.raises(ConfigError, match="asks for labels, b, but the data set has none"):
        InputRoles.read({"a": Z, "b": INDEX}, None, 0)


def image(x: keras.KerasTensor, activation: str | None = None) -> keras.KerasTensor:
    return keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16, activation=activation)(x))


def save(folder: Path, inputs, output) -> Path:
    path = folder / "g.keras"
    keras.Model(inputs, output).save(path)
    return path


def test_equal_generators_draw_equal_images_whatever_they_end_in(tmp_path: Path):
    noise = keras.Input((16,), name="noise")
    x = image(noise)
    ends = {
        "-1,1": keras.layers.Activation("tanh")(x),
        "0,1": keras.layers.Rescaling(0.5, 0.5)(keras.layers.Activation("tanh")(x)),
        "0,255": keras.layers.Rescaling(127.5, 127.5)(keras.ops.tanh(x)),
    }
    drawn = []
    for name, output in ends.items():
        generator = AnyGenerator(save(tmp_path, noise, output), CLASSES)
        assert generator.pixel_range == name
        drawn.append(generator.sample(0, None, 300))
    assert drawn[0].std() > 20
    for other in drawn[1:]:
        np.testing.assert_allclose(drawn[0].astype(int), other, atol=1)  # of rounding
    assert not np.array_equal(drawn[0], generator.sample(1, None, 300))


def test_a_list_of_unnamed_inputs_is_read(tmp_path: Path):
    z, y = keras.Input((16,)), keras.Input((1,), dtype="int32")
    table = keras.layers.Flatten()(keras.layers.Embedding(CLASSES, 16)(y))
    path = save(tmp_path, [z, y], image(keras.layers.Add()([z, table]), "sigmoid"))
    generator = AnyGenerator(path, CLASSES)
    assert generator.conditional
    assert "(n, 16) normal, label" in generator.describe()
    assert generator.describe().endswith("(n, 1) whole numbers; images in [0, 1]")
    images = generator.sample(0, LABELS, 12)
    assert images.shape == (12, 4, 4, 1)
    assert not np.array_equal(images, generator.sample(0, LABELS[::-1].copy(), 12))
    uniform = AnyGenerator(path, CLASSES, noise="uniform")
    assert not np.array_equal(images, uniform.sample(0, LABELS, 12))


def test_labels_alone_and_rows_of_labels_are_read(tmp_path: Path):
    y = keras.Input((), dtype="int32")
    path = save(tmp_path, y, image(keras.layers.Embedding(CLASSES, 16)(y), "sigmoid"))
    images = AnyGenerator(path, CLASSES).sample(0, LABELS, 12)
    np.testing.assert_array_equal(images[:3], images[3:6])
    z, rows = keras.Input((16,), name="z"), keras.Input((CLASSES,), name="y")
    path = save(
        tmp_path, {"z": z, "y": rows}, image(keras.layers.Concatenate()([z, rows]), "tanh")
    )
    generator = AnyGenerator(path, CLASSES)
    assert "one-hot rows" in generator.describe()
    assert generator.sample(0, LABELS, 12).shape == (12, 4, 4, 1)


def test_a_sequential_of_pytorchs_form_is_read(tmp_path: Path):
    path = tmp_path / "g.keras"
    keras.Sequential(
        [
            keras.Input((16, 1, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(75, activation="tanh"),
            keras.layers.Reshape((3, 5, 5)),  # channels first
        ]
    ).save(path)
    assert AnyGenerator(path, 0).sample(0, None, 4).shape == (4, 5, 5, 3)


def test_a_range_in_doubt_is_refused_unless_it_is_said(tmp_path: Path):
    noise = keras.Input((16,))
    path = save(tmp_path, noise, keras.layers.LayerNormalization(axis=(1, 2, 3))(image(noise)))
    with pytest.raises(DataError, match="it is not clear which range its images have"):
        AnyGenerator(path, 0)
    with pytest.raises(DataError, match="--range -1,1 was asked for, but"):
        AnyGenerator(path, 0, pixel_range="-1,1")


def test_what_draws_no_images_is_refused(tmp_path: Path):
    noise = keras.Input((16,))
    path = save(tmp_path, noise, keras.layers.Dense(3)(noise))
    with pytest.raises(DataError, match=r"draws arrays of shape \(250, 3\); expected images"):
        AnyGenerator(path, 0)
    save(tmp_path, noise, [image(noise), keras.layers.Dense(3)(noise)])
    with pytest.raises(DataError, match="draws 2 arrays; expected one, of images"):
        AnyGenerator(path, 0)
    path.write_bytes(b"no model")
    with pytest.raises(StorageError, match=r"cannot be loaded by Keras .* save it by model\.exp"):
        AnyGenerator(path, 0)
    for name in ("a.txt", "a.npz"):
        (tmp_path / name).write_bytes(b"")
        assert runtime_of(tmp_path / name) is None


@pytest.mark.slow
@pytest.mark.parametrize("form", ["savedmodel", "onnx", "litert"])
def test_other_formats_draw_the_same(tmp_path: Path, form: str):
    z, y = keras.Input((16,)), keras.Input((1,), dtype="int32")
    table = keras.layers.Flatten()(keras.layers.Embedding(CLASSES, 16)(y))
    model = keras.Model([z, y], image(keras.layers.Add()([z, table]), "tanh"))
    path = save(tmp_path, model.inputs, model.outputs[0])
    other = tmp_path / {"savedmodel": "sm", "onnx": "g.onnx", "litert": "g.tflite"}[form]
    write_format(form, model, path, other)
    generators = [AnyGenerator(each, CLASSES) for each in (path, other)]
    assert {generator.pixel_range for generator in generators} == {"-1,1"}
    one, two = (generator.sample(3, LABELS, 12).astype(int) for generator in generators)
    np.testing.assert_allclose(one, two, atol=1)

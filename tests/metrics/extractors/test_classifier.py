import hashlib
import io

import numpy as np
import pytest

from harness.core.errors import StorageError
from harness.metrics.extractors.classifier import build_classifier, read_weights, write_weights


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (8, 8, 1)])
def test_outputs_for_any_image_shape(shape):
    model = build_classifier(shape, 7)
    features, logits = model(np.zeros((2, *shape), np.float32))
    assert features.shape[0] == 2
    assert logits.shape == (2, 7)


def test_feature_length_does_not_depend_on_the_image():
    lengths = {
        build_classifier(shape, 10).output_shape[0][-1] for shape in ((28, 28, 1), (64, 32, 3))
    }
    # 48 channels at half size, 96 and 96 at quarter size.
    assert lengths == {48 + 96 + 96}


def test_same_images_as_grey_levels_are_scaled_inside():
    model = build_classifier((8, 8, 1), 2)
    rescaling = model.get_layer(index=1)
    np.testing.assert_allclose(rescaling(np.array([0.0, 255.0])), [-1.0, 1.0], atol=1e-6)


@pytest.fixture
def written(tmp_path):
    model = build_classifier((8, 8, 1), 2)
    path = tmp_path / "weights.npz"
    return model, path, write_weights(model, path)


def test_weights_survive_writing_and_reading(written):
    model, path, sha256 = written
    other = build_classifier((8, 8, 1), 2)
    read_weights(other, path, sha256)
    for before, after in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_hash_is_that_of_the_file(written):
    _, path, sha256 = written
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def test_equal_weights_give_equal_files(written, tmp_path):
    model, _, sha256 = written
    assert write_weights(model, tmp_path / "again.npz") == sha256


def test_changed_weights_are_refused(written):
    model, path, sha256 = written
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StorageError, match=f"expected {sha256}"):
        read_weights(model, path, sha256)


def test_weights_of_another_architecture_are_refused(written):
    _, path, sha256 = written
    with pytest.raises(StorageError, match="another architecture"):
        read_weights(build_classifier((8, 8, 3), 2), path, sha256)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(StorageError, match=r"absent\.npz: cannot be read"):
        read_weights(build_classifier((8, 8, 1), 2), tmp_path / "absent.npz", "0" * 64)


@pytest.mark.parametrize("pickled", [True, False])
def test_a_file_that_is_not_plain_arrays_is_refused(tmp_path, pickled):
    buffer = io.BytesIO()
    if pickled:
        np.savez(buffer, weight_000=np.array([{"code": 1}], dtype=object))
    else:
        buffer.write(b"no arrays")
    path = tmp_path / "weights.npz"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(StorageError, match=r"expected (an \.npz file|numbers or text)"):
        read_weights(
            build_classifier((8, 8, 1), 2), path, hashlib.sha256(buffer.getvalue()).hexdigest()
        )


def test_weights_are_compared_before_they_unfold(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, weight_000=np.arange(1000, dtype=np.float32))
    # Reading the values would end in another message: they no longer have their checksum.
    content = buffer.getvalue().replace(np.float32(500).tobytes(), b"\0\0\0\0")
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="those of another architecture: 1 arrays"):
        read_weights(build_classifier((8, 8, 1), 2), path, hashlib.sha256(content).hexdigest())

import numpy as np
import pytest

from harness.metrics.extractors.classifier import build_classifier


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

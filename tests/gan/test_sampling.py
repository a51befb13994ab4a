import numpy as np
import pytest

from harness.core.errors import ConfigError
from harness.gan.networks.generators import build_generator
from harness.gan.sampling import Sampler, latent_noise


@pytest.fixture(scope="module")
def generator(small_config):
    return build_generator(small_config(), (8, 8, 1), 3)


def test_images_are_rounded_and_follow_noise_and_labels(generator):
    labels = np.arange(7) % 3
    images = Sampler(generator, batch_size=4).sample(noise_seed=3, labels=labels)
    inputs = {"noise": latent_noise(3, 7, 6), "label": labels}
    expected = np.rint((np.asarray(generator(inputs)) + 1) * 127.5)
    assert images.dtype == np.uint8
    assert images.shape == (7, 8, 8, 1)
    # Rounding may fall either way where the two batch sizes differ in the last bit.
    assert np.abs(images - expected).max() <= 1
    assert (images != expected).mean() < 0.01


def test_sigmoid_outputs_cover_the_whole_range(small_config):
    config = small_config(conditional=False, generator={"output": "sigmoid"})
    generator = build_generator(config, (8, 8, 1), 0)
    for bias, level in ((100.0, 255), (-100.0, 0), (0.0, 128)):
        layer = generator.get_layer("image")
        layer.set_weights([np.zeros(layer.kernel.shape), np.full(1, bias)])
        # sigmoid(0) x 255 = 127.5, which rounds to the even 128.
        assert (Sampler(generator, batch_size=3).sample(noise_seed=0, count=3) == level).all()


def test_a_larger_sample_begins_with_the_smaller(generator):
    sampler = Sampler(generator, batch_size=4)
    small = sampler.sample(noise_seed=1, labels=np.zeros(5))
    large = sampler.sample(noise_seed=1, labels=np.zeros(11))
    assert (large[:5] == small).all()
    assert (latent_noise(1, 1500, 6)[:700] == latent_noise(1, 700, 6)).all()


def test_the_seed_decides(generator):
    sampler = Sampler(generator, batch_size=4)
    one, again, other = (sampler.sample(noise_seed=s, labels=np.zeros(4)) for s in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()


def test_a_sampler_sees_new_weights(small_config):
    generator = build_generator(small_config(), (8, 8, 1), 3)
    sampler = Sampler(generator, batch_size=4)
    sampler.sample(noise_seed=1, labels=[0])
    layer = generator.get_layer("image")
    layer.set_weights([np.zeros(layer.kernel.shape), np.full(1, 100.0)])
    assert (sampler.sample(noise_seed=1, labels=[0]) == 255).all()


def test_noise_is_standard_normal_and_rows_differ():
    noise = latent_noise(5, 3000, 8)
    assert noise.shape == (3000, 8)
    assert abs(noise.mean()) < 0.03  # 24,000 draws: one standard error is 0.0065
    assert abs(noise.std() - 1) < 0.03
    assert len(np.unique(noise[:, 0])) > 2990


def test_no_images_are_an_empty_array(generator):
    assert Sampler(generator).sample(noise_seed=0, labels=[]).shape == (0, 8, 8, 1)


def test_missing_or_doubled_requests_are_refused(generator):
    sampler = Sampler(generator)
    with pytest.raises(ConfigError, match="this generator is conditional: give labels"):
        sampler.sample(noise_seed=0, count=3)
    with pytest.raises(ConfigError, match="received labels no, count None"):
        sampler.sample(noise_seed=0)
    with pytest.raises(ConfigError, match="received labels yes, count 2"):
        sampler.sample(noise_seed=0, labels=[0, 1], count=2)

import numpy as np
import pytest
import tensorflow as tf

from harness.gan.feed import Feed, Purpose


def feed_for(config, images, labels):
    return Feed(config, tf.constant(images), None if labels is None else tf.constant(labels))


def at(counter):
    return tf.constant(counter, tf.int64)


def test_each_epoch_shows_each_image_once_in_another_order(small_config, small_images):
    feed = feed_for(small_config(batch_size=8), *small_images)
    # 20 images in batches of 8: five batches make two epochs, the third straddles them.
    seen = np.concatenate([feed.indices(at(i)).numpy() for i in range(5)])
    first, second = seen[:20], seen[20:]
    assert sorted(first) == sorted(second) == list(range(20))
    assert list(first) != list(second)
    assert list(first) != list(range(20))


def test_a_batch_larger_than_the_data_spans_epochs(small_config, small_images):
    feed = feed_for(small_config(batch_size=60), *small_images)
    counts = np.bincount(feed.indices(at(0)).numpy())
    assert counts.tolist() == [3] * 20


def test_labels_stay_with_their_images(small_config, small_images):
    feed = feed_for(small_config(), *small_images)
    images, labels = feed.real(at(3))
    numbers = np.rint((images.numpy()[:, 0, 0, 0] + 1) * 127.5)  # the first pixel is the number
    assert (labels.numpy() == numbers % 3).all()


@pytest.mark.parametrize(("output", "low"), [("tanh", -1), ("sigmoid", 0)])
def test_images_lie_in_the_range_of_the_generator(small_config, output, low):
    images = np.zeros((20, 4, 4, 1), np.uint8)
    images[:, 0] = 255
    config = small_config(conditional=False, generator={"output": output})
    batch, labels = feed_for(config, images, None).real(at(0))
    assert labels is None
    np.testing.assert_allclose(np.unique(batch), [low, 1], atol=1e-6)


def test_an_unconditional_gan_sees_no_labels(small_config, small_images):
    assert feed_for(small_config(conditional=False), *small_images).real(at(0))[1] is None


def test_streams_differ_by_seed_purpose_and_counter_and_repeat(small_config, small_images):
    feed = feed_for(small_config(batch_size=500), *small_images)
    other = feed_for(small_config(batch_size=500, seed=1), *small_images)
    noise = feed.noise(Purpose.GENERATOR_NOISE, at(4)).numpy()
    assert (noise == feed.noise(Purpose.GENERATOR_NOISE, at(4)).numpy()).all()
    assert abs(noise.mean()) < 0.1  # 3,000 draws: one standard error is 0.018
    assert abs(noise.std() - 1) < 0.1
    for different in (
        feed.noise(Purpose.GENERATOR_NOISE, at(5)),
        feed.noise(Purpose.DISCRIMINATOR_NOISE, at(4)),
        other.noise(Purpose.GENERATOR_NOISE, at(4)),
    ):
        assert abs(np.corrcoef(noise.ravel(), different.numpy().ravel())[0, 1]) < 0.1
    assert (feed.indices(at(0)).numpy() != other.indices(at(0)).numpy()).any()


def test_targets_without_noise_are_numbers(small_config, small_images):
    feed = feed_for(small_config(loss={"label_smoothing": 0.1}), *small_images)
    assert feed.targets(at(0)) == (0.9, 0.0)


def test_label_noise_stays_within_its_width_and_is_fresh(small_config, small_images):
    loss = {"label_smoothing": 0.1, "label_noise": 0.2}
    feed = feed_for(small_config(batch_size=200, loss=loss), *small_images)
    real, fake = (value.numpy() for value in feed.targets(at(0)))
    assert real.shape == fake.shape == (200, 1)
    assert 0.7 <= real.min() < 0.71
    assert 0.89 < real.max() <= 0.9
    assert 0 <= fake.min() < 0.01
    assert 0.19 < fake.max() <= 0.2
    assert (real != feed.targets(at(1))[0].numpy()).all()

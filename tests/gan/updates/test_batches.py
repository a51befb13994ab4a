import numpy as np
import pytest
import tensorflow as tf

from harness.gan.updates.batches import BatchSource, DiscriminatorPass, Purpose


def feed_for(config, images, labels):
    return BatchSource(
        config, tf.constant(images), None if labels is None else tf.constant(labels)
    )


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


def test_images_are_shown_as_they_are_where_nothing_is_asked_for(small_config, small_images):
    feed = feed_for(small_config(), *small_images)
    images = feed.real(at(0))[0]
    assert feed.shown(images, DiscriminatorPass.REAL, at(0)) is images


@pytest.mark.parametrize("augment", [{"translation": 0.4}, {"noise": 0.1, "noise_kimg": 5}])
def test_every_showing_draws_anew_and_repeats(small_config, small_images, augment):
    feed = feed_for(small_config(augment=augment), *small_images)
    images = feed.real(at(0))[0]
    shown = {
        (showing, counter): feed.shown(images, showing, at(counter)).numpy().tobytes()
        for showing in DiscriminatorPass
        for counter in (0, 1, 2)
    }
    assert len(set(shown.values())) == 12
    again = feed.shown(images, DiscriminatorPass.FAKE, at(1)).numpy().tobytes()
    assert again == shown[DiscriminatorPass.FAKE, 1]
    other = feed_for(small_config(augment=augment, seed=1), *small_images)
    assert other.shown(images, DiscriminatorPass.FAKE, at(1)).numpy().tobytes() != again


@pytest.mark.parametrize(("output", "black"), [("tanh", -1), ("sigmoid", 0)])
def test_what_is_cut_out_is_black_in_the_range_of_the_generator(small_config, output, black):
    images = np.full((20, 8, 8, 1), 255, np.uint8)
    config = small_config(conditional=False, generator={"output": output}, augment={"cutout": 0.5})
    feed = feed_for(config, images, None)
    shown = feed.shown(feed.real(at(0))[0], DiscriminatorPass.REAL, at(0))
    np.testing.assert_allclose(np.unique(np.round(shown, 4)), [black, 1])


def test_noise_falls_with_the_images_seen_in_both_steps(small_config):
    # 8 images an update, 5 updates a step. Before update 5, or step 1, 0.04 of 0.08 kimg: half.
    config = small_config(
        conditional=False,
        update={"discriminator_steps": 5},
        augment={"noise": 0.1, "noise_kimg": 0.08},
    )
    feed = feed_for(config, np.zeros((20, 64, 64, 1), np.uint8), None)
    images = tf.zeros((8, 64, 64, 1))

    def deviation(showing, counter):
        return feed.shown(images, showing, at(counter)).numpy().std()

    # In [-1, 1] 0.1 of the range is 0.2.
    assert deviation(DiscriminatorPass.REAL, 0) == pytest.approx(0.2, rel=0.05)
    assert deviation(DiscriminatorPass.FAKE, 5) == pytest.approx(0.1, rel=0.05)
    assert deviation(DiscriminatorPass.FAKE_IN_GENERATOR_STEP, 1) == pytest.approx(0.1, rel=0.05)
    assert deviation(DiscriminatorPass.FAKE_IN_GENERATOR_STEP, 2) == 0

import math

import numpy as np
import pytest
import tensorflow as tf

from harness.core.errors import ConfigError
from harness.gan.config.rules import PAIRED_LOSSES, TARGETED_LOSSES
from harness.gan.updates.losses import LOSSES, get_loss

LN2, LN3 = math.log(2), math.log(3)


def column(*values):
    return tf.constant(values, tf.float32)[:, None]


def gradient(function, logits):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = function(logits)
    return float(loss), tape.gradient(loss, logits).numpy()[:, 0]


def terms(name):
    """Return D's terms for real and fake and G's loss, each a function of its own logits."""
    loss = LOSSES[name]
    return *loss.terms, lambda logits: loss.generator(None, logits)


def test_cross_entropy_of_real_logits():
    # sigmoid(0) = 1/2, sigmoid(ln 3) = 3/4: the mean of ln 2 and ln 4/3. Gradient (p - 1) / 2.
    real, _, _ = terms("non_saturating")
    loss, slope = gradient(lambda x: real(x, 1.0), column(0, LN3))
    assert loss == pytest.approx((LN2 + math.log(4 / 3)) / 2)
    np.testing.assert_allclose(slope, [-0.25, -0.125], rtol=1e-6)


def test_cross_entropy_of_fake_logits():
    # -ln(1 - p): ln 2 and ln 4. Gradient p / 2.
    _, fake, _ = terms("non_saturating")
    loss, slope = gradient(lambda x: fake(x, 0.0), column(0, LN3))
    assert loss == pytest.approx((LN2 + math.log(4)) / 2)
    np.testing.assert_allclose(slope, [0.25, 0.375], rtol=1e-6)


def test_targets_move_the_optimum():
    # The gradient (p - t) / n is zero where p = t: here 3/4, and at 0 with t = 0.9 it is -0.4.
    targets = column(0.75, 0.9)
    real, _, _ = terms("non_saturating")
    _, slope = gradient(lambda x: real(x, targets), column(LN3, 0))
    np.testing.assert_allclose(slope, [0, -0.2], atol=1e-7)


def test_generator_is_pushed_hardest_where_it_fails():
    # -ln p: at -ln 3 it is ln 4 with gradient (1/4 - 1) / 2, at ln 3 ln 4/3 with (3/4 - 1) / 2.
    loss, slope = gradient(terms("non_saturating")[2], column(-LN3, LN3))
    assert loss == pytest.approx((math.log(4) + math.log(4 / 3)) / 2)
    np.testing.assert_allclose(slope, [-0.375, -0.125], rtol=1e-6)


@pytest.mark.parametrize("name", ["non_saturating", "relativistic"])
@pytest.mark.parametrize("logit", [-1000.0, 1000.0])
def test_extreme_logits_stay_finite(name, logit):
    loss = LOSSES[name]
    real, fake = column(logit), column(-logit)
    values = [loss.discriminator(real, fake, (1.0, 0.0)), loss.generator(real, fake)]
    assert np.isfinite(values).all()
    assert float(values[0]) == (0 if logit > 0 else 2000)


def test_least_squares():
    real, fake, generator = terms("least_squares")
    # Half the mean of (l - 1)^2 for 3, 1, -1: (4 + 0 + 4) / 6. Gradient (l - 1) / 3.
    loss, slope = gradient(lambda x: real(x, 1.0), column(3, 1, -1))
    assert loss == pytest.approx(8 / 6)
    np.testing.assert_allclose(slope, [2 / 3, 0, -2 / 3], rtol=1e-6)
    # Targets are what D aims at: (3 - 0.9)^2 / 2, gradient 2.1.
    loss, slope = gradient(lambda x: real(x, 0.9), column(3))
    assert (loss, slope[0]) == pytest.approx((2.205, 2.1))
    # Fake: half the mean of l^2 for 2, -1: 5 / 4. Gradient l / 2.
    loss, slope = gradient(lambda x: fake(x, 0.0), column(2, -1))
    assert loss == pytest.approx(5 / 4)
    np.testing.assert_allclose(slope, [1, -0.5])
    # Generator: half the mean of (l - 1)^2 for 0, 3: (1 + 4) / 4. Gradient (l - 1) / 2.
    loss, slope = gradient(generator, column(0, 3))
    assert loss == pytest.approx(5 / 4)
    np.testing.assert_allclose(slope, [-0.5, 1])


def test_hinge():
    real, fake, generator = terms("hinge")
    # Real: max(0, 1 - l) of 2, 0.5, -1 is 0, 0.5, 2: mean 2.5/3. Fake: 3, 1.5, 0: mean 1.5.
    loss, slope = gradient(lambda x: real(x, 1.0), column(2, 0.5, -1))
    assert loss == pytest.approx(2.5 / 3)
    np.testing.assert_allclose(slope, [0, -1 / 3, -1 / 3])
    loss, slope = gradient(lambda x: fake(x, 0.0), column(2, 0.5, -2))
    assert loss == pytest.approx(1.5)
    np.testing.assert_allclose(slope, [1 / 3, 1 / 3, 0])
    loss, slope = gradient(generator, column(2, -0.5))
    assert loss == pytest.approx(-0.75)
    np.testing.assert_allclose(slope, [-0.5, -0.5])


def test_wasserstein():
    loss = LOSSES["wasserstein"]
    real, fake = column(5, 1), column(-3, 2)
    # Mean of fake minus mean of real: -1/2 - 3. Gradients -1/2 for each real, 1/2 for each fake.
    total, slope = gradient(lambda x: loss.discriminator(x, fake, (1.0, 0.0)), real)
    assert total == pytest.approx(-3.5)
    np.testing.assert_allclose(slope, [-0.5, -0.5])
    _, slope = gradient(lambda x: loss.discriminator(real, x, (1.0, 0.0)), fake)
    np.testing.assert_allclose(slope, [0.5, 0.5])
    # The generator raises its mean: 1/2, with gradient -1/2 each.
    total, slope = gradient(terms("wasserstein")[2], fake)
    assert total == pytest.approx(0.5)
    np.testing.assert_allclose(slope, [-0.5, -0.5])


def test_relativistic_pairs_each_fake_with_the_real_in_its_row():
    loss = LOSSES["relativistic"]
    # Rows differ by real - fake = ln 3 and -ln 3: softplus(-ln 3) = ln 4/3, softplus(ln 3) = ln 4.
    real, fake = column(1 + LN3, 2), column(1, 2 + LN3)
    mean = (math.log(4 / 3) + math.log(4)) / 2
    # D's gradient by real is -sigmoid(fake - real) / 2: -1/8 where it is right, -3/8 where not.
    total, slope = gradient(lambda x: loss.discriminator(x, fake, (1.0, 0.0)), real)
    assert total == pytest.approx(mean)
    np.testing.assert_allclose(slope, [-1 / 8, -3 / 8], rtol=1e-6)
    _, slope = gradient(lambda x: loss.discriminator(real, x, (1.0, 0.0)), fake)
    np.testing.assert_allclose(slope, [1 / 8, 3 / 8], rtol=1e-6)
    # G's by fake is -sigmoid(real - fake) / 2: it is pushed where D is right.
    total, slope = gradient(lambda x: loss.generator(real, x), fake)
    assert total == pytest.approx(mean)
    np.testing.assert_allclose(slope, [-3 / 8, -1 / 8], rtol=1e-6)
    # Another pairing of the same logits is another loss: the rows now differ by -1 and 1.
    swapped = loss.discriminator(real, tf.reverse(fake, [0]), (1.0, 0.0))
    assert float(swapped) == pytest.approx((math.log1p(math.e) + math.log1p(1 / math.e)) / 2)


@pytest.mark.parametrize("name", [name for name in LOSSES if not LOSSES[name].paired])
def test_discriminator_loss_is_the_sum_of_its_terms(name):
    real_term, fake_term, _ = terms(name)
    real, fake = column(0.3, -2.0), column(1.0, 0.1)
    total = float(LOSSES[name].discriminator(real, fake, (0.9, 0.1)))
    assert total == pytest.approx(float(real_term(real, 0.9)) + float(fake_term(fake, 0.1)))


@pytest.mark.parametrize("name", LOSSES)
def test_rules_know_which_losses_pair_and_which_have_targets(name):
    loss = LOSSES[name]
    real, fake = column(0.3, -2.0), column(1.0, 0.1)
    plain, smooth = (float(loss.discriminator(real, fake, (t, 0.0))) for t in (1.0, 0.9))
    assert (plain != smooth) == (name in TARGETED_LOSSES)
    assert loss.paired == (name in PAIRED_LOSSES)


@pytest.mark.parametrize(
    ("name", "on_real", "on_fake"),
    [
        # Real 0.2, 0.4, 2; fake -1, 0.3, 0.1. Above 0: all real, two fakes.
        ("non_saturating", 1, 1 / 3),
        ("hinge", 1, 1 / 3),
        # Above 1/2: one real, no fake.
        ("least_squares", 1 / 3, 1),
        # Means 2.6/3 and -0.6/3: above 1/3 are two real ones and no fake.
        ("wasserstein", 2 / 3, 1),
        ("relativistic", 2 / 3, 1),
    ],
)
def test_accuracies_know_where_the_loss_draws_the_line(name, on_real, on_fake):
    shares = LOSSES[name].accuracies(column(0.2, 0.4, 2), column(-1, 0.3, 0.1))
    assert [float(share) for share in shares] == pytest.approx([on_real, on_fake])


def test_a_loss_that_was_not_adopted_is_refused():
    with pytest.raises(ConfigError, match=r"received 'mine.py:distance'"):
        get_loss("mine.py:distance")

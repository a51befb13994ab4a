import math

import numpy as np
import pytest
import tensorflow as tf

from harness.errors import ConfigError
from harness.gan.losses import LOSSES, get_loss

LN2, LN3 = math.log(2), math.log(3)


def column(*values):
    return tf.constant(values, tf.float32)[:, None]


def gradient(function, logits):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = function(logits)
    return float(loss), tape.gradient(loss, logits).numpy()[:, 0]


def test_cross_entropy_of_real_logits():
    # sigmoid(0) = 1/2, sigmoid(ln 3) = 3/4: the mean of ln 2 and ln 4/3. Gradient (p - 1) / 2.
    loss, slope = gradient(lambda x: LOSSES["non_saturating"].real(x, 1.0), column(0, LN3))
    assert loss == pytest.approx((LN2 + math.log(4 / 3)) / 2)
    np.testing.assert_allclose(slope, [-0.25, -0.125], rtol=1e-6)


def test_cross_entropy_of_fake_logits():
    # -ln(1 - p): ln 2 and ln 4. Gradient p / 2.
    loss, slope = gradient(lambda x: LOSSES["non_saturating"].fake(x, 0.0), column(0, LN3))
    assert loss == pytest.approx((LN2 + math.log(4)) / 2)
    np.testing.assert_allclose(slope, [0.25, 0.375], rtol=1e-6)


def test_targets_move_the_optimum():
    # The gradient (p - t) / n is zero where p = t: here 3/4, and at 0 with t = 0.9 it is -0.4.
    targets = column(0.75, 0.9)
    _, slope = gradient(lambda x: LOSSES["non_saturating"].real(x, targets), column(LN3, 0))
    np.testing.assert_allclose(slope, [0, -0.2], atol=1e-7)


def test_generator_is_pushed_hardest_where_it_fails():
    # -ln p: at -ln 3 it is ln 4 with gradient (1/4 - 1) / 2, at ln 3 ln 4/3 with (3/4 - 1) / 2.
    loss, slope = gradient(LOSSES["non_saturating"].generator, column(-LN3, LN3))
    assert loss == pytest.approx((math.log(4) + math.log(4 / 3)) / 2)
    np.testing.assert_allclose(slope, [-0.375, -0.125], rtol=1e-6)


@pytest.mark.parametrize("logit", [-1000.0, 1000.0])
def test_extreme_logits_stay_finite(logit):
    loss = LOSSES["non_saturating"]
    values = [loss.discriminator(column(logit), column(-logit)), loss.generator(column(logit))]
    assert np.isfinite(values).all()
    assert float(values[0]) == (0 if logit > 0 else 2000)


def test_hinge():
    hinge = LOSSES["hinge"]
    # Real: max(0, 1 - l) of 2, 0.5, -1 is 0, 0.5, 2: mean 2.5/3. Fake: 3, 1.5, 0: mean 1.5.
    loss, slope = gradient(lambda x: hinge.real(x, 1.0), column(2, 0.5, -1))
    assert loss == pytest.approx(2.5 / 3)
    np.testing.assert_allclose(slope, [0, -1 / 3, -1 / 3])
    loss, slope = gradient(lambda x: hinge.fake(x, 0.0), column(2, 0.5, -2))
    assert loss == pytest.approx(1.5)
    np.testing.assert_allclose(slope, [1 / 3, 1 / 3, 0])
    loss, slope = gradient(hinge.generator, column(2, -0.5))
    assert loss == pytest.approx(-0.75)
    np.testing.assert_allclose(slope, [-0.5, -0.5])


@pytest.mark.parametrize("name", LOSSES)
def test_discriminator_loss_is_the_sum_of_its_terms(name):
    loss = LOSSES[name]
    real, fake = column(0.3, -2.0), column(1.0, 0.1)
    total = float(loss.discriminator(real, fake, 0.9, 0.1))
    assert total == pytest.approx(float(loss.real(real, 0.9)) + float(loss.fake(fake, 0.1)))


def test_unknown_loss_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"received 'hinges'. Did you mean 'hinge'"):
        get_loss("hinges")

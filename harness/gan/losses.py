"""Define what discriminator and generator minimise, as functions of logits."""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from harness.errors import ConfigError, near_miss


@dataclasses.dataclass(frozen=True)
class Loss:
    """Hold one adversarial loss as three functions, each a mean over the batch; lower is better.

    Logits have shape (n, 1), positive meaning real. The discriminator's loss is the sum of its
    two terms: twice the mean over a joint batch that Keras's BinaryCrossentropy would give.

    Args:
        real: Discriminator's term for real images, from their logits and targets.
        fake: Discriminator's term for generated images, from their logits and targets.
        generator: Generator's loss, from the logits of its images.
    """

    real: Callable[[Any, Any], Any]
    fake: Callable[[Any, Any], Any]
    generator: Callable[[Any], Any]

    def discriminator(
        self, real_logits: Any, fake_logits: Any, real_targets: Any = 1.0, fake_targets: Any = 0.0
    ) -> Any:
        """Return the discriminator's whole loss.

        Args:
            real_logits: Of real images, (n, 1).
            fake_logits: Of generated images, (n, 1).
            real_targets: Probabilities to aim at, (n, 1) or a number; unused by hinge.
            fake_targets: Likewise for generated images.
        """
        return self.real(real_logits, real_targets) + self.fake(fake_logits, fake_targets)


def get_loss(name: str) -> Loss:
    """Return the loss of this name.

    Raises:
        ConfigError: If there is none.
    """
    if name not in LOSSES:
        raise ConfigError(
            f"loss.name must be one of {', '.join(LOSSES)}; received {name!r}."
            f"{near_miss(name, LOSSES)}"
        )
    return LOSSES[name]


def binary_cross_entropy(logits: Any, targets: Any) -> Any:
    """Return the mean of -t log p - (1 - t) log(1 - p) = softplus(l) - t l for p = sigmoid(l).

    The softplus form neither overflows nor saturates, which log(sigmoid) does.

    Args:
        logits: (n, 1).
        targets: Probabilities, (n, 1) or a number.
    """
    return tf.reduce_mean(tf.nn.softplus(logits) - targets * logits)


def non_saturating_generator(fake_logits: Any) -> Any:
    """Return the mean of -log sigmoid(l), whose gradient stays alive while D wins.

    References:
        Goodfellow et al. 2014, arXiv 1406.2661, section 3.
    """
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


def hinge_real(logits: Any, _: Any) -> Any:
    """Return the mean of max(0, 1 - l).

    References:
        Lim & Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957, equation 16.
    """
    return tf.reduce_mean(tf.nn.relu(1.0 - logits))


def hinge_fake(logits: Any, _: Any) -> Any:
    """Return the mean of max(0, 1 + l); see `hinge_real`."""
    return tf.reduce_mean(tf.nn.relu(1.0 + logits))


def hinge_generator(fake_logits: Any) -> Any:
    """Return the mean of -l; see `hinge_real`."""
    return -tf.reduce_mean(fake_logits)


LOSSES: dict[str, Loss] = {
    "non_saturating": Loss(binary_cross_entropy, binary_cross_entropy, non_saturating_generator),
    "hinge": Loss(hinge_real, hinge_fake, hinge_generator),
}

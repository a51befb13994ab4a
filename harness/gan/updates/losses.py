"""Define what discriminator and generator minimize, as functions of logits."""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from harness.core.errors import ConfigError, near_miss

Targets = tuple[Any, Any]
"""Probabilities to aim at for real and for fake images, each (n, 1) or a number."""

Term = Callable[[Any, Any], Any]
"""Return a mean over logits (n, 1), given targets (n, 1) or a number."""


@dataclasses.dataclass(frozen=True)
class Loss:
    """An adversarial loss: functions of logits (n, 1), each a mean; lower is better.

    Higher logits mean real. A fake stands beside a real image of the same label in each row.

    Args:
        discriminator: D's loss from real logits, fake logits and `Targets`, which losses without
            targets ignore.
        generator: G's loss from real logits, None unless `paired`, and fake logits.
        terms: D's terms for real and for fake, each from its logits and targets, whose sum is
            `discriminator`; None for a paired loss, which compares the two.
        boundary: Logit from which an image counts as called real, for the accuracies reported;
            None for losses to which only differences between logits matter: halfway between the
            means of real and fake.
    """

    discriminator: Callable[[Any, Any, Targets], Any]
    generator: Callable[[Any, Any], Any]
    terms: tuple[Term, Term] | None = None
    boundary: float | None = 0.0

    @property
    def paired(self) -> bool:
        """Return whether G's loss needs real logits and D's has no terms of its own for each."""
        return self.terms is None

    def accuracies(self, real_logits: Any, fake_logits: Any) -> tuple[Any, Any]:
        """Return the shares of real images called real and of fakes called fake."""
        boundary = self.boundary
        if boundary is None:
            boundary = (tf.reduce_mean(real_logits) + tf.reduce_mean(fake_logits)) / 2
        return (
            tf.reduce_mean(tf.cast(real_logits > boundary, tf.float32)),
            tf.reduce_mean(tf.cast(fake_logits <= boundary, tf.float32)),
        )


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


def sum_of_terms(
    real: Term, fake: Term, generator: Callable[[Any], Any], *, boundary: float | None = 0.0
) -> Loss:
    """Return a loss that judges real and fake images apart.

    D's loss is the sum of its two terms: twice the mean over a joint batch that Keras's
    BinaryCrossentropy would give.

    Args:
        real: D's term for real images.
        fake: D's term for generated images.
        generator: G's loss, from the logits of its images.
        boundary: See `Loss`.
    """

    def discriminator(real_logits: Any, fake_logits: Any, targets: Targets) -> Any:
        return real(real_logits, targets[0]) + fake(fake_logits, targets[1])

    return Loss(discriminator, lambda _, logits: generator(logits), (real, fake), boundary)


def binary_cross_entropy(logits: Any, targets: Any) -> Any:
    """Return the mean of -t log p - (1 - t) log(1 - p) = softplus(l) - t l for p = sigmoid(l).

    The softplus form neither overflows nor saturates, which log(sigmoid) does.
    """
    return tf.reduce_mean(tf.nn.softplus(logits) - targets * logits)


def non_saturating_generator(fake_logits: Any) -> Any:
    """Return the mean of -log sigmoid(l), whose gradient stays alive while D wins.

    References:
        Goodfellow et al. 2014, arXiv 1406.2661, section 3.
    """
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


def half_squared_distance(logits: Any, targets: Any) -> Any:
    """Return the mean of (l - t)^2 / 2.

    References:
        Mao et al. 2017, arXiv 1611.04076, equation 9: D aims at 1 for real and 0 for fake, G at
        1. Halfway, 0.5, separates what D calls real.
    """
    return tf.reduce_mean(tf.square(logits - targets)) / 2


def hinge_real(logits: Any, _: Any) -> Any:
    """Return the mean of max(0, 1 - l).

    References:
        Lim & Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957, equation 16.
    """
    return tf.reduce_mean(tf.nn.relu(1.0 - logits))


def hinge_fake(logits: Any, _: Any) -> Any:
    """Return the mean of max(0, 1 + l); see `hinge_real`."""
    return tf.reduce_mean(tf.nn.relu(1.0 + logits))


def mean_of_fake(logits: Any, _: Any) -> Any:
    """Return the mean of l, which a critic lowers on fakes.

    References:
        Arjovsky et al. 2017, arXiv 1701.07875, equation 2. It estimates a distance only where
        the critic's slope is bounded, by a gradient penalty or spectral normalization rather than
        the paper's clipped weights.
    """
    return tf.reduce_mean(logits)


def minus_mean_of_real(logits: Any, _: Any) -> Any:
    """Return the mean of -l; see `mean_of_fake`."""
    return -tf.reduce_mean(logits)


def minus_mean(fake_logits: Any) -> Any:
    """Return the mean of -l, G's side of the hinge and of the Wasserstein loss."""
    return -tf.reduce_mean(fake_logits)


def relativistic_discriminator(real_logits: Any, fake_logits: Any, _: Targets) -> Any:
    """Return the mean of softplus(fake - real), each fake against the real image in its row.

    References:
        Huang et al. 2024, arXiv 2501.05441, equation 2 with f(t) = -softplus(-t);
        Jolicoeur-Martineau 2018, arXiv 1807.00734.
    """
    return tf.reduce_mean(tf.nn.softplus(fake_logits - real_logits))


def relativistic_generator(real_logits: Any, fake_logits: Any) -> Any:
    """Return the mean of softplus(real - fake), D's loss with the roles exchanged."""
    return tf.reduce_mean(tf.nn.softplus(real_logits - fake_logits))


LOSSES: dict[str, Loss] = {
    "non_saturating": sum_of_terms(
        binary_cross_entropy, binary_cross_entropy, non_saturating_generator
    ),
    "least_squares": sum_of_terms(
        half_squared_distance,
        half_squared_distance,
        lambda fake_logits: half_squared_distance(fake_logits, 1.0),
        boundary=0.5,
    ),
    "hinge": sum_of_terms(hinge_real, hinge_fake, minus_mean),
    "wasserstein": sum_of_terms(minus_mean_of_real, mean_of_fake, minus_mean, boundary=None),
    "relativistic": Loss(relativistic_discriminator, relativistic_generator, boundary=None),
}

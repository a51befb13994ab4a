"""Judge whether a training can still lead anywhere, by rules that good trainings never meet."""

import dataclasses
import math
from typing import NamedTuple

from harness.core.outcome import Reason
from harness.gan.trainer import Progress

EXPLODED_LOSS = 1e4
"""Mean losses beyond this have diverged, finite or not.

Every loss grows with the logits, least squares with their square, and logits beyond 100 leave
float32's sigmoid no gradient. Good trainings of the default space stay below 10. A critic under a
bound tells images apart by less than their distance, 56 at most for 28x28 pixels in [-1, 1]; where
its zero lies is free, but nothing pulls it far. The discriminator's loss includes its penalty.
"""

MIN_DIVERSITY = 0.05
"""Share of the reference's variance, in feature space, below which a generator has collapsed.

Fresh generators begin with about as much, and trainings that learn soon have several times more.
"""

WARM_UP_KIMG = 4.0
"""Rungs before this do not judge diversity: fresh generators begin with 0.03 to 0.08 of it."""

COLLAPSED_RUNGS = 2
"""So many rungs in a row without diversity end a training; some recover from one."""

WON_ACCURACY = 0.995
"""A discriminator that tells real from fake at least so often, both of them, is not fooled.

In trials that reached an FID below 3 neither 2 seconds on average saw more than 0.97 of both.
"""

WON_KIMG = 20.0
"""So long in a row the discriminator must not be fooled before it counts as having won.

Small dense networks were seen to come back from 3 kimg above 0.98, FID falling all the while.
"""

WON_LOSS = {"non_saturating": 4.0, "relativistic": 4.0, "least_squares": 0.48, "hinge": 2.0}
"""Generator losses that say so too, by name of the loss; others are not judged by this rule.

4 is a mean probability of 2 % of being taken for real, or for more real than the other of a pair;
so is 0.48, half the square of 1 - 0.02; 2 is twice the hinge's margin. A critic under a bound, as
Wasserstein's, may tell all apart and still teach.
"""


class Ending(NamedTuple):
    """Name why a training should end.

    Args:
        reason: The reason.
        detail: One sentence with the numbers behind it.
    """

    reason: Reason
    detail: str


@dataclasses.dataclass
class Health:
    """Remember what judging takes from one report to the next; part of the checkpoint.

    Args:
        loss: Name of the loss.
        unfooled_since_kimg: Where the discriminator was last fooled; None if it is now.
        collapsed_rungs: How many rungs in a row lacked diversity.
    """

    loss: str
    unfooled_since_kimg: float | None = None
    collapsed_rungs: int = 0

    def judge_progress(self, progress: Progress, *, kimg_before: float) -> Ending | None:
        """Return why a training should end after a report, or None.

        Args:
            progress: The report.
            kimg_before: Where the steps it speaks of began.
        """
        losses = (progress.generator_loss, progress.discriminator_loss)
        numbers = f"(generator {losses[0]:g}, discriminator {losses[1]:g})"
        if not (progress.finite and all(math.isfinite(loss) for loss in losses)):
            return Ending(
                Reason.DIVERGED, f"loss not finite at {progress.kimg:.2f} kimg {numbers}"
            )
        if max(abs(loss) for loss in losses) > EXPLODED_LOSS:
            return Ending(
                Reason.DIVERGED,
                f"loss beyond {EXPLODED_LOSS:g} at {progress.kimg:.2f} kimg {numbers}",
            )
        return self._judge_discriminator(progress, kimg_before)

    def judge_rung(self, diversity: float, *, kimg: float) -> Ending | None:
        """Return why a training should end after a rung, or None.

        Args:
            diversity: Variance of the images' features as a share of the reference's.
            kimg: The rung.
        """
        if kimg < WARM_UP_KIMG or diversity >= MIN_DIVERSITY:
            self.collapsed_rungs = 0
            return None
        self.collapsed_rungs += 1
        if self.collapsed_rungs < COLLAPSED_RUNGS:
            return None
        return Ending(
            Reason.COLLAPSED,
            f"{diversity:.1%} of the reference's diversity at {kimg:g} kimg, the "
            f"second rung in a row below {MIN_DIVERSITY:.0%}",
        )

    def _judge_discriminator(self, progress: Progress, kimg_before: float) -> Ending | None:
        accuracy = min(progress.accuracy_real, progress.accuracy_fake)
        high = progress.generator_loss >= WON_LOSS.get(self.loss, math.inf)
        if accuracy < WON_ACCURACY or not high:
            self.unfooled_since_kimg = None
            return None
        if self.unfooled_since_kimg is None:
            self.unfooled_since_kimg = kimg_before
        unfooled = progress.kimg - self.unfooled_since_kimg
        if unfooled < WON_KIMG:
            return None
        return Ending(
            Reason.DISCRIMINATOR_WON,
            f"the discriminator knew at least {WON_ACCURACY:.1%} of real and of fake images for "
            f"{unfooled:.1f} kimg; generator loss {progress.generator_loss:.2f} at "
            f"{progress.kimg:.2f} kimg",
        )

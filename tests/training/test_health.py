"""Judge reports by hand-made numbers: good trainings pass, lost ones end."""

import math
import re

import pytest

from harness.core.outcome import Reason
from harness.gan.config.rules import CRITIC_LOSSES
from harness.gan.trainer import Progress
from harness.gan.updates.losses import LOSSES
from harness.training.health import WON_LOSS, Health


def report(kimg: float, *, g: float = 1.0, d: float = 1.0, real: float = 0.8, fake: float = 0.8):
    finite = math.isfinite(g) and math.isfinite(d)
    return Progress(10, kimg, g, d, real, fake, finite)


@pytest.mark.parametrize(
    ("g", "d", "detail"),
    [
        (math.nan, 1.0, r"loss not finite at 3\.00 kimg \(generator nan, discriminator 1\)"),
        (1.0, -math.inf, r"loss not finite at 3\.00 kimg \(generator 1, discriminator -inf\)"),
        (1.0, 1.1e4, r"loss beyond 10000 at 3\.00 kimg \(generator 1, discriminator 11000\)"),
        (-1.1e4, 1.0, r"loss beyond 10000"),
    ],
)
def test_losses_without_end_diverge(g: float, d: float, detail: str):
    ending = Health("hinge").judge_progress(report(3.0, g=g, d=d), kimg_before=2.0)
    assert ending.reason is Reason.DIVERGED
    assert re.match(detail, ending.detail)


def test_large_losses_alone_are_no_divergence():
    assert Health("hinge").judge_progress(report(3.0, g=-9e3, d=9e3), kimg_before=2.0) is None


def judged(reports, loss: str = "non_saturating") -> list[Reason | None]:
    """Return what each report leads to; each begins where the one before ended."""
    health, before, found = Health(loss), 0.0, []
    for each in reports:
        ending = health.judge_progress(each, kimg_before=before)
        found.append(ending.reason if ending else None)
        before = each.kimg
    return found


def won(kimg: float, **changes: float):
    return report(kimg, **({"g": 5.0, "d": 0.01, "real": 0.999, "fake": 0.999} | changes))


def test_a_discriminator_wins_after_20_kimg_without_an_error():
    # Never fooled from 0 on: 10 and 19 kimg are too few, 20 are enough.
    assert judged([won(10), won(19), won(20)]) == [None, None, Reason.DISCRIMINATOR_WON]


@pytest.mark.parametrize("once", [{"real": 0.99}, {"fake": 0.99}, {"g": 3.9}])
def test_one_report_of_a_fooled_discriminator_begins_the_count_anew(once: dict[str, float]):
    # Fooled until 12: 30 is 18 kimg on, 32 is 20.
    reports = [won(10), won(12, **once), won(30), won(32)]
    assert judged(reports) == [None, None, None, Reason.DISCRIMINATOR_WON]


def test_ordinary_accuracies_never_end_a_training():
    assert set(judged(report(kimg, g=6.0, real=0.95, fake=0.97) for kimg in range(1, 200))) == {
        None
    }


@pytest.mark.parametrize(
    ("loss", "generator_loss"),
    [
        # Logits of fakes, or of fakes below their pair, at ln(0.02 / 0.98) = -3.89, where softplus
        # of 3.89 is 3.91; a little further out all of these hold.
        ("non_saturating", 4.0),
        ("relativistic", 4.0),
        ("least_squares", (1 - 0.02) ** 2 / 2),  # 0.4802
        ("hinge", 2.0),
    ],
)
def test_each_loss_has_its_own_sign_of_a_lost_game(loss: str, generator_loss: float):
    assert judged([won(25, g=generator_loss)], loss) == [Reason.DISCRIMINATOR_WON]
    assert judged([won(25, g=generator_loss * 0.99)], loss) == [None]


def test_every_loss_is_judged_but_those_of_critics():
    assert set(LOSSES) - set(WON_LOSS) == set(CRITIC_LOSSES)


def test_losses_without_a_fixed_zero_are_not_judged_by_accuracy():
    assert set(judged([won(10), won(50), won(90)], loss="wasserstein")) == {None}


def test_two_rungs_in_a_row_without_diversity_have_collapsed():
    health = Health("hinge")
    assert health.judge_rung(0.01, kimg=3.9) is None  # too young to be judged
    assert health.judge_rung(0.049, kimg=4.0) is None
    assert health.judge_rung(0.05, kimg=8.0) is None  # recovered: the count begins anew
    assert health.judge_rung(0.049, kimg=16.0) is None
    ending = health.judge_rung(0.02, kimg=32.0)
    assert ending.reason is Reason.COLLAPSED
    assert ending.detail.startswith("2.0% of the reference's diversity at 32 kimg")

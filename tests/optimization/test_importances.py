"""Ask which parameters decide, of trials whose answer is known."""

import numpy as np
import pytest

from harness.optimization.importances import FEWEST_TRIALS, estimate_importances
from harness.space.space import SearchSpace
from tests.reporting.studies import SPACE, config

SMALL = SearchSpace.from_dict(SPACE, source="small")


def trials(count: int) -> list[tuple[dict[str, object], float]]:
    """Return trials whose score depends on the learning rate alone."""
    rng = np.random.default_rng(0)
    found = []
    for rate in np.geomspace(1.1e-4, 9e-3, count):
        family, loss = rng.choice(["mlp", "dcgan"]), rng.choice(["hinge", "non_saturating"])
        made = config(str(family), float(rate), **{"loss.name": str(loss)})
        found.append((made.model_dump(mode="json"), float(rate)))
    return found


def test_the_one_parameter_that_decides_stands_first_and_alone_is_clear():
    found = estimate_importances(SMALL, trials(40))
    assert found[0].parameter == "generator.learning_rate"
    assert found[0].share > 0.7
    assert [each.parameter for each in found if each.is_clear] == ["generator.learning_rate"]
    assert sum(each.share for each in found) == pytest.approx(1)
    assert all(each.deviation >= 0 for each in found)


def test_the_same_seed_repeats():
    assert estimate_importances(SMALL, trials(12)) == estimate_importances(SMALL, trials(12))


def test_few_trials_tell_nothing():
    assert estimate_importances(SMALL, trials(FEWEST_TRIALS - 1)) == []


def test_trials_from_outside_the_space_are_passed_over():
    outside = (config(rate=0.5).model_dump(mode="json"), 1.0)
    assert estimate_importances(SMALL, [outside] * 20) == []

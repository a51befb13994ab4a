"""Halve the batch of trials that ran out of memory, once each."""

from pathlib import Path

import pytest

from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol
from harness.runner.open_study import Study
from harness.space.space import SearchSpace
from harness.study import optuna_trials
from tests.support.endings import GOOD, SPACE

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
FIXED = SPACE["parameters"] | {name: {"value": value} for name, value in GOOD.items()}
RATE = {"generator.learning_rate": {"low": 1.0e-4, "high": 1.0e-2, "log": True}}


@pytest.fixture
def open_study(tmp_path: Path):
    studies: list[Study] = []

    def open_it(batch_size: object) -> Study:
        parameters = FIXED | RATE | {"batch_size": batch_size}
        space = SearchSpace.from_dict(SPACE | {"parameters": parameters}, source="here")
        studies.append(Study(tmp_path, "s", space=space, seed=3, protocol=PROTOCOL))
        return studies[-1]

    yield open_it
    for study in studies:
        study.close()


@pytest.mark.parametrize(
    "batch_size", [{"choices": [16, 32]}, {"value": 32}, {"choices": [32, 64]}]
)
def test_the_retry_trains_the_same_with_half_the_batch(open_study, batch_size):
    study = open_study(batch_size)
    study.optuna.enqueue_trial({"batch_size": 32})
    trial, config = study.ask()
    assert config.batch_size == 32
    number = study.enqueue_retry(trial, config)
    assert number == 1
    assert study.enqueue_retry(trial, config) == 1  # a replay queues no other
    outcome = Outcome(Reason.OUT_OF_MEMORY, superseded_by="0001")
    optuna_trials.tell(study.optuna, trial, outcome)
    assert study.count_ended() == 0
    retry, smaller = study.ask()
    assert retry.number == 1
    expected = config.model_copy(update={"batch_size": 16, "seed": smaller.seed})
    assert smaller == expected
    assert smaller.seed != config.seed
    assert study.trial_folder(1).read_config() == smaller
    in_space = batch_size == {"choices": [16, 32]}
    assert (retry.user_attrs.get("overrides") is None) == in_space
    # Interrupted and taken up again it is the same.
    assert study.reopen(study.interrupted()[0])[1] == smaller
    # It is tried no second time.
    assert study.enqueue_retry(retry, smaller) is None
    optuna_trials.tell(study.optuna, retry, Outcome(Reason.OUT_OF_MEMORY))
    assert study.count_ended() == 1


def test_a_batch_of_three_is_too_small_to_halve(open_study):
    study = open_study({"value": 3})
    trial, config = study.ask()
    assert study.enqueue_retry(trial, config) is None

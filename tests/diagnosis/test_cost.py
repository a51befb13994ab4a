"""Predict what sweeps cost: arithmetic by hand, one calibration for real."""

import time
from pathlib import Path

import pytest

from harness.core.events import Answer
from harness.diagnosis.cost import (
    RUNNER_MEGABYTES,
    FamilyCost,
    PlannedSweep,
    calibrate,
    family_configs,
    peak_megabytes,
    predict,
    sweep_disk,
    sweep_memory,
    sweep_time,
    trials_at_rungs,
)
from harness.space.space import SearchSpace
from harness.training.context import prepare_context
from harness.training.job import TrainingJob, WorkerSetup
from harness.training.training_folder import TrainingFolder

DEFAULT = SearchSpace.load("default")
COSTS = (
    FamilyCost("mlp", 10.0, 0.1, 1_000_000, 2_000_000),
    FamilyCost("dcgan", 20.0, 1.0, 3_000_000, 4_000_000),
)


def test_successive_halving_lets_a_fifth_go_on_and_the_first_three_freely():
    # 3 + (50 - 3) / 5 = 12.4 and 3 + (12.4 - 3) / 5 = 4.88.
    assert trials_at_rungs(DEFAULT, 50) == pytest.approx([50, 12.4, 4.88])


def test_few_trials_all_go_on():
    assert trials_at_rungs(DEFAULT, 2) == [2, 2, 2]


def test_without_a_rule_all_are_expected_to_reach_the_end():
    record = DEFAULT.to_dict() | {"pruner": {"name": "none"}}
    assert trials_at_rungs(SearchSpace.from_dict(record, source="x"), 5) == [5, 5, 5]


def test_a_prediction_is_the_sum_of_starts_and_kimg():
    found = predict(COSTS, PlannedSweep(DEFAULT, 2, 2), worker_megabytes=1000)
    # Two trials to 125 kimg by two workers: mlp 10 + 12.5 s, dcgan 20 + 125 s.
    assert found.fewest_seconds == pytest.approx(22.5)
    assert found.most_seconds == pytest.approx(145)
    assert found.seconds == pytest.approx((22.5 + 145) / 2)
    assert found.megabytes == RUNNER_MEGABYTES + 2000
    # 2 x 2 MB of results, and 2 + 4 checkpoints of 3 MB.
    assert found.disk_bytes == pytest.approx(2 * 2e6 + 6 * 3e6)


def test_what_does_not_fit_is_said():
    prediction = predict(COSTS, PlannedSweep(DEFAULT, 50, 2), worker_megabytes=1000)
    assert sweep_memory(prediction, 2000.0).level == "warn"
    assert sweep_memory(prediction, 3000.0).level == "ok"
    assert sweep_memory(prediction, None).level == "ok"
    assert sweep_disk(prediction, 10.0).level == "fail"
    assert sweep_disk(prediction, 10_000.0).level == "ok"
    assert "50 trials of the default space with 2 workers" in sweep_time(prediction).message


def test_more_workers_than_cores_are_no_faster():
    slow, same = (
        predict(COSTS, PlannedSweep(DEFAULT, 8, n, 2), worker_megabytes=1.0) for n in (2, 8)
    )
    assert same.seconds == slow.seconds
    assert same.megabytes > slow.megabytes


def test_each_family_of_the_default_space_is_drawn_once():
    families = [config.family for config in family_configs(DEFAULT)]
    assert sorted(families) == ["dcgan", "mlp", "upsample"]
    assert family_configs(DEFAULT) == family_configs(DEFAULT)


@pytest.mark.slow
def test_a_calibration_trains_scores_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    space = SearchSpace.load("smoke")
    (cost,) = calibrate(space, prepare_context(WorkerSetup(num_images=1000)))
    assert cost.family == "dcgan"
    assert cost.seconds_per_kimg > 0
    assert cost.start_seconds > 0
    assert cost.disk_bytes > 10_000
    assert cost.checkpoint_bytes > 10_000
    assert list(tmp_path.glob("harness-calibration-*")) == []
    assert peak_megabytes() > 100


@pytest.mark.slow
def test_a_calibration_predicts_how_long_a_training_takes(tmp_path: Path):
    space = SearchSpace.load("smoke")
    runner = prepare_context(WorkerSetup(num_images=1000))
    (config,) = family_configs(space)
    (cost,) = calibrate(space, runner, kimg=2)
    job = TrainingJob(
        config=config, folder=TrainingFolder(tmp_path / "0000"), rungs_kimg=(20,), seed=0, name="t"
    )
    began = time.monotonic()
    runner.run(job, lambda event: Answer.GO_ON)
    taken = time.monotonic() - began
    predicted = cost.start_seconds + 20 * cost.seconds_per_kimg
    # Other processes may take the cores in one of the two: a factor, not a tolerance.
    assert predicted / 3 < taken < predicted * 3

"""Compare what a preview shows with what a study asks for."""

from pathlib import Path

import pytest

from harness.core.score import Protocol
from harness.optimization.samplers import first_configs
from harness.runner.open_study import Study
from harness.space.space import SearchSpace

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_a_new_study_asks_for_the_same_three(tmp_path: Path, sampler: str):
    record = SearchSpace.load("default").to_dict() | {"sampler": {"name": sampler}}
    space = SearchSpace.from_dict(record, source="test")
    study = Study(tmp_path, "s", space=space, seed=5, protocol=PROTOCOL)
    asked = [study.ask()[1] for _ in range(3)]
    study.close()
    assert first_configs(space, seed=5) == asked
    assert first_configs(space, seed=6) != asked


def test_what_is_queued_comes_first():
    space = SearchSpace.load("default")
    first, second, _ = first_configs(space, seed=0, queued=[{"generator.name": "dcgan"}])
    assert first.family == "dcgan"
    assert second == first_configs(space, seed=0)[1]

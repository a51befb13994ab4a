"""Sweep beside busy processes: what a study decides does not depend on the clock."""

from pathlib import Path

import pytest
import yaml

from benchmarks.busy_machine import busy_loops, sweep
from harness.space.space import SearchSpace


@pytest.mark.slow
def test_a_busy_machine_ends_with_the_same_trials_outcomes_and_ranking(tmp_path: Path):
    record = SearchSpace.load("smoke").to_dict()
    record["budget"]["max_relative_cost"] = 4.0
    space = tmp_path / "smoke.yaml"
    space.write_text(yaml.safe_dump(record, sort_keys=False))
    idle = sweep(str(space), 4, tmp_path / "idle")
    assert len(idle) == 4
    for count in (1, 4):
        with busy_loops(count):
            assert sweep(str(space), 4, tmp_path / f"beside-{count}") == idle

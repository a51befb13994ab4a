"""Add up what was spent and saved."""

import pytest

from harness.reporting.compute import add_up
from harness.reporting.report_data import ReportData


def test_pruning_saves_what_a_trial_had_left_at_its_own_speed(data: ReportData):
    compute = data.compute
    # Complete: 32 kimg at 1 and at 2 seconds. Pruned: 8 at 3. Failed: 1 at 1. Running: 8 at 1.
    assert compute.spent == {"complete": 96.0, "pruned": 24.0, "failed": 1.0, "running": 8.0}
    assert compute.total == 129.0
    # 0002 was cut at 8 of 32 kimg: 24 left at 3 seconds each. Failures save nothing.
    assert compute.saved == 72.0
    assert compute.saved_kimg == 24.0
    assert compute.saved_share == pytest.approx(72 / 201)
    assert compute.spent_kimg == 32 + 32 + 8 + 1 + 8


def test_baselines_are_no_part_of_the_search(data: ReportData):
    assert add_up(data.baselines, 32).total == 0

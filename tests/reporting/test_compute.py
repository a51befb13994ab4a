"""Add up what was spent and saved."""

from pathlib import Path

import pytest

from harness.core.outcome import Reason
from harness.reporting.compute import add_up
from harness.reporting.report_data import ReportData, read_report
from tests.reporting.studies import Clock, add_training, confirmation, make_study


def test_what_was_spent_is_told_by_state(data: ReportData):
    compute = data.compute
    # Complete: 32 kimg at 1 and at 2 seconds. Pruned: 8 at 3. Failed: 1 at 1. Running: 8 at 1.
    assert compute.spent == {"complete": 96.0, "pruned": 24.0, "failed": 1.0, "running": 8.0}
    assert compute.total == compute.spent_training == 129.0
    # 0002 was cut at 8 of 32 kimg: 24 left at 3 seconds each. Failures save nothing.
    assert (compute.saved, compute.saved_kimg) == (72.0, 24.0)
    assert compute.saved_share == pytest.approx(72 / 201)
    assert compute.spent_kimg == 32 + 32 + 8 + 1 + 8


def test_pruning_does_not_save_what_costs_once(tmp_path: Path):
    folder = make_study(tmp_path / "s")
    clock = Clock(per_kimg=0.5, compiling=100, per_score=4)
    add_training(folder / "trials" / "0000", [5.0, 2.0], Reason.FINISHED, final=2.2, clock=clock)
    add_training(folder / "trials" / "0001", [9.0], Reason.OUTRANKED, clock=clock)
    compute = read_report(folder).compute
    # 0000 compiles twice, trains 32 kimg and is scored three times; 0001 8 kimg and once.
    assert compute.spent == {"complete": 200 + 16 + 12, "pruned": 200 + 4 + 4}
    assert compute.spent_training == pytest.approx(100 + 16 + 100 + 4)
    # 24 kimg and two scores, of the last rung and the end, that 0000 tells the cost of. By all
    # of its time a kimg, 26 s, the cut would seem to have saved 624 s.
    assert compute.saved == pytest.approx(24 * 0.5 + 2 * 4)


def test_what_nobody_can_tell_is_not_claimed(tmp_path: Path):
    folder = make_study(tmp_path / "s")
    add_training(folder / "trials" / "0000", [9.0], Reason.OUTRANKED, clock=Clock(per_score=4))
    assert read_report(folder).compute.saved == 24  # kimg at 1 s, and scores of unknown cost


def test_baselines_and_new_seeds_are_no_part_of_the_search(data: ReportData):
    compute = add_up(data.baselines, (8, 32), confirmation())
    assert (compute.total, compute.spent_kimg, compute.saved) == (0, 0, 0)
    assert compute.baselines == 32
    assert compute.confirmation == 5 * 32  # three seeds and two

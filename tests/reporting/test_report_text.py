"""Write a report for the terminal."""

from pathlib import Path

from harness.reporting.report_data import ReportData, read_report
from harness.reporting.report_text import report_text
from tests.reporting.studies import make_study


def test_text_tells_winner_board_cost_and_endings(data: ReportData):
    text = report_text(data)
    assert text.startswith("Study small: 5 trials: 2 complete, 1 pruned, 1 failed, 1 running\n")
    assert "Winner: trial 0001, dcgan, final 1.100 ±0.100" in text
    assert "   3  baseline-mlp_cgan        mlp           32    7.100 ±0.100     7.000" in text
    assert "   -  0004" in text
    assert "The search took 2 min, added over workers, of which training 2 min; pruning " in text
    assert "pruning saved about 72 s more (36%); baselines 32 s\n" in text
    assert "  diverged              1  0003" in text


def test_a_narrow_terminal_gets_a_list_of_trials(data: ReportData):
    text = report_text(data, width=40)
    best = "rank: 1\ntrial: 0001\nfamily: dcgan\nkimg: 32\nfinal: 1.100 ±0.100\nbest rung: 1.000\n"
    assert f"\n\n{best}outcome: finished\n\nrank: 2\n" in text
    assert "best rung  outcome" not in text


def test_text_tells_of_a_confirmation(confirmed: ReportData):
    assert "Confirmed winner: trial 0000, 1.500 ±0.500 on the test split; " in report_text(
        confirmed
    )


def test_a_study_without_a_winner_says_so(tmp_path: Path):
    assert "No trial has a sound generator yet." in report_text(
        read_report(make_study(tmp_path / "s"))
    )

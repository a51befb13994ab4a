"""Show a sweep as plain lines where output is piped, and live at a terminal."""

import io
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from harness.cli.display import (
    SweepDisplay,
    TrainingDisplay,
    count_outcomes,
    format_config,
    leaderboard_table,
)
from harness.core.durations import format_seconds
from harness.core.events import Finished, Progressed, RungScored, Started
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.gan.config.config import GANConfig
from harness.study.leaderboard import Entry
from harness.training.training_folder import TrainingFolder

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
CONFIG = GANConfig()


def score(value: float) -> Score:
    return Score(value, 1.024, 0, PROTOCOL)


def rung(kimg: float, value: float, best: float) -> RungScored:
    return RungScored(kimg, 0, score(value), score(best), "grids/x.png", 1.0)


def progress(kimg: float) -> Progressed:
    return Progressed(kimg, 0.75, 1.25, 0.5, 0.25, 3210.4, 2.0)


def finished(reason: Reason = Reason.FINISHED) -> Finished:
    final = score(21.5) if reason is Reason.FINISHED else None
    return Finished(Outcome(reason, "", 2.048, 3.0, score(20.0), final))


def entry(name: str, reason: Reason, value: float | None) -> Entry:
    final = score(value) if value is not None and reason is Reason.FINISHED else None
    best = score(value) if value is not None else None
    outcome = Outcome(reason, "", 2.048, 61.7, best, final)
    return Entry(name, TrainingFolder(Path(name)), CONFIG, outcome)


def printed(thing: object, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(thing)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_piped_sweep_is_plain_lines():
    out = io.StringIO()
    with SweepDisplay(Console(file=out, soft_wrap=True), trials=3, kimg=2.0) as display:
        display.opened(1)
        for event in (Started(0.0, 1, 2), progress(1.024), rung(1.0, 30.0, 30.0), finished()):
            display.hear("0001", CONFIG, event)
    first, second = out.getvalue().splitlines()
    assert " ".join(first.split()) == (
        "trial 0001 dcgan 1 kimg 3,210 images/s fid_fashion_cnn@1000 30.000"
    )
    assert second.startswith(
        "trial 0001 dcgan         2 kimg  complete (finished)  final   21.500"
    )
    # One trial took no time yet and one is left.
    assert second.endswith("[2/3 ended, about 0 s left]")
    assert "\x1b" not in out.getvalue()


def test_baselines_do_not_count_as_trials():
    out = io.StringIO()
    with SweepDisplay(Console(file=out, soft_wrap=True), trials=2, kimg=2.0) as display:
        display.opened(0)
        display.hear("baseline-mlp_cgan", CONFIG, finished())
        display.hear("0000", CONFIG, finished(Reason.DIVERGED))
    baseline, trial = out.getvalue().splitlines()
    assert baseline.endswith("[0/2 ended]")
    assert "failed (diverged)  best    20.000" in trial
    assert "[1/2 ended" in trial


def test_a_terminal_shows_what_is_running():
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, height=30)
    with SweepDisplay(console, trials=2, kimg=2.0) as display:
        display.opened(0)
        display.hear("0000", CONFIG, progress(1.5))
        display.hear("0000", CONFIG, rung(1.0, 33.0, 30.0))
        display._live.refresh()
    text = out.getvalue()
    assert "trial 1 of 2" in text
    assert "best so far 30.000 (trial 0000)" in text
    assert "33.000" in text


def test_a_folder_with_brackets_is_printed_as_it_is():
    out = io.StringIO()
    with SweepDisplay(Console(file=out, soft_wrap=True), trials=1, kimg=2.0) as display:
        display.hear("[red]0000", CONFIG, rung(1.0, 33.0, 30.0))
    assert "trial [red]0000" in out.getvalue()


def test_one_training_says_where_it_goes_and_what_it_scores():
    out = io.StringIO()
    display = TrainingDisplay(Console(file=out, soft_wrap=True), kimg=4.0)
    for event in (Started(1.0, 1234567, 20), progress(2.0), progress(2.5), rung(3.0, 33.25, 30.0)):
        display.hear(event)
    lines = out.getvalue().splitlines()
    assert lines[0].rstrip() == (
        "from 1 to 4 kimg; generator 1,234,567 parameters, discriminator 20"
    )
    # 2,000 images are left at 3,210.4 a second.
    assert lines[1].split("  ")[-1] == "about 1 s left"
    assert "D 1.2500  G 0.7500  real 50%  fake 25%" in lines[1]
    # The second report follows within ten seconds, so it is left out.
    assert lines[2].strip() == "3 kimg  fid_fashion_cnn@1000 33.250"
    assert len(lines) == 3


def test_the_table_names_its_metric_and_ranks_from_one():
    ranked = [
        entry("0002", Reason.FINISHED, 10.0),
        entry("0000", Reason.OUTRANKED, 20.0),
        entry("0001", Reason.CRASHED, None),
    ]
    lines = printed(leaderboard_table(ranked)).splitlines()
    title = f"fid_fashion_cnn@1000 (lower is better), protocol {PROTOCOL.fingerprint}"
    assert lines[0].rstrip() == title
    rows = [line.split() for line in lines[4:7]]
    assert rows == [
        ["1", "0002", "dcgan", "2", "10.000", "10.000", "finished", "62"],
        ["2", "0000", "dcgan", "2", "-", "20.000", "outranked", "62"],
        ["3", "0001", "dcgan", "2", "-", "-", "crashed", "62"],
    ]


def test_the_table_shows_the_first_rows_and_every_baseline():
    ranked = [entry(f"{i:04d}", Reason.FINISHED, float(i)) for i in range(5)]
    ranked.append(entry("baseline-mlp_cgan", Reason.FINISHED, 99.0))
    text = printed(leaderboard_table(ranked, rows=2))
    assert "0001" in text
    assert "0002" not in text
    assert "baseline-mlp_cgan" in text
    assert "6  baseline" in text  # its rank among all, not among the rows shown


def test_an_empty_study_has_an_empty_table():
    assert "no score yet" in printed(leaderboard_table([]))


def test_outcomes_are_counted_by_state_and_reason():
    entries = [
        entry("0000", Reason.FINISHED, 1.0),
        entry("0001", Reason.OUTRANKED, 2.0),
        entry("0002", Reason.OUTRANKED, 3.0),
        entry("0003", Reason.OVER_BUDGET, None),
        entry("0004", Reason.DIVERGED, None),
        entry("baseline-mlp_cgan", Reason.FINISHED, 4.0),
    ]
    assert count_outcomes(entries) == (
        "5 trials: 1 complete, 3 pruned (outranked 2, over_budget 1), 1 failed (diverged 1)"
    )
    assert count_outcomes([]) == "0 trials: none ended"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (89.4, "89 s"),
        (90.0, "2 min"),  # 1.5 minutes, to the nearest even
        (150.0, "2 min"),
        (5399.0, "90 min"),
        (5400.0, "1 h 30 min"),
        (7500.0, "2 h 05 min"),
        (90_000.0, "25 h 00 min"),
    ],
)
def test_durations_are_short(seconds: float, text: str):
    assert format_seconds(seconds) == text


def test_a_configuration_is_printed_as_yaml_that_loads():
    assert GANConfig.model_validate(yaml.safe_load(format_config(CONFIG))) == CONFIG

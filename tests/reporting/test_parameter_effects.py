"""Compare trials over what was searched."""

import dataclasses

from harness.reporting.parameter_effects import find_effects
from harness.reporting.report_data import ReportData
from harness.space.space import SearchSpace
from tests.reporting.studies import SPACE

SMALL = SearchSpace.from_dict(SPACE, source="small")


def test_trials_are_compared_at_the_last_rung_that_half_of_them_reached(data: ReportData):
    # Scored at 8 kimg: 0000, 0001, 0002 and 0004; at 32 kimg: two of these four.
    assert (data.effects.kimg, data.effects.compared) == (32.0, 2)
    twice = [*data.trials, *(trial for trial in data.trials if trial.name == "0002")]
    effects = find_effects(SMALL, twice)  # two of five
    assert (effects.kimg, effects.compared) == (8.0, 5)


def test_a_slice_holds_a_point_for_each_trial(data: ReportData):
    slices = {each.parameter: each for each in data.effects.slices}
    assert set(slices) == set(data.searched)
    rate = slices["generator.learning_rate"]
    assert rate.is_log
    assert rate.values is None
    assert [(p.trial, p.x, p.value) for p in rate.points] == [
        ("0001", 2e-3, 1.0),
        ("0000", 1e-3, 2.0),
    ]
    assert slices["batch_size"].values == (16, 32)
    assert not slices["batch_size"].is_log


def test_too_few_trials_have_no_importances(data: ReportData):
    assert data.effects.importances == ()


def test_what_decides_stands_first_among_the_slices(data: ReportData):
    trial = data.trials[0]
    trials = [
        dataclasses.replace(
            trial,
            name=f"{number:04d}",
            config=dict(trial.config) | {"batch_size": batch_size},
            rungs=(dataclasses.replace(trial.rungs[0], value=value),),
        )
        for number in range(20)
        for batch_size, value in [(16, 1.0 + number) if number < 5 else (32, 50.0 + number)]
    ]
    effects = find_effects(SMALL, trials)
    assert effects.importances[0].parameter == "batch_size"
    assert effects.importances[0].is_clear
    assert effects.slices[0].parameter == "batch_size"

import optuna
import pytest

from harness.optimization.pruners import PRUNERS, pruner_for
from harness.space.settings import (
    PRUNER_SETTINGS,
    HyperbandSettings,
    MedianSettings,
    NoPrunerSettings,
    PatientSettings,
    PercentileSettings,
    SuccessiveHalvingSettings,
    reduction_factor,
)
from harness.study.optuna_trials import report, should_stop
from harness.study.trial_storage import TrialStorage, journal_file

RUNGS = (16, 64, 256)


def study_with(settings, rungs=RUNGS, name="s"):
    return optuna.create_study(study_name=name, pruner=pruner_for(settings, rungs))


def run(study, values, rungs=RUNGS):
    """Report best-so-far values rung by rung; return the rung where the trial was stopped."""
    trial = study.ask()
    for kimg, value in zip(rungs, values, strict=False):
        report(trial, kimg, value)
        if trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return kimg
    study.tell(trial, values[-1])
    return None


def test_every_setting_has_a_pruner():
    assert PRUNERS.keys() == PRUNER_SETTINGS.keys()


def test_rung_judges_only_once_enough_trials_have_reached_it():
    study = study_with(SuccessiveHalvingSettings(min_trials=4))

    # Three arrivals cannot be judged, whatever their rank.
    assert [run(study, [value]) for value in (10, 20, 30)] == [None, None, None]
    # Of 4 values 4 // 4 = 1 goes on, the best.
    assert run(study, [40]) == 16
    assert run(study, [5]) is None
    # 5, 10, 15, 20, 30, 40: of 6 values 6 // 4 = 1 goes on.
    assert run(study, [15]) == 16
    assert run(study, [50]) == 16
    # 5, 8, 10, ...: of 8 values 8 // 4 = 2 go on.
    assert run(study, [8]) is None


def test_without_the_wrapper_the_second_trial_is_judged_by_the_first():
    plain = optuna.pruners.SuccessiveHalvingPruner(min_resource=16, reduction_factor=4)

    assert [run(optuna.create_study(pruner=plain), [10]), None] == [None, None]
    study = optuna.create_study(pruner=plain)
    assert [run(study, [value]) for value in (10, 20)] == [None, 16]


def test_trials_let_through_unjudged_count_as_rivals_at_every_rung():
    study = study_with(SuccessiveHalvingSettings(min_trials=3))
    run(study, [10, 9, 8])
    run(study, [20, 19, 18])

    stored = [trial.system_attrs for trial in study.trials]
    assert [attrs["completed_rung_0"] for attrs in stored] == [10, 20]
    assert [attrs["completed_rung_1"] for attrs in stored] == [9, 19]
    # Best of three at 16, worst of three at 64: it meets the unjudged ones there.
    assert run(study, [5, 50]) == 64


@pytest.mark.parametrize("name", PRUNERS)
def test_last_rung_never_stops_a_trial(name):
    study = study_with(PRUNER_SETTINGS[name]())
    for value in range(1, 8):
        run(study, [value] * 3)

    # The worst of all, sent straight to the last rung.
    assert run(study, [99], rungs=(256,)) is None


def test_plain_pruners_would_stop_it_there():
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner())
    for value in range(1, 8):
        run(study, [value] * 3)

    assert run(study, [99], rungs=(256,)) == 256


def journaled(folder):
    """Return the storage of a study in a folder, and the study."""
    storage = TrialStorage(folder, writes=True)
    pruner = pruner_for(SuccessiveHalvingSettings(min_trials=2), RUNGS)
    return storage, storage.open_study("s", pruner)


def test_killed_at_any_byte_of_the_answer_the_same_question_gets_the_same_answer(tmp_path):
    storage, study = journaled(tmp_path)
    for value in (1, 2, 3):
        run(study, [value])
    trial = study.ask()
    file = journal_file(tmp_path)
    before = file.stat().st_size
    assert should_stop(trial, 16, 9.0)
    asked = study.get_trials()
    assert should_stop(trial, 16, 9.0)
    assert study.get_trials() == asked
    storage.close()
    whole = file.read_bytes()
    for end in range(before, len(whole) + 1):
        file.write_bytes(whole[:end])
        # The trial comes back to the rung in another process.
        storage, later = journaled(tmp_path)
        assert should_stop(storage.open_trial(later, trial.number), 16, 9.0)
        assert later.get_trials()[-1].system_attrs == asked[-1].system_attrs
        storage.close()


def test_plain_successive_halving_changes_its_mind():
    study = optuna.create_study(
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=16, reduction_factor=4)
    )
    run(study, [1])
    trial = study.ask()
    trial.report(9.0, 16)

    assert [trial.should_prune(), trial.should_prune()] == [True, False]


def test_trial_without_a_report_goes_on():
    study = study_with(SuccessiveHalvingSettings(min_trials=1))

    assert not study.ask().should_prune()


@pytest.mark.parametrize(
    ("rungs", "given", "expected"),
    [
        ((16, 64, 256), None, 4),
        ((16, 64, 256), 4, 4),
        ((1, 2), None, 2),
        ((10, 30, 90), None, 3),
        ((16,), None, 4),
    ],
)
def test_reduction_factor_follows_from_the_rungs(rungs, given, expected):
    settings = SuccessiveHalvingSettings(reduction_factor=given)

    assert reduction_factor(settings, rungs) == expected


@pytest.mark.parametrize(
    ("rungs", "given", "expected"),
    [((16, 64, 250), None, "16, 64, 256"), ((16, 20), None, "16, 32"), ((1, 2), 3, "1, 3")],
)
def test_other_rungs_are_refused(rungs, given, expected):
    settings = SuccessiveHalvingSettings(reduction_factor=given)

    with pytest.raises(ValueError, match=rf"Use rungs_kimg: \[{expected}\]"):
        reduction_factor(settings, rungs)


def test_hyperband_judges_brackets_at_different_rungs():
    study = study_with(HyperbandSettings(min_trials=2))
    for value in (1, 2):
        run(study, [value] * 3)

    stopped = {run(study, [100 + i] * 3) for i in range(30)}

    # Brackets begin to judge at 16 and at 64; the third judges at 256 only, where nothing stops.
    assert stopped == {16, 64, None}


def test_median_of_the_completed_trials_decides():
    study = study_with(MedianSettings())
    for value in (1, 2, 3, 4, 5):
        run(study, [value] * 3)

    # The median of 1..5 is 3.
    assert run(study, [3.5]) == 16
    assert run(study, [2.5]) is None


def test_median_waits_for_the_warm_up():
    study = study_with(MedianSettings(n_startup_trials=1, n_warmup_kimg=64))
    run(study, [1, 1, 1])

    assert run(study, [9, 9, 9]) == 64


def test_percentile_of_the_completed_trials_decides():
    study = study_with(PercentileSettings(percentile=25.0))
    for value in (1, 2, 3, 4, 5):
        run(study, [value] * 3)

    # The 25th percentile of 1..5 is 2.
    assert run(study, [2.5]) == 16
    assert run(study, [1.5]) is None


@pytest.mark.parametrize(
    ("options", "values", "stopped"),
    [
        ({}, [10, 10, 5], 64),
        ({}, [10, 9, 8], None),
        ({"patience": 1}, [10, 10, 5], None),
        ({"min_delta": 2.0}, [10, 9, 5], 64),  # an improvement of 1 does not count
    ],
)
def test_patience_stops_what_no_longer_improves(options, values, stopped):
    assert run(study_with(PatientSettings(**options)), values) == stopped


def test_patience_longer_than_one_rung():
    study = study_with(PatientSettings(patience=1), rungs=(1, 2, 3, 4))

    assert run(study, [10, 10, 10, 5], rungs=(1, 2, 3, 4)) == 3


def test_patience_asks_the_wrapped_pruner():
    study = study_with(PatientSettings(wrapped=MedianSettings(n_startup_trials=1)))
    run(study, [5, 4, 3])

    assert run(study, [4, 4, 3]) is None  # stands still, but is no worse than the median
    assert run(study, [6, 6, 6]) == 64


def test_none_stops_nothing():
    study = study_with(NoPrunerSettings())

    assert [run(study, [value] * 3) for value in (1, 2, 99)] == [None, None, None]

import optuna
import pytest

from harness.optimization.study_plots import compared_rung, draw_plots

COMPLETE, PRUNED = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED
RATE = optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)
WIDTH = optuna.distributions.CategoricalDistribution([16, 24])


def trial(number: int, rungs: dict[int, float], *, wide: bool) -> optuna.trial.FrozenTrial:
    """Return a trial; only the wide ones have the parameter `width`."""
    params = {"rate": 1e-3 + 1e-4 * number} | ({"width": 16} if wide else {})
    distributions = {"rate": RATE} | ({"width": WIDTH} if wide else {})
    complete = 32 in rungs
    return optuna.trial.create_trial(
        state=COMPLETE if complete else PRUNED,
        value=rungs[32] if complete else None,
        params=params,
        distributions=distributions,
        intermediate_values=rungs,
    )


@pytest.fixture(scope="module")
def trials() -> list[optuna.trial.FrozenTrial]:
    """Return twelve trials that reached 2 kimg, of which six reached 8 and two the end."""
    found = []
    for number in range(12):
        rungs = {2: 10.0 + number}
        if number < 6:
            rungs[8] = 5.0 + number
        if number < 2:
            rungs[32] = 1.0 + number
        found.append(trial(number, rungs, wide=number % 2 == 0))
    return found


def test_the_compared_rung_is_the_last_that_half_reached(trials):
    # Reached: 2 kimg by 12, 8 kimg by 6 of 12, 32 kimg by 2 of 12.
    reached = [trial.intermediate_values for trial in trials]
    assert compared_rung(reached) == 8
    assert compared_rung(reached[:3]) == 32  # two of three
    assert compared_rung([]) is None


def test_each_plot_has_the_trials_that_it_can_show(trials):
    figures = draw_plots(trials, name="s", metric="fid")
    # Six trials reached 8 kimg: too few to tell which parameters matter.
    assert list(figures) == ["history", "intermediate_values", "parallel_coordinate"]
    assert list(figures["history"].data[0].y) == [1.0, 2.0]
    curves = figures["intermediate_values"].data
    assert len(curves) == 12
    assert [list(curve.y) for curve in curves[1:3]] == [[11.0, 6.0, 2.0], [12.0, 7.0]]
    layout = figures["intermediate_values"].layout  # curves never rise: it must say why
    assert layout.title.text == "Best fid until each rung, not that of the rung itself"
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("kimg", "best fid so far")
    lines = figures["parallel_coordinate"]
    assert lines.layout.xaxis.ticktext == ("fid at 8 kimg", "rate")  # all of them have a rate
    heights = [line.y[0] for line in lines.data if line.x == (0, 1)]
    # From the best, 5, to the worst, 10, of those that reached 8 kimg.
    assert heights == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def test_ten_compared_trials_tell_which_parameters_matter(trials):
    early = [trial(n, {2: 10.0 + n}, wide=True) for n in range(12)]
    figure = draw_plots(early, name="s", metric="fid")["importances"]
    # The score rises with the rate, and the width never varies.
    assert list(figure.data[0].y)[-1] == "rate"


def test_a_study_without_scores_has_no_plots():
    failed = optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL)
    assert draw_plots([failed], name="s", metric="fid") == {}

"""Draw what Optuna has to say of a study, as Plotly figures."""

import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import optuna

from harness.optimization.importances import FEWEST_TRIALS, TOP_SHARE
from harness.study.trial_storage import copy_of


def draw_plots(
    trials: Sequence[optuna.trial.FrozenTrial], *, name: str, metric: str
) -> dict[str, Any]:
    """Return Optuna's plots of a study by name; those that lack trials are left out.

    Optuna draws parameters over complete trials, and pruning leaves few of these. Where it
    compares parameters, trials are therefore taken at the last rung that at least half of those
    with a score reached, with their best score until then.

    Args:
        trials: All trials of the study, by number.
        name: Name of the study.
        metric: What its scores are called; lower is better.

    Returns:
        Figures under `history`, `intermediate_values`, `parallel_coordinate` and `importances`.
    """
    study = copy_of(trials, name=name, metric=metric)
    figures: dict[str, Any] = {}
    if any(trial.state is optuna.trial.TrialState.COMPLETE for trial in trials):
        history = optuna.visualization.plot_optimization_history
        figures["history"] = _draw(history, study, target_name=metric)
    if any(trial.intermediate_values for trial in trials):
        curves = _draw(optuna.visualization.plot_intermediate_values, study)
        curves.update_layout(
            title=f"Best {metric} until each rung, not that of the rung itself",
            xaxis_title="kimg",
            yaxis_title=f"best {metric} so far",
        )
        figures["intermediate_values"] = curves
    kimg = compared_rung(trial.intermediate_values for trial in trials)
    if kimg is not None:
        figures |= _parameters(trials, kimg, name=name, metric=f"{metric} at {kimg} kimg")
    return figures


def compared_rung(reached: Iterable[Collection[int]]) -> int | None:
    """Return the last rung that at least half of the scored trials reached, if any.

    Args:
        reached: The rungs of each trial.
    """
    scored = [rungs for rungs in reached if rungs]
    counts = Counter(rung for rungs in scored for rung in rungs)
    return max((rung for rung, n in counts.items() if 2 * n >= len(scored)), default=None)


def _parameters(
    trials: Sequence[optuna.trial.FrozenTrial], kimg: int, *, name: str, metric: str
) -> dict[str, Any]:
    compared = [
        optuna.trial.create_trial(
            params=trial.params,
            distributions=trial.distributions,
            value=trial.intermediate_values[kimg],
        )
        for trial in trials
        if kimg in trial.intermediate_values
    ]
    study = copy_of(compared, name=name, metric=metric)
    # A line of parallel coordinates needs every parameter, and families have their own.
    shared = sorted(set.intersection(*(set(trial.params) for trial in compared)))
    figures: dict[str, Any] = {}
    if shared:
        figures["parallel_coordinate"] = _draw(
            optuna.visualization.plot_parallel_coordinate,
            study,
            params=shared,
            target_name=metric,
        )
    if len(compared) >= FEWEST_TRIALS:
        figures["importances"] = _draw(
            optuna.visualization.plot_param_importances,
            study,
            evaluator=optuna.importance.PedAnovaImportanceEvaluator(target_quantile=TOP_SHARE),
            target_name=metric,
        )
    return figures


def _draw(plot: Callable[..., Any], study: optuna.Study, **options: Any) -> Any:
    with warnings.catch_warnings():
        # A rare branch of a conditional parameter may hold a single trial.
        warnings.filterwarnings("ignore", message="Some regimes for parameter")
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return plot(study, **options)

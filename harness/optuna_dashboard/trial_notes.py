"""Write what Optuna's dashboard notes beside a study and its trials, in Markdown."""

from collections.abc import Mapping
from typing import Any

from harness.core.outcome import Outcome
from harness.core.score import Protocol
from harness.core.templates import template_environment
from harness.study.leaderboard import Entry
from harness.study.record import StudyRecord


def study_note(
    record: StudyRecord, *, winner: Entry | None, confirmed: str | None = None, wandb_line: str
) -> str:
    """Return how to read a study's page.

    Args:
        record: What the study says of itself.
        winner: The trial with the best kept generator; None before there is one.
        confirmed: Name of the trial that training the leaders again stands behind; None without.
        wandb_line: Where its W&B run is.
    """
    return _render(
        "study.md.j2",
        record=record,
        protocol=Protocol(**record.protocol),
        winner=winner,
        confirmed=confirmed,
        wandb_line=wandb_line,
    )


def trial_note(
    name: str,
    outcome: Outcome | None,
    *,
    paused_kimg: float | None = None,
    rungs: Mapping[int, float],
    metric: str,
    wandb_line: str,
) -> str:
    """Return how a trial went.

    Args:
        name: Its number with four digits.
        outcome: How it ended; None while it has not.
        paused_kimg: The rung at which it waits to be promoted; None where it does not.
        rungs: Its best scores until each rung it passed, by kimg.
        metric: What its scores are called.
        wandb_line: Where its W&B run is.
    """
    return _render(
        "trial.md.j2",
        name=name,
        title=title_of(outcome, paused_kimg),
        outcome=outcome,
        rungs=rungs,
        metric=metric,
        wandb_line=wandb_line,
    ).rstrip()


def _render(template: str, **values: Any) -> str:
    return template_environment(__file__).get_template(template).render(values)


def title_of(outcome: Outcome | None, paused_kimg: float | None = None) -> str:
    """Return how a trial ended in a few words, e.g. `pruned (outranked)`; or that it has not."""
    if outcome is None:
        return "not ended" if paused_kimg is None else f"paused at {paused_kimg:g} kimg"
    return f"{outcome.state.value} ({outcome.reason.value})"

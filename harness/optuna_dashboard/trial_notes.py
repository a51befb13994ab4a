"""Write what Optuna's dashboard notes beside a study and its trials, in Markdown."""

from collections.abc import Mapping

from harness.core.durations import format_kimg, format_seconds
from harness.core.outcome import Outcome, State
from harness.core.score import Protocol
from harness.study.record import StudyRecord


def study_note(
    record: StudyRecord, *, winner: str | None, confirmed: str | None = None, wandb_line: str
) -> str:
    """Return how to read a study's page.

    Args:
        record: What the study says of itself.
        winner: Name of the completed trial with the lowest final score; None before there is one.
        confirmed: Name of the trial that training the leaders again stands behind; None without.
        wandb_line: Where its W&B run is.
    """
    protocol = Protocol(**record.protocol)
    return f"""## Study {record.name}

Best: {_best(winner, confirmed)}

- A trial's **value** is its best `{protocol.name}` at any rung; lower is better. Its note has the
  *final* score, measured once more with other noise: that is the one to quote.
- **Intermediate values** are the best scores until each rung, not those of the rung itself: a
  curve never rises. They lie over kimg, thousands of real images that the discriminator has seen.
- **Pruned** trials were outranked at a rung, or ended by themselves (diverged, collapsed, ...);
  notes and the attribute `outcome` say which. **Fail** means that a trial crashed.
- The **artifacts** of a trial are its sample grids, one a rung, each with a row a class.
- Presets trained beside the search are not Optuna's trials; `gansweep report` shows them too.

Data set `{record.dataset}`, seed {record.seed}, protocol `{protocol.fingerprint}`.

{wandb_line}

*This page shows a copy, made anew every few seconds. Nothing done here reaches the study.*
"""


def _best(winner: str | None, confirmed: str | None) -> str:
    if confirmed is not None:
        other = f"; the lowest final score of the search is trial {winner}'s"
        return (
            f"**trial {confirmed}**, confirmed: trained again with new seeds, it was the best on "
            f"the test split{other if winner not in (None, confirmed) else ''}."
        )
    if winner is None:
        return "**no trial yet**: none has completed."
    return f"**trial {winner}**, by its final score in the search; it is not confirmed."


def trial_note(
    name: str,
    outcome: Outcome | None,
    *,
    rungs: Mapping[int, float],
    metric: str,
    wandb_line: str,
) -> str:
    """Return how a trial went.

    Args:
        name: Its number with four digits.
        outcome: How it ended; None while it has not.
        rungs: Its best scores until each rung it passed, by kimg.
        metric: What its scores are called.
        wandb_line: Where its W&B run is.
    """
    lines = [f"### Trial {name}: {title_of(outcome)}", ""]
    if outcome is None:
        passed = f"at {max(rungs)} kimg, {metric} {rungs[max(rungs)]:.3f}" if rungs else "no rung"
        lines.append(f"- last rung passed: {passed}")
    else:
        if outcome.final is not None:
            lines.append(f"- final {metric}: **{outcome.final.text}**")
        if outcome.best is not None:
            kimg = format_kimg(outcome.best.kimg)
            lines.append(f"- best rung: {outcome.best.text} at {kimg} kimg")
        took = format_seconds(outcome.duration_seconds)
        lines.append(f"- trained to {format_kimg(outcome.kimg)} kimg in {took}")
        if outcome.detail and outcome.state is not State.COMPLETE:
            lines.append(f"- why it ended: `{outcome.detail.replace('`', ' ')}`")
        if outcome.superseded_by is not None:
            lines.append(f"- trial {outcome.superseded_by} counts in its place")
    return "\n".join([*lines, "", wandb_line])


def title_of(outcome: Outcome | None) -> str:
    """Return how a trial ended in a few words, e.g. `pruned (outranked)`; or that it has not."""
    if outcome is None:
        return "not ended"
    return f"{outcome.state.value} ({outcome.reason.value})"

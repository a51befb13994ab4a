"""Show a sweep at the terminal: live where there is one, plain lines where output is piped."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.cli.sweep_progress import ProgressRow, SweepProgress
from harness.cli.terminal import FittingTable
from harness.core.durations import format_kimg, format_seconds
from harness.core.events import Event, Finished, Progressed, RungScored, Started
from harness.core.option_values import TrackerName
from harness.core.outcome import State
from harness.core.yaml_file import dump_yaml
from harness.gan.config.config import GANConfig
from harness.study.leaderboard import Entry, disagreements
from harness.tracking.identity import TrackerOptions

if TYPE_CHECKING:
    from harness.confirmation.result import CandidateResult, Confirmation
    from harness.metrics.measures import Measurement

_ROWS = 10
_LINES_AROUND = 4
"""Lines of the live display beside those of the trainings."""

_DIRECTIONS = {"lower": "↓", "higher": "↑"}


class SweepDisplay:
    """The display of a sweep: a line a rung and an end, and a live table at a terminal.

    Args:
        console: Where to write.
        trials: How many trials the study shall have.
        kimg: The last rung.
        remains: Says what remains of a sweep that has so much time; None for one that has trials.
    """

    def __init__(
        self,
        console: Console,
        *,
        trials: int,
        kimg: float,
        remains: Callable[[], str] | None = None,
    ) -> None:
        self._console = console
        self._kimg = kimg
        self._progress = SweepProgress(trials, remains=remains)
        # Drawn four times a second, however often events come.
        self._live = Live(
            get_renderable=self._render, console=console, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def opened(self, ended: int) -> None:
        """Take in how many trials have ended before this sweep."""
        self._progress.opened(ended)

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Take in one event."""
        row = self._progress.hear(name, config, event)
        if isinstance(event, RungScored):
            self._console.out(
                f"trial {row.name} {row.family:8} {event.kimg:6g} kimg "
                f"{row.images_per_second:7,.0f} images/s  "
                f"{event.score.protocol.name} {event.score.value:8.3f}",
                highlight=False,
            )
        if isinstance(event, Finished):
            outcome = event.outcome
            score = outcome.final or outcome.best
            value = f"{score.value:8.3f}" if score else "       -"
            self._console.out(
                f"trial {row.name} {row.family:8} {format_kimg(outcome.kimg):>6} kimg  "
                f"{outcome.state.value} ({outcome.reason.value})  "
                f"{'final' if outcome.final else 'best '} {value}  "
                f"[{self._progress.count}{self._progress.time_left}]",
                highlight=False,
            )

    def _render(self) -> Group:
        columns = ("trial", "family", "kimg", "", "images/s", "last FID", "best FID")
        table = FittingTable(columns, left=("family", ""), box=None, padding=(0, 2))
        running = list(self._progress.running.values())  # it is drawn from another thread
        shown = running[: max(1, self._console.height - _LINES_AROUND)]
        for row in shown:
            table.add_row(*_cells(row, self._kimg))
        head, rest = Text(self._progress.head), len(running) - len(shown)
        return Group(head, table, Text(f"  and {rest} more")) if rest else Group(head, table)


def _cells(row: ProgressRow, kimg: float) -> tuple[str | ProgressBar, ...]:
    bar = ProgressBar(total=kimg, completed=min(row.kimg, kimg), width=24)
    rate = f"{row.images_per_second:,.0f}"
    return row.name, row.family, f"{row.kimg:.1f}", bar, rate, row.last, row.best


def print_wandb_hint(
    console: Console, folder: Path, tracker: TrackerName, options: TrackerOptions
) -> None:
    """Print how to see the runs in W&B, whose folder is in `folder`, where it is the tracker."""
    if tracker == "wandb":
        from harness.tracking.wandb_mode import wandb_mode

        console.print(wandb_mode(folder, options.wandb_mode).hint)


def leaderboard_table(ranked: list[Entry], *, rows: int = _ROWS) -> Table:
    """Return the first rows of a ranking, best first, baselines always among them."""
    scored = [entry.score for entry in ranked if entry.score]
    title = "no score yet"
    if scored:
        protocol = scored[0].protocol
        title = f"{protocol.name} (lower is better), protocol {protocol.fingerprint}"
    columns = ("rank", "trial", "family", "kimg", "final", "best rung", "outcome", "seconds")
    left = ("trial", "family", "outcome")
    table = FittingTable(columns, left=left, title=title, caption_justify="left")
    torn = disagreements(
        {e.name: e.outcome.final for e in ranked if e.outcome.final and not e.is_baseline}
    )
    shown = [entry.name for entry in ranked[:rows]]
    most = max((score.protocol.num_images for score in scored), default=0)
    fewer = {
        entry.name: entry.outcome.best.protocol.num_images
        for entry in ranked
        if entry.outcome.best and entry.outcome.best.protocol.num_images < most
    }
    notes = [f"* {torn[name]}" for name in shown if name in torn]
    few = next((fewer[name] for name in shown if name in fewer), None)
    notes += [f"~ a score of {few} images, at the first rung"] if few else []
    notes += [f"{entry.name}: {text}" for entry in ranked[:1] for text in entry.outcome.warnings]
    table.caption = Text("\n".join(notes)) if notes else None
    for place, entry in enumerate(ranked, start=1):
        if place > rows and entry.is_trial:
            continue
        outcome = entry.outcome
        table.add_row(
            str(place),
            entry.name,
            entry.config.family,
            format_kimg(outcome.kimg),
            f"{outcome.final.text}{'*' * (entry.name in torn)}" if outcome.final else "-",
            f"{'~' * (entry.name in fewer)}{outcome.best.value:.3f}" if outcome.best else "-",
            outcome.reason.value,
            f"{outcome.duration_seconds:.0f}",
        )
    return table


def measurement_table(measured: "list[Measurement]") -> Table:
    """Return measurements of the same images, at least one, under what they were measured by."""
    protocol = measured[0].protocol
    title = (
        f"{protocol.extractor}@{protocol.num_images} against {protocol.reference} "
        f"(resize: {protocol.resize}; labels: {protocol.labels})"
    )
    columns = ("measure", "value", "95 % interval", "protocol")
    left = ("measure", "95 % interval", "protocol")
    table = FittingTable(columns, left=left, wraps="measure", title=title)
    for one in measured:
        interval, note = one.quantity.interval, one.quantity.note
        direction = _DIRECTIONS.get(one.quantity.better, f"→ {one.quantity.better}")
        other = one.protocol.extractor != protocol.extractor
        member = f" by {one.protocol.extractor}" if other else ""
        table.add_row(
            f"{one.protocol.metric} {direction}{f' ({note})' if note else ''}{member}",
            f"{one.value:.4f}",
            f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else "-",
            one.protocol.fingerprint,
        )
    return table


def confirmation_table(result: "Confirmation") -> Table:
    """Return the candidates, best first, with what search and confirmation found for each."""
    protocol = result.protocol
    columns = ("trial", "family", "seeds", "search", "again", "luck", "is best", "test mean")
    title = (
        f"{protocol.name} on {protocol.reference} (lower is better, ± 95 %), protocol "
        f"{protocol.fingerprint}"
    )
    table = FittingTable(columns, left=("trial", "family"), title=title)
    for each in result.candidates:
        table.add_row(
            each.trial,
            each.family,
            _seeds(each),
            f"{each.search.value:.3f}",
            "-" if each.validation_mean is None else f"{each.validation_mean:.3f}",
            "-" if each.luck is None else f"{each.luck:+.3f}",
            "-" if each.probability_best is None else f"{each.probability_best:.1%}",
            each.text,
        )
    return table


def _seeds(candidate: "CandidateResult") -> str:
    count = str(len(candidate.seeds))
    if candidate.failed:
        return f"{count}, {candidate.failed} failed"
    return f"{count}, out" if candidate.out_after is not None else count


def count_outcomes(entries: list[Entry]) -> str:
    """Return e.g. `50 trials: 6 complete, 43 pruned (outranked 41, over_budget 2), 1 failed`."""
    ended = (entry.outcome for entry in entries if entry.is_trial)
    trials = [outcome for outcome in ended if outcome.superseded_by is None]
    parts = []
    for state in State:
        reasons = Counter(o.reason.value for o in trials if o.state is state)
        if reasons:
            listed = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
            detail = f" ({listed})" if state is not State.COMPLETE else ""
            parts.append(f"{reasons.total()} {state.value}{detail}")
    return f"{len(trials)} trials: {', '.join(parts) or 'none ended'}"


def format_config(config: GANConfig) -> str:
    """Return a configuration as YAML."""
    return dump_yaml(config.model_dump(mode="json")).rstrip()


class TrainingDisplay:
    """The display of one training: a line a score, and a line every few seconds.

    Args:
        console: Where to write.
        kimg: Where the training ends.
    """

    _LINE_SECONDS = 10.0

    def __init__(self, console: Console, *, kimg: float) -> None:
        self._kimg = kimg
        self._print = console.print
        self._last_line = 0.0

    def hear(self, event: Event) -> None:
        """Take in one event."""
        now = time.monotonic()
        if isinstance(event, Started):
            self._print(
                f"from {event.kimg:g} to {self._kimg:g} kimg; generator "
                f"{event.generator_parameters:,} parameters, discriminator "
                f"{event.discriminator_parameters:,}"
            )
        elif isinstance(event, RungScored):
            self._print(f"{event.kimg:8g} kimg  {event.score.protocol.name} {event.score.text}")
        elif isinstance(event, Progressed) and now - self._last_line > self._LINE_SECONDS:
            self._last_line = now
            left = (self._kimg - event.kimg) * 1000 / max(event.images_per_second, 1e-9)
            self._print(
                f"{event.kimg:8.2f} kimg  D {event.discriminator_loss:.4f}  "
                f"G {event.generator_loss:.4f}  real {event.accuracy_real:.0%}  "
                f"fake {event.accuracy_fake:.0%}  {event.images_per_second:,.0f} images/s  "
                f"about {format_seconds(left)} left"
            )

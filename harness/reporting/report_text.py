"""Write a report as plain text for the terminal."""

from harness.confirmation.confirmation_text import confirmation_lines
from harness.core.durations import format_kimg, format_seconds
from harness.reporting.compute import Compute
from harness.reporting.report_data import ReportData
from harness.reporting.trials import TrialData

_ROWS = 10


def report_text(data: ReportData) -> str:
    """Return the report without its pictures, some eighty columns wide."""
    parts = [_head(data), _board(data), _parameters(data), _compute(data), _endings(data)]
    commands = "\n".join(f"  {command}" for command in data.lineage.commands)
    parts.append(f"Again\n{commands}")
    return "\n\n".join(part for part in parts if part)


def counts_text(data: ReportData) -> str:
    """Return e.g. `50 trials: 5 complete, 45 pruned`."""
    counts = {state: count for state, count in data.counts.items() if count}
    listed = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{sum(counts.values())} trials{': ' if counts else ''}{listed}"


def beside_text(compute: Compute) -> list[str]:
    """Return what was trained beside the search and what it took, e.g. `baselines 8 min`."""
    parts = {"baselines": compute.baselines, "training again": compute.confirmation}
    return [f"{name} {format_seconds(seconds)}" for name, seconds in parts.items() if seconds]


def _head(data: ReportData) -> str:
    lines = [f"Study {data.record.name}: {counts_text(data)}"]
    if data.running:
        lines[0] += "; a sweep is running"
    protocol = data.protocol
    lines.append(f"{protocol.name} against {protocol.reference} ({protocol.fingerprint})")
    best = data.best
    if best is None or best.final is None:
        return "\n".join([*lines, "No trial has completed yet."])
    lines.append(f"Winner: {best.title}, {best.family}, final {best.final.text}")
    if data.confirmation:
        lines += confirmation_lines(data.confirmation)
    if data.exported:
        lines.append(
            f"On the test split, the exported file of {data.exported.training}: "
            f"{data.exported.test.text}"
        )
    config = best.config
    lines += [f"  {field} {config[field]}" for field in data.searched if field in config]
    return "\n".join(lines)


def _board(data: ReportData) -> str:
    head = f"{'rank':>4}  {'trial':<24} {'family':<9} {'kimg':>6} {'final':>15} {'best rung':>9}"
    rows = [
        trial
        for trial in data.trials
        if trial.rank <= _ROWS or trial.is_baseline or trial.outcome is None
    ]
    return "\n".join([f"{head}  outcome", *map(_row, rows)])


def _row(trial: TrialData) -> str:
    best = f"{trial.best_value:.3f}" if trial.best_value is not None else "-"
    final = trial.final.text if trial.final else "-"
    return (
        f"{trial.rank or '-':>4}  {trial.name:<24} {trial.family:<9} {format_kimg(trial.kimg):>6} "
        f"{final:>15} {best:>9}  {trial.reason}"
    )


def _parameters(data: ReportData) -> str:
    if data.effects is None or not data.effects.importances:
        return ""
    lines = [
        f"Parameters, by the score of {data.effects.compared} trials at "
        f"{data.effects.kimg:g} kimg (* clearer than chance)"
    ]
    lines += [
        f"  {each.share:4.0%} ±{each.deviation:3.0%} {'*' if each.is_clear else ' '} "
        f"{each.parameter}"
        for each in data.effects.importances[:_ROWS]
    ]
    return "\n".join(lines)


def _compute(data: ReportData) -> str:
    compute = data.compute
    return (
        f"The search took {format_seconds(compute.total)}, added over workers, of which training "
        f"{format_seconds(compute.spent_training)}; pruning saved about "
        f"{format_seconds(compute.saved)} more ({compute.saved_share:.0%})"
        + "".join(f"; {text}" for text in beside_text(compute))
    )


def _endings(data: ReportData) -> str:
    return "\n".join(
        f"  {reason:<18} {len(trials):>4}  {', '.join(trial.name for trial in trials[:8])}"
        + (", ..." if len(trials) > 8 else "")
        for reason, trials in data.reasons.items()
    )

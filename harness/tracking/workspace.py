"""Save a view of a study in W&B: its curves, samples, parameters and counts side by side."""

from collections.abc import Sequence
from typing import Any

import wandb

from harness.core.errors import ConfigError, StorageError, first_line
from harness.tracking.identity import TrackerOptions
from harness.tracking.wandb_mode import wandb_mode
from harness.tracking.wandb_run import PROJECT
from harness.tracking.wandb_study import StudySnapshot

_COLUMNS = 4
"""Grids side by side."""


def save_workspace(
    snapshot: StudySnapshot, options: TrackerOptions, *, metric: str, searched: Sequence[str]
) -> str:
    """Save a view of a study's runs on W&B's server; return its address.

    Args:
        snapshot: The study as it stands.
        options: W&B's project, entity and mode.
        metric: Name of the FID that rungs are scored by.
        searched: The parameters that trials differ in, dotted.

    Raises:
        ConfigError: If W&B is not online.
        StorageError: If the server does not take the view.
    """
    mode = wandb_mode(snapshot.identity.wandb_root, options.wandb_mode)
    if mode.mode != "online":
        raise ConfigError(
            f"wandb-workspace: a view lies on W&B's server; received mode {mode.mode}. {mode.hint}"
        )
    try:
        settings = wandb.setup().settings
        entity = options.entity or settings.entity or wandb.Api().default_entity
        project = options.project or settings.project or PROJECT
        return _save(snapshot, f"{entity}/{project}", metric=metric, searched=searched)
    except Exception as error:  # W&B raises whatever its service and its server run into
        raise StorageError(
            f"wandb-workspace: W&B did not take the view ({type(error).__name__}: "
            f"{first_line(error)}). Give the same command again."
        ) from error


def _save(snapshot: StudySnapshot, place: str, *, metric: str, searched: Sequence[str]) -> str:
    # An extra, and slow to import.
    import wandb_workspaces.reports.v2 as panels
    import wandb_workspaces.workspaces as workspaces

    entity, _, project = place.partition("/")
    study = snapshot.identity.study
    best = f"best_{metric}"
    columns = [
        panels.ParallelCoordinatesPlotColumn(metric=metric_of(name), display_name=name)
        for metric_of, name in [
            *((panels.Config, name) for name in searched),
            (panels.SummaryMetric, best),
        ]
    ]
    # Of the runs of a group, the study's alone has these.
    counts = [
        panels.SummaryMetric(f"{kind}.{name}")
        for kind in ("trials", "reasons")
        for name in snapshot.summary[kind]
    ]
    drawn: dict[str, Any] = {
        "FID against kimg": panels.LinePlot(title=metric, x="kimg", y=[metric, best]),
        "Grids by kimg": panels.MediaBrowser(media_keys=["grid"], num_columns=_COLUMNS),
        "Parameters": panels.ParallelCoordinatesPlot(title="Parameters", columns=columns),
        "Outcomes": panels.BarPlot(title="Trials by outcome and reason", metrics=counts),
    }
    workspace = workspaces.Workspace(
        entity=entity,
        project=project,
        name=f"{study}: FID, grids, parameters, outcomes",
        sections=[
            workspaces.Section(name=name, panels=[panel], is_open=True)
            for name, panel in drawn.items()
        ],
        runset_settings=workspaces.RunsetSettings(filters=[workspaces.Metric("Group") == study]),
    )
    workspace.save()
    return str(workspace.url)

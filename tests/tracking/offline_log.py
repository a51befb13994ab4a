"""Read what W&B wrote to disk, with W&B's own reader: one object a run, however often resumed."""

import dataclasses
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.util import get_core_path

from harness.tracking.wandb_log import find_runs


@dataclasses.dataclass
class OfflineRun:
    """One run the way the server would after `wandb sync`.

    Args:
        id: The run's id.
        name: Its display name.
        group: Its group: the study.
        job_type: `trial`, `baseline` or `train`.
        project: Its project.
        entity: Its entity; empty where none was given.
        config: The configuration, nested.
        tags: Its tags.
        segments: The `.wandb` files, oldest first.
        rows: The history, one dictionary a step, `_step` included.
        summary: The summary, nested.
        exit_codes: One a segment, None where the process was killed.
        metrics: How metrics were defined, by name, or by pattern.
        artifacts: The records of artifacts, in the order they were logged.
    """

    id: str
    name: str = ""
    group: str = ""
    job_type: str = ""
    project: str = ""
    entity: str = ""
    host: str = ""
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    segments: list[Path] = dataclasses.field(default_factory=list)
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    summary: dict[str, Any] = dataclasses.field(default_factory=dict)
    exit_codes: list[int | None] = dataclasses.field(default_factory=list)
    metrics: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    artifacts: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def column(self, key: str) -> list[Any]:
        """Return the values of one metric, rows without it left out."""
        return [row[key] for row in self.rows if key in row]

    def images(self, key: str = "grid") -> list[Path]:
        """Return the files behind a column of images, in the order they were logged."""
        relative = [image["path"] for image in self.column(key)]
        folders = [segment.parent / "files" for segment in self.segments]
        return [
            folder / path for path in relative for folder in folders if (folder / path).exists()
        ]


def read_offline_runs(wandb_dir: Path) -> list[OfflineRun]:
    """Return the runs in W&B's folder (the one named `wandb`), sorted by id."""
    ids = {path.stem.removeprefix("run-") for path in wandb_dir.glob("*run-*/run-*.wandb")}
    return [_read_run(wandb_dir, run_id) for run_id in sorted(ids)]


def read_trainings(wandb_dir: Path) -> list[OfflineRun]:
    """Return the runs that are a training's, without the one that shows the study."""
    return [run for run in read_offline_runs(wandb_dir) if run.job_type != "study"]


def read_records(segment: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of one `.wandb` file; a file cut short yields what is whole."""
    # What `wandb leet inspect --json` runs, without a second Python around it.
    command = [get_core_path(), "leet", "inspect", "--no-observability", "--json"]
    command += ["--run-file", str(segment), str(segment.parent.parent)]
    result = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=True)
    yield from map(json.loads, result.stdout.splitlines())


def _read_run(wandb_dir: Path, run_id: str) -> OfflineRun:
    folders = find_runs(wandb_dir, run_id)
    run = OfflineRun(run_id, segments=[folder / f"run-{run_id}.wandb" for folder in folders])
    for segment in run.segments:
        run.exit_codes.append(None)
        for record in read_records(segment):
            _take(run, record)
    return run


def _take(run: OfflineRun, record: dict[str, Any]) -> None:
    match record["type"]:
        case "run":
            _take_header(run, record["run"])
        case "history":
            run.rows.append(_nest(record["history"]["item"]))
        case "summary":
            _merge(run.summary, _nest(record["summary"].get("update", {})))
        case "metric":
            metric = record["metric"]
            run.metrics[metric.get("name") or metric["glob_name"]] = metric
        case "artifact":
            run.artifacts.append(record["artifact"])
        case "exit":
            run.exit_codes[-1] = record["exit"].get("exit_code", 0)


def _take_header(run: OfflineRun, header: dict[str, Any]) -> None:
    run.name = header["display_name"]
    run.group = header.get("run_group", "")
    run.job_type = header.get("job_type", "")
    run.project = header["project"]
    run.entity = header.get("entity", "")
    run.host = header.get("host", "")
    run.tags = tuple(header.get("tags", ()))
    config = dict(header.get("config", {}).get("update", {}))
    config.pop("_wandb", None)
    run.config = config


def _nest(flat: dict[str, Any]) -> dict[str, Any]:
    """Turn `grid.path` back into `grid` and `path`."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *outer, last = key.split(".")
        target = nested
        for part in outer:
            target = target.setdefault(part, {})
        target[last] = value
    return nested


def _merge(target: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value

"""Options that several commands share, so that they read and mean the same everywhere."""

import dataclasses
import functools
import inspect
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.core.errors import ConfigError
from harness.core.option_values import Engine, FileRoute, Fit, RequestedMode, TrackerName

if TYPE_CHECKING:
    from harness.tracking.identity import TrackerOptions

# An option in one of the panels of a command's help.
study_option = functools.partial(typer.Option, rich_help_panel="Study")
training_option = functools.partial(typer.Option, rich_help_panel="Training")
data_option = functools.partial(typer.Option, rich_help_panel="Data")
worker_option = functools.partial(typer.Option, rich_help_panel="Workers")
tracking_option = functools.partial(typer.Option, rich_help_panel="Tracking")
question_option = functools.partial(typer.Option, rich_help_panel="Questions")
output_option = functools.partial(typer.Option, rich_help_panel="Output")

STUDIES_DIR = Path("studies")
"""Where studies lie by default."""

DATASET_HELP = (
    "fashion_mnist, mnist, cifar10, or images of your own: folder:PATH, npz:FILE, idx:PATH or "
    "csv:FILE; a relative path begins at the current folder."
)


def finite(value: float | None) -> float | None:
    """Return an option's number; refuse `inf` and `nan`, which Python reads as numbers too."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no finite number.")
    return value


def studies_folder(place: str | Path) -> Path:
    """Return the folder of all studies; refuse what only looks like a path, such as a URL."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:[/:]", str(place)):
        raise typer.BadParameter(
            f"expected a local or mounted folder; received the URL {place}. Give a folder and "
            f"copy the study there when it has ended; for a folder of that name write ./{place}."
        )
    return Path(place)


def takes_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take options in groups: a parameter whose type is a dataclass.

    Its fields are the options, in the place of the parameter.
    """
    signature = inspect.signature(command)
    groups: dict[str, Any] = {}
    flat = []
    for parameter in signature.parameters.values():
        if not dataclasses.is_dataclass(parameter.annotation):
            flat.append(parameter)
            continue
        groups[parameter.name] = parameter.annotation
        flat += [
            parameter.replace(name=field.name, annotation=field.type, default=field.default)
            for field in dataclasses.fields(parameter.annotation)
        ]

    @functools.wraps(command)
    def call(**values: Any) -> None:
        for name, group in groups.items():
            names = [field.name for field in dataclasses.fields(group)]
            values[name] = group(**{each: values.pop(each) for each in names})
        command(**values)

    call.__signature__ = signature.replace(parameters=flat)  # type: ignore[attr-defined]
    call.__annotations__ = {}
    return call


Study = Annotated[str, study_option(help="Name of the study.")]
StudiesDir = Annotated[
    Path,
    study_option(
        parser=studies_folder, metavar="PATH", help="Folder of all studies, local or mounted."
    ),
]
CheckpointSeconds = Annotated[
    float,
    training_option(
        min=0, callback=finite, help="Save a training at least so often, beside every rung."
    ),
]
DataDir = Annotated[
    Path | None, data_option(envvar="HARNESS_DATA_DIR", help="Where to look for the data first.")
]
MovedData = Annotated[
    str | None,
    data_option(
        "--dataset",
        help="Where the study's images lie now, if they have moved: folder:PATH, npz:FILE, "
        "idx:PATH or csv:FILE.",
        show_default=False,
    ),
]
Weights = Annotated[
    Path | None, data_option(help="Weights of an extractor that does not bring its own.")
]
Histograms = Annotated[
    bool, tracking_option("--histograms", help="Describe weights and gradient norms at rungs.")
]
AsJson = Annotated[bool, output_option("--json", help="Print the result as JSON.")]
AsJsonWithProgress = Annotated[
    bool, output_option("--json", help="Print the result as JSON, progress on stderr.")
]
Port = Annotated[
    int, output_option(min=0, max=65535, help="Port on this machine; 0 for any free one.")
]
NoBrowser = Annotated[
    bool, output_option("--no-browser", help="Print the address, and open nothing.")
]
Debug = Annotated[bool, output_option("--debug", help="Show tracebacks.")]


@dataclasses.dataclass(frozen=True)
class DataFlags:
    """The options that say which images of a data set are used, and how."""

    classes: Annotated[
        str | None,
        data_option(help="Classes to keep, by number or name, e.g. 0,3,7.", show_default=False),
    ] = None
    split: Annotated[
        str | None,
        data_option(
            help="Shares of training, validation and test images, e.g. 80,10,10; two shares leave "
            "the test images as they are.",
            show_default=False,
        ),
    ] = None
    image_size: Annotated[
        int | None,
        data_option(help="Pixels a side that images are resized to, e.g. 32.", show_default=False),
    ] = None
    fit: Annotated[
        Fit | None,
        data_option(help="How other shapes become squares; by default crop.", show_default=False),
    ] = None
    channels: Annotated[
        int | None,
        data_option(help="1 for gray, 3 for RGB; by default what they are.", show_default=False),
    ] = None

    def of(self, dataset: str) -> str:
        """Return a data set's text with these options, and with whole paths.

        Raises:
            ConfigError: If one of them makes no sense.
        """
        from harness.data.request import DatasetRequest

        given = dataclasses.asdict(self)
        given["size"] = given.pop("image_size")
        options = {key: str(value) for key, value in given.items() if value is not None}
        return str(DatasetRequest.parse(dataset).located().changed(options))


@dataclasses.dataclass(frozen=True)
class WorkerFlags:
    """The options that say where trainings run, and how many at once."""

    workers: Annotated[
        str,
        worker_option(
            help="Trainings at once: a number, or auto for one a GPU or core, or as many as a "
            "cluster has room for."
        ),
    ] = "auto"
    engine: Annotated[
        Engine, worker_option(help="Where workers run: on this machine, or on a Ray cluster.")
    ] = "local"
    address: Annotated[
        str | None,
        worker_option(
            help="The Ray cluster: HOST:PORT, ray://HOST:PORT from outside of it, or auto for the "
            "one this machine belongs to.",
            show_default="auto",
        ),
    ] = None
    cpus_per_worker: Annotated[
        float | None,
        worker_option(
            callback=finite,
            help="Cores Ray sets aside for each worker, e.g. 2 or 0.5.",
            show_default="1",
        ),
    ] = None
    gpus_per_worker: Annotated[
        float | None,
        worker_option(
            callback=finite,
            help="GPUs Ray sets aside for each worker, e.g. 1 or 0.25; never tried on hardware.",
            show_default="0",
        ),
    ] = None
    files: Annotated[
        FileRoute | None,
        worker_option(
            help="How files of workers on Ray reach the study: shared, in a folder that all nodes "
            "see; travel, through the runner; or auto, whichever works.",
            show_default="auto",
        ),
    ] = None

    def settings(self, *, at_most: int | None = None) -> dict[str, Any]:
        """Return fields of `SweepOptions` and `ConfirmOptions`.

        Args:
            at_most: Trainings there are; None where that is not known yet.

        Raises:
            HarnessError: If an option makes no sense, or Ray is asked for and not installed.
        """
        from harness.backends.cluster import Cluster
        from harness.backends.factory import find_devices

        given = {
            name: value for name, value in dataclasses.asdict(self).items() if value is not None
        }
        workers, engine = given.pop("workers"), given.pop("engine")
        if engine == "local" and given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise ConfigError(f"{names}: only for a cluster. Add --engine ray, or leave it out.")
        cluster = Cluster(**given) if engine == "ray" else None
        devices = find_devices(workers, cluster)
        return {
            "workers": devices.workers if at_most is None else devices.at_most(at_most),
            "threads": devices.threads,
            "gpus": devices.gpus,
            "cluster": cluster,
        }


@dataclasses.dataclass(frozen=True)
class WandbFlags:
    """The options that say where W&B keeps what it gets."""

    wandb_project: Annotated[
        str | None,
        tracking_option(help="W&B project; by default gan-sweep-harness.", show_default=False),
    ] = None
    wandb_entity: Annotated[
        str | None,
        tracking_option(help="W&B account or team; by default yours.", show_default=False),
    ] = None
    wandb_mode: Annotated[
        RequestedMode,
        tracking_option(
            metavar="MODE",
            help="auto, online, offline or disabled; auto: online with credentials and a network.",
        ),
    ] = "auto"

    def options(self, **extent: bool) -> "TrackerOptions":
        """Return where W&B's records go, and how much is recorded.

        Args:
            **extent: Other fields of `TrackerOptions`.
        """
        from harness.tracking.identity import TrackerOptions

        return TrackerOptions(
            project=self.wandb_project,
            entity=self.wandb_entity,
            wandb_mode=self.wandb_mode,
            **extent,
        )


@dataclasses.dataclass(frozen=True)
class TrackingFlags(WandbFlags):
    """The options that say what records trainings, and where to."""

    tracker: Annotated[
        TrackerName,
        tracking_option(
            help="What records trainings: W&B and history.jsonl, the latter alone, or nothing."
        ),
    ] = "wandb"
    no_images: Annotated[
        bool, tracking_option("--no-images", help="Keep image grids out of W&B.")
    ] = False

    def options(self, **extent: bool) -> "TrackerOptions":
        """Return how much is recorded, and where to."""
        return super().options(images=not self.no_images, **extent)

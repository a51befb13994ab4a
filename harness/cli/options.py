"""Options that several commands share, so that they read and mean the same everywhere."""

import math
import re
from pathlib import Path
from typing import Annotated

import typer

STUDIES_DIR = Path("studies")
"""Where studies lie unless told otherwise."""


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


DATASET_HELP = (
    "fashion_mnist, mnist, cifar10, or images of your own: folder:PATH, npz:FILE, idx:PATH or "
    "csv:FILE; a relative path begins at the current folder."
)

# What commands say of a data set beside its name; `with_options` reads them.
Classes = Annotated[
    str | None,
    typer.Option(help="Classes to keep, by number or name, e.g. 0,3,7.", show_default=False),
]
Split = Annotated[
    str | None,
    typer.Option(
        help="Shares of training, validation and test images, e.g. 80,10,10; two shares leave the "
        "test images as they are.",
        show_default=False,
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(help="Pixels a side that images are resized to, e.g. 32.", show_default=False),
]
Fit = Annotated[
    str | None,
    typer.Option(
        help="How other shapes become squares: crop, the default, or stretch.", show_default=False
    ),
]
Channels = Annotated[
    int | None,
    typer.Option(help="1 for grey, 3 for RGB; by default what they are.", show_default=False),
]
DataDir = Annotated[
    Path | None,
    typer.Option(envvar="HARNESS_DATA_DIR", help="Where to look for the data first."),
]

Study = Annotated[str, typer.Option(help="Name of the study.")]
StudiesDir = Annotated[
    Path,
    typer.Option(
        parser=studies_folder, metavar="PATH", help="Folder of all studies, local or mounted."
    ),
]
Weights = Annotated[
    Path | None, typer.Option(help="Weights of an extractor that does not bring its own.")
]
Tracker = Annotated[str, typer.Option(help="wandb, jsonl or none.")]
NoImages = Annotated[bool, typer.Option("--no-images", help="Keep image grids out of W&B.")]
WandbProject = Annotated[
    str | None,
    typer.Option(help="W&B project; by default gan-sweep-harness.", show_default=False),
]
WandbEntity = Annotated[
    str | None, typer.Option(help="W&B account or team; by default yours.", show_default=False)
]
WandbMode = Annotated[str, typer.Option(help="auto, online, offline or disabled.")]
Histograms = Annotated[
    bool,
    typer.Option("--histograms", help="Describe weights and gradient norms at rungs."),
]
Workers = Annotated[
    str,
    typer.Option(
        help="Trainings at once: a number, or auto for one a GPU or core, or as many as a cluster "
        "has room for."
    ),
]
Engine = Annotated[
    str, typer.Option(help="Where workers run: local, on this machine, or ray, on a cluster.")
]
Address = Annotated[
    str | None,
    typer.Option(
        help="The Ray cluster: HOST:PORT, ray://HOST:PORT from outside of it, or auto for the "
        "one this machine belongs to.",
        show_default="auto",
    ),
]
CpusPerWorker = Annotated[
    float | None,
    typer.Option(
        callback=finite,
        help="Cores Ray sets aside for each worker, e.g. 2 or 0.5.",
        show_default="1",
    ),
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option(
        callback=finite,
        help="GPUs Ray sets aside for each worker, e.g. 1 or 0.25; never tried on hardware.",
        show_default="0",
    ),
]
Files = Annotated[
    str | None,
    typer.Option(
        help="How files of workers on Ray reach the study: shared, in a folder that all nodes "
        "see; travel, through the runner; or auto, whichever works.",
        show_default="auto",
    ),
]
CheckpointSeconds = Annotated[
    float,
    typer.Option(
        min=0, callback=finite, help="Save a training at least so often, beside every rung."
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
AsJsonWithProgress = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, progress on stderr.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]

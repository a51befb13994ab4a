"""Put Fashion-MNIST on this machine, and say where it lies: `gansweep fetch-data`."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.app import clear_errors, new_app
from harness.core.errors import DataError
from harness.data.fashion_mnist import (
    DEBIAN_PACKAGE,
    DataLocation,
    download_location,
    find_location,
    read_location,
)
from harness.data.splitting import split_dataset

APT_SECONDS = 600.0
APT_OPTIONS = ("-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::http::Timeout=20")

app = new_app()


@app.command(epilog="Exit codes: 0 the data are sound; 2 refused, with one message.")
def fetch(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder that already holds the four files; by default, search."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False,
) -> None:
    """Find, check or get Fashion-MNIST: a download, or on Debian the system's package."""
    with clear_errors(debug):
        place = obtain(data_dir)
        start = time.perf_counter()
        dataset = split_dataset(read_location(place))
    counts = [len(split) for split in (dataset.train, dataset.validation, dataset.test)]
    typer.echo(
        f"Fashion-MNIST: {place.folder}\n"
        f"{sum(counts):,} images (train {counts[0]:,}, validation {counts[1]:,}, "
        f"test {counts[2]:,}); SHA-256 of all four files is right; "
        f"read in {time.perf_counter() - start:.1f} s"
    )


def obtain(data_dir: Path | None = None) -> DataLocation:
    """Return a place that has the files, downloading or installing them if no place has.

    Args:
        data_dir: Folder to look into, and nowhere else; None searches.

    Raises:
        DataError: The folder lacks files, or every way failed; names them all.
    """
    place = find_location(data_dir)
    if place is not None:
        return place
    typer.echo("Fashion-MNIST is not on this machine yet; downloading it.", err=True)
    try:
        return download_location()
    except DataError as error:
        fault = install_package()
        place = find_location()
        if place is None:
            fault = fault or "apt-get reports success, but its files are not there."
            raise DataError(f"{error}\nThe package was not installed: {fault}") from error
        return place


def install_package() -> str | None:
    """Install the distribution's package where that takes no password.

    Returns:
        None when it is installed; otherwise what stood in the way.
    """
    if shutil.which("apt-get") is None:
        return "this system has no apt-get."
    prefix = _root_prefix()
    if prefix is None:
        return f"no rights; as root: apt-get install {DEBIAN_PACKAGE}."
    typer.echo(f"The download failed; installing {DEBIAN_PACKAGE} with apt-get.", err=True)
    # --reinstall: the package may count as installed although its files are gone.
    install = ("install", "--yes", "--no-install-recommends", "--reinstall", DEBIAN_PACKAGE)
    if _run(("apt-cache", "show", DEBIAN_PACKAGE)) is None:
        _apt(prefix, *install)
        # Looked at, not believed: apt-get also "succeeds" when it cannot reinstall.
        if find_location() is not None:
            return None
    # Unknown, or known from lists so old that the mirror has dropped the version they name.
    fault = _apt(prefix, "update")
    return fault if fault is not None else _apt(prefix, *install)


def _root_prefix() -> tuple[str, ...] | None:
    """Return what turns a command into root's; None where that needs a password."""
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo") is not None and _run(("sudo", "-n", "true")) is None:
        return ("sudo", "-n")
    return None


def _apt(prefix: tuple[str, ...], *arguments: str) -> str | None:
    # `env`, since sudo drops the caller's environment.
    environment = ("env", "DEBIAN_FRONTEND=noninteractive")
    return _run((*prefix, *environment, "apt-get", "--quiet", *APT_OPTIONS, *arguments))


def _run(command: tuple[str, ...]) -> str | None:
    """Run a command without input; return None when it succeeds, else its last words."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=APT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command)}: {error}"
    if done.returncode == 0:
        return None
    last = "\n".join(done.stdout.strip().splitlines()[-3:])
    return f"`{' '.join(command)}` ended with code {done.returncode}: {last}"


if __name__ == "__main__":
    # Keras brings TensorFlow, which greets at length.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    app()

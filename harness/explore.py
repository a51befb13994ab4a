"""Explore an exported generator, in the browser or by a question: `gansweep explore BUNDLE`."""

import argparse
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app, serve, unwound_by_sigterm
from harness.core.errors import ConfigError
from harness.core.process import quiet_imports

app = new_app()


@app.command(epilog="Exit codes: 0 done, or ended by Ctrl-C; 2 refused, with one message.")
def explore(
    bundle: Annotated[Path, typer.Argument(help="Folder that `gansweep export` wrote.")],
    find: Annotated[
        Path | None,
        option.question_option(
            metavar="PICTURE",
            help="Find what it draws that is most like a picture of yours, by gradient in about "
            "a minute, and the noise behind it.",
        ),
    ] = None,
    walk: Annotated[
        str | None,
        option.question_option(
            metavar="POINTS",
            help="Walk through points and back: seeds and .npz files of noise, such as "
            "3,17,found.npz.",
        ),
    ] = None,
    nearest: Annotated[
        bool,
        option.question_option(
            "--nearest", help="Show the training images nearest to what it draws."
        ),
    ] = False,
    label: Annotated[
        str | None,
        option.question_option(
            "--class", help="Number or name of the class; by default all of them."
        ),
    ] = None,
    count: Annotated[
        int, option.question_option(min=1, max=100, help="Images to look for neighbours of.")
    ] = 10,
    seed: Annotated[int, option.question_option(min=0, help="Origin of noise that is drawn.")] = 0,
    seconds: Annotated[
        float | None,
        option.question_option(
            min=0.1,
            callback=option.finite,
            help="How long a walk is; by default two for each point.",
            show_default=False,
        ),
    ] = None,
    fps: Annotated[
        int, option.question_option(min=1, max=100, help="Pictures a second of a walk.")
    ] = 25,
    dataset: Annotated[
        str | None,
        option.data_option(
            help=f"{option.DATASET_HELP} By default what the bundle names.", show_default=False
        ),
    ] = None,
    data_dir: option.DataDir = None,
    extractor: Annotated[
        str | None,
        option.data_option(
            help="In whose features images are near: a name, or a folder that `gansweep "
            "extractor` wrote; by default what the bundle names.",
            show_default=False,
        ),
    ] = None,
    weights: option.Weights = None,
    out: Annotated[
        Path | None,
        option.output_option(
            help="File to write; by default found.png, walk.gif (.mp4 needs PyAV) or nearest.png."
        ),
    ] = None,
    port: option.Port = 0,
    no_browser: option.NoBrowser = False,
    debug: option.Debug = False,
) -> None:
    """Serve a bundle's explorer to this machine's browser until Ctrl-C, or answer a question.

    A question (`--find`, `--walk`, `--nearest`) writes one picture or film, and serves nothing.
    """
    with clear_errors(debug):
        given = {"find": find, "walk": walk, "nearest": nearest or None}
        asked = [name for name, value in given.items() if value is not None]
        if len(asked) > 1:
            raise ConfigError(
                "--find, --walk, --nearest: expected one of them at most; received several."
            )
        if not asked:
            if out is not None:
                raise ConfigError(
                    "--out: expected --find, --walk or --nearest beside it; received none of them."
                )
            server = _open_server(bundle, port)
        else:
            with unwound_by_sigterm(), quiet_imports():
                from harness.exporting.bundle_questions import AskedBundle, TrainingImages
                from harness.exporting.templates.generate import QUESTIONS

            files = QUESTIONS[asked[0]][2]
            target = out or Path(files[0])
            ends = [Path(each).suffix for each in files]
            if target.suffix not in ends:
                raise ConfigError(
                    f"--out: expected a name that ends in {' or '.join(ends)}; received {target}."
                )
            options = argparse.Namespace(
                **given, label=label, count=count, seed=seed, seconds=seconds, fps=fps,
                like=None, runtime=None, out=target,
            )  # fmt: skip
            source = TrainingImages(dataset, data_dir, extractor, weights)
            print(_answer(AskedBundle(bundle), options, source))
            return
    with server:
        serve(server, server.address, server.address, browser=not no_browser)


def _open_server(bundle: Path, port: int) -> Any:
    from harness.cli.local_server import LocalServer
    from harness.exporting.explorer_files import BundleFiles, check_explorable

    check_explorable(bundle)
    return LocalServer(BundleFiles(bundle), port)


def _answer(bundle: Any, options: argparse.Namespace, source: Any) -> str:
    if options.find is not None:
        return str(bundle.find(options.find, options))
    if options.walk is not None:
        return str(bundle.walk(options))
    return str(bundle.nearest(options, source))


if __name__ == "__main__":
    app()

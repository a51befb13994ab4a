"""The console script `gansweep`: all commands under one name, with shell completion."""

import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from harness.cli.app import new_app
from harness.core.version import __version__

COMMANDS = {
    "sweep": "Search for the GAN with the lowest FID.",
    "train": "Train one GAN from a preset, a YAML or a trial.",
    "confirm": "Retrain a study's leaders on new seeds and score them on the test split.",
    "export": "Write a generator with its scores and samples as a folder of its own.",
    "evaluate": "Measure images against a data set: FID with its interval, and others.",
    "report": "Write one HTML file with all that a study found.",
    "studies": "List, show, compare, adopt and remove studies.",
    "doctor": "Check this machine, or mend one study.",
    "extractor": "Train the small classifier that scores generators of a data set.",
    "explore": "Serve an exported generator to this machine's browser.",
    "wandb-workspace": "Save a view of a study in W&B.",
    "dashboard": "Show a study in Optuna's dashboard.",
    "fetch-data": "Find, check or download Fashion-MNIST.",
}
"""What the help says of each command; a command's own module is imported when it is called."""

MODULES = {"fetch-data": "fetch", "wandb-workspace": "cli.wandb_workspace"}
"""Modules whose names are not the commands'."""


class _LazyGroup(TyperGroup):
    """A group of commands that imports the module of one only when that one is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put the command that is called in the place of its line in the help."""
        if args and args[0] in COMMANDS:
            module = importlib.import_module(f"harness.{MODULES.get(args[0], args[0])}")
            self.add_command(get_command(module.app), args[0])
        return super().resolve_command(ctx, args)


app = new_app(cls=_LazyGroup, add_completion=True)


@app.callback(invoke_without_command=True)
def gansweep(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Sweep over Keras GANs: Optuna searches, FID judges, W&B shows."""
    if version:
        print(__version__)
    elif context.invoked_subcommand is None:
        print(context.get_help())


for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(lambda: None)

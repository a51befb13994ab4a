"""Play with an exported generator in the browser: `gansweep explore BUNDLE`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app, serve

app = new_app()


@app.command(epilog="Exit codes: 0 ended by Ctrl-C; 2 refused, with one message.")
def explore(
    bundle: Annotated[Path, typer.Argument(help="Folder that `gansweep export` wrote.")],
    port: option.Port = 0,
    no_browser: option.NoBrowser = False,
    debug: option.Debug = False,
) -> None:
    """Serve a bundle's explorer to this machine's browser until Ctrl-C."""
    with clear_errors(debug):
        from harness.cli.local_server import LocalServer
        from harness.exporting.explorer_files import BundleFiles, check_explorable

        check_explorable(bundle)
        server = LocalServer(BundleFiles(bundle), port)
    with server:
        serve(server, server.address, server.address, browser=not no_browser)


if __name__ == "__main__":
    app()

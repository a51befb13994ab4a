"""Decide whether W&B runs online, offline or not at all: without a prompt, without a wait."""

import dataclasses
import functools
import os
import shlex
import socket
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Literal

from harness.core.errors import ConfigError, near_miss
from harness.core.option_values import RequestedMode

Mode = Literal["online", "offline", "disabled"]

# Every mode W&B knows; `dryrun` and `run` are its old names.
_MODES: dict[str, Mode] = {
    "online": "online",
    "run": "online",
    "shared": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}
_PROBE_SECONDS = 3.0
# Why this process gave up going online, if it did: later trials must not wait for the same.
_online_failures: list[str] = []


@dataclasses.dataclass(frozen=True)
class WandbMode:
    """Where W&B's data go, and how to look at them.

    Args:
        mode: `online`, `offline` or `disabled`.
        hint: One line for the terminal: how to see the runs, and how to upload them.
    """

    mode: Mode
    hint: str


def wandb_mode(root: Path, requested: RequestedMode = "auto") -> WandbMode:
    """Find W&B's mode: what was asked for, as far as credentials and network allow it.

    `auto` follows `WANDB_MODE`, then W&B's settings files; without either it is online. Online
    needs credentials (`WANDB_API_KEY`, netrc or settings file, looked up locally) and a server
    that answers within three seconds, asked once in a process; else the mode is offline, where
    nothing is lost, and the hint says why.

    Args:
        root: The folder that holds W&B's folder `wandb`: the study's.
        requested: What the user wants.

    Raises:
        ConfigError: If `WANDB_MODE` holds an unknown mode.
    """
    wanted = requested if requested != "auto" else os.environ.get("WANDB_MODE", "")
    if wanted and wanted not in _MODES:
        raise ConfigError(
            f"WANDB_MODE must be one of {', '.join(_MODES)}; received {wanted!r}."
            f"{near_miss(wanted, _MODES)}"
        )
    mode, asked_by, why = _MODES.get(wanted), "by WANDB_MODE", "as asked"
    address = ""
    if mode in (None, "online"):
        import wandb

        settings = wandb.setup(settings=wandb.Settings(silent=True)).settings
        address = settings.app_url
        if mode is None:
            mode, asked_by, why = _MODES[settings.mode], "in its settings", "as W&B's settings ask"
        obstacle = _why_not_online(settings.base_url) if mode == "online" else ""
        if obstacle:
            mode, why = "offline", obstacle
    if mode == "disabled":
        return WandbMode(mode, f"W&B is disabled {asked_by}; history.jsonl has it all.")
    if mode == "online":
        return WandbMode(mode, f"W&B is online: runs appear at {address}")
    folder = shlex.quote(str(root / "wandb"))
    return WandbMode(
        "offline",
        f"W&B is offline ({why}). See the runs: wandb leet {folder}   "
        f"Upload them: wandb login && wandb sync {folder}/offline-run-*",
    )


def remember_online_failure(error: Exception) -> None:
    """Keep the later runs of this process offline, after one could not be started online."""
    _online_failures.append(f"{type(error).__name__}: {error}".splitlines()[0].rstrip("."))


def _why_not_online(base_url: str) -> str:
    import wandb

    if _online_failures:
        return _online_failures[0]
    try:
        if not wandb.login(prompt=False, verify=False):
            return "no credentials"
    except wandb.errors.AuthenticationError as error:
        return str(error).rstrip(".")
    return "" if _is_reachable(base_url) else f"{base_url} does not answer"


@functools.cache
def _is_reachable(base_url: str) -> bool:
    """Return whether the server takes a connection; through a proxy only W&B itself can tell."""
    address = urllib.parse.urlsplit(base_url)
    host = address.hostname or ""
    if urllib.request.getproxies().get(address.scheme) and not urllib.request.proxy_bypass(host):
        return True
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((host, port), timeout=_PROBE_SECONDS).close()
    except OSError:
        return False
    return True

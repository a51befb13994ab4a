"""Decide whether W&B runs online, offline or not at all: without a prompt, without a wait."""

import dataclasses
import http.client
import os
import re
import shlex
import ssl
import sys
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from typing import Literal

from harness.core.errors import (
    ConfigError,
    first_line,
    near_miss,
    without_credentials,
    without_secrets,
)
from harness.core.option_values import RequestedMode
from harness.core.process import NOT_FOLLOWED

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
# Which server, which account, which files of W&B's own. Whatever else there is describes one run
# of another program, such as an outer sweep: every run here would become that run.
_FOLLOWED = re.compile(
    "WANDB_(API_KEY|APP_URL|BASE_URL|CACHE_DIR|CONFIG_DIR|CREDENTIALS_FILE|DATA_DIR|ENTITY|"
    "ERROR_REPORTING|HTTP_TIMEOUT|IDENTITY_TOKEN_FILE|INSECURE_DISABLE_SSL|MODE|PROJECT|"
    "SERVICE|X_EXTRA_HTTP_HEADERS|_.*)"
)
_SECRET = re.compile("(KEY|TOKEN|SECRET|PASSWORD|HEADERS)(?!.*_FILE$)")
_PROBE_SECONDS = 3.0
_SERVER_FAILS = 500
_OWN_RUNS = "each training here is a run of its own, in the study's folder"
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
    that answers within three seconds; else the mode is offline for the rest of the process, where
    nothing is lost, and the hint says why.

    Args:
        root: The folder that holds W&B's folder `wandb`: the study's.
        requested: What the user wants.

    Raises:
        ConfigError: If `WANDB_MODE` holds an unknown mode.
    """
    settle_wandb()
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

        try:
            settings = wandb.setup(settings=wandb.Settings(silent=True)).settings
        except Exception as error:  # of its settings files; a training is worth more than W&B
            remember_online_failure(error)
            mode, why = "offline", _online_failures[0]
        else:
            address = without_credentials(settings.app_url)
            if mode is None:
                mode, asked_by = _MODES[settings.mode], "in its settings"
                why = "as W&B's settings ask"
            obstacle = _why_not_online(settings.base_url) if mode == "online" else ""
            if obstacle:
                mode, why = "offline", obstacle
    if mode == "disabled":
        return WandbMode(mode, f"W&B is disabled {asked_by}; history.jsonl has it all.")
    folder = shlex.quote(str(root / "wandb"))
    if mode == "online":
        return WandbMode(
            mode,
            f"W&B is online: runs appear at {address}   "
            f"What stays here if it goes away: wandb sync {folder}/offline-run-*",
        )
    return WandbMode(
        "offline",
        f"W&B is offline ({why}). See the runs: wandb leet {folder}   "
        f"Upload them: wandb login && wandb sync {folder}/offline-run-*",
    )


def settle_wandb() -> None:
    """Remove variables of W&B's that describe another run, or that W&B cannot read.

    An empty one, as of a compose file, is none. After one that cannot be read, runs stay offline:
    it may have named another server or project than the default.
    """
    if "wandb" not in sys.modules:
        os.environ.pop("WANDB_SERVICE", None)  # another process's, which may end before this one
    others = []
    for name, value in sorted(os.environ.items()):
        if not name.startswith("WANDB_"):
            continue
        if name == "WANDB_MODE" and value.strip():
            os.environ[name] = value.strip().lower()
            continue
        told = "..." if _SECRET.search(name) else repr(without_credentials(value))
        fault = _fault(name, value) if value and _FOLLOWED.fullmatch(name) else ""
        if fault:
            NOT_FOLLOWED[name] = f"{told}: {fault}"
            _online_failures.append(f"{name} is not followed: {fault}")
            text = f"{name}={told} is not followed: {fault}. W&B stays offline."
            warnings.warn(text, stacklevel=2)
        elif value and not _FOLLOWED.fullmatch(name):
            NOT_FOLLOWED[name] = f"{told}: {_OWN_RUNS}"
            others.append(f"{name}={told}")
        if fault or not (value and _FOLLOWED.fullmatch(name)):
            del os.environ[name]
    if others:
        warnings.warn(f"{', '.join(others)}: not followed, since {_OWN_RUNS}.", stacklevel=2)


def _fault(name: str, value: str) -> str:
    """Return why W&B cannot read a variable; nothing where it can."""
    import wandb

    if name == "WANDB_IDENTITY_TOKEN_FILE" and not Path(value).is_file():
        return "there is no such file"  # W&B's own process would panic
    try:
        wandb.Settings().update_from_env_vars({name: value})
    except Exception as error:  # pydantic's, or W&B's own, or a ValueError
        lines = [line.strip() for line in str(error).splitlines()]
        told = lines[min(2, len(lines) - 1)].partition(" [type=")[0].rstrip(".")
        return without_secrets(told.replace(value, "..."))
    return ""


def remember_online_failure(error: Exception) -> None:
    """Keep the later runs of this process offline, after one could not be started online."""
    _online_failures.append(f"{type(error).__name__}: {first_line(error)}".rstrip("."))


def _why_not_online(base_url: str) -> str:
    import wandb

    if _online_failures:
        return _online_failures[0]
    try:
        if not wandb.login(prompt=False, verify=False):
            return "no credentials"
    except wandb.errors.AuthenticationError as error:
        return first_line(error).rstrip(".")
    if not _is_answering(base_url):
        _online_failures.append(f"{without_credentials(base_url)} does not answer")
        return _online_failures[0]
    return ""


def _is_answering(base_url: str) -> bool:
    """Return whether the server answers; where its certificate is new to Python, W&B can tell."""
    try:
        urllib.request.urlopen(base_url, timeout=_PROBE_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < _SERVER_FAILS
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    return True

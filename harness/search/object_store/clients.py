"""Open what reads and writes an object store, having refused URLs that name none."""

import urllib.parse
from typing import Any

import fsspec

from harness.core.errors import ConfigError, MissingExtraError

_EXTRAS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs"}
_LASTING = (*_EXTRAS, "abfss", "az", "oci", "oss", "file", "local", "sftp", "ssh", "hdfs", "smb")
"""Schemes of stores that keep what is written; fsspec has others, e.g. the memory of a process."""

_ON_A_DISK = ("file", "local")


def open_client(url: str, *, timeout_seconds: float) -> Any:
    """Return what fsspec has for a URL.

    Args:
        url: Such as `s3://bucket/folder`.
        timeout_seconds: How long to wait for an answer.

    Raises:
        ConfigError: If it is no URL of a store that keeps what is written, or holds a password.
        MissingExtraError: If the package that reads such URLs is not installed.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.password or "@" in parts.netloc or parts.query:
        # What was received may be a password, so it is not shown.
        raise ConfigError(
            f"--studies-dir: expected a URL such as {parts.scheme}://bucket/folder, without "
            f"credentials or settings in it; they come from the environment or a profile."
        )
    place = parts.path.strip("/") if parts.scheme in _ON_A_DISK else parts.netloc
    if parts.scheme not in _LASTING or not place:
        raise ConfigError(
            f"--studies-dir: expected a folder, or a URL of a store that keeps what is written, "
            f"such as s3://bucket/folder or gs://bucket/folder; received {url}."
        )
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if parts.scheme in ("s3", "s3a"):
        options["config_kwargs"] = {
            "connect_timeout": min(timeout_seconds, 5.0),
            "read_timeout": timeout_seconds,
            "retries": {"max_attempts": 1},
        }
    elif parts.scheme in _ON_A_DISK:
        options["auto_mkdir"] = True
    try:
        files = fsspec.filesystem(parts.scheme, **options)
        files.retries = 1  # s3fs tries again by itself, for longer than a lease lasts
        return files
    except ImportError as error:
        package = _EXTRAS.get(parts.scheme)
        with_extra = "`pip install 'gan-sweep-harness[s3]'`"
        install = with_extra if package == "s3fs" else f"`pip install {package}`"
        raise MissingExtraError(
            f"{url}: what reads such URLs is not installed ({error})."
            + (f" Install it: {install}." if package else "")
        ) from error

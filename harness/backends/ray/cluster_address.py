"""Find where a Ray cluster is, and see that it is one, before Ray itself is asked."""

import dataclasses
import os
import socket
from typing import Any

import grpc
import ray._private.ray_constants
import ray._private.services

from harness.core.errors import ConfigError

_CLIENT = "ray://"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LOOK_SECONDS = 5
_ANSWER_SECONDS = 10
# What a cluster's head and its door for outsiders answer, whoever asks.
_HEAD_CALL = "/ray.rpc.NodeInfoGcsService/CheckAlive"
_CLIENT_CALL = "/ray.rpc.RayletDriver/ClusterInfo"
_STRANGE = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "UNIMPLEMENTED")
_GRPC: Any = grpc  # has no types


@dataclasses.dataclass(frozen=True)
class ClusterAddress:
    """Say where a cluster is.

    Args:
        address: What Ray is to be told.
        found: Where that is: HOST:PORT or ray://HOST:PORT.
    """

    address: str
    found: str

    @property
    def is_client(self) -> bool:
        """Return whether this process stays outside, at the cluster's door."""
        return self.found.startswith(_CLIENT)

    @property
    def is_loopback(self) -> bool:
        """Return whether it is reached by an address that only this machine has."""
        return _split(self.found)[0] in LOOPBACK


def find_address(asked: str) -> ClusterAddress | None:
    """Return the place of a cluster that answers; None to start one.

    Ray itself takes minutes to see that nobody answers or that somebody else does, and remembers
    clusters that are no more.

    Raises:
        ConfigError: If no cluster answers where one is said to be.
    """
    if asked != "auto":
        _check_answer(asked, asked)
        return _plain(ClusterAddress(asked, asked))
    known = os.environ.get("RAY_ADDRESS", "")
    if known == "local":
        return None  # as Ray itself takes it: one of its own, whatever else this machine runs
    if known and known != "auto":
        _check_answer(known, f"auto (RAY_ADDRESS={known})")
        return _plain(ClusterAddress(known, known))
    try:
        found = ray._private.services.get_ray_address_from_environment("auto", None)
        _check_answer(found, asked)
    except (ConnectionError, ConfigError):
        return None
    # Only where Ray itself looks does it use this user's token unasked.
    return _plain(ClusterAddress("auto", found))


def stay_on_loopback() -> None:
    """Have Ray take 127.0.0.1 for that.

    It else puts the machine's public address in its place, wherever it reads it.
    """
    ray._private.ray_constants.ENABLE_RAY_CLUSTER = False


def _plain(place: ClusterAddress) -> ClusterAddress:
    if place.is_loopback:
        stay_on_loopback()
    return place


def _split(address: str) -> tuple[str, str]:
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    return host.strip("[]"), port


def _check_answer(address: str, asked: str) -> None:
    host, port = _split(address)
    if not host or not port.isdecimal():
        raise ConfigError(
            f"--address: expected auto, HOST:PORT or {_CLIENT}HOST:PORT; received {asked!r}. "
            f"`ray status` on a node says where its cluster is; Ray's ports are 6379 and, for "
            f"{_CLIENT}, 10001."
        )
    try:
        socket.create_connection((host, int(port)), _LOOK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"--address {asked}: nobody answers there ({error}). Start a cluster with `ray start "
            f"--head`, or see with `ray status` on one of its nodes where it is."
        ) from error
    _refuse_strangers(address, asked)


def _refuse_strangers(address: str, asked: str) -> None:
    """Refuse what listens there without being Ray, for which Ray would wait, deaf to signals."""
    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        return  # it answers none without a certificate, and Ray has its own words for that
    is_client = address.startswith(_CLIENT)
    options = [("grpc.enable_http_proxy", 0)]  # as Ray does
    with _GRPC.insecure_channel(address.removeprefix(_CLIENT), options) as channel:
        ask = channel.unary_unary(_CLIENT_CALL if is_client else _HEAD_CALL)
        try:
            ask(b"", timeout=_ANSWER_SECONDS)
        except grpc.RpcError as error:
            code = error.code().name
            if code not in _STRANGE:
                return  # e.g. it asks for a token
            raise ConfigError(
                f"--address {asked}: something listens there, but it does not answer as "
                f"{'the door of a Ray cluster for outsiders' if is_client else 'a Ray cluster'} "
                f"does ({code}). Ray's ports are 6379 for HOST:PORT and 10001 for "
                f"{_CLIENT}HOST:PORT; `ray status` on a node says where its cluster is."
            ) from error

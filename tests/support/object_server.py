"""Run SeaweedFS, an object store with S3's interface, for tests, on this machine alone."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

BUCKET = "bucket"
SECRET = "not-to-be-shown"
READER_SECRET = "nor-this"
_SECONDS = 60


@dataclasses.dataclass
class ObjectServer:
    """Hold a server that runs.

    Args:
        address: Where it listens.
        process: What runs it.
    """

    address: str
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> dict[str, str]:
        """Return what a client needs to know, as a user would say it."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "writer",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def reader(self) -> dict[str, str]:
        """Return the same for somebody who may only look."""
        names = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": READER_SECRET}
        return self.environment | names

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Let nothing be answered while the block runs, as where the network is cut."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)


@contextlib.contextmanager
def object_server(folder: Path) -> Iterator[ObjectServer]:
    """Run a server with one empty bucket to the end of the block."""
    port = _free_ports(1)[0]
    command = _weed(str(Path(sys.executable).with_name("weed")), folder, port)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    server = ObjectServer(f"http://127.0.0.1:{port}", process)
    try:
        _make_bucket(server)
        yield server
    finally:
        process.kill()
        process.wait()


def _weed(program: str, folder: Path, port: int) -> list[str]:
    (folder / "data").mkdir()
    people = {"writer": (SECRET, ["Admin", "Read", "Write", "List"])}
    people["reader"] = (READER_SECRET, ["Read", "List"])
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": secret}],
            "actions": actions,
        }
        for name, (secret, actions) in people.items()
    ]
    (folder / "people.json").write_text(json.dumps({"identities": identities}))
    ports = _free_ports(8)
    services = ("master", "volume", "filer")
    pairs = zip(services, ports[:3], ports[3:6], strict=True)
    listening = [
        f"-{name}.{kind}={number}"
        for name, http, grpc in pairs
        for kind, number in (("port", http), ("port.grpc", grpc))
    ]
    return [
        program, "server", "-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *listening, "-s3",
        f"-s3.port={port}", f"-s3.port.grpc={ports[6]}", "-s3.port.iceberg=0", "-s3.port.lance=0",
        "-s3.config=people.json", "-master.telemetry=false", "-master.volumeSizeLimitMB=64",
        "-volume.max=8",
    ]  # fmt: skip


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _make_bucket(server: ObjectServer) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError("the object store did not start")
        with contextlib.suppress(OSError, urllib.error.HTTPError, AssertionError):
            with as_user(server.environment):
                import s3fs

                s3fs.S3FileSystem(skip_instance_cache=True).mkdir(BUCKET)
            return
        time.sleep(0.1)


@contextlib.contextmanager
def as_user(environment: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables to the end of the block."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

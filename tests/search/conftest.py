"""Fixtures of the tests that keep studies in a real server."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.object_server import BUCKET, ObjectServer, object_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """Return an object store that runs for these tests, with an empty bucket."""
    with object_server(tmp_path_factory.mktemp("object-store")) as running:
        yield running


@pytest.fixture
def url(server: ObjectServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return a place there of a test's own, to be reached as the environment says."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"

"""Fixtures of the tests that keep studies in a real server."""

from collections.abc import Iterator

import pytest

from tests.postgres import missing, running_server


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Return the URL of a PostgreSQL that runs for these tests, with a password."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    with running_server() as url:
        yield url

"""Keep native libraries from writing to the terminal."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from harness.core.foreign_settings import read_keras_file


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Suppress what TensorFlow's libraries log as they load, before any setting is read.

    Raises:
        ConfigError: If Keras could not be imported with its own file.
    """
    read_keras_file()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr(shows_at_failure=True):
        yield


@contextlib.contextmanager
def quiet_stderr(*, shows_at_failure: bool) -> Iterator[None]:
    """Suppress what is written to standard error.

    Native libraries would write into the middle of a progress display, and Python cannot see it,
    so the file descriptor is turned away.

    Args:
        shows_at_failure: Write it after all if the block fails.
    """
    with tempfile.TemporaryFile() as held:
        try:
            with stderr_into(held.fileno()):
                yield
        except BaseException:
            if shows_at_failure:
                held.seek(0)
                os.write(2, held.read())
            raise


@contextlib.contextmanager
def stderr_into(descriptor: int) -> Iterator[None]:
    """Let this process, and those that it starts, write standard error into an open file."""
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)

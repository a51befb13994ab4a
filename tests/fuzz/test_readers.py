"""Give every reader damaged and hostile files: a HarnessError or a value, never anything else."""

import os

import hypothesis
import pytest

from tests.fuzz.inputs import inputs
from tests.fuzz.readers import READERS

SHORT = 40
LONG = int(os.environ.get("FUZZ_INPUTS", "2000"))


def fuzz(name: str, count: int, *, seed: int = 0) -> None:
    """Give one reader `count` inputs; raise what it should not have raised, made small."""
    reader = READERS[name]

    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,  # the reader's own limit holds
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.seed(seed)
    @hypothesis.given(inputs(reader))
    def attempt(content: bytes) -> None:
        reader.attempt(content)

    attempt()


@pytest.mark.parametrize("name", READERS)
def test_sound_files_are_read(name: str):
    reader = READERS[name]
    assert {reader.attempt(seed) for seed in reader.seeds()} == {"value"}


@pytest.mark.parametrize("name", READERS)
def test_no_input_gives_a_traceback(name: str):
    fuzz(name, SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_no_input_of_many_gives_a_traceback(name: str):
    fuzz(name, LONG, seed=1)


def test_what_is_no_harness_error_is_found(monkeypatch: pytest.MonkeyPatch):
    def careless(path: object) -> None:
        raise ZeroDivisionError("a careless reader")

    reader = READERS["idx"]
    monkeypatch.setitem(READERS, "idx", type(reader)(reader.file, careless, reader.seeds))
    with pytest.raises(ZeroDivisionError, match="careless"):
        fuzz("idx", 5)

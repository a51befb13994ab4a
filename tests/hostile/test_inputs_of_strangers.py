"""Give every command every hostile form of its inputs, and watch what it touches."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SweptStudy
from tests.hostile.inputs import INPUTS, Input, forms, place_of
from tests.hostile.watcher import Watcher

SAMPLE = 25
"""So many combinations the ordinary run takes."""

CASES = [
    pytest.param(given, file, form, id=f"{given.name}, {file or 'itself'}, {form}")
    for given in INPUTS
    for file in given.files
    for form, _ in forms(file)
]
QUICK = [case for case in CASES if not case.values[0].loads]


class Place:
    """Where inputs are made, and who watches what is done with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.watcher = Watcher(folder / "home")

    def faults_of(self, given: Input, file: str, form: str | None) -> list[str]:
        """Return what a command did with an input that it must not do; sound where no form is."""
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        for other in INPUTS:
            if other.name in ("search space", "images, npz"):
                name = {"search space": "space.yaml", "images, npz": "sound.npz"}[other.name]
                other.make(work / name)
        path = place_of(given, work)
        given.make(path)
        if form is not None:
            dict(forms(file))[form](path / file if file else path)
        found = []
        for command in given.commands:
            done = self.watcher.run(*(each.format(path) for each in command), cwd=work)
            # A device that was itself given is read as far as a file of its kind may go.
            reads = (work, *self.watcher.data, Path("/dev/zero"))
            faults = done.faults(reads=reads, writes=(work, self.watcher.home))
            found += [f"{' '.join(done.arguments)}: {fault}" for fault in faults]
        return found


@pytest.fixture(scope="module")
def place(swept: SweptStudy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOSTILE_TRIAL", str(swept.folder / "trials/0000"))
        made = Place(tmp_path_factory.mktemp("given"))
        with made.watcher:
            yield made


def test_a_sample_of_hostile_inputs(place: Place):
    for given in INPUTS:
        if not given.loads:
            assert place.faults_of(given, "", None) == [], given.name
    for case in random.Random(3).sample(QUICK, SAMPLE):
        assert place.faults_of(*case.values) == [], case.id


@pytest.mark.slow
@pytest.mark.parametrize(("given", "file", "form"), CASES)
def test_every_hostile_input(place: Place, given: Input, file: str, form: str):
    assert place.faults_of(given, file, form) == []

"""Give every command every hostile twin of a real study, and watch what it touches."""

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SweptStudy
from tests.hostile.twins import NAME, Twin, copy_of, make_outside, make_sound, study_twins
from tests.hostile.watcher import MARKUP, Watcher

_STUDY = ("--study", NAME)
LOOKS: tuple[tuple[str, ...], ...] = (
    ("studies", "list"),
    ("studies", "list", "--json"),
    ("studies", "show", NAME),
    ("studies", "show", NAME, "--json"),
    ("studies", "compare", NAME, "sound"),
    ("report", *_STUDY, "--out", "report"),
    ("report", *_STUDY, "--text"),
    ("report", *_STUDY, "--json"),
    ("doctor", *_STUDY),
    ("doctor", *_STUDY, "--tracker", "jsonl"),
    ("dashboard", *_STUDY, "--port", "0", "--no-browser"),
    ("@export", "studies", NAME),
)
"""What changes nothing. Of a command with @ the part that comes before TensorFlow is run."""

CHANGES: tuple[tuple[str, ...], ...] = (
    ("@train", "studies", NAME),
    ("@fork", "studies", NAME),
    ("@confirm", "studies", NAME),
    ("@sweep", "studies", NAME),
    ("doctor", *_STUDY, "--repair", "--tracker", "jsonl"),
    ("studies", "adopt", NAME),
    ("studies", "rm", NAME, "--yes"),
)
SAMPLE = 4
"""So many twins the ordinary run takes."""

PARTS = 24
"""So many tests the slow run splits all twins into: each says how far it is."""


class Place:
    """Where twins are made: a study, what lies outside of it, and who watches."""

    def __init__(self, swept: Path, folder: Path) -> None:
        self.folder = folder
        self.sound = make_sound(swept, folder / "made" / NAME)
        self.outside = make_outside(self.sound, folder / "outside")
        self.twins = study_twins(self.sound)
        self.watcher = Watcher(folder / "home")
        self._before = contents(self.outside)

    def faults_of(self, twin: Twin) -> list[str]:
        """Run every command on a twin; return what none of them may do."""
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        study = copy_of(self.sound, work / "studies")
        twin.change(study, self.outside)
        found = []
        before = contents(study)
        for looks, commands in ((True, LOOKS), (False, CHANGES)):
            if not looks and contents(study) != before:
                found.append("looking changed the study")
            for command in commands:
                done = self.watcher.run(*command, cwd=work)
                home = self.watcher.home
                writes = (work / "report", home) if looks else (work, home)
                # A sweep that goes on looks whether the images it is told are the study's.
                reads = (work,) if looks else (work, *self.watcher.data)
                faults = done.faults(reads=reads, writes=writes)
                if "list" in command and "--json" in command and '"sound"' not in done.out:
                    faults.append("does not list the study beside it")
                found += [f"{' '.join(command)}: {fault}" for fault in faults]
        page = work / "report/index.html"
        if page.exists() and MARKUP in page.read_text():
            found.append("the report holds markup")
        if contents(self.outside) != self._before:
            found.append("what lies outside was changed")
        return found


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            state = Path(root, name).lstat()
            found[str(Path(root, name))] = state.st_size, state.st_mtime_ns
    return found


@pytest.fixture(scope="module")
def place(swept: SweptStudy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(swept.folder, tmp_path_factory.mktemp("hostile"))
    with made.watcher:
        yield made


def test_the_sound_study_passes_and_the_watcher_sees(place: Place):
    unchanged = Twin("study.json", "as it was", lambda study, outside: None)
    assert place.faults_of(unchanged) == []
    secret = place.outside / "secret.txt"
    done = place.watcher.run("evaluate", secret, cwd=place.folder)
    reads = (place.outside, *place.watcher.data)
    assert done.faults(reads=reads, writes=(place.folder,)) == []
    assert done.faults(reads=(), writes=(place.folder,)) != []


def test_a_sample_of_hostile_studies(place: Place):
    for twin in random.Random(2).sample(place.twins, SAMPLE):
        assert place.faults_of(twin) == [], twin


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_hostile_study(place: Place, part: int):
    twins = place.twins[part::PARTS]
    found = {str(twin): faults for twin in twins if (faults := place.faults_of(twin))}
    commands = len(LOOKS) + len(CHANGES)
    print(f"{len(twins)} of {len(place.twins)} twins x {commands} commands")
    assert not found, json.dumps(found, indent=1)  # all of it: a run takes long

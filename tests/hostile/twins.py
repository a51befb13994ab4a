"""Make hostile twins of a real study: each differs from it in one file, or one value of one."""

import dataclasses
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from harness.confirmation.result import write_result
from harness.confirmation.summary import make_plan, sum_up
from harness.core.files import write_json
from harness.core.score import Protocol
from harness.study.record import adopt, read_study
from harness.training.training_folder import TrainingFolder
from tests.fuzz import bombs
from tests.hostile.watcher import CANARY, MARKUP

NAME = "endings"
HUGE_BYTES = 5 * 2**30
STEERING = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"


@dataclasses.dataclass(frozen=True)
class Twin:
    """One way in which a study is another than it was.

    Args:
        file: What is changed, relative to the study.
        form: How.
        change: Does it, given the study's folder and a folder outside.
    """

    file: str
    form: str
    change: Callable[[Path, Path], None] = dataclasses.field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.file}, {self.form}"


def make_sound(swept: Path, folder: Path) -> Path:
    """Return a study with a file of every kind: what a real sweep left, and what follows it."""
    shutil.copytree(swept, folder, symlinks=True)
    shutil.copytree(folder / "trials/0000", folder / "baselines/mlp_cgan")
    shutil.copytree(folder / "trials/0000", folder / "finish/0000")
    write_json(folder / "finish/0000/finish.json", {"rungs_kimg": [5.0, 6.0]})
    (folder / "functions").mkdir()
    (folder / "functions/own.py").write_text("def build(config, shape, classes):\n    ...\n")
    plan = make_plan(folder, top=1, seeds=1)
    (planned,) = plan.planned
    protocol = Protocol(**read_study(folder).protocol)
    shutil.copytree(folder / "trials/0000", planned.folder.path)
    planned.folder.write_config(planned.config)
    outcome = TrainingFolder(folder / "trials/0000").read_outcome()
    outcome = dataclasses.replace(outcome, tests=(outcome.final,))
    planned.folder.write_outcome(outcome)
    write_result(folder, sum_up(plan, {planned.key: outcome}, protocol))
    record = read_study(folder)
    metrics = {
        "study_id": record.id,
        "trial": "0000",
        "test": outcome.final.to_dict(),
        "formats": [{"format": "keras"}],
    }
    write_json(folder / "export/metrics.json", metrics)
    standing = dataclasses.replace(outcome, tests=())
    TrainingFolder(folder / "trials/0001").write_standing(standing)
    return folder


def make_outside(sound: Path, outside: Path) -> Path:
    """Return a folder with files of every kind that nobody may look into from a study."""
    shutil.copytree(sound, outside / "study", symlinks=True)
    for path in (outside / "study").rglob("*"):
        if path.suffix in (".json", ".jsonl", ".yaml", ".py"):
            text = path.read_text()
            path.write_text(text.replace("mlp", CANARY) if path.suffix == ".py" else text)
    (outside / "secret.txt").write_text(CANARY)
    (outside / "secret.png").write_bytes(bombs.picture("PNG") + CANARY.encode())
    return outside


def copy_of(sound: Path, studies: Path) -> Path:
    """Return a copy of the study under its own name, beside a sound one under another."""
    shutil.copytree(sound, studies / NAME, symlinks=True)
    shutil.copytree(sound, studies / "sound", symlinks=True)
    adopt(studies / "sound")
    return studies / NAME


def study_twins(sound: Path) -> list[Twin]:
    """Return every twin of a study, in one order."""
    files = list(_files(sound))
    found = []
    for file in files:
        forms = list(_file_forms(file))
        if file.startswith(_LIKE_TRIALS):
            forms = random.Random(file).sample(forms, _FEW)
        found += [Twin(file, form, change) for form, change in forms]
    for folder in _folders(sound):
        found += [Twin(folder, form, change) for form, change in _folder_forms(folder)]
    for file in files:
        if not file.startswith(_LIKE_TRIALS) or file.endswith("finish.json"):
            found += _value_twins(sound, file)
    return [*found, *_own_twins()]


def _files(sound: Path) -> Iterator[str]:
    """Yield each kind of file once: of trials those of the first, of W&B's runs what is read."""
    seen = set()
    for path in sorted(sound.rglob("*")):
        room, *inner = path.relative_to(sound).parts
        if not path.is_file() or path.is_symlink() or (room == "trials" and "standing" in inner):
            continue
        if room == "wandb" and not ("given.jsonl" in inner or path.suffix == ".wandb"):
            continue
        name = path.suffix if room == "wandb" or path.suffix == ".png" else path.name
        kind = (room, *inner[1:-1], name) if room != "wandb" else (room, name)
        if kind not in seen:
            seen.add(kind)
            yield path.relative_to(sound).as_posix()


def _folders(sound: Path) -> list[str]:
    inner = ("trials/0000", "trials/0000/grids", "trials/0000/samples", "finish/0000")
    rooms = [path.name for path in sound.iterdir() if path.is_dir()]
    return sorted(rooms) + [name for name in inner if (sound / name).is_dir()]


def _replaced(file: str, make: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    def change(study: Path, outside: Path) -> None:
        path = study / file
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        make(path, outside)

    return change


def _file_forms(file: str) -> Iterator[tuple[str, Callable[[Path, Path], None]]]:
    """Yield forms that any file may be given in."""

    def link(path: Path, outside: Path) -> None:
        path.symlink_to(outside / "study" / file)

    def huge(path: Path, outside: Path) -> None:
        shutil.copyfile(outside / "study" / file, path)
        os.truncate(path, HUGE_BYTES)

    def half(path: Path, outside: Path) -> None:
        content = (outside / "study" / file).read_bytes()
        path.write_bytes(content[: len(content) // 2])

    suffix = Path(file).suffix
    odd = {".png": _encapsulated, ".keras": _bomb("keras"), ".npz": _bomb("npz, zeros")}
    forms: dict[str, Callable[[Path, Path], None]] = {
        "a link to another study": link,
        "a link to a text": lambda path, outside: path.symlink_to(outside / "secret.txt"),
        "a link to a device": lambda path, _: path.symlink_to("/dev/zero"),
        "a link to nothing": lambda path, outside: path.symlink_to(outside / "made"),
        "a pipe": lambda path, _: os.mkfifo(path),
        "a folder": lambda path, _: path.mkdir(),
        "empty": lambda path, _: path.touch(),
        "huge": huge,
        "half": half,
        "no UTF-8": lambda path, _: path.write_bytes(b"\xff\xfe\x00\x80" * 100),
        "markup": lambda path, _: path.write_text(MARKUP + STEERING),
        "nested": lambda path, _: path.write_text("[" * 100_000),
        "of another kind": odd.get(suffix, lambda path, _: path.write_text('{"a": [1, null]}\n')),
    }
    for form, make in forms.items():
        yield form, _replaced(file, make)


def _encapsulated(path: Path, outside: Path) -> None:
    """Write what Pillow would give to Ghostscript."""
    path.write_text(f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({outside}) run\n")


def _bomb(name: str) -> Callable[[Path, Path], None]:
    return lambda path, _: path.write_bytes(bombs.BOMBS[name][1]()) and None


def _folder_forms(folder: str) -> Iterator[tuple[str, Callable[[Path, Path], None]]]:
    forms: dict[str, Callable[[Path, Path], None]] = {
        "a link to another study": lambda p, outside: p.symlink_to(outside / "study" / folder),
        "a link to the root": lambda path, _: path.symlink_to("/"),
        "a link to itself": lambda path, _: path.symlink_to(path),
        "a file": lambda path, _: path.write_text(MARKUP),
        "a pipe": lambda path, _: os.mkfifo(path),
    }
    for form, make in forms.items():
        yield form, _replaced(folder, make)


_VALUES: dict[str, Any] = {
    "markup": MARKUP + STEERING,
    "traversal": "../../../outside/secret.png",
    "absolute": "/outside/secret.png",
    "a command": "x; touch made #",
    "huge": "x" * 100_000,
    "no text": "\ud800",
    "null": None,
    "true": True,
    "a list": [],
    "a mapping": {},
    "nested": [[[[[[[[[{"a": [1]}]]]]]]]]],
    "negative": -1,
    "large": 10**30,
    "a fraction": 0.5,
    "NaN": float("nan"),
    "infinite": float("inf"),
}
_EACH = 1
"""So many odd values are put in each place of a record."""
_FEW = 4
"""So many forms are given to a file that is read as a trial's is."""
_LIKE_TRIALS = ("baselines/", "finish/0000/", "confirmation/0")
"""Folders whose files have the form of a trial's, and are read as those are."""
_DEEPEST = 2
"""Further within a record, values are parts of what is checked as a whole."""


def _value_twins(sound: Path, file: str) -> Iterator[Twin]:
    """Yield twins in which one value of a record is another."""
    suffix = Path(file).suffix
    if suffix == ".json":
        documents = [(0, json.loads((sound / file).read_text()))]
    elif suffix == ".yaml":
        documents = [(0, yaml.safe_load((sound / file).read_text()))]
    elif suffix == ".jsonl":
        lines = (sound / file).read_text().splitlines()
        kinds: dict[str, int] = {}
        for number, line in enumerate(lines):
            record = json.loads(line)
            kinds.setdefault(str(record.get("event", record.get("op_code"))), number)
        documents = [(number, json.loads(lines[number])) for number in kinds.values()]
    else:
        return
    for number, document in documents:
        for keys in _places(document):
            rng = random.Random(f"{file}/{number}/{keys}")
            where = f"{file}:{number}:{'.'.join(map(str, keys))}"
            for form in rng.sample(sorted(_VALUES), _EACH):
                yield Twin(where, form, _with_value(file, number, keys, _VALUES[form]))


def _places(value: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    if not isinstance(value, dict | list):
        return
    pairs = value.items() if isinstance(value, dict) else list(enumerate(value))[:2]
    for key, child in pairs:
        yield (*before, key)
        if len(before) < _DEEPEST:
            yield from _places(child, *before, key)


def _with_value(
    file: str, number: int, keys: tuple[Any, ...], value: Any
) -> Callable[[Path, Path], None]:
    def change(study: Path, outside: Path) -> None:
        if isinstance(value, str) and "outside/" in value:
            placed = value.replace("/outside", str(outside), value.startswith("/outside"))
        else:
            placed = value
        path = study / file
        if path.suffix == ".yaml":
            document = yaml.safe_load(path.read_text())
            _put(document, keys, placed)
            text = yaml.safe_dump(document, sort_keys=False)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            return
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        document = json.loads(lines[number])
        _put(document, keys, placed)
        lines[number] = json.dumps(document)
        path.write_text("\n".join(lines) + "\n")

    return change


def _put(document: Any, keys: tuple[Any, ...], value: Any) -> None:
    for key in keys[:-1]:
        document = document[key]
    document[keys[-1]] = value


def _own_twins() -> Iterator[Twin]:
    """Yield twins that something was added to."""

    def copied(study: Path, outside: Path) -> None:
        shutil.copytree(study / "trials/0000", study / "trials/0003.bak")

    def linked(study: Path, outside: Path) -> None:
        (study / "trials/0007").symlink_to(outside / "study/trials/0000")

    def renamed(study: Path, outside: Path) -> None:
        record = json.loads((study / "study.json").read_text())
        (study / "study.json").write_text(json.dumps(record | {"name": "another"}))

    def database(study: Path, outside: Path) -> None:
        record = json.loads((study / "study.json").read_text())
        address = f"sqlite:///{outside}/secret.db"
        (study / "study.json").write_text(json.dumps(record | {"storage": address}))

    def foreign_images(study: Path, outside: Path) -> None:
        record = json.loads((study / "study.json").read_text())
        (study / "study.json").write_text(json.dumps(record | {"dataset": f"folder:{outside}"}))

    def pictured(study: Path, outside: Path) -> None:
        (study / "trials/0000/grids/kimg_0000000003.png").symlink_to(outside / "secret.png")
        (study / "trials/0000/samples").mkdir(exist_ok=True)
        (study / "trials/0000/samples/kimg_000099.png").symlink_to(outside / "secret.txt")

    yield Twin("trials", "a copy beside the trials", copied)
    yield Twin("trials", "a link beside the trials", linked)
    yield Twin("study.json", "another name", renamed)
    yield Twin("study.json", "another database", database)
    yield Twin("study.json", "foreign images", foreign_images)
    yield Twin("trials/0000", "pictures that are links", pictured)

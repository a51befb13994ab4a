"""Keep studies in an object store: SeaweedFS, a real server with S3's interface."""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest
import yaml

from harness.core.errors import ConfigError, MissingExtraError, StorageError, StudyError
from harness.search.object_store import lease, session
from harness.search.object_store import store as store_module
from harness.search.object_store.lease import Holder, Lease
from harness.search.object_store.mirror import Mirror
from harness.search.object_store.opening import studies_at
from harness.search.object_store.store import ObjectStore, Stored
from harness.search.object_store.upload import Upload
from harness.training.checkpoint import load_checkpoint
from tests.support.commands import TIMEOUT_SECONDS, Commands, the_one_message, wait_until
from tests.support.endings import GOOD, SPACE
from tests.support.object_server import READER_SECRET, SECRET, ObjectServer

NAME = "small"


def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """Go on as another machine would: without what is kept in this one's cache."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / name))


def make_study(root: Path, name: str = NAME) -> optuna.Study:
    """Write what a study begins with."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "search_space.yaml").write_text("name: small\n")
    (folder / "study.json").write_text("{}")
    return optuna.create_study(storage=f"sqlite:///{folder / 'optuna.db'}")


def begin(study: optuna.Study, root: Path) -> optuna.Trial:
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    folder = root / NAME / "trials" / f"{trial.number:04d}"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"x: {trial.params['x']}\n")
    (folder / "history.jsonl").write_text("begun\n")
    return trial


def save(root: Path, number: int, text: str) -> None:
    folder = root / NAME / "trials" / f"{number:04d}"
    with (folder / "history.jsonl").open("a") as file:
        file.write(f"{text}\n")
    (folder / "generator.keras").write_text(text)
    (folder / "checkpoint.npz").write_text(text)


def end(study: optuna.Study, root: Path, trial: optuna.Trial) -> None:
    (root / NAME / "trials" / f"{trial.number:04d}" / "outcome.json").write_text("{}")
    study.tell(trial, 1.0)


def states(file: Path) -> dict[int, str]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return dict(connection.execute("SELECT number, state FROM trials"))


# The store


def test_an_object_is_created_by_one_of_many(url: str):
    store = ObjectStore(url)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: store.create("a/lock", str(n).encode()), range(8)))
    assert made.count(True) == 1
    assert store.read("a/lock") == str(made.index(True)).encode()


def test_objects_are_listed_written_and_removed(url: str):
    store = ObjectStore(url)
    assert store.list("a") == {}
    assert store.folders() == []
    assert store.read("a/b/c") is None
    first = store.write("a/b/c", b"one")
    assert store.list("a") == {"b/c": first}
    assert first.size == 3
    second = store.write("a/b/c", b"two")
    assert second.stamp != first.stamp, "the same size, other content"
    assert store.read("a/b/c") == b"two"
    store.write("ab/d", b"")
    assert list(store.list("a")) == ["b/c"], "not what only begins alike"
    assert store.folders() == ["a", "ab"]
    store.remove(["a/b/c", "a/none"])
    assert store.list("a") == {}


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("s3://no-such-bucket/studies", StorageError, "Create the bucket"),
        (
            "s3://Bad_Bucket!/x",
            StorageError,
            r"Invalid bucket name .*\. Correct the bucket's",
        ),
        ("s3://", ConfigError, r"such as s3://bucket/folder .* received s3://\."),
        ("s3:///", ConfigError, r"such as s3://bucket/folder .* received s3:///\."),
        ("file:///", ConfigError, r"received file:///\."),
        ("s3:/bucket/x", ConfigError, r"with two slashes; received s3:/bucket/x\."),
        ("simplecache::s3://bucket/x", ConfigError, "with two slashes"),
        ("nonsense://place", ConfigError, "a store that keeps what is written"),
        ("memory://place", ConfigError, "a store that keeps what is written"),
        ("https://host/place", ConfigError, "a store that keeps what is written"),
        ("data://host/place", ConfigError, "a store that keeps what is written"),
        ("gs://bucket/studies", MissingExtraError, "pip install gcsfs"),
        ("s3://user:hidden@bucket/studies", ConfigError, "without credentials"),
    ],
)
def test_places_that_cannot_be_used_are_refused(
    url: str, place: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store_module, "_FIRST_PATIENCE_SECONDS", 120)
    began = time.monotonic()
    with pytest.raises(error, match=message) as caught, studies_at(place, NAME, mode="write"):
        pass
    assert time.monotonic() - began < 60, "not tried again"
    assert "hidden" not in str(caught.value)
    assert ".." not in str(caught.value)


def test_a_server_that_is_no_url_is_refused_at_once(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    monkeypatch.setattr(store_module, "_FIRST_PATIENCE_SECONDS", 120)
    began = time.monotonic()
    with (
        pytest.raises(StorageError, match=r"nonsense\. .*AWS_ENDPOINT_URL"),
        studies_at(url, NAME),
    ):
        pass
    assert time.monotonic() - began < 60, "not tried again"


def test_what_is_refused_names_the_store_and_says_nothing_of_uploads(
    url: str, capsys: pytest.CaptureFixture[str]
):
    refused = pytest.raises(StudyError, match=re.escape(f"{url}/{NAME}: nothing"))
    with refused, studies_at(url, NAME, mode="write") as root:
        raise StudyError(f"{root / NAME}: nothing")
    assert capsys.readouterr().err == ""


def test_who_may_only_look_may_look(
    url: str, server: ObjectServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    with studies_at(url, NAME, mode="write") as root:
        make_study(root)
    elsewhere(monkeypatch, tmp_path, "reader")
    for name, value in server.reader.items():
        monkeypatch.setenv(name, value)
    with studies_at(url, NAME) as root:
        assert (root / NAME / "optuna.db").exists()
    with (
        pytest.raises(StorageError, match="Credentials come from the environment") as caught,
        studies_at(url, NAME, mode="write"),
    ):
        pass
    assert READER_SECRET not in str(caught.value)


def test_a_store_that_does_not_answer_is_told_soon(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with (
        pytest.raises(StorageError, match=r"See that the network is up and the store runs"),
        studies_at(url, NAME, lease_seconds=2),
    ):
        pass


def test_a_write_of_which_the_store_takes_no_more_ends(
    url: str, server: ObjectServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store_module, "_SLOWEST_WRITE", 10_000_000)
    store = ObjectStore(url, patience_seconds=2)
    store.write("small", b"")
    with server.suspended():
        began = time.monotonic()
        with pytest.raises(StorageError, match="could not write large"):
            store.write("large", bytes(30_000_000))  # more than a connection holds by itself
        assert time.monotonic() - began < 20
    assert store.write("large", bytes(100)).size == 100


def test_a_path_is_left_as_it_is(tmp_path: Path):
    with studies_at(tmp_path, NAME, mode="write") as root:
        assert root == tmp_path
    assert list(tmp_path.iterdir()) == []


# Who has a study


def test_one_holds_a_study_until_it_gives_it_back(url: str):
    store = ObjectStore(url)
    # Written by a process of another machine, as far as anyone can tell.
    first, second = (Lease(store, NAME, seconds=60) for _ in range(2))
    assert first.take() is None
    with pytest.raises(StudyError, match=rf"process {os.getpid()} of .* has this study since"):
        second.take()
    first.renew()
    first.release()
    assert second.take() == first.session
    with pytest.raises(StudyError, match="another command has taken this study"):
        first.renew()
    first.release()  # of no effect: it is not its own any more
    second.renew()
    assert len(store.list(f"{NAME}/{lease.FOLDER}")) == 1, "one object, however often it changes"


def test_a_silent_holder_loses_the_study(url: str):
    store = ObjectStore(url)
    first, second = (Lease(store, NAME, seconds=1) for _ in range(2))
    first.take()
    time.sleep(2.5)  # the store's times are whole seconds
    second.take()
    with pytest.raises(StudyError, match="silent for more than 1 seconds"):
        first.require()


def test_a_holder_that_died_on_this_machine_is_not_waited_for(url: str):
    store = ObjectStore(url)
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    dead = dataclasses.replace(Holder.myself(600), process=done.pid, born="1")
    store.write(f"{NAME}/{lease.FOLDER}/00000007.json", dead.to_bytes())
    mine = Lease(store, NAME, seconds=600)
    assert mine.take() == dead.session


def test_a_holder_of_this_machine_known_to_be_over_is_not_waited_for(url: str):
    store = ObjectStore(url)
    first, second = (Lease(store, NAME, seconds=600) for _ in range(2))
    first.take()
    with pytest.raises(StudyError, match="has this study since"):
        second.take(ended=["another"])
    assert second.take(ended=[first.session]) == first.session
    elsewhere = dataclasses.replace(Holder.myself(600), machine="another")
    store.write(f"{NAME}/{lease.FOLDER}/00000007.json", elsewhere.to_bytes())
    with pytest.raises(StudyError, match="has this study since"):
        first.take(ended=[elsewhere.session])


def test_a_study_that_never_began_leaves_nothing(url: str):
    with pytest.raises(ConfigError, match="refused"), studies_at(url, NAME, mode="write"):
        raise ConfigError("refused before anything was written")
    assert ObjectStore(url).list(NAME) == {}


def test_one_command_of_a_machine_writes_a_study(url: str):
    with (
        studies_at(url, NAME, mode="write"),
        pytest.raises(StudyError, match="a command on this machine is writing this study"),
        studies_at(url, NAME, mode="write"),
    ):
        pass


# The mirror


def test_a_study_is_the_same_elsewhere(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with studies_at(url, NAME, mode="write") as root:
        study = make_study(root)
        trial = begin(study, root)
        save(root, 0, "saved")
        (root / NAME / "lock").touch()
        (root / NAME / "trials/0000/.unfinished.tmp").touch()
        (root / NAME / "trials/0000/checkpoint.previous.npz").touch()
        end(study, root, trial)
        begin(study, root)
    here = root
    elsewhere(monkeypatch, tmp_path, "other")
    with studies_at(url, NAME) as root:
        assert root != here
        there = sorted(str(p.relative_to(root / NAME)) for p in (root / NAME).rglob("*.*"))
        assert there == [
            "optuna.db", "search_space.yaml", "study.json", "trials/0000/checkpoint.npz",
            "trials/0000/config.yaml", "trials/0000/generator.keras",
            "trials/0000/history.jsonl", "trials/0000/outcome.json", "trials/0001/config.yaml",
            "trials/0001/history.jsonl",
        ]  # fmt: skip
        assert states(root / NAME / "optuna.db") == {0: "COMPLETE", 1: "RUNNING"}
    elsewhere(monkeypatch, tmp_path, "third")
    with studies_at(url, mode="all") as root:
        assert not list(root.rglob("*.npz")), "networks stay there for who looks at facts alone"
        assert (root / NAME / "trials/0000/outcome.json").exists()


def test_only_what_changed_travels(url: str, tmp_path: Path):
    mirror = Mirror(ObjectStore(url), tmp_path / "here", NAME)
    other = Mirror(ObjectStore(url), tmp_path / "there", NAME)
    with contextlib.closing(mirror), contextlib.closing(other):
        study = make_study(tmp_path / "here")
        begin(study, tmp_path / "here")
        save(tmp_path / "here", 0, "one")
        upload = Upload(mirror)
        upload.run()
        assert upload.objects == 7  # two of the study, its database, four of the trial
        upload.run(final=True)
        assert upload.objects == 7
        other.pull(keeps_own=False)
        copied = (tmp_path / "there" / NAME / "study.json").stat()
        save(tmp_path / "here", 0, "two")
        (tmp_path / "here" / NAME / "trials/0000/generator.keras").unlink()
        upload.run()
        assert upload.objects == 9, "the checkpoint, and the history that goes with it"
        other.pull(keeps_own=False)
    folder = tmp_path / "there" / NAME
    assert (folder / "study.json").stat() == copied
    assert (folder / "trials/0000/checkpoint.npz").read_text() == "two"
    assert (folder / "trials/0000/history.jsonl").read_text() == "begun\none\ntwo\n"
    assert not (folder / "trials/0000/generator.keras").exists()


class Cut(Exception):  # noqa: N818 - not an error: the plug is pulled
    pass


class CutStore(ObjectStore):
    """Pull the plug before a write of a certain number."""

    left = 10**6

    def write(self, path: str, content: bytes) -> Stored:
        if self.left == 0:
            raise Cut
        self.left -= 1
        return super().write(path, content)


def check_sound(folder: Path) -> None:
    """Check what whoever goes on with a study relies on."""
    if not (folder / "study.json").exists():
        assert not (folder / "optuna.db").exists()
        assert not (folder / "trials").exists()
        return
    assert (folder / "search_space.yaml").exists()
    known = states(folder / "optuna.db") if (folder / "optuna.db").exists() else {}
    for trial in folder.glob("trials/*"):
        number = int(trial.name)
        if (trial / "config.yaml").exists():
            assert number in known, "the database has every trial that has a folder"
        if (trial / "outcome.json").exists():
            assert (trial / "config.yaml").exists()
            assert (trial / "generator.keras").read_text() == "end"
        if (trial / "checkpoint.npz").exists():
            saved = (trial / "checkpoint.npz").read_text()
            assert saved in (trial / "history.jsonl").read_text(), "told of before it was saved"
    for number, state in known.items():
        if state == "COMPLETE":
            assert (folder / f"trials/{number:04d}/outcome.json").exists(), "the order of truth"


def stages(tmp_path: Path) -> list[Path]:
    """Return a study as an upload may find it three times in a row."""
    root = tmp_path / "work"
    found = []

    def keep() -> None:
        found.append(shutil.copytree(root / NAME, tmp_path / f"stage-{len(found)}"))

    study = make_study(root)
    first = begin(study, root)
    keep()
    save(root, 0, "middle")
    keep()
    save(root, 0, "end")
    end(study, root, first)
    second = begin(study, root)
    save(root, 1, "end")
    end(study, root, second)
    begin(study, root)  # between two looks one ended, one came and went, one began
    keep()
    return found


def test_wherever_an_upload_is_cut_off_the_study_is_sound(url: str, tmp_path: Path):
    store = CutStore(url)
    found = stages(tmp_path)
    complete = False
    for writes in range(30):
        store.left = writes
        name = f"{NAME}-{writes}"
        with contextlib.closing(Mirror(store, tmp_path / "here", name)) as mirror:
            upload = Upload(mirror)
            with contextlib.suppress(Cut):
                for stage in found:
                    shutil.copytree(stage, mirror.folder, dirs_exist_ok=True)
                    upload.run()
                upload.run(final=True)
                complete = True
        with contextlib.closing(Mirror(store, tmp_path / "there", name)) as copy:
            copy.pull(keeps_own=False)
        check_sound(tmp_path / "there" / name)
        if complete:
            break
    assert complete
    assert writes > 12, "there was something to cut"


def test_what_was_not_uploaded_is_kept_if_nobody_went_on(url: str, tmp_path: Path):
    kill_within(url, tmp_path, "late")
    with studies_at(url, NAME, mode="write") as root:
        assert (root / NAME / "late").read_text() == "written just before the end"
    assert ObjectStore(url).read(f"{NAME}/late") == b"written just before the end"


def kill_within(url: str, tmp_path: Path, late: str) -> None:
    """Write a study in a process that dies before it has uploaded everything."""
    script = (
        "import os, time\n"
        "from harness.search.object_store import session\n"
        "from harness.search.object_store.opening import studies_at\n"
        "session._LOOK_SECONDS = 0.1\n"
        f"with studies_at({url!r}, {NAME!r}, mode='write') as root:\n"
        f"    folder = root / {NAME!r}\n"
        "    folder.mkdir()\n"
        "    (folder / 'search_space.yaml').touch()\n"
        "    (folder / 'study.json').write_text('{}')\n"
        "    time.sleep(1)\n"
        "    session.Upload.run = lambda *_, **__: None\n"
        f"    (folder / {late!r}).write_text('written just before the end')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert "study.json" in ObjectStore(url).list(NAME)
    assert late not in ObjectStore(url).list(NAME)


def test_what_was_not_uploaded_is_set_aside_if_another_went_on(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    kill_within(url, tmp_path, "late")
    first = os.environ["HARNESS_CACHE_DIR"]
    elsewhere(monkeypatch, tmp_path, "other")
    with studies_at(url, NAME, mode="write") as root:
        (root / NAME / "note").write_text("went on")
    monkeypatch.setenv("HARNESS_CACHE_DIR", first)
    with contextlib.ExitStack() as stack:
        with pytest.warns(UserWarning, match="went on elsewhere"):
            root = stack.enter_context(studies_at(url, NAME))
        assert (root / NAME / "note").read_text() == "went on"
        assert not (root / NAME / "late").exists()
        (aside,) = (root / ".set-aside").iterdir()
        assert (aside / "late").read_text() == "written just before the end"


def test_a_mirror_that_was_removed_is_brought_again(url: str):
    with studies_at(url, NAME, mode="write") as root:
        make_study(root)
    shutil.rmtree(root / NAME)
    with studies_at(url, NAME, mode="write") as root:
        assert (root / NAME / "optuna.db").exists()


def test_removing_the_mirror_at_work_removes_nothing_there(url: str):
    with studies_at(url, NAME, mode="write") as root:
        make_study(root)
    with (
        pytest.raises(StorageError, match="was removed while it was in use"),
        studies_at(url, NAME, mode="write") as root,
    ):
        shutil.rmtree(root / NAME)
    assert "study.json" in ObjectStore(url).list(NAME)


def test_a_study_is_removed_from_the_store(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    with studies_at(url, NAME, mode="write") as root:
        make_study(root)
    elsewhere(monkeypatch, tmp_path, "other")
    with studies_at(url, NAME) as root:
        assert (root / NAME).exists()
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    with studies_at(url, NAME, mode="remove") as root:
        shutil.rmtree(root / NAME)
    assert ObjectStore(url).list(NAME) == {}
    elsewhere(monkeypatch, tmp_path, "other")
    with contextlib.ExitStack() as stack:
        with pytest.warns(UserWarning, match=r"is no more\. What this machine had of it is kept"):
            root = stack.enter_context(studies_at(url, NAME))
        assert not (root / NAME / "study.json").exists()
        (aside,) = (root / ".set-aside").iterdir()
        assert (aside / "optuna.db").exists(), "it may be the last copy"


def test_what_is_no_study_is_left_alone(url: str):
    ObjectStore(url).write(f"{NAME}/thesis.tex", b"years of work")
    for mode in ("read", "write"):
        with (
            pytest.raises(StudyError, match=r"is no study but holds thesis\.tex"),
            studies_at(url, NAME, mode=mode),
        ):
            pass
    with studies_at(url, mode="all") as root:
        assert not (root / NAME).exists()


def test_who_reads_beside_a_writer_of_this_machine_sees_what_it_sees(url: str):
    with studies_at(url, NAME, mode="write") as root:
        make_study(root)
        (root / NAME / "note").write_text("not uploaded yet")
        with studies_at(url, NAME) as same:
            assert (same / NAME / "note").read_text() == "not uploaded yet"


def test_an_upload_that_fails_stops_the_work_and_loses_nothing(
    url: str, server: ObjectServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session, "_LOOK_SECONDS", 0.1)

    def work() -> None:
        with studies_at(url, NAME, mode="write", lease_seconds=3) as root:
            make_study(root)
            with server.suspended():
                (root / NAME / "note").write_text("while the network was gone")
                time.sleep(TIMEOUT_SECONDS)  # cut short as by Ctrl-C
                pytest.fail("nobody stopped the work")

    with pytest.raises(StorageError, match=r"(?s)could not .* Nothing is lost: .* uploads it"):
        work()
    with studies_at(url, NAME, mode="write") as root:
        assert (root / NAME / "note").exists()
    assert ObjectStore(url).read(f"{NAME}/note") == b"while the network was gone"


def test_a_short_cut_is_waited_out(
    url: str, server: ObjectServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session, "_LOOK_SECONDS", 0.1)
    with studies_at(url, NAME, mode="write", lease_seconds=20) as root:
        make_study(root)
        with server.suspended():
            (root / NAME / "note").write_text("while the network was gone")
            time.sleep(3)
    assert ObjectStore(url).read(f"{NAME}/note") == b"while the network was gone"


# Commands


@dataclasses.dataclass(frozen=True)
class Machine:
    """Run commands with a cache of their own.

    Args:
        commands: What runs them.
        cwd: Where.
        variables: What the environment says of the store.
    """

    commands: Commands
    cwd: Path
    variables: dict[str, str]

    def run(self, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        process = self.start(name, *arguments)
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        return subprocess.CompletedProcess([], process.returncode, out, err)

    def start(self, name: str, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", f"harness.{name}", *map(str, arguments)],
            cwd=self.cwd,
            env=self.commands.environment | self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def mirror(self) -> Path:
        (found,) = (Path(self.variables["HARNESS_CACHE_DIR"]) / "object_stores").iterdir()
        return found


@pytest.fixture
def machine(
    url: str, server: ObjectServer, commands: Commands, tmp_path: Path
) -> Callable[[str], Machine]:
    def make(name: str) -> Machine:
        (tmp_path / name).mkdir()
        # The statistics of the data are the same for all: they need not be computed again.
        cache = tmp_path / name / "cache"
        known = commands.home / ".cache" / "gan-sweep-harness"
        cache.mkdir()
        for file in known.glob("*.bin"):
            shutil.copy(file, cache)
        variables = server.environment | {"HARNESS_CACHE_DIR": str(cache)}
        return Machine(commands, tmp_path / name, variables)

    return make


def write_space(folder: Path, rungs: list[float]) -> list[object]:
    fixed = {name: {"value": value} for name, value in GOOD.items()}
    record = SPACE | {
        "name": NAME,
        "parameters": SPACE["parameters"] | fixed | {"batch_size": {"choices": [32, 64]}},
        "budget": {"rungs_kimg": rungs},
        "pruner": {"name": "none"},
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(record))))
    return ["--search-space", "./small.yaml", "--workers", 1, "--tracker", "jsonl"]


@pytest.mark.slow
def test_a_sweep_goes_on_elsewhere_after_its_machine_was_lost(
    machine: Callable[[str], Machine], url: str
):
    one, two = machine("one"), machine("two")
    rest = ["--trials", 2, "--studies-dir", url, "--checkpoint-seconds", 1]
    process = one.start("sweep", *write_space(one.cwd, [1, 12]), *rest, "--lease-seconds", 2)
    store = ObjectStore(url)
    wait_until(lambda: saved_kimg(store, "0001", two.cwd) >= 1, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    shutil.rmtree(one.cwd)
    before = {path: each for path, each in store.list(NAME).items() if "trials/0000" in path}
    assert "trials/0000/outcome.json" in before
    assert states_there(store, two.cwd)[1] == "RUNNING"
    saved = saved_kimg(store, "0001", two.cwd)
    began = [kimg for kimg in kimg_of(store, "0001") if kimg <= saved]
    done = two.run("sweep", *write_space(two.cwd, [1, 12]), *rest)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 complete" in done.stdout
    assert f"--studies-dir {url}" in done.stdout, "what to do next names the store"
    assert "uploaded" in done.stderr
    assert states_there(store, two.cwd) == dict.fromkeys(range(2), "COMPLETE")
    after = store.list(NAME)
    assert {path: after[path] for path in before} == before, "what had ended was left alone"
    told = [kimg for kimg in kimg_of(store, "0001") if kimg <= saved]
    assert told == began, "went on from its checkpoint"
    for number in range(2):
        kimg = kimg_of(store, f"{number:04d}")
        assert kimg == sorted(set(kimg)), "told once"
        assert kimg[-1] >= 12
    files = [path for path in two.mirror.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert SECRET not in done.stdout + done.stderr


def states_there(store: ObjectStore, place: Path) -> dict[int, str]:
    file = place / "copy.db"
    assert store.fetch(f"{NAME}/optuna.db", file)
    return states(file)


def saved_kimg(store: ObjectStore, trial: str, place: Path) -> float:
    """Return where a trial's checkpoint in the store stands; 0 where there is none."""
    time.sleep(0.5)  # asked again and again
    file = place / "copy.npz"
    if not store.fetch(f"{NAME}/trials/{trial}/checkpoint.npz", file):
        return 0.0
    kimg: float = load_checkpoint(file)[1]["kimg"]
    return kimg


def kimg_of(store: ObjectStore, trial: str) -> list[float]:
    content = (store.read(f"{NAME}/trials/{trial}/history.jsonl") or b"").decode()
    records = [json.loads(line) for line in content.splitlines()]
    return [each["kimg"] for each in records if each["event"] == "progressed"]


def test_a_sweep_without_its_bucket_refuses_in_one_message(
    machine: Callable[[str], Machine], url: str
):
    here = machine("here")
    bucket = urllib.parse.urlsplit(url).netloc
    done = here.run("studies", "list", "--studies-dir", url.replace(bucket, "no-such-bucket"))
    assert "Create the bucket" in the_one_message(done)
    done = here.run("studies", "show", "other", "--studies-dir", url)
    assert "no study named 'other'" in the_one_message(done)


@pytest.mark.slow
def test_what_a_sweep_found_is_confirmed_reported_and_exported_elsewhere(
    machine: Callable[[str], Machine], url: str
):
    one, two = machine("one"), machine("two")
    place = ["--studies-dir", url]
    for where, command, *arguments in (
        (one, "sweep", *write_space(one.cwd, [1, 2]), "--trials", 2, *place),
        (one, "sweep", *write_space(one.cwd, [1, 2]), "--trials", 3, "--fork", "forked", *place),
        (two, "doctor", "--study", NAME, "--tracker", "jsonl", *place),
        (two, "confirm", "--study", NAME, "--top", 1, "--seeds", 1, "--tracker", "jsonl", *place),
        (two, "report", "--study", NAME, *place),
        (two, "export", "--study", NAME, *place),
        (one, "train", "--from", f"{NAME}:0", "--kimg", 3, "--tracker", "none", *place),
        (one, "doctor", "--study", "forked", "--tracker", "jsonl", "--repair", *place),
        (two, "studies", "rm", "forked", "--yes", *place),
    ):
        done = where.run(command, *arguments)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    store = ObjectStore(url)
    assert "export/generator.keras" in store.list(NAME)
    assert "confirmation/result.json" in store.list(NAME)
    assert store.list("forked") == {}, "nothing is left of what was removed"


@pytest.mark.slow
def test_a_sweep_ends_in_one_message_when_the_store_is_gone_and_then_goes_on(
    machine: Callable[[str], Machine], url: str, server: ObjectServer
):
    here = machine("here")
    rest = [*write_space(here.cwd, [1, 30]), "--trials", 2, "--studies-dir", url]
    process = here.start("sweep", *rest, "--lease-seconds", 10)
    store = ObjectStore(url)
    wait_until(lambda: saved_kimg(store, "0000", here.cwd) >= 1, process)
    with server.suspended():
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    said = the_one_message(subprocess.CompletedProcess([], process.returncode, out, err))
    assert "Nothing is lost" in said
    done = here.run("sweep", *rest)
    assert done.returncode == 0, done.stdout + done.stderr
    assert states_there(store, here.cwd) == dict.fromkeys(range(2), "COMPLETE")

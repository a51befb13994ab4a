"""Sweep over a generator of the user's own, as a user does, and look at what becomes of it."""

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

from harness.gan.sampling import load_generator
from harness.space.space import SearchSpace
from harness.study.leaderboard import read_entries
from tests.support.commands import Commands, the_one_message

NET = """
import math
import pathlib

import keras

with pathlib.Path("imports.log").open("a") as log:
    log.write("imported\\n")


def build(config, image_shape, num_classes):
    noise = keras.Input((config.generator.latent_dim,), name="noise")
    label = keras.Input((), dtype="int32", name="label")
    x = keras.layers.Concatenate()([noise, keras.layers.Embedding(num_classes, 4)(label)])
    x = keras.layers.Dense(config.generator.width, "relu")(x)
    x = keras.layers.Dense(math.prod(image_shape), config.generator.output)(x)
    return keras.Model({"noise": noise, "label": label}, keras.layers.Reshape(image_shape)(x))
"""
SPACE = {
    "name": "own",
    "dataset": "fashion_mnist",
    "parameters": {
        "batch_size": {"value": 64},
        "generator.name": {"value": "nets/net.py:build"},
        "generator.latent_dim": {"value": 8},
        "generator.width": [{"when": {"generator.name": "nets/net.py:build"}, "choices": [8, 16]}],
        "discriminator.name": {"value": "mlp"},
        "discriminator.width": {"value": 16},
        "discriminator.depth": {"value": 1},
    },
    "budget": {"rungs_kimg": [1]},
    "protocol": {"num_images": 1000},
}
NAME = f"net.py:build@{hashlib.sha256(NET.encode()).hexdigest()}"
SWEEP = ("sweep", "--search-space", "own.yaml", "--trials", 1, "--workers", 1, "--tracker", "none")


def write_space(folder: Path, source: str = NET) -> None:
    (folder / "nets").mkdir(exist_ok=True)
    (folder / "nets" / "net.py").write_text(source)
    (folder / "own.yaml").write_text(yaml.safe_dump(SPACE))


@pytest.fixture(scope="module")
def swept_own(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a study of one trial was made. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("own")
    write_space(folder)
    result = commands.run(*SWEEP, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_a_study_trains_the_users_generator_and_keeps_its_file(swept_own: Path):
    study = swept_own / "studies" / "own"
    (entry,) = read_entries(study)
    assert (entry.outcome.state.value, entry.config.family) == ("complete", "net.py:build")
    assert entry.config.generator.name == NAME
    assert (study / "functions" / "net.py").read_text() == NET
    # 8 noise and 4 embedded numbers to `width` units, those to 784 pixels; 10 classes.
    width = entry.config.generator.width
    model = load_generator(entry.folder.generator_file)
    assert model.count_params() == (12 + 1) * width + (width + 1) * 784 + 10 * 4


def test_the_stored_space_means_the_same_and_finds_the_copy(swept_own: Path):
    given = SearchSpace.load(str(swept_own / "own.yaml"))
    stored = SearchSpace.load(str(swept_own / "studies" / "own" / "search_space.yaml"))
    assert given.diff(stored) == []
    assert given.sha256 == stored.sha256
    assert given.files == stored.files
    assert len(stored.files) == 1


@pytest.mark.slow
def test_a_changed_file_is_refused_with_the_difference(
    swept_own: Path, commands: Commands, tmp_path: Path
):
    shutil.copytree(swept_own, tmp_path, dirs_exist_ok=True)
    write_space(tmp_path, NET + "# changed\n")
    message = the_one_message(commands.run(*SWEEP, cwd=tmp_path))
    changed = hashlib.sha256((NET + "# changed\n").encode()).hexdigest()
    assert f"parameters.generator.name: {{'value': '{NAME}'}} -> " in message
    assert f"net.py:build@{changed}" in message


@pytest.mark.slow
def test_only_what_trains_imports_the_file(swept_own: Path, commands: Commands, tmp_path: Path):
    shutil.copytree(swept_own, tmp_path, dirs_exist_ok=True)
    log = tmp_path / "imports.log"
    before = log.read_text()
    for name, *options in (
        ("studies", "list"),
        ("export", "--study", "own"),
        ("doctor", "--study", "own"),
        ("sweep", "--help"),
    ):
        result = commands.run(name, *options, cwd=tmp_path)
        assert result.returncode == 0, result.stdout + result.stderr
    assert log.read_text() == before
    (tmp_path / "nets" / "net.py").unlink()  # the study has its own
    train = ("train", "--from", "own", "--kimg", "1.2", "--tracker", "none", "--out", "further")
    result = commands.run(*train, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(log.read_text()) > len(before)
    assert (tmp_path / "further" / "functions" / "net.py").read_text() == NET
    further = ("train", "--continue", "further", "--kimg", "1.4", "--tracker", "none")
    result = commands.run(*further, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    (tmp_path / "studies" / "own" / "functions" / "net.py").write_text("# another")
    message = the_one_message(commands.run(*train[:-1], "again", cwd=tmp_path))
    assert "net.py:build: the file must have the SHA-256" in message
    assert not (tmp_path / "again").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["sweep", "train"])
def test_a_broken_function_is_one_message_and_nothing_is_written(
    command: str, commands: Commands, tmp_path: Path
):
    write_space(tmp_path, NET.replace("return keras.Model", "return list"))
    (tmp_path / "gan.yaml").write_text("generator: {name: nets/net.py:build}")
    train = ("train", "--config", "gan.yaml", "--kimg", 1, "--tracker", "none", "--out", "out")
    result = commands.run(*(SWEEP if command == "sweep" else train), cwd=tmp_path)
    message = the_one_message(result)
    assert "net.py:build: raised TypeError at net.py:17: list expected at most 1" in message
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "studies").exists()


def test_a_missing_file_is_one_message_before_anything_is_loaded(
    commands: Commands, tmp_path: Path
):
    write_space(tmp_path)
    (tmp_path / "nets" / "net.py").rename(tmp_path / "nets" / "nets.py")
    message = the_one_message(commands.run(*SWEEP, cwd=tmp_path))
    assert "own.yaml: nets/net.py:build: there is no file nets/net.py" in message
    assert "Did you mean 'nets.py'?" in message

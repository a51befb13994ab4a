"""Refuse keys that are called otherwise now, wherever a configuration is read."""

import dataclasses
import json
from pathlib import Path

import pytest
import yaml

from harness.core.errors import ConfigError, HarnessError, StorageError
from harness.gan.config.config import GANConfig
from harness.gan.config.renamed_keys import RENAMED_KEYS, renamed_fault
from harness.gan.presets import load_config
from harness.space.enqueue import load_enqueued
from harness.space.fields import FIELDS
from harness.space.space import SearchSpace
from harness.training.checkpoint import load_checkpoint, save_checkpoint
from harness.training.earlier_training import read_training
from harness.training.job import WorkerSetup
from harness.training.standalone import prepare, standalone_job
from harness.training.training_folder import TrainingFolder

OLD = {
    "regulariser": {"name": "r1", "weight": 1.0},
    "generator": {"normalisation": "none"},
    "discriminator": {"normalisation": "none", "spectral_normalisation": False},
}
ALL = (
    r"has 5 faults:\n"
    r"  - regulariser\.name is now called regularizer\.name\.\n"
    r"  - regulariser\.weight is now called regularizer\.weight\.\n"
    r"  - generator\.normalisation is now called generator\.normalization\.\n"
    r"  - discriminator\.normalisation is now called discriminator\.normalization\.\n"
    r"  - discriminator\.spectral_normalisation is now called "
    r"discriminator\.spectral_normalization\.$"
)


def space(parameters: dict) -> dict:
    return {
        "name": "mine",
        "dataset": "fashion_mnist",
        "parameters": parameters,
        "budget": {"rungs_kimg": [1, 2]},
    }


def test_new_keys_exist_and_old_ones_do_not():
    for old, new in RENAMED_KEYS.items():
        assert any(name == new or name.startswith(f"{new}.") for name in FIELDS)
        assert not any(name == old or name.startswith(f"{old}.") for name in FIELDS)
    assert renamed_fault("regularizer.weight") is None
    assert renamed_fault("regularisers.weight") is None


def test_a_configuration_file_is_refused(tmp_path: Path):
    path = tmp_path / "my.yaml"
    path.write_text("regulariser: {weight: 2.0}\n")
    message = r"my\.yaml: regulariser\.weight is now called regularizer\.weight\.$"
    with pytest.raises(ConfigError, match=message):
        load_config(path)
    path.write_text(yaml.safe_dump(OLD, sort_keys=False))
    with pytest.raises(ConfigError, match=f"my.yaml {ALL}"):
        load_config(path)


def test_a_search_space_is_refused(tmp_path: Path):
    path = tmp_path / "my.yaml"
    parameters = {
        "regulariser.name": {"choices": ["none", "r1"]},
        "regulariser.weight": [
            {"value": 0.0, "when": {"regulariser.name": "none"}},
            {"value": 10.0, "when": {"regulariser.name": "r1"}},
        ],
    }
    path.write_text(yaml.safe_dump(space(parameters), sort_keys=False))
    with pytest.raises(ConfigError) as caught:
        SearchSpace.load(str(path))
    assert str(caught.value) == (
        f"{path} has 2 faults:\n"
        f"  - regulariser.name is now called regularizer.name.\n"
        f"  - regulariser.weight is now called regularizer.weight."
    )


def test_so_are_its_conditions_and_enqueued_configurations(tmp_path: Path):
    parameters = {
        "regularizer.name": {"choices": ["none", "r1"]},
        "regularizer.weight": {"value": 0.0, "when": {"regulariser.name": "none"}},
    }
    with pytest.raises(ConfigError, match=r"regulariser\.name is now called regularizer\.name\."):
        SearchSpace.from_dict(space(parameters), source="my.yaml")
    sound = SearchSpace.from_dict(
        space({"generator.width": {"choices": [8, 16]}}), source="my.yaml"
    )
    path = tmp_path / "enqueued.yaml"
    path.write_text("- {regulariser: {name: none}}\n")
    with pytest.raises(ConfigError, match=r"regulariser\.name is now called regularizer\.name\."):
        load_enqueued(path, sound.parameters)


def test_the_record_of_a_training_is_refused(tmp_path: Path):
    job = standalone_job(GANConfig(), TrainingFolder(tmp_path / "one"), 4.0)
    record = prepare(job, WorkerSetup())
    file = job.folder.path / "training.json"
    file.write_text(json.dumps(record | {"config": OLD}))
    before = file.read_bytes()
    with pytest.raises(HarnessError, match=rf"training\.json {ALL}"):
        read_training(job.folder.path)
    with pytest.raises(HarnessError, match=rf"training\.json {ALL}"):
        prepare(job, WorkerSetup())
    assert file.read_bytes() == before


def test_a_checkpoint_is_refused_and_kept(tmp_path: Path, fashion_mnist):
    from harness.gan.trainer import Trainer
    from harness.training.resume import Position, restore, save

    config = GANConfig.model_validate(
        {
            "generator": {"name": "mlp", "latent_dim": 4, "width": 4, "depth": 1},
            "discriminator": {"name": "mlp", "width": 4, "depth": 1},
        }
    )
    job = standalone_job(config, TrainingFolder(tmp_path / "one"), 4.0)
    images = fashion_mnist.train
    trainer = Trainer(config, images.images[:100], images.labels[:100], fashion_mnist.num_classes)
    save(job, trainer, Position.at_start(job))
    file = job.folder.checkpoint_file
    state, meta = load_checkpoint(file)
    save_checkpoint(file, state, meta | {"config": OLD})
    job.folder.previous_checkpoint_file.unlink()
    with pytest.raises(StorageError, match=rf"checkpoint\.npz {ALL}"):
        restore(dataclasses.replace(job), trainer)
    assert file.exists()

"""Read and write the folder of one training."""

from pathlib import Path

import pytest

from harness.core.errors import ConfigError, StorageError
from harness.core.outcome import Outcome, Reason, State
from harness.core.score import Protocol, Score
from harness.gan.config.config import GANConfig
from harness.gan.presets import PRESETS, load_preset
from harness.training.training_folder import TrainingFolder

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)


def outcome(reason: Reason) -> Outcome:
    return Outcome(reason, "why", 2.048, 3.0, Score(20.0, 2.048, 0, PROTOCOL))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_configuration_comes_back(tmp_path: Path, preset: str):
    folder = TrainingFolder(tmp_path / "0000")
    config = load_preset(preset).model_copy(update={"seed": 2**31 - 1})
    folder.write_config(config)
    assert folder.read_config() == config


def test_nothing_is_read_from_an_empty_folder(tmp_path: Path):
    folder = TrainingFolder(tmp_path / "0000")
    assert folder.read_config() is None
    assert folder.read_outcome() is None
    assert not folder.path.exists()


@pytest.mark.parametrize("content", ["batch_size: [", "batch_sise: 64\n", "- 1\n", ""])
def test_a_damaged_configuration_is_one_message(tmp_path: Path, content: str):
    folder = TrainingFolder(tmp_path)
    folder.config_file.write_text(content)
    with pytest.raises(ConfigError, match=r"config\.yaml: "):
        folder.read_config()


def test_an_outcome_comes_back(tmp_path: Path):
    folder = TrainingFolder(tmp_path)
    folder.write_outcome(outcome(Reason.FINISHED))
    assert folder.read_outcome() == outcome(Reason.FINISHED)


@pytest.mark.parametrize("content", ["{}", "[]", "null", '{"reason": "unheard of"}', '{"reason'])
def test_a_damaged_outcome_is_one_message(tmp_path: Path, content: str):
    folder = TrainingFolder(tmp_path)
    folder.outcome_file.write_text(content)
    with pytest.raises(StorageError, match=r"outcome\.json: expected "):
        folder.read_outcome()


def test_a_failed_training_loses_its_checkpoint(tmp_path: Path):
    for reason in Reason:
        folder = TrainingFolder(tmp_path / reason.value)
        folder.path.mkdir()
        folder.checkpoint_file.write_bytes(b"state")
        folder.previous_checkpoint_file.write_bytes(b"state")
        folder.write_outcome(outcome(reason))
        assert not folder.previous_checkpoint_file.exists()
        assert folder.checkpoint_file.exists() == (reason.state is not State.FAILED)


def test_networks_go_and_facts_stay(tmp_path: Path):
    folder = TrainingFolder(tmp_path)
    folder.write_config(GANConfig())
    folder.write_outcome(outcome(Reason.FINISHED))
    for file in (folder.checkpoint_file, folder.generator_file, folder.discriminator_file):
        file.write_bytes(b"state")
    folder.remove_networks()
    folder.remove_networks()  # what is gone may be asked to go
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "outcome.json"}


def test_grids_sort_by_kimg(tmp_path: Path):
    folder = TrainingFolder(tmp_path)
    kimg = [0.125, 0.25, 1.0, 2.5, 16.0, 256.0, 5000.0, 123456.0]
    names = [folder.grid_file(each).name for each in kimg]
    assert names == sorted(names)
    assert len(set(names)) == len(kimg)


def test_a_default_configuration_reads_back_whatever_its_defaults_become(tmp_path: Path):
    # Every field is written out, so that a later change of a default changes no stored study.
    folder = TrainingFolder(tmp_path)
    folder.write_config(GANConfig())
    written = folder.config_file.read_text()
    for field in GANConfig.model_fields:
        assert f"{field}:" in written

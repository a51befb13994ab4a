import pytest

from harness.errors import ConfigError
from harness.gan.config import GANConfig
from harness.gan.presets import PRESETS, load_config, load_preset


def test_the_four_presets_load():
    assert PRESETS == ("fashiongan", "mlp_cgan", "reference_dcgan", "tf_dcgan")
    for name in PRESETS:
        assert isinstance(load_preset(name), GANConfig)


def test_presets_train_by_the_rules_of_their_sources():
    mlp = load_preset("mlp_cgan")
    assert (mlp.batch_size, mlp.update.discriminator_batches) == (50, "sequential")
    assert mlp.generator.learning_rate == mlp.discriminator.learning_rate == 5e-5
    fashion = load_preset("fashiongan")
    assert (fashion.generator.learning_rate, fashion.discriminator.learning_rate) == (1e-4, 1e-5)
    assert fashion.update.fakes_in_inference_mode
    assert fashion.update.judge_in_inference_mode
    assert fashion.loss.label_noise == 0.15
    tutorial = load_preset("tf_dcgan")
    assert (tutorial.update.order, tutorial.batch_size) == ("simultaneous", 256)
    for preset in (mlp, fashion, tutorial):
        assert preset.ema.half_life_kimg == 0
    assert load_preset("reference_dcgan").ema.half_life_kimg > 0


def test_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"no preset 'mlp_gan'.*Did you mean 'mlp_cgan'"):
        load_preset("mlp_gan")


def test_a_file_takes_defaults_for_what_it_leaves_out(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("batch_size: 32\ngenerator: {width: 8}\n")
    config = load_config(path)
    assert config == GANConfig.model_validate({"batch_size": 32, "generator": {"width": 8}})


def load_text(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return load_config(path)


def test_all_faults_are_named_at_once(tmp_path):
    text = "batchsize: 32\ngenerator: {widht: 8, depth: 0}\nloss: {label_noise: much}\n"
    with pytest.raises(ConfigError, match=r"batchsize.*Did you mean 'batch_size'") as caught:
        load_text(tmp_path, text)
    message = str(caught.value)
    for part in ("generator.widht", "Did you mean 'width'", "generator.depth", "label_noise"):
        assert part in message


def test_contradictions_between_fields_are_named(tmp_path):
    text = "update: {order: simultaneous, discriminator_steps: 2}"
    with pytest.raises(ConfigError, match=r"own\.yaml.*update\.discriminator_steps must be 1"):
        load_text(tmp_path, text)
    text = "update: {order: simultaneous, judge_in_inference_mode: true}"
    with pytest.raises(ConfigError, match=r"must be false when update\.order is simultaneous"):
        load_text(tmp_path, text)


def test_a_file_that_holds_no_configuration_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"own\.yaml: must hold the fields.*received list"):
        load_text(tmp_path, "- 1")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
        load_config(tmp_path / "none.yaml")

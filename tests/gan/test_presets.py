import re
from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig
from harness.gan.monitor import Cadence, MonitorConfig
from harness.gan.networks.discriminators import build_discriminator
from harness.gan.networks.generators import build_generator
from harness.gan.presets import (
    PRESETS,
    load_config,
    load_preset,
    read_config,
    read_preset,
)

BUILDERS = (build_generator, build_discriminator)
FOLDER = Path(__file__).parents[2] / "search_spaces" / "presets"
# Weights of each layer that has any, for 28x28x1 images and 10 classes, generator and then
# discriminator. Dense: in x out + out; convolution: side^2 x in x out + out; batch normalization:
# 4 x channels. A layer without a bias lacks the last term.
LAYERS = {
    "mlp_cgan": (
        # 10x50; 100 -> 128 -> 256 -> 512 -> 1024 -> 784
        [500, 12_928, 33_024, 131_584, 525_312, 803_600],
        # 10x784; 1568 -> 512 -> 1024 -> 1024 -> 512 -> 1
        [7_840, 803_328, 525_312, 1_049_600, 524_800, 513],
    ),
    "fashiongan": (
        # 128 -> 6272; 2 of 25x128x128 + 128; 2 of 16x128x128 + 128; 16x128 + 1
        [809_088, 409_728, 409_728, 262_272, 262_272, 2_049],
        # 25x32 + 32, 25x32x64 + 64, ...; 28 - 4x4 = 12: 12x12x256 + 1
        [832, 51_264, 204_928, 819_456, 36_865],
    ),
    "tf_dcgan": (
        # 100x12544, 4x12544; 25x256x128, 4x128; 25x128x64, 4x64; 25x64: no biases
        [1_254_400, 50_176, 819_200, 512, 204_800, 256, 1_600],
        # 25x64 + 64; 25x64x128 + 128; 7x7x128 + 1
        [1_664, 204_928, 6_273],
    ),
    "keras_dcgan": (
        # 128 -> 6272; 16x128x128 + 128, 16x128x256 + 256, 16x256x512 + 512; 25x512 + 1
        [809_088, 262_272, 524_544, 2_097_664, 12_801],
        # 16x64 + 64, 16x64x128 + 128, 16x128x128 + 128; 4x4x128 + 1
        [1_088, 131_200, 262_272, 2_049],
    ),
    "keras_cgan": (
        # 138 -> 49x138; 16x138x128 + 128, 16x128x128 + 128; 49x128 + 1
        [939_918, 282_752, 262_272, 6_273],
        # 9x11x64 + 64, 9x64x128 + 128; 128 + 1
        [6_400, 73_856, 129],
    ),
    "keras_wgan_gp": (
        # 128x12544, 4x12544; 9x256x128, 4x128; 9x128x64, 4x64; 9x64: no biases
        [1_605_632, 50_176, 294_912, 512, 73_728, 256, 576],
        # 25x64 + 64, 25x64x128 + 128, ...; 2x2x512 + 1
        [1_664, 204_928, 819_456, 3_277_312, 2_049],
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_presets_have_the_layers_of_their_sources(name: str):
    config = load_preset(name)
    for build, expected in zip(BUILDERS, LAYERS[name], strict=True):
        layers = build(config, (28, 28, 1), 10).layers
        assert [n for n in (layer.count_params() for layer in layers) if n] == expected


@pytest.mark.parametrize("name", sorted({*PRESETS} - {"reference_dcgan"}))
def test_the_comment_of_a_preset_states_its_parameter_counts(name: str):
    config = load_preset(name)
    counts = [build(config, (28, 28, 1), 10).count_params() for build in BUILDERS]
    comment = " ".join((FOLDER / f"{name}.yaml").read_text().replace("\n#", "").split())
    stated = re.search(r"images: generator ([\d,]+)[^.]*? discriminator ([\d,]+)", comment)
    assert [int(number.strip(",").replace(",", "")) for number in stated.groups()] == counts


def test_the_presets_load():
    assert PRESETS == (
        "fashiongan",
        "keras_cgan",
        "keras_dcgan",
        "keras_wgan_gp",
        "mlp_cgan",
        "r3gan_tiny",
        "reference_dcgan",
        "tf_dcgan",
    )
    for name in PRESETS:
        assert isinstance(load_preset(name), GANConfig)


def test_presets_show_themselves_as_their_sources_do():
    assert read_preset("fashiongan").monitor == MonitorConfig(
        print_every="1 epoch", sample_every="1 epoch", discriminator_loss="mean"
    )
    mlp = read_preset("mlp_cgan").monitor
    assert mlp.print_every == Cadence(50, "batch")
    assert mlp.sample_every == Cadence(10, "epoch")
    assert read_preset("reference_dcgan").monitor == MonitorConfig()


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
        assert preset.optimizer.name == "adam"
        assert preset.loss.name == "non_saturating"
    assert [p.optimizer.beta_1 for p in (mlp, fashion, tutorial)] == [0.5, 0.9, 0.9]
    assert [p.generator.output for p in (mlp, fashion, tutorial)] == ["tanh", "sigmoid", "tanh"]
    assert (fashion.batch_size, fashion.update.discriminator_batches) == (128, "separate")
    assert tutorial.generator.learning_rate == tutorial.discriminator.learning_rate == 1e-4
    assert tutorial.update.discriminator_batches == "separate"
    for preset in (mlp, fashion, tutorial):
        assert preset.optimizer.beta_2 == 0.999
        assert preset.update.discriminator_steps == 1
        assert preset.loss.label_smoothing == 0
        assert preset.regularizer.name == "none"
    for preset in (mlp, tutorial):  # what fashiongan alone has
        assert preset.loss.label_noise == 0
        assert not preset.update.fakes_in_inference_mode
        assert not preset.update.judge_in_inference_mode
    assert [p.update.order for p in (mlp, fashion)] == ["alternating", "alternating"]


def test_the_presets_of_the_keras_documentation_train_by_its_rules():
    faces, digits, critic = (load_preset(f"keras_{name}") for name in ("dcgan", "cgan", "wgan_gp"))
    assert [p.batch_size for p in (faces, digits, critic)] == [32, 64, 512]
    assert [p.generator.learning_rate for p in (faces, digits, critic)] == [1e-4, 3e-4, 2e-4]
    assert [p.generator.output for p in (faces, digits, critic)] == ["sigmoid", "sigmoid", "tanh"]
    for preset in (faces, digits, critic):
        assert preset.discriminator.learning_rate == preset.generator.learning_rate
        assert preset.ema.half_life_kimg == 0
    assert [p.loss.label_noise for p in (faces, digits, critic)] == [0.05, 0, 0]
    for preset in (faces, digits):
        assert preset.loss.name == "non_saturating"
        assert (preset.optimizer.beta_1, preset.optimizer.beta_2) == (0.9, 0.999)
        assert preset.update.discriminator_batches == "joint"
        assert preset.update.discriminator_steps == 1
    for preset in (faces, digits, critic):
        assert preset.optimizer.name == "adam"
        assert preset.update.order == "alternating"
    assert critic.update.discriminator_batches == "separate"
    assert (critic.loss.name, critic.regularizer.name) == ("wasserstein", "gradient_penalty")
    assert (critic.regularizer.weight, critic.update.discriminator_steps) == (10.0, 3)
    assert (critic.optimizer.beta_1, critic.optimizer.beta_2) == (0.5, 0.9)
    drops = [
        layer.rate
        for layer in build_discriminator(critic, (28, 28, 1), 0).layers
        if hasattr(layer, "rate")
    ]
    assert drops == [0.3, 0.3, 0.2]


def test_r3gan_has_its_loss_both_penalties_and_no_normalization():
    preset = load_preset("r3gan_tiny")
    assert (preset.loss.name, preset.regularizer.name) == ("relativistic", "r1_r2")
    assert preset.generator.normalization == preset.discriminator.normalization == "none"
    assert (preset.family, preset.optimizer.beta_1) == ("resnet", 0.0)
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


def test_a_file_may_say_how_its_training_shows_itself(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("batch_size: 32\nmonitor: {print_every: 5 epochs, sample_every: 1 batch}\n")
    assert load_config(path) == GANConfig(batch_size=32)
    monitor = MonitorConfig(print_every=Cadence(5, "epoch"), sample_every=Cadence(1, "batch"))
    assert read_config(path).monitor == monitor


def test_faults_of_the_monitor_are_named_with_the_others(tmp_path):
    text = "batchsize: 32\nmonitor: {print_every: 5 images, sample: 1 epoch}"
    with pytest.raises(ConfigError, match="batchsize") as caught:
        load_text(tmp_path, text)
    for part in ("monitor.print_every", "such as `50 batches`", "'5 images'", "monitor.sample"):
        assert part in str(caught.value)

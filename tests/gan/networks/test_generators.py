import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from harness.core.errors import ConfigError
from harness.gan.networks.discriminators import build_discriminator
from harness.gan.networks.generators import GENERATORS, build_generator
from harness.gan.presets import load_preset

SHAPES = [(28, 28, 1), (32, 32, 3), (20, 12, 1)]


def latent(config, count=2):
    inputs = {"noise": np.ones((count, config.generator.latent_dim), np.float32)}
    if config.conditional:
        inputs["label"] = np.arange(count, dtype=np.int32)
    return inputs


@pytest.mark.parametrize(
    ("preset", "parameters", "trainable"),
    [
        # Dense 100-128-256-512-1024-784 with biases, and 10 x 50 label embeddings.
        ("mlp_cgan", 1_506_948, 1_506_948),
        ("fashiongan", 2_155_137, 2_155_137),
        # 2 x (12,544 + 128 + 64) moving statistics do not train.
        ("tf_dcgan", 2_330_944, 2_305_472),
    ],
)
def test_presets_have_the_published_parameter_counts(preset, parameters, trainable):
    generator = build_generator(load_preset(preset), (28, 28, 1), 10)
    assert generator.count_params() == parameters
    assert sum(int(np.prod(v.shape)) for v in generator.trainable_variables) == trainable


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_family_makes_images_of_the_shape(small_config, name, conditional, shape):
    config = small_config(conditional=conditional, generator={"name": name})
    generator = build_generator(config, shape, 3 if conditional else 0)
    images = np.asarray(generator(latent(config)))
    assert images.shape == (2, *shape)
    assert np.abs(images).max() <= 1
    assert generator.name == "generator"


@pytest.mark.parametrize("name", GENERATORS)
def test_the_label_changes_the_image(small_config, name):
    generator = build_generator(small_config(generator={"name": name}), (8, 8, 1), 3)
    zero, one = np.asarray(generator(latent(small_config())))
    assert np.abs(zero - one).max() > 1e-4


@pytest.mark.parametrize("name", GENERATORS)
def test_conditional_batch_normalization_alone_tells_the_label(small_config, name):
    settings = {"name": name, "conditioning": "conditional_batch"}
    generator = build_generator(small_config(generator=settings), (8, 8, 1), 3)
    zero, one = np.asarray(generator(latent(small_config())))
    np.testing.assert_allclose(zero, one, atol=1e-6)  # every class begins alike
    tables = [layer for layer in generator.layers if layer.name.endswith("_beta")]
    normalized = [type(layer).__name__ for layer in generator.layers].count("BatchNormalization")
    assert len(tables) == normalized > 0
    tables[-1].set_weights([np.arange(tables[-1].output_dim * 3.0).reshape(3, -1)])
    zero, one = np.asarray(generator(latent(small_config())))
    assert np.abs(zero - one).max() > 1e-4


@pytest.mark.parametrize("normalization", ["none", "layer", "group", "pixel"])
@pytest.mark.parametrize("name", GENERATORS)
def test_every_normalization_fits_every_family(small_config, name, normalization):
    config = small_config(generator={"name": name, "normalization": normalization})
    generator = build_generator(config, (8, 8, 3), 3)
    images = np.asarray(generator(latent(config)))
    assert np.isfinite(images).all()
    kinds = {"layer": "GroupNormalization", "group": "GroupNormalization"}
    kinds |= {"pixel": "RMSNormalization", "none": ""}
    found = {type(layer).__name__ for layer in generator.layers}
    assert {kind for kind in found if kind.endswith("Normalization")} == {kinds[normalization]} - {
        ""
    }


@pytest.mark.parametrize(("place", "side"), [("quarter", 2), ("half", 4)])
def test_attention_stands_where_asked(small_config, place, side):
    config = small_config(generator={"name": "resnet", "depth": 3, "attention": place})
    generator = build_generator(config, (8, 8, 1), 3)
    assert generator.get_layer(f"attention_{place}").output.shape[1:3] == (side, side)


def test_residual_blocks_have_the_documented_widths_and_sizes(small_config):
    generator = build_generator(
        small_config(generator={"name": "resnet", "depth": 3}), (28, 28, 1), 3
    )
    shapes = [generator.get_layer(f"block_{i}").output.shape[1:] for i in (1, 2, 3)]
    assert generator.get_layer("feature_maps").output.shape[1:] == (7, 7, 32)
    assert shapes == [(7, 7, 16), (14, 14, 8), (28, 28, 4)]


@pytest.mark.parametrize("name", GENERATORS)
def test_sigmoid_output_lies_between_0_and_1(small_config, name):
    config = small_config(generator={"name": name, "output": "sigmoid"})
    images = np.asarray(build_generator(config, (8, 8, 1), 3)(latent(config)))
    assert images.min() > 0
    assert images.max() < 1
    assert abs(images.mean() - 0.5) < 0.2


@pytest.mark.parametrize(
    ("name", "depth", "expected"),
    [
        ("mlp", 3, [4, 8, 16]),
        # The projection's channels, then the convolutions': the narrowest comes last.
        ("dcgan", 1, [8, 4]),
        ("dcgan", 2, [16, 8, 4]),
        ("upsample", 3, [32, 16, 8, 4]),
    ],
)
def test_depth_and_width_give_the_documented_widths(small_config, name, depth, expected):
    config = small_config(generator={"name": name, "depth": depth})
    generator = build_generator(config, (8, 8, 1), 3)
    widths = [
        layer.units if name == "mlp" else layer.filters
        for layer in generator.layers
        if layer.name.startswith("hidden") and hasattr(layer, "activation")
    ]
    if name != "mlp":
        widths.insert(0, generator.get_layer("projection").units // 4)  # a quarter: 2x2 pixels
    assert widths == expected


def test_normalization_bias_and_dropout_follow_the_configuration(small_config):
    settings = {"normalization": "none", "use_bias": False, "dropout": 0.1, "activation": "relu"}
    generator = build_generator(small_config(generator=settings), (8, 8, 1), 3)
    kinds = [type(layer).__name__ for layer in generator.layers]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Dropout") == kinds.count("ReLU") == 3
    assert not any(variable.name == "bias" for variable in generator.variables)


def test_refine_layers_are_convolutions_at_full_size(small_config):
    settings = {"name": "upsample", "refine_layers": 2, "refine_kernel_size": 4}
    generator = build_generator(small_config(generator=settings), (8, 8, 1), 3)
    refining = [generator.get_layer(f"refine_{i}") for i in (1, 2)]
    assert [layer.output.shape for layer in refining] == [(None, 8, 8, 4)] * 2
    assert refining[0].kernel_size == generator.get_layer("image").kernel_size == (4, 4)


def test_upsample_may_enlarge_by_its_convolutions_alone(small_config):
    settings = {"name": "upsample", "enlargement": "transposed", "depth": 3}
    generator = build_generator(small_config(generator=settings), (28, 28, 1), 3)
    kinds = [type(generator.get_layer(f"hidden_{i}")).__name__ for i in (1, 2, 3)]
    assert kinds == ["Conv2D", "Conv2DTranspose", "Conv2DTranspose"]
    sides = [generator.get_layer(f"hidden_{i}").output.shape[1] for i in (1, 2, 3)]
    assert sides == [7, 14, 28]
    assert not any(layer.name.startswith("enlarge") for layer in generator.layers)


def test_a_one_hot_label_is_joined_to_the_noise_as_it_is(small_config):
    config = small_config(generator={"name": "mlp", "conditioning": "one_hot", "latent_dim": 8})
    generator = build_generator(config, (8, 8, 1), 3)
    assert generator.get_layer("latent").output.shape == (None, 8 + 3)
    first = generator.get_layer("hidden_1").kernel
    first.assign(np.zeros(first.shape))
    alike = np.asarray(generator(latent(config)))
    np.testing.assert_array_equal(alike[0], alike[1])  # nothing of the label passes elsewhere


@pytest.mark.parametrize("shape", [(28, 30, 1), (2, 28, 1), (28, 28, 4)])
def test_unsuitable_images_are_refused_with_their_numbers(small_config, shape):
    with pytest.raises(ConfigError, match="x".join(map(str, shape))):
        build_generator(small_config(), shape, 3)


def test_conditional_without_labels_is_refused(small_config):
    with pytest.raises(ConfigError, match="conditional is true, but the data set has no labels"):
        build_generator(small_config(), (8, 8, 1), 0)


def test_a_function_that_was_not_adopted_is_refused(small_config):
    with pytest.raises(ConfigError, match=r"received 'mine.py:build'"):
        build_generator(small_config(generator={"name": "mine.py:build"}), (8, 8, 1), 3)


def test_upsample_and_resnet_need_two_layers_and_dcgan_one(small_config):
    for name in ("upsample", "resnet"):
        with pytest.raises(ConfigError, match=f"depth must be at least 2 for {name}"):
            build_generator(small_config(generator={"name": name, "depth": 1}), (8, 8, 1), 3)
    with pytest.raises(ConfigError, match=r"at least 2 widths for dcgan.*received \[8\]"):
        build_generator(small_config(generator={"widths": (8,)}), (8, 8, 1), 3)


def test_saved_networks_load_with_keras_alone(small_config, tmp_path):
    expected = {}
    for name in GENERATORS:
        for conditional in (True, False):
            config = small_config(conditional=conditional, generator={"name": name})
            generator = build_generator(config, (8, 8, 1), 3)
            generator.save(tmp_path / f"{name}_{conditional}.keras")
            expected[f"{name}_{conditional}"] = np.asarray(generator(latent(config))).tolist()
    variants = [{"name": "resnet", "conditioning": "conditional_batch", "attention": "half"}]
    variants += [{"normalization": kind} for kind in ("layer", "group", "pixel")]
    variants += [{"name": "upsample", "enlargement": "transposed", "conditioning": "one_hot"}]
    for i, variant in enumerate(variants):
        config = small_config(generator=variant)
        generator = build_generator(config, (8, 8, 1), 3)
        for weights in generator.trainable_variables:  # gates and tables begin at 0 and 1
            weights.assign(weights + 0.1)
        generator.save(tmp_path / f"variant_{i}.keras")
        expected[f"variant_{i}"] = np.asarray(generator(latent(config))).tolist()
    for conditioning in ("projection", "embedding_map", "one_hot_map"):
        config = small_config(
            discriminator={
                "name": "resnet" if conditioning == "projection" else "conv",
                "conditioning": conditioning,
                "dropout": 0.3,
                "minibatch_deviation": True,
            },
            update={"discriminator_batches": "separate"},
        )
        discriminator = build_discriminator(config, (8, 8, 1), 3)
        discriminator.save(tmp_path / f"{conditioning}.keras")
        inputs = {"image": np.ones((2, 8, 8, 1)), "label": np.arange(2, dtype=np.int32)}
        expected[conditioning] = np.asarray(discriminator(inputs)).tolist()
    (tmp_path / "expected.json").write_text(json.dumps(expected))
    code = (
        "import json, pathlib, sys, keras, numpy as np\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for name, outputs in json.loads((folder / 'expected.json').read_text()).items():\n"
        "    model = keras.models.load_model(folder / f'{name}.keras')\n"
        "    shapes = {t.name: t.shape[1:] for t in model.inputs}\n"
        "    inputs = {k: np.ones((2, *s), 'float32') for k, s in shapes.items()}\n"
        "    if 'label' in inputs: inputs['label'] = np.arange(2, dtype='int32')\n"
        "    assert np.array_equal(np.asarray(model(inputs)), np.float32(outputs)), name\n"
        "assert not any(name.split('.')[0] == 'harness' for name in sys.modules)\n"
        "print('loaded')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.strip() == "loaded"


def test_only_layers_of_keras_are_used(small_config):
    for name in GENERATORS:
        generator = build_generator(small_config(generator={"name": name}), (8, 8, 1), 3)
        for layer in generator.layers:
            assert getattr(keras.layers, type(layer).__name__) is type(layer)

import sys
from collections.abc import Iterator
from textwrap import dedent

import keras
import numpy as np
import pytest

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig
from harness.gan.networks.discriminators import DISCRIMINATORS, build_discriminator
from harness.gan.networks.generators import GENERATORS, build_generator
from harness.gan.sampling import Sampler
from harness.gan.trainer import Trainer
from harness.gan.updates.losses import LOSSES, get_loss
from harness.gan.user_code.contract import register_user_functions
from harness.gan.user_code.user_functions import UserFile, UserFunctions

SHAPE = (8, 8, 1)
CLASSES = 3

GENERATOR = """
import math
import keras

def build(config, image_shape, num_classes):
    noise = keras.Input((config.generator.latent_dim,), name="noise")
    label = keras.Input((), dtype="int32", name="label")
    classes = keras.layers.Embedding(num_classes, 2)(label)
    x = keras.layers.Concatenate()([noise, classes])
    x = keras.layers.Dense(config.generator.width, "relu")(x)
    x = keras.layers.Dense(math.prod(image_shape), config.generator.output)(x)
    x = keras.layers.Reshape(image_shape)(x)
    return keras.Model({"noise": noise, "label": label}, x)
"""

DISCRIMINATOR = """
import keras

def judge(config, image_shape, num_classes):
    image = keras.Input(image_shape, name="image")
    label = keras.Input((), dtype="int32", name="label")
    classes = keras.layers.Embedding(num_classes, 2)(label)
    x = keras.layers.Concatenate()([keras.layers.Flatten()(image), classes])
    return keras.Model({"image": image, "label": label}, keras.layers.Dense(1)(x))
"""

LOSS = """
import tensorflow as tf

def distance():
    def discriminator(real, fake):
        return tf.reduce_mean(tf.square(real - 1) + tf.square(fake + 1))
    def generator(real, fake):
        return tf.reduce_mean(tf.square(fake - real))
    return discriminator, generator
"""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Take adopted functions back out of what all tests share."""
    before = [(registry, dict(registry)) for registry in (GENERATORS, DISCRIMINATORS, LOSSES)]
    modules = set(sys.modules)
    yield
    for registry, content in before:
        registry.clear()
        registry.update(content)
    for name in set(sys.modules) - modules:
        if name.startswith("user_functions_"):
            del sys.modules[name]


def functions_of(role: str, source: str, function: str, **sections) -> UserFunctions:
    """Return what a training needs whose ingredient is this function of `mine.py`."""
    file = UserFile("mine.py", dedent(source).encode())
    content = {
        "batch_size": 4,
        "generator": {"latent_dim": 5, "width": 4},
        "discriminator": {"name": "mlp", "width": 4, "depth": 1},
    }
    for key, value in sections.items():
        content[key] = {**content.get(key, {}), **value} if isinstance(value, dict) else value
    name = f"mine.py:{function}@{file.sha256}"
    content[role] = {**content.get(role, {}), "name": name}
    return UserFunctions((file,), (GANConfig.model_validate(content),))


def adopted(role: str, source: str, function: str, **sections) -> GANConfig:
    """Adopt a function and return the configuration that names it."""
    functions = functions_of(role, source, function, **sections)
    register_user_functions(functions, SHAPE, CLASSES)
    return functions.examples[0]


def train(config: GANConfig, images, labels) -> Trainer:
    trainer = Trainer(config, images, labels, CLASSES)
    assert trainer.advance(2).finite
    return trainer


def test_all_three_may_be_the_users_own(small_images):
    one = functions_of("generator", GENERATOR, "build")
    sources = GENERATOR + DISCRIMINATOR + LOSS
    file = UserFile("mine.py", sources.encode())
    config = one.examples[0].model_dump()
    for role, function in (
        ("generator", "build"),
        ("discriminator", "judge"),
        ("loss", "distance"),
    ):
        config[role]["name"] = f"mine.py:{function}@{file.sha256}"
    config["discriminator"]["spectral_normalization"] = True
    config = GANConfig.model_validate(config)
    register_user_functions(UserFunctions((file,), (config,)), SHAPE, CLASSES)
    first = train(config, *small_images)
    again = train(config, *small_images)
    # 5 noise and 2 embedded numbers to 4 units, 4 to 64 pixels, and an embedding of 3 classes.
    assert first.generator.count_params() == (7 + 1) * 4 + (4 + 1) * 64 + 3 * 2
    for mine, theirs in zip(first.generator.weights, again.generator.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    # Layers without names are numbered anew, so that a checkpoint fits whatever was built before.
    assert set(first.state()) == set(again.state())
    images = Sampler(first.ema_generator, batch_size=3).sample(noise_seed=1, labels=[0, 1, 2])
    assert images.shape == (3, *SHAPE)
    assert len({image.tobytes() for image in images}) == 3


def test_sequential_updates_are_refused_to_the_users_losses():
    with pytest.raises(ValueError, match="sees real and fake logits together in one update"):
        functions_of("loss", LOSS, "distance", update={"discriminator_batches": "sequential"})


def test_two_functions_make_a_loss_of_pairs():
    config = adopted("loss", LOSS, "distance")
    loss = get_loss(config.loss.name)
    real, fake = keras.ops.array([[2.0]]), keras.ops.array([[1.0]])
    # (2 - 1)^2 + (1 + 1)^2 = 5; (1 - 2)^2 = 1
    assert float(loss.discriminator(real, fake, (1.0, 0.0))) == 5.0
    assert float(loss.generator(real, fake)) == 1.0
    assert loss.paired


def test_a_loss_may_be_returned_whole():
    source = "from harness.gan.updates.losses import LOSSES\ndef mine(): return LOSSES['hinge']"
    config = adopted("loss", source, "mine")
    assert get_loss(config.loss.name) is LOSSES["hinge"]


def test_what_a_trials_own_width_breaks_is_found_when_it_is_built():
    source = GENERATOR.replace("Reshape(image_shape)", "Reshape((-1, 8, 1))").replace(
        "math.prod(image_shape)", "64 + 8 * (config.generator.width - 4)"
    )
    config = adopted("generator", source, "build")
    wider = config.generator.model_copy(update={"width": 5})
    with pytest.raises(ConfigError, match=r"output must be \(None, 8, 8, 1\) float32; received"):
        build_generator(config.model_copy(update={"generator": wider}), SHAPE, CLASSES)


REGISTERED = """
@keras.saving.register_keras_serializable()
class Own(keras.layers.Layer):
    def call(self, x):
        return 1 * x
def build("""


RESHAPE = "x = keras.layers.Reshape(image_shape)(x)"
SAME = "x = keras.layers.Lambda(lambda x: 1 * x)(x)"


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("def build(", "def built(", r"has no function build. Did you mean 'built'\?"),
        ("def build(", "build = 3\ndef other(", "must be a function; it is of type int"),
        (", num_classes):", "):", r"is called as \(config, image_shape, num_classes\), but is de"),
        ("import math", "import mathematics", r"cannot be imported: ModuleNotFoundError at mine"),
        ("import math", "import math\nexit(3)", "cannot be imported: SystemExit at mine.py:3: 3"),
        ("import math", "import (", r"cannot be imported: SyntaxError at mine.py:2"),
        (RESHAPE, "x = 1 / 0", "raised ZeroDivisionError at mine.py:12: division by zero"),
        ("return keras.Model(", "return (", "must return a functional .* returned tuple"),
        ('name="noise"', 'name="z"', "inputs must be a dictionary of keras.Input by their names"),
        ('{"noise": noise, "label": label}', "[noise, label]", "inputs must be a dictionary"),
        ('(config.generator.latent_dim,), name="noise"', '(3,), name="noise"', r"\(None, 5\)"),
        ("Reshape(image_shape)", "Reshape((4, 16, 1))", r"output must be \(None, 8, 8, 1\) float"),
        ("config.generator.output)", "None)", "last activation must be config.gen"),
        ("config.generator.output)", '"sigmoid")', "tanh, which .*; received sigmoid"),
        ("x = keras.layers.Reshape", "x = 2 * keras.layers.Reshape", r"must lie in \[-1, 1\]"),
        ("x = keras.layers.Reshape", "x = float('nan') * keras.layers.Reshape", "must be finite"),
        (RESHAPE, f"{RESHAPE};x = Own()(x)", r"Keras's own layers and ops, .* holds Own \("),
        (RESHAPE, f"{RESHAPE};{SAME}", "cannot be saved and loaded with Keras alone"),
    ],
)  # fmt: skip
def test_a_generator_is_told_what_it_broke(old: str, new: str, match: str):
    assert old in GENERATOR
    source = GENERATOR.replace(old, new)
    if "Own" in new:
        source = source.replace("def build(", REGISTERED)
    with pytest.raises(ConfigError, match=f"^mine.py:build: .*{match}"):
        adopted("generator", source, "build")
    assert not any("mine.py" in name for name in GENERATORS)


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("Dense(1)", "Dense(2)", r"output must be \(None, 1\) float32; received \(None, 2\)"),
        ('name="image"', 'name="picture"', r"'image': \(None, 8, 8, 1\), 'label': \(None,\)"),
        ("Dense(1)(x)", "Dense(1)(x) * float('inf')", "output must be finite"),
        (
            'image_shape, name="image"',
            '(), name="image"',
            r"received \{'image': \(None,\), 'label",
        ),
    ],
)
def test_a_discriminator_is_told_what_it_broke(old: str, new: str, match: str):
    with pytest.raises(ConfigError, match=f"^mine.py:judge: .*{match}"):
        adopted("discriminator", DISCRIMINATOR.replace(old, new), "judge")


EMBEDDED = "Embedding(num_classes, 2)"


@pytest.mark.parametrize(
    ("role", "source", "function"),
    [("generator", GENERATOR, "build"), ("discriminator", DISCRIMINATOR, "judge")],
)
def test_each_label_is_tried(role: str, source: str, function: str):
    assert EMBEDDED in source
    fewer = source.replace(EMBEDDED, "Embedding(2, 2)")
    with pytest.raises(
        ConfigError, match=rf"^mine.py:{function}: raised .*= 2 is not in \[0, 2\)"
    ):
        adopted(role, fewer, function)


PENALTY = {"regularizer": {"name": "gradient_penalty", "weight": 10.0}}
SEPARATE = {"update": {"discriminator_batches": "separate"}}
BATCH = "keras.layers.BatchNormalization()(keras.layers.Flatten()(image))"
FLAT = "keras.layers.Flatten()(image)"


def test_logits_that_depend_on_other_images_are_refused_under_a_penalty():
    assert FLAT in DISCRIMINATOR
    source = DISCRIMINATOR.replace(FLAT, BATCH)
    with pytest.raises(ConfigError, match=r"a logit moves by .* when another image of the batch"):
        adopted("discriminator", source, "judge", **PENALTY)
    adopted("discriminator", source, "judge")


def test_the_rules_are_applied_to_the_configuration_of_each_trial():
    config = adopted("discriminator", DISCRIMINATOR.replace(FLAT, BATCH), "judge")
    trial = GANConfig.model_validate({**config.model_dump(), **PENALTY})
    with pytest.raises(ConfigError, match="a logit moves by"):
        build_discriminator(trial, SHAPE, CLASSES)


@pytest.mark.parametrize("layer", ["Dropout(0.5)", "LayerNormalization()"])
def test_logits_of_single_images_are_accepted_under_a_penalty(layer: str):
    source = DISCRIMINATOR.replace(FLAT, f"keras.layers.{layer}({FLAT})")
    config = adopted("discriminator", source, "judge", **PENALTY)
    assert build_discriminator(config, SHAPE, CLASSES).count_params() > 0


def test_a_deviation_of_the_batch_that_the_configuration_names_is_accepted():
    told = {**PENALTY, **SEPARATE, "discriminator": {"minibatch_deviation": True}}
    deviation = f"keras.ops.add({FLAT}, keras.ops.std(image))"
    source = DISCRIMINATOR.replace(FLAT, deviation)
    adopted("discriminator", source, "judge", **told)
    with pytest.raises(ConfigError, match="a logit moves by"):
        adopted("discriminator", source, "judge", **PENALTY)


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        ("SeparableConv2D(3, 3)(image)", r"SeparableConv2D \(separable_conv2d\)"),
        ("BatchNormalization()(image)", r"BatchNormalization \("),
        ("LayerNormalization(center=False, scale=False)(image)", r"LayerNormalization \("),
    ],
)
def test_a_critic_takes_only_layers_that_spectral_normalization_bounds(layer: str, named: str):
    source = DISCRIMINATOR.replace(FLAT, f"keras.layers.Flatten()(keras.layers.{layer})")
    critic = {
        "loss": {"name": "wasserstein"},
        "discriminator": {"spectral_normalization": True},
    }
    with pytest.raises(ConfigError, match=rf"bounds Conv2D, Dense, Embedding alone; .*{named}"):
        adopted("discriminator", source, "judge", **critic)
    adopted("discriminator", DISCRIMINATOR, "judge", **critic)
    adopted("discriminator", source, "judge", discriminator={"spectral_normalization": True})


def test_a_network_without_weights_learns_nothing():
    source = """
        import keras
        def judge(config, image_shape, num_classes):
            image = keras.Input(image_shape, name="image")
            return keras.Model({"image": image}, keras.ops.mean(image, axis=(1, 2)))
    """
    with pytest.raises(ConfigError, match="must have weights to train; it has none"):
        adopted("discriminator", source, "judge", conditional=False)


def test_an_auxiliary_discriminator_tells_the_label():
    source = """
        import keras
        def judge(config, image_shape, num_classes):
            image = keras.Input(image_shape, name="image")
            x = keras.layers.Flatten()(image)
            return keras.Model({"image": image}, keras.layers.Dense(1 + num_classes)(x))
    """
    adopted("discriminator", source, "judge", discriminator={"conditioning": "auxiliary"})


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("def distance():", "def distance(config):", r"is called as \(\), but is declared as"),
        ("return discriminator, generator", "return generator", "must return a .*Loss, or two"),
        ("tf.square(fake - real)", "tf.square(real)", "generator's loss does not depend on"),
        ("tf.reduce_mean(tf.square(fake - real))", "tf.square(fake)", r"received shape \(4, 1\)"),
        ("tf.square(real - 1) + ", "", "discriminator's loss does not depend on the real logits"),
        ("tf.square(real - 1)", "0.0 * real", "discriminator's .* depend on the real logits"),
        ("tf.square(fake - real)", "tf.math.log(fake)", "generator's .* is not finite: nan"),
        ("tf.square(fake - real)", "fake.numpy()", "raised .*Error at mine.py"),
    ],
)
def test_a_loss_is_told_what_it_broke(old: str, new: str, match: str):
    assert old in LOSS
    with pytest.raises(ConfigError, match=f"^mine.py:distance: .*{match}"):
        adopted("loss", LOSS.replace(old, new), "distance")


@pytest.mark.parametrize("found", [False, True])
def test_a_file_with_another_hash_is_refused(found: bool):
    functions = functions_of("generator", GENERATOR, "build")
    changed = UserFile("mine.py", functions.files[0].content + b"#")
    files = (changed,) if found else ()
    expected = changed.sha256[:12] if found else "no such file"
    with pytest.raises(ConfigError, match=f"must have the SHA-256 .* received {expected}"):
        register_user_functions(UserFunctions(files, functions.examples), SHAPE, CLASSES)


def test_what_ran_is_what_was_hashed(tmp_path, monkeypatch):
    # Neither a module of that name on the path nor bytecode of it is taken instead.
    (tmp_path / "mine.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(str(tmp_path))
    adopted("generator", GENERATOR, "build")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]

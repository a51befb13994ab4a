"""Say of a generator what it is for and how good; run the five lines that its README shows."""

import dataclasses
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from harness.data.image_dataset import ImageDataset, Split
from harness.exporting.contents import render_card
from harness.gan.config.config import GANConfig
from harness.gan.networks.generators import build_generator
from harness.gan.sampling import Sampler
from tests.exporting.facts import PROTOCOL, RECORD, contents_of, measured
from tests.exporting.generators import build

MEASURED = (
    measured("memorisation", 0.487, 0.471, 0.503),
    measured("label_accuracy", 0.925, 0.91, 0.94),
    measured("fid_worst_class", 4.0, 3.9, 4.1, note="Bag"),
    measured("fid_class_0", 2.0, 1.9, 2.1, note="T-shirt/top"),
    measured("fid_class_8", 4.0, 3.9, 4.1, note="Bag"),
)


def readme(config: GANConfig, dataset: ImageDataset) -> str:
    return render_card(contents_of(config, dataset))


def test_it_names_scores_with_protocol_and_interval(fashion_mnist: ImageDataset):
    text = render_card(contents_of(GANConfig(), fashion_mnist, measured=MEASURED))
    assert text.startswith("# fashion_mnist generator, trial 0007 of study s\n")
    assert "Why this one: It was asked for." in text
    assert f"| fid_fashion_cnn@1000 | 12.500 | `{PROTOCOL.fingerprint}` |" in text
    assert "| Bag | 4.000 | 3.900 to 4.100 |" in text
    assert text.count("| Bag |") == 1  # the worst class is one of them
    assert "takes 92.5% of all images for the class asked for" in text
    assert "\n0.487 (0.471 to 0.503): the share of pairs" in text
    assert "| `generator.keras` | 1.23 MB | keras 3.15.1 | 2e-07 | 1 of 255 | 12.500 |" in text
    assert "features of `fashion_cnn` are not the literature's" in text


def test_it_names_data_and_lineage(fashion_mnist: ImageDataset):
    record = dataclasses.replace(RECORD, commit="f" * 40, lock_sha256="e" * 64, seed=11)
    text = render_card(contents_of(GANConfig(seed=5), fashion_mnist, record=record))
    assert "MIT licence, copyright Zalando SE. 50,000 images for training, 10,000 for v" in text
    assert "until which the discriminator was shown 25 thousand images." in text
    assert "| training | 0007, seed 5 |" in text
    assert "| environment of the training | not noted by the generator's file; the other" in text
    assert "| seed of the study | 11 |" in text
    assert f"commit `{'f' * 40}`, `requirements.lock` SHA-256 `{'e' * 64}` |" in text
    assert "Python 3." in text
    assert "keras 3." in text


def test_it_names_what_kept_the_generator(fashion_mnist: ImageDataset, tmp_path: Path):
    build("mlp", depth=1).model.save(tmp_path / "generator.keras")
    text = render_card(contents_of(GANConfig(), fashion_mnist, folder=tmp_path))
    made = f"Keras {keras.__version__} kept the generator at 2"
    assert f"| environment of the training | {made}" in text


def test_own_images_without_labels_are_called_so():
    images = np.zeros((4, 8, 8, 3), np.uint8)
    splits = [Split(f"mine/{name}", images) for name in ("train", "validation", "test")]
    dataset = ImageDataset("mine", *splits)
    record = dataclasses.replace(RECORD, dataset="folder:/home/me/mine?size=8")
    text = render_card(contents_of(GANConfig(conditional=False), dataset, record=record))
    assert "images of your own; the licence of your images. 4 images for training" in text
    assert "/home/me" not in text  # the author's folders are nobody's business
    assert "; no labels." in text
    assert "Scores of each class" not in text
    assert "Memorisation" not in text
    assert "no class that could be chosen" in text


def test_a_part_of_a_known_data_set_keeps_its_licence(fashion_mnist: ImageDataset):
    record = dataclasses.replace(RECORD, dataset="fashion_mnist?classes=0,2")
    assert "MIT licence" in render_card(contents_of(GANConfig(), fashion_mnist, record=record))


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("output", ["tanh", "sigmoid"])
def test_the_five_lines_give_the_pixels_that_were_scored(
    conditional: bool,
    output: str,
    fashion_mnist: ImageDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    generator = {"name": "mlp", "latent_dim": 8, "width": 16, "depth": 1, "output": output}
    config = GANConfig.model_validate({"conditional": conditional, "generator": generator})
    model = build_generator(config, fashion_mnist.image_shape, fashion_mnist.num_classes)
    model.save(tmp_path / "generator.keras")
    text = readme(config, fashion_mnist)
    assert "was shown 25 thousand images" in text
    code, from_the_hub = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code.strip().splitlines()) == len(from_the_hub.strip().splitlines()) == 5
    monkeypatch.chdir(tmp_path)
    names: dict[str, np.ndarray] = {}
    exec(code, names)  # noqa: S102 - what a user pastes
    pixels = names["pixels"]
    assert pixels.shape == (10, 28, 28, 1)
    assert pixels.dtype == np.uint8
    labels = np.arange(10) if conditional else np.zeros(10, np.int32)
    expected = Sampler(model, batch_size=10)._generate(names["noise"], labels).numpy()
    assert np.abs(expected.astype(int) - pixels.astype(int)).max() <= 1
    assert pixels.std() > 1


def test_labels_are_explained_where_there_are_any(fashion_mnist: ImageDataset):
    conditional, unconditional = (
        readme(GANConfig(conditional=each), fashion_mnist) for each in (True, False)
    )
    assert "Labels: 0 T-shirt/top, 1 Trouser" in conditional
    assert "Labels:" not in unconditional

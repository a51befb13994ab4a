"""Run the five lines that a bundle's README shows, for every form of generator."""

import re
from pathlib import Path

import numpy as np
import pytest

from harness.data.image_dataset import ImageDataset
from harness.exporting.readme import bundle_readme
from harness.gan.config.config import GANConfig
from harness.gan.networks.generators import build_generator
from harness.gan.sampling import Sampler
from tests.exporting.facts import PROTOCOL, contents_of


def readme(config: GANConfig, dataset: ImageDataset) -> str:
    return bundle_readme(contents_of(config, dataset))


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
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code.strip().splitlines()) == 5
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


def test_scores_stand_with_their_protocols(fashion_mnist: ImageDataset):
    text = readme(GANConfig(), fashion_mnist)
    assert f"| fid_fashion_cnn@1000 | 12.500 | `{PROTOCOL.fingerprint}` |" in text
    assert text.startswith("# fashion_mnist generator, trial 0007 of study s\n")


def test_it_says_why_and_what_is_proven_of_each_file(fashion_mnist: ImageDataset):
    text = readme(GANConfig(), fashion_mnist)
    assert "Why this one: It was asked for." in text
    row = "| `generator.keras` | 1.23 MB | keras 3.15.1 | 2e-07 | 1 of 255 | 12.500 |"
    assert row in text

"""Read the head of a bundle's README by the Hub's own library, without a network."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.core.score import Score
from harness.data.image_dataset import ImageDataset, Split
from harness.exporting.contents import BundleContents, render_card
from harness.exporting.hub_card import TASK, hub_head
from harness.gan.config.config import GANConfig
from tests.exporting.facts import PROTOCOL, RECORD, contents_of, measured

hub = pytest.importorskip("huggingface_hub", reason="huggingface-hub is not installed")


def card_of(contents: BundleContents, folder: Path):
    """Return the card as the Hub's library loads it; it refuses what is no model-index."""
    file = folder / "README.md"
    file.write_text(hub_head(contents) + render_card(contents), encoding="utf-8")
    return hub.ModelCard.load(file)


def test_the_hubs_library_reads_every_measure_with_protocol_and_interval(
    fashion_mnist: ImageDataset, tmp_path: Path
):
    member = Score(12.0, 4.0, 7, PROTOCOL, (11.5, 12.5))
    test = Score(12.5, 4.0, 7, PROTOCOL, (12.0, 13.0), members=(member,))
    contents = contents_of(
        GANConfig(),
        fashion_mnist,
        test=test,
        measured=(measured("fid_class_8", 4.0, 3.9, 4.1, note="Bag"),),
    )
    card = card_of(contents, tmp_path)
    data = card.data
    assert (data.library_name, data.pipeline_tag, data.license) == ("keras", TASK, "mit")
    assert data.datasets == ["zalando-datasets/fashion_mnist"]
    assert "class-conditional" in data.tags
    assert "sdk" not in data
    first, second, *rest = data.eval_results
    assert (first.metric_type, first.metric_value) == ("fid", 12.5)
    assert first.metric_name == "fid_fashion_cnn@1000"
    assert first.metric_args["interval_95"] == [12.0, 13.0]
    assert first.metric_args["protocol"] == PROTOCOL.fingerprint
    said = dataclasses.asdict(PROTOCOL)
    assert {name: first.metric_args[name] for name in said if name != "metric"} == {
        name: each for name, each in said.items() if name != "metric"
    }
    assert (first.dataset_type, first.dataset_split) == (data.datasets[0], "test")
    assert second.metric_value == 12.0
    assert [each.metric_value for each in rest] == [9.5, 4.0]
    assert rest[-1].metric_name == "fid_class_8_fashion_cnn@1000 (Bag)"
    assert card.text.startswith("# fashion_mnist generator")
    # What the library writes again says the same.
    again = hub.ModelCard(card.content)
    assert again.data.eval_results == data.eval_results


def test_a_bundle_with_an_explorer_is_a_static_space(fashion_mnist: ImageDataset, tmp_path: Path):
    contents = contents_of(GANConfig(), fashion_mnist, has_explorer=True)
    data = card_of(contents, tmp_path).data
    assert (data.get("sdk"), data.get("app_file")) == ("static", "index.html")
    space = hub.SpaceCard.load(tmp_path / "README.md")
    assert (space.data.sdk, space.data.app_file) == ("static", "index.html")


def test_images_of_ones_own_have_no_name_on_the_hub_and_no_path(tmp_path: Path):
    images = np.zeros((4, 8, 8, 3), np.uint8)
    splits = [Split(f"mine: x/{name}", images) for name in ("train", "validation", "test")]
    record = dataclasses.replace(RECORD, dataset="folder:/home/me/mine?size=8")
    contents = contents_of(
        GANConfig(conditional=False), ImageDataset("mine: x", *splits), record=record
    )
    data = card_of(contents, tmp_path).data
    assert (data.license, data.datasets) == ("unknown", None)
    assert "class-conditional" not in data.tags
    assert data.eval_results[0].dataset_name == "mine: x"
    assert "/home/me" not in hub_head(contents)


def test_without_a_keras_file_it_is_no_repository_of_keras(fashion_mnist: ImageDataset):
    proof = dataclasses.replace(
        contents_of(GANConfig(), fashion_mnist).proofs[0], format="litert", file="generator.tflite"
    )
    contents = contents_of(GANConfig(), fashion_mnist, proofs=(proof,))
    head = yaml.safe_load(hub_head(contents).strip("-\n"))
    assert "library_name" not in head
    text = render_card(contents)
    assert "```python" not in text
    assert "hf download USER/NAME" in text

import json
import math
import shutil

import numpy as np
import pytest

from harness.core.errors import ConfigError, StorageError
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors import feature_extractor
from harness.metrics.extractors.feature_extractor import EMBEDDED_FOLDER, SHIPPED, load_extractor
from harness.metrics.extractors.panel import JUDGES, WITNESSES, Panel, load_panel


@pytest.fixture(scope="module")
def panel():
    return load_panel("panel")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (1_203, 28, 28, 1), dtype=np.uint8)


def test_every_member_is_small_and_its_record_names_its_weights():
    assert set(SHIPPED) == {*JUDGES, *WITNESSES}
    for name in set(SHIPPED) - {"fashion_cnn"}:
        folder = EMBEDDED_FOLDER / name
        record = json.loads((folder / "extractor.json").read_text())
        assert (folder / "weights.npz").stat().st_size < 1_000_000
        assert load_extractor(name).sha256 == record["sha256"]


def test_one_pass_gives_what_each_member_gives_alone(panel, images):
    seen = panel.see(images, witnesses=True)
    assert len(panel.see(images)) == len(JUDGES)
    assert len(seen) == len(panel.members)
    for member, (features, predicted) in zip(panel.members, seen, strict=True):
        alone, labels = member.features_and_predictions(images)
        np.testing.assert_allclose(features, alone, rtol=1e-4, atol=1e-3)
        assert (predicted is None) == (labels is None)


def test_a_score_is_the_geometric_mean_of_its_members(panel, fashion_mnist, cache):
    images = fashion_mnist.train.images[:2_000]
    evaluator = Evaluator(fashion_mnist, extractor=panel, num_images=2_000, cache_dir=cache)
    score = evaluator.score(images, kimg=1.0, noise_seed=3)
    assert score.protocol.name == "fid_panel@2000"
    assert [member.protocol.extractor for member in score.members] == list(JUDGES)
    for member in score.members:
        alone = Evaluator(
            fashion_mnist,
            extractor=member.protocol.extractor,
            num_images=2_000,
            cache_dir=cache,
        ).score(images, kimg=1.0, noise_seed=3)
        assert member.protocol == alone.protocol
        assert member.value == pytest.approx(alone.value, rel=1e-3)
        assert alone.members == ()
    logs = [math.log(member.value) for member in score.members]
    assert score.value == pytest.approx(math.exp(sum(logs) / len(logs)))
    lows = [math.log(member.interval[0]) for member in score.members]
    assert score.interval[0] == pytest.approx(math.exp(sum(lows) / len(lows)))
    assert type(score).from_dict(json.loads(json.dumps(score.to_dict()))) == score


def test_the_witness_is_measured_and_decides_nothing(panel, fashion_mnist, cache):
    evaluator = Evaluator(fashion_mnist, extractor=panel, num_images=500, cache_dir=cache)
    images = fashion_mnist.train.images[:500]
    measured = evaluator.measure(images, None, ["fid"])
    names = [one.protocol.name for one in measured]
    assert names == [f"fid_{name}@500" for name in ("panel", *JUDGES, *WITNESSES)]
    mean = math.exp(np.mean([math.log(one.value) for one in measured[1 : 1 + len(JUDGES)]]))
    assert measured[0].value == pytest.approx(mean)


def test_another_set_of_judges_is_another_protocol(panel):
    turned = Panel("panel", panel.judges[::-1])
    assert turned.sha256 != panel.sha256
    assert Panel("one", panel.judges[:1]).sha256 == panel.judges[0].sha256


def test_a_panel_does_not_depend_on_its_witnesses(panel):
    assert Panel("panel", panel.judges).sha256 == panel.sha256


@pytest.mark.parametrize("name", [*JUDGES, *WITNESSES])
def test_changed_or_missing_weights_of_a_member_are_refused(name, tmp_path, monkeypatch):
    shutil.copytree(EMBEDDED_FOLDER, tmp_path / "weights")
    path = tmp_path / "weights" / name / "weights.npz"
    monkeypatch.setattr(feature_extractor, "EMBEDDED_FOLDER", tmp_path / "weights")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match=f"{name}/weights.npz: the weights have SHA-256"):
        load_panel("panel")
    path.unlink()
    with pytest.raises(StorageError, match=f"{name}/weights.npz"):
        load_panel("panel")


def test_a_panel_brings_its_own_weights(tmp_path):
    with pytest.raises(ConfigError, match="panel"):
        load_panel("panel", weights=tmp_path / "any.safetensors")


def test_an_unknown_name_suggests_the_panel():
    with pytest.raises(ConfigError, match="Did you mean 'panel'"):
        load_panel("pannel")

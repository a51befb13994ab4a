"""Compare scores only when they were measured alike."""

import dataclasses
import json

import pytest

from harness.core.errors import ProtocolMismatchError
from harness.core.score import Protocol, Score, require_comparable

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 10_000, "fashion_mnist/validation", "cd" * 32)


def test_the_name_says_metric_extractor_and_number():
    assert PROTOCOL.name == "fid_fashion_cnn@10000"


def test_every_field_changes_the_fingerprint():
    changes = {
        "metric": "kid",
        "extractor": "inception",
        "extractor_sha256": "ef" * 32,
        "num_images": 5000,
        "reference": "fashion_mnist/test",
        "reference_sha256": "01" * 32,
        "resize": "bilinear",
        "quantisation": "none",
        "labels": "uniform",
    }
    assert set(changes) == {field.name for field in dataclasses.fields(Protocol)}
    fingerprints = {
        dataclasses.replace(PROTOCOL, **{field: value}).fingerprint
        for field, value in changes.items()
    }
    assert len(fingerprints | {PROTOCOL.fingerprint}) == len(changes) + 1


def test_equal_protocols_have_equal_fingerprints_of_16_hexadecimal_digits():
    assert PROTOCOL.fingerprint == dataclasses.replace(PROTOCOL).fingerprint
    assert len(PROTOCOL.fingerprint) == 16
    assert int(PROTOCOL.fingerprint, 16) >= 0


def test_a_score_survives_json():
    score = Score(12.5, 4.096, noise_seed=3, protocol=PROTOCOL)
    record = json.loads(json.dumps(score.to_dict()))
    assert Score.from_dict(record) == score
    assert record["name"] == PROTOCOL.name
    assert record["fingerprint"] == PROTOCOL.fingerprint


def test_scores_of_one_protocol_compare_whatever_their_noise():
    require_comparable([])
    require_comparable(Score(float(i), 1.0, i, PROTOCOL) for i in range(3))


def test_a_mismatch_shows_both_sides_and_only_what_differs():
    other = dataclasses.replace(PROTOCOL, num_images=1000, reference="fashion_mnist/test")
    scores = [Score(1.0, 1.0, 0, PROTOCOL), Score(2.0, 1.0, 0, other)]
    with pytest.raises(ProtocolMismatchError, match="cannot be ranked together") as caught:
        require_comparable(scores)
    message = str(caught.value)
    assert f"fid_fashion_cnn@10000 ({PROTOCOL.fingerprint})" in message
    assert f"fid_fashion_cnn@1000 ({other.fingerprint})" in message
    assert "  num_images: 10000 | 1000\n" in message
    assert "  reference: fashion_mnist/validation | fashion_mnist/test\n" in message
    assert "extractor:" not in message


def test_text_shows_half_the_width_of_the_interval():
    assert Score(0.8171, 1.0, 0, PROTOCOL).text == "0.817"
    # The interval was cut at zero: the wider half counts.
    assert Score(0.5, 1.0, 0, PROTOCOL, interval=(0.0, 1.25)).text == "0.500 ±0.750"

"""Turn events into records and back without loss."""

import json

import pytest

from harness.core.events import (
    Event,
    Finished,
    Progressed,
    RungScored,
    Started,
    from_record,
    to_record,
)
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)
NOW, BEST = Score(30.0, 2.048, 1, PROTOCOL), Score(20.0, 1.024, 1, PROTOCOL)
EVENTS: dict[str, Event] = {
    "started": Started(1.5, 100, 200),
    "progressed": Progressed(1.5, 0.7, 1.4, 0.5, 0.25, 3000.0, 2.5),
    "rungscored": RungScored(2.0, 1, NOW, BEST, "grids/kimg_000002.png", 3.5),
    "finished": Finished(Outcome(Reason.DIVERGED, "loss is nan", 2.0, 4.0, BEST)),
}


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_survives_json(kind: str):
    record = json.loads(json.dumps(to_record(EVENTS[kind])))
    assert record["event"] == kind
    assert from_record(record) == EVENTS[kind]


@pytest.mark.parametrize("kind", EVENTS)
def test_every_record_says_where_it_stands(kind: str):
    assert to_record(EVENTS[kind])["kimg"] in (1.5, 2.0)

"""Say how a trial ended: one state, one reason."""

import json

import pytest

from harness.core.outcome import Outcome, Reason, State
from harness.core.score import Protocol, Score

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)


def test_every_reason_belongs_to_the_state_that_the_design_gives_it():
    states = {state: {r.value for r in Reason if r.state is state} for state in State}
    assert states == {
        State.COMPLETE: {"finished"},
        State.PRUNED: {"outranked", "over_budget"},
        State.FAILED: {
            "diverged",
            "collapsed",
            "discriminator_won",
            "timed_out",
            "out_of_memory",
            "crashed",
        },
        State.UNFINISHED: {"unfinished"},
    }


@pytest.mark.parametrize("reason", Reason)
def test_an_outcome_survives_json(reason: Reason):
    best = Score(20.0, 2.048, 1, PROTOCOL)
    final = Score(21.0, 2.048, 2, PROTOCOL) if reason is Reason.FINISHED else None
    tests = (Score(22.0, 2.048, 3, PROTOCOL),) if final else ()
    outcome = Outcome(reason, "why", 4.096, 12.25, best, final, allowed_seconds=60.0, tests=tests)
    assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome


def test_an_outcome_before_the_first_rung_has_no_score():
    outcome = Outcome(Reason.CRASHED)
    assert outcome.to_dict()["best"] is None
    assert Outcome.from_dict(outcome.to_dict()) == outcome
    assert outcome.to_dict()["state"] == "failed"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("best", True),  # no score at all
        ("best", {"value": 1}),  # one without a protocol
        ("kimg", 10**400),  # more than a float holds
        ("kimg", "much"),
        ("allowed_seconds", "much"),
        ("reason", "bored"),
        ("tests", 1),
        ("tests", [{"value": 1}]),
    ],
)
def test_what_is_no_outcome_is_refused_as_one_kind_of_error(place: str, value: object):
    record = Outcome(Reason.DIVERGED).to_dict() | {place: value}
    with pytest.raises((KeyError, TypeError, ValueError), match=r"\S"):
        Outcome.from_dict(record)


def test_an_endless_noise_seed_is_no_score():
    # JSON as Python reads it knows Infinity, of which no integer can be made.
    record = {"value": 1.0, "kimg": 1.0, "noise_seed": float("inf"), "protocol": {}}
    with pytest.raises(ValueError, match="noise_seed: Input should be a finite number"):
        Score.from_dict(record)

"""Interrupt a real confirmation, extend it, and look at it through another extractor."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.confirmation.confirmation_jobs import ConfirmationJobs, ConfirmOptions
from harness.confirmation.result import Confirmation, read_result
from harness.core.errors import ConfigError, StudyError
from harness.core.events import Event, Finished, RungScored, Started
from harness.core.locks import lock_folder
from harness.gan.config.config import GANConfig
from harness.metrics.extractors.feature_extractor import EMBEDDED_FOLDER
from harness.runner.stop_rules import Stop
from harness.runner.study_runner import StudyRunner
from harness.tracking.jsonl_tracker import read_history
from tests.confirmation.made import make_study
from tests.conftest import SweptStudy


class Heard:
    """Keep what is said, and do something when an event comes by for the first time."""

    def __init__(self, act: Callable[[str, Event], bool] = lambda name, event: False) -> None:
        self.heard: list[tuple[str, Event]] = []
        self._act = act
        self._done = False

    def opened(self, ended: int) -> None:
        self.ended_before = ended

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        self.heard.append((name, event))
        self._done = self._done or self._act(name, event)

    def started(self) -> dict[str, float]:
        """Return where each training began, the last time it did."""
        return {name: event.kimg for name, event in self.heard if isinstance(event, Started)}


def add_trial(study: Path) -> None:
    """Add a second completed trial, a little worse than the one there is."""
    shutil.copytree(study / "trials" / "0000", study / "trials" / "0004")
    file = study / "trials" / "0004" / "outcome.json"
    record = json.loads(file.read_text())
    record["final"]["value"] += 0.5
    file.write_text(json.dumps(record))


def options(study: Path, **changes: object) -> ConfirmOptions:
    fields = {"top": 2, "seeds": 2, "tracker": "jsonl", "threads": 1} | changes
    return ConfirmOptions(study.name, studies_dir=study.parent, **fields)


def confirm(study: Path, ears: Heard, **changes: object) -> tuple[Stop | None, Confirmation]:
    stop = StudyRunner(ConfirmationJobs(options(study, **changes))).run(ears)
    result = read_result(study)
    assert result is not None
    return stop, result


def scores_in(result: Confirmation) -> dict[str, float]:
    return {
        seed.name: seed.test.value
        for each in result.candidates
        for seed in each.seeds
        if seed.test
    }


@pytest.mark.slow
def test_a_confirmation_survives_signals_and_deaths_and_can_be_extended(
    swept: SweptStudy, tmp_path: Path
):
    study = tmp_path / "endings"
    shutil.copytree(swept.folder, study)
    add_trial(study)

    # Ctrl-C at the first score.
    def press_ctrl_c(name: str, event: Event) -> bool:
        if isinstance(event, RungScored):
            os.kill(os.getpid(), signal.SIGINT)
        return isinstance(event, RungScored)

    stop, result = confirm(study, Heard(press_ctrl_c))
    assert stop is not None
    assert stop.exit_code == 130
    assert (result.complete, scores_in(result)) == (False, {})

    # The same again goes on from there, although a worker is killed on the way.
    runner = StudyRunner(ConfirmationJobs(options(study)))

    def kill(name: str, event: Event) -> bool:
        if name == "0004-s0" and isinstance(event, RungScored):
            os.kill(runner.pool.slots[0].worker._process.pid, signal.SIGKILL)
            return True
        return False

    ears = Heard(kill)
    assert runner.run(ears) is None
    result = read_result(study)
    assert result.complete
    assert result.winner in ("0000", "0004")
    assert ears.started()["0000-s0"] >= 2.0  # its first rung
    first = scores_in(result)
    assert set(first) == {"0000-s0", "0000-s1", "0004-s0", "0004-s1"}
    for name in first:
        history = read_history(study / "confirmation" / name / "history.jsonl")
        assert len([event for event in history if isinstance(event, Finished)]) == 1
        assert [event.rung for event in history if isinstance(event, RungScored)] == [0, 1]

    # More seeds add to what there is.
    ears = Heard()
    _, result = confirm(study, ears, seeds=3)
    assert set(ears.started()) <= {"0000-s2", "0004-s2"}
    assert ears.started()
    assert ears.ended_before == 4
    third = scores_in(result)
    assert first.items() < third.items()

    # Fewer lose nothing and train nothing.
    ears = Heard()
    _, fewer = confirm(study, ears, top=1, seeds=1)
    assert ears.started() == {}
    assert fewer == result

    # Through another extractor nothing is trained: the generators are there. This one has the same
    # weights under another name, and a generator's noise is the same whatever looks at it.
    other = tmp_path / "other"
    shutil.copytree(EMBEDDED_FOLDER / "fashion_cnn", other)
    record = json.loads((other / "extractor.json").read_text())
    (other / "extractor.json").write_text(json.dumps(record | {"id": "other"}))
    ears = Heard()
    _, result = confirm(study, ears, seeds=3, extractor=str(other))
    assert ears.started() == {}
    assert result.protocol.name == "fid_other@1000"
    assert scores_in(result) == pytest.approx(third, rel=1e-6)
    assert result.candidates[0].search.protocol.extractor == "fashion_cnn"
    for name in third:
        history = read_history(study / "confirmation" / name / "history.jsonl")
        (end,) = (event.outcome for event in history if isinstance(event, Finished))
        assert [score.protocol.extractor for score in end.tests] == ["fashion_cnn", "other"]


def test_what_cannot_be_confirmed_is_refused_before_any_process(tmp_path: Path):
    study = make_study(tmp_path / "s", [1.0])
    empty = make_study(tmp_path / "empty", [])
    with pytest.raises(StudyError, match=r"no trial has completed yet \(1 ended\)"):
        ConfirmationJobs(options(empty))
    with pytest.raises(StudyError, match="no study named 't'"):
        ConfirmationJobs(options(tmp_path / "t"))
    with pytest.raises(ConfigError, match="--top: expected at least 1; received 0"):
        ConfirmationJobs(options(study, top=0))
    with pytest.raises(ConfigError, match="--seeds: expected at least 1; received -1"):
        ConfirmationJobs(options(study, seeds=-1))
    with pytest.raises(ConfigError, match="tracker: expected one of"):
        ConfirmationJobs(options(study, tracker="tb"))
    with (
        lock_folder(study, "taken"),
        pytest.raises(StudyError, match="a sweep is running this study"),
    ):
        ConfirmationJobs(options(study))
    with (
        lock_folder(study / "confirmation", "taken"),
        pytest.raises(StudyError, match="another process is confirming this study"),
    ):
        ConfirmationJobs(options(study))
    assert {path.name for path in study.iterdir()} == {
        "study.json", "trials", "lock", "confirmation",
    }  # fmt: skip

"""Run a study from Python, baselines included."""

from pathlib import Path

import pytest

from harness import HarnessError, SearchSpace, SweepOptions, run_study
from harness.core.events import Event, Finished, Started
from harness.gan.config.config import GANConfig
from harness.gan.presets import load_preset
from harness.runner import study_jobs
from harness.study.leaderboard import read_entries
from harness.tracking.identity import TrackerOptions
from tests.support.endings import GOOD, SPACE
from tests.tracking.offline_log import read_offline_runs


class Ears:
    """Keep what a sweep says."""

    def __init__(self) -> None:
        self.ended_before: list[int] = []
        self.heard: list[tuple[str, Event]] = []

    def opened(self, ended: int) -> None:
        self.ended_before.append(ended)

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        self.heard.append((name, event))


@pytest.mark.slow
def test_a_study_runs_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Two presets that are quick to compile; the other two run by the same code.
    monkeypatch.setattr(study_jobs, "PRESETS", ("mlp_cgan", "reference_dcgan"))
    fixed = {name: {"value": value} for name, value in GOOD.items()}
    space = SearchSpace.from_dict(
        SPACE | {"name": "api", "parameters": SPACE["parameters"] | fixed}, source="here"
    )
    options = SweepOptions(
        name="api",
        studies_dir=tmp_path,
        baseline_seconds=1,
        tracker_options=TrackerOptions(wandb_mode="offline"),
        threads=2,
    )
    ears = Ears()
    result = run_study(space, trials=1, options=options, listener=ears)
    assert result.folder == tmp_path / "api"
    assert result.winner.name == "0000"
    assert {entry.name for entry in result.ranked} == {
        "0000", "baseline-mlp_cgan", "baseline-reference_dcgan",
    }  # fmt: skip
    kinds = sorted(run.job_type for run in read_offline_runs(result.folder / "wandb"))
    assert kinds == ["baseline", "baseline", "study", "trial"]
    assert ears.ended_before == [0]
    assert [name for name, event in ears.heard if isinstance(event, Started)] == [
        "0000", "baseline-mlp_cgan", "baseline-reference_dcgan",
    ]  # fmt: skip
    for name, event in ears.heard:
        if isinstance(event, Finished) and name.startswith("baseline-"):
            # They stop by the clock, wherever that is, with a score all the same.
            assert event.outcome.reason.value == "finished"
            assert event.outcome.final is not None
            assert event.outcome.duration_seconds >= 1
    stored = {entry.name: entry.config for entry in read_entries(result.folder)}
    assert stored["baseline-mlp_cgan"] == load_preset("mlp_cgan")


def test_what_is_wrong_with_the_options_is_an_error_before_any_process(tmp_path: Path):
    space = SearchSpace.load("smoke")
    with pytest.raises(HarnessError, match="--study: expected up to 100 letters"):
        run_study(space, options=SweepOptions(name="../x", studies_dir=tmp_path))
    with pytest.raises(HarnessError, match="tracker: expected one of"):
        run_study(space, options=SweepOptions(name="x", studies_dir=tmp_path, tracker="tb"))
    assert list(tmp_path.iterdir()) == []

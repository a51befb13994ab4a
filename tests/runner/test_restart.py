"""Go on with a study of many ended trials: one look at the disk, whatever their number."""

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.study.leaderboard import read_entries
from harness.tracking.identity import TrackerOptions
from harness.tracking.wandb_log import latest_runs
from tests.runner.test_scale import SPACE
from tests.support.grown_studies import grow_study, run_study

MODELS, TRIALS = 3, 200


def options(folder: Path, trials: int) -> SweepOptions:
    tracking = TrackerOptions(images=False, wandb_mode="offline")
    return SweepOptions(
        name="grown", studies_dir=folder, trials=trials, workers=1, tracker_options=tracking
    )


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return SearchSpace.from_dict(SPACE, source="grown")


@pytest.fixture(scope="module")
def grown(space: SearchSpace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    run_study(space, options(folder, MODELS))
    grow_study(folder / "grown", TRIALS)
    return folder


class Watch:
    """Counts what this process opens, lists and starts while it is on."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.on = False
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in ("open", "os.scandir", "os.listdir", "subprocess.Popen"):
            self.seen[f"{event} {Path(str(arguments[0])).name}"] += 1


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    watch = Watch()  # Python keeps it to the end
    yield watch
    watch.on = False


def test_ended_trials_cost_no_process_and_no_listing_each(
    space: SearchSpace, grown: Path, watch: Watch
):
    watch.on = True
    run_study(space, options(grown, TRIALS))
    watch.on = False
    assert watch.seen["open outcome.json"] == TRIALS
    assert watch.seen["os.scandir wandb"] <= 3  # for links, for logs, and at the end
    assert watch.seen["open config.yaml"] == 0
    assert not [what for what in watch.seen if what.startswith("subprocess")]
    assert len(read_entries(grown / "grown")) == TRIALS


def test_a_lost_log_is_written_anew_and_many_are_left_to_the_doctor(
    space: SearchSpace, grown: Path, tmp_path: Path
):
    folder = shutil.copytree(grown, tmp_path / "studies", symlinks=True)
    wandb = folder / "grown" / "wandb"
    before = latest_runs(wandb)
    lost = next(run for run in before if run.endswith("-0001"))
    shutil.rmtree(before[lost])
    run_study(space, options(folder, TRIALS))
    assert latest_runs(wandb).keys() == before.keys()
    shutil.rmtree(wandb)
    told = r"lack the ends of 200 trainings.*`gansweep doctor --study grown .*--repair` adds them"
    with pytest.warns(UserWarning, match=told):
        run_study(space, options(folder, TRIALS))
    assert latest_runs(wandb) == {}

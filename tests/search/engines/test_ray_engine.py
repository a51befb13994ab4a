"""Run studies on a real Ray cluster of two nodes on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.events import Event, Progressed, Started
from harness.search.brain import Brain
from harness.search.engines.cluster import Cluster
from harness.search.leaderboard import read_entries
from harness.training.checkpoint import load_checkpoint
from tests.ray_machines import Notes, options, ray, running_machines, small_space

# A crowded machine takes minutes to start a worker.
pytestmark = pytest.mark.filterwarnings("ignore:Ray has started no worker yet")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the address of a cluster of two nodes with a core each."""
    with running_machines(head_cpus=1, others=1) as machines:
        yield machines.address


def files_of(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if name.startswith("trials/")}


def test_both_engines_give_the_same_bits_and_leave_the_same_files(address: str, tmp_path: Path):
    small = small_space(tmp_path, deterministic=True)
    distant = Cluster(address, files="travel")
    for name, cluster in (("here", None), ("there", distant)):
        assert Brain(small, options(tmp_path, name, cluster=cluster)).run(Notes()) is None
    here, there = (tmp_path / "studies" / name for name in ("here", "there"))
    (expected,), (entry,) = read_entries(here), read_entries(there)
    assert expected.outcome.final is not None
    assert entry.outcome.final == expected.outcome.final
    assert files_of(there) == files_of(here)
    states = [load_checkpoint(each / "trials/0000/checkpoint.npz")[0] for each in (here, there)]
    plain, travelled = ({k: v.tobytes() for k, v in state.items()} for state in states)
    assert plain == travelled
    assert not ray.is_initialized()


def test_a_killed_worker_is_replaced_and_its_trial_goes_on_from_its_checkpoint(
    address: str, tmp_path: Path
):
    cluster = Cluster(address, files="travel")
    brain = Brain(
        small_space(tmp_path), options(tmp_path, "killed", cluster=cluster, checkpoint_seconds=0)
    )
    killed = []

    def kill_once(name: str, event: Event) -> None:
        # The first rung's checkpoint, of 2 kimg, has come with what was said after it.
        if isinstance(event, Progressed) and event.kimg > 2.1 and not killed:
            killed.append(event.kimg)
            (post,) = brain._foreman.posts
            ray.kill(post.worker._hand)

    notes = Notes(kill_once)
    assert brain.run(notes) is None
    assert killed
    first, second = notes.of("0000", Started)
    assert first.kimg == 0
    assert second.kimg >= 2
    (entry,) = read_entries(brain.folder)
    assert entry.outcome.final is not None


def test_nodes_that_see_the_folder_write_there_themselves(address: str, tmp_path: Path):
    cluster = Cluster(address, files="shared", cpus_per_worker=0.5)
    seen: list[bool] = []

    def look(name: str, event: Event) -> None:
        if isinstance(event, Started):
            (post,) = brain._foreman.posts
            seen.append(post.worker._home.path.is_absolute())

    brain = Brain(small_space(tmp_path), options(tmp_path, "shared", cluster=cluster))
    assert brain.run(Notes(look)) is None
    assert seen == [True]
    assert {"trials/0000/checkpoint.npz", "trials/0000/generator.keras"} <= files_of(brain.folder)
    assert not list(brain.folder.rglob(".mark*"))

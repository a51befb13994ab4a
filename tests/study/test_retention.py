"""Keep the networks of all trials, of the best, or of none."""

from pathlib import Path

import pytest

from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.gan.config.config import GANConfig
from harness.study.leaderboard import Entry, read_entries
from harness.study.retention import Retention, disk_use
from harness.training.training_folder import TrainingFolder

PROTOCOL = Protocol("fid", "fashion_cnn", "ab" * 32, 1000, "fashion_mnist/validation", "cd" * 32)


def end(
    study: Path, name: str, value: float, reason: Reason = Reason.FINISHED, room: str = "trials"
) -> Entry:
    """Write what an ended training leaves; return what a retention is told of it."""
    folder = TrainingFolder(study / room / name)
    score = Score(value, 1.0, 0, PROTOCOL)
    final = score if reason is Reason.FINISHED else None
    outcome = Outcome(reason, best=score, final=final)
    folder.write_config(GANConfig())
    for file in (folder.checkpoint_file, folder.generator_file, folder.discriminator_file):
        file.write_bytes(b"x" * 100)
    folder.write_outcome(outcome)
    return Entry(name, folder, GANConfig(), outcome)


def kept(study: Path) -> list[str]:
    """Return the trainings that still have their networks."""
    return sorted(path.parent.name for path in study.rglob("generator.keras"))


ENDINGS = [("0000", 5.0), ("0001", 3.0), ("0002", 4.0), ("0003", 3.0), ("0004", 2.0)]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("all", ["0000", "0001", "0002", "0003", "0004", "0005", "0006"]),
        ("best", ["0004"]),
        ("none", []),
    ],
)
def test_networks_go_as_trials_end(tmp_path: Path, keep, expected: list[str]):
    retention = Retention(keep, read_entries(tmp_path))
    best_so_far = []
    for name, value in ENDINGS:
        retention.note(end(tmp_path, name, value))
        best_so_far.append(kept(tmp_path))
    retention.note(end(tmp_path, "0005", 9.0, Reason.OUTRANKED))
    retention.note(end(tmp_path, "0006", 1.0, Reason.DIVERGED))  # found faulty
    assert kept(tmp_path) == expected
    if keep == "best":  # of equals the first is the winner
        assert best_so_far == [["0000"], ["0001"], ["0001"], ["0001"], ["0004"]]


@pytest.mark.parametrize(
    ("keep", "expected"), [("best", ["0004", "mlp_cgan"]), ("none", ["mlp_cgan"])]
)
def test_what_ended_before_is_brought_in_line_and_baselines_stay(
    tmp_path: Path, keep, expected: list[str]
):
    for name, value in ENDINGS:
        end(tmp_path, name, value)
    end(tmp_path, "mlp_cgan", 9.0, room="baselines")
    retention = Retention(keep, read_entries(tmp_path))
    assert kept(tmp_path) == expected
    if keep == "best":
        retention.note(end(tmp_path, "0006", 1.0))
        assert kept(tmp_path) == ["0006", "mlp_cgan"]


def test_an_ending_told_twice_keeps_its_files(tmp_path: Path):
    ending = end(tmp_path, "0000", 3.0)
    retention = Retention("best", read_entries(tmp_path))
    retention.note(ending)
    assert kept(tmp_path) == ["0000"]


def test_of_outranked_trials_the_leaders_keep_their_checkpoints(tmp_path: Path):
    def with_checkpoint() -> list[str]:
        return sorted(path.parent.name for path in tmp_path.rglob("checkpoint.npz"))

    retention = Retention("all", [], leaders=2)
    for name, value in (("0000", 5.0), ("0001", 3.0), ("0002", 4.0)):
        retention.note(end(tmp_path, name, value, Reason.OUTRANKED))
    assert with_checkpoint() == ["0001", "0002"]
    retention.note(end(tmp_path, "0003", 9.0, Reason.FINISHED))
    retention.note(end(tmp_path, "0004", 1.0, Reason.DIVERGED))
    assert with_checkpoint() == ["0001", "0002", "0003"]
    again = Retention("all", read_entries(tmp_path), leaders=2)
    again.note(end(tmp_path, "0005", 2.0, Reason.OUTRANKED))
    assert with_checkpoint() == ["0001", "0003", "0005"]


def test_disk_use_adds_up_files(tmp_path: Path):
    end(tmp_path, "0000", 3.0)
    (tmp_path / "link").symlink_to(tmp_path / "trials" / "0000" / "checkpoint.npz")
    sizes = [path.stat().st_size for path in (tmp_path / "trials" / "0000").iterdir()]
    assert disk_use(tmp_path) == sum(sizes) > 300

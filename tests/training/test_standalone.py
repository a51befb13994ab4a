"""Prepare the folder of a training alone, and refuse every folder that is something else."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import StorageError, StudyError
from harness.core.files import write_json
from harness.core.outcome import Outcome, Reason
from harness.gan.config.config import GANConfig
from harness.training.checkpoint import save_checkpoint
from harness.training.earlier_training import DATA_KEY, NAME_KEY, as_known
from harness.training.job import TrainingJob, WorkerSetup
from harness.training.standalone import claim, prepare, standalone_job
from harness.training.training_folder import TrainingFolder

SETUP = WorkerSetup()


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    return standalone_job(GANConfig(seed=3), TrainingFolder(tmp_path / "trainings" / "one"), 4.0)


@pytest.fixture
def source(tmp_path: Path) -> TrainingFolder:
    """Return the folder of a trial that was trained to 2.048 kimg."""
    folder = TrainingFolder(tmp_path / "trial")
    save_checkpoint(folder.checkpoint_file, {"step": np.array(32)}, {"kimg": 2.048})
    folder.generator_file.write_bytes(b"generator")
    folder.discriminator_file.write_bytes(b"discriminator")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("kimg", "expected"),
    [(4.0, (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)), (1.0, (0.125, 0.25)), (5000.0, ())],
)
def test_a_training_is_scored_at_eight_even_points(kimg: float, expected: tuple[float, ...]):
    rungs = standalone_job(GANConfig(), TrainingFolder(Path("x")), kimg).rungs_kimg
    assert len(rungs) == 8
    assert rungs[: len(expected)] == expected
    assert rungs[-1] == kimg


def test_a_new_folder_says_what_it_is(job: TrainingJob):
    record = prepare(job, SETUP)
    assert json.loads((job.folder.path / "training.json").read_text()) == record
    assert record["kimg"] == 4.0
    assert job.folder.read_config() == job.config


def test_the_same_training_goes_on_under_its_id(job: TrainingJob):
    assert prepare(job, SETUP)["id"] == prepare(job, SETUP)["id"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rungs_kimg": (8.0,)}, r"kimg: 4\.0 -> 8\.0"),
        ({"num_images": 500}, "num_images: 10000 -> 500"),
        ({"extractor": "other"}, "extractor: panel -> other"),
        ({"dataset": "digits"}, "dataset: fashion_mnist -> digits"),
        ({"config": GANConfig(seed=4)}, r"  config\.seed: 3 -> 4\n"),
    ],
    ids=["kimg", "num_images", "extractor", "dataset", "config"],
)
def test_another_training_is_refused(job: TrainingJob, change: dict, message: str):
    prepare(job, SETUP)
    before = contents(job.folder.path)
    of_job = change.keys() <= {"rungs_kimg", "config"}
    other = dataclasses.replace(job if of_job else SETUP, **change)
    with pytest.raises(StudyError, match=message):
        prepare(*((other, SETUP) if of_job else (job, other)))
    assert contents(job.folder.path) == before


def test_images_that_moved_keep_the_name_that_scores_know(job: TrainingJob):
    began = WorkerSetup(dataset="npz:/there/shapes.npz?size=32")
    record = prepare(job, began)
    moved = WorkerSetup(dataset="npz:/here/other.npz?size=32")
    with pytest.raises(StudyError, match=r"dataset: npz:/there/shapes.npz.* -> npz:/here"):
        prepare(job, moved)  # nothing is known of what it saw
    seen = {DATA_KEY: "ab" * 32, NAME_KEY: "shapes"}
    write_json(job.folder.path / "training.json", record | seen)
    for _ in range(2):
        known = as_known(moved, job.folder, {})
        assert known.dataset == "npz:/here/other.npz?size=32&name=shapes"
        again = prepare(job, known)
        assert again == record | seen | {"dataset": known.dataset}
        write_json(job.folder.path / "training.json", again)
    with pytest.raises(StudyError, match=r"dataset: .* -> npz:/here/other.npz\?size=28"):
        prepare(job, WorkerSetup(dataset="npz:/here/other.npz?size=28"))
    elsewhere = TrainingFolder(job.folder.path.parent / "two")
    assert as_known(began, elsewhere, again).dataset == f"{began.dataset}&name=shapes"
    assert as_known(began, elsewhere, {}) == began


def test_a_finished_training_is_refused(job: TrainingJob):
    prepare(job, SETUP)
    job.folder.write_outcome(Outcome(Reason.FINISHED))
    with pytest.raises(StudyError, match="this training has ended already; see"):
        prepare(job, SETUP)


def test_a_claimed_folder_is_refused_to_another(job: TrainingJob):
    with claim(job, SETUP) as record:
        before = contents(job.folder.path)
        with pytest.raises(StudyError, match=r"one: another process is training here\. Wait"):
            claim(job, SETUP).__enter__()
        assert contents(job.folder.path) == before
    with claim(job, SETUP) as again:
        assert again == record


def test_a_folder_that_was_only_claimed_is_still_free(job: TrainingJob):
    job.folder.path.mkdir(parents=True)
    (job.folder.path / "lock").touch()
    assert prepare(job, SETUP)["kimg"] == 4.0


def test_nothing_is_written_where_a_claim_is_refused(job: TrainingJob):
    job.folder.path.mkdir(parents=True)
    (job.folder.path / "thesis.tex").write_text("precious")
    with pytest.raises(StudyError, match="holds something else"):
        claim(job, SETUP).__enter__()
    assert contents(job.folder.path) == {"thesis.tex": b"precious"}


def test_a_stranger_is_left_alone(job: TrainingJob):
    job.folder.path.mkdir(parents=True)
    (job.folder.path / "thesis.tex").write_text("precious")
    with pytest.raises(StudyError, match="holds something else, which is left alone"):
        prepare(job, SETUP)
    assert contents(job.folder.path) == {"thesis.tex": b"precious"}


def test_a_file_in_the_place_of_the_folder_is_left_alone(job: TrainingJob):
    job.folder.path.parent.mkdir(parents=True)
    job.folder.path.write_text("precious")
    with pytest.raises(StudyError, match="holds something else, which is left alone"):
        prepare(job, SETUP)
    assert job.folder.path.read_text() == "precious"


def test_going_on_copies_the_state_and_leaves_the_source_alone(
    job: TrainingJob, source: TrainingFolder
):
    before = contents(source.path)
    prepare(job, SETUP, begin_from=source)
    assert contents(source.path) == before
    assert before.items() <= contents(job.folder.path).items()


def test_going_on_needs_a_checkpoint(job: TrainingJob, source: TrainingFolder):
    source.checkpoint_file.unlink()
    with pytest.raises(StudyError, match="holds no checkpoint to go on from"):
        prepare(job, SETUP, begin_from=source)
    assert not job.folder.path.exists()


@pytest.mark.parametrize("kimg", [1.0, 2.048])
def test_going_on_needs_somewhere_to_go(job: TrainingJob, source: TrainingFolder, kimg: float):
    with pytest.raises(StudyError, match=r"has been trained to 2\.048 kimg; --kimg is the total"):
        prepare(dataclasses.replace(job, rungs_kimg=(kimg,)), SETUP, begin_from=source)
    assert not job.folder.path.exists()


@pytest.mark.parametrize("name", ["generator.keras", "checkpoint.npz", "history.jsonl"])
def test_what_a_link_leads_to_is_not_taken_over(
    job: TrainingJob, source: TrainingFolder, tmp_path: Path, name: str
):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "kimg_1.png").write_bytes(b"precious")
    path = source.path / name
    path.unlink(missing_ok=True)
    path.symlink_to(secret / "kimg_1.png")
    with pytest.raises(StorageError, match="leads outside"):
        prepare(job, SETUP, begin_from=source, keep_history=True)
    taken = contents(job.folder.path) if job.folder.path.exists() else {}
    assert b"precious" not in taken.values()

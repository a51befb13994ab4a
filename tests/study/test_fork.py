"""Fork a real study: what still compares goes along, everything else says why not."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from harness.core.errors import StudyError
from harness.core.files import write_json
from harness.core.score import Protocol
from harness.data.datasets import load_dataset
from harness.diagnosis.consistency import examine_study
from harness.runner.open_study import Study
from harness.space.space import SearchSpace
from harness.study.data_place import on_known_images, write_place
from harness.study.fork import IncomparableTrialsError, fork_study
from harness.study.leaderboard import read_entries
from harness.study.record import SEMANTICS_VERSION, adopt, read_study
from harness.training.training_folder import TrainingFolder
from tests.conftest import SweptStudy
from tests.support.commands import Commands, the_one_message
from tests.support.endings import SPACE


@pytest.fixture
def studies(swept: SweptStudy, tmp_path: Path) -> Path:
    shutil.copytree(swept.folder, tmp_path / "studies" / "endings")
    return tmp_path / "studies"


def space(parameters: dict[str, Any] | None = None, **changes: Any) -> SearchSpace:
    record = SPACE | {"parameters": SPACE["parameters"] | (parameters or {})} | changes
    return SearchSpace.from_dict(record, source="test")


def test_the_same_space_takes_every_trial_over(studies: Path):
    fork = fork_study(studies, "endings", "copy", space=space())
    assert (fork.copied, fork.left_out) == (4, ())
    old, new = read_study(studies / "endings"), read_study(fork.folder)
    assert new.id != old.id
    assert new.name == "copy"
    assert (new.seed, new.protocol) == (old.seed, old.protocol)
    before, after = (read_entries(studies / name) for name in ("endings", "copy"))
    assert [entry.outcome for entry in after] == [entry.outcome for entry in before]
    assert [entry.config for entry in after] == [entry.config for entry in before]
    findings = examine_study(studies, "copy", tracker="jsonl")
    assert [finding.level.value for finding in findings] == ["ok"]


def test_a_sweep_goes_on_from_a_fork(studies: Path):
    widened = space({"batch_size": {"choices": [32, 64]}}, sampler={"name": "random"})
    fork_study(studies, "endings", "wider", space=widened)
    protocol = Protocol(**read_study(studies / "wider").protocol)
    study = Study(studies, "wider", space=widened, seed=None, protocol=protocol)
    try:
        assert study.count_ended() == 4
        old = study.optuna.get_trials()
        assert [widened.suggest(trial, seed=0).batch_size for trial in old] == [64] * 4
        best = read_entries(studies / "endings")[0].outcome.best
        assert study.optuna.best_value == best.value
        trial, _ = study.ask()
        assert trial.number == 4
    finally:
        study.close()


def test_trials_outside_the_new_space_stay_behind_and_numbers_have_no_gaps(studies: Path):
    # Trial 0002 alone has a discriminator of convolutions.
    narrowed = space({"discriminator.name": {"value": "mlp"}})
    fork = fork_study(studies, "endings", "narrow", space=narrowed)
    assert fork.copied == 3
    (line,) = fork.left_out
    assert line.startswith("0002: ")
    assert "discriminator.name" in line
    entries = read_entries(fork.folder)
    assert [entry.name for entry in entries] == ["0000", "0001", "0002"]
    reasons = [entry.outcome.reason.value for entry in entries]
    assert reasons == ["finished", "diverged", "outranked"]
    findings = examine_study(studies, "narrow", tracker="jsonl")
    assert [finding.level.value for finding in findings] == ["ok"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"budget": {"rungs_kimg": [4, 8]}}, r"budget.rungs_kimg: \(2, 4\) -> \(4, 8\)"),
        (
            {"protocol": {"extractor": "fashion_cnn", "num_images": 500}},
            "protocol.num_images: 1000 -> 500",
        ),
    ],
)
def test_other_rungs_or_another_protocol_are_refused_with_a_diff(
    studies: Path, changes: dict[str, Any], line: str
):
    with pytest.raises(StudyError, match=line):
        fork_study(studies, "endings", "other", space=space(**changes))
    assert not (studies / "other").exists()


def test_another_semantics_version_is_refused(studies: Path):
    path = studies / "endings" / "study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"semantics_version": 0}))
    with pytest.raises(StudyError, match=rf"semantics_version: 0 -> {SEMANTICS_VERSION}"):
        fork_study(studies, "endings", "other", space=space())


def test_a_space_that_holds_none_of_the_trials_is_refused_and_leaves_nothing(studies: Path):
    elsewhere = space({"generator.width": {"value": 32}})
    with pytest.raises(
        StudyError, match=r"none of its trials lies in the new search space\n  0000"
    ):
        fork_study(studies, "endings", "other", space=elsewhere)
    assert sorted(path.name for path in studies.iterdir()) == ["endings"]


@pytest.mark.parametrize("name", ["../escape", "/tmp/escape", "..", ".hidden", "a/b"])
def test_the_new_name_cannot_escape(studies: Path, name: str):
    with pytest.raises(StudyError, match="expected up to 100 letters"):
        fork_study(studies, "endings", name, space=space())


def test_images_and_an_extractor_that_moved_are_the_same(studies: Path, tmp_path: Path):
    def write_extractor(folder: Path, sha256: str) -> str:
        folder.mkdir()
        (folder / "extractor.json").write_text(json.dumps({"sha256": sha256}))
        return str(folder)

    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "now called so.npz", images=images, labels=np.arange(40) % 2)
    now, before = f"npz:{tmp_path}/now called so.npz", f"npz:{tmp_path}/shapes.npz"
    old = studies / "endings"
    write_place(old, dataset=before, extractor="/before/extractor")
    record = read_study(old)
    known = {
        "reference": "shapes/validation",
        "reference_sha256": load_dataset(now).validation.sha256,
    }
    changed = dataclasses.replace(record, protocol=record.protocol | known)
    write_json(old / "study.json", dataclasses.asdict(changed))
    moved = space().on_dataset(now)
    extractor = write_extractor(tmp_path / "ex", record.protocol["extractor_sha256"])

    moved = on_known_images(old, moved, None)
    assert moved.dataset == f"{now}?name=shapes"
    fork = fork_study(studies, "endings", "copy", space=moved.seen_through(extractor))
    assert fork.copied == 4
    made = read_study(fork.folder)
    assert (made.dataset, made.extractor) == (f"{now}?name=shapes", extractor)
    assert made.protocol == changed.protocol
    assert SearchSpace.load(str(fork.folder / "search_space.yaml")).dataset == moved.dataset

    other = write_extractor(tmp_path / "other", "0" * 64)
    with pytest.raises(IncomparableTrialsError, match=r"protocol.extractor: .* -> .*other"):
        fork_study(studies, "endings", "third", space=moved.seen_through(other))
    np.savez(tmp_path / "now called so.npz", images=255 - images, labels=np.arange(40) % 2)
    with pytest.raises(StudyError, match=r"is a study of npz:.*shapes.npz; received .*so.npz"):
        fork_study(studies, "endings", "third", space=moved.seen_through(extractor))


def test_a_name_that_is_taken_is_refused(studies: Path):
    with pytest.raises(StudyError, match="exists already"):
        fork_study(studies, "endings", "endings", space=space())


def test_interrupted_trials_go_on_in_the_fork_with_their_seed(studies: Path):
    # As after a crash: neither the folder nor Optuna knows an end of the last trial.
    (studies / "endings/trials/0003/outcome.json").unlink()
    fork = fork_study(studies, "endings", "copy", space=space())
    assert fork.copied == 4
    protocol = Protocol(**read_study(fork.folder).protocol)
    study = Study(studies, "copy", space=space(), seed=None, protocol=protocol)
    try:
        (trial,) = study.interrupted()
        _, config = study.reopen(trial)
        assert trial.number == 3
        assert config == study.trial_folder(3).read_config()
    finally:
        study.close()
    narrowed = space({"discriminator.name": {"value": "mlp"}})
    fork = fork_study(studies, "endings", "narrow", space=narrowed)
    assert fork.copied == 3
    study = Study(studies, "narrow", space=narrowed, seed=None, protocol=protocol)
    try:
        (trial,) = study.interrupted()
        assert trial.number == 2
        _, config = study.reopen(trial)
        assert config == TrainingFolder(studies / "endings/trials/0003").read_config()
    finally:
        study.close()


def test_the_record_of_a_fork_says_everything_a_study_does(studies: Path):
    fork_study(studies, "endings", "copy", space=space())
    old, new = (dataclasses.asdict(read_study(studies / name)) for name in ("endings", "copy"))
    assert {key for key in old if old[key] != new[key]} <= {"id", "name", "created"}


@pytest.mark.slow
def test_the_sweep_command_forks_and_goes_on(commands: Commands, studies: Path):
    cwd = studies.parent
    (cwd / "endings.yaml").write_text(yaml.safe_dump(SPACE, sort_keys=False))
    arguments = ("sweep", "--search-space", "./endings.yaml", "--fork", "copy", "--workers", 1)
    result = commands.run(*arguments, "--trials", 4, "--max-failed-share", 1, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "studies/copy begins with 4 trials of endings." in result.stderr
    assert "4 trials: 1 complete" in result.stdout
    again = commands.run(*arguments, cwd=cwd)
    assert "exists already. Go on with it by --study copy" in the_one_message(again)


def test_what_a_link_leads_to_is_not_forked(studies: Path):
    (studies.parent / "secret.png").write_bytes(b"precious")
    grids = studies / "endings/trials/0000/grids"
    (grids / "kimg_9.png").symlink_to(studies.parent / "secret.png")
    with pytest.raises(StudyError, match=r"received trials/0000/grids/kimg_9\.png"):
        fork_study(studies, "endings", "copy", space=space())
    assert [path.name for path in studies.iterdir()] == ["endings"]


def test_a_copy_is_forked_only_once_it_is_adopted(studies: Path):
    shutil.copytree(studies / "endings", studies / "twin")
    with pytest.raises(StudyError, match="studies adopt twin"):
        fork_study(studies, "twin", "copy", space=space())
    adopt(studies / "twin")
    assert fork_study(studies, "twin", "copy", space=space()).copied == 4

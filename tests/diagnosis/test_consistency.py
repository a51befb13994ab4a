"""Damage a real study in every way a crash can, and mend it."""

import fcntl
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from harness.core.errors import StorageError, StudyError
from harness.core.events import Finished, RungScored
from harness.diagnosis.consistency import examine_study
from harness.diagnosis.finding import Finding
from harness.study.leaderboard import read_entries
from harness.study.retention import Retention
from harness.study.trial_storage import journal_file, open_read_only
from harness.tracking.jsonl_tracker import read_history
from tests.conftest import SweptStudy
from tests.support.journals import forget_the_ends, states
from tests.tracking.offline_log import read_trainings


@pytest.fixture
def study(swept: SweptStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of a swept study: trials that finished, diverged, crashed, were outranked."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = tmp_path / "studies" / "endings"
    shutil.copytree(swept.folder, folder)
    return folder


def examine(folder: Path, *, repair: bool = False, tracker: str = "jsonl") -> list[Finding]:
    return examine_study(folder.parent, folder.name, repair=repair, tracker=tracker)


def wrong(findings: list[Finding]) -> list[str]:
    return [f"{each.name}: {each.message}" for each in findings if each.level != "ok"]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_an_undamaged_study_agrees_with_itself(study: Path):
    before = contents(study)
    (finding,) = examine(study, tracker="wandb")
    assert (finding.level, finding.name) == ("ok", "study")
    assert "4 trainings ended; all records agree" in finding.message
    assert contents(study) == before


def lose_outcome(study: Path) -> None:
    (study / "trials/0000/outcome.json").unlink()


def halve_outcome(study: Path) -> None:
    path = study / "trials/0003/outcome.json"
    path.write_bytes(path.read_bytes()[:100])


def lose_folder(study: Path) -> None:
    shutil.rmtree(study / "trials/0001")


def lose_config(study: Path) -> None:
    (study / "trials/0002/config.yaml").unlink()


def damage_config(study: Path) -> None:
    (study / "trials/0002/config.yaml").write_bytes(b"batch_size: [\n")


def not_told(study: Path) -> None:
    forget_the_ends(study, 3)


def halve_history(study: Path) -> None:
    path = study / "trials/0000/history.jsonl"
    path.write_bytes(path.read_bytes()[:-25])


def unfinished_history(study: Path) -> None:
    path = study / "trials/0003/history.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def leave_temporary_files(study: Path) -> None:
    (study / "trials/0000/.abc.tmp.npz").write_bytes(b"half")
    (study / "trials/0000/history.jsonl.tmp").write_bytes(b"half")


def leave_half_an_export(study: Path) -> None:
    (study / ".export-abcd1234" / "bundle").mkdir(parents=True)
    (study / ".export-abcd1234" / "bundle" / "generator.keras").write_bytes(b"unproven")


DAMAGE: dict[Callable[[Path], None], str] = {
    lose_outcome: r"trial 0000: Optuna has closed it \(finished\), but .*outcome.json is missing",
    halve_outcome: "trial 0003: .*outcome.json is damaged; Optuna has it too",
    lose_folder: r"trial 0001: Optuna has closed it \(diverged\)",
    lose_config: "trial 0002: .*config.yaml is missing; Optuna's parameters make it",
    damage_config: "trial 0002: .*config.yaml is damaged; Optuna's parameters make it",
    not_told: r"trial 0003: has ended \(outranked\), but Optuna does not know",
    halve_history: "trial 0000: .*history.jsonl ends in half a line",
    unfinished_history: "trial 0003: .*does not tell the end that outcome.json does",
    leave_temporary_files: "temporary file: .* was left by a process that was killed",
    leave_half_an_export: "temporary folder: .*abcd1234 was left by an export that was killed",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_listed_then_mended_to_what_was(study: Path, damage: Callable[[Path], None]):
    outcomes = [entry.to_dict() for entry in read_entries(study)]
    damage(study)
    damaged = contents(study)
    listed = "\n".join(wrong(examine(study)))

    assert re.search(DAMAGE[damage], listed), listed
    assert contents(study) == damaged  # listing changes nothing
    assert wrong(examine(study, repair=True)) == []
    assert wrong(examine(study)) == []
    assert [entry.to_dict() for entry in read_entries(study)] == outcomes
    assert states(study) == ["COMPLETE", "PRUNED", "FAIL", "PRUNED"]
    for entry in read_entries(study):
        history = read_history(entry.folder.path / "history.jsonl")
        assert [each for each in history if isinstance(each, Finished)] == [
            Finished(entry.outcome)
        ]


def keep_in_a_database(study: Path) -> None:
    """Leave a study as an earlier version kept it, in Optuna's SQLite tables."""
    old = f"sqlite:///{study / 'optuna.db'}"
    kept = optuna.create_study(study_name="endings", storage=old)
    kept.add_trials(open_read_only(study).get_trials())
    journal_file(study).unlink()


@pytest.mark.parametrize("lose", [lambda study: journal_file(study).unlink(), keep_in_a_database])
def test_a_lost_journal_is_made_anew_from_the_folders(study: Path, lose: Callable[[Path], None]):
    lose(study)
    listed = wrong(examine(study))
    assert len(listed) == 4
    assert all("its journal was lost or replaced" in line for line in listed)
    assert not journal_file(study).exists()
    assert wrong(examine(study, repair=True)) == []
    assert states(study) == ["COMPLETE", "PRUNED", "FAIL", "PRUNED"]
    assert wrong(examine(study)) == []
    trials = open_read_only(study).get_trials()
    values = [trial.value for trial in trials if trial.value is not None]
    rungs = [rung for trial in trials for rung in trial.intermediate_values]
    entries = read_entries(study)
    assert sorted(values) == sorted([entries[i].outcome.best.value for i in (0, 3)])
    scored = [
        event
        for entry in entries
        for event in read_history(entry.folder.path / "history.jsonl")
        if isinstance(event, RungScored)
    ]
    assert len(rungs) == len(scored)


def test_a_damaged_journal_says_how_to_make_it_anew(study: Path):
    journal_file(study).write_bytes(b"no journal at all\n" * 100)
    with pytest.raises(StorageError, match=r"move it away .* --study endings .* --repair"):
        examine(study)


def test_an_interrupted_trial_is_no_disagreement(study: Path):
    (study / "trials/0000/outcome.json").unlink()
    forget_the_ends(study, 0)
    found = [each for each in examine(study) if each.name == "trial 0000"]
    assert [(each.level.value, each.message) for each in found] == [
        ("ok", "interrupted; the next sweep goes on from its checkpoint")
    ]


def test_a_damaged_outcome_of_an_open_trial_goes_and_the_trial_goes_on(study: Path):
    forget_the_ends(study, 0, attributes=True)
    (study / "trials/0000/outcome.json").write_text("{")
    assert "goes on from its checkpoint" in wrong(examine(study))[0]
    examine(study, repair=True)
    assert not (study / "trials/0000/outcome.json").exists()
    assert wrong(examine(study)) == []


def test_what_optuna_was_told_otherwise_is_listed_and_left(study: Path):
    path = study / "trials/0003/outcome.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"reason": "collapsed"}))
    listed = wrong(examine(study, repair=True))
    assert len(listed) == 1
    assert "is not what Optuna holds (outranked); the folder counts" in listed[0]


def test_a_damaged_checkpoint_goes(study: Path):
    checkpoint = study / "trials/0000/checkpoint.npz"
    (study / "trials/0000/checkpoint.previous.npz").write_bytes(checkpoint.read_bytes())
    checkpoint.write_bytes(checkpoint.read_bytes()[:-200])
    assert "does not need it" in wrong(examine(study))[0]
    (study / "trials/0000/outcome.json").unlink()
    forget_the_ends(study, 0)
    assert "checkpoint.previous.npz is sound" in wrong(examine(study))[0]
    assert wrong(examine(study, repair=True)) == []
    assert not checkpoint.exists()
    (study / "trials/0000/checkpoint.previous.npz").write_bytes(b"PK")
    assert "there is no other, and the training begins anew" in wrong(examine(study))[0]


def test_networks_that_nothing_can_make_again_are_listed(study: Path):
    generator = study / "trials/0000/generator.keras"
    content = generator.read_bytes()
    generator.write_bytes(content[: len(content) // 2])
    assert "generator.keras is damaged" in wrong(examine(study, repair=True))[0]
    generator.unlink()
    assert "generator.keras is missing: its score stands" in wrong(examine(study))[0]


def test_another_configuration_than_optunas_is_listed(study: Path):
    config = study / "trials/0000/config.yaml"
    config.write_text(config.read_text().replace("batch_size: 64", "batch_size: 32"))
    assert "another configuration than Optuna's parameters make" in wrong(examine(study))[0]


def test_a_study_that_a_sweep_runs_is_left_alone(study: Path):
    with (study / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StudyError, match="a sweep is running this study"):
            examine(study)


# W&B's logs


def test_removed_wandb_logs_are_rebuilt_from_history_and_grids(study: Path):
    before = read_trainings(study / "wandb")
    pictures = [[path.read_bytes() for path in run.images()] for run in before]
    assert [len(each) for each in pictures] == [2, 0, 0, 1]
    shutil.rmtree(study / "wandb")
    assert len(wrong(examine(study, tracker="wandb"))) == 4
    assert wrong(examine(study, tracker="wandb", repair=True)) == []
    after = read_trainings(study / "wandb")
    assert [run.id for run in after] == [run.id for run in before]
    for old, new in zip(before, after, strict=True):
        assert new.tags == old.tags
        assert new.config == old.config
        assert new.exit_codes == old.exit_codes
        assert [_plain(row) for row in new.rows] == [_plain(row) for row in old.rows]
        assert new.summary["outcome"] == old.summary["outcome"]
        same = ("generator_parameters", "duration_seconds", "kimg")
        assert [new.summary.get(key) for key in same] == [old.summary.get(key) for key in same]
    assert [[path.read_bytes() for path in run.images()] for run in after] == pictures
    assert wrong(examine(study, tracker="wandb")) == []


def test_a_wandb_log_cut_short_gets_its_rest(study: Path):
    (segment,) = (study / "wandb").glob("*-0000/*.wandb")
    rows = read_trainings(study / "wandb")[0].rows
    segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    assert len(wrong(examine(study, tracker="wandb"))) == 1
    assert wrong(examine(study, tracker="wandb", repair=True)) == []
    run = read_trainings(study / "wandb")[0]
    assert [_plain(row) for row in run.rows] == [_plain(row) for row in rows]
    assert run.summary["outcome"]["reason"] == "finished"


def _plain(row: dict[str, object]) -> dict[str, object]:
    """Leave out when W&B was told and where it keeps its copy of a picture."""
    return {
        key: value for key, value in row.items() if key not in ("_timestamp", "_runtime", "grid")
    }


def test_looking_mends_and_makes_nothing(study: Path):
    (study / "lock").unlink()
    with journal_file(study).open("ab") as file:
        file.write(b'{"op_code": 4, "worker')  # as a killed process leaves it
    halve_outcome(study)
    before = contents(study)
    assert wrong(examine(study))
    assert contents(study) == before


def test_looking_at_a_journal_without_a_study_makes_none(study: Path):
    journal_file(study).write_text("")
    assert wrong(examine(study))
    assert journal_file(study).read_text() == ""


def test_a_copy_and_a_link_are_for_people_to_settle(study: Path):
    twin = study.with_name("twin")
    shutil.copytree(study, twin)
    (twin / "trials/0000/grids/kimg_9.png").symlink_to(study / "study.json")
    found = wrong(examine(twin))
    assert len(found) == 2
    assert "its record is that of study 'endings'" in found[0]
    assert "received trials/0000/grids/kimg_9.png" in found[1]
    with pytest.raises(StudyError, match=r"received trials/0000/grids/kimg_9\.png"):
        examine(twin, repair=True)


def test_a_copy_beside_the_trials_is_none_of_them(study: Path):
    shutil.copytree(study / "trials/0003", study / "trials/0003.bak")
    (study / "trials/0004").symlink_to(study / "trials/0003")
    assert [entry.name for entry in read_entries(study)] == ["0000", "0001", "0002", "0003"]
    Retention("none", read_entries(study))
    networks = sorted(study.glob("trials/*/*.keras"))
    assert networks
    assert {path.parent.name for path in networks} == {"0003.bak"}

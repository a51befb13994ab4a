"""List, show, compare, adopt and remove studies the way a user does."""

import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest

from harness.core.errors import ProtocolMismatchError, StudyError
from harness.study.overview import StudyOverview, compare, sum_up, sum_up_all
from harness.study.record import find_to_remove, remove
from harness.study.trial_storage import journal_file
from tests.conftest import SweptStudy
from tests.support.commands import Commands, the_one_message

ODD = (None, [], {}, "\x1b[2J", -1, 1e400, "x" * 999)


@pytest.fixture
def studies(swept: SweptStudy, tmp_path: Path) -> Path:
    folder = tmp_path / "studies"
    shutil.copytree(swept.folder, folder / "endings")
    return folder


def another_protocol(folder: Path) -> None:
    """Let a study say that its scores come from other images."""
    for path in (folder / "study.json", *folder.glob("trials/*/outcome.json")):
        path.write_text(path.read_text().replace('"num_images": 1000', '"num_images": 500'))


def test_a_study_is_summed_up_from_its_folder(studies: Path):
    overview = sum_up(studies / "endings")
    assert overview.counts == {"complete": 1, "pruned": 1, "failed": 2, "unfinished": 0}
    reasons = {"finished": 1, "diverged": 1, "crashed": 1, "outranked": 1}
    assert overview.reasons == reasons
    assert overview.best is not None
    assert overview.best.name == "0000"
    assert overview.best_score == overview.best.outcome.final
    assert not overview.running
    journal_file(studies / "endings").unlink()
    (studies / "endings" / "trials" / "0003" / "outcome.json").unlink()
    assert sum_up(studies / "endings").counts["unfinished"] == 1


def test_a_running_sweep_shows(studies: Path):
    with (studies / "endings" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert sum_up(studies / "endings").running


def test_a_damaged_study_does_not_hide_the_others(studies: Path):
    shutil.copytree(studies / "endings", studies / "broken")
    (studies / "broken" / "study.json").write_text("{")
    broken, sound = sum_up_all(studies)
    assert broken.name == "broken"
    assert "expected JSON" in broken.message
    assert sound.folder.name == "endings"


@pytest.mark.parametrize("damage", ["", "a: 1", "loss: {label_smoothing: -1}", "batch_size: x"])
def test_a_damaged_configuration_is_one_message_and_hides_no_study(
    commands: Commands, studies: Path, damage: str
):
    shutil.copytree(studies / "endings", studies / "broken")
    (studies / "broken/trials/0000/config.yaml").write_text(damage)
    broken, sound = sum_up_all(studies)
    assert "trials/0000/config.yaml" in broken.message
    assert sound.folder.name == "endings"
    for command in (("show", "broken"), ("show", "broken", "--json")):
        message = the_one_message(commands.run("studies", *command, cwd=studies.parent))
        assert "trials/0000/config.yaml" in message
    # Of one that is not the best, a list shows nothing.
    shutil.copy(studies / "endings/trials/0000/config.yaml", studies / "broken/trials/0000")
    (studies / "broken/trials/0003/config.yaml").write_text(damage)
    assert all(isinstance(each, StudyOverview) for each in sum_up_all(studies))
    message = the_one_message(commands.run("studies", "show", "broken", cwd=studies.parent))
    assert "trials/0003/config.yaml" in message


def test_studies_compare_only_under_one_protocol(studies: Path):
    shutil.copytree(studies / "endings", studies / "twin")
    assert [each.folder.name for each in compare(studies, ["twin", "endings"])] == [
        "twin",
        "endings",
    ]
    another_protocol(studies / "twin")
    with pytest.raises(ProtocolMismatchError, match=r"num_images: 1000 \| 500"):
        compare(studies, ["endings", "twin"])


def test_one_study_is_nothing_to_compare(studies: Path):
    with pytest.raises(StudyError, match="two studies or more; received 1"):
        compare(studies, ["endings", "endings"])


def test_the_best_study_stands_first(studies: Path):
    shutil.copytree(studies / "endings", studies / "better")
    path = studies / "better" / "trials" / "0000" / "outcome.json"
    record = json.loads(path.read_text())
    record["final"]["value"] /= 2
    path.write_text(json.dumps(record))
    assert [each.folder.name for each in compare(studies, ["endings", "better"])] == [
        "better",
        "endings",
    ]


def test_removing_takes_the_folder_and_nothing_else(studies: Path):
    shutil.copytree(studies / "endings", studies / "twin")
    remove(studies, "twin")
    assert [path.name for path in studies.iterdir()] == ["endings"]


@pytest.mark.parametrize("name", ["..", ".", "../studies", "/etc", "a/b", "", "end\nings"])
def test_a_name_cannot_leave_the_studies_folder(studies: Path, name: str):
    with pytest.raises(StudyError, match="expected up to 100 letters"):
        remove(studies, name)


def test_a_link_is_not_followed_when_removing(studies: Path, tmp_path: Path):
    (studies / "endings").rename(tmp_path / "elsewhere")
    (studies / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(StudyError, match="is a link to"):
        remove(studies, "link")
    assert (tmp_path / "elsewhere" / "study.json").exists()


def test_links_inside_a_study_are_removed_and_their_targets_kept(studies: Path, tmp_path: Path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    (studies / "endings" / "link").symlink_to(precious, target_is_directory=True)
    remove(studies, "endings")
    assert (precious / "file").read_text() == "kept"


def test_a_study_that_a_sweep_runs_is_not_removed(studies: Path):
    with (studies / "endings" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StudyError, match="a sweep is running"):
            remove(studies, "endings")
    assert find_to_remove(studies, "endings").is_dir()


# The command


@pytest.mark.parametrize(
    "command",
    [("studies", "rm", "--yes", "endings"), ("doctor", "--study", "endings")]
    + [(name, "--study", "endings", "--tracker", "none") for name in ("sweep", "confirm")],
)
def test_a_study_kept_in_another_database_is_refused_and_left_alone(
    commands: Commands, studies: Path, command: tuple[str, ...]
):
    record = studies / "endings" / "study.json"
    kept = json.loads(record.read_text()) | {"storage": "postgresql+psycopg://ann@db/gans"}
    record.write_text(json.dumps(kept))
    before = sorted(studies.rglob("*"))
    message = the_one_message(commands.run(*command, cwd=studies.parent))
    assert "keeps its trials outside its folder, in postgresql+psycopg://ann@db/gans" in message
    assert sorted(studies.rglob("*")) == before


def test_the_command_lists_shows_and_asks_before_removing(commands: Commands, studies: Path):
    cwd = studies.parent
    listed = commands.run("studies", "list", cwd=cwd)
    assert listed.returncode == 0, listed.stderr
    assert "endings" in listed.stdout
    assert "1 / 1 / 2 / 0" in listed.stdout
    shown = commands.run("studies", "show", "endings", cwd=cwd)
    assert "4 trials: 1 complete, 1 pruned (outranked 1), 2 failed" in shown.stdout
    assert "fid_fashion_cnn@1000 (lower is better)" in shown.stdout
    asked = commands.run("studies", "rm", "endings", cwd=cwd)  # nothing to read an answer from
    assert asked.returncode == 1
    assert (studies / "endings").is_dir()
    removed = commands.run("studies", "rm", "endings", "--yes", cwd=cwd)
    assert removed.returncode == 0
    assert removed.stdout.startswith("Removed studies/endings (")
    assert list(studies.iterdir()) == []


def test_the_command_speaks_json(commands: Commands, studies: Path):
    shutil.copytree(studies / "endings", studies / "twin")
    listed = json.loads(commands.run("studies", "list", "--json", cwd=studies.parent).stdout)
    assert [each["trials"]["complete"] for each in listed] == [1, 1]
    shown = commands.run("studies", "show", "twin", "--json", cwd=studies.parent)
    assert len(json.loads(shown.stdout)["leaderboard"]) == 4
    another_protocol(studies / "twin")
    refused = commands.run("studies", "compare", "endings", "twin", cwd=studies.parent)
    assert "num_images: 1000 | 500" in the_one_message(refused)


def test_a_copy_is_removed_and_its_original_left_alone(commands: Commands, studies: Path):
    shutil.copytree(studies / "endings", studies / "twin")
    before = {path: path.read_bytes() for path in (studies / "endings").rglob("*.json*")}
    refused = commands.run(
        "sweep", "--search-space", "smoke", "--study", "twin", cwd=studies.parent
    )
    assert "gansweep studies adopt twin" in the_one_message(refused)
    removed = commands.run("studies", "rm", "twin", "--yes", cwd=studies.parent)
    assert removed.returncode == 0
    assert "its record is that of study 'endings'" in removed.stderr
    assert {path: path.read_bytes() for path in before} == before
    assert sum_up(studies / "endings").counts["complete"] == 1


def test_one_odd_record_does_not_hide_the_others(studies: Path):
    record = json.loads((studies / "endings" / "study.json").read_text())
    odd = [
        *({key: value} for key in record for value in ODD),
        {"protocol": record["protocol"] | {"num_images": "many"}},
    ]
    for number, changes in enumerate(odd):
        folder = studies / f"odd{number}"
        folder.mkdir()
        (folder / "study.json").write_text(json.dumps(record | changes))
    (studies / "folder" / "study.json").mkdir(parents=True)
    (studies / "pipe").mkdir()
    os.mkfifo(studies / "pipe" / "study.json")
    found = sum_up_all(studies)
    assert len(found) == len(odd) + 3
    sound = [each.folder.name for each in found if isinstance(each, StudyOverview)]
    assert "endings" in sound

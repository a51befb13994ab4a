"""Run the sweep command as a user does, and look at everything it leaves behind."""

import gzip
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from harness.core.events import Finished, Progressed, RungScored, Started
from harness.data import fashion_mnist as data
from harness.study.leaderboard import read_entries, winner
from harness.study.trial_storage import journal_file, open_read_only
from harness.tracking.jsonl_tracker import read_history
from tests.conftest import SweptStudy
from tests.support.commands import Commands, the_one_message
from tests.support.endings import ENDINGS, SPACE, write_endings
from tests.support.journals import forget_the_ends, states
from tests.tracking.disks import run_command_on_disk
from tests.tracking.offline_log import OfflineRun, read_trainings

FID = "fid_fashion_cnn@1000"


@pytest.fixture(scope="module")
def runs(swept: SweptStudy) -> list[OfflineRun]:
    """Return the W&B runs of the study, read with W&B's own reader."""
    return read_trainings(swept.folder / "wandb")


# What a sweep leaves


def test_every_trial_ends_the_way_its_configuration_asks_for(swept: SweptStudy):
    ends = [entry.outcome.reason.value for entry in read_entries(swept.folder)]
    assert ends == list(ENDINGS)


def test_a_trial_that_raises_says_where_and_the_study_goes_on(swept: SweptStudy):
    crashed = read_entries(swept.folder)[2].outcome
    assert crashed.detail.startswith("ConfigError at discriminators.py:")
    assert "leaves 4 pixels" in crashed.detail


def test_a_trial_folder_holds_what_the_design_says(swept: SweptStudy):
    kept = {
        path.name: {each.name for each in path.iterdir()}
        for path in (swept.folder / "trials").iterdir()
    }
    always = {"config.yaml", "history.jsonl", "outcome.json"}
    scored = always | {"grids", "samples", "generator.keras", "discriminator.keras"}
    assert kept == {
        "0000": scored | {"checkpoint.npz"},  # the only one that could be trained on
        "0001": always,
        "0002": always,
        "0003": scored,
    }


def test_histories_are_whole(swept: SweptStudy):
    for entry in read_entries(swept.folder):
        events = read_history(entry.folder.path / "history.jsonl")
        assert events[-1] == Finished(entry.outcome)
        if entry.outcome.reason.value != "crashed":
            assert isinstance(events[0], Started)
        kimg = [event.kimg for event in events if isinstance(event, Progressed)]
        assert kimg == sorted(set(kimg))


def test_optuna_keeps_the_same_ends_in_its_own_words(swept: SweptStudy):
    trials = open_read_only(swept.folder).get_trials()
    values = [trial.value for trial in trials if trial.value is not None]
    assert states(swept.folder) == ["COMPLETE", "PRUNED", "FAIL", "PRUNED"]
    # Optuna gives a pruned trial the last value it reported.
    entries = read_entries(swept.folder)
    assert sorted(values) == [entries[i].outcome.best.value for i in (0, 3)]


# What it prints


def test_piped_output_is_plain_lines_in_order(swept: SweptStudy):
    lines = swept.result.stdout.splitlines()
    assert "\x1b" not in swept.result.stdout
    ends = [line for line in lines if "ended" in line and line.startswith("trial")]
    assert [line.split()[1] for line in ends] == ["0000", "0001", "0002", "0003"]
    assert "pruned (outranked)" in ends[3]
    assert "[4/4 ended]" in ends[3]
    assert swept.result.stderr == ""


def test_the_end_shows_ranking_counts_best_configuration_and_what_to_type(swept: SweptStudy):
    text = swept.result.stdout
    assert f"{FID} (lower is better)" in text
    assert "4 trials: 1 complete, 1 pruned (outranked 1), 2 failed (diverged 1, crashed 1)" in text
    best = winner(read_entries(swept.folder))
    assert f"Best: trial {best.name}, studies/endings/trials/0000" in text
    begin, end = text.index("conditional: true"), text.index("\nNext:")
    assert yaml.safe_load(text[begin:end]) == best.config.model_dump(mode="json")
    assert "gansweep export --study endings\n" in text
    assert "gansweep train --from endings --kimg 5000\n" in text
    assert "gansweep report --study endings\n" in text
    assert "wandb leet studies/endings/wandb" in text


def test_what_to_type_names_only_what_is_there(commands: Commands, tmp_path: Path):
    again = [
        *write_endings(tmp_path), "--trials", 1, "--workers", 1, "--tracker", "jsonl",
        "--studies-dir", "my studies",
    ]  # fmt: skip
    kept = commands.run("sweep", *again, cwd=tmp_path)
    place = "--studies-dir 'my studies'"
    assert kept.stdout.partition("\nNext:\n")[2].splitlines()[:3] == [
        f"  gansweep export --study endings {place}",
        f"  gansweep train --from endings {place} --kimg 5000",
        f"  gansweep report --study endings {place}",
    ]
    assert "wandb" not in kept.stdout
    emptied = commands.run("sweep", *again, "--keep", "none", cwd=tmp_path)
    assert emptied.stdout.partition("\nNext:\n")[2].splitlines()[0].startswith("  gansweep report")


def test_without_credentials_one_line_says_how_to_see_and_sync(swept: SweptStudy):
    (line,) = [line for line in swept.result.stdout.splitlines() if "W&B" in line]
    assert line.startswith("W&B is offline (no credentials). See the runs: wandb leet studies/")
    assert "wandb login && wandb sync studies/endings/wandb/offline-run-*" in line


# What W&B has


def test_wandb_has_one_run_a_trial_in_the_group_of_the_study(swept: SweptStudy, runs):
    study_id = json.loads((swept.folder / "study.json").read_text())["id"]
    assert [run.id for run in runs] == [f"{study_id}-{i:04d}" for i in range(4)]
    assert {run.group for run in runs} == {"endings"}
    assert {run.job_type for run in runs} == {"trial"}
    assert all(set(run.tags) == {"mlp", "tpe"} for run in runs)
    entries = read_entries(swept.folder)
    for run, entry in zip(runs, entries, strict=True):
        config = entry.config.model_dump(mode="json")
        assert {key: run.config[key] for key in ("batch_size", "seed", "conditional")} == {
            key: config[key] for key in ("batch_size", "seed", "conditional")
        }


def test_wandb_has_the_outcome_of_every_trial(runs: list[OfflineRun]):
    outcomes = [
        (run.summary["outcome"]["state"], run.summary["outcome"]["reason"]) for run in runs
    ]
    assert outcomes == [
        ("complete", "finished"),
        ("failed", "diverged"),
        ("failed", "crashed"),
        ("pruned", "outranked"),
    ]


@pytest.mark.parametrize(("number", "rungs"), [(0, 2), (3, 1)])
def test_wandb_has_losses_scores_and_grids_of_complete_and_pruned_trials(
    swept: SweptStudy, runs: list[OfflineRun], number: int, rungs: int
):
    run, entry = runs[number], read_entries(swept.folder)[number]
    history = read_history(entry.folder.path / "history.jsonl")
    scored = [event for event in history if isinstance(event, RungScored)]
    told = [event for event in history if isinstance(event, Progressed)]
    assert len(scored) == rungs
    assert run.column(FID) == [event.score.value for event in scored]
    assert run.column("generator_loss") == [event.generator_loss for event in told]
    assert run.column("discriminator_loss") == [event.discriminator_loss for event in told]
    for name in ("accuracy_real", "accuracy_fake", "images_per_second"):
        assert len(run.column(name)) == len(told)
    assert [row["_step"] for row in run.rows] == list(range(len(run.rows)))
    pictures = run.images()
    assert len(pictures) == rungs
    for picture, event in zip(pictures, scored, strict=True):
        assert picture.read_bytes() == (entry.folder.path / event.grid).read_bytes()
        with Image.open(picture) as grid:
            assert grid.size == (302, 302)  # ten columns and ten classes of 28 + 2 pixels
    assert run.summary[f"best_{FID}"] == entry.outcome.best.value


# What it refuses: one message, exit code 2, nothing overwritten


def space_with(folder: Path, **changes: object) -> Path:
    path = folder / "space.yaml"
    path.write_text(yaml.safe_dump(SPACE | changes))
    return path


def test_an_unknown_key_and_a_range_upside_down_are_told_together(
    commands: Commands, tmp_path: Path
):
    parameters = SPACE["parameters"] | {
        "generator.learning_rate": {"low": 1.0e-2, "high": 1.0e-3},
        "generator.withd": {"value": 3},
    }
    path = space_with(tmp_path, parameters=parameters, budgets={})
    message = the_one_message(commands.run("sweep", "--search-space", path, cwd=tmp_path))
    assert "space.yaml has 3 faults" in message
    assert "budgets is not a known key. Did you mean 'budget'?" in message
    assert "generator.withd" in message
    assert "generator.width" in message
    assert "generator.learning_rate" in message
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--search-space", "absent.yaml"], r"absent\.yaml .*No such file"),
        (["--search-space", "defalt"], r"no search space 'defalt'\. Did you mean 'default'\?"),
        (["--study", "../elsewhere"], r"--study: expected up to 100 .*'\.\./elsewhere'"),
        (["--workers", "many"], r"--workers: expected a number from 1, or auto; received 'many'"),
        (["--tracker", "wandbb"], r"--tracker: expected one of .* Did you mean 'wandb'\?"),
        (["--enqueue", "absent.yaml"], r"absent\.yaml .*No such file"),
    ],
    ids=lambda value: value[0].strip("-") if isinstance(value, list) else "",
)
def test_a_wrong_option_is_refused_before_anything_is_written(
    arguments: list[str], message: str, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    from harness.sweep import app

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^2$"):
        app(["--search-space", "smoke", *arguments])
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("error: ") == 1
    assert re.search(message, captured.err), captured.err
    assert list(tmp_path.iterdir()) == []


def copy_of_the_data(folder: Path) -> Path:
    place = data.find_location() or data.download_location()
    folder.mkdir()
    for name in data.FILES:
        (folder / name).symlink_to(place.folder / name)
    return folder


@pytest.mark.slow
def test_a_truncated_and_a_tampered_data_file_are_refused(commands: Commands, tmp_path: Path):
    name = "train-images-idx3-ubyte.gz"
    folder = copy_of_the_data(tmp_path / "data")
    whole = (folder / name).read_bytes()
    (folder / name).unlink()
    tampered = bytearray(gzip.decompress(whole))
    tampered[-1] ^= 1
    for content in (whole[: len(whole) // 2], gzip.compress(bytes(tampered), 1)):
        (folder / name).write_bytes(content)
        result = commands.run(
            "sweep", "--search-space", "smoke", "--workers", 1, "--tracker", "none",
            "--data-dir", folder, cwd=tmp_path,
        )  # fmt: skip
        assert name in the_one_message(result)
        assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param("ro", "Read-only file system", id="read-only"),
        pytest.param(
            "size=200k", "(No space left|disk is full)", id="full", marks=pytest.mark.slow
        ),
    ],
)
def test_a_disk_that_takes_nothing_is_one_message(
    options: str, message: str, commands: Commands, tmp_path: Path
):
    disk = tmp_path / "disk"
    command = [
        "harness.sweep", "--search-space", "smoke", "--trials", 2, "--workers", 1,
        "--tracker", "jsonl", "--studies-dir", disk,
    ]  # fmt: skip
    result = run_command_on_disk(disk, options, command, commands.environment)
    assert re.search(message, the_one_message(result)), result.stderr


@pytest.mark.parametrize(
    "share",
    [pytest.param(0.0, marks=pytest.mark.slow), 0.5, pytest.param(0.99, marks=pytest.mark.slow)],
)
def test_a_study_whose_journal_ends_within_its_last_write_goes_on(
    share: float, commands: Commands, swept: SweptStudy, tmp_path: Path
):
    folder = tmp_path / "studies" / "endings"
    shutil.copytree(swept.folder, folder)
    journal = journal_file(folder)
    lines = journal.read_bytes().splitlines(keepends=True)
    begun = [place for place, line in enumerate(lines) if b'"remaining"' not in line][-2] + 1
    kept, last = b"".join(lines[:begun]), b"".join(lines[begun:])
    journal.write_bytes(kept + last[: int(share * len(last))])
    journal.with_name("optuna.jsonl.lock").write_text("")
    before = [entry.to_dict()["outcome"] for entry in read_entries(swept.folder)]
    options = write_endings(tmp_path)
    result = commands.run(
        "sweep", *options, "--trials", 4, "--workers", 1, "--no-images", "--json", cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert [entry.to_dict()["outcome"] for entry in read_entries(folder)] == before
    assert states(folder) == ["COMPLETE", "PRUNED", "FAIL", "PRUNED"]


def test_the_same_command_mends_goes_on_and_adds(
    commands: Commands, swept: SweptStudy, tmp_path: Path
):
    folder = tmp_path / "studies" / "endings"
    shutil.copytree(swept.folder, folder)
    before = read_entries(swept.folder)
    # Trial 0 was interrupted at its last checkpoint; Optuna never heard how trial 3 ended.
    (folder / "trials" / "0000" / "outcome.json").unlink()
    forget_the_ends(folder, 0, 3)
    kept = {number: (folder / "trials" / number / "outcome.json").read_bytes() for number in
            ("0001", "0002", "0003")}  # fmt: skip
    options = write_endings(tmp_path)
    result = commands.run(
        "sweep", *options, "--trials", 5, "--workers", 1, "--no-images", "--json", cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    # JSON is all that standard output gets.
    record = json.loads(result.stdout)
    assert (record["ended"], record["study"]) == (True, "studies/endings")
    assert {entry["trial"] for entry in record["leaderboard"]} == {f"{i:04d}" for i in range(5)}
    assert record["leaderboard"][0]["outcome"]["final"]["name"] == FID
    assert "W&B is offline" in result.stderr
    # What had ended stands as it was, what was interrupted ends as it would have.
    for number, content in kept.items():
        assert (folder / "trials" / number / "outcome.json").read_bytes() == content
    after = read_entries(folder)
    assert after[0].outcome.best == before[0].outcome.best
    # Threads may add up in another order when the kept generator is scored anew.
    again, once = after[0].outcome.final, before[0].outcome.final
    assert again.value == pytest.approx(once.value, rel=1e-4)
    assert again.protocol == once.protocol
    told = states(folder)
    assert told[:4] == ["COMPLETE", "PRUNED", "FAIL", "PRUNED"]
    assert len(told) == 5
    assert "RUNNING" not in told
    runs = read_trainings(folder / "wandb")
    assert len(runs) == 5
    assert runs[4].images() == []
    assert runs[0].summary["outcome"]["reason"] == "finished"
    assert [row["_step"] for row in runs[0].rows] == list(range(len(runs[0].rows)))

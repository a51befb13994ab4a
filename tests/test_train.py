"""Train alone as a user does: dry runs, Ctrl-C, the same command again, a winner trained on."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.core.events import Finished, Progressed, RungScored, Started
from harness.study.leaderboard import read_entries
from harness.tracking.jsonl_tracker import read_history
from harness.train import app
from harness.training.checkpoint import load_checkpoint
from harness.training.job import WorkerSetup
from harness.training.standalone import prepare, standalone_job
from harness.training.training_folder import TrainingFolder
from tests.conftest import SweptStudy
from tests.support.commands import Commands, interrupt, the_one_message, wait_until
from tests.tracking.disks import run_command_on_disk, run_command_on_used_disk
from tests.tracking.offline_log import read_offline_runs

# Exact counts from the public models: generator, of which trainable, discriminator.
COUNTS = {
    "mlp_cgan": ("1,506,948", None, "2,911,393"),
    "fashiongan": ("2,155,137", "2,155,137", "1,113,345"),
    "tf_dcgan": ("2,330,944", "2,305,472", "212,865"),
}
# Some seconds of training on any machine, so that Ctrl-C finds it at work.
CONFIG = {
    "batch_size": 16,
    "seed": 11,
    "generator": {"name": "mlp", "latent_dim": 8, "embedding_dim": 4, "width": 256, "depth": 1},
    "discriminator": {"name": "mlp", "width": 16, "depth": 1},
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command in this process, which has loaded TensorFlow already."""
    with pytest.raises(SystemExit, match=r"^\d+$") as end:
        app([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


@pytest.mark.parametrize("preset", COUNTS)
def test_a_dry_run_prints_exact_parameter_counts_and_writes_nothing(
    preset: str, here: Path, capsys: pytest.CaptureFixture[str]
):
    code, out, _ = run(capsys, "--preset", preset, "--dry-run")
    generator, trainable, discriminator = COUNTS[preset]
    assert code == 0
    assert f"generator: {generator} parameters" in out
    assert f"discriminator: {discriminator} parameters" in out
    assert trainable is None or f"{generator} parameters, {trainable} trainable" in out
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], r"Expected exactly one of --preset, --config, --from and --continue; received none"),
        (["--preset", "mlp_cgan", "--from", "s"], r"received --preset, --from"),
        (["--preset", "mlp_gan"], r"no preset 'mlp_gan'.* Did you mean 'mlp_cgan'\?"),
        (["--config", "absent.yaml"], r"absent\.yaml .*(cannot be read|No such file)"),
        (["--from", "absent"], r"no study named 'absent'; there is no study there"),
        (["--from", "../s"], r"--study: expected .* received '\.\./s'"),
        (["--from", "s:first"], r"--from: expected STUDY or STUDY:NUMBER; received 's:first'"),
        (["--preset", "mlp_cgan", "--tracker", "tb"], r"--tracker: expected one of"),
        (["--preset", "mlp_cgan", "--print-every", "5"], r"--print-every: expected .* '5'"),
        (["--continue", "absent"], r"--continue: there is no folder absent"),
        (["--continue", "."], r"--continue: \. holds no training\.json"),
    ],
    ids=lambda value: "-".join(value).replace("--", "") if isinstance(value, list) else "",
)
def test_a_wrong_option_is_one_message(
    arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]
):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert re.search(message, err), err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss: {name: bce}", r"error: gan\.yaml: loss\.name must be one of non_saturating"),
        ("optimizer: {name: adm}", r"gan\.yaml: optimizer\.name .*'adm'. Did you mean 'adam'\?"),
        ("loss: {name: wasserstein}", r"error: gan\.yaml: loss\.name wasserstein needs a bound"),
        ("ema: {half_life_kimg: .inf}", r"gan\.yaml: ema\.half_life_kimg must be a finite number"),
        ("generator: {widths: []}", r"gan\.yaml: generator\.widths .*at least 1 item"),
        ("generator: {name: dcgan, widths: [8]}", r"must hold at least 2 widths for dcgan"),
        ("discriminator: {depth: 3, padding: valid}", r"discriminator\.padding valid leaves"),
    ],
)
def test_a_configuration_that_cannot_be_trained_leaves_nothing_behind(
    text: str, message: str, dry_run: bool, here: Path, capsys: pytest.CaptureFixture[str]
):
    (here / "gan.yaml").write_text(text)
    options = ["--config", "gan.yaml", "--kimg", 1, "--tracker", "none"]
    code, out, err = run(capsys, *options, *(["--dry-run"] if dry_run else []))
    assert (code, out) == (2, "")
    assert re.search(message, err), err
    assert [path.name for path in here.iterdir()] == ["gan.yaml"]


@pytest.mark.parametrize("kimg", ["inf", "nan", "-inf"])
def test_a_total_that_is_no_finite_number_is_refused(
    kimg: str, here: Path, capsys: pytest.CaptureFixture[str]
):
    code, out, err = run(capsys, "--preset", "mlp_cgan", "--kimg", kimg, "--tracker", "none")
    assert (code, out) == (2, "")
    assert "--kimg" in err
    assert list(here.iterdir()) == []


def test_ctrl_c_saves_and_the_same_command_ends_it(commands: Commands, tmp_path: Path):
    (tmp_path / "gan.yaml").write_text(yaml.safe_dump(CONFIG))
    options = ["--config", "gan.yaml", "--kimg", 24, "--num-images", 1000]
    folder = TrainingFolder(tmp_path / "trainings" / "gan-seed11-24kimg")

    def told() -> list[float]:
        history = read_history(folder.path / "history.jsonl")
        return [event.kimg for event in history if isinstance(event, Progressed)]

    process = commands.start("train", *options, cwd=tmp_path)
    wait_until(lambda: max(told(), default=0) > 1, process)
    out, err = interrupt(process)
    assert process.returncode == 130, out + err
    assert "Stopped; the same command goes on from here." in out
    assert err == ""
    assert folder.read_outcome() is None
    stopped = told()[-1]

    result = commands.run("train", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert f"from {stopped:g} to 24 kimg" in result.stdout
    assert "complete (finished)" in result.stdout
    assert "Everything lies in trainings/gan-seed11-24kimg" in result.stdout
    history = read_history(folder.path / "history.jsonl")
    assert [event.kimg for event in history if isinstance(event, RungScored)] == [
        3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 21.0, 24.0,
    ]  # fmt: skip
    assert told() == sorted(set(told()))
    assert history[-1] == Finished(folder.read_outcome())
    (run,) = read_offline_runs(folder.path / "wandb")
    assert run.job_type == "train"
    assert [row["_step"] for row in run.rows] == list(range(len(run.rows)))
    assert run.column("fid_panel@1000") == [
        event.score.value for event in history if isinstance(event, RungScored)
    ]
    assert run.summary["outcome"] == {"state": "complete"} | run.summary["outcome"]

    # Once it has ended, the same command refuses to touch it.
    refused = commands.run("train", *options, cwd=tmp_path)
    assert "this training has ended already" in the_one_message(refused)


@pytest.mark.slow
def test_a_winner_is_trained_on_to_a_total(
    swept: SweptStudy, here: Path, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(swept.folder, here / "studies" / "endings")
    winner = read_entries(swept.folder)[0]
    code, out, err = run(
        capsys, "--from", "endings", "--kimg", 6, "--tracker", "jsonl", "--out", "longer"
    )
    assert code == 0, err
    assert "from 4.032 to 6 kimg" in out
    folder = TrainingFolder(here / "longer")
    outcome = folder.read_outcome()
    assert outcome.kimg == pytest.approx(6.016)  # 94 batches of 64
    assert folder.read_config() == winner.config
    # It is scored as its study was, so the two compare.
    assert outcome.final.protocol == winner.outcome.final.protocol
    history = read_history(folder.path / "history.jsonl")
    assert isinstance(history[0], Started)
    assert [e.kimg for e in history if isinstance(e, RungScored)] == [4.5, 5.25, 6.0]
    # The trial itself is as it was.
    trial = here / "studies" / "endings" / "trials" / "0000"
    for path in trial.rglob("*.*"):
        assert path.read_bytes() == (winner.folder.path / path.relative_to(trial)).read_bytes()


def test_what_cannot_go_on_says_so(
    swept: SweptStudy, here: Path, capsys: pytest.CaptureFixture[str]
):
    studies = ("--studies-dir", swept.folder.parent, "--tracker", "none")
    for arguments, message in (
        (("--from", "endings:3"), "holds no checkpoint to go on from"),  # it was pruned
        (
            ("--from", "endings:9"),
            "has no trial 9 that has ended or was scored; such trials: 0000, 0001",
        ),
        (("--from", "endings", "--kimg", 3), "has been trained to 4.032 kimg"),
        (("--from", "endings", "--seed", 1), "--seed: a trial goes on with its own seed"),
        (("--from", "endigns"), "Did you mean 'endings'?"),
    ):
        code, _, err = run(capsys, *arguments, *studies)
        assert code == 2
        assert message in err
    assert list(here.iterdir()) == []


@pytest.mark.slow
def test_a_second_equal_command_is_refused_while_the_first_trains(
    commands: Commands, tmp_path: Path, here: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "gan.yaml").write_text(yaml.safe_dump(CONFIG))
    options = ["--config", "gan.yaml", "--kimg", 24, "--num-images", 1000, "--out", "one"]
    options += ["--tracker", "jsonl"]
    process = commands.start("train", *options, cwd=here)
    wait_until((here / "one" / "training.json").exists, process)
    code, out, err = run(capsys, *options)
    assert (code, out) == (2, "")
    assert err == (
        "error: one: another process is training here. Wait for it, stop it, or choose another "
        "--out.\n"
    )
    interrupt(process)
    # Its lock is free again, and the folder still takes nothing but this training.
    assert run(capsys, *options, "--seed", 12)[2].startswith("error: one: holds another training")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [("ro", "Read-only file system"), ("size=100k", "No space left on device")],
    ids=["read-only", "full"],
)
def test_a_disk_that_takes_nothing_is_one_message(
    options: str, message: str, commands: Commands, tmp_path: Path
):
    (tmp_path / "gan.yaml").write_text(yaml.safe_dump(CONFIG | {"batch_size": 64}))
    disk = tmp_path / "disk"
    command = [
        "harness.train", "--config", tmp_path / "gan.yaml", "--kimg", 1, "--num-images", 1000,
        "--tracker", "jsonl", "--out", disk / "one",
    ]  # fmt: skip
    result = run_command_on_disk(disk, options, command, commands.environment)
    assert message in the_one_message(result)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["read-only", "full"])
def test_a_training_survives_a_disk_that_takes_nothing_more(
    kind: str, commands: Commands, swept: SweptStudy, tmp_path: Path
):
    winner = read_entries(swept.folder)[0]
    folder = TrainingFolder(tmp_path / "content" / "longer")
    job = standalone_job(winner.config, folder, 6.0)
    prepare(job, WorkerSetup(num_images=1000), begin_from=winner.folder)
    disk = tmp_path / "disk"
    command = [
        "harness.train", "--from", "endings", "--studies-dir", swept.folder.parent,
        "--kimg", 6, "--tracker", "jsonl", "--out", disk / "longer",
    ]  # fmt: skip
    result, after = run_command_on_used_disk(
        disk, kind, command, commands.environment, content=folder.path.parent
    )
    message = the_one_message(result)
    assert {"read-only": "Read-only file system", "full": "No space left"}[kind] in message
    assert contents(folder.path).items() <= contents(after / "longer").items()


@pytest.mark.slow
def test_a_tracker_of_none_writes_no_history(here: Path, capsys: pytest.CaptureFixture[str]):
    Path("gan.yaml").write_text(yaml.safe_dump(CONFIG | {"batch_size": 64}))
    options = ("--config", "gan.yaml", "--kimg", 0.5, "--num-images", 1000, "--tracker", "none")
    code, out, err = run(capsys, *options, "--out", "here")
    assert code == 0, err
    assert "W&B" not in out
    # Before it begins it says how long it will take: 0.5 of 50 kimg an epoch, 8 rungs and the end.
    assert re.fullmatch(
        r"About \d.* ahead: 0\.5 kimg \(0\.01 epochs\) at [\d,]+ images/s, and 9 scores of .*"
        r" each\. Ctrl-C stops and saves; the same command goes on from there\.",
        out.splitlines()[1],
    )
    names = {path.name for path in Path("here").iterdir()}
    assert "history.jsonl" not in names
    assert "wandb" not in names
    assert json.loads(Path("here", "training.json").read_text())["num_images"] == 1000


SHOWN = CONFIG | {
    "batch_size": 64,
    "monitor": {"print_every": "5 batches", "sample_every": "7 batches"},
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a training to 1 kimg."""
    home = tmp_path_factory.mktemp("ended")
    (home / "gan.yaml").write_text(yaml.safe_dump(SHOWN))
    options = ("--config", str(home / "gan.yaml"), "--kimg", "1", "--num-images", "1000")
    with pytest.raises(SystemExit, match=r"^0$"):
        app([*options, "--tracker", "jsonl", "--out", str(home / "gan-1kimg")])
    return home / "gan-1kimg"


@pytest.mark.slow
def test_a_training_goes_on_to_a_greater_total_as_if_it_had_never_ended(
    ended: Path, here: Path, capsys: pytest.CaptureFixture[str]
):
    before = contents(ended)
    code, out, err = run(capsys, "--continue", ended, "--kimg", 2, "--tracker", "jsonl")
    assert code == 0, err
    longer = TrainingFolder(ended.with_name("gan-2kimg"))
    assert contents(ended) == before
    assert "from 1.024 to 2 kimg" in out  # 16 batches of 64

    (here / "gan.yaml").write_text(yaml.safe_dump(SHOWN))
    options = ("--config", "gan.yaml", "--kimg", 2, "--num-images", 1000, "--tracker", "none")
    assert run(capsys, *options, "--out", "straight")[0] == 0
    state, _ = load_checkpoint(longer.checkpoint_file)
    straight, _ = load_checkpoint(TrainingFolder(here / "straight").checkpoint_file)
    assert state.keys() == straight.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(value, straight[name], err_msg=name)

    # Its history begins at the beginning, and its grids are there.
    history = read_history(longer.path / "history.jsonl")
    assert [e.kimg for e in history if isinstance(e, RungScored)][:2] == [0.125, 0.25]
    assert history[-1] == Finished(longer.read_outcome())
    assert {event.grid for event in history if isinstance(event, RungScored)} <= {
        path.relative_to(longer.path).as_posix() for path in longer.path.glob("grids/*.png")
    }
    # Steps 7, 14, 21 and 28 of 32; the losses of steps 11 to 15 were printed before, 16 to 20 now.
    assert sorted(path.name for path in longer.path.glob("samples/*")) == [
        f"batch_{number:06d}.png" for number in (7, 14, 21, 28)
    ]
    assert re.findall(r"batch +(\d+)  D loss \d", out) == ["20", "25", "30"]
    assert longer.loss_plot_file.read_bytes() != before["losses.png"]


@pytest.mark.slow
def test_learning_rates_that_end_before_the_training_are_told(
    here: Path, capsys: pytest.CaptureFixture[str]
):
    schedule = {"name": "linear", "decay_kimg": 0.5, "final_share": 0.1}
    (here / "gan.yaml").write_text(yaml.safe_dump(SHOWN | {"schedule": schedule}))
    options = ("--config", "gan.yaml", "--num-images", 1000, "--tracker", "none")
    code, out, err = run(capsys, *options, "--kimg", 1, "--out", "beyond")
    assert code == 0, err
    assert "Learning rates stay at 10 % beyond schedule.decay_kimg, 0.5 of 1 kimg." in out
    code, out, err = run(capsys, *options, "--kimg", 0.5, "--out", "within")
    assert code == 0, err
    assert "Learning rates" not in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kimg", "1"], "has been trained to 1.024 kimg; --kimg is the total to reach"),
        (["--kimg", "2", "--seed", "1"], "--seed: a training goes on with its own seed"),
        (["--kimg", "2", "--classes", "0,1"], "has been trained on other images than"),
        (["--kimg", "2", "--num-images", "many"], None),
    ],
    ids=["kimg", "seed", "classes", "num_images"],
)
def test_a_training_that_cannot_go_on_says_so_and_writes_nothing(
    options: list[str], message: str | None, ended: Path, capsys: pytest.CaptureFixture[str]
):
    others = {path.name for path in ended.parent.iterdir()}
    code, out, err = run(capsys, "--continue", ended, *options, "--out", ended.parent / "other")
    assert (code, out) == (2, "")
    assert message is None or message in err
    assert {path.name for path in ended.parent.iterdir()} == others

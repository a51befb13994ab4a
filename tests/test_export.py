"""Export a winner in every format, prove the files, and use them as a stranger does."""

import dataclasses
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from harness.core.errors import ExportError, StorageError, StudyError
from harness.core.files import write_json
from harness.core.score import Score
from harness.data.image_dataset import ImageDataset
from harness.export import _next as next_lines
from harness.export import app
from harness.exporting.bundle import Bundle, export_bundle
from harness.exporting.bundle_folder import is_bundle
from harness.exporting.explorer_runtime import FILES as RUNTIME_FILES
from harness.exporting.formats import FORMATS
from harness.exporting.publish import prepare_wandb
from harness.gan.presets import load_config
from harness.gan.sampling import Sampler
from harness.study.leaderboard import read_entries
from harness.tracking.identity import TrackerOptions
from tests.conftest import SweptStudy
from tests.exporting.hub import serving
from tests.support.commands import Commands, interrupt, the_one_message, wait_until
from tests.tracking.disks import run_command_on_used_disk
from tests.tracking.offline_log import read_offline_runs, read_records

FILES = {
    "README.md",
    "checksums.txt",
    "config.yaml",
    "generate.py",
    "generator.json",
    "generator.keras",
    "interpolation.gif",
    "metrics.json",
    "questions",
    "samples.png",
}
NETWORKS = {"savedmodel", "generator.onnx", "generator.tflite"}
EXPLORER = {"explorer.html", "index.html", "explorer"}


@pytest.fixture(scope="module")
def bundle(swept: SweptStudy, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = tmp_path_factory.mktemp("out") / "bundle"
    with pytest.MonkeyPatch.context() as patch:
        # Without npm nothing is fetched for the explorer; what was fetched before is found.
        patch.setenv("PATH", "")
        return export_bundle(swept.folder, out=out, formats=tuple(FORMATS))


def test_a_bundle_holds_its_files_and_nothing_else(bundle: Bundle):
    assert {path.name for path in bundle.folder.iterdir()} - EXPLORER == FILES | NETWORKS
    assert [path.name for path in bundle.folder.parent.iterdir()] == ["bundle"]
    assert (bundle.folder / "explorer.html").exists() == (not bundle.note)


def test_every_file_is_proven_by_its_own_runtime(bundle: Bundle):
    assert [proof.format for proof in bundle.proofs] == ["keras", "savedmodel", "onnx", "litert"]
    runtimes = [proof.runtime.split()[0] for proof in bundle.proofs]
    assert runtimes == ["keras", "tensorflow", "onnxruntime", "litert"]
    for proof in bundle.proofs:
        assert (bundle.folder / proof.file).exists()
        assert proof.max_levels <= 1
        assert proof.max_difference < 1e-4
        assert proof.test.protocol == bundle.test.protocol
        assert proof.test.value == pytest.approx(bundle.test.value, abs=0.01)
    assert bundle.proofs[2].size_bytes == (bundle.folder / "generator.onnx").stat().st_size
    metrics = json.loads((bundle.folder / "metrics.json").read_text())
    assert metrics["formats"] == [proof.to_dict() for proof in bundle.proofs]
    for proof in bundle.proofs:
        row = f"| `{proof.file}` | {proof.size_bytes / 1e6:.2f} MB | {proof.runtime} |"
        assert row in (bundle.folder / "README.md").read_text()


def test_sha256sum_checks_every_file(bundle: Bundle, tmp_path: Path):
    copy = Path(shutil.copytree(bundle.folder, tmp_path / "copy"))
    command = [shutil.which("sha256sum", path=os.defpath), "-c", "checksums.txt", "--quiet"]
    assert subprocess.run(command, cwd=copy, check=False).returncode == 0
    listed = (copy / "checksums.txt").read_text().splitlines()
    files = [path for path in copy.rglob("*") if path.is_file()]
    assert len(listed) == len(files) - 1  # all but the list itself
    with (copy / "savedmodel" / "saved_model.pb").open("ab") as file:
        file.write(b"x")
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "savedmodel/saved_model.pb: FAILED" in result.stdout


def test_the_model_card_says_what_was_measured_and_where_it_comes_from(bundle: Bundle):
    text = (bundle.folder / "README.md").read_text()
    metrics = json.loads((bundle.folder / "metrics.json").read_text())
    measured = {each["protocol"]["metric"]: each for each in metrics["measurements"]}
    assert f"| Ankle boot | {measured['fid_class_9']['value']:.3f} |" in text
    assert f"\n{measured['memorisation']['value']:.3f} (" in text
    assert bundle.why in text
    assert f"| training | 0000, seed {bundle.entry.config.seed} |" in text
    assert metrics["study_id"] in text
    assert "MIT licence, copyright Zalando SE" in text


def test_the_winner_is_exported_by_default(bundle: Bundle, swept: SweptStudy):
    winner = read_entries(swept.folder)[0]
    assert bundle.entry == winner
    assert load_config(bundle.folder / "config.yaml") == winner.config
    metrics = json.loads((bundle.folder / "metrics.json").read_text())
    assert Score.from_dict(metrics["final"]) == winner.outcome.final
    assert Score.from_dict(metrics["best_rung"]) == winner.outcome.best
    assert Score.from_dict(metrics["test"]) == bundle.test
    assert (metrics["study"], metrics["trial"]) == ("endings", "0000")
    assert bundle.test.protocol.reference == "fashion_mnist/test"


def test_the_file_gives_the_same_images_bit_for_bit_as_the_one_that_was_scored(
    bundle: Bundle, swept: SweptStudy
):
    kept = read_entries(swept.folder)[0].folder.generator_file
    images = [
        Sampler(keras.saving.load_model(file, compile=False)).sample(
            noise_seed=5, labels=np.arange(100) % 10
        )
        for file in (kept, bundle.folder / "generator.keras")
    ]
    assert images[0].std() > 0
    assert (images[0] == images[1]).all()


def readme_code(folder: Path) -> str:
    return re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[0]


def test_five_lines_of_the_readme_load_it_with_keras_alone(bundle: Bundle, tmp_path: Path):
    code = readme_code(bundle.folder)
    assert len(code.strip().splitlines()) == 5
    script = (
        "import os, sys\nos.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\n"
        f"{code}\n"
        f"np.save({str(tmp_path / 'pixels.npy')!r}, pixels)\n"
        "assert not any(name.split('.')[0] == 'harness' for name in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-c", script],
        cwd=bundle.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    pixels = np.load(tmp_path / "pixels.npy")
    assert pixels.shape == (10, 28, 28, 1)
    assert pixels.dtype == np.uint8
    # What the README makes of the network's output is what this package scores.
    generator = keras.saving.load_model(bundle.folder / "generator.keras", compile=False)
    noise = np.random.default_rng(0).standard_normal((10, 8), np.float32)
    sampled = Sampler(generator, batch_size=10)._generate(noise, np.arange(10)).numpy()
    assert np.abs(sampled.astype(int) - pixels.astype(int)).max() <= 1


def test_five_lines_of_the_readme_load_it_from_the_hub(bundle: Bundle, tmp_path: Path):
    pytest.importorskip("huggingface_hub", reason="huggingface-hub is not installed")
    text = (bundle.folder / "README.md").read_text()
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[1]
    assert len(code.strip().splitlines()) == 5
    script = f"{code}\nnp.save({str(tmp_path / 'images.npy')!r}, images)\n"
    with serving(bundle.folder, "USER/NAME") as address:
        kept = {key: each for key, each in os.environ.items() if not key.startswith("HF_")}
        asked = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hub")}
        result = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env=kept | asked | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 0, result.stderr
    generator = keras.saving.load_model(bundle.folder / "generator.keras", compile=False)
    noise = np.random.default_rng(0).standard_normal((10, 8), np.float32)
    expected = generator.predict({"noise": noise, "label": np.arange(10)}, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "images.npy"), expected, atol=1e-5)


def test_the_hubs_library_reads_the_card_of_a_bundle(bundle: Bundle):
    hub = pytest.importorskip("huggingface_hub", reason="huggingface-hub is not installed")
    card = hub.ModelCard.load(bundle.folder / "README.md")
    metrics = json.loads((bundle.folder / "metrics.json").read_text())
    of_test = [each for each in card.data.eval_results if each.dataset_split == "test"]
    assert of_test[0].metric_value == metrics["test"]["value"]
    assert of_test[0].metric_args["interval_95"] == metrics["test"]["interval"]
    known = {each.metric_args["protocol"] for each in card.data.eval_results}
    assert {each["fingerprint"] for each in metrics["measurements"]} <= known
    assert card.data.get("sdk") == (None if bundle.note else "static")
    pages = [bundle.folder / name for name in ("explorer.html", "index.html")]
    if not bundle.note:
        assert pages[0].read_bytes() == pages[1].read_bytes()


def test_what_can_be_done_next_are_commands_that_exist(bundle: Bundle):
    lines = [line.strip() for line in next_lines(bundle)]
    assert lines[1] == "Next:"
    assert f"hf upload USER/NAME {bundle.folder}" in lines
    assert (f"gansweep explore {bundle.folder}" in lines) == (not bundle.note)
    hub = Path(sys.executable).with_name("hf")
    if not hub.exists():
        pytest.skip("huggingface-hub is not installed")
    for line in lines:
        if line.startswith("hf "):
            given = [hub, *line.split()[1:], "--help"]
            assert subprocess.run(given, capture_output=True, check=False).returncode == 0


def test_samples_have_a_named_row_for_each_class(bundle: Bundle, fashion_mnist: ImageDataset):
    with Image.open(bundle.folder / "samples.png") as samples:
        assert samples.height == 10 * (2 * 28 + 2) + 2
        assert samples.width > 10 * (2 * 28 + 2) + 2  # a margin with names
    text = (bundle.folder / "README.md").read_text()
    for name in fashion_mnist.class_names:
        assert name in text


def test_the_readme_names_every_score_with_its_protocol(bundle: Bundle):
    text = (bundle.folder / "README.md").read_text()
    outcome = bundle.entry.outcome
    for score in (outcome.best, outcome.final, bundle.test):
        assert f"{score.text} | `{score.protocol.fingerprint}`" in text


def test_a_bundle_replaces_an_earlier_bundle_and_any_trial_with_a_score_can_be_one(
    bundle: Bundle, swept: SweptStudy, tmp_path: Path
):
    out = Path(shutil.copytree(bundle.folder, tmp_path / "bundle"))
    exported = export_bundle(swept.folder, trial=3, out=out, formats=["litert"])
    assert exported.entry.name == "0003"
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["trial"], metrics["final"]) == ("0003", None)  # pruned
    names = {path.name for path in out.iterdir()}
    assert names == FILES - {"generator.keras"} | {"generator.tflite"}
    assert "```python" not in (out / "README.md").read_text()  # no Keras file to load
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


STRANGERS = {
    "notes": {"notes.txt": "precious"},
    "metrics of another project": {"metrics.json": "{}", "model.bin": "precious"},
    "a bundle with something added": {
        "metrics.json": '{"study_id": "x"}',
        "generator.keras": "",
        "thesis.tex": "precious",
    },
    "a bundle with something added to what its checksums list": {
        "metrics.json": '{"study_id": "x"}',
        "checksums.txt": f"{'0' * 64}  metrics.json\n",
        "images.png": "precious",
    },
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_folder_that_is_no_bundle_is_left_alone(swept: SweptStudy, tmp_path: Path, kind: str):
    for name, text in STRANGERS[kind].items():
        (tmp_path / name).write_text(text)
    with pytest.raises(StudyError, match="is not an exported bundle, so it is left alone"):
        export_bundle(swept.folder, out=tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == STRANGERS[kind]


def test_a_file_is_left_alone(swept: SweptStudy, tmp_path: Path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(StudyError, match="is not an exported bundle"):
        export_bundle(swept.folder, out=tmp_path / "file")
    assert (tmp_path / "file").read_text() == "precious"


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit, match=r"^\d+$") as end:
        app([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


def test_the_command_exports_and_publishes(
    swept: SweptStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    study = Path(shutil.copytree(swept.folder, tmp_path / "endings"))
    out = tmp_path / "b"
    asked = ("--study", "endings", "--studies-dir", tmp_path, "--out", out, "--formats", "litert")
    publishing = ("--to", "wandb", "--wandb-mode", "offline", "--wandb-project", "mine")
    code, text, err = command(capsys, *asked, *publishing, "--json")
    assert (code, err) == (0, "")
    record = json.load(io.StringIO(text))
    assert record["bundle"] == str(out)
    assert record["trial"] == "0000"
    assert [each["format"] for each in record["formats"]] == ["litert"]
    (run,) = (run for run in read_offline_runs(study / "wandb") if run.job_type == "export")
    assert (run.name, run.group, run.project) == ("endings export", "endings", "mine")
    records = (each for segment in run.segments for each in read_records(segment))
    (artifact,) = (each["artifact"] for each in records if each["type"] == "artifact")
    assert (artifact["name"], artifact["type"]) == ("endings", "model")
    assert set(artifact["aliases"]) >= {"best", "0000"}
    metadata = json.loads(artifact["metadata"])
    assert metadata["test"]["fingerprint"] == record["formats"][0]["test"]["fingerprint"]
    held = {entry["path"] for entry in artifact["manifest"]["contents"]}
    assert held == {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def test_a_trial_that_was_asked_for_is_published_without_being_called_best(
    swept: SweptStudy, bundle: Bundle, tmp_path: Path
):
    study = Path(shutil.copytree(swept.folder, tmp_path / "endings"))
    asked_for = dataclasses.replace(bundle, is_winner=False)
    said = prepare_wandb(study, TrackerOptions(wandb_mode="offline"))(asked_for)
    assert said.startswith("Published as W&B artifact endings:0000. W&B is offline (as asked).")
    (run,) = (run for run in read_offline_runs(study / "wandb") if run.job_type == "export")
    records = (each for segment in run.segments for each in read_records(segment))
    (artifact,) = (each["artifact"] for each in records if each["type"] == "artifact")
    assert set(artifact["aliases"]) == {"0000", "latest"}  # W&B adds the last one
    files = {each["path"] for each in artifact["manifest"]["contents"]}
    assert "savedmodel/variables/variables.index" in files
    runtime = {f"explorer/{name}" for name in RUNTIME_FILES}
    assert files == contents_of(bundle.folder).keys() - runtime
    if not bundle.note:  # it has an explorer
        assert "explorer/directions.json" in files
        assert "python -m harness.exporting.explorer_runtime" in artifact["description"]
        assert sum(int(each["size"]) for each in artifact["manifest"]["contents"]) < 3_000_000


def test_what_wandb_does_not_take_stays_a_bundle(
    swept: SweptStudy, bundle: Bundle, tmp_path: Path
):
    study = Path(shutil.copytree(swept.folder, tmp_path / "endings"))
    shutil.rmtree(study / "wandb", ignore_errors=True)
    publish = prepare_wandb(study, TrackerOptions(wandb_mode="offline"))
    (study / "wandb").rmdir()
    (study / "wandb").write_text("in the way")
    with pytest.raises(StorageError, match=r"W&B did not take the bundle \(FileExistsError.*comp"):
        publish(bundle)


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("disabled", "--to wandb: received W&B's mode disabled; expected offline or online"),
        ("offline", "wandb: cannot be read or written"),
    ],
)
def test_where_wandb_takes_nothing_the_earlier_bundle_stays_as_it_is(
    mode: str,
    message: str,
    swept: SweptStudy,
    bundle: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    study = Path(shutil.copytree(swept.folder, tmp_path / "endings"))
    shutil.copytree(bundle.folder, study / "export")
    shutil.rmtree(study / "wandb", ignore_errors=True)
    (study / "wandb").write_text("in the way")
    asked = ("--study", "endings", "--studies-dir", tmp_path, "--formats", "litert")
    code, _, err = command(capsys, *asked, "--to", "wandb", "--wandb-mode", mode)
    assert (code, message in err) == (2, True), err
    assert contents_of(study / "export") == contents_of(bundle.folder)
    assert not list(study.glob(".export-*"))


def test_a_file_that_draws_other_images_leaves_the_earlier_bundle_byte_for_byte(
    swept: SweptStudy, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def write_another(model: keras.Model, source: Path, target: Path) -> None:
        other = keras.saving.load_model(source, compile=False)
        other.weights[-1].assign_add(np.full(other.weights[-1].shape, 0.1))
        other.save(target)

    damaged = dataclasses.replace(FORMATS["keras"], write=write_another)
    monkeypatch.setitem(FORMATS, "keras", damaged)
    out = Path(shutil.copytree(bundle.folder, tmp_path / "bundle"))
    with pytest.raises(ExportError, match=r"generator.keras: keras .* draws other images than"):
        export_bundle(swept.folder, out=out, formats=["keras"])
    assert contents_of(out) == contents_of(bundle.folder)
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--formats", "onx"), "--formats: received 'onx'; expected some of keras, "),
        (("--formats", "onx"), "Did you mean 'onnx'?"),
        (("--formats", "keras,onnx,keras"), "--formats: received 'keras' twice"),
        (("--formats", ""), "--formats: expected some text; received"),
        (("--formats", ","), "--formats: received none"),
        (("--formats", "keras,"), "--formats: received ''"),
        (("--to", "wandbs"), "--to: expected one of wandb; received 'wandbs'. Did you mean"),
        (("--wandb-mode", "of"), "--wandb-mode: expected one of"),
    ],
)
def test_an_unknown_option_is_one_message(
    swept: SweptStudy,
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
):
    there = ("--studies-dir", swept.folder.parent, "--out", tmp_path / "out")
    code, out, err = command(capsys, "--study", "endings", *there, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_a_format_whose_package_is_missing_names_the_extra(
    swept: SweptStudy,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    there = ("--studies-dir", swept.folder.parent, "--out", tmp_path / "out")
    code, _, err = command(capsys, "--study", "endings", *there, "--formats", "keras,onnx")
    assert code == 2
    assert "onnx needs onnxruntime, which is not installed" in err
    assert "pip install 'gan-sweep-harness[onnx]'" in err
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_one_message(
    swept: SweptStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    empty = tmp_path / "studies" / "empty"
    empty.mkdir(parents=True)
    shutil.copyfile(swept.folder / "study.json", empty / "study.json")
    failed_only = tmp_path / "studies" / "failed"
    shutil.copytree(swept.folder, failed_only)
    for name in ("0000", "0003"):  # the complete one, and the outranked one
        shutil.rmtree(failed_only / "trials" / name)
    damaged = tmp_path / "studies" / "damaged"
    shutil.copytree(swept.folder, damaged)
    (damaged / "trials" / "0000" / "generator.keras").write_bytes(b"half a model")
    write_json(damaged / "trials" / "0003" / "outcome.json", {})
    here = ("--studies-dir", tmp_path / "studies")
    there = ("--studies-dir", swept.folder.parent)
    for arguments, message in (
        (("--study", "empty", *here), "no trial has a sound generator yet (0 ended)"),
        (("--study", "failed", *here), "no trial has a sound generator yet (2 ended)"),
        (("--study", "emtpy", *here), "Did you mean 'empty'?"),
        (("--study", "endings", "--trial", 9, *there), "has no trial 9 that has ended"),
        (("--study", "endings", "--trial", 1, *there), "trial 0001 kept no generator"),
        (("--study", "damaged", *here), "outcome.json: expected the outcome of a training"),
    ):
        code, out, err = command(capsys, *arguments)
        assert (code, out) == (2, ""), err
        assert err.startswith("error: ")
        assert message in err
    shutil.rmtree(damaged / "trials" / "0003")
    code, _, err = command(capsys, "--study", "damaged", *here)
    assert code == 2
    assert "generator.keras: cannot be loaded by Keras" in err
    assert not list(tmp_path.rglob("export"))
    assert not list(tmp_path.rglob(".export-*"))


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        signal.SIGTERM,
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_an_export_that_is_ended_leaves_nothing_unproven_for_long(
    number: int, commands: Commands, swept: SweptStudy, bundle: Bundle, tmp_path: Path
):
    study = Path(shutil.copytree(swept.folder, tmp_path / "endings"))
    shutil.copytree(bundle.folder, study / "export")
    before = contents_of(study / "export")
    asked = ("--study", "endings", "--studies-dir", tmp_path)
    process = commands.start("export", *asked, "--formats", "keras,onnx", cwd=tmp_path)
    wait_until(lambda: list(study.glob(".export-*/bundle/generator.onnx")), process)
    interrupt(process, number)
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}
    assert process.returncode == codes[number]
    assert contents_of(study / "export") == before
    left = list(study.glob(".export-*"))
    assert len(left) == (number == signal.SIGKILL)
    if left:
        doctor = commands.run("doctor", "--tracker", "jsonl", *asked, cwd=tmp_path)
        assert f"{left[0]} was left by an export that was killed" in doctor.stdout
        export_bundle(study)
        assert not list(study.glob(".export-*"))
        assert is_bundle(study / "export")


def contents_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("kind", ["read-only", pytest.param("full", marks=pytest.mark.slow)])
def test_a_disk_that_takes_nothing_is_one_message_and_keeps_the_earlier_bundle(
    kind: str, commands: Commands, swept: SweptStudy, bundle: Bundle, tmp_path: Path
):
    disk = tmp_path / "disk"
    command = [
        "harness.export", "--study", "endings", "--trial", 3,
        "--studies-dir", swept.folder.parent, "--out", disk / "bundle",
    ]  # fmt: skip
    result, after = run_command_on_used_disk(
        disk, kind, command, commands.environment, content=bundle.folder.parent
    )
    message = the_one_message(result)
    assert {"read-only": "Read-only file system", "full": "No space left"}[kind] in message
    # Neither touched nor joined by anything half done.
    assert sorted(path.relative_to(after) for path in after.rglob("*")) == sorted(
        path.relative_to(bundle.folder.parent) for path in bundle.folder.parent.rglob("*")
    )
    for path in (each for each in bundle.folder.rglob("*") if each.is_file()):
        name = path.relative_to(bundle.folder)
        assert (after / "bundle" / name).read_bytes() == path.read_bytes()

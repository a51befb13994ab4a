"""Use images of one's own from end to end: an extractor, a training, a study, an export."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml

from harness import export, extractor, sweep, train
from harness.core.errors import StudyError
from harness.data.datasets import load_dataset
from harness.data.image_dataset import ImageDataset
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors.panel import load_panel
from harness.runner.open_study import Study
from harness.space.space import SearchSpace
from harness.study.leaderboard import read_entries
from harness.study.record import read_study
from harness.study.training_source import find_start
from tests.support.endings import GOOD, SPACE

Run = Callable[..., tuple[int, str, str]]
FILE = "tinted.npz"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command in this process, which has loaded TensorFlow already."""

    def call(app: typer.Typer, *arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit, match=r"^\d+$") as end:
            app([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, fashion_mnist: ImageDataset) -> Path:
    """Return a folder with 1,400 clothes of three classes, 32 x 32, each in a colour by chance."""
    rng = np.random.default_rng(7)
    chosen = np.flatnonzero(fashion_mnist.train.labels < 3)[:1400]
    grey = np.pad(fashion_mnist.train.images[chosen], [(0, 0), (2, 2), (2, 2), (0, 0)])
    tints = rng.uniform(0.4, 1.0, (len(chosen), 1, 1, 3))
    folder = tmp_path_factory.mktemp("own")
    np.savez(
        folder / FILE,
        images=(grey * tints).astype(np.uint8),
        labels=fashion_mnist.train.labels[chosen],
        class_names=np.array(["T-shirt", "Trouser", "Pullover"]),
    )
    space = SPACE | {
        "name": "own",
        "dataset": f"npz:{FILE}",
        "parameters": SPACE["parameters"] | {name: {"value": GOOD[name]} for name in GOOD},
        "budget": {"rungs_kimg": [1]},
        "protocol": {"metric": "kid", "num_images": 200},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(space))
    return folder


@pytest.fixture(autouse=True)
def _here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def succeed(app: typer.Typer, folder: Path, *arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with pytest.raises(SystemExit, match=r"^0$"):
            app(list(arguments))


@pytest.fixture(scope="module")
def trained(place: Path) -> Path:
    """Return the folder of an extractor that the command has trained on these images."""
    succeed(extractor.app, place, "--dataset", f"npz:{FILE}", "--epochs", "4", "--no-mirror")
    return place / "extractors" / "tinted"


@pytest.fixture(scope="module")
def studied(place: Path, trained: Path) -> Path:
    """Return the folder of a study of one trial."""
    succeed(
        sweep.app, place, "--search-space", "./own.yaml", "--trials", "1", "--workers", "1",
        "--tracker", "none", "--extractor", "extractors/tinted",
    )  # fmt: skip
    return place / "studies" / "own"


def test_an_extractor_states_its_accuracy_and_its_id(trained: Path):
    record = json.loads((trained / "extractor.json").read_text())
    assert record["image_shape"] == [32, 32, 3]
    judge = record["members"]["classifier_labels"]
    assert judge["num_classes"] == 3
    # Guessing gives 0.33; three kinds of clothes are easy to tell apart.
    assert judge["test_accuracy"] > 0.8
    assert record["id"] == f"tinted_panel_{record['sha256'][:8]}"
    loaded = load_panel(trained)
    assert (loaded.name, loaded.sha256) == (record["id"], record["sha256"])
    test = load_dataset(f"npz:{FILE}").test
    accuracy = float((loaded.judges[0].predict(test.images) == test.labels).mean())
    assert judge["test_accuracy"] == round(accuracy, 4)


@pytest.mark.slow
def test_a_training_is_scored_through_it(trained: Path, run: Run):
    config = {
        "batch_size": 64,
        "generator": {"name": "mlp", "latent_dim": 8, "width": 16, "depth": 1},
        "discriminator": {"name": "mlp", "width": 16, "depth": 1},
    }
    Path("gan.yaml").write_text(yaml.safe_dump(config))
    code, out, err = run(
        train.app, "--config", "gan.yaml", "--kimg", 0.5, "--dataset", f"npz:{FILE}",
        "--extractor", "extractors/tinted", "--num-images", 200, "--tracker", "none",
        "--out", "training",
    )  # fmt: skip
    assert code == 0, err
    outcome = json.loads(Path("training", "outcome.json").read_text())
    name = json.loads((trained / "extractor.json").read_text())["id"]
    assert outcome["final"]["name"] == f"fid_{name}@200"
    assert outcome["final"]["protocol"]["reference"] == "tinted/validation"
    assert f"fid_{name}@200" in out


def test_a_study_knows_its_images_and_what_sees_them(studied: Path, trained: Path):
    record = read_study(studied)
    assert record.dataset == f"npz:{studied.parents[1] / FILE}"
    assert Path(record.extractor) == trained
    assert record.protocol["extractor"] == load_panel(trained).name
    (entry,) = read_entries(studied)
    assert entry.outcome.final.protocol.name == f"kid_{load_panel(trained).name}@200"
    assert entry.outcome.final.protocol.extractor_sha256 == load_panel(trained).sha256


def reopen(folder: Path, space: SearchSpace, dataset: ImageDataset) -> None:
    space = space.located()
    settings = space.protocol.model_dump(exclude={"first_images"})
    evaluator = Evaluator(dataset, **settings)
    study = Study(folder.parent, "own", space=space, seed=None, protocol=evaluator.protocol)
    study.close()


def test_a_study_goes_on_only_with_the_same_images(studied: Path):
    space = SearchSpace.load("./own.yaml").seen_through("extractors/tinted")
    reopen(studied, space, load_dataset(f"npz:{FILE}"))
    arrays = dict(np.load(FILE))
    arrays["images"][0, 0, 0, 0] ^= 1  # wherever this image lies: it may be a training image
    np.savez("other.npz", **arrays)
    Path("elsewhere").mkdir()
    shutil.move("other.npz", f"elsewhere/{FILE}")
    with pytest.raises(StudyError, match=r"protocol\.reference_sha256: [0-9a-f]{64} -> "):
        reopen(studied, space, load_dataset(f"npz:elsewhere/{FILE}"))


def test_a_study_goes_on_only_with_the_same_extractor(studied: Path, trained: Path):
    shutil.copytree(trained, "extractors/copy")
    record = json.loads(Path("extractors/copy/extractor.json").read_text())
    Path("extractors/copy/extractor.json").write_text(json.dumps(record | {"id": "copy"}))
    space = SearchSpace.load("./own.yaml").seen_through("extractors/copy")
    with pytest.raises(StudyError) as error:
        reopen(studied, space, load_dataset(f"npz:{FILE}"))
    assert re.search(r"protocol\.extractor: \S*tinted\S* -> \S*copy", str(error.value))


def test_its_winner_is_exported_and_would_be_trained_on_through_it(studied: Path, run: Run):
    code, _, err = run(export.app, "--study", "own", "--out", "bundle")
    assert code == 0, err
    metrics = json.loads(Path("bundle", "metrics.json").read_text())
    assert metrics["test"]["protocol"]["reference"] == "tinted/test"
    assert metrics["test"]["protocol"]["extractor"] == metrics["final"]["protocol"]["extractor"]
    assert "Pullover" in Path("bundle", "README.md").read_text()
    start = find_start(
        preset=None,
        config=None,
        from_study="own",
        continue_from=None,
        studies_dir=studied.parent,
    )
    assert start.measure == {
        "dataset": f"npz:{Path(FILE).absolute()}",
        "extractor": str(Path("extractors/tinted").absolute()),
        "metric": "kid",
        "num_images": 200,
    }


def test_an_export_is_refused_once_the_images_or_the_extractor_have_changed(
    studied: Path, run: Run, tmp_path: Path
):
    record = dataclasses.asdict(read_study(studied))
    for key, message in (
        ("extractor_sha256", f"the extractor {Path('extractors/tinted').absolute()} has changed"),
        ("reference_sha256", f"own: the data set npz:{Path(FILE).absolute()} has changed since"),
    ):
        folder = tmp_path / key / "own"
        shutil.copytree(studied, folder)
        changed = record | {"protocol": record["protocol"] | {key: "0" * 64}}
        (folder / "study.json").write_text(json.dumps(changed))
        code, _, err = run(export.app, "--study", "own", "--studies-dir", folder.parent)
        assert code == 2
        assert message in err
        assert not (folder / "export").exists()


def test_an_extractor_of_another_shape_names_the_ways_out(run: Run, tmp_path: Path):
    np.savez(tmp_path / "bare.npz", images=np.load(FILE)["images"][:100])
    for path in (FILE, tmp_path / "bare.npz"):
        code, _, err = run(
            train.app, "--preset", "mlp_cgan", "--dataset", f"npz:{path}", "--tracker", "none",
            "--out", tmp_path / "training", "--num-images", 10,
        )  # fmt: skip
        assert code == 2
        assert err.count("error: ") == 1
        assert "panel takes images of shape (28, 28, 1)" in err
        assert "(32, 32, 3)" in err
        for way in ("gansweep extractor", "--extractor inception", "--extractor FOLDER"):
            assert way in err
        shutil.rmtree(tmp_path / "training", ignore_errors=True)

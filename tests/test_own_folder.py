"""Use a folder of coloured pictures from end to end: an extractor, a study, an export."""

import contextlib
import io
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from PIL import Image, ImageDraw

from harness import export, extractor, sweep, train
from harness.core.errors import StudyError
from harness.core.score import Protocol
from harness.data.datasets import load_dataset
from harness.gan.config.config import GANConfig
from harness.gan.networks.discriminators import build_discriminator
from harness.gan.networks.generators import GENERATORS, build_generator
from harness.runner.open_study import Study
from harness.space.space import SearchSpace
from harness.study.leaderboard import read_entries
from harness.study.record import read_study
from harness.study.training_source import find_start

CLASSES = ("circle", "square", "triangle")
IMAGES = 40  # of each class
DATASET = "folder:shapes?size=32"
FAMILIES = ("upsample", "dcgan")


def draw(kind: str, rng: np.random.Generator) -> Image.Image:
    """Return a bright shape on a dark ground, 42 x 38."""
    image = Image.new("RGB", (42, 38), tuple(rng.integers(0, 80, 3).tolist()))
    brush, colour = ImageDraw.Draw(image), tuple(rng.integers(120, 256, 3).tolist())
    (left, top), side = rng.integers(4, 10, 2).tolist(), int(rng.integers(16, 24))
    box = (left, top, left + side, top + side)
    if kind == "circle":
        brush.ellipse(box, fill=colour)
    elif kind == "square":
        brush.rectangle(box, fill=colour)
    else:
        brush.polygon([(left, box[3]), (box[2], box[3]), (left + side // 2, top)], fill=colour)
    return image


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `shapes/`, and a search space that knows nothing of them."""
    folder, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    for kind in CLASSES:
        (folder / "shapes" / kind).mkdir(parents=True)
        for number in range(IMAGES):
            draw(kind, rng).save(folder / "shapes" / kind / f"{number:02d}.png")
    space = {
        "name": "tiny",
        "dataset": "fashion_mnist",
        "parameters": {
            "batch_size": {"value": 64},
            "generator.name": {"choices": list(FAMILIES)},
            "generator.latent_dim": {"value": 8},
            "generator.embedding_dim": {"value": 4},
            "generator.width": {"value": 4},
            "generator.depth": {"value": 2},
            "generator.refine_layers": {"value": 0},
            "discriminator.width": {"value": 4},
        },
        "budget": {"rungs_kimg": [1]},
        "sampler": {"name": "random"},
        "protocol": {"metric": "kid", "num_images": 1000},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(space, sort_keys=False))
    tries = [{"generator.name": family} for family in FAMILIES]
    (folder / "tries.yaml").write_text(yaml.safe_dump(tries))
    return folder


@pytest.fixture(autouse=True)
def _here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def call(app: typer.Typer, folder: Path, *arguments: str, code: int = 0) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with pytest.raises(SystemExit, match=f"^{code}$"):
            app(list(arguments))


@pytest.fixture(scope="module")
def studied(place: Path) -> Path:
    """Return the folder of a study of two trials, seen through an extractor trained before."""
    call(
        extractor.app, place, "--dataset", "folder:shapes", "--image-size", "32",
        "--epochs", "4", "--no-mirror",
    )  # fmt: skip
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()) as said:
        warnings.simplefilter("default", UserWarning)
        call(
            sweep.app, place, "--search-space", "./tiny.yaml", "--enqueue", "tries.yaml",
            "--dataset", "folder:shapes", "--image-size", "32", "--extractor",
            "extractors/shapes", "--trials", "2", "--workers", "1", "--tracker", "none",
        )  # fmt: skip
    (place / "said.txt").write_text(said.getvalue())
    return place / "studies" / "tiny"


@pytest.mark.slow
def test_a_study_of_two_families_completes_on_colour_images(studied: Path):
    entries = read_entries(studied)
    assert [entry.config.family for entry in entries] == list(FAMILIES)
    for entry in entries:
        assert entry.outcome.reason.value == "finished", entry.outcome.detail
        # Three classes of 40: a seventh of each is 6, and a sixth of the other 34 is 6 again.
        assert entry.outcome.final.protocol.num_images == 18
        with Image.open(next(entry.folder.path.glob("grids/*.png"))) as grid:
            assert grid.mode == "RGB"
            assert grid.size == (342, 104)  # ten columns and three classes of 32 + 2 pixels


@pytest.mark.slow
def test_a_score_of_fewer_images_than_asked_for_is_said_once(studied: Path):
    said = (studied.parents[1] / "said.txt").read_text().splitlines()
    warned = [line for line in said if line.startswith("warning: ")]
    assert warned == [
        "warning: shapes/validation has 18 images: scores use 18 instead of 1000, and FID of so "
        "few is biased upwards."
    ]


@pytest.mark.slow
def test_a_study_keeps_what_was_asked_of_its_images(studied: Path):
    record = read_study(studied)
    assert record.dataset == DATASET
    assert record.protocol["reference"] == "shapes/validation"
    assert record.protocol["reference_sha256"] == load_dataset(DATASET).validation.sha256
    assert SearchSpace.load(str(studied / "search_space.yaml")).dataset == DATASET
    start = find_start(
        preset=None,
        config=None,
        from_study="tiny",
        continue_from=None,
        studies_dir=studied.parent,
    )
    assert start.measure["dataset"] == DATASET


@pytest.mark.slow
@pytest.mark.parametrize("options", ["&classes=0,1", "&split=60,20,20", "&channels=1"])
def test_other_classes_shares_or_channels_are_another_study(studied: Path, options: str):
    space = SearchSpace.load("./tiny.yaml").on_dataset(DATASET + options)
    space = space.seen_through("extractors/shapes")
    protocol = read_study(studied).protocol
    with pytest.raises(StudyError) as error:
        Study(
            studied.parent, "tiny", space=space, seed=None,
            protocol=Protocol(**protocol),
        )  # fmt: skip
    assert f"dataset: {DATASET} -> {DATASET}{options}" in str(error.value)


def test_other_choices_change_the_hash_of_the_reference(place: Path):
    hashes = {
        load_dataset(f"{DATASET}{options}").validation.sha256
        for options in ("", "&classes=0,1", "&split=60,20,20", "&channels=1", "&fit=stretch")
    }
    assert len(hashes) == 5


@pytest.mark.slow
def test_its_winner_is_exported(studied: Path):
    call(export.app, studied.parents[1], "--study", "tiny", "--out", "bundle")
    metrics = json.loads(Path("bundle", "metrics.json").read_text())
    assert metrics["test"]["protocol"]["reference"] == "shapes/test"
    assert metrics["test"]["protocol"]["num_images"] == 18
    assert "triangle" in Path("bundle", "README.md").read_text()


@pytest.mark.parametrize("family", GENERATORS)
def test_every_family_makes_and_judges_colour_images(family: str):
    config = GANConfig.model_validate(
        {
            "generator": {"name": family, "width": 4, "depth": 2},
            "discriminator": {"name": "mlp" if family == "mlp" else "conv", "width": 4},
        }
    )
    assert build_generator(config, (32, 32, 3), 3).output_shape == (None, 32, 32, 3)
    assert build_discriminator(config, (32, 32, 3), 3).output_shape == (None, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "folder:shapes"], r"images are 38 x 42 pixels; .*--image-size 36"),
        (["--dataset", "folder:shapes", "--image-size", "30"], r"multiple of 4 .* '30'"),
        (["--classes", "0,10"], r"fashion_mnist has no class '10'; expected some of 0 T-shirt"),
        (["--dataset", "folder:shape"], r"shape: received nothing of that name"),
    ],
    ids=["sides", "size", "classes", "absent"],
)
def test_what_cannot_be_trained_on_is_one_message(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    call(train.app, Path.cwd(), "--preset", "mlp_cgan", "--dry-run", *options, code=2)
    errors = capsys.readouterr().err
    assert errors.count("error: ") == 1
    assert re.search(message, errors), errors

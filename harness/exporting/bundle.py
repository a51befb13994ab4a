"""Write the winner as a folder that stands alone: network, configuration, scores, samples."""

import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

import harness
from harness.confirmation.winner import Choice, choose
from harness.data.datasets import load_dataset
from harness.data.images import ImageDataset
from harness.errors import StorageError, StudyError
from harness.exporting.readme import bundle_readme
from harness.files import read_json, storage_error, write_json
from harness.gan.sampling import Sampler, load_generator
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors import load_extractor
from harness.score import Score
from harness.search.folders import StudyRecord, read_study
from harness.search.leaderboard import Entry
from harness.seeds import derive_seed
from harness.training.grid import draw_grid, grid_labels
from harness.training.sampling import sample_for

FILES = frozenset({"generator.keras", "config.yaml", "metrics.json", "samples.png", "README.md"})
"""What a bundle consists of."""

_SCALE = 2


@dataclasses.dataclass(frozen=True)
class Bundle:
    """Tell what was exported.

    Args:
        folder: Where it lies.
        entry: The training it comes from: a trial, or one that confirmed it.
        why: Why this one, in a sentence.
        test: FID of the exported file against the test split, which the search never saw.
    """

    folder: Path
    entry: Entry
    why: str
    test: Score


def export_bundle(
    study_folder: Path,
    *,
    trial: int | None = None,
    out: Path | None = None,
    data_dir: Path | None = None,
    weights: Path | None = None,
) -> Bundle:
    """Export a trial's kept generator, by default that of the confirmed winner or the search's.

    The bundle is made in a temporary folder beside its place and moved there when it is whole.

    Args:
        study_folder: An existing study.
        trial: Its number; None for what `choose` takes.
        out: The folder to write; None for `export/` in the study. An earlier bundle there is
            replaced, any other folder with something in it is refused.
        data_dir: Where to look for the data first.
        weights: File of the extractor's weights, where it does not bring its own.

    Raises:
        StudyError: If there is nothing to export, `out` holds something else, or the data set or
            the extractor is no longer what the study was made with.
        StorageError: If the bundle cannot be written.
    """
    record = read_study(study_folder)
    choice = choose(study_folder, trial)
    entry = choice.entry
    if not entry.folder.generator_file.exists():
        raise StudyError(
            f"{entry.folder.path}: trial {entry.name} kept no generator: it ended before its "
            f"first rung ({entry.outcome.reason.value}). Choose another trial."
        )
    target = out or study_folder / "export"
    _refuse_strangers(target)
    dataset = load_dataset(record.dataset, data_dir)
    evaluator = _test_evaluator(record, dataset, weights)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as temporary:
            folder = Path(temporary) / "bundle"
            folder.mkdir()
            test = _fill(folder, record, choice, dataset=dataset, evaluator=evaluator)
            if target.exists():
                shutil.rmtree(target)
            folder.rename(target)
    except OSError as error:
        raise storage_error(target, error) from error
    return Bundle(target, entry, choice.why, test)


def _refuse_strangers(target: Path) -> None:
    """Refuse to replace what is not a bundle."""
    if not target.exists() or (target.is_dir() and (_is_empty(target) or _is_bundle(target))):
        return
    raise StudyError(
        f"{target}: exists and is not an exported bundle, so it is left alone. Choose another "
        f"--out."
    )


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def _is_bundle(folder: Path) -> bool:
    """Whether a folder is what an export wrote, with nothing of anybody else's in it."""
    if not {path.name for path in folder.iterdir()} <= FILES:
        return False
    try:
        metrics = read_json(folder / "metrics.json")
    except StorageError:
        return False
    return isinstance(metrics, dict) and "study_id" in metrics


def _test_evaluator(record: StudyRecord, dataset: ImageDataset, weights: Path | None) -> Evaluator:
    """Return what scores against the test split as the study scored against validation."""
    extractor = load_extractor(record.extractor, image_shape=dataset.image_shape, weights=weights)
    for key, name, now in (
        ("extractor_sha256", f"extractor {record.extractor}", extractor.sha256),
        ("reference_sha256", f"data set {record.dataset}", dataset.validation.sha256),
    ):
        if record.protocol[key] != now:
            raise StudyError(
                f"{record.name}: the {name} has changed since the study was made: received "
                f"SHA-256 {now}; expected {record.protocol[key]}. A score on the test split would "
                f"not belong to the study's. Restore it from a copy."
            )
    return Evaluator(
        dataset,
        extractor=extractor,
        metric=str(record.protocol["metric"]),
        num_images=min(int(record.protocol["num_images"]), len(dataset.test)),
        split="test",
    )


def _fill(
    folder: Path,
    record: StudyRecord,
    choice: Choice,
    *,
    dataset: ImageDataset,
    evaluator: Evaluator,
) -> Score:
    entry = choice.entry
    generator_file = folder / "generator.keras"
    shutil.copyfile(entry.folder.generator_file, generator_file)
    # What is scored and drawn is the file as a user will load it.
    try:
        sampler = Sampler(load_generator(generator_file))
    except StorageError as error:
        raise StorageError(
            f"{entry.folder.path}: trial {entry.name} kept a damaged generator ({error}). Export "
            f"another trial with --trial."
        ) from error
    test = _score_on_test(sampler, record, entry, evaluator)
    conditional = entry.config.conditional
    images = sampler.sample(
        noise_seed=derive_seed(record.seed, "grid noise"),
        labels=grid_labels(dataset, conditional),
    )
    names = dataset.class_names if conditional else None
    draw_grid(images, row_names=names, scale=_SCALE).save(folder / "samples.png", optimize=True)
    config = entry.config.model_dump(mode="json")
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    write_json(folder / "metrics.json", _metrics(record, choice, test))
    (folder / "README.md").write_text(bundle_readme(record, entry, test, dataset), "utf-8")
    return test


def _score_on_test(
    sampler: Sampler, record: StudyRecord, entry: Entry, evaluator: Evaluator
) -> Score:
    seed = derive_seed(record.seed, entry.name, "export noise")
    images = sample_for(evaluator, sampler, noise_seed=seed)
    kimg = entry.score.kimg if entry.score else entry.outcome.kimg
    return evaluator.score(images, kimg=kimg, noise_seed=seed)


def _metrics(record: StudyRecord, choice: Choice, test: Score) -> dict[str, Any]:
    outcome = choice.entry.outcome
    return {
        "study": record.name,
        "study_id": record.id,
        "trial": choice.entry.name,
        "why": choice.why,
        "harness_version": harness.__version__,
        "outcome": outcome.reason.value,
        "final": outcome.final.to_dict() if outcome.final else None,
        "best_rung": outcome.best.to_dict() if outcome.best else None,
        "test": test.to_dict(),
    }

"""Write the winner as a folder that stands alone: network, proofs, scores, samples."""

import dataclasses
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import yaml

from harness.confirmation.winner import Choice, choose
from harness.data.datasets import load_dataset
from harness.data.images import ImageDataset
from harness.errors import StorageError, StudyError
from harness.exporting.checksums import write_checksums
from harness.exporting.contents import DESCRIPTION, Contents, describe, metrics
from harness.exporting.formats import FORMATS, check_formats, write_format
from harness.exporting.readme import bundle_readme
from harness.exporting.target import put_in_place, refuse_strangers
from harness.exporting.verification import (
    PROGRAM,
    Proof,
    Reference,
    draw_reference,
    output_range,
    verify,
)
from harness.files import storage_error, write_json
from harness.gan.sampling import Sampler, load_generator
from harness.metrics.evaluator import Evaluator
from harness.metrics.extractors import load_extractor
from harness.score import Score
from harness.search.folders import StudyRecord, read_study
from harness.search.leaderboard import Entry
from harness.seeds import derive_seed
from harness.training.grid import draw_grid, grid_labels

_TEMPLATES = Path(__file__).parent / "templates"
_SCALE = 2


@dataclasses.dataclass(frozen=True)
class Bundle:
    """Tell what was exported.

    Args:
        folder: Where it lies.
        entry: The training it comes from: a trial, or one that confirmed it.
        why: Why this one, in a sentence.
        test: FID of the exported generator against the test split, which the search never saw.
        proofs: What is proven of each of its files.
    """

    folder: Path
    entry: Entry
    why: str
    test: Score
    proofs: tuple[Proof, ...]


def export_bundle(
    study_folder: Path,
    *,
    trial: int | None = None,
    out: Path | None = None,
    data_dir: Path | None = None,
    weights: Path | None = None,
    formats: Sequence[str] = ("keras",),
) -> Bundle:
    """Export a trial's kept generator, by default that of the confirmed winner or the search's.

    The bundle is made in a temporary folder beside its place and moved there when it is whole and
    every file of the generator has drawn the right images in a process of its own.

    Args:
        study_folder: An existing study.
        trial: Its number; None for what `choose` takes.
        out: The folder to write; None for `export/` in the study. An earlier bundle there is
            replaced, any other folder with something in it is refused.
        data_dir: Where to look for the data first.
        weights: File of the extractor's weights, where it does not bring its own.
        formats: Keys of `FORMATS`: the files to write the generator to.

    Raises:
        ConfigError: If a format is unknown.
        MissingExtraError: If a format needs a package that is not installed.
        StudyError: If there is nothing to export, `out` holds something else, or the data set or
            the extractor is no longer what the study was made with.
        ExportError: If a file cannot be written in its format, or does not draw the same images.
        StorageError: If the bundle cannot be written.
    """
    check_formats(formats)
    record = read_study(study_folder)
    choice = choose(study_folder, trial)
    entry = choice.entry
    if not entry.folder.generator_file.exists():
        raise StudyError(
            f"{entry.folder.path}: trial {entry.name} kept no generator: it ended before its "
            f"first rung ({entry.outcome.reason.value}). Choose another trial."
        )
    target = out or study_folder / "export"
    refuse_strangers(target)
    dataset = load_dataset(record.dataset, data_dir)
    evaluator = _test_evaluator(record, dataset, weights)
    model = _load_kept(entry)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as temporary:
            folder = Path(temporary) / "bundle"
            folder.mkdir()
            for name in formats:
                write_format(name, model, entry.folder.generator_file, folder / FORMATS[name].file)
            contents, reference = _measure(record, choice, dataset, evaluator, model)
            write_json(folder / DESCRIPTION, describe(contents))
            shutil.copyfile(_TEMPLATES / PROGRAM, folder / PROGRAM)
            proofs = verify(folder, formats, reference, evaluator)
            contents = dataclasses.replace(contents, proofs=proofs)
            _fill(folder, contents, model)
            write_checksums(folder)
            put_in_place(folder, target)
    except OSError as error:
        raise storage_error(target, error) from error
    return Bundle(target, entry, choice.why, contents.test, contents.proofs)


def _load_kept(entry: Entry) -> keras.Model:
    try:
        return load_generator(entry.folder.generator_file)
    except StorageError as error:
        raise StorageError(
            f"{entry.folder.path}: trial {entry.name} kept a damaged generator ({error}). Export "
            f"another trial with --trial."
        ) from error


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


def _measure(
    record: StudyRecord,
    choice: Choice,
    dataset: ImageDataset,
    evaluator: Evaluator,
    model: keras.Model,
) -> tuple[Contents, Reference]:
    entry = choice.entry
    reference = draw_reference(
        model,
        evaluator,
        noise_seed=derive_seed(record.seed, entry.name, "export noise"),
        kimg=entry.score.kimg if entry.score else entry.outcome.kimg,
    )
    pixels, seed = reference.pixels, reference.noise_seed
    test = evaluator.score(pixels, kimg=reference.kimg, noise_seed=seed)
    latent_dim = reference.noise.shape[1]
    return Contents(record, choice, dataset, output_range(model), latent_dim, test), reference


def _fill(folder: Path, contents: Contents, model: keras.Model) -> None:
    config = contents.choice.entry.config
    images = Sampler(model).sample(
        noise_seed=derive_seed(contents.record.seed, "grid noise"),
        labels=grid_labels(contents.dataset, config.conditional),
    )
    grid = draw_grid(images, row_names=contents.class_names or None, scale=_SCALE)
    grid.save(folder / "samples.png", optimize=True)
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    (folder / "config.yaml").write_text(text, "utf-8")
    write_json(folder / "metrics.json", metrics(contents))
    (folder / "README.md").write_text(bundle_readme(contents), "utf-8")

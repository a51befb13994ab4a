"""Write the winner as a folder that stands alone: network, proofs, scores, samples."""

import contextlib
import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.confirmation.winner import Choice, choose
from harness.core.errors import StorageError, StudyError
from harness.core.files import storage_error, write_json
from harness.core.score import Score
from harness.core.scratch import scratch_folder
from harness.core.seeds import derive_seed
from harness.core.templates import template_environment
from harness.core.yaml_file import dump_yaml
from harness.data.datasets import load_dataset
from harness.data.image_dataset import ImageDataset
from harness.exporting.bundle_folder import put_in_place, refuse_strangers, write_checksums
from harness.exporting.contents import (
    CARD,
    BundleContents,
    describe,
    metrics,
    render_card,
)
from harness.exporting.explorer import add_explorer
from harness.exporting.formats import DESCRIPTION, FORMATS, check_formats, write_format
from harness.exporting.hub_card import hub_head
from harness.exporting.interpolation import write_interpolation
from harness.exporting.neighbours import keep_neighbours
from harness.exporting.scoring import (
    Original,
    ReferenceImages,
    draw_reference,
    evaluator_on_test,
)
from harness.exporting.verification import PROGRAM, QUESTIONS, Proof, verify
from harness.gan.sampling import latent_noise, load_generator
from harness.metrics.evaluator import Evaluator
from harness.study.leaderboard import Entry
from harness.study.own_folders import refuse_foreign
from harness.study.record import StudyRecord, read_study
from harness.training.grid import draw_grid, grid_labels

_SCALE = 2
_MEASURES = ("memorisation", "label_accuracy", "classes")  # beside the score


@dataclasses.dataclass(frozen=True, repr=False)
class Bundle:
    """What was exported; a notebook shows its scores and what is proven of its files.

    Args:
        folder: Where it lies.
        entry: The training it comes from: a trial, or one that confirmed it.
        why: Why this one, in a sentence.
        names: What it is found by: the training's name, and its trial's if that is another.
        test: FID of the exported generator against the test split, which the search never saw.
        proofs: What is proven of each of its files.
        is_winner: Whether it was chosen as the best, and not asked for by its number.
        note: What it lacks and why, in a line; empty otherwise.
    """

    folder: Path
    entry: Entry
    why: str
    names: tuple[str, ...]
    test: Score
    proofs: tuple[Proof, ...]
    is_winner: bool
    note: str = ""

    def __repr__(self) -> str:
        files = ", ".join(proof.file for proof in self.proofs)
        return f"<Bundle of trial {self.entry.name}: {files}; test {self.test.text}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows, by IPython's protocol."""
        return (
            template_environment(__file__)
            .get_template("bundle.html")
            .render(bundle=self, outcome=self.entry.outcome)
        )


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
    refuse_foreign(study_folder)
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
    evaluator = evaluator_on_test(record, dataset, weights)
    try:
        original = Original(load_generator(entry.folder.generator_file))
    except StorageError as error:
        raise StorageError(
            f"{entry.folder.path}: trial {entry.name} kept a damaged generator ({error}). Export "
            f"another trial with --trial."
        ) from error
    try:
        with scratch_folder(target) as scratch:
            folder = scratch / "bundle"
            folder.mkdir()
            _write_networks(folder, entry, original, formats)
            contents, reference = _measure(record, choice, dataset, original, evaluator)
            write_json(folder / DESCRIPTION, describe(contents))
            proofs = verify(folder, formats, reference, evaluator)
            lacking = (add_explorer(folder) or "") if "onnx" in formats else ""
            has_explorer = "onnx" in formats and not lacking
            contents = dataclasses.replace(contents, proofs=proofs, has_explorer=has_explorer)
            _describe(folder, contents, original)
            write_checksums(folder)
            # A study that only this report would be written into may be one that nobody may write.
            with contextlib.nullcontext() if out is None else contextlib.suppress(StorageError):
                _keep_neighbours(study_folder, record, entry.name, original, evaluator)
            put_in_place(folder, target)
    except OSError as error:
        raise storage_error(target, error) from error
    return Bundle(
        target,
        entry,
        choice.why,
        choice.names,
        reference.test,
        proofs,
        is_winner=trial is None,
        note=lacking,
    )


def _write_networks(
    folder: Path, entry: Entry, original: Original, formats: Sequence[str]
) -> None:
    """Write the generator in each format, and what runs it."""
    # Keras converts no network that was never called.
    original.draw(np.zeros((1, original.latent_dim), np.float32), np.zeros(1, np.int32))
    for name in formats:
        target = folder / FORMATS[name].file
        write_format(name, original.model, entry.folder.generator_file, target)
    templates = Path(__file__).parent / "templates"
    shutil.copyfile(templates / PROGRAM, folder / PROGRAM)
    parts = shutil.ignore_patterns("__*")
    shutil.copytree(templates / QUESTIONS, folder / QUESTIONS, ignore=parts)


def _measure(
    record: StudyRecord,
    choice: Choice,
    dataset: ImageDataset,
    original: Original,
    evaluator: Evaluator,
) -> tuple[BundleContents, ReferenceImages]:
    """Return what is known of the generator, and the images that tell it."""
    entry = choice.entry
    reference = draw_reference(
        original,
        evaluator,
        noise_seed=derive_seed(record.seed, entry.name, "export noise"),
        kimg=entry.score.kimg if entry.score else entry.outcome.kimg,
    )
    contents = BundleContents(
        record,
        choice,
        dataset,
        output=original.output,
        latent_dim=original.latent_dim,
        test=reference.test,
        measured=tuple(evaluator.measure(reference.pixels, reference.labels, _MEASURES)),
    )
    return contents, reference


def _keep_neighbours(
    folder: Path, record: StudyRecord, name: str, original: Original, evaluator: Evaluator
) -> None:
    """Write what the study's report shows, for it is here that images and extractor are."""
    seed = derive_seed(record.seed, "grid noise")
    keep_neighbours(folder, name, original, evaluator.reference, noise_seed=seed)


def _describe(folder: Path, contents: BundleContents, original: Original) -> None:
    """Write what a reader sees: pictures, numbers and texts."""
    config = contents.choice.entry.config
    seed = derive_seed(contents.record.seed, "grid noise")
    labels = grid_labels(contents.dataset, config.conditional)
    images = original.pixels(latent_noise(seed, len(labels), contents.latent_dim), labels)
    grid = draw_grid(images, row_names=contents.class_names or None, scale=_SCALE)
    grid.save(folder / "samples.png", optimize=True)
    classes = len(contents.class_names)
    write_interpolation(folder / "interpolation.gif", original, noise_seed=seed, classes=classes)
    (folder / "config.yaml").write_text(dump_yaml(config.model_dump(mode="json")), "utf-8")
    write_json(folder / "metrics.json", metrics(contents))
    (folder / CARD).write_text(hub_head(contents) + render_card(contents), "utf-8")

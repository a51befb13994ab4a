"""Write the model card: what a generator is for, how good it is, its limits, its lineage."""

import importlib.metadata
import json
import platform
import zipfile
from pathlib import Path

from harness.core.durations import format_kimg
from harness.core.provenance import code_commit, lock_sha256
from harness.core.version import __version__
from harness.data.request import DatasetRequest
from harness.exporting.contents import BundleContents, proof_table, score_table
from harness.metrics.measures import Measurement

# By the name of the data set; any other images are the user's own.
_LICENCES = {
    "fashion_mnist": "Fashion-MNIST (Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747), MIT licence, "
    "copyright Zalando SE",
    "mnist": "MNIST (LeCun, Cortes & Burges), Creative Commons Attribution-ShareAlike 3.0",
    "cifar10": "CIFAR-10 (Krizhevsky 2009, Learning Multiple Layers of Features from Tiny "
    "Images); its authors name no licence and ask to be cited",
}
_OWN_LICENCE = "images of your own; the licence of your images"
_PACKAGES = ("tensorflow", "keras", "numpy", "scipy")


def model_card(contents: BundleContents) -> str:
    """Return the text.

    Args:
        contents: What is known of the generator.

    References:
        Mitchell et al. 2019, arXiv 1810.03993: the headings, as far as they apply.
    """
    return f"""# Model card: {contents.title}

{_what_it_is(contents)}

## Intended use

Drawing images like those of {contents.dataset.name}: for teaching, for experiments with \
generators, for filling a test or a demonstration. Its images are no data: do not take them for \
photographs or measurements, nor for a replacement of real images where decisions rest on them.

## Data

{_data(contents)}

## Scores

{score_table(contents)}

The interval says what other noise would give, not what training once more would. Scores compare \
only where the protocol is the same{_extractor_note(contents)}.
{_classes(contents)}{_memorisation(contents)}
## Files

{proof_table(contents)}

## Limits

{_limits(contents)}

## Lineage

{_lineage(contents)}
"""


def _what_it_is(contents: BundleContents) -> str:
    entry = contents.choice.entry
    height, width, channels = contents.dataset.image_shape
    inputs = f"{contents.latent_dim} numbers of normal noise"
    if contents.class_names:
        inputs += f" and one of {len(contents.class_names)} classes"
    return (
        f"A generative adversarial network's generator of the family `{entry.config.family}`: "
        f"from {inputs} to an image of {height} x {width} x {channels}. It is the moving average "
        f"of the weights at the best rung of its training, until which the discriminator was "
        f"shown {format_kimg(contents.kimg)} thousand images.\n\n"
        f"Why this one: {contents.choice.why}"
    )


def _data(contents: BundleContents) -> str:
    dataset = contents.dataset
    name = DatasetRequest.parse(contents.record.dataset).source
    shown = f"the classes {', '.join(dataset.class_names)}" if dataset.class_names else "no labels"
    return (
        f"{_LICENCES.get(name, _OWN_LICENCE)}. {len(dataset.train):,} images for training, "
        f"{len(dataset.validation):,} for validation, by which the search chose, and "
        f"{len(dataset.test):,} for the test, which it never saw; {shown}. The licence of the "
        f"images may bear on what is drawn after them."
    )


def _extractor_note(contents: BundleContents) -> str:
    name = contents.test.protocol.extractor
    return "" if name == "inception" else f", and features of `{name}` are not the literature's"


def _classes(contents: BundleContents) -> str:
    rows = [each for each in contents.measured if each.protocol.metric.startswith("fid_class_")]
    if not rows:
        return ""
    table = "\n".join(
        f"| {each.quantity.note} | {each.value:.3f} | {_interval(each)} |" for each in rows
    )
    return f"""
## Scores of each class

FID within a class, on the test split. Fewer images make it larger than the whole's, so compare \
the classes with each other.{_label_accuracy(contents)}

| class | FID (lower is better) | 95 % |
|---|---|---|
{table}
"""


def _label_accuracy(contents: BundleContents) -> str:
    found = [each for each in contents.measured if each.protocol.metric == "label_accuracy"]
    if not found:
        return ""
    return f" A classifier takes {found[0].value:.1%} of all images for the class asked for."


def _memorisation(contents: BundleContents) -> str:
    found = [each for each in contents.measured if each.protocol.metric == "memorisation"]
    if not found:
        return ""
    return f"""
## Memorisation

{found[0].value:.3f} ({_interval(found[0])}): the share of pairs of a drawn and an unseen real \
image in which the drawn one lies nearer to the training images. 0.5 is what real images have, 1 \
is copying, and below 0.5 images are poor rather than original. A few copies would not show.
"""


def _limits(contents: BundleContents) -> str:
    dataset = contents.dataset
    height, width, _ = dataset.image_shape
    kinds = "only the classes above" if contents.class_names else "no class that could be chosen"
    return f"""- It knows {kinds}, at {height} x {width} pixels, with all that is one-sided in \
{dataset.name}.
- No score here says whether an image looks right to a person.
- One training stands behind it: the same configuration with another seed gives another generator.
- Files were verified on one computer's CPU; other hardware may round differently."""


def _lineage(contents: BundleContents) -> str:
    record, entry = contents.record, contents.choice.entry
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    rows = {
        "study": f"{record.name}, `{record.id}`, created {record.created}",
        "training": f"{entry.name}, seed {entry.config.seed}",
        "seed of the study": str(record.seed),
        "noise of the test score": f"seed {contents.test.noise_seed}",
        "code of the study": _code(record.harness_version, record.commit, record.lock_sha256),
        "environment of the training": f"{_kept_by(entry.folder.generator_file)}; the other "
        f"packages are those of the study's `requirements.lock`, where they were installed by it",
        "code of the export": _code(__version__, code_commit(), lock_sha256()),
        "environment of the export": f"Python {platform.python_version()}, {packages}, "
        f"{platform.system()} {platform.machine()}",
        "test images": f"`{contents.test.protocol.reference}`, SHA-256 "
        f"`{contents.test.protocol.reference_sha256}`",
        "extractor": f"`{contents.test.protocol.extractor}`, SHA-256 "
        f"`{contents.test.protocol.extractor_sha256}`",
    }
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {text} |" for name, text in rows.items())


def _kept_by(file: Path) -> str:
    """Return what the file that training kept says of its making."""
    try:
        with zipfile.ZipFile(file) as archive:
            made = json.loads(archive.read("metadata.json"))
        return f"Keras {made['keras_version']} kept the generator at {made['date_saved']}"
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return "not noted by the generator's file"


def _code(version: str, commit: str | None, lock: str | None) -> str:
    return (
        f"version {version}, commit {f'`{commit}`' if commit else 'not noted'}, "
        f"`requirements.lock` {f'SHA-256 `{lock}`' if lock else 'not noted'}"
    )


def _interval(measurement: Measurement) -> str:
    interval = measurement.quantity.interval
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "not known"

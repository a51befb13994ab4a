"""Know a study's images by their content, wherever they lie now."""

import dataclasses
import os
from pathlib import Path

from harness.core.errors import StudyError
from harness.core.files import whole_path, write_json, write_text
from harness.data.datasets import load_dataset
from harness.data.request import DatasetRequest
from harness.space.space import SearchSpace
from harness.study.record import StudyRecord, lock_study, read_study


def on_known_images(folder: Path, space: SearchSpace, data_dir: Path | None) -> SearchSpace:
    """Return a search space with whole paths, its images named as a study knows them.

    Args:
        folder: The study's.
        space: What is to be searched; the study may know nothing of its images.
        data_dir: Where to look for the data first.
    """
    space = space.located()
    return space.on_dataset(known_as(folder, space.dataset, data_dir) or space.dataset)


def known_as(folder: Path, dataset: str, data_dir: Path | None) -> str | None:
    """Return the text for a data set in which a study finds its own images again.

    It keeps the name that they have in the study's scores, as folders may be renamed.

    Args:
        folder: The study's.
        dataset: Text of a `DatasetRequest`.
        data_dir: Where to look for the data first.

    Returns:
        None where these are other images.
    """
    record = read_study(folder)
    if dataset == record.dataset:
        return dataset
    if not DatasetRequest.parse(dataset).is_but_elsewhere(DatasetRequest.parse(record.dataset)):
        return None
    found = load_dataset(dataset, data_dir)
    if found.validation.sha256 != record.protocol.get("reference_sha256"):
        return None
    name = str(record.protocol["reference"]).partition("/")[0]
    request = DatasetRequest.parse(dataset)
    return str(request if found.name == name else dataclasses.replace(request, name=name))


def check_places(record: StudyRecord, *, dataset: bool = True, extractor: bool = True) -> None:
    """Refuse a study whose images or extractor have left their place, saying how to name another.

    Args:
        record: The study's.
        dataset: Whether its images are looked for.
        extractor: Whether its extractor is.

    Raises:
        StudyError: If there is no file or folder of that name any more.
    """
    places = {
        "--dataset": DatasetRequest.parse(record.dataset).source.partition(":")[2] * dataset,
        "--extractor": record.extractor * (extractor and os.sep in record.extractor),
    }
    for option, path in places.items():
        if path and not Path(whole_path(path)).exists():
            told = "" if option == "--dataset" else ", to its sweep"
            raise StudyError(
                f"{path}: nothing is there any more of what the study {record.name} needs. Put it "
                f"back, or say where it lies now by {option}{told}."
            )


def write_place(folder: Path, *, dataset: str, extractor: str) -> None:
    """Write into a study's record where its images and its extractor lie now."""
    space = SearchSpace.of_study(folder)
    write_text(
        folder / "search_space.yaml", space.on_dataset(dataset).seen_through(extractor).to_yaml()
    )
    record = dataclasses.replace(read_study(folder), dataset=dataset, extractor=extractor)
    write_json(folder / "study.json", dataclasses.asdict(record))


def move_data(folder: Path, dataset: str | None, data_dir: Path | None) -> None:
    """Write where a study's images lie now; without a place only see that they are there.

    Args:
        folder: The study's.
        dataset: The new place, as `--dataset` names it.
        data_dir: Where to look for the data first.

    Raises:
        StudyError: If other images or none are there, or a sweep is running.
    """
    record = read_study(folder)
    check_places(record, dataset=dataset is None)
    if dataset is None:
        return
    place = DatasetRequest.parse(dataset).located().source
    options = DatasetRequest.parse(record.dataset)
    asked = str(dataclasses.replace(options, source=place, name=""))
    with lock_study(folder):
        text = known_as(folder, asked, data_dir)
        if text is None:
            raise StudyError(
                f"--dataset: {asked} holds other images than study {record.name!r} was made with, "
                f"{record.dataset}. Name the place where those lie now."
            )
        write_place(folder, dataset=text, extractor=record.extractor)

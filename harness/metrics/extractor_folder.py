"""What a folder that `gansweep extractor` wrote says of itself, without loading a network."""

from pathlib import Path

from harness.core.files import read_json, whole_path

RECORD_FILE = "extractor.json"


def located_extractor(name_or_folder: str) -> str:
    """Return the whole path of an extractor's folder; a name stays what it is."""
    path = whole_path(name_or_folder)
    return path if (Path(path) / RECORD_FILE).is_file() else name_or_folder


def stored_sha256(name_or_folder: str) -> str | None:
    """Return the hash that the folder of an extractor states; None for a name.

    Raises:
        StorageError: If its record cannot be read.
    """
    file = Path(whole_path(name_or_folder)) / RECORD_FILE
    record = read_json(file) if file.is_file() else {}
    return str(record["sha256"]) if isinstance(record, dict) and "sha256" in record else None

"""Read what a data set is asked for as: a name or `SCHEME:PATH`, and options behind a `?`."""

import csv
import dataclasses
import io
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from harness.core.errors import ConfigError, near_miss
from harness.core.files import shared_path, whole_path
from harness.data.fitting import MAX_SIZE, RULES, ImageForm

_QUERY = re.compile(r"(?P<head>.*)\?(?P<query>[a-z_]+=.*)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class DatasetRequest:
    """The images that are asked for; its text form is the data set's identity everywhere.

    `folder:shapes?size=32&classes=0,2&split=80,10,10` is one: a search space, a study's record and
    a worker hold this text, so that another request is another data set.

    Args:
        source: Key of `DATASETS`, or the user's own images as `SCHEME:PATH`.
        form: Size and channels of the images.
        classes: Names or numbers of the classes to keep; none keeps all.
        split: Shares of training, validation and test images, or of the first two only; none for
            the data set's own.
        name: What scores call it; empty for its file's or folder's name.
    """

    source: str
    form: ImageForm = dataclasses.field(default_factory=ImageForm)
    classes: tuple[str, ...] = ()
    split: tuple[int, ...] = ()
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the request of a text, e.g. `npz:flowers.npz?size=32`.

        Raises:
            ConfigError: If an option is unknown or its value makes no sense.
        """
        found = _QUERY.fullmatch(text.strip())
        if found is None:
            return cls(text.strip())
        options = {}
        for part in found["query"].split("&"):
            key, _, value = part.partition("=")
            if key not in _READERS:
                raise ConfigError(
                    f"dataset: received {text!r} with the option {key!r}; expected some of "
                    f"{', '.join(_READERS)}.{near_miss(key, _READERS)} Write it as "
                    f"folder:shapes?size=32&classes=0,2."
                )
            options[key] = urllib.parse.unquote(value)
        return cls(found["head"]).changed(options)

    def __str__(self) -> str:
        """Return the text that `parse` reads, options in one order."""
        options: dict[str, Any] = {}
        if self.form.size is not None:
            options["size"] = self.form.size
            if self.form.fit != RULES[0]:
                options["fit"] = self.form.fit
        if self.form.channels is not None:
            options["channels"] = self.form.channels
        if self.classes:
            options["classes"] = _join_names(self.classes)
        if self.split:
            options["split"] = ",".join(map(str, self.split))
        if self.name:
            options["name"] = self.name
        # What would end a value, or be read as a character's number, is a number itself.
        quoted = {
            key: str(value).replace("%", "%25").replace("&", "%26").replace("?", "%3F")
            for key, value in options.items()
        }
        query = "&".join(f"{key}={value}" for key, value in quoted.items())
        return f"{self.source}?{query}" if query else self.source

    def located(self) -> Self:
        """Return the request with the whole path of files of the user's own."""
        scheme, colon, path = self.source.partition(":")
        if not path:
            return self
        return dataclasses.replace(self, source=f"{scheme}{colon}{whole_path(path)}")

    def is_but_elsewhere(self, other: "DatasetRequest") -> bool:
        """Return whether another one asks for the same, wherever the images lie."""
        return dataclasses.replace(self, source=other.source, name=other.name) == other

    def named_as(self, earlier: "DatasetRequest", name: str) -> Self:
        """Return the request under the name that the images had where they lay earlier.

        Args:
            earlier: What was asked for then.
            name: What scores called it; empty where that is not known.
        """
        moved = self != earlier and self.is_but_elsewhere(earlier)
        return dataclasses.replace(self, name=self.name or name) if moved else self

    def shared(self) -> Self:
        """Return the request as others may see it, with no whole path."""
        scheme, colon, path = self.source.partition(":")
        return dataclasses.replace(self, source=f"{scheme}{colon}{path and shared_path(path)}")

    def changed(self, options: Mapping[str, str]) -> Self:
        """Return the request with other options, given as its text has them.

        Raises:
            ConfigError: If one of them makes no sense.
        """
        read = {key: _READERS[key](value) for key, value in options.items()}
        form = {key: read.pop(key) for key in ("size", "fit", "channels") if key in read}
        changed = dataclasses.replace(self.form, **form)
        if "fit" in options and changed.size is None:
            raise ConfigError(
                f"--fit: received {options['fit']!r}, but images keep their size; expected a size "
                f"beside it. Add --image-size 32."
            )
        return dataclasses.replace(self, form=changed, **read)


def _read_size(text: str) -> int:
    if not text.isdecimal() or not 4 <= int(text) <= MAX_SIZE or int(text) % 4:
        raise ConfigError(
            f"--image-size: expected a multiple of 4 from 4 to {MAX_SIZE}, which the networks "
            f"need; received {text!r}. Use --image-size 28 or 32."
        )
    return int(text)


def _read_fit(text: str) -> str:
    if text not in RULES:
        raise ConfigError(
            f"--fit: expected {' or '.join(RULES)}; received {text!r}.{near_miss(text, RULES)}"
        )
    return text


def _read_channels(text: str) -> int:
    if text not in ("1", "3"):
        raise ConfigError(f"--channels: expected 1 (gray) or 3 (RGB); received {text!r}.")
    return int(text)


def _read_classes(text: str) -> tuple[str, ...]:
    names = [name.rstrip() for name in next(csv.reader([text], skipinitialspace=True), []) or [""]]
    if "" in names or len(set(names)) < len(names):
        raise ConfigError(
            f"--classes: expected the numbers or names of classes, each once, with commas between "
            f"them, and a name that has a comma itself in double quotes; received {text!r}. Use "
            f"--classes 0,3,7."
        )
    # One order for one choice: the classes keep the data set's order anyhow.
    return tuple(sorted(names, key=lambda name: (not name.isdecimal(), len(name), name)))


def _join_names(names: Sequence[str]) -> str:
    """Return names as `_read_classes` reads them."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()


def _read_name(text: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_-]+", text):
        raise ConfigError(f"name: expected letters, digits, - and _; received {text!r}.")
    return text


def _read_split(text: str) -> tuple[int, ...]:
    shares = [share.strip() for share in text.split(",")]
    sound = all(share.isdecimal() and 0 < int(share) <= 10**6 for share in shares)
    if not sound or len(shares) not in (2, 3):
        raise ConfigError(
            f"--split: expected three whole numbers from 1, the shares of training, validation "
            f"and test images, or two to leave the test images as they are; received {text!r}. "
            f"Use --split 80,10,10."
        )
    return tuple(int(share) for share in shares)


_READERS: dict[str, Callable[[str], Any]] = {
    "size": _read_size,
    "fit": _read_fit,
    "channels": _read_channels,
    "classes": _read_classes,
    "split": _read_split,
    "name": _read_name,
}

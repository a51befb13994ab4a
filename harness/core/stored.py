"""Read the dataclasses of stored records: JSON that may be damaged, or older than a field."""

import functools
from typing import Any, TypeVar

_T = TypeVar("_T")


def parse_record(kind: type[_T], record: Any) -> _T:
    """Return the dataclass that a JSON-ready record describes; fields unknown to it are ignored.

    Args:
        kind: The dataclass.
        record: What was stored.

    Raises:
        ValueError: If it is none; names the first field at fault.
    """
    from pydantic import ValidationError

    try:
        parsed: _T = _adapter(kind).validate_python(record)  # type: ignore[arg-type]
    except ValidationError as error:
        fault = error.errors()[0]
        place, said = ".".join(map(str, fault["loc"])), fault["msg"]
        # What a record refuses as a whole names its field itself.
        told = f"{place}: {said}" if place else said.removeprefix("Value error, ")
        raise ValueError(told) from error
    return parsed


@functools.cache
def _adapter(kind: type) -> Any:
    from pydantic import TypeAdapter  # imported for a record alone: it takes a command's time

    return TypeAdapter(kind)

"""Take a search space's YAML document apart, section by section, with the faults of all."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from harness.core.errors import ConfigError
from harness.core.validation import pydantic_faults, unknown_key
from harness.data.request import DatasetRequest
from harness.space.parameter_parsing import parse_parameters
from harness.space.settings import (
    PRUNER_SETTINGS,
    SAMPLER_SETTINGS,
    Budget,
    PatientSettings,
    ProtocolSettings,
    Settings,
    SuccessiveHalvingSettings,
    parse_settings,
    reduction_factor,
)

KEYS = (
    "name", "description", "dataset", "parameters", "budget", "sampler", "pruner", "protocol",
    "deterministic",
)  # fmt: skip
_REQUIRED = ("name", "dataset", "parameters", "budget")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SCHEME = re.compile(r"[a-z]+:\S.*")  # a data set of the user's own, e.g. npz:images.npz
_Model = TypeVar("_Model", bound=Settings)


def parse_document(record: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """Return the parts of a search space by name; the faults of all of them are appended.

    A part with faults is missing or None.
    """
    faults.extend(unknown_key("", key, KEYS) for key in record if key not in KEYS)
    faults.extend(f"{key} is missing. Add it." for key in _REQUIRED if key not in record)
    parts: dict[str, Any] = {
        key: _parse_text(record.get(key, ""), key, faults=faults)
        for key in ("name", "description", "dataset")
        if key in record or key == "description"
    }
    parts["parameters"] = (
        parse_parameters(record["parameters"], faults) if "parameters" in record else ()
    )
    budget = None
    if "budget" in record:
        budget = parts["budget"] = _parse_model(
            Budget, record["budget"], where="budget", faults=faults
        )
    for key, kinds in (("sampler", SAMPLER_SETTINGS), ("pruner", PRUNER_SETTINGS)):
        default = {"name": next(iter(kinds))}
        parts[key] = parse_settings(record.get(key, default), kinds, where=key, faults=faults)
    parts["protocol"] = _parse_model(
        ProtocolSettings, record.get("protocol", {}), where="protocol", faults=faults
    )
    parts["deterministic"] = record.get("deterministic", False)
    if not isinstance(parts["deterministic"], bool):
        faults.append(
            f"deterministic must be true or false; received {record['deterministic']!r}."
        )
    if budget is not None and parts["pruner"] is not None:
        faults.extend(_rung_faults(parts["pruner"], budget.rungs_kimg))
    return parts


def _parse_text(value: Any, key: str, *, faults: list[str]) -> str:
    if not isinstance(value, str) or "\n" in value.strip():
        faults.append(f"{key} must be one line of text; received {value!r}.")
        return ""
    if key == "dataset":
        try:
            request = DatasetRequest.parse(value)
        except ConfigError as error:
            faults.append(str(error))
            return ""
        if _SCHEME.fullmatch(request.source) or _NAME.fullmatch(request.source):
            return str(request)
    if key != "description" and not _NAME.fullmatch(value):
        faults.append(
            f"{key} must consist of letters, digits, - and _; received {value!r}. "
            f"Use {key}: {re.sub('[^A-Za-z0-9_-]+', '_', value).strip('_-') or 'mine'}."
        )
    return value.strip()


def _parse_model(
    kind: type[_Model], value: Any, *, where: str, faults: list[str]
) -> _Model | None:
    if not isinstance(value, Mapping):
        keys = ", ".join(kind.model_fields)
        faults.append(f"{where} must be a mapping with the keys {keys}; received {value!r}.")
        return None
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        faults.extend(pydantic_faults(error, kind, where=where))
        return None


def _rung_faults(pruner: Settings, rungs_kimg: tuple[int, ...]) -> list[str]:
    wrapped = pruner.wrapped if isinstance(pruner, PatientSettings) else pruner
    if isinstance(wrapped, SuccessiveHalvingSettings):
        try:
            reduction_factor(wrapped, rungs_kimg)
        except ValueError as error:
            return [str(error)]
    return []

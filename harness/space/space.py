"""Read a search space from YAML, check all of it, and turn Optuna's trials into GANConfigs."""

import hashlib
import json
import os
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import pydantic

from harness.core.errors import ConfigError, near_miss
from harness.core.files import inside, shared_path
from harness.core.nested import flatten
from harness.core.validation import pydantic_faults, raise_faults
from harness.core.yaml_file import dump_yaml, read_yaml, shipped_yaml
from harness.data.request import DatasetRequest
from harness.gan.config.choices import is_user_function
from harness.gan.config.config import GANConfig, build_config
from harness.gan.user_code.user_functions import (
    ROLES,
    UserFile,
    UserFunctions,
    named_functions,
    pin,
)
from harness.metrics.extractor_folder import located_extractor
from harness.space.enqueue import params_of, params_of_each
from harness.space.feasibility import combination_faults, sample_values
from harness.space.fields import FIELDS
from harness.space.parameter_parsing import parse_parameters
from harness.space.parameters import Parameter
from harness.space.settings import (
    Budget,
    FinishSettings,
    PatientSettings,
    ProtocolSettings,
    PrunerSettings,
    SamplerSettings,
    Settings,
    SuccessiveHalvingSettings,
    TPESettings,
    reduction_factor,
)

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import BaseTrial

_SUFFIXES = (".yaml", ".yml")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SCHEME = re.compile(r"[a-z]+:\S.*")  # a data set of the user's own, e.g. npz:images.npz
_EXAMPLE_DRAWS = 300


def space_names() -> list[str]:
    """Return the names of the search spaces that come with the package."""
    return list(shipped_yaml("search_spaces"))


class SearchSpace(Settings):
    """What a study searches, and by which rules.

    Args:
        name: Its name, and by default the study's.
        description: One line for people.
        dataset: Text of a `DatasetRequest`: a key of `DATASETS`, or the user's own images as
            `SCHEME:PATH`, where a relative path begins at the folder in which the sweep is
            started; maybe with options.
        parameters: What is searched, in the order declared.
        start: Configurations that are tried first, whole or some fields of them; None for none.
        budget: Rungs and the cost allowed.
        sampler: What proposes trials.
        pruner: What stops them.
        protocol: How they are scored.
        finish: How its leaders are trained on in the end; None for not at all.
        deterministic: Whether trainings use operations that repeat bit for bit, and no clock.
    """

    name: str
    description: str = ""
    dataset: str
    parameters: tuple[pydantic.InstanceOf[Parameter], ...]
    start: Annotated[tuple[Any, ...], pydantic.Field(strict=False)] | None = None
    budget: Budget
    sampler: SamplerSettings = pydantic.Field(default=TPESettings(), discriminator="name")
    pruner: PrunerSettings = pydantic.Field(
        default=SuccessiveHalvingSettings(), discriminator="name", validate_default=True
    )
    protocol: ProtocolSettings = ProtocolSettings()
    finish: FinishSettings | None = None
    deterministic: bool = False
    _files: tuple[UserFile, ...] = pydantic.PrivateAttr(())
    _start_params: tuple[dict[str, Any], ...] = pydantic.PrivateAttr(())

    @pydantic.field_validator("name", "description", "dataset", mode="before")
    @classmethod
    def _check_text(cls, value: Any, info: pydantic.ValidationInfo) -> str:
        if not isinstance(value, str) or "\n" in value.strip():
            hint = "" if isinstance(value, str | list | dict) else " Write it in quotes"
            raise ValueError(f"must be one line of text; received {value!r}.{hint}".rstrip("."))
        if info.field_name == "dataset":
            try:
                request = DatasetRequest.parse(value)
            except ConfigError as error:
                raise ValueError(f"is not understood: {error}") from error
            if _SCHEME.fullmatch(request.source) or _NAME.fullmatch(request.source):
                return str(request)
        if info.field_name != "description" and not _NAME.fullmatch(value):
            named = re.sub("[^A-Za-z0-9_-]+", "_", value).strip("_-") or "mine"
            raise ValueError(
                f"must consist of letters, digits, - and _; received {value!r}. "
                f"Use {info.field_name}: {named}"
            )
        return value.strip()

    @pydantic.field_validator("pruner")
    @classmethod
    def _check_rungs(cls, pruner: PrunerSettings, info: pydantic.ValidationInfo) -> PrunerSettings:
        halving = pruner.wrapped if isinstance(pruner, PatientSettings) else pruner
        if isinstance(halving, SuccessiveHalvingSettings) and "budget" in info.data:
            reduction_factor(halving, info.data["budget"].rungs_kimg)
        return pruner

    @pydantic.field_serializer("parameters")
    def _parameters_to_dict(self, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
        return {part.name: part.to_dict() for part in parameters}

    @property
    def files(self) -> tuple[UserFile, ...]:
        """Return Python files of the user's own that parameters name.

        Those names carry hashes, which belong to the meaning of the space.
        """
        return self._files

    @property
    def start_params(self) -> tuple[dict[str, Any], ...]:
        """Return the Optuna parameters of the configurations that are tried first."""
        return self._start_params

    @classmethod
    def load(cls, name_or_path: str) -> Self:
        """Return a search space that comes with the package, by name, or one from a file.

        Args:
            name_or_path: A path if it ends in `.yaml` or `.yml` or contains a separator; else a
                name such as `default`.

        Raises:
            ConfigError: If there is no such space, or with every fault it has.
        """
        if name_or_path.endswith(_SUFFIXES) or "/" in name_or_path or os.sep in name_or_path:
            path = Path(name_or_path)
            return cls.from_dict(read_yaml(path), source=name_or_path, folder=path.parent)
        shipped = shipped_yaml("search_spaces")
        if name_or_path not in shipped:
            raise ConfigError(
                f"There is no search space {name_or_path!r}.{near_miss(name_or_path, shipped)} "
                f"Known: {', '.join(shipped)}; a file's path must end in .yaml."
            )
        path = shipped[name_or_path]
        return cls.from_dict(read_yaml(path), source=f"{path.parent.name}/{path.name}")

    @classmethod
    def of_study(cls, study_folder: Path) -> Self:
        """Return the search space that a study keeps.

        Raises:
            ConfigError: With every fault it has.
            StorageError: If it is a link to somewhere else, or no file.
        """
        path = study_folder / "search_space.yaml"
        inside(study_folder, path.name)
        return cls.from_dict(read_yaml(path), source=str(path), folder=study_folder, kept=True)

    @classmethod
    def from_dict(
        cls, record: Any, *, source: str, folder: Path = Path(), kept: bool = False
    ) -> Self:
        """Return the search space that a YAML document describes.

        Args:
            record: What the document holds; `to_dict` writes the same form.
            source: Where it comes from, for messages.
            folder: Where files of the user's own lie that it names.
            kept: Whether a study keeps it; see `pin`.

        Raises:
            ConfigError: With every fault it has.
        """
        if not isinstance(record, Mapping):
            raise ConfigError(
                f"{source}: a mapping with the keys {', '.join(cls.model_fields)} is expected; "
                f"received {type(record).__name__}."
            )
        faults: list[str] = []
        forms, files = pin(record.get("parameters"), folder, faults, kept=kept)
        if "start" in record:
            start, own = pin(record["start"], folder, faults, kept=kept)
            record, files = {**record, "start": start}, files | own
        if "parameters" in record:
            record = {**record, "parameters": parse_parameters(forms, faults)}
        record = _without_renamed(record, faults)
        try:
            space = cls.model_validate(record)
        except pydantic.ValidationError as error:
            faults += pydantic_faults(error, cls, where="")
        raise_faults(source, faults)
        space._files = tuple(files.values())
        params = params_of_each(
            space.start or (), space.parameters, faults, name="start, entry {}"
        )
        space._start_params = tuple(params)
        raise_faults(source, faults or combination_faults(space.parameters))
        return space

    def to_dict(self) -> dict[str, Any]:
        """Return the YAML form with all defaults spelled out; `from_dict` reads it back."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_yaml(self) -> str:
        """Return a YAML document that loads as this search space."""
        return dump_yaml(self.to_dict())

    @property
    def sha256(self) -> str:
        """Return a hash of all that changes trials; name, description and finish do not."""
        text = json.dumps(self._meaning(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def diff(self, other: "SearchSpace") -> list[str]:
        """Return one line for each difference in meaning, from this space to the other."""
        # A parameter's form stays in one piece.
        mine, theirs = (dict(flatten(each._meaning(), depth=2)) for each in (self, other))
        keys = [*mine, *(key for key in theirs if key not in mine)]
        return [
            f"{key}: {mine.get(key, 'absent')} -> {theirs.get(key, 'absent')}"
            for key in keys
            if mine.get(key) != theirs.get(key)
        ]

    def seen_through(self, extractor: str) -> Self:
        """Return the same search space with another extractor in its protocol.

        Args:
            extractor: Key of `EXTRACTORS`, or the folder of one.
        """
        protocol = self.protocol.model_copy(update={"extractor": extractor})
        return self.model_copy(update={"protocol": protocol})

    def on_dataset(self, dataset: str) -> Self:
        """Return the same search space on other images.

        Args:
            dataset: Text of a `DatasetRequest`.
        """
        return self.model_copy(update={"dataset": dataset})

    def located(self) -> Self:
        """Return the same search space with whole paths of data set and extractor."""
        extractor = located_extractor(self.protocol.extractor)
        dataset = str(DatasetRequest.parse(self.dataset).located())
        return self.on_dataset(dataset).seen_through(extractor)

    def shared(self) -> Self:
        """Return the same search space as others may see it, without whole paths."""
        extractor = self.protocol.extractor
        if Path(extractor).is_absolute():
            extractor = shared_path(extractor)
        dataset = str(DatasetRequest.parse(self.dataset).shared())
        return self.on_dataset(dataset).seen_through(extractor)

    def check_labels(self, *, labelled: bool) -> None:
        """Refuse to search conditional GANs on images without labels: every trial would crash.

        Args:
            labelled: Whether the images have labels.

        Raises:
            ConfigError: If there are no labels and `conditional` can be true.
        """
        given = [part.values for part in self.parameters if part.name == "conditional"]
        values = (given[0] if given else None) or (FIELDS["conditional"].default,)
        if not labelled and True in values:
            raise ConfigError(
                f"{self.name}: conditional can be true, but {self.dataset} has no labels. Write "
                f"conditional: {{value: false}} in the search space, or use labelled images, e.g. "
                f"a folder with one subfolder a class."
            )

    def suggest(self, trial: "BaseTrial", *, seed: int) -> GANConfig:
        """Return a trial's configuration, all parameters suggested at once.

        Asking again for the same trial gives the same configuration: Optuna returns what it has
        stored.

        Args:
            trial: The trial.
            seed: The configuration's seed.

        Raises:
            ConfigError: If the parameters do not go together and loading the space missed it.
        """
        values: dict[str, Any] = {}
        for part in self.parameters:
            values[part.name] = part.applying(values).suggest(trial)
        try:
            return build_config(values, seed=seed)
        except pydantic.ValidationError as error:
            raise ConfigError(
                f"Trial {trial.number} got a combination that makes no valid GAN: "
                f"{error.errors()[0]['msg']}. Make one parameter depend on the other with `when`."
            ) from error

    def distributions(self, *, unconditional: bool = False) -> "dict[str, BaseDistribution]":
        """Return Optuna's distributions by Optuna's parameter name.

        Args:
            unconditional: Whether to leave out parameters that depend on others.
        """
        found = {}
        for part in self.parameters:
            for variant in part.variants:
                distribution = variant.distribution()
                if distribution is not None and not (unconditional and variant.when):
                    found[variant.name] = distribution
        return found

    def params_of(self, config: GANConfig | Mapping[str, Any]) -> dict[str, Any]:
        """Return the Optuna parameters that make a trial of a given configuration.

        Args:
            config: A whole configuration, or some of its fields, nested or dotted; the sampler
                chooses what a partial one leaves out.

        Raises:
            ConfigError: Names every field that this space cannot give that value.
        """
        faults: list[str] = []
        params = params_of(config, self.parameters, faults=faults)
        raise_faults("configuration", faults)
        return params

    def user_functions(self) -> UserFunctions:
        """Return the functions of the user's own that trials may name, each in an example."""
        wanted = {
            (role, str(value))
            for role in ROLES
            for part in self.parameters
            if part.name == f"{role}.name"
            for value in part.values or ()
            if is_user_function(str(value))
        }
        rng = random.Random(0)
        examples = []
        for _ in range(_EXAMPLE_DRAWS if wanted else 0):
            config = build_config(sample_values(self.parameters, rng))
            if wanted.intersection(named_functions(config)):
                wanted.difference_update(named_functions(config))
                examples.append(config)
        return UserFunctions(self.files, tuple(examples))

    def _meaning(self) -> dict[str, Any]:
        # What comes after the last trial changes none of them.
        without = {"name", "description", "finish"}
        return self.model_dump(mode="json", exclude_none=True, exclude=without)


def _without_renamed(record: Mapping[str, Any], faults: list[str]) -> Mapping[str, Any]:
    """Return a record without the key of a cost limit in seconds, which is refused."""
    budget = record.get("budget")
    if not isinstance(budget, Mapping) or "max_seconds_per_kimg" not in budget:
        return record
    faults.append(
        "budget.max_seconds_per_kimg is now called budget.max_relative_cost, a multiple of what "
        f"the study's own trials cost in the median; received {budget['max_seconds_per_kimg']}. "
        "Use max_relative_cost: 4."
    )
    left = {key: value for key, value in budget.items() if key != "max_seconds_per_kimg"}
    return {**record, "budget": left}

"""Define what a search space says beside its parameters: budget, sampler, pruner, protocol.

Nothing here imports Optuna: reading a search space must stay quick. `samplers.py` and
`pruners.py` turn these settings into Optuna's objects.
"""

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from harness.core.errors import near_miss
from harness.core.validation import pydantic_faults

Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
# Strict models want tuples; YAML has lists only.
Rungs = Annotated[tuple[Annotated[int, Field(ge=1, strict=True)], ...], Field(strict=False)]
DEFAULT_REDUCTION_FACTOR = 4


class Settings(BaseModel):
    """Settings of one part of a search: frozen, without unknown keys or guessed types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    name: ClassVar[str] = ""


class Budget(Settings):
    """The length of a trial, and where trials are compared.

    Args:
        rungs_kimg: Where a trial is scored and compared, in thousands of real images shown to the
            discriminator; the last one is where a trial is complete.
        max_seconds_per_kimg: A trial that proves costlier after its first compiled chunk ends as
            pruned, reason `over_budget`; None allows any cost.
    """

    rungs_kimg: Annotated[Rungs, Field(min_length=1)]
    max_seconds_per_kimg: Annotated[float, Field(gt=0)] | None = None

    @field_validator("rungs_kimg")
    @classmethod
    def _check_order(cls, rungs: tuple[int, ...]) -> tuple[int, ...]:
        if any(late <= early for early, late in itertools.pairwise(rungs)):
            raise ValueError(f"must rise from rung to rung; received {list(rungs)}")
        return rungs


class ProtocolSettings(Settings):
    """The way trials are scored.

    Args:
        metric: What trials are ranked by: `fid`, or `kid`, which is unbiased and so fit for data
            sets too small for FID.
        extractor: Key of `EXTRACTORS`, or the folder of one.
        num_images: How many generated images each score compares.
    """

    metric: Literal["fid", "kid"] = "fid"
    extractor: Annotated[str, Field(min_length=1)] = "fashion_cnn"
    num_images: Annotated[int, Field(ge=2)] = 10_000


class TPESettings(Settings):
    """Settings of TPE: tree-structured Parzen estimators learn from good and bad trials.

    Args:
        n_startup_trials: Trials of a quasi-random sequence before the estimators take over.
        n_ei_candidates: Candidates compared for each proposal.
        multivariate: Model parameters jointly.
        group: Model the parameters of each family jointly, apart from the others'.
    """

    name: ClassVar[str] = "tpe"
    n_startup_trials: NotNegative = 12
    n_ei_candidates: Count = 24
    multivariate: bool = True
    group: bool = True

    @model_validator(mode="after")
    def _check_group(self) -> Self:
        if self.group and not self.multivariate:
            raise ValueError("group needs multivariate. Use multivariate: true or group: false")
        return self


class RandomSettings(Settings):
    """Settings of random search, the yardstick for all other samplers."""

    name: ClassVar[str] = "random"


class QMCSettings(Settings):
    """Settings of a quasi-random sequence that fills the space evenly.

    Args:
        qmc_type: The sequence, `sobol` or `halton`.
        scramble: Randomize it by the study's seed.
    """

    name: ClassVar[str] = "qmc"
    qmc_type: Annotated[str, Field(pattern="^(sobol|halton)$")] = "sobol"
    scramble: bool = True


class CMAESSettings(Settings):
    """Settings of CMA-ES: a normal distribution over the numeric parameters that every trial has.

    Choices, and parameters that depend on others, are sampled by TPE instead.

    Args:
        n_startup_trials: Trials drawn otherwise before the adaptation begins.
        popsize: Trials a generation; None takes the method's own rule.
    """

    name: ClassVar[str] = "cmaes"
    n_startup_trials: NotNegative = 1
    popsize: Annotated[int, Field(ge=2)] | None = None


class GPSettings(Settings):
    """Settings of a Gaussian process, which learns from completed trials only.

    Args:
        n_startup_trials: Completed trials before the process takes over.
    """

    name: ClassVar[str] = "gp"
    n_startup_trials: NotNegative = 10


class SuccessiveHalvingSettings(Settings):
    """Settings of successive halving: the best 1/reduction_factor at a rung go on.

    Args:
        min_trials: A rung judges only once this many trials have reached it.
        reduction_factor: Also the ratio of neighbouring rungs; None takes it from them.
    """

    name: ClassVar[str] = "successive_halving"
    min_trials: Count = 4
    reduction_factor: Annotated[int, Field(ge=2)] | None = None


class HyperbandSettings(SuccessiveHalvingSettings):
    """Settings of Hyperband: brackets of successive halving that begin at different rungs."""

    name: ClassVar[str] = "hyperband"


class MedianSettings(Settings):
    """Settings of the median rule: what is worse than the median at a rung stops.

    Args:
        n_startup_trials: Completed trials before anything is stopped.
        n_warmup_kimg: Rungs before this one do not judge.
        n_min_trials: Completed trials with a score at the rung before it judges.
    """

    name: ClassVar[str] = "median"
    n_startup_trials: NotNegative = 5
    n_warmup_kimg: NotNegative = 0
    n_min_trials: Count = 1


class PercentileSettings(MedianSettings):
    """Settings of the percentile rule: what is outside the best `percentile` per cent stops.

    Args:
        percentile: Share that goes on, in per cent.
    """

    name: ClassVar[str] = "percentile"
    percentile: Annotated[float, Field(gt=0, le=100)] = 25.0


class PatientSettings(Settings):
    """Settings of patience: a trial stops after rungs without improvement, if a pruner agrees.

    Args:
        patience: Rungs without improvement that are forgiven.
        min_delta: Improvements of at most this much in FID do not count.
        wrapped: The pruner that must agree, e.g. `{name: median}`; None stops without asking.
    """

    name: ClassVar[str] = "patient"
    patience: NotNegative = 0
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    wrapped: Settings | None = None


class NoPrunerSettings(Settings):
    """Settings of no pruning: every trial trains to the last rung."""

    name: ClassVar[str] = "none"


SAMPLER_SETTINGS: dict[str, type[Settings]] = {
    kind.name: kind
    for kind in (TPESettings, RandomSettings, QMCSettings, CMAESSettings, GPSettings)
}
PRUNER_SETTINGS: dict[str, type[Settings]] = {
    kind.name: kind
    for kind in (
        SuccessiveHalvingSettings,
        HyperbandSettings,
        MedianSettings,
        PercentileSettings,
        PatientSettings,
        NoPrunerSettings,
    )
}


def reduction_factor(settings: SuccessiveHalvingSettings, rungs_kimg: tuple[int, ...]) -> int:
    """Return the factor between neighbouring rungs, which is also the share that is cut.

    Raises:
        ValueError: If the rungs are not the first one times powers of one factor of at least 2.
    """
    first, *rest = rungs_kimg
    eta = settings.reduction_factor
    if eta is None:
        eta = max(2, rest[0] // first) if rest else DEFAULT_REDUCTION_FACTOR
    expected = [first * eta**rung for rung in range(len(rungs_kimg))]
    if list(rungs_kimg) != expected:
        raise ValueError(
            f"budget.rungs_kimg must be the first rung times powers of {eta}, the reduction "
            f"factor of pruner {settings.name}; received {list(rungs_kimg)}. "
            f"Use rungs_kimg: {expected}, another reduction_factor or pruner: {{name: median}}."
        )
    return eta


def parse_settings(
    record: Any, kinds: Mapping[str, type[Settings]], *, where: str, faults: list[str]
) -> Settings | None:
    """Return the settings that `{name: ..., option: ...}` asks for; faults are appended.

    Args:
        record: What stands in YAML.
        kinds: `SAMPLER_SETTINGS` or `PRUNER_SETTINGS`.
        where: Place in the file, for messages.
        faults: Gets one sentence for each fault; then the result is None.
    """
    names = ", ".join(kinds)
    if not isinstance(record, Mapping) or "name" not in record:
        faults.append(
            f"{where} must be a mapping with a name; received {record!r}. "
            f"Use {where}: {{name: {next(iter(kinds))}}}."
        )
        return None
    options = {key: value for key, value in record.items() if key != "name"}
    kind = kinds.get(record["name"]) if isinstance(record["name"], str) else None
    if kind is None:
        suggestion = near_miss(str(record["name"]), kinds)
        faults.append(
            f"{where}.name must be one of {names}; received {record['name']!r}.{suggestion}"
        )
        return None
    if kind is PatientSettings and options.get("wrapped") is not None:
        others = {name: other for name, other in kinds.items() if other is not kind}
        inner = parse_settings(options["wrapped"], others, where=f"{where}.wrapped", faults=faults)
        options["wrapped"] = inner
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        faults.extend(pydantic_faults(error, kind, where=where))
        return None


def settings_to_dict(settings: Settings) -> dict[str, Any]:
    """Return the YAML form, defaults spelled out, so that it stays true if they change."""
    record: dict[str, Any] = {"name": settings.name} if settings.name else {}
    for key in type(settings).model_fields:
        value = getattr(settings, key)
        if isinstance(value, Settings):
            record[key] = settings_to_dict(value)
        elif value is not None:
            record[key] = list(value) if isinstance(value, tuple) else value
    return record

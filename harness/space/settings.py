"""Settings of a search beside its parameters: budget, sampler, pruner, protocol.

Nothing here imports Optuna: reading a search space must stay quick. `samplers.py` and
`pruners.py` turn these settings into Optuna's objects.
"""

import itertools
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
# Strict models want tuples; YAML has lists only.
Rungs = Annotated[tuple[Annotated[int, Field(ge=1, strict=True)], ...], Field(strict=False)]
DEFAULT_REDUCTION_FACTOR = 4


class Settings(BaseModel):
    """Settings of one part of a search: frozen, without unknown keys or guessed types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Budget(Settings):
    """The length of a trial, and where trials are compared.

    Args:
        rungs_kimg: Where a trial is scored and compared, in thousands of real images shown to the
            discriminator; the last one is where a trial is complete.
        max_relative_cost: A trial ends at its first rung as pruned, reason `over_budget`, where
            processors worked more than so many times as long on its kimg as on those of the
            study's trials in the median; None allows any cost. What else the machine does has
            no part in it.
    """

    rungs_kimg: Rungs
    max_relative_cost: Annotated[float, Field(gt=1)] | None = None

    @field_validator("rungs_kimg")
    @classmethod
    def _check_order(cls, rungs: tuple[int, ...]) -> tuple[int, ...]:
        if not rungs:
            raise ValueError("must have at least one rung; received []")
        if any(late <= early for early, late in itertools.pairwise(rungs)):
            raise ValueError(f"must rise from rung to rung; received {list(rungs)}")
        return rungs


class FinishSettings(Settings):
    """The end of a study: its leaders trained on, each from its checkpoint.

    Args:
        leaders: How many of the best trials.
        kimg: How far each is trained beyond where it stands; None for as far as the last rung.
        rungs: How often it is scored on the way; the best generator is kept.
        decay: Over which last share of the way both learning rates fall linearly to 0.
    """

    leaders: Count = 2
    kimg: Count | None = None
    rungs: Count = 8
    decay: Annotated[float, Field(ge=0, le=1)] = 0.0


class ProtocolSettings(Settings):
    """The way trials are scored.

    Args:
        metric: What trials are ranked by: `fid`, or `kid`, which is unbiased and so fit for data
            sets too small for FID.
        extractor: Key of `EXTRACTORS`, or the folder of one.
        num_images: How many generated images each score compares.
        first_images: How many the score at the first rung compares, where fewer tell who goes on;
            None for num_images. Such a score ranks behind all others.
    """

    metric: Literal["fid", "kid"] = "fid"
    extractor: Annotated[str, Field(min_length=1)] = "panel"
    num_images: Annotated[int, Field(ge=2)] = 10_000
    first_images: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _check_first(self) -> Self:
        if self.first_images is not None and self.first_images > self.num_images:
            raise ValueError(
                f"first_images must be at most num_images, {self.num_images}; received "
                f"{self.first_images}. Leave it out to compare as many at every rung"
            )
        return self


class TPESettings(Settings):
    """Settings of TPE: tree-structured Parzen estimators learn from good and bad trials.

    Args:
        n_startup_trials: Trials of a quasi-random sequence before the estimators take over.
        n_ei_candidates: Candidates compared for each proposal.
        multivariate: Model parameters jointly.
        group: Model the parameters of each family jointly, apart from the others'.
    """

    name: Literal["tpe"] = "tpe"
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

    name: Literal["random"] = "random"


class QMCSettings(Settings):
    """Settings of a quasi-random sequence that fills the space evenly.

    Args:
        qmc_type: The sequence, `sobol` or `halton`.
        scramble: Randomize it by the study's seed.
    """

    name: Literal["qmc"] = "qmc"
    qmc_type: Literal["sobol", "halton"] = "sobol"
    scramble: bool = True


class CMAESSettings(Settings):
    """Settings of CMA-ES: a normal distribution over the numeric parameters that every trial has.

    Choices, and parameters that depend on others, are sampled by TPE instead.

    Args:
        n_startup_trials: Trials drawn otherwise before the adaptation begins.
        popsize: Trials a generation; None takes the method's own rule.
    """

    name: Literal["cmaes"] = "cmaes"
    n_startup_trials: NotNegative = 1
    popsize: Annotated[int, Field(ge=2)] | None = None


class GPSettings(Settings):
    """Settings of a Gaussian process, which learns from completed trials only.

    Args:
        n_startup_trials: Completed trials before the process takes over.
    """

    name: Literal["gp"] = "gp"
    n_startup_trials: NotNegative = 10


class SuccessiveHalvingSettings(Settings):
    """Settings of successive halving: the best 1/reduction_factor at a rung go on.

    Args:
        min_trials: A rung judges only once this many trials have reached it.
        reduction_factor: Also the ratio of neighboring rungs; None takes it from them.
    """

    name: Literal["successive_halving"] = "successive_halving"
    min_trials: Count = 4
    reduction_factor: Annotated[int, Field(ge=2)] | None = None


class HyperbandSettings(SuccessiveHalvingSettings):
    """Settings of Hyperband: brackets of successive halving that begin at different rungs."""

    name: Literal["hyperband"] = "hyperband"  # type: ignore[assignment]


class PromotionSettings(Settings):
    """Settings of promotion: trials pause at rungs, and the best 1/reduction_factor go on.

    A trial that pauses keeps its checkpoint as long as it may still be promoted. GP, which learns
    from completed trials only, has few of them here.

    Args:
        reduction_factor: One of so many that reached a rung goes on; None takes the ratio of the
            first two rungs.

    References:
        Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, arXiv 1810.05934.
    """

    name: Literal["promotion"] = "promotion"
    reduction_factor: Annotated[int, Field(ge=2)] | None = None


class MedianSettings(Settings):
    """Settings of the median rule: what is worse than the median at a rung stops.

    Args:
        n_startup_trials: Completed trials before anything is stopped.
        n_warmup_kimg: Rungs before this one do not judge.
        n_min_trials: Completed trials with a score at the rung before it judges.
    """

    name: Literal["median"] = "median"
    n_startup_trials: NotNegative = 5
    n_warmup_kimg: NotNegative = 0
    n_min_trials: Count = 1


class PercentileSettings(MedianSettings):
    """Settings of the percentile rule: what is outside the best `percentile` per cent stops.

    Args:
        percentile: Share that goes on, in per cent.
    """

    name: Literal["percentile"] = "percentile"  # type: ignore[assignment]
    percentile: Annotated[float, Field(gt=0, le=100)] = 25.0


class NoPrunerSettings(Settings):
    """Settings of no pruning: every trial trains to the last rung."""

    name: Literal["none"] = "none"


OtherPruners = (
    SuccessiveHalvingSettings
    | HyperbandSettings
    | MedianSettings
    | PercentileSettings
    | NoPrunerSettings
)


class PatientSettings(Settings):
    """Settings of patience: a trial stops after rungs without improvement, if a pruner agrees.

    Args:
        patience: Rungs without improvement that are forgiven.
        min_delta: Improvements of at most this much in FID do not count.
        wrapped: The pruner that must agree, e.g. `{name: median}`; None stops without asking.
    """

    name: Literal["patient"] = "patient"
    patience: NotNegative = 0
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    wrapped: OtherPruners | None = Field(default=None, discriminator="name")


SamplerSettings = TPESettings | RandomSettings | QMCSettings | CMAESSettings | GPSettings
PrunerSettings = OtherPruners | PromotionSettings | PatientSettings


def _by_name(kinds: Any) -> dict[str, type[Settings]]:
    return {kind.model_fields["name"].default: kind for kind in get_args(kinds)}


SAMPLER_SETTINGS = _by_name(SamplerSettings)
PRUNER_SETTINGS = _by_name(PrunerSettings)


def promoted_share(settings: PromotionSettings, rungs_kimg: tuple[int, ...]) -> int:
    """Return of how many trials at a rung one is promoted."""
    if settings.reduction_factor is not None or len(rungs_kimg) < 2:
        return settings.reduction_factor or DEFAULT_REDUCTION_FACTOR
    return max(2, rungs_kimg[1] // rungs_kimg[0])


def reduction_factor(settings: SuccessiveHalvingSettings, rungs_kimg: tuple[int, ...]) -> int:
    """Return the factor between neighboring rungs, which is also the share that is cut.

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
            f"needs budget.rungs_kimg to be the first rung times powers of {eta}, the reduction "
            f"factor of {settings.name}; received {list(rungs_kimg)}. "
            f"Use rungs_kimg: {expected}, another reduction_factor or pruner: {{name: median}}."
        )
    return eta

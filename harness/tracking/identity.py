"""Which training a tracker hears of, and how much it records of it."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from harness.core.errors import ConfigError
from harness.core.option_values import RequestedMode, check_choices

_FORBIDDEN = "/\\#?%:"


def run_id(study_id: str, trial: str) -> str:
    """Return the id of a W&B run, the same at every resumption and on every machine."""
    # W&B forbids / \ # ? % : and blanks in ids.
    return re.sub(r"[^A-Za-z0-9_.-]", "-", f"{study_id}-{trial}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialIdentity:
    """The training that events are about.

    Args:
        study: Name of the study; W&B's group.
        study_id: UUID of the study, so that two studies of one name never share a W&B run.
        trial: Name of the trial within the study, e.g. `0007` or `baseline-mlp_cgan`.
        folder: The trial's folder; paths within events are relative to it.
        config: The trial's configuration, nested by section, ready for JSON.
        wandb_root: Folder in which W&B's folder `wandb` lies: the study's.
        tags: Labels to filter by: family, sampler, baseline.
        job_type: `trial`, `baseline`, `train`, `confirm`, `export` or `study`.
    """

    study: str
    study_id: str
    trial: str
    folder: Path
    config: dict[str, Any]
    wandb_root: Path
    tags: tuple[str, ...] = ()
    job_type: str = "trial"

    @property
    def run_id(self) -> str:
        """Return the id of its W&B run."""
        return run_id(self.study_id, self.trial)

    @property
    def wandb_folder(self) -> Path:
        """Return W&B's own folder."""
        return self.wandb_root / "wandb"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackerOptions:
    """How much a tracker records, and where to.

    Args:
        images: Whether sample grids go to W&B.
        wandb_mode: `auto` follows `WANDB_MODE` and the settings of W&B, and without credentials
            stays offline.
        project: W&B project; None takes `WANDB_PROJECT`, or else the harness's own name.
        entity: W&B account or team; None takes `WANDB_ENTITY`, or else the account's default.
        histograms: Whether weights and gradient norms are described at rungs.
        image_megabytes: What all sample grids of a study's W&B runs may take on disk, in 10^6
            bytes; later ones stay in the trainings' folders alone.

    Raises:
        ConfigError: If W&B knows no such mode, project or entity names.
    """

    images: bool = True
    wandb_mode: RequestedMode = "auto"
    project: str | None = None
    entity: str | None = None
    histograms: bool = False
    image_megabytes: float = 200.0

    def __post_init__(self) -> None:
        check_choices(self)
        for option, name in (("--wandb-project", self.project), ("--wandb-entity", self.entity)):
            if name is not None and (not name.strip() or set(name) & set(_FORBIDDEN)):
                raise ConfigError(
                    f"{option}: expected a name without any of {' '.join(_FORBIDDEN)}; received "
                    f"{name!r}."
                )

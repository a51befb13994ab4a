"""A FID-driven sweep harness for Keras GANs."""

import importlib
from typing import TYPE_CHECKING, Any

from harness.core.process import quiet_imports, settle_variables
from harness.core.version import __version__ as __version__

if TYPE_CHECKING:
    from harness.api import ConfirmationResult as ConfirmationResult
    from harness.api import StoppedError as StoppedError
    from harness.api import StudyResult as StudyResult
    from harness.api import confirm_study as confirm_study
    from harness.api import run_study as run_study
    from harness.confirmation.confirmation_jobs import ConfirmOptions as ConfirmOptions
    from harness.core.errors import HarnessError as HarnessError
    from harness.data.datasets import load_dataset as load_dataset
    from harness.exporting.bundle import export_bundle as export_bundle
    from harness.exporting.exported_generator import ExportedGenerator as ExportedGenerator
    from harness.gan.config.config import GANConfig as GANConfig
    from harness.gan.presets import load_preset as load_preset
    from harness.gan.sampling import Sampler as Sampler
    from harness.gan.trainer import Trainer as Trainer
    from harness.metrics.evaluator import Evaluator as Evaluator
    from harness.runner.sweep_options import SweepOptions as SweepOptions
    from harness.space.space import SearchSpace as SearchSpace

_HOMES = {
    "ConfirmOptions": "harness.confirmation.confirmation_jobs",
    "ConfirmationResult": "harness.api",
    "Evaluator": "harness.metrics.evaluator",
    "ExportedGenerator": "harness.exporting.exported_generator",
    "GANConfig": "harness.gan.config.config",
    "HarnessError": "harness.core.errors",
    "Sampler": "harness.gan.sampling",
    "SearchSpace": "harness.space.space",
    "StoppedError": "harness.api",
    "StudyResult": "harness.api",
    "SweepOptions": "harness.runner.sweep_options",
    "Trainer": "harness.gan.trainer",
    "confirm_study": "harness.api",
    "export_bundle": "harness.exporting.bundle",
    "load_dataset": "harness.data.datasets",
    "load_preset": "harness.gan.presets",
    "run_study": "harness.api",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name when it is asked for: `--help` must not wait for TensorFlow."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with quiet_imports():
        return getattr(importlib.import_module(_HOMES[name]), name)


settle_variables()

"""Describe what a sweep would search, try and take, without making a study."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness.backends.devices import available_cores
from harness.core.errors import HarnessError
from harness.core.nested import flatten
from harness.data.image_dataset import ImageDataset
from harness.diagnosis.cost import PlannedSweep, context_for, predict_sweep
from harness.gan.config.choices import plain_name
from harness.gan.config.config import GANConfig
from harness.gan.networks.discriminators import build_discriminator
from harness.gan.networks.generators import build_generator
from harness.gan.user_code.contract import register_user_functions
from harness.optimization.samplers import first_configs
from harness.runner.sweep_options import SweepOptions
from harness.space.enqueue import load_enqueued
from harness.space.parameters import Choices, Fixed, Variant
from harness.space.space import SearchSpace

CALIBRATION_SECONDS = 10.0
"""How long the families train, all together, to tell what a sweep takes."""


def preview(space: SearchSpace, options: SweepOptions) -> Iterator[str]:
    """Yield lines that say what a sweep would do; nothing of it is kept.

    Args:
        space: What it would search.
        options: How it would run.

    Raises:
        HarnessError: If a worker of that sweep could not begin.
    """
    yield f"Search space {space.name} on {space.dataset}"
    yield from parameter_lines(space)
    # Before any network is built: only then does TensorFlow take the number of threads.
    context = context_for(
        space, data_dir=options.data_dir, threads=options.threads, weights=options.weights
    )
    dataset, protocol = context.dataset, context.evaluator.protocol
    space.check_labels(labelled=dataset.num_classes > 0)
    register_user_functions(space.user_functions(), dataset.image_shape, dataset.num_classes)
    yield f"Scores: {protocol.name} against {protocol.reference}"
    yield ""
    yield "The first three trials of a new study"
    queued = load_enqueued(options.enqueue, space.parameters) if options.enqueue else []
    queued += space.start_params
    configs = first_configs(space, seed=options.seed or 0, queued=queued)
    yield from configuration_lines(space, configs, dataset)
    yield ""
    yield "Calibrating: a network of each family trains for a moment ..."
    workers = options.workers or available_cores()  # a cluster is not looked for
    cores = None if options.gpus else available_cores()
    planned = PlannedSweep(space, options.trials, workers, cores)
    for finding in predict_sweep(
        planned, context, options.studies_dir, seconds=CALIBRATION_SECONDS
    ):
        yield f"  {finding.name}: {finding.message}"
    yield "No trial was trained, and nothing was written."


def parameter_lines(space: SearchSpace) -> list[str]:
    """Return a line for each variant of each parameter: name, what it can be, and when."""
    rows = [
        (parameter.name, _variant_text(variant), _condition_text(variant))
        for parameter in space.parameters
        for variant in parameter.variants
    ]
    names, kinds = (max(len(row[i]) for row in rows) for i in (0, 1))
    lines = [f"  {name:{names}}  {kind:{kinds}}  {when}" for name, kind, when in rows]
    return [line.rstrip() for line in lines]


def configuration_lines(
    space: SearchSpace, configs: Sequence[GANConfig], dataset: ImageDataset
) -> Iterator[str]:
    """Yield lines that show configurations: what is searched of them, and their networks' sizes.

    Args:
        space: Where they come from.
        configs: The configurations.
        dataset: What they would be trained on.
    """
    for number, config in enumerate(configs):
        values = dict(flatten(config.model_dump()))
        yield f"  {number:04d}  {_sizes_text(config, dataset)}"
        for parameter in space.parameters:
            if not isinstance(parameter.applying(values), Fixed):
                yield f"        {parameter.name}: {_value_text(values[parameter.name])}"


def _sizes_text(config: GANConfig, dataset: ImageDataset) -> str:
    try:
        counts = [
            build(config, dataset.image_shape, dataset.num_classes).count_params()
            for build in (build_generator, build_discriminator)
        ]
    except HarnessError as error:  # such a trial ends as crashed, and others go on
        return f"{config.family}: cannot be built: {error}"
    return f"{config.family}: generator {counts[0]:,}, discriminator {counts[1]:,} parameters"


def _variant_text(variant: Variant) -> str:
    if isinstance(variant, Fixed):
        return f"always {_value_text(variant.value)}"
    if isinstance(variant, Choices):
        return f"one of {', '.join(map(_value_text, variant.choices))}"
    text = f"{_value_text(variant.low)} to {_value_text(variant.high)}"
    if variant.step is not None:
        text += f" in steps of {_value_text(variant.step)}"
    return f"{text}, logarithmic" if variant.log else text


def _condition_text(variant: Variant) -> str:
    conditions = (
        f"{field} is {' or '.join(map(_value_text, accepted))}"
        for field, accepted in variant.when.items()
    )
    return f"when {' and '.join(conditions)}" if variant.when else ""


def _value_text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value_text, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else plain_name(str(value))

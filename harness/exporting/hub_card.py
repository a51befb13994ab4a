"""Write what the Hugging Face Hub reads of a bundle: the head of its README, in YAML.

With it the folder is a repository of the Hub as it lies, of a model, and where it holds the
explorer of a static Space, too.
"""

import dataclasses
from collections import defaultdict
from typing import Any

from harness.core.score import Protocol, Score
from harness.core.yaml_file import dump_yaml
from harness.data.request import DatasetRequest
from harness.exporting.contents import BundleContents
from harness.exporting.explorer_files import SPACE_PAGE

TASK = "unconditional-image-generation"
"""The Hub's name for generators that take no text; it has none for those that take a class."""
_ON_THE_HUB = {
    "fashion_mnist": ("zalando-datasets/fashion_mnist", "mit"),
    "mnist": ("ylecun/mnist", "cc-by-sa-3.0"),
    "cifar10": ("uoft-cs/cifar10", "unknown"),
}
"""Name and licence of a data set there, by its name here; other images are the user's own."""


def hub_head(contents: BundleContents) -> str:
    """Return the head of a bundle's README, between its lines of three dashes.

    Args:
        contents: What is known of the generator.
    """
    source = DatasetRequest.parse(contents.record.dataset).source
    dataset, licence = _ON_THE_HUB.get(source, (None, "unknown"))
    formats = {proof.format for proof in contents.proofs}
    head: dict[str, Any] = {
        **({"library_name": "keras"} if "keras" in formats else {}),
        "pipeline_tag": TASK,
        "license": licence,
        **({"datasets": [dataset]} if dataset else {}),
        "tags": ["gan", *(["class-conditional"] if contents.class_names else []), "image"],
        **(
            {"title": contents.title, "sdk": "static", "app_file": SPACE_PAGE}
            if contents.has_explorer
            else {}
        ),
        "model-index": [{"name": contents.title, "results": _results(contents, dataset)}],
    }
    return f"---\n{dump_yaml(head)}---\n"


def _results(contents: BundleContents, dataset: str | None) -> list[dict[str, Any]]:
    """Return all that was measured, by the images it was measured against."""
    by_reference: dict[str, list[dict[str, Any]]] = defaultdict(list)
    final = contents.choice.entry.outcome.score
    for score in (contents.test, final):
        for each in (score, *score.members) if score else ():
            by_reference[each.protocol.reference].append(_metric_of(each))
    for measured in contents.measured:
        quantity, protocol = measured.quantity, measured.protocol
        metric = _metric(quantity.value, quantity.interval, protocol)
        if quantity.note:
            metric["name"] += f" ({quantity.note})"
        metric["args"]["better"] = quantity.better
        by_reference[protocol.reference].append(metric)
    return [
        {
            "task": {"type": TASK, "name": "Image generation"},
            "dataset": {
                "type": dataset or contents.dataset.name,
                "name": contents.dataset.name,
                "split": reference.rpartition("/")[2],
            },
            "metrics": metrics,
        }
        for reference, metrics in by_reference.items()
    ]


def _metric_of(score: Score) -> dict[str, Any]:
    metric = _metric(score.value, score.interval, score.protocol)
    metric["args"] |= {"better": "lower", "noise_seed": score.noise_seed}
    return metric


def _metric(
    value: float, interval: tuple[float, float] | None, protocol: Protocol
) -> dict[str, Any]:
    """Return a number as the Hub has it: its arguments are its protocol, and its interval."""
    return {
        "type": protocol.metric,
        "name": protocol.name,
        "value": value,
        "args": {
            **({"interval_95": list(interval)} if interval else {}),
            "protocol": protocol.fingerprint,
            **{
                name: each
                for name, each in dataclasses.asdict(protocol).items()
                if name != "metric"
            },
        },
    }

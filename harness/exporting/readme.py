"""Write the README of an exported bundle; its five lines of code are run by a test."""

from harness.data.images import ImageDataset
from harness.score import Score
from harness.search.folders import StudyRecord
from harness.search.leaderboard import Entry


def bundle_readme(record: StudyRecord, entry: Entry, test: Score, dataset: ImageDataset) -> str:
    """Return the text: what it is, its scores, and how to load it with Keras alone.

    Args:
        record: The study.
        entry: The exported trial.
        test: Its score on the test split.
        dataset: The data it was trained on.
    """
    config = entry.config
    height, width, channels = dataset.image_shape
    scores = [("test split, never seen by the search", test)]
    if entry.outcome.final:
        scores.insert(0, ("validation split, fresh noise (final FID)", entry.outcome.final))
    if entry.outcome.best:
        scores.insert(0, ("validation split, at its best rung", entry.outcome.best))
    rows = "\n".join(
        f"| {where} | {score.protocol.name} | {score.text} | `{score.protocol.fingerprint}` |"
        for where, score in scores
    )
    return f"""# {dataset.name} generator, trial {entry.name} of study {record.name}

A generator of the family `{config.family}` for {height} x {width} x {channels} images; its \
discriminator was shown {entry.outcome.kimg:g} thousand images.

![samples](samples.png)

```python
{_code(entry, dataset)}
```

{_labels(entry, dataset)}
| measured on | metric | value (lower is better, ± 95 %) | protocol |
|---|---|---|---|
{rows}

`config.yaml` holds the configuration, `metrics.json` the scores with their protocols.
"""


def _code(entry: Entry, dataset: ImageDataset) -> str:
    latent = entry.config.generator.latent_dim
    scale = "(images + 1) * 127.5" if entry.config.generator.output == "tanh" else "images * 255"
    # By name: that is how the generator was built, and how Keras wants it back.
    inputs, count = '{"noise": noise}', 10
    names = "keras, numpy as np"
    if entry.config.conditional:
        count = dataset.num_classes
        inputs = f'{{"noise": noise, "label": np.arange({count})}}'
    return "\n".join(
        (
            f"import {names}",
            'generator = keras.saving.load_model("generator.keras")',
            f"noise = np.random.default_rng(0).standard_normal(({count}, {latent}), np.float32)",
            f"images = generator.predict({inputs}, verbose=0)",
            f"pixels = np.round({scale}).astype(np.uint8)  # {count} images, 0 to 255",
        )
    )


def _labels(entry: Entry, dataset: ImageDataset) -> str:
    if not entry.config.conditional or not dataset.class_names:
        return ""
    names = ", ".join(f"{index} {name}" for index, name in enumerate(dataset.class_names))
    return f"Labels: {names}.\n"

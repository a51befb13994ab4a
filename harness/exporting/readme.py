"""Write the README of an exported bundle; its five lines of code are run by a test."""

from harness.core.durations import format_kimg
from harness.exporting.contents import BundleContents, proof_table, score_table


def bundle_readme(contents: BundleContents) -> str:
    """Return the text: what it is, why this one, its scores, its files, and how to use them.

    Args:
        contents: What is known of the generator.
    """
    entry = contents.choice.entry
    height, width, channels = contents.dataset.image_shape
    return f"""# {contents.title}

A generator of the family `{entry.config.family}` for {height} x {width} x {channels} images; its \
discriminator was shown {format_kimg(contents.kimg)} thousand images. Why this one: \
{contents.choice.why}

![samples](samples.png)

![a walk through latent space](interpolation.gif)

## Use it

```sh
{_command(contents)}
```

draws images with whichever runtime is installed; `--help` tells the rest.
{_keras(contents)}{_labels(contents)}{_explorer(contents)}
## Scores

{score_table(contents)}

`config.yaml` holds the configuration, `metrics.json` the scores with their protocols, and \
`MODEL_CARD.md` what to use it for, its limits, and where it comes from.

## Files, each proven

{proof_table(contents)}

Each file was loaded by its own runtime in a process of its own, on a CPU, by `generate.py`, and \
drew the test split's number of images from the same noise and labels. Beside it stand the \
largest difference of the network's output from that of the trained generator, the largest of a \
pixel, and the score of the images that this file drew.

`sha256sum -c checksums.txt` checks a copy of this folder.
"""


def _command(contents: BundleContents) -> str:
    chosen = "--class 0 " if contents.class_names else ""
    return f"python generate.py {chosen}--count 16 --seed 0 --out images.png"


def _keras(contents: BundleContents) -> str:
    if not any(proof.format == "keras" for proof in contents.proofs):
        return ""
    return f"\nWith Keras alone:\n\n```python\n{_code(contents)}\n```\n"


def _code(contents: BundleContents) -> str:
    scale = "(images + 1) * 127.5" if contents.output == "tanh" else "images * 255"
    # By name: that is how the generator was built, and how Keras wants it back.
    inputs, count = '{"noise": noise}', 10
    if contents.class_names:
        count = len(contents.class_names)
        inputs = f'{{"noise": noise, "label": np.arange({count})}}'
    shape = f"({count}, {contents.latent_dim})"
    return "\n".join(
        (
            "import keras, numpy as np",
            'generator = keras.saving.load_model("generator.keras")',
            f"noise = np.random.default_rng(0).standard_normal({shape}, np.float32)",
            f"images = generator.predict({inputs}, verbose=0)",
            f"pixels = np.round({scale}).astype(np.uint8)  # {count} images, 0 to 255",
        )
    )


def _explorer(contents: BundleContents) -> str:
    if not any(proof.format == "onnx" for proof in contents.proofs):
        return ""
    return """
`explorer.html`, if it is here, draws in the browser: classes, main directions of latent space, a \
walk between two points. Browsers want it served: `gansweep explore .`, or without this \
package `python -m http.server --bind 127.0.0.1`.
"""


def _labels(contents: BundleContents) -> str:
    if not contents.class_names:
        return ""
    names = ", ".join(f"{index} {name}" for index, name in enumerate(contents.class_names))
    return f"\nLabels: {names}.\n"

"""Find a picture of one's own in latent space: what a generator draws that is most like it."""

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SEARCH_SECONDS = 60.0
"""How long a picture is looked for at most, loading left out; small networks take less."""

_STEPS = 400
_LEARNING_RATE = 0.1
_DRAWN = 2_560  # random images, of which the nearest are where the search begins
_BATCH = 256
_CANDIDATES = 40
_BEYOND = 2.0  # of the usual length of noise: it varies by 0.7, whatever its dimension


class Found(NamedTuple):
    """What a generator draws that is like a picture.

    Args:
        noise: float32, (latent_dim,).
        label: Its class; None for a generator without classes.
        pixels: What it draws from these, uint8 (height, width, channels).
        error: Root mean square of the pixels' differences from the picture, of 255 levels.
        begun: That of the best random image, from where the search went on.
        steps: How many steps of the gradient it took.
    """

    noise: Array
    label: int | None
    pixels: Array
    error: float
    begun: float
    steps: int


def project(
    model: Any,
    picture: Array,
    output: str,
    labels: Sequence[int],
    *,
    seed: int = 0,
    seconds: float = SEARCH_SECONDS,
) -> Found:
    """Find the noise, and the class, from which a generator draws what is most like a picture.

    The random images nearest to it are moved on by the gradient of the squared differences, all
    at once, and the best is taken. Noise stays as near to the origin as nearly all normal noise
    lies: farther out a generator was never trained.

    Args:
        model: Keras' model; its inputs are `noise`, (n, latent_dim), and maybe `label`, (n,). Its
            weights are frozen.
        picture: uint8, (height, width, channels), of the generator's form.
        output: Range of its images: `tanh` or `sigmoid`.
        labels: The classes to look in; without effect where there are none.
        seed: Origin of the random images.
        seconds: After so long the search is cut short, and is then not the same each time.

    References:
        Zhu et al. 2016, arXiv 1609.03552, section 3: projection onto a generator's images by
        gradient. We begin at random images where they train an encoder, and compare pixels.
    """
    import keras

    given = {each.name: each for each in model.inputs}
    latent_dim, conditional = int(given["noise"].shape[-1]), "label" in given
    low, span = (-1.0, 2.0) if output == "tanh" else (0.0, 1.0)
    wanted = picture.astype(np.float32)[None] / 255.0 * span + low
    classes = np.asarray(labels if conditional else [0], np.int32)
    began = time.monotonic()

    def inputs(noise: Any, label: Any) -> dict[str, Any]:
        return {"noise": noise, "label": label} if conditional else {"noise": noise}

    def errors(images: Array) -> Array:
        """Return the root mean square of each image's differences, of 255 levels."""
        differences = np.square(images.astype(np.float64) - wanted).mean(axis=(1, 2, 3))
        return np.asarray(np.sqrt(differences) * 255.0 / span)

    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((max(_DRAWN, len(classes)), latent_dim), np.float32)
    label = np.resize(classes, len(noise))
    drawn: list[Array] = []
    for start in range(0, len(noise), _BATCH):
        rows = slice(start, start + _BATCH)
        drawn.append(errors(model.predict_on_batch(inputs(noise[rows], label[rows]))))
        if time.monotonic() - began > seconds / 4:
            break
    distances = np.concatenate(drawn)
    starts = _nearest_of_each(distances, label[: len(distances)], len(classes))

    model.trainable = False
    number = keras.Input((), dtype="int32")
    asked = keras.Input((), dtype="int32")
    nearby = keras.constraints.MaxNorm(math.sqrt(latent_dim) + _BEYOND, axis=1)
    moved = keras.layers.Embedding(len(starts), latent_dim, embeddings_constraint=nearby)
    images = model(inputs(moved(number), asked), training=False)
    search = keras.Model([number, asked], images)
    search.compile(keras.optimizers.Adam(), keras.losses.MeanSquaredError(reduction="sum"))
    moved.set_weights([noise[starts]])
    numbers, label = np.arange(len(starts), dtype=np.int32), label[starts]
    targets = np.repeat(wanted, len(starts), axis=0)
    step = 0
    while (done := max(step / _STEPS, (time.monotonic() - began) / seconds)) < 1.0:
        search.optimizer.learning_rate = _LEARNING_RATE * (1 + math.cos(math.pi * done)) / 2
        search.train_on_batch([numbers, label], targets)
        step += 1
    images = search.predict_on_batch([numbers, label])
    reached = errors(images)
    best = int(reached.argmin())
    pixels = np.clip(np.round((images[best] - low) / span * 255.0), 0, 255).astype(np.uint8)
    return Found(
        noise=np.asarray(moved.get_weights()[0][best], np.float32),
        label=int(label[best]) if conditional else None,
        pixels=pixels,
        error=float(reached[best]),
        begun=float(distances.min()),
        steps=step,
    )


def _nearest_of_each(distances: Array, label: Array, classes: int) -> Array:
    """Return where to begin: the nearest images, of each class no more than its share."""
    left = dict.fromkeys(label.tolist(), max(1, _CANDIDATES // classes))
    chosen: list[int] = []
    for index in distances.argsort(kind="stable").tolist():
        if left[int(label[index])] and len(chosen) < _CANDIDATES:
            left[int(label[index])] -= 1
            chosen.append(index)
    return np.asarray(chosen)


def describe(found: Found, name: str) -> str:
    """Return in a line what was found.

    Args:
        found: What was found.
        name: Of its class; empty where there is none.
    """
    return (
        f"{f'class {name}, ' if name else ''}error {found.error:.1f} of 255 levels (root mean "
        f"square); {found.begun:.1f} before {found.steps} steps of the gradient"
    )

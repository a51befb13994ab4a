"""Draw with the generator as training kept it: what every exported file is held to."""

import keras
import numpy as np
from numpy.typing import NDArray

from harness.exporting.templates.generate import to_pixels
from harness.gan.sampling import output_activation

_BATCH = 250


class Original:
    """Draw with Keras in this process.

    Args:
        model: The generator; its inputs are `noise`, (n, latent_dim), and maybe `label`, (n,).
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        shapes = {tensor.name: tensor.shape for tensor in model.inputs}
        self.latent_dim = int(shapes["noise"][-1])
        self.conditional = "label" in shapes
        self.output = "tanh" if output_activation(model) == "tanh" else "sigmoid"
        """Range of the images: `tanh` for [-1, 1], `sigmoid` for [0, 1]."""

    def draw(
        self, noise: NDArray[np.float32], labels: NDArray[np.int32] | None
    ) -> NDArray[np.float32]:
        """Return what the network makes of its inputs, float32 (n, height, width, channels).

        Args:
            noise: float32, (n, latent_dim), n at least 1.
            labels: int32, (n,); ignored by an unconditional generator.
        """
        batches = []
        for start in range(0, len(noise), _BATCH):
            rows = slice(start, start + _BATCH)
            inputs = {"noise": noise[rows]}
            if self.conditional and labels is not None:
                inputs["label"] = labels[rows].astype(np.int32)
            batches.append(np.asarray(self.model(inputs, training=False)))
        return np.concatenate(batches)

    def pixels(
        self, noise: NDArray[np.float32], labels: NDArray[np.int32] | None
    ) -> NDArray[np.uint8]:
        """Return the same as uint8, 0 to 255."""
        pixels: NDArray[np.uint8] = to_pixels(self.draw(noise, labels), self.output)
        return pixels

"""Begin trainings one after another in a process; those of one structure compile once."""

import collections
from typing import Any

import tensorflow as tf

from harness.gan.config.config import GANConfig
from harness.gan.trainer import Trainer
from harness.gan.updates.live_values import structure

KEPT = 4
"""So many compiled trainings are kept, the last ones that were asked for."""


class Trainers:
    """Trainings of one data set, of which one is in use at a time.

    Args:
        images: uint8 (n, height, width, channels).
        labels: int32 (n,), or None for an unlabelled data set.
        num_classes: Number of classes; 0 for an unlabelled data set.
    """

    def __init__(self, images: Any, labels: Any, num_classes: int) -> None:
        with tf.device("CPU:0"):
            self._images = tf.convert_to_tensor(images, tf.uint8)
        self._labels = labels
        self._num_classes = num_classes
        self._kept: collections.OrderedDict[Any, Trainer] = collections.OrderedDict()

    def begin(self, config: GANConfig) -> Trainer:
        """Return a training at its start. What was returned before must no longer be used.

        Raises:
            ConfigError: As `Trainer` does.
        """
        key = structure(config)
        trainer = self._kept.pop(key, None)
        if trainer is None:
            trainer = Trainer(config, self._images, self._labels, self._num_classes)
        else:
            trainer.begin_anew(config)
        self._kept[key] = trainer
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return trainer

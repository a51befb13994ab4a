"""Generators, discriminators and the layers that they are built from.

May import core and `gan.config`. `build_generator` and `build_discriminator` make functional Keras
models; `fast_convolutions` gives their twins for training. Whatever in `gan` uses TensorFlow
imports this room first.
"""

import warnings

import keras
import tensorflow as tf

from harness.core.process import settle_keras


def _compile_sums_as_they_stand() -> None:
    """Turn Grappler's memory optimizer off in this process, before TensorFlow is used.

    TensorFlow says that a CPU has 256 MB. Where a graph's tensors take most of that, the optimizer
    lets sums of three and more gather in temporary variables, in whatever order they come; in a
    branch inside a loop, such as a lazy penalty's, one of them is made again before it is gone,
    and the training dies with AlreadyExistsError. Nothing else is lost: the optimizer does no more
    by default, and the memory is there. `tf.config.optimizer` has no option for it.
    """
    options = tf.compat.v1.ConfigProto()
    rewriting = options.graph_options.rewrite_options
    rewriting.memory_optimization = rewriting.NO_MEM_OPT
    # Options are taken where eager execution is turned on, so it is turned off and on again.
    tf.compat.v1.disable_eager_execution()
    tf.compat.v1.reset_default_graph()  # one that is there, though unused, keeps eager mode off
    try:
        tf.compat.v1.enable_eager_execution(options)
    except (ValueError, AttributeError):
        # It has been used, and keeps its options. TensorFlow 2.21 errs in the text of its error.
        tf.compat.v1.disable_eager_execution()
        tf.compat.v1.reset_default_graph()
        tf.compat.v1.enable_eager_execution()
        warnings.warn(
            "TensorFlow was used in this process before harness.gan was imported: large sums may "
            "be rewritten so that trainings do not repeat bit for bit. Import harness.gan.trainer "
            "first.",
            stacklevel=2,
        )


_compile_sums_as_they_stand()
settle_keras(keras)

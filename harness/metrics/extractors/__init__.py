"""Networks through which metrics see images: shipped, trained on one's own labels, Inception.

May import core, data and the cache of metrics. `load_extractor` returns an `Extractor` by name or
folder; its name and the hash of its weights are part of every protocol. A trial's images pass at
each rung.
"""

import keras

from harness.core.process import settle_keras

settle_keras(keras)

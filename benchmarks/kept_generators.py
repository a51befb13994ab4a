"""Train generators from bad to good and keep them: `python -m benchmarks.kept_generators`.

Two groups: the recipes of recipes.yaml, up to a thousand kimg, and configurations that are spread
evenly over the default space, to its first rungs. The averaged generator of each is kept at every
mark, with what it cost. Give the same command again to go on where it was stopped; what is there
is not trained again.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

from harness.core.files import read_json, replacing, write_json

RECIPES = Path(__file__).with_name("recipes.yaml")
SAMPLED_MARKS = (5, 25)
SAMPLED = 12
SEED = 0


def recipes():
    """Return what to train, by name: a configuration and its marks in kimg."""
    from harness.core.yaml_file import read_yaml
    from harness.gan.config.config import GANConfig

    return {
        name: (GANConfig.model_validate({**entry["config"], "conditional": True}), entry["marks"])
        for name, entry in read_yaml(RECIPES).items()
    }


def sampled(count, space="default"):
    """Return configurations spread evenly over a search space, by name."""
    from harness.optimization.samplers import first_configs
    from harness.space.settings import QMCSettings
    from harness.space.space import SearchSpace

    space = SearchSpace.load(space)
    evenly = space.model_copy(update={"sampler": QMCSettings()})
    configs = first_configs(evenly, seed=SEED, count=count)
    return {f"sampled-{i:02d}": config for i, config in enumerate(configs)}


def train(name, config, marks, folder, dataset):
    """Train a configuration to each mark in kimg, keep what is there; return the costs so far.

    Args:
        name: What its files begin with.
        config: The GANConfig.
        marks: Thousands of images, rising.
        folder: Receives `NAME-MARK.keras`, the state to go on from, and `NAME.json`.
        dataset: Its training split is learned.
    """
    from harness.gan.trainer import Trainer

    record_file, state_file = folder / f"{name}.json", folder / f"{name}.state.npz"
    record = read_json(record_file) if record_file.exists() else {"name": name, "marks": {}}
    if all(str(mark) in record["marks"] for mark in marks):
        return record
    split = dataset.train
    started = time.process_time()
    trainer = Trainer(config, split.images, split.labels, dataset.num_classes)
    if state_file.exists():
        with np.load(state_file) as state:
            trainer.load_state(dict(state))
    before = trainer.state()
    trainer.advance(1)  # compiles
    compiling = time.process_time() - started
    trainer.load_state(before)
    for mark in marks:
        if str(mark) in record["marks"]:
            continue
        started = time.process_time()
        progress = trainer.advance(max(1, round((mark - trainer.kimg) / trainer.kimg_per_step)))
        if not progress.finite:
            break
        trainer.ema_generator.save(folder / f"{name}-{mark:04d}.keras")
        record |= {"family": config.family, "config": config.model_dump(mode="json")}
        record["marks"][str(mark)] = {
            "train_seconds": round(time.process_time() - started, 1),
            "compile_seconds": round(compiling, 1),
        }
        with replacing(state_file) as temporary, temporary.open("wb") as file:
            np.savez(file, **trainer.state())
        write_json(record_file, record)
        print(f"{name} {mark} kimg: {record['marks'][str(mark)]}", flush=True)
        compiling = 0.0
    return record


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("studies/generators"))
    out = parser.parse_args().out
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    import tensorflow as tf

    import harness.gan.trainer  # noqa: F401  (before TensorFlow is used)

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from harness.data.datasets import load_dataset

    dataset = load_dataset("fashion_mnist")
    out.mkdir(parents=True, exist_ok=True)
    tasks = [(name, *task) for name, task in recipes().items()]
    tasks += [(name, config, SAMPLED_MARKS) for name, config in sampled(SAMPLED).items()]
    for name, config, marks in tasks:
        import keras

        keras.backend.clear_session()
        train(name, config, marks, out, dataset)


if __name__ == "__main__":
    main()

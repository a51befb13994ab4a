"""Measure what a first rung costs beside its training: `python -m benchmarks.trial_cost`.

Configurations of the default space go from hand-out to their first verdict, in this process and by
one thread; each a second time, when what it needs is compiled. The training alone is what the same
number of steps takes then. All of it is processor time.
"""

import argparse
import tempfile
import time
from pathlib import Path

FIRST_RUNGS = (5, 25)


def measure(config, context):
    """Return seconds from hand-out to verdict, of another one once it is compiled, of training."""
    from harness.core.events import Answer, RungScored
    from harness.training.job import TrainingJob
    from harness.training.loop import run_job
    from harness.training.training_folder import TrainingFolder

    def answer(event):
        return Answer.PAUSE if isinstance(event, RungScored) else Answer.GO_ON

    seconds = []
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="trial-cost-") as folder:
            job = TrainingJob(
                config=config,
                folder=TrainingFolder(Path(folder)),
                rungs_kimg=FIRST_RUNGS,
                seed=0,
                name="0000",
                first_images=2500,
            )
            began = time.process_time()
            run_job(job, context, answer)
            seconds.append(time.process_time() - began)
    trainer = context.trainers.begin(config)
    began = time.process_time()
    trainer.advance(round(FIRST_RUNGS[0] / trainer.kimg_per_step))
    return *seconds, time.process_time() - began


def main():
    """Measure so many configurations and print a row each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configurations", type=int, default=6)
    count = parser.parse_args().configurations
    import harness.gan.trainer  # noqa: F401  (before TensorFlow is used)
    from harness.optimization.samplers import first_configs
    from harness.space.space import SearchSpace
    from harness.training.context import prepare_context
    from harness.training.job import WorkerSetup

    context = prepare_context(WorkerSetup(threads=1))
    for config in first_configs(SearchSpace.load("default"), seed=0, count=count):
        first, again, training = measure(config, context)
        print(
            f"{config.family}: {first:.1f} s, {first / training:.2f} times its training of "
            f"{training:.1f} s; once it is compiled {again:.1f} s, {again / training:.2f} times",
            flush=True,
        )


if __name__ == "__main__":
    main()

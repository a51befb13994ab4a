"""Train two hundred networks in one worker, and look whether it keeps anything of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EARLY, LATE = 20, 200

SERVE = """
import itertools, json, os, sys
from pathlib import Path
from harness.backends.backend import EventMessage, JobEnded, JobFailed, WorkerSetup
from harness.backends.worker import serve
from harness.core.events import Answer
from harness.gan.config.config import build_config
from harness.training.job import TrainingJob
from harness.training.training_folder import TrainingFolder

folder, trials = Path(sys.argv[1]), int(sys.argv[2])

def config(number):
    fields = {"generator.name": "mlp", "generator.latent_dim": 8, "generator.embedding_dim": 4,
              "generator.depth": 1, "discriminator.name": "mlp", "discriminator.widths": [16]}
    if number % 4 == 3:
        fields |= {"generator.name": "dcgan", "discriminator.name": "conv",
                   "discriminator.widths": [8], "discriminator.width": 8}
    fields |= {"generator.width": 8 + 4 * (number % 3), "batch_size": 64}
    return build_config(fields, seed=number)

def jobs():
    for number in range(trials):
        place = TrainingFolder(folder / f"{number:04d}")
        place.path.mkdir(parents=True)
        yield TrainingJob(config(number), place, (0.2, 0.4), seed=0, name=f"{number:04d}")
    raise EOFError  # the runner is gone

waiting, answers = jobs(), []

def send(message):
    if isinstance(message, JobFailed):
        raise RuntimeError(message.detail)
    if isinstance(message, EventMessage):
        answers.append(Answer.GO_ON)
    if isinstance(message, JobEnded):
        descriptors = len(os.listdir("/proc/self/fd"))
        print(json.dumps([message.memory_megabytes, descriptors]), flush=True)

serve(WorkerSetup(extractor="fashion_cnn", num_images=200, threads=1), send=send,
      receive=lambda: answers.pop() if answers else next(waiting))
"""


def lives(folder: Path, trials: int) -> list[tuple[float, int]]:
    """Return a worker's memory in MiB and its descriptors after each of its trials."""
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(folder), str(trials)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
    assert len(found) == trials
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in Linux's /proc")
def test_a_worker_keeps_nothing_of_two_hundred_trials(tmp_path: Path):
    found = lives(tmp_path, LATE)
    early, late = found[EARLY - 1], found[LATE - 1]
    assert late[0] == pytest.approx(early[0], rel=0.1)
    assert late[1] <= early[1]

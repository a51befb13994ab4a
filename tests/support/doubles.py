"""Stand in for workers: sessions that say what trainings would, and train nothing.

Everything else is real: the runner asks, is told, prunes and writes as in any sweep. Time inside
the sessions is simulated; workers speak in its order, one after the other.
"""

import contextlib
import dataclasses
import heapq
import math
import random
import time
import zlib

from harness.backends.backend import EventMessage, JobEnded, WorkerReady
from harness.core.events import Answer, Finished, Progressed, RungScored, Started
from harness.core.files import write_bytes
from harness.core.outcome import Outcome, Reason
from harness.core.score import Protocol, Score
from harness.training.checkpoint import load_checkpoint, save_checkpoint

PROTOCOL = Protocol(
    metric="fid",
    extractor="fashion_cnn",
    extractor_sha256="0" * 64,
    num_images=10_000,
    reference="stand-in/validation",
    reference_sha256="0" * 64,
)
SECONDS_PER_KIMG = {"mlp": 0.2, "upsample": 1.0, "dcgan": 1.2}
# Where each family's learning rates of G and D are best, as decimal logarithms, and how good.
BEST = {"mlp": (-3.3, -3.2, 9.0), "upsample": (-2.7, -2.6, 6.0), "dcgan": (-2.8, -2.5, 7.0)}


class StandInEngine:
    """Run sessions that only pretend, inside this process.

    Args:
        seed: Origin of their luck.
    """

    def __init__(self, seed=0):
        self.clock = Clock()
        self.seed = seed
        self._queue = []

    def start_worker(self, slot):
        worker = StandInWorker(self, slot)
        self.speak_at(0.0, worker)
        return worker

    def wait(self, workers, timeout_seconds):
        """Return the one worker that has something to say next."""
        with self.clock.pretending():
            self.now, _, worker = heapq.heappop(self._queue)
            return [worker]

    def never_ready(self, died):
        return "Stand-ins are always ready."

    def close(self):
        pass

    def speak_at(self, moment, worker):
        heapq.heappush(self._queue, (moment, worker.slot, worker))

    now = 0.0
    """Seconds that have passed for the sessions."""


class StandInWorker:
    """Send what a training would send, and note how long each answer takes.

    Args:
        backend: Orders who speaks.
        slot: Its number.
    """

    def __init__(self, backend, slot):
        self.slot = slot
        self._backend = backend
        self._messages = iter([WorkerReady(PROTOCOL)])
        self._session = None
        self._next = None
        self._spoken = None

    def train(self, job):
        clock = self._backend.clock
        clock.note("ask")
        with clock.pretending():
            self._session = pretend(job, random.Random(f"{self._backend.seed} {job.name}"))
            self._advance(None)

    def answer(self, answer):
        clock = self._backend.clock
        clock.note(self._spoken)
        with clock.pretending():
            self._advance(answer)

    def receive(self):
        clock = self._backend.clock
        with clock.pretending():
            if self._session is None:
                return WorkerReady(PROTOCOL)
            message, self._next = self._next, None
            if isinstance(message, JobEnded):
                self._session = None
                self._spoken = "ask"
            else:
                self._spoken = KINDS[type(message.event)]
        clock.begin()
        return message

    def stop(self, *, at_once=False):
        pass

    def _advance(self, answer):
        """Let the training go on to the next thing it says."""
        try:
            seconds, event = self._session.send(answer)
            self._next = EventMessage(event)
        except StopIteration:
            seconds, self._next = 0.0, JobEnded(500.0)
        self._backend.speak_at(self._backend.now + seconds, self)


KINDS = {Started: "start", Progressed: "progress", RungScored: "report", Finished: "tell"}


class Clock:
    """Time what the runner does between two calls into the engine, apart from the pretending.

    Attributes:
        waits: What was waited for, and the seconds by the clock and of the processor.
        begun: How many trials have begun.
        pretended: Seconds by the clock and of the processor that the sessions themselves took.
        heard: Called after each wait.
    """

    def __init__(self):
        self.waits = []
        self.begun = 0
        self.pretended = (0.0, 0.0)
        self.heard = None
        self.begin()

    def begin(self):
        """Begin to time an answer: a worker has just said something."""
        self._began = now()

    def note(self, kind):
        """Note how long a worker waited since it, or another, last spoke."""
        self.begun += kind == "ask"
        self.waits.append((kind, *minus(now(), self._began)))
        if self.heard is not None:
            self.heard()
        self.begin()

    @contextlib.contextmanager
    def pretending(self):
        """Keep the time of a block out of the runner's."""
        entered = now()
        yield
        spent = minus(now(), entered)
        self.pretended = plus(self.pretended, spent)
        self._began = plus(self._began, spent)


def now():
    """Return the time by the clock, and of the processor that this process has had."""
    return time.perf_counter(), time.process_time()


def minus(late, early):
    """Return what has passed between two times."""
    return late[0] - early[0], late[1] - early[1]


def plus(time, passed):
    """Return a time so much later."""
    return time[0] + passed[0], time[1] + passed[1]


def pretend(job, luck):
    """Yield seconds and what a training says after them; receives the answers."""
    config = job.config
    pace = SECONDS_PER_KIMG[config.family] * luck.uniform(0.9, 1.3)
    checkpoint = job.folder.checkpoint_file
    saved = load_checkpoint(checkpoint)[1]["kimg"] if checkpoint.exists() else 0.0
    yield 0.0, Started(saved, 100_000, 100_000)
    ending = _Ending(job, luck)
    best, seconds = None, 0.0
    before = 0.0
    for rung, kimg in enumerate(job.rungs_kimg):
        if ending.kimg < kimg:
            seconds += pace * (ending.kimg - before)
            outcome = Outcome(Reason.DIVERGED, "a loss is not finite", ending.kimg, seconds, best)
            yield pace * (ending.kimg - before), Finished(outcome)
            return
        seconds += pace * (kimg - before)
        half = (before + kimg) / 2
        said = Progressed(half, 0.7, 1.3, 0.6, 0.4, 1000 / pace, seconds)
        if kimg > saved:
            yield pace * (kimg - before) / 2, said
        score = invented_score(config, kimg, luck)
        if kimg <= saved:
            best = score if best is None or score.value < best.value else best
            before = kimg
            continue
        grid = job.folder.grid_file(kimg)
        write_bytes(grid, b"a grid")
        if best is None or score.value < best.value:
            best = score
            write_bytes(job.folder.generator_file, b"a generator")
            write_bytes(job.folder.discriminator_file, b"a discriminator")
        name = grid.relative_to(job.folder.path).as_posix()
        standing = Outcome(Reason.UNFINISHED, "", kimg, seconds, best)
        job.folder.write_standing(standing)
        answer = yield (
            pace * (kimg - before) / 2,
            RungScored(kimg, rung, score, best, name, seconds),
        )
        if answer is Answer.STOP:
            yield 0.0, Finished(Outcome(Reason.OUTRANKED, "", kimg, seconds, best))
            return
        if answer is Answer.PAUSE:
            save_stand_in(job, kimg)
            return
        before = kimg
    save_stand_in(job, job.rungs_kimg[-1])
    final = dataclasses.replace(best, value=best.value * luck.uniform(0.99, 1.03))
    yield 5.0, Finished(Outcome(Reason.FINISHED, "", kimg, seconds, best, final))


def save_stand_in(job, kimg):
    """Write a checkpoint of no variables."""
    meta = {"config": job.config.model_dump(mode="json"), "kimg": kimg}
    save_checkpoint(job.folder.checkpoint_file, {}, meta)


class _Ending:
    """Say where a training diverges, if it does: the more likely, the larger its steps."""

    def __init__(self, job, luck):
        best_g = BEST[job.config.family][0]
        excess = max(0.0, math.log10(job.config.generator.learning_rate) - best_g - 0.3)
        diverges = luck.random() < 0.02 + 0.5 * excess
        self.kimg = luck.uniform(1.0, job.rungs_kimg[-1]) if diverges else math.inf


def invented_score(config, kimg, luck):
    """Return an invented FID: best at certain learning rates, lower with more training."""
    best_g, best_d, floor = BEST[config.family]
    off_g = math.log10(config.generator.learning_rate) - best_g
    off_d = math.log10(config.discriminator.learning_rate) - best_d
    off_ema = math.log2(config.ema.half_life_kimg) - 1.0
    penalty = 4 * off_g**2 + 3 * off_d**2 + 0.1 * off_ema**2
    penalty += 0.15 * (config.regularizer.name == "none") + 0.1 * (config.loss.name == "hinge")
    # The luck of a training, the same at all its rungs, and that of each of its scores.
    own = (zlib.crc32(repr(config.seed).encode()) / 2**32 - 0.5) * 0.3
    value = floor * (1 + penalty + own) * (1 + 3 * (5 / kimg) ** 0.7)
    return Score(value * math.exp(luck.gauss(0, 0.03)), kimg, 0, PROTOCOL)

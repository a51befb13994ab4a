"""Train one GAN from its configuration to its outcome: advance, score at rungs, save, tell.

The session knows no search: it says what happens as events and obeys the answers. It is the same
for `train`, a sweep's worker and whatever else trains a GAN.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path

import keras

from harness.data.images import ImageDataset
from harness.errors import ConfigError, StorageError
from harness.events import Answer, Event, Finished, Progressed, RungScored, Started
from harness.files import replacing, write_bytes
from harness.gan.sampling import Sampler
from harness.gan.trainer import Progress, Trainer
from harness.metrics.evaluator import Evaluator
from harness.outcome import Outcome, Reason
from harness.score import Score, require_comparable
from harness.seeds import derive_seed
from harness.training.checkpoint import load_checkpoint, save_checkpoint
from harness.training.grid import draw_grid, grid_labels, png_bytes
from harness.training.job import TrainingJob
from harness.training.sampling import sample_for

CHUNK_SECONDS = 2.0
"""How long one compiled call trains: long enough to cost nothing, short enough to stop soon."""

_PROBE_STEPS = 4
"""Steps of the calls that are made before the speed is known."""


class _Paused(Exception):  # noqa: N818 - not an error: the training goes on another time
    pass


class _Ended(Exception):  # noqa: N818 - not an error: the training has its outcome
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Session:
    """Run one training job; a new object goes on from the checkpoint an earlier one left.

    Args:
        job: What to train.
        dataset: Its `train` split is all the networks see.
        evaluator: What scores the rungs.
        emit: Called with each event; its answer is obeyed.
    """

    def __init__(
        self,
        job: TrainingJob,
        dataset: ImageDataset,
        *,
        evaluator: Evaluator,
        emit: Callable[[Event], Answer],
    ) -> None:
        self._job = job
        self._dataset = dataset
        self._evaluator = evaluator
        self._emit = emit
        self._trainer = Trainer(
            job.config, dataset.train.images, dataset.train.labels, dataset.num_classes
        )
        self._sampler = Sampler(self._trainer.ema_generator)
        self._best: Score | None = None
        self._scored_kimg = 0.0
        self._seconds_before = 0.0
        self._began = time.monotonic()
        self._speed = _Speed()

    def run(self) -> Outcome | None:
        """Train to the end and return the outcome; None when an answer paused the training.

        Raises:
            StorageError: If the folder cannot be written, and the training can go on later; or
                if its checkpoint is not one of this training.
            ProtocolMismatchError: If what it scored before an interruption was measured
                otherwise.
        """
        self._restore()
        try:
            self._say(
                Started(
                    kimg=self._trainer.kimg,
                    generator_parameters=self._trainer.generator.count_params(),
                    discriminator_parameters=self._trainer.discriminator.count_params(),
                )
            )
            for rung, rung_kimg in enumerate(self._job.rungs_kimg):
                if rung_kimg > self._scored_kimg:
                    out_of_time = self._train_to(rung_kimg)
                    self._score_rung(rung, self._trainer.kimg if out_of_time else rung_kimg)
                    if out_of_time:
                        break
            outcome = self._complete()
        except _Ended as end:
            outcome = self._outcome(end.reason, end.detail)
        except _Paused:
            self._save()
            return None
        self._emit(Finished(outcome))
        return outcome

    def _say(self, event: Event) -> Answer:
        answer = self._emit(event)
        if answer is Answer.PAUSE and not isinstance(event, RungScored):
            raise _Paused
        return answer

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._began

    def _out_of_time(self) -> bool:
        limit = self._job.stop_after_seconds
        return limit is not None and self._seconds() >= limit

    def _train_to(self, rung_kimg: float) -> bool:
        """Train up to a rung; return whether the time ran out before it."""
        kimg_per_step = self._trainer.kimg_per_step
        while self._trainer.kimg < rung_kimg:
            left = math.ceil((rung_kimg - self._trainer.kimg) / kimg_per_step - 1e-9)
            began = time.monotonic()
            progress = self._trainer.advance(min(left, self._speed.steps_per_chunk()))
            self._speed.note(progress.steps, time.monotonic() - began)
            self._check(progress, kimg_per_step)
            self._say(self._progressed(progress, kimg_per_step))
            if self._out_of_time():
                return True
        return False

    def _progressed(self, progress: Progress, kimg_per_step: float) -> Progressed:
        return Progressed(
            kimg=progress.kimg,
            generator_loss=progress.generator_loss,
            discriminator_loss=progress.discriminator_loss,
            accuracy_real=progress.accuracy_real,
            accuracy_fake=progress.accuracy_fake,
            images_per_second=1000 * kimg_per_step / self._speed.last_seconds_per_step,
            duration_seconds=self._seconds(),
        )

    def _check(self, progress: Progress, kimg_per_step: float) -> None:
        """End a training that diverged or costs too much."""
        if not progress.finite:
            raise _Ended(
                Reason.DIVERGED,
                f"loss not finite at {progress.kimg:.2f} kimg "
                f"(generator {progress.generator_loss:g}, "
                f"discriminator {progress.discriminator_loss:g})",
            )
        limit = self._job.max_seconds_per_kimg
        if limit is None or not self._speed.proven:
            return
        cost = self._speed.seconds_per_step / kimg_per_step
        if cost > limit and not self._scored_kimg:
            raise _Ended(
                Reason.OVER_BUDGET, f"{cost:.3f} seconds per kimg; the limit is {limit:g}"
            )

    def _score_rung(self, rung: int, kimg: float) -> None:
        seed = derive_seed(self._job.seed, "rung noise")
        score = self._score(self._sampler, seed)
        if self._best is None or score.value < self._best.value:
            self._best = score
            _save_model(self._trainer.ema_generator, self._job.folder.generator_file)
            _save_model(self._trainer.discriminator, self._job.folder.discriminator_file)
        grid = self._job.folder.grid_file(kimg)
        write_bytes(grid, self._draw_grid())
        answer = self._say(
            RungScored(
                kimg=kimg,
                rung=rung,
                score=score,
                best=self._best,
                grid=grid.relative_to(self._job.folder.path).as_posix(),
                duration_seconds=self._seconds(),
            )
        )
        self._scored_kimg = kimg
        if answer is Answer.STOP:
            raise _Ended(
                Reason.OUTRANKED,
                f"{self._best.protocol.name} {self._best.value:.3f} at {kimg:g} kimg",
            )
        if answer is Answer.PAUSE:
            raise _Paused
        self._save()

    def _score(self, sampler: Sampler, noise_seed: int) -> Score:
        images = sample_for(self._evaluator, sampler, noise_seed=noise_seed)
        return self._evaluator.score(images, kimg=self._trainer.kimg, noise_seed=noise_seed)

    def _draw_grid(self) -> bytes:
        conditional = self._job.config.conditional
        images = self._sampler.sample(
            noise_seed=derive_seed(self._job.seed, "grid noise"),
            labels=grid_labels(self._dataset, conditional),
        )
        return png_bytes(draw_grid(images))

    def _complete(self) -> Outcome:
        """Score the kept generator once more with other noise: the final score."""
        kept = keras.saving.load_model(self._job.folder.generator_file, compile=False)
        seed = derive_seed(self._job.seed, self._job.name, "final noise")
        final = self._score(Sampler(kept), seed)
        if self._best is not None:
            final = dataclasses.replace(final, kimg=self._best.kimg)
        detail = f"{final.protocol.name} {final.value:.3f}"
        return dataclasses.replace(self._outcome(Reason.FINISHED, detail), final=final)

    def _outcome(self, reason: Reason, detail: str) -> Outcome:
        return Outcome(
            reason=reason,
            detail=detail,
            kimg=self._trainer.kimg,
            duration_seconds=self._seconds(),
            best=self._best,
        )

    def _save(self) -> None:
        meta = {
            "config": self._job.config.model_dump(mode="json"),
            "kimg": self._trainer.kimg,
            "scored_kimg": self._scored_kimg,
            "seconds": self._seconds(),
            "best": self._best.to_dict() if self._best else None,
        }
        save_checkpoint(self._job.folder.checkpoint_file, self._trainer.state(), meta)

    def _restore(self) -> None:
        path = self._job.folder.checkpoint_file
        if not path.exists():
            return
        state, meta = load_checkpoint(path)
        if meta.get("config") != self._job.config.model_dump(mode="json"):
            raise StorageError(
                f"{path}: belongs to another configuration than {self._job.folder.config_file}. "
                f"Remove the checkpoint to begin anew, or choose another folder."
            )
        try:
            best = Score.from_dict(meta["best"]) if meta["best"] else None
            self._scored_kimg = float(meta["scored_kimg"])
            self._seconds_before = float(meta["seconds"])
            self._trainer.load_state(state)
        except (ConfigError, KeyError, TypeError, ValueError) as error:
            raise StorageError(
                f"{path}: expected the state of this training; {error}. Remove the checkpoint to "
                f"begin anew."
            ) from error
        if best is not None:
            now = dataclasses.replace(best, protocol=self._evaluator.protocol)
            require_comparable([best, now])
        self._best = best


class _Speed:
    """Measure seconds per step, leaving out the first call, which compiles."""

    def __init__(self) -> None:
        self._calls = 0
        self._steps = 0
        self._seconds = 0.0
        self.last_seconds_per_step = 0.0

    def note(self, steps: int, seconds: float) -> None:
        self._calls += 1
        self.last_seconds_per_step = seconds / max(steps, 1)
        if self._calls > 1:
            self._steps += steps
            self._seconds += seconds

    @property
    def seconds_per_step(self) -> float:
        return self._seconds / max(self._steps, 1)

    @property
    def proven(self) -> bool:
        """Return whether enough was timed to judge the cost of a training by it."""
        return self._seconds >= CHUNK_SECONDS / 2

    def steps_per_chunk(self) -> int:
        if self._calls == 0:
            return 1
        if self._calls == 1:
            return _PROBE_STEPS
        return max(1, round(CHUNK_SECONDS / max(self.last_seconds_per_step, 1e-6)))


def _save_model(model: keras.Model, path: Path) -> None:
    with replacing(path) as temporary:
        model.save(temporary)

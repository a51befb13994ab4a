"""Train one GAN from its configuration to its outcome: advance, score at rungs, save.

The loop knows no search: it emits what happens as events and obeys the answers. It is the same
for `train`, a sweep's worker and whatever else trains a GAN.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path

import keras

from harness.core.events import Answer, Event, Finished, Progressed, RungScored, Started
from harness.core.files import replacing, write_bytes
from harness.core.outcome import Outcome, Reason
from harness.core.score import require_same_protocol
from harness.core.seeds import derive_seed
from harness.gan.sampling import Sampler, load_generator
from harness.gan.trainer import Progress
from harness.training.calibration import Estimate, measure
from harness.training.call_lengths import CadenceSchedule, Speed
from harness.training.context import TrainingContext
from harness.training.generator_scoring import sample_for, with_test_score
from harness.training.grid import draw_grid, grid_labels, png_bytes
from harness.training.health import Ending
from harness.training.histograms import inspect
from harness.training.job import TrainingJob
from harness.training.resume import Position, restore, save


class _Paused(Exception):  # noqa: N818 - not an error: the training goes on another time
    pass


class _Ended(Exception):  # noqa: N818 - not an error: the training has its outcome
    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.detail)
        self.ending = ending


class TrainingLoop:
    """One job on its way to its outcome; goes on from the checkpoint an earlier one left.

    Args:
        job: What to train.
        context: The data set, and what scores the rungs and the end.
        emit: Called with each event; its answer is obeyed.
        on_estimate: Called with what the training will take, before it begins; None saves the
            seconds that measuring it takes.
    """

    def __init__(
        self,
        job: TrainingJob,
        context: TrainingContext,
        *,
        emit: Callable[[Event], Answer],
        on_estimate: Callable[[Estimate], None] | None = None,
    ) -> None:
        self._job = job
        self._context = context
        self._evaluator = context.evaluator
        few = job.first_images if len(job.rungs_kimg) > 1 else None
        self._first_evaluator = context.evaluator.with_images(few)
        self._emit = emit
        self._on_estimate = on_estimate
        self._trainer = context.trainers.begin(job.config)
        self._cadence = CadenceSchedule(
            job.monitor,
            images_per_step=round(1000 * self._trainer.kimg_per_step),
            images=len(context.dataset.train),
        )
        self._sampler = self._trainer.sampler
        self._position = Position.at_start(job)
        self._seconds_before = 0.0
        self._began = self._saved = time.monotonic()
        # What ends by the clock cannot repeat exactly, and a fixed chunk may take many minutes.
        fixed = job.deterministic and job.stop_after_seconds is None
        self._speed = Speed(fixed_chunks=fixed)

    def run(self) -> Outcome | None:
        """Train to the end and return the outcome; None when an answer paused the training.

        Raises:
            StorageError: If the folder cannot be written, and the training can go on later; or
                if its checkpoint is another training's.
            ProtocolMismatchError: If what it scored before an interruption was measured
                otherwise.
        """
        self._job.folder.remove_leftovers()
        note = self._restore()
        try:
            self._emit_event(
                Started(
                    kimg=self._trainer.kimg,
                    generator_parameters=self._trainer.generator.count_params(),
                    discriminator_parameters=self._trainer.discriminator.count_params(),
                    note=note,
                )
            )
            if self._on_estimate is not None:
                self._on_estimate(self._estimate())
            for rung, rung_kimg in enumerate(self._job.rungs_kimg):
                if rung_kimg > self._position.scored_kimg:
                    out_of_time = self._train_to(rung_kimg)
                    self._score_rung(rung, self._trainer.kimg if out_of_time else rung_kimg)
                    if out_of_time:
                        break
            outcome = self._complete()
        except _Ended as end:
            outcome = self._outcome(end.ending)
        except _Paused:
            self._save()
            return None
        self._emit(Finished(outcome))
        return outcome

    def _emit_event(self, event: Event) -> Answer:
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
            before = self._trainer.kimg
            left = math.ceil((rung_kimg - before) / kimg_per_step - 1e-9)
            began, worked = time.monotonic(), time.process_time()
            steps = min(left, self._speed.steps_of_next_call(self._trainer.step))
            steps = self._cadence.steps_until_next(self._trainer.step, most=steps)
            progress = self._trainer.advance(steps)
            self._speed.note(
                progress.steps, time.monotonic() - began, time.process_time() - worked
            )
            ending = self._position.health.judge_progress(progress, kimg_before=before)
            self._end_if_judged(ending)
            _end_if(self._judge_time())
            self._show_sample()
            self._emit_event(self._progressed(progress, kimg_per_step))
            if self._out_of_time():
                return True
            if time.monotonic() - self._saved >= self._job.checkpoint_seconds:
                self._save()
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

    def _show_sample(self) -> None:
        """Save a grid where one is due after the last call."""
        due = self._cadence.sample_due(self._trainer.step)
        if due is not None:
            write_bytes(self._job.folder.sample_file(*due), self._draw_grid())

    def _estimate(self) -> Estimate:
        trainer, rungs = self._trainer, self._job.rungs_kimg
        last = round(rungs[-1] / trainer.kimg_per_step)
        return Estimate(
            costs=measure(trainer, self._sampler, self._evaluator),
            kimg=max(0.0, rungs[-1] - trainer.kimg),
            scores=sum(rung > self._position.scored_kimg for rung in rungs) + 1,
            grids=self._cadence.samples_between(trainer.step, last),
        )

    def _end_if_judged(self, ending: Ending | None) -> None:
        """End as the health of the training says; one trained for its own sake only diverges."""
        if self._job.ends_early or (ending is not None and ending.reason is Reason.DIVERGED):
            _end_if(ending)

    def _judge_time(self) -> Ending | None:
        timeout = self._job.timeout_seconds
        if timeout is None or self._seconds() < timeout:
            return None
        return Ending(
            Reason.TIMED_OUT,
            f"{self._seconds():.0f} seconds at {self._trainer.kimg:.2f} kimg; the limit is "
            f"{timeout:g}",
        )

    def _score_rung(self, rung: int, kimg: float) -> None:
        seed = derive_seed(self._job.seed, "rung noise")
        # What goes on from another training's checkpoint has its first score behind it.
        is_first = self._position.best is None and not rung
        evaluator = self._first_evaluator if is_first else self._evaluator
        images = sample_for(evaluator, self._sampler, noise_seed=seed)
        score = evaluator.score(images, kimg=self._trainer.kimg, noise_seed=seed)
        best = self._position.best
        # What fewer images said at the first rung compares with no later score.
        if best is None or best.protocol != score.protocol or score.value < best.value:
            best = self._position.best = score
            _save_model(self._trainer.ema_generator, self._job.folder.generator_file)
            _save_model(self._trainer.discriminator, self._job.folder.discriminator_file)
        self._job.folder.write_standing(self._outcome(Ending(Reason.UNFINISHED, "")))
        per_step = self._speed.processor_seconds_per_step
        grid = self._job.folder.grid_file(kimg)
        write_bytes(grid, self._draw_grid())
        answer = self._emit_event(
            RungScored(
                kimg=kimg,
                rung=rung,
                score=score,
                best=best,
                grid=grid.relative_to(self._job.folder.path).as_posix(),
                duration_seconds=self._seconds(),
                processor_seconds_per_kimg=per_step and per_step / self._trainer.kimg_per_step,
                inspection=inspect(self._trainer) if self._job.inspects else None,
            )
        )
        self._position.scored_kimg = kimg
        ending = self._position.health.judge_rung(self._evaluator.diversity(images), kimg=kimg)
        self._end_if_judged(ending)
        if answer is Answer.STOP:
            detail = f"{best.protocol.name} {best.value:.3f} at {kimg:g} kimg"
            raise _Ended(Ending(Reason.OUTRANKED, detail))
        if answer is Answer.TOO_COSTLY:
            raise _Ended(Ending(Reason.OVER_BUDGET, f"at {kimg:g} kimg"))
        if answer is Answer.PAUSE:
            raise _Paused
        self._save()

    def _draw_grid(self) -> bytes:
        conditional = self._job.config.conditional
        images = self._sampler.sample(
            noise_seed=derive_seed(self._job.seed, "grid noise"),
            labels=grid_labels(self._context.dataset, conditional),
        )
        return png_bytes(draw_grid(images))

    def _complete(self) -> Outcome:
        """Score the kept generator once more with other noise: the final score."""
        kept = load_generator(self._job.folder.generator_file)
        seed = derive_seed(self._job.seed, self._job.name, "final noise")
        images = sample_for(self._evaluator, Sampler(kept), noise_seed=seed)
        final = self._evaluator.score(images, kimg=self._trainer.kimg, noise_seed=seed)
        if self._position.best is not None:
            final = dataclasses.replace(final, kimg=self._position.best.kimg)
        ending = Ending(Reason.FINISHED, f"{final.protocol.name} {final.value:.3f}")
        outcome = dataclasses.replace(
            self._outcome(ending), final=final, warnings=self._evaluator.pixel_warnings(images)
        )
        test = self._context.test_evaluator
        return outcome if test is None else with_test_score(outcome, self._job, test)

    def _outcome(self, ending: Ending) -> Outcome:
        return Outcome(
            reason=ending.reason,
            detail=ending.detail,
            kimg=self._trainer.kimg,
            duration_seconds=self._seconds(),
            best=self._position.best,
            allowed_seconds=self._job.stop_after_seconds,
        )

    def _save(self) -> None:
        self._position.seconds = self._seconds()
        save(self._job, self._trainer, self._position)
        self._saved = time.monotonic()

    def _restore(self) -> str:
        """Go on from the newest sound checkpoint; return what there is to say about others."""
        self._position, note = restore(self._job, self._trainer)
        self._seconds_before = self._position.seconds
        best = self._position.best
        if best is not None and best.protocol != self._first_evaluator.protocol:
            require_same_protocol([best.protocol, self._evaluator.protocol])
        return note


def run_job(
    job: TrainingJob,
    context: TrainingContext,
    emit: Callable[[Event], Answer],
    *,
    on_estimate: Callable[[Estimate], None] | None = None,
) -> Outcome | None:
    """Train one job and forget its models; None when an answer paused it.

    Where generators are scored on the test split, a job that has ended already is only scored.

    Args:
        job: What to train.
        context: From `prepare_context`.
        emit: Called with each event.
        on_estimate: Called with what it will take, before it begins.
    """
    try:
        if context.test_evaluator is not None:
            ended = job.folder.read_outcome()
            if ended is not None:
                outcome = with_test_score(ended, job, context.test_evaluator)
                emit(Finished(outcome))
                return outcome
        return TrainingLoop(job, context, emit=emit, on_estimate=on_estimate).run()
    finally:
        # Keras keeps a global record of what was built; without this it grows by the trial. It
        # collects what is no longer used.
        keras.backend.clear_session()


def _end_if(ending: Ending | None) -> None:
    if ending is not None:
        raise _Ended(ending)


def _save_model(model: keras.Model, path: Path) -> None:
    with replacing(path) as temporary:
        model.save(temporary)

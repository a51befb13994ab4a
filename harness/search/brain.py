"""Run a study: hand trials to workers, answer their events, keep the order of truth.

The brain is one process and the only one that talks to Optuna. Whatever ends a trial is written
to the trial's `outcome.json` first, then told to Optuna, then to the trackers; an interruption
between these is mended by replay when the study is opened again.
"""

import contextlib
import dataclasses
import signal
import threading
import typing
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import optuna

from harness.errors import HarnessError
from harness.events import Answer, Event, Finished, Progressed, RungScored
from harness.gan.config import GANConfig
from harness.gan.presets import PRESETS, load_preset
from harness.outcome import Outcome, Reason
from harness.score import Protocol, Score
from harness.search import objective
from harness.search.leaderboard import BASELINE_PREFIX
from harness.search.pruners import pruner_for
from harness.search.space import SearchSpace, load_enqueued
from harness.search.study import Study
from harness.search.workers import (
    Broke,
    Died,
    Left,
    Message,
    Ready,
    Refused,
    Said,
    Worker,
    WorkerSetup,
    wait,
)
from harness.tracking.tracker import Tracker, TrackerOptions, TrialIdentity, open_tracker
from harness.training.folder import TrainingFolder
from harness.training.job import TrainingJob

_MOST_DEATHS = 3
"""A trial whose worker died this often is the cause of it, and ends as crashed."""


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    """Say how to run a study; none of it changes what its numbers mean.

    Args:
        name: Name of the study.
        studies_dir: The folder of all studies.
        trials: How many trials the study shall have in total.
        workers: How many train at once.
        threads: TensorFlow threads of each.
        seed: Origin of every random stream; None for the stored one, or 0 in a new study.
        data_dir: Where to look for the data first.
        baseline_seconds: Train every preset for so long beside the search; None for none.
        enqueue: A YAML of configurations to try first.
        tracker: Key of `TRACKERS`.
        tracker_options: How much it records.
        max_worker_megabytes: A worker that grew beyond is replaced after its trial.
    """

    name: str
    studies_dir: Path = Path("studies")
    trials: int = 50
    workers: int = 1
    threads: int = 0
    seed: int | None = None
    data_dir: Path | None = None
    baseline_seconds: float | None = None
    enqueue: Path | None = None
    tracker: str = "wandb"
    tracker_options: TrackerOptions = dataclasses.field(default_factory=TrackerOptions)
    max_worker_megabytes: float = 2500.0


@dataclasses.dataclass
class _Flight:
    """Follow one training from the brain's side while a worker runs it."""

    job: TrainingJob
    tags: tuple[str, ...]
    tracker: Tracker
    trial: optuna.Trial | None
    deaths: int = 0
    last: Progressed | RungScored | None = None
    best: Score | None = None


class Listener(typing.Protocol):
    """Follow a sweep from outside, e.g. to display it."""

    def opened(self, ended: int) -> None:
        """Learn that the study is open and how many of its trials have ended already."""

    def hear(self, name: str, config: GANConfig, event: Event) -> None:
        """Learn of an event of the training of that name."""


class Brain:
    """Run one study until it has its trials, or until it is told to stop.

    Args:
        space: What is searched.
        options: How to run.
    """

    def __init__(self, space: SearchSpace, options: SweepOptions) -> None:
        self._space = space
        self.options = options
        self._setup = WorkerSetup(
            dataset=space.dataset,
            data_dir=options.data_dir,
            extractor=space.protocol.extractor,
            num_images=space.protocol.num_images,
            threads=options.threads,
        )
        self._enqueued = load_enqueued(options.enqueue, space) if options.enqueue else []
        self._workers: dict[Worker, _Flight | None] = {}
        self._waiting: list[_Flight] = []
        self._baselines: list[str] = []
        self._asked = 0
        self._stops = 0
        self.stop_signal: int | None = None

    def run(self, listener: Listener) -> bool:
        """Run the study; return whether it ended, False if it was stopped before.

        Args:
            listener: Hears every event.

        Raises:
            HarnessError: If the study cannot be opened or its folder not be written.
        """
        self._listener = listener
        with self._stopping_on_signals():
            self._run()
        return not self._stops

    def _run(self) -> None:
        try:
            protocol = self._start_workers()
            if protocol is None:
                return
            self._study = Study(
                self.options.studies_dir,
                self.options.name,
                space=self._space,
                seed=self.options.seed,
                protocol=protocol,
            )
            try:
                self._resume()
                self._loop()
            finally:
                self._study.close()
        finally:
            for worker in self._workers:
                worker.stop(at_once=True)

    @property
    def folder(self) -> Path:
        """Return the study's folder."""
        return self.options.studies_dir / self.options.name

    @contextlib.contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        """Turn Ctrl-C and SIGTERM into a stop in good order; a second one stops at once."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may take signals
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.stop_signal = number
        self._stops += 1
        if self._stops > 1:  # asked twice: do not even wait for checkpoints
            raise KeyboardInterrupt

    # Starting and resuming

    def _start_workers(self) -> Protocol | None:
        """Start all workers and wait for the first to be ready; None if stopped meanwhile."""
        for _ in range(self.options.workers):
            self._workers[Worker(self._setup)] = None
        self._ready: set[Worker] = set()
        protocol = None
        while protocol is None and not self._stops:
            for worker in wait(list(self._workers), 0.5):
                message = worker.receive()
                if isinstance(message, Refused):
                    raise message.error
                if isinstance(message, Died):
                    raise HarnessError(
                        f"A worker process ended with exit code {message.exit_code} before it was "
                        f"ready. Run `python -c 'import tensorflow'` to see whether TensorFlow "
                        f"works, and look at the free memory."
                    )
                if isinstance(message, Ready):
                    self._ready.add(worker)
                    protocol = message.protocol
        return protocol

    def _resume(self) -> None:
        """Replay outcomes that Optuna has not heard of, and take up interrupted trials."""
        for params in self._enqueued:
            self._study.optuna.enqueue_trial(params, skip_if_exists=True)
        for frozen in self._study.interrupted():
            trial, config = self._study.reopen(frozen)
            flight = self._trial_flight(trial, config)
            outcome = flight.job.folder.read_outcome()
            if outcome is None:
                self._waiting.append(flight)
            else:
                self._settle(flight, outcome)
        ended = self._study.count_ended()
        self._listener.opened(ended)
        self._asked = ended + len(self._waiting)
        if self.options.baseline_seconds is not None:
            self._baselines = [
                name
                for name in PRESETS
                if self._study.baseline_folder(name).read_outcome() is None
            ]

    # The loop

    def _loop(self) -> None:
        while True:
            for worker in [w for w in self._ready if self._workers[w] is None]:
                self._employ(worker)
            if not any(self._workers.values()) and (self._stops or not self._has_work()):
                return
            for worker in wait(list(self._workers), 0.5):
                self._hear(worker, worker.receive())

    def _has_work(self) -> bool:
        return bool(self._waiting or self._baselines or self._asked < self.options.trials)

    def _employ(self, worker: Worker) -> None:
        if self._stops or not self._has_work():
            return
        flight = self._next_flight()
        self._workers[worker] = flight
        worker.train(flight.job)

    def _next_flight(self) -> _Flight:
        if self._waiting:
            return self._waiting.pop(0)
        if self._asked < self.options.trials:
            self._asked += 1
            return self._trial_flight(*self._study.ask())
        return self._baseline_flight(self._baselines.pop(0))

    def _hear(self, worker: Worker, message: Message) -> None:
        flight = self._workers[worker]
        match message:
            case Ready():
                self._ready.add(worker)
            case Said(event) if flight is not None:
                worker.answer(self._answer(flight, event))
            case Broke(reason, detail) if flight is not None:
                self._end(flight, self._outcome_without_session(flight, reason, detail))
            case Left(memory_megabytes):
                self._workers[worker] = None
                if flight is not None:
                    flight.tracker.close()
                if memory_megabytes > self.options.max_worker_megabytes:
                    worker.stop()
                    self._replace(worker)
            case Refused(error):
                raise error
            case Died(exit_code):
                self._replace(worker)
                if flight is not None:
                    self._mourn(flight, exit_code)

    def _replace(self, worker: Worker) -> None:
        del self._workers[worker]
        self._ready.discard(worker)
        if not self._stops:
            self._workers[Worker(self._setup)] = None

    def _mourn(self, flight: _Flight, exit_code: int | None) -> None:
        """Give the trial of a dead worker to another one, from its last checkpoint."""
        flight.deaths += 1
        if flight.deaths < _MOST_DEATHS:
            # What the dead worker said after its checkpoint will be said again: only a tracker
            # that is opened anew takes that up without doubles.
            flight.tracker.close()
            flight.tracker = self._open_tracker(flight.job, flight.tags)
            self._waiting.insert(0, flight)
            return
        detail = f"its worker died {flight.deaths} times, last with exit code {exit_code}"
        self._end(flight, self._outcome_without_session(flight, Reason.CRASHED, detail))
        flight.tracker.close()

    # Events

    def _answer(self, flight: _Flight, event: Event) -> Answer:
        if isinstance(event, Finished):
            self._end(flight, event.outcome)
            return Answer.GO_ON
        flight.tracker.emit(event)
        self._listener.hear(flight.job.name, flight.job.config, event)
        if isinstance(event, Progressed | RungScored):
            flight.last = event
        if isinstance(event, RungScored):
            flight.best = event.best
        if isinstance(event, RungScored) and self._should_prune(flight, event):
            return Answer.STOP
        return Answer.PAUSE if self._stops else Answer.GO_ON

    def _should_prune(self, flight: _Flight, event: RungScored) -> bool:
        if flight.trial is None:
            return False
        with self._study.storage_faults():
            objective.report(flight.trial, int(event.kimg), event.best.value)
            if event.kimg >= self._space.budget.rungs_kimg[-1]:
                return False
            self._study.optuna.pruner = self._pruner
            return flight.trial.should_prune()

    def _end(self, flight: _Flight, outcome: Outcome) -> None:
        flight.job.folder.write_outcome(outcome)
        self._settle(flight, outcome)

    def _settle(self, flight: _Flight, outcome: Outcome) -> None:
        """Tell everyone after the folder of an outcome."""
        if flight.trial is not None:
            with self._study.storage_faults():
                objective.tell(self._study.optuna, flight.trial, outcome)
        flight.tracker.emit(Finished(outcome))
        flight.tracker.close()
        self._listener.hear(flight.job.name, flight.job.config, Finished(outcome))

    def _outcome_without_session(self, flight: _Flight, reason: Reason, detail: str) -> Outcome:
        last = flight.last
        return Outcome(
            reason=reason,
            detail=detail,
            kimg=last.kimg if last else 0.0,
            duration_seconds=last.duration_seconds if last else 0.0,
            best=flight.best,
        )

    # Jobs

    @property
    def _pruner(self) -> optuna.pruners.BasePruner:
        return pruner_for(self._space.pruner, self._space.budget.rungs_kimg)

    def _trial_flight(self, trial: optuna.Trial, config: GANConfig) -> _Flight:
        name = f"{trial.number:04d}"
        budget = self._space.budget
        job = TrainingJob(
            config=config,
            folder=self._study.trial_folder(trial.number),
            rungs_kimg=tuple(float(kimg) for kimg in budget.rungs_kimg),
            seed=self._study.record.seed,
            name=name,
            max_seconds_per_kimg=budget.max_seconds_per_kimg,
        )
        tags = (config.family, self._space.sampler.name)
        return _Flight(job, tags, self._open_tracker(job, tags), trial)

    def _baseline_flight(self, preset: str) -> _Flight:
        folder: TrainingFolder = self._study.baseline_folder(preset)
        config = folder.read_config() or load_preset(preset)
        folder.write_config(config)
        job = TrainingJob(
            config=config,
            folder=folder,
            rungs_kimg=tuple(float(kimg) for kimg in self._space.budget.rungs_kimg),
            seed=self._study.record.seed,
            name=f"{BASELINE_PREFIX}{preset}",
            stop_after_seconds=self.options.baseline_seconds,
        )
        tags = (config.family, "baseline")
        return _Flight(job, tags, self._open_tracker(job, tags), None)

    def _open_tracker(self, job: TrainingJob, tags: tuple[str, ...]) -> Tracker:
        config: dict[str, Any] = job.config.model_dump(mode="json")
        identity = TrialIdentity(
            study=self._study.record.name,
            study_id=self._study.record.id,
            trial=job.name,
            folder=job.folder.path,
            config=config,
            tags=tags,
            wandb_root=self._study.folder,
            job_type="baseline" if "baseline" in tags else "trial",
        )
        return open_tracker(self.options.tracker, identity, self.options.tracker_options)

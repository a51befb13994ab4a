"""Count the stations of a trial: `python -m benchmarks.stations --chain`.

Runs a study of the smoke space with a profiler in the runner's process, then one of its trials
with a profiler around what a worker does, and prints a row for each leg of a trial's way: calls
of functions of `harness/`, different functions, their files, and how often a call lies in another
file than the call before. `--chain` prints the files of each leg in order, with what is called.

The last trial is shown: the first also pays for imports.
"""

import argparse
import dataclasses
import itertools
import sys
import tempfile
from pathlib import Path

import harness
from harness.backends.backend import EventMessage
from harness.backends.worker import serve
from harness.core.events import Answer, Finished, RungScored, Started
from harness.runner.study_jobs import StudyJobs
from harness.runner.study_runner import StudyRunner
from harness.runner.sweep_options import SweepOptions
from harness.space.space import SearchSpace
from harness.training.training_folder import TrainingFolder

ROOT = f"{Path(harness.__file__).parent}/"
TRIALS = 3
HAND_OUT = "hand out a trial"
RUNG, END = "hear a rung, report, answer", "the end of a trial"
BUILD, SCORE = "worker: a job until it starts", "worker: score a rung"


class Tracer:
    """A profiler of the calls inside `harness/`, cut into legs.

    Args:
        legs: For the name of a function with which a leg begins, its label.
        last: Name of the function that ends a leg.
    """

    def __init__(self, legs=None, last=None):
        self.calls = {}
        self._legs, self._last = legs or {}, last
        self.begin()

    def __enter__(self):
        sys.setprofile(self._note)
        return self

    def __exit__(self, *error):
        sys.setprofile(None)

    def begin(self, label=None):
        """Begin a leg."""
        self._leg, self._label, self._is_open = [], label, True

    def label(self, label):
        """Say what the leg under way is."""
        self._label = label

    def end(self):
        """Keep the leg under way, if it has a label."""
        if self._label:
            self.calls[self._label] = self._leg
        self._is_open = False

    def _note(self, frame, event, argument):
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(ROOT):
            return
        if code.co_name in self._legs:
            self.begin(self._legs[code.co_name])
        if self._is_open:
            self._leg.append((code.co_filename.removeprefix(ROOT), code.co_name))
            if code.co_name == self._last:
                self.end()


@dataclasses.dataclass
class EventLabels:
    """A listener that labels the leg in which the runner hears of an event.

    Args:
        tracer: What traces it.
    """

    tracer: Tracer

    def opened(self, ended):
        pass

    def hear(self, name, config, event):
        if isinstance(event, RungScored | Finished):
            self.tracer.label(RUNG if isinstance(event, RungScored) else END)


@dataclasses.dataclass
class ScriptedRunner:
    """The runner's end of a worker's pipe: one job, and to go on after each event.

    Args:
        tracer: What traces the worker.
        job: The job.
    """

    tracer: Tracer
    job: object

    def send(self, message):
        self.message = message
        event = message.event if isinstance(message, EventMessage) else None
        if isinstance(event, Started | RungScored):
            self.tracer.label(BUILD if isinstance(event, Started) else SCORE)
        self.tracer.end()

    def receive(self):
        self.tracer.begin()
        if isinstance(self.message, EventMessage):
            return Answer.GO_ON
        if self.job is None:
            raise EOFError
        job, self.job = self.job, None
        return job


class RecordedJobs(StudyJobs):
    """The jobs of a study, of which the last one stays known."""

    def next(self):
        running = super().next()
        self.last = running.job if running else self.last
        return running

    last = None


def trace(folder):
    """Return the calls of each leg, by label."""
    options = SweepOptions("smoke", studies_dir=folder, trials=TRIALS, threads=1, tracker="jsonl")
    jobs = RecordedJobs(SearchSpace.load("smoke"), options)
    with Tracer({"_assign_jobs": HAND_OUT, "_take_in": None}, "_send") as runner:
        StudyRunner(jobs).run(EventLabels(runner))
    for name in ("first", "second"):
        job = dataclasses.replace(jobs.last, folder=TrainingFolder(folder / name), name=name)
        with Tracer() as worker:
            pipe = ScriptedRunner(worker, job)
            serve(jobs.setup, send=pipe.send, receive=pipe.receive)
    return runner.calls | worker.calls


def count(calls):
    """Return the numbers of calls, functions, files and changes of file."""
    files = [file for file, _ in calls]
    changes = sum(one != other for one, other in itertools.pairwise(files))
    return len(calls), len(set(calls)), len(set(files)), changes


def print_chain(calls):
    """Print the files of a leg in order, each with what is called there."""
    for file, group in itertools.groupby(calls, key=lambda call: call[0]):
        print(f"  {file:34} {' '.join(name for _, name in group)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--chain", action="store_true", help="print the files of each leg")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        calls = trace(Path(folder))
    print("| leg | calls | functions | files | changes of file |\n|---|---|---|---|---|")
    for label in (HAND_OUT, BUILD, SCORE, RUNG, END):
        print(f"| {label} | {' | '.join(str(number) for number in count(calls[label]))} |")
    for label in (HAND_OUT, BUILD, SCORE, RUNG, END) if arguments.chain else ():
        print(f"\n{label}")
        print_chain(calls[label])


if __name__ == "__main__":
    main()

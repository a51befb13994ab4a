"""Run commands one after another in this process, and note all that they touch.

Started by `watcher.py` in a process of its own: what an audit hook sees cannot be unseen. It reads
a JSON object a line and writes one for each, through descriptors of their own.
"""

import contextlib
import dataclasses
import io
import json
import os
import resource
import signal
import socketserver
import sys
import threading
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MOST_SECONDS = 60
MOST_BYTES = 2**30
"""What a command may take beside the process itself."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_noted: set[tuple[str, str]] | None = None


class Hang(BaseException):
    """Say that a command took longer than `MOST_SECONDS`."""


def _path(given: Any) -> str | None:
    """Return a path with all links followed; None for a descriptor."""
    if isinstance(given, int) or given is None:
        return None
    return os.path.realpath(os.fsdecode(given))


def _place(given: Any) -> str | None:
    """Return a path whose last part is itself, as what is removed or renamed."""
    if isinstance(given, int) or given is None:
        return None
    folder, name = os.path.split(os.fsdecode(given))
    return f"{os.path.realpath(folder)}/{name}"


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _noted is None:
        return
    found: list[tuple[str, str | None]] = []
    if event == "open":
        writes = (args[2] or 0) & _WRITING or set(str(args[1] or "r")) & set("wax+")
        if str(args[0]).endswith("/lock") and not (args[2] or 0) & (os.O_CREAT | os.O_TRUNC):
            writes = False  # opened to ask whether it is locked: NFS wants it writable for that
        follows = not (args[2] or 0) & os.O_NOFOLLOW
        found = [("write" if writes else "read", (_path if follows else _place)(args[0]))]
    elif event in ("os.listdir", "os.scandir"):
        found = [("read", _path(args[0] if args[0] is not None else "."))]
    elif event in ("os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.utime"):
        if args[-1] == -1 or event in ("os.chmod", "os.chown", "os.utime"):
            found = [("write", _place(args[0]))]
        else:  # relative to an open folder
            folder = os.path.realpath(f"/proc/self/fd/{args[-1]}")
            found = [("write", f"{folder}/{os.fsdecode(args[0])}")]
    elif event == "os.rename":
        found = [("write", _place(args[0])), ("write", _place(args[1]))]
    elif event in ("os.link", "os.symlink"):
        found = [("write", _place(args[1]))]
    elif event == "os.truncate":
        found = [("write", _path(args[0]))]
    elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork"):
        # What Python's own platform module asks, whatever the input.
        found = [] if args[0] == "uname" else [("start", repr(args[:2]))]
    elif event in ("webbrowser.open", "os.startfile", "pty.spawn"):
        found = [("start", repr(args[0]))]
    elif event == "socket.connect" and not str(args[1]).startswith("('127.0.0.1'"):
        found = [("connect", repr(args[1]))]
    elif event == "socket.getaddrinfo" and args[0] not in ("127.0.0.1", "localhost"):
        found = [("connect", repr(args[0]))]
    _noted.update((kind, what) for kind, what in found if what is not None)


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Note what is touched, and let neither time nor memory run out."""
    global _noted

    def ring(number: int, frame: Any) -> None:
        raise Hang(f"more than {MOST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    with Path("/proc/self/status").open() as status:
        used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + MOST_BYTES, limits[1]))
    signal.alarm(MOST_SECONDS)
    _noted = set()
    try:
        yield
    finally:
        kept, _noted = _noted, None
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_DATA, limits)
        _limited.noted = kept  # type: ignore[attr-defined]


def _look_and_leave(server: socketserver.BaseServer, poll_interval: float = 0.5) -> None:
    """Serve as the command does, ask for every page as a browser would, and press Ctrl-C."""
    thread = threading.Thread(target=_serve_forever, args=(server, 0.01), daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    failed = []
    try:
        waiting = ["/", "/dashboard/", "/api/studies", "/api/studies/0?after=0", "/explorer.html"]
        while waiting:
            address = waiting.pop()
            try:
                with urllib.request.urlopen(base + address, timeout=MOST_SECONDS) as answer:
                    content = answer.read()
            except urllib.error.HTTPError as error:
                failed += [f"{error.code} {address}"] if error.code >= 500 else []
                continue
            if address.startswith("/api/studies/0"):
                for trial in json.loads(content).get("trials", ()):
                    for each in trial.get("artifacts", ()):
                        name = each["artifact_id"]
                        waiting.append(f"/artifacts/0/{trial['trial_id']}/{name}")
    finally:
        server.shutdown()
        thread.join()
    if failed:
        raise RuntimeError(f"the server failed: {failed}")
    raise KeyboardInterrupt


_serve_forever = socketserver.BaseServer.serve_forever


def _opened_sweep(studies_dir: str, study: str) -> None:
    """Open a study as a sweep does once its workers are ready, and ask for what is next."""
    from harness.backends.backend import WorkerReady
    from harness.core.score import Protocol
    from harness.runner.study_jobs import StudyJobs
    from harness.runner.sweep_options import SweepOptions
    from harness.space.space import SearchSpace

    sound = Path(studies_dir) / "sound"
    protocol = Protocol(**json.loads((sound / "study.json").read_text())["protocol"])
    options = SweepOptions(
        name=study, studies_dir=Path(studies_dir), trials=6, tracker="jsonl", finish=True
    )
    jobs = StudyJobs(SearchSpace.load(str(sound / "search_space.yaml")), options)
    try:
        jobs.open(WorkerReady(protocol))
        for _ in range(3):
            jobs.next()
        jobs.overtaken()
    finally:
        jobs.close()


def _opened_confirmation(studies_dir: str, study: str) -> None:
    """Open a confirmation as `confirm` does once its workers are ready."""
    from harness.backends.backend import WorkerReady
    from harness.confirmation.confirmation_jobs import ConfirmationJobs, ConfirmOptions
    from harness.core.score import Protocol

    sound = json.loads((Path(studies_dir) / "sound" / "study.json").read_text())
    protocol = Protocol(**sound["protocol"])
    options = ConfirmOptions(
        name=study, studies_dir=Path(studies_dir), top=2, seeds=2, tracker="jsonl"
    )
    jobs = ConfirmationJobs(options)
    try:
        jobs.open(WorkerReady(protocol, test_protocol=dataclasses.replace(protocol)))
        jobs.next()
    finally:
        jobs.close()


def _forked(studies_dir: str, study: str) -> None:
    """Fork a study as `sweep --fork` does."""
    from harness.space.space import SearchSpace
    from harness.study.fork import IncomparableTrialsError, fork_study, leading_params

    space = SearchSpace.load(str(Path(studies_dir) / "sound" / "search_space.yaml"))
    try:
        fork_study(Path(studies_dir), study, "forked", space=space)
    except IncomparableTrialsError:
        leading_params(Path(studies_dir), study, space)


def _exported(studies_dir: str, study: str) -> None:
    """Choose what `export` hands over, and look at it."""
    from harness.confirmation.winner import choose
    from harness.gan.user_code.user_functions import kept_functions

    folder = Path(studies_dir) / study
    kept_functions(folder, choose(folder).entry.config)


def _trained_on(studies_dir: str, study: str) -> None:
    """Begin as `train --from` does, up to the training itself."""
    from harness.study.training_source import find_start
    from harness.training.job import WorkerSetup
    from harness.training.standalone import prepare, standalone_job
    from harness.training.training_folder import TrainingFolder

    start = find_start(
        preset=None,
        config=None,
        from_study=study,
        continue_from=None,
        studies_dir=Path(studies_dir),
    )
    job = standalone_job(start.config, TrainingFolder(Path("trained")), 1000.0)
    prepare(job, WorkerSetup(), begin_from=start.begin_from, keep_history=True)


def _begun_sweep(space: str, enqueued: str | None = None) -> None:
    """Read a search space, and what is to be tried first, as `sweep` does."""
    from harness.runner.study_jobs import StudyJobs
    from harness.runner.sweep_options import SweepOptions
    from harness.space.space import SearchSpace

    enqueue = Path(enqueued) if enqueued else None
    jobs = StudyJobs(SearchSpace.load(space), SweepOptions(name="new", trials=1, enqueue=enqueue))
    _ = jobs.setup


def _begun_training(option: str, path: str) -> None:
    """Begin as `train --config` or `--continue` does, up to the training itself."""
    from harness.study.training_source import find_start
    from harness.training.job import WorkerSetup
    from harness.training.standalone import prepare, standalone_job
    from harness.training.training_folder import TrainingFolder

    given = dict.fromkeys(("preset", "config", "from_study", "continue_from")) | {
        option: Path(path)
    }
    start = find_start(**given, studies_dir=Path("studies"))  # type: ignore[arg-type]
    job = standalone_job(start.config, TrainingFolder(Path("trained")), 1000.0)
    prepare(job, WorkerSetup(), begin_from=start.begin_from, keep_history=True)


# What commands do before their workers, or TensorFlow, are there.
_PARTS: dict[str, Callable[..., None]] = {
    "@sweep": _opened_sweep,
    "@confirm": _opened_confirmation,
    "@fork": _forked,
    "@export": _exported,
    "@train": _trained_on,
    "@begin-sweep": _begun_sweep,
    "@begin-training": _begun_training,
}


def _call(arguments: list[str]) -> None:
    from harness.cli.app import clear_errors
    from harness.cli.main import app

    if arguments[0] not in _PARTS:
        app(arguments)
        return
    import typer

    try:
        with clear_errors(debug=False):
            _PARTS[arguments[0]](*arguments[1:])
    except typer.Exit as end:
        sys.exit(end.exit_code)


def run(arguments: list[str], cwd: str) -> dict[str, Any]:
    """Run one command; return its exit code, what it printed, and what it touched."""
    os.chdir(cwd)
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    code: int | str = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            with _limited():
                _call(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:  # whatever a command raises is the result
            code = "traceback"
            traceback.print_exc()
    out.flush()
    err.flush()
    return {
        "code": code,
        "out": out.buffer.getvalue().decode("utf-8", "replace"),
        "err": err.buffer.getvalue().decode("utf-8", "replace"),
        "touched": sorted(_limited.noted),  # type: ignore[attr-defined]
    }


def main() -> None:
    requests, answers = os.fdopen(int(sys.argv[1])), os.fdopen(int(sys.argv[2]), "w")
    socketserver.BaseServer.serve_forever = _look_and_leave  # type: ignore[method-assign]
    sys.addaudithook(_audit)
    for line in requests:
        request = json.loads(line)
        print(json.dumps(run(request["arguments"], request["cwd"])), file=answers, flush=True)


if __name__ == "__main__":
    main()

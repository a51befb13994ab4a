"""Let atheris steer inputs towards code not yet seen: `python -m tests.fuzz.guided --runs 3000`.

It follows Python's own branches, so it fits the readers whose parsing is written in Python. Needs
`pip install atheris` (Linux and macOS); the lock file leaves it out, as the tests do without.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

READERS = ("idx", "history", "outcome", "study record", "configuration", "data set's text")
_SELF = "tests.fuzz.guided"


def fuzz(name: str, runs: int, seed: int) -> None:
    """Fuzz one reader in this process, which atheris ends."""
    import atheris

    with atheris.instrument_imports(include=["harness"]):
        from tests.fuzz import readers
    reader = readers.READERS[name]

    def attempt(content: bytes) -> None:
        reader.attempt(content)

    with tempfile.TemporaryDirectory() as corpus:
        for number, sound in enumerate(reader.seeds()):
            (Path(corpus) / str(number)).write_bytes(sound)
        options = [f"-runs={runs}", f"-seed={seed + 1}", "-rss_limit_mb=4096", corpus]
        atheris.Setup([sys.argv[0], *options], attempt)
        atheris.Fuzz()


def main() -> int:
    """Fuzz each reader in a process of its own; return 1 if one raised anything else."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3000, help="inputs a reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=READERS, help="this one alone, in this process")
    options = parser.parse_args()
    if options.reader:
        fuzz(options.reader, options.runs, options.seed)
        return 0
    failed = 0
    for name in READERS:
        command = [sys.executable, "-m", _SELF, "--reader", name]
        command += ["--runs", str(options.runs), "--seed", str(options.seed)]
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            with log.open("w") as file:
                code = subprocess.run(command, stdout=file, stderr=file, check=False).returncode
            lines = log.read_text(errors="replace").splitlines()
        done = [line for line in lines if line.startswith(("Done", "#")) and "cov:" in line]
        print(f"{name}: exit code {code}; {done[-1] if done else 'nothing was run'}", flush=True)
        if code:
            failed = 1
            print("\n".join(lines[-30:]))
    return failed


if __name__ == "__main__":
    sys.exit(main())

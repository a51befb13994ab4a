"""Read bombs under an address space of 2 GiB: each ends in one message, soon."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.bombs import BOMBS, write_bomb

MOST_BYTES, MOST_SECONDS = 2 * 2**30, 5

READ = """
import json, resource, sys, time
from pathlib import Path
from harness.core.errors import HarnessError
from harness.data.datasets import load_dataset
from harness.data.readers.image_files import read_images
from harness.data.memory import check_archive

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
for path in map(Path, sys.argv[2:]):
    scheme = {".npz": "npz", ".csv": "csv", ".keras": None}.get(path.suffix, "idx")
    reads = {"evaluate": lambda: read_images(path)}
    if path.is_dir():
        scheme = "folder"
    if path.suffix == ".keras":
        reads = {"evaluate": lambda: check_archive(path)}
    if scheme:
        reads["dataset"] = lambda: load_dataset(f"{scheme}:{path}?size=32")
    if scheme in ("csv", "idx"):
        del reads["evaluate"]
    for name, read in reads.items():
        began = time.process_time()
        try:
            read()
            message = ""
        except HarnessError as error:
            message = str(error)
        print(json.dumps([str(path), name, message, time.process_time() - began]), flush=True)
"""


def test_every_bomb_ends_in_one_message(tmp_path: Path):
    paths = {name: write_bomb(tmp_path / str(number), name) for number, name in enumerate(BOMBS)}
    assert max(path.stat().st_size for path in paths.values()) < 20_000_000
    result = subprocess.run(
        [sys.executable, "-c", READ, str(MOST_BYTES), *map(str, paths.values())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    # 64 MiB are read; the command then refuses their shape.
    readable = (str(paths["npz, pixels"]), "evaluate")
    assert {path for path, *_ in lines} == set(map(str, paths.values()))
    for path, name, message, seconds in lines:
        assert seconds < MOST_SECONDS, (path, name, message)
        assert message.count("\n") == 0
        assert message or (path, name) == readable, (path, name)
    assert result.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_every_command_survives_a_bomb(tmp_path: Path, name: str):
    path = write_bomb(tmp_path, name)
    scheme = {"npz": "npz", "idx": "idx", "csv": "csv"}.get(name.partition(",")[0], "folder")
    commands = [["evaluate", path, "--num-images", "10"]]
    if name != "keras":
        commands.append(["extractor", "--dataset", f"{scheme}:{path}"])
    for command in commands:
        result = subprocess.run(
            [
                *("sh", "-c", f'ulimit -v {MOST_BYTES // 1024}; exec "$@"', "sh"),
                *(sys.executable, "-m", f"harness.{command[0]}", *map(str, command[1:])),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert result.returncode == 2, result.stderr
        assert result.stderr.count("error: ") == 1
        assert "Traceback" not in result.stderr

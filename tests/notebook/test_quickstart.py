"""Hold the notebook: it runs, shows what it says, and its outputs belong to no machine."""

import getpass
import json
import re
import time
import tomllib
from pathlib import Path

import nbformat
import pytest

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")

from tests.notebook.notebooks import (  # noqa: E402 - it needs nbclient
    QUICKSTART,
    ROOT,
    TIMEOUT_SECONDS,
    kernel_finds,
    run_notebook,
    running_kernel,
)

MOST_BYTES = 1_000_000
COLAB = "https://colab.research.google.com/"
BY_A_PERSON = re.compile(r"(?:/home|/root|/Users|/tmp|/var|/work|/opt|/usr|/mnt|[A-Z]:\\)[/\\]?")
CELL = """\
from harness import SearchSpace, SweepOptions, run_study
options = SweepOptions(name="stopped", workers=1, tracker="jsonl", checkpoint_seconds=1)
print("begins")
study = run_study(SearchSpace.load("space.yaml"), trials=2, options=options)
print("has", [entry.name for entry in study.ranked])
"""


def outputs_of(notebook: nbformat.NotebookNode) -> list[list[nbformat.NotebookNode]]:
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def kinds_of(notebook: nbformat.NotebookNode) -> list[list[set[str]]]:
    """Return by code cell the types of what each of its outputs shows."""
    return [[set(each.get("data", {})) for each in outputs] for outputs in outputs_of(notebook)]


def texts_in(notebook: nbformat.NotebookNode) -> str:
    """Return all that outputs say, without the bytes of pictures."""
    said = []
    for output in (each for outputs in outputs_of(notebook) for each in outputs):
        said.append(output.get("text", ""))
        said += [text for kind, text in output.get("data", {}).items() if "image" not in kind]
    return re.sub(r"base64,[A-Za-z0-9+/=]+", "", "\n".join(said))


@pytest.fixture(scope="module")
def committed() -> nbformat.NotebookNode:
    return nbformat.read(QUICKSTART, as_version=4)


def test_it_is_small_whole_and_without_errors(committed: nbformat.NotebookNode):
    assert QUICKSTART.stat().st_size < MOST_BYTES
    nbformat.validate(committed)
    code = [cell for cell in committed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code[1:])
    kinds = {each.output_type for outputs in outputs_of(committed) for each in outputs}
    assert kinds <= {"display_data", "execute_result"}  # nothing on standard error


def test_it_shows_html_and_pictures(committed: nbformat.NotebookNode):
    kinds = kinds_of(committed)
    assert sum("text/html" in each for outputs in kinds for each in outputs) >= 4
    assert sum("image/png" in each for outputs in kinds for each in outputs) >= 4
    said = texts_in(committed)
    for words in ("best so far", "lower is better", "never seen by the search", "done"):
        assert words in said


def test_its_outputs_belong_to_no_machine_and_no_user(committed: nbformat.NotebookNode):
    said = texts_in(committed)
    assert BY_A_PERSON.findall(said) == []
    # A chart's bytes may hold any letters, what is said may not.
    assert str(Path.home()) not in json.dumps(committed)
    if len(getpass.getuser()) > 2:
        assert re.findall(rf"\b{re.escape(getpass.getuser())}\b", said) == []
    assert committed.metadata.keys() <= {"kernelspec", "language_info"}


def test_its_badge_leads_to_the_repository_as_soon_as_there_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project["urls"].get("Repository", "").removeprefix("https://github.com/")
    text = QUICKSTART.read_text(encoding="utf-8")
    there = f"{COLAB}github/{address}/blob/main/notebooks/{QUICKSTART.name}"
    assert f"]({there if address else COLAB})" in text


@pytest.mark.slow
def test_it_runs_and_shows_the_same_kinds(committed: nbformat.NotebookNode, tmp_path: Path):
    ran = run_notebook(QUICKSTART, tmp_path)
    assert kinds_of(ran) == kinds_of(committed)
    assert (tmp_path / "studies/smoke/export/generator.keras").is_file()
    assert BY_A_PERSON.findall(texts_in(ran)) == []


@pytest.mark.slow
def test_an_interrupt_stops_in_order_and_the_cell_goes_on_when_it_is_run_again(tmp_path: Path):
    space = (ROOT / "search_spaces" / "smoke.yaml").read_text(encoding="utf-8")
    # Long enough to be interrupted at its first score.
    longer = space.replace("rungs_kimg: [1, 2]", "rungs_kimg: [1, 12]")
    (tmp_path / "space.yaml").write_text(longer, encoding="utf-8")
    histories = tmp_path / "studies" / "stopped" / "trials"

    def scored() -> bool:
        files = histories.glob("*/history.jsonl")
        return any('"rungscored"' in file.read_text(encoding="utf-8") for file in files)

    with kernel_finds(), running_kernel(tmp_path) as (manager, kernel):
        message = kernel.execute(CELL)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not scored() and time.monotonic() < deadline:
            assert manager.is_alive()
            time.sleep(0.2)
        manager.interrupt_kernel()
        reply = kernel.get_shell_msg(timeout=TIMEOUT_SECONDS)
        while reply["parent_header"].get("msg_id") != message:  # to what was asked at its start
            reply = kernel.get_shell_msg(timeout=TIMEOUT_SECONDS)
        assert (reply["content"]["status"], reply["content"]["ename"]) == ("error", "StoppedError")
        assert reply["content"]["traceback"] == ["Stopped; the same call goes on from here."]
        (trial,) = histories.iterdir()
        assert not (trial / "outcome.json").exists()
        assert (trial / "checkpoint.npz").exists()
        # The kernel is as usable as before, and the same cell goes on.
        said: list[str] = []
        reply = kernel.execute_interactive(
            CELL,
            timeout=TIMEOUT_SECONDS,
            output_hook=lambda each: said.append(each["content"].get("text", "")),
        )
    assert reply["content"]["status"] == "ok"
    assert "has ['" in "".join(said)
    history = (trial / "history.jsonl").read_text(encoding="utf-8")
    starts = [json.loads(line) for line in history.splitlines() if '"started"' in line]
    assert starts[-1]["kimg"] >= 1  # not from the beginning

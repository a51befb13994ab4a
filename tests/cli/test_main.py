import os
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.cli.main import COMMANDS
from harness.core.provenance import PACKAGE

GANSWEEP = Path(sys.executable).with_name("gansweep")


def _gansweep(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [GANSWEEP, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "100"} | variables,
        check=False,
    )


def test_every_command_is_a_subcommand():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "api"}
    modules = {"fetch-data" if name == "fetch" else name for name in modules}
    assert set(COMMANDS) == modules | {"wandb-workspace"}


def test_the_help_names_every_command_and_loads_nothing_heavy():
    code = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "from harness.cli.main import app\n"
        "try: app()\n"
        "except SystemExit: print(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    help_text, _, modules = done.stdout.rstrip().rpartition("\n")
    loaded = {name.partition(".")[0] for name in modules.split()}
    assert not loaded & {"tensorflow", "keras", "optuna", "wandb", "numpy", "pydantic", "yaml"}
    assert "typer" in loaded
    for name in COMMANDS:
        assert f" {name} " in help_text


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_its_own_help(name: str):
    done = _gansweep(name, "--help")
    assert done.returncode == 0
    assert f"Usage: gansweep {name}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["swep"], "error: No such command 'swep'. Did you mean 'sweep'? See --help.\n"),
        (["sweep", "--bogus"], "error: No such option: --bogus. See --help.\n"),
        (
            ["sweep", "--tracker", "wandbb"],
            "error: --tracker: expected one of wandb, jsonl, none; received 'wandbb'. "
            "Did you mean 'wandb'? See --help.\n",
        ),
    ],
)
def test_what_is_refused_is_one_message(arguments: list[str], message: str):
    done = _gansweep(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_a_refusal_of_the_harness_is_the_same_as_by_the_module(tmp_path: Path):
    arguments = ("report", "--study", "none", "--studies-dir", str(tmp_path))
    module = [sys.executable, "-m", "harness.report", *arguments[1:]]
    by_module = subprocess.run(module, capture_output=True, text=True, check=False)
    done = _gansweep(*arguments)
    assert (done.returncode, done.stderr) == (2, by_module.stderr)
    assert done.stderr.startswith("error: ")


def test_the_version_is_the_package_s():
    assert _gansweep("--version").stdout == f"{harness.__version__}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [("gansweep conf", "confirm"), ("gansweep sweep --time-b", "--time-budget")],
)
def test_a_shell_completes_commands_and_options(words: str, expected: str):
    position = str(len(words.split()) - 1)
    variables = {"COMP_WORDS": words, "COMP_CWORD": position}
    done = _gansweep(**variables, _GANSWEEP_COMPLETE="complete_bash")
    assert done.stdout.split() == [expected]

"""Keep secrets in and foreign code out: what no file, name or log of the project may do."""

import ast
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import harness
from harness.core.errors import StorageError, StudyError
from harness.gan.sampling import load_generator
from harness.study.record import check_study_name, find_study
from tests.support.commands import TIMEOUT_SECONDS, Commands

PACKAGE = Path(harness.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Made up; W&B's keys have forty characters.
KEY = "5ec7e7" * 6 + "abcd"
SECRET = "correct-horse-battery-staple-7391"


def calls(path: Path) -> list[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def argument(call: ast.Call, name: str) -> object:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value.value if isinstance(keyword.value, ast.Constant) else "computed"
    return None


def test_models_are_loaded_in_safe_mode():
    loads = [(path, call) for path in SOURCES for call in calls(path)]
    loads = [
        pair for pair in loads if name_of(pair[1]) in ("load_model", "deserialize_keras_object")
    ]
    assert loads
    for path, call in loads:
        # Keras's default is True; what is said must be True and nothing computed.
        assert argument(call, "safe_mode") in (None, True), path
    for path in SOURCES:
        assert "enable_unsafe_deserialization" not in path.read_text(encoding="utf-8"), path


def test_no_array_is_unpickled():
    for path in SOURCES:
        for call in calls(path):
            assert argument(call, "allow_pickle") in (None, False), f"{path}:{call.lineno}"
            if name_of(call) in ("NpzFile", "read_array") or ast.unparse(call.func) == "np.load":
                assert argument(call, "allow_pickle") is False, f"{path}:{call.lineno}"


def test_yaml_is_loaded_safely():
    for path in SOURCES:
        for call in calls(path):
            written = ast.unparse(call.func)
            assert written not in ("yaml.unsafe_load", "yaml.full_load", "yaml.load_all"), path
            if written == "yaml.load":
                assert path.name == "yaml_file.py"


def test_a_model_that_holds_code_is_not_loaded(tmp_path: Path):
    trap = str(tmp_path / "trap")
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Lambda(lambda x: (__import__("pathlib").Path(trap).touch(), x)[1]),
        ]
    )
    model.save(tmp_path / "generator.keras")
    Path(trap).unlink()  # building the model sprang it once
    with pytest.raises(StorageError, match="cannot be loaded by Keras"):
        load_generator(tmp_path / "generator.keras")
    assert not Path(trap).exists()


@pytest.mark.parametrize(
    "name",
    [
        *("..", ".", "", "/", "/etc", "../x", "a/../b", "a/b", "a\\b", "~", "$HOME", "-rf"),
        *("a b", "a\n", "a\0b", "é", "a" * 101, ".hidden", "a;b", "a*"),
    ],
)
def test_names_of_studies_are_plain(name: str, tmp_path: Path):
    with pytest.raises(StudyError, match="expected up to 100 letters"):
        check_study_name(name)
    with pytest.raises(StudyError, match="expected up to 100 letters"):
        find_study(tmp_path, name)


def test_a_sweep_lets_no_secret_into_its_folder_or_its_words(commands: Commands, tmp_path: Path):
    secrets = {"WANDB_API_KEY": KEY, "WANDB_MODE": "offline", "MY_DATABASE_PASSWORD": SECRET}
    words = b""
    for arguments in (
        ["sweep", "--search-space", "smoke", "--trials", "1", "--workers", "1"],
        ["doctor", "--study", "smoke", "--json"],
        ["doctor", "--no-calibration"],
        ["studies", "show", "smoke", "--json"],
    ):
        result = subprocess.run(
            [sys.executable, "-m", f"harness.{arguments[0]}", *arguments[1:]],
            cwd=tmp_path,
            env=commands.environment | secrets,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        words += result.stdout + result.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {".wandb", ".jsonl", ".yaml", ".json"} <= {path.suffix for path in files}
    told = {str(path): path.read_bytes() for path in files} | {"what was printed": words}
    for secret in (KEY, SECRET):
        assert [name for name, content in told.items() if secret.encode() in content] == []

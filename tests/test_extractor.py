import subprocess
import sys


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_help_does_not_import_tensorflow():
    code = (
        "import sys; from typer.testing import CliRunner; from harness.extractor import app; "
        "result = CliRunner().invoke(app, ['--help']); "
        "print(result.exit_code, 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    assert run("-c", code).stdout.split() == ["0", "False", "False"]


def test_help_names_the_options():
    result = run("-m", "harness.extractor", "--help")
    assert result.returncode == 0
    for option in ("--dataset", "--out", "--seed", "--epochs", "--data-dir"):
        assert option in result.stdout


def test_an_unknown_data_set_is_one_message_and_exit_code_2(tmp_path):
    result = run("-m", "harness.extractor", "--dataset", "fashion_mnits", "--out", tmp_path)
    assert result.returncode == 2
    assert "Did you mean 'fashion_mnist'?" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(tmp_path):
    result = run("-m", "harness.extractor", "--dataset", "x", "--out", tmp_path, "--debug")
    assert "Traceback" in result.stderr
    assert result.returncode != 0

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.data import fashion_mnist as module
from harness.fetch import app

LABELS = "t10k-labels-idx1-ubyte.gz"


def fetch(*arguments):
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def machine(bare, monkeypatch, real_folder):
    """Return a folder of programs, to be given an apt-get of its own, run as root's."""
    programs = bare / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def program(name: str, script: str) -> None:
        path = programs / name
        path.write_text(
            f'#!/bin/sh\necho "{name} $*" >> {bare}/log\n'
            f"install() {{ mkdir -p {module.SYSTEM_DIR}; cp {real_folder}/*.gz "
            f"{module.SYSTEM_DIR}; }}\n{script}\n"
        )
        path.chmod(0o755)

    program.log = bare / "log"
    return program


def calls(machine):
    """Return what apt-get was asked to do, in order."""
    lines = machine.log.read_text().splitlines()
    return [word for line in lines for word in line.split() if word in ("update", "install")]


def test_command_says_where_and_how_many(real_folder):
    done = subprocess.run(
        [sys.executable, "-m", "harness.fetch"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"Fashion-MNIST: {real_folder}\n70,000 images (train 50,000, ")
    assert re.search(r"SHA-256 of all four files is right; read in \d+\.\d s\n$", done.stdout)
    assert done.stderr == ""


def test_bad_file_is_one_message_and_code_2(bare, link, replace):
    named = link(bare / "named")
    replace(named / LABELS, b"<html>")
    result = fetch("--data-dir", str(named))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {named / LABELS}: damaged or not gzip")
    assert "Traceback" not in result.stderr


def test_an_unknown_option_is_refused_in_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "harness.fetch", "--bogus"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: No such option: --bogus. See --help.\n"


def test_debug_shows_the_traceback(bare):
    done = subprocess.run(
        [sys.executable, "-m", "harness.fetch", "--debug", "--data-dir", str(bare)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "harness.core.errors.DataError" in done.stderr


def test_nothing_works_without_apt(bare):
    result = fetch()
    assert result.exit_code == 2
    assert "download failed because" in result.stderr
    assert "The package was not installed: this system has no apt-get." in result.stderr


def test_known_package_is_installed_without_update(machine):
    machine("apt-cache", "exit 0")
    machine("apt-get", 'install; echo "frontend $DEBIAN_FRONTEND" >> $(dirname $0)/../log')
    result = fetch()
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"Fashion-MNIST: {module.SYSTEM_DIR}\n70,000 images")
    assert calls(machine) == ["install"]
    log = machine.log.read_text()
    assert "--no-install-recommends" in log
    assert "frontend noninteractive" in log


def test_unknown_package_is_installed_after_update(machine):
    machine("apt-cache", "exit 100")
    machine("apt-get", 'case "$*" in *" install "*) install;; esac')
    assert fetch().exit_code == 0
    assert calls(machine) == ["update", "install"]


@pytest.mark.parametrize("first", ["exit 0", "exit 100"])
def test_stale_lists_are_updated(machine, first):
    # apt-get fails for a version the mirror dropped, and "succeeds" when it cannot reinstall.
    machine("apt-cache", "exit 0")
    machine(
        "apt-get",
        f"""case "$*" in
        *" update") touch {machine.log}.fresh;;
        *) [ -e {machine.log}.fresh ] && install || {first};;
        esac""",
    )
    assert fetch().exit_code == 0
    assert calls(machine) == ["install", "update", "install"]


def test_failing_apt_is_quoted(machine):
    machine("apt-cache", "exit 100")
    machine("apt-get", "echo one; echo E: no mirror >&2; exit 100")
    result = fetch()
    assert result.exit_code == 2
    assert re.search(
        r"not installed: `env .* update` ended with code 100: one\nE: no mi", result.stderr
    )


def test_without_rights_the_command_to_type_is_named(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    machine("apt-get", "install")
    machine("sudo", "exit 1")
    result = fetch()
    assert result.exit_code == 2
    assert "no rights; as root: apt-get install dataset-fashion-mnist." in result.stderr
    assert "apt-get" not in machine.log.read_text()


def test_sudo_without_password(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    machine("apt-cache", "exit 0")
    machine("apt-get", "install")
    machine("sudo", 'shift; exec "$@"')
    assert fetch().exit_code == 0
    assert "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get" in machine.log.read_text()
    assert Path(module.SYSTEM_DIR, LABELS).exists()

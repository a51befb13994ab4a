"""Say which code is running."""

import re
import subprocess
from pathlib import Path

import pytest

from harness.core import provenance


def test_the_commit_is_that_of_the_repository():
    root = Path(provenance.__file__).parents[2]
    if not (root / ".git").exists():
        pytest.skip("the code lies in no repository")
    head = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert provenance.code_commit().removesuffix("-dirty") == head.stdout.strip()


def test_code_outside_a_repository_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(provenance, "_ROOT", tmp_path)
    assert provenance.code_commit() is None
    assert provenance.lock_sha256() is None


def test_the_lock_is_known_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(provenance, "_ROOT", tmp_path)
    (tmp_path / "requirements.lock").write_text("")
    # SHA-256 of nothing.
    assert re.match("e3b0c44298fc1c14", provenance.lock_sha256())

"""Serve a bundle by the command, as a user does."""

import signal
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.explore import app
from tests.exporting.explorable import make_explorable
from tests.exporting.generators import build, write_bundle
from tests.support.commands import Commands, interrupt, the_one_message


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_explorable(tmp_path / "bundle")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -15)])
def test_the_printed_address_shows_the_page_until_ctrl_c(
    commands: Commands, bundle: Path, number: int, code: int
):
    process = commands.start("explore", bundle, "--no-browser", cwd=bundle.parent)
    address = process.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.read() == b"the page"
    _, err = interrupt(process, number)
    assert process.returncode == code
    assert err == ""


def test_the_browser_is_opened_unless_told_not_to(
    commands: Commands, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    process = commands.start("explore", bundle, cwd=tmp_path)
    address = process.stdout.readline().strip()
    for _ in range(500):
        if opened.exists():
            break
        time.sleep(0.02)
    interrupt(process)
    assert opened.read_text().strip() == address


def test_a_folder_without_an_explorer_is_refused(commands: Commands, tmp_path: Path):
    message = the_one_message(commands.run("explore", tmp_path, cwd=tmp_path))
    assert "received one without explorer.html, generator.onnx, generator.json and 5 mo" in message
    assert "gansweep export" in message


def refusal(bundle: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit, match=r"^2$"):
        app([str(bundle), "--no-browser"])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {bundle}: ")
    assert captured.err.count("\n") == 1
    return captured.err


MISSING = {
    "generator.onnx": "received one without generator.onnx. Make one by",
    "explorer/explorer.js": "received one without explorer/explorer.js. Make one by",
    "checksums.txt": "received one without checksums.txt. Make one by",
    "explorer/ort-wasm-simd-threaded.wasm": "harness.exporting.explorer_runtime)",
    "generator.json": "received one without generator.json. Make one by",
}


@pytest.mark.parametrize("name", MISSING)
def test_a_bundle_that_lacks_a_file_is_refused_before_it_is_served(
    bundle: Path, name: str, capsys: pytest.CaptureFixture[str]
):
    (bundle / name).unlink()
    assert MISSING[name] in refusal(bundle, capsys)


def test_a_bundle_with_a_damaged_file_is_refused_before_it_is_served(
    bundle: Path, capsys: pytest.CaptureFixture[str]
):
    (bundle / "generator.onnx").write_text("another")
    assert "received others or none for generator.onnx. Restore" in refusal(bundle, capsys)
    for content in (b"", b"\xff\xfe", b"half a line"):
        (bundle / "checksums.txt").write_bytes(content)
        assert "received others or none for checksums.txt. Restore" in refusal(bundle, capsys)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert "received no folder" in refusal(tmp_path / "nowhere", capsys)


def test_a_question_is_one_at_a_time_and_names_its_file(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    refusals = {
        ("--walk", "1,2", "--nearest"): "--find, --walk, --nearest: expected one of them at most",
        ("--out", "x.png"): "--out: expected --find, --walk or --nearest beside it",
        ("--nearest", "--out", "x.gif"): "--out: expected a name that ends in .png; received x.g",
        ("--walk", "1,2", "--out", "x.png"): "ends in .gif or .mp4; received x.png",
        ("--walk", "1,2"): "generator.json: expected JSON with latent_dim, output and class_names",
    }
    for arguments, message in refusals.items():
        with pytest.raises(SystemExit, match=r"^2$"):
            app([str(bundle), *arguments])
        captured = capsys.readouterr()
        assert captured.out == ""
        assert message in captured.err
        assert captured.err.count("\n") == 1
    with pytest.raises(SystemExit, match=r"^2$"):
        app([str(tmp_path), "--nearest"])
    assert "received one without generator.json" in capsys.readouterr().err


def test_a_bundle_is_asked_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    original = build("mlp", (28, 28, 1), conditional=False, depth=1)
    bundle = write_bundle(tmp_path / "b", original, "keras")
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (50, 40), "black").save("mine.jpg")
    for arguments in (["--find", "mine.jpg"], ["--walk", "3,found.npz", "--seconds", "1"]):
        with pytest.raises(SystemExit, match=r"^0$"):
            app([str(bundle), *arguments])
    said = capsys.readouterr().out
    assert "mine.jpg: 50 x 40 pixels (RGB); its middle is taken as 28 x 28 gray\n" in said
    assert "found.png: error " in said
    assert "walk.gif: 1 s, 25 pictures through 2 points\n" in said
    with pytest.raises(SystemExit, match=r"^2$"):
        app([str(bundle), "--nearest"])
    assert "--dataset: the generator was trained on images that are not named" in (
        capsys.readouterr().err
    )
    rng = np.random.default_rng(0)
    np.savez("mine.npz", images=rng.integers(0, 256, (60, 28, 28, 1), np.uint8))
    with pytest.raises(SystemExit, match=r"^0$"):
        app([str(bundle), "--nearest", "--dataset", "npz:mine.npz", "--count", "2"])
    said = capsys.readouterr().out
    assert "nearest.png: 2 images; the nearest of " in said
    assert "note: the data set is another than the one the generator was scored with" in said
    with Image.open("nearest.png") as sheet:
        sheet.verify()

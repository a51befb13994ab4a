import hashlib
from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from harness.core.yaml_file import MAX_BYTES
from harness.gan.config.choices import is_user_function, plain_name, split_name
from harness.gan.config.config import GANConfig
from harness.gan.presets import load_config, read_config
from harness.gan.user_code.user_functions import (
    FOLDER,
    UserFile,
    UserFunctions,
    kept_functions,
    named_functions,
    pin,
    write_copies,
)

SOURCE = b"def build(config, image_shape, num_classes): ...\n"
SHA256 = hashlib.sha256(SOURCE).hexdigest()
PINNED = f"net.py:build@{SHA256}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with `net.py` and `nets/net.py`, which say the same."""
    (tmp_path / "nets").mkdir()
    for path in (tmp_path / "net.py", tmp_path / "nets" / "net.py"):
        path.write_bytes(SOURCE)
    return tmp_path


def test_a_name_is_pinned_to_its_files_hash_wherever_it_stands(folder: Path):
    faults: list[str] = []
    content = {"a": {"choices": ["dcgan", "net.py:build"]}, "b": 0.5, "c": ("nets/net.py:build",)}
    pinned, files = pin(content, folder, faults)
    assert faults == []
    assert pinned == {"a": {"choices": ["dcgan", PINNED]}, "b": 0.5, "c": (PINNED,)}
    assert [(file.name, file.content, file.sha256) for file in files.values()] == [
        ("net.py", SOURCE, SHA256)
    ]


def test_nothing_is_run_while_a_file_is_read(folder: Path):
    (folder / "net.py").write_text("raise SystemExit('was run')")
    pinned, _ = pin("net.py:build", folder, [])
    assert is_user_function(pinned)


def test_names_for_people_have_no_hash():
    assert plain_name(PINNED) == "net.py:build"
    assert plain_name("dcgan") == "dcgan"
    assert split_name(PINNED) == ("net.py", "build", SHA256)
    config = GANConfig.model_validate({"generator": {"name": PINNED}})
    assert (config.family, config.generator.name) == ("net.py:build", PINNED)
    assert named_functions(config) == [("generator", PINNED)]


@pytest.mark.parametrize("name", ["dcgan", "net.py", "net:build", "net.py:build@12", ".py:build"])
def test_other_names_are_no_functions_of_the_users_own(name: str):
    assert not is_user_function(name)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("ned.py:build", "there is no file .*ned.py; .* Did you mean 'net.py'?"),
        ("nets/none.py:build", "there is no file .*nets/none.py"),
        ("net.py", "net.py must name a function after the file, such as my_file.py:build"),
        ("net.py:", "must name a function after the file"),
        (300 * "n" + "/net.py:f", "cannot be read: File name too long"),
        ("a\0/net.py:build", "there is no file|is no path"),
        ("net.py:my build", "must name a function after the file"),
        ("net.py:" + 60 * "b", "must have at most 60 characters"),
        ("large.py:build", f"must have at most {MAX_BYTES} bytes"),
        ("nets.py:build", "there is no file .*nets.py"),
    ],
)
def test_a_name_that_leads_nowhere_is_a_fault(folder: Path, name: str, fault: str):
    (folder / "large.py").write_bytes(b"#" * (MAX_BYTES + 1))
    (folder / "nets.py").mkdir()
    faults: list[str] = []
    assert pin(name, folder, faults) == (name, {})
    with pytest.raises(ConfigError, match=fault):
        raise ConfigError(*faults)


def test_two_files_of_one_name_are_a_fault(folder: Path):
    (folder / "nets" / "net.py").write_bytes(b"# another\n" + SOURCE)
    faults: list[str] = []
    pin(["net.py:build", "nets/net.py:build"], folder, faults)
    assert faults == [
        "nets/net.py:build: another file is called net.py as well. Rename one of them."
    ]


def test_stored_names_lead_to_the_copies_that_have_their_hash(folder: Path):
    config = GANConfig.model_validate({"generator": {"name": PINNED}})
    assert kept_functions(folder, config) == UserFunctions((), (config,))
    (folder / FOLDER).mkdir()
    copy = folder / FOLDER / "net.py"
    copy.write_bytes(SOURCE)
    assert [file.sha256 for file in kept_functions(folder, config).files] == [SHA256]
    copy.write_bytes(SOURCE + b"#")
    assert kept_functions(folder, config).files == ()


def test_a_configurations_file_lies_beside_its_yaml(folder: Path):
    path = folder / "gan.yaml"
    path.write_text("generator: {name: net.py:build}\nloss: {name: net.py:build}\n")
    config = load_config(path)
    assert (config.generator.name, config.loss.name) == (PINNED, PINNED)
    functions = read_config(path).functions
    assert [file.name for file in functions.files] == ["net.py"]
    assert list(functions.uses()) == [("generator", PINNED, config), ("loss", PINNED, config)]
    path.write_text("generator: {name: no.py:build}\n")
    with pytest.raises(ConfigError, match=r"gan.yaml: no.py:build: there is no file"):
        load_config(path)


def test_copies_are_found_again_by_their_hash(tmp_path: Path):
    file = UserFile("net.py", b"# a network\n")
    write_copies(tmp_path, [file])
    assert (tmp_path / "functions" / "net.py").read_bytes() == file.content
    _, files = pin(f"net.py:build@{file.sha256}", tmp_path, [])
    assert files == {"net.py": file}


def test_nothing_is_written_where_there_is_nothing_to_copy(tmp_path: Path):
    write_copies(tmp_path, ())
    assert list(tmp_path.iterdir()) == []

"""Read and write data sets as text, and refuse options that make no sense."""

import dataclasses
from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from harness.data.fitting import ImageForm
from harness.data.request import DatasetRequest

WHOLE = "folder:my shapes?size=32&fit=stretch&channels=3&classes=0,2,10&split=80,10,10"


def test_text_is_read_and_written_alike():
    request = DatasetRequest.parse(WHOLE)
    assert request == DatasetRequest(
        "folder:my shapes", ImageForm(32, "stretch", 3), ("0", "2", "10"), (80, 10, 10)
    )
    assert str(request) == WHOLE


def test_options_have_one_order_and_defaults_no_words():
    text = "npz:a.npz?split=8,1,1&classes=10,2,b,a&fit=crop&size=28"
    assert str(DatasetRequest.parse(text)) == "npz:a.npz?size=28&classes=2,10,a,b&split=8,1,1"


def test_others_see_no_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for source, shared in (
        (f"folder:{tmp_path}/ann/shapes", "folder:~/shapes"),
        (f"folder:{tmp_path}/here/shapes", "folder:shapes"),
        ("folder:/home/bob/shapes", "folder:.../shapes"),
        ("folder:../bob/shapes", "folder:.../shapes"),
        ("fashion_mnist", "fashion_mnist"),
    ):
        assert str(DatasetRequest.parse(f"{source}?size=32").shared()) == f"{shared}?size=32"
    located = DatasetRequest.parse("folder:~/shapes").located()
    assert located.source == f"folder:{tmp_path}/ann/shapes"


def test_a_question_mark_alone_belongs_to_the_path():
    assert DatasetRequest.parse("folder:what?").source == "folder:what?"
    assert str(DatasetRequest.parse("folder:what?/now?size=8")) == "folder:what?/now?size=8"


def test_options_of_a_command_replace_those_of_the_text():
    request = DatasetRequest.parse(WHOLE)
    assert request.changed({}) == request
    changed = request.changed({"classes": "1,0", "size": "16", "fit": "crop", "channels": "1"})
    assert str(changed) == "folder:my shapes?size=16&channels=1&classes=0,1&split=80,10,10"
    whole = DatasetRequest.parse("fashion_mnist")
    assert str(whole.changed({"split": "5,1"})) == "fashion_mnist?split=5,1"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "30"}, r"--image-size: expected a multiple of 4 .* received '30'"),
        ({"size": "2048"}, r"from 4 to 1024, .* received '2048'"),
        ({"size": "-4"}, r"received '-4'"),
        ({"fit": "crop"}, r"--fit: received 'crop', but .*Add --image-size 32"),
        ({"fit": "strech", "size": "8"}, r"Did you mean 'stretch'\?"),
        ({"channels": "4"}, r"--channels: expected 1 \(gray\) or 3 \(RGB\); received '4'"),
        ({"classes": "0,,1"}, r"--classes: .* received '0,,1'\. Use --classes 0,3,7"),
        ({"classes": "0,0"}, r"each once"),
        ({"classes": ""}, r"--classes"),
        ({"split": "80,20,0"}, r"--split: .* received '80,20,0'\. Use --split 80,10,10"),
        ({"split": "0.8,0.2"}, r"whole numbers"),
        ({"split": "100"}, r"received '100'"),
        ({"split": "1,1,1,1"}, r"or two"),
    ],
    ids=str,
)
def test_bad_options_are_refused(options: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        DatasetRequest.parse("fashion_mnist").changed(options)


def test_unknown_options_of_a_text_are_refused():
    with pytest.raises(ConfigError, match=r"the option 'sizes'; .* Did you mean 'size'\?"):
        DatasetRequest.parse("folder:x?sizes=32")


NAMES = ("a,b", "x&y", "k=v", "100%", "50%2C", 'say "hi"', "[/b]", "l'eau", "e ?size=4", "\u202eא")


def test_every_class_name_comes_back_from_the_text():
    request = DatasetRequest("npz:x.npz", classes=NAMES, split=(8, 1, 1), name="mine")
    again = DatasetRequest.parse(str(request))
    assert set(again.classes) == set(NAMES)
    assert dataclasses.replace(again, classes=NAMES) == request
    assert str(again) == str(DatasetRequest.parse(str(again)))


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ('"a,b",c', {"a,b", "c"}),
        ("0, 3, 7", {"0", "3", "7"}),
        ("100%,x&y,k=v", {"100%", "x&y", "k=v"}),
        ('"say ""hi"""', {'say "hi"'}),
    ],
)
def test_classes_are_typed_as_a_line_of_a_table(typed: str, names: set[str]):
    assert set(DatasetRequest("npz:x.npz").changed({"classes": typed}).classes) == names


def test_a_path_of_the_users_own_is_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    paths = ("data", "data/", "./data", "~/data", f"{tmp_path}/x/../data")
    for text in (f"folder:{path}" for path in paths):
        assert str(DatasetRequest.parse(text).located()) == f"folder:{tmp_path}/data"
    assert str(DatasetRequest.parse("fashion_mnist?size=8").located()) == "fashion_mnist?size=8"

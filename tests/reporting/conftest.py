"""Share one small study among the tests of this room, and the report's data of it."""

import shutil
from pathlib import Path

import pytest

from harness.confirmation.result import write_result
from harness.reporting.report_data import ReportData, read_report
from tests.reporting.studies import confirmation, make_small_study


@pytest.fixture(scope="package")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_study(tmp_path_factory.mktemp("studies") / "small")


@pytest.fixture(scope="package")
def data(small_study: Path) -> ReportData:
    return read_report(small_study)


@pytest.fixture(scope="package")
def confirmed(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Return the same study after its leaders were trained again: the second one won."""
    folder = tmp_path_factory.mktemp("confirmed") / "small"
    shutil.copytree(small_study, folder)
    write_result(folder, confirmation())
    return read_report(folder)

"""Share one small study among the tests of this room, and the report's data of it."""

from pathlib import Path

import pytest

from harness.reporting.report_data import ReportData, read_report
from tests.reporting.studies import CLASS_NAMES, make_small_study


@pytest.fixture(scope="package")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_study(tmp_path_factory.mktemp("studies") / "small")


@pytest.fixture(scope="package")
def data(small_study: Path) -> ReportData:
    return read_report(small_study, class_names=CLASS_NAMES)

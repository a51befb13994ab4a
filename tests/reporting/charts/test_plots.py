"""Draw charts whose marks can be counted."""

import dataclasses
import itertools
import xml.etree.ElementTree as ET

import pytest

from harness.reporting.charts.plots import NARROW, WIDE, draw_confirmation, draw_slice
from harness.reporting.charts.svg import Layout
from harness.reporting.parameter_effects import Effects, Point, Slice
from harness.reporting.report_data import ReportData


def test_each_new_seed_is_a_dot_and_the_mean_an_upright_line(confirmed: ReportData):
    drawn = ET.fromstring(draw_confirmation(confirmed.confirmation))
    assert len(list(drawn.iter("circle"))) == 3 + 2
    uprights = [line for line in drawn.iter("line") if line.get("class") == "median"]
    means = [float(line.get("x1")) for line in uprights]
    dots = [float(circle.get("cx")) for circle in drawn.iter("circle")]
    assert means[0] == pytest.approx(dots[1])  # 1.4, 1.5 and 1.6
    assert dots[3] < means[1] < dots[4]
    assert [t.text for t in drawn.iter("text") if t.get("class") == "name first"] == ["0000"]


def texts(drawn: ET.Element, kind: str) -> list[str]:
    return [text.text for text in drawn.iter("text") if text.get("class") == kind]


@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_the_axis_of_new_seeds_says_what_it_is_and_has_ticks(
    confirmed: ReportData, layout: Layout
):
    drawn = ET.fromstring(draw_confirmation(confirmed.confirmation, layout))
    assert texts(drawn, "axis") == ["FID on the test split, lower is better"]
    assert len(texts(drawn, "tick")) >= 3


def test_an_interval_that_goes_on_beyond_the_drawing_ends_in_an_arrow(confirmed: ReportData):
    first, second = confirmed.confirmation.candidates

    def arrows(interval: tuple[float, float]) -> int:
        candidates = (dataclasses.replace(first, interval=interval), second)
        drawn = draw_confirmation(
            dataclasses.replace(confirmed.confirmation, candidates=candidates)
        )
        return len(list(ET.fromstring(drawn).iter("path")))

    assert [arrows((1.45, 1.55)), arrows((-40.0, 1.55)), arrows((-40.0, 40.0))] == [0, 1, 2]


def test_long_names_stand_on_two_lines_in_turn():
    values = ("non_saturating", "relativistic", "least_squares", "hinge")
    points = tuple(Point(name, "mlp", name, 1.0) for name in values)
    one = Slice("loss.name", values, is_log=False, points=points)
    drawn = ET.fromstring(draw_slice(one, effects(one), "FID"))
    names = [text for text in drawn.iter("text") if text.get("class") == "tick"][-4:]
    heights = [float(text.get("y")) for text in names]
    assert [a - b for a, b in itertools.pairwise(heights)] == [-14, 14, -14]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_range_of_which_few_values_were_tried_is_still_an_axis(count: int):
    points = tuple(Point(str(i), "mlp", 0.000837294 * 2**i, 1.0 + i) for i in range(count))
    one = Slice("generator.learning_rate", None, is_log=True, points=points)
    drawn = ET.fromstring(draw_slice(one, effects(one), "FID"))
    assert not [line for line in drawn.iter("line") if line.get("class") == "median"]
    lefts = [float(circle.get("cx")) for circle in drawn.iter("circle")]
    assert lefts == sorted(lefts)
    assert max(len(text) for text in texts(drawn, "tick")) <= 6  # rounded


def effects(one: Slice) -> Effects:
    return Effects(8.0, len(one.points), (), (one,))


def test_few_values_stand_in_columns_with_a_bar_at_the_median():
    values = [(16, 1.0), (16, 2.0), (16, 9.0), (32, 4.0)]
    points = tuple(Point(str(i), "mlp", x, value) for i, (x, value) in enumerate(values))
    one = Slice("batch_size", (16, 32), is_log=False, points=points)
    drawn = ET.fromstring(draw_slice(one, effects(one), "FID"))
    assert len(list(drawn.iter("circle"))) == 4
    medians = [line for line in drawn.iter("line") if line.get("class") == "median"]
    tops = {round(float(c.get("cy")), 1) for c in drawn.iter("circle")}
    assert len(medians) == 2
    assert {round(float(line.get("y1")), 1) for line in medians} <= tops  # 2.0 and 4.0
    said = [text.text for text in drawn.iter("text")]
    assert said[0] == "FID"
    assert said[-2:] == ["16", "32"]


def test_a_range_is_an_axis_of_its_own():
    points = tuple(Point(str(i), "dcgan", 10.0**-i, 1.0 + i) for i in range(8))
    one = Slice("generator.learning_rate", None, is_log=True, points=points)
    drawn = ET.fromstring(draw_slice(one, effects(one), "FID"))
    lefts = [float(circle.get("cx")) for circle in drawn.iter("circle")]
    steps = [a - b for a, b in itertools.pairwise(lefts)]
    assert steps == pytest.approx([steps[0]] * 7, abs=0.2)  # a decade each


def test_what_comes_from_files_is_escaped():
    points = (Point("0", "mlp", "<b>", 1.0), Point("1", "mlp", "x", 2.0))
    one = Slice("loss.name", ("<b>", "x"), is_log=False, points=points)
    assert "&lt;b&gt;" in draw_slice(one, effects(one), "FID")

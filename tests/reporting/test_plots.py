"""Draw charts whose marks can be counted."""

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from harness.reporting.parameters import Effects, Point, Slice
from harness.reporting.plots import draw_confirmation, draw_curves, draw_slice
from harness.reporting.report_data import ReportData, read_report
from tests.reporting.studies import make_study


def test_every_rung_is_a_dot_and_cut_trials_are_marked(data: ReportData):
    drawn = ET.fromstring(draw_curves(data))
    curves = [group for group in drawn.iter("g") if "curve" in group.get("class", "")]
    dots = {g.find("circle").get("data-trial"): len(g.findall("circle")) for g in curves}
    assert dots == {"0000": 2, "0001": 2, "0002": 1, "0004": 1, "baseline-mlp_cgan": 2}
    kinds = {g.find("circle").get("data-trial"): g.get("class").split() for g in curves}
    assert "is-pruned" in kinds["0002"]
    assert kinds["baseline-mlp_cgan"][1] == "family-baseline"
    assert curves[-1].get("class") == "curve family-dcgan is-complete winner"  # on top


def test_lower_scores_stand_lower(data: ReportData):
    place = r'data-trial="0001" data-rung="\d" cx="([\d.]+)" cy="([\d.]+)"'
    found = re.findall(place, draw_curves(data))
    (x1, y1), (x2, y2) = [(float(x), float(y)) for x, y in found]
    assert x1 < x2
    assert y1 < y2  # from 4.0 to 1.0, and SVG counts downwards


def test_names_do_not_lie_upon_each_other(data: ReportData):
    baseline = data.baselines[0]
    twin = dataclasses.replace(baseline, name="baseline-twin")
    drawn = ET.fromstring(draw_curves(dataclasses.replace(data, trials=(*data.trials, twin))))
    tops = [float(t.get("y")) for t in drawn.iter("text") if "label" in t.get("class")]
    assert len(tops) == 3
    assert min(abs(a - b) for a, b in itertools.pairwise(tops)) >= 15 - 0.1


def test_a_study_without_scores_has_no_chart(tmp_path: Path):
    assert draw_curves(read_report(make_study(tmp_path / "s"))) == ""


def test_each_new_seed_is_a_dot_and_the_mean_an_upright_line(confirmed: ReportData):
    drawn = ET.fromstring(draw_confirmation(confirmed.confirmation))
    assert len(list(drawn.iter("circle"))) == 3 + 2
    uprights = [line for line in drawn.iter("line") if line.get("class") == "median"]
    means = [float(line.get("x1")) for line in uprights]
    dots = [float(circle.get("cx")) for circle in drawn.iter("circle")]
    assert means[0] == pytest.approx(dots[1])  # 1.4, 1.5 and 1.6
    assert dots[3] < means[1] < dots[4]
    assert [t.text for t in drawn.iter("text") if t.get("class") == "name first"] == ["0000"]


def effects(one: Slice) -> Effects:
    return Effects(8.0, len(one.points), (), (one,))


def test_few_values_stand_in_columns_with_a_bar_at_the_median():
    values = [(16, 1.0), (16, 2.0), (16, 9.0), (32, 4.0)]
    points = tuple(Point(str(i), "mlp", x, value) for i, (x, value) in enumerate(values))
    one = Slice("batch_size", (16, 32), is_log=False, points=points)
    drawn = ET.fromstring(draw_slice(one, effects(one)))
    assert len(list(drawn.iter("circle"))) == 4
    medians = [line for line in drawn.iter("line") if line.get("class") == "median"]
    tops = {round(float(c.get("cy")), 1) for c in drawn.iter("circle")}
    assert len(medians) == 2
    assert {round(float(line.get("y1")), 1) for line in medians} <= tops  # 2.0 and 4.0
    texts = [text.text for text in drawn.iter("text")]
    assert texts[-2:] == ["16", "32"]


def test_a_range_is_an_axis_of_its_own():
    points = tuple(Point(str(i), "dcgan", 10.0**-i, 1.0 + i) for i in range(8))
    one = Slice("generator.learning_rate", None, is_log=True, points=points)
    drawn = ET.fromstring(draw_slice(one, effects(one)))
    lefts = [float(circle.get("cx")) for circle in drawn.iter("circle")]
    steps = [a - b for a, b in itertools.pairwise(lefts)]
    assert steps == pytest.approx([steps[0]] * 7, abs=0.2)  # a decade each


def test_what_comes_from_files_is_escaped():
    points = (Point("0", "mlp", "<b>", 1.0), Point("1", "mlp", "x", 2.0))
    one = Slice("loss.name", ("<b>", "x"), is_log=False, points=points)
    assert "&lt;b&gt;" in draw_slice(one, effects(one))

"""Draw curves whose marks can be counted."""

import dataclasses
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from harness.reporting.charts.curves import (
    NARROW,
    WIDE,
    Box,
    ChartLabel,
    draw_curves,
    place_labels,
)
from harness.reporting.charts.svg import Layout
from harness.reporting.report_data import ReportData, read_report
from tests.reporting.studies import make_study


def dots_of(drawn: str) -> list[ET.Element]:
    return list(ET.fromstring(drawn).iter("circle"))


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
    dots = [dot for dot in dots_of(draw_curves(data)) if dot.get("data-trial") == "0001"]
    (x1, y1), (x2, y2) = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in dots]
    assert x1 < x2
    assert y1 < y2  # from 4.0 to 1.0, and SVG counts downwards


@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_names_stand_beside_their_own_last_dots(data: ReportData, layout: Layout):
    baseline = data.baselines[0]
    twin = dataclasses.replace(baseline, name="baseline-twin")
    drawn = ET.fromstring(
        draw_curves(dataclasses.replace(data, trials=(*data.trials, twin)), layout)
    )
    ends = {
        group.find("circle").get("data-trial").removeprefix("baseline-"): group.findall("circle")[
            -1
        ]
        for group in drawn.iter("g")
    }
    named = [text for text in drawn.iter("text") if "label" in text.get("class")]
    assert {text.text for text in named} >= {"0001", "0000", "mlp_cgan"}
    for text in named:
        x, y = float(text.get("x")), float(text.get("y"))
        own = ends[text.text]
        assert math.hypot(x - float(own.get("cx")), y - float(own.get("cy"))) < 30
        for name, dot in ends.items():
            # Its line runs from x, some seven pixels a letter, and stands a letter high.
            left = {"start": x, "end": x - 7 * len(text.text)}.get(text.get("text-anchor"), x)
            inside = left < float(dot.get("cx")) < left + 7 * len(text.text)
            assert not (inside and y - 10 < float(dot.get("cy")) < y), name


def test_axes_say_what_they_are(data: ReportData):
    said = [text.text for text in ET.fromstring(draw_curves(data)).iter("text")]
    assert "FID, lower is better" in said
    assert "kimg shown to the discriminator" in said


def test_the_axis_has_ticks_where_baselines_end_before_the_first_rung(data: ReportData):
    slow = data.baselines[0]
    early = dataclasses.replace(slow, rungs=(dataclasses.replace(slow.rungs[0], kimg=0.05),))
    drawn = ET.fromstring(draw_curves(dataclasses.replace(data, trials=(data.best, early))))
    ticks = [text.text for text in drawn.iter("text") if text.get("class") == "tick"]
    assert {"0.1", "1", "8", "32"} <= set(ticks)


def test_a_lone_dot_of_a_baseline_stands_at_its_kimg(data: ReportData):
    slow = data.baselines[0]
    early = dataclasses.replace(slow, rank=7, rungs=slow.rungs[:1])  # at the first rung, 8 kimg
    drawn = draw_curves(dataclasses.replace(data, trials=(data.best, early)))
    lefts = [dot.get("cx") for dot in dots_of(drawn) if dot.get("data-rung") == "0"]
    assert len(lefts) == 2  # the baseline's and the winner's
    assert len(set(lefts)) == 1


def test_the_dot_whose_generator_is_kept_is_marked(data: ReportData):
    better = dataclasses.replace(data.best.rungs[0], value=0.5)
    best = dataclasses.replace(data.best, rungs=(better, data.best.rungs[1]))
    drawn = ET.fromstring(draw_curves(dataclasses.replace(data, trials=(best,))))
    assert [c.get("data-rung") for c in drawn.iter("circle") if c.get("class")] == ["0"]


def test_a_study_without_scores_has_no_chart(tmp_path: Path):
    assert draw_curves(read_report(make_study(tmp_path / "s"))) == ""


ROOM = Box(0, 0, 400, 300)


def place(
    names: list[tuple[str, float, float]],
    dots: list[tuple[float, float]] = [],  # noqa: B006 - never changed
    lines: list[tuple[float, float]] = [],  # noqa: B006
) -> list[ChartLabel | None]:
    own = [(x, y) for _, x, y in names]
    return place_labels(names, [*own, *dots], lines, size=12, within=ROOM, radius=4)


def test_a_name_stands_to_the_right_of_its_dot():
    (label,) = place([("mlp", 100, 100)])
    assert (label.x, label.anchor) == (109, "start")
    assert label.box.distance(100, 100) == pytest.approx(9)


def test_at_the_edge_it_stands_to_the_left():
    (label,) = place([("a_long_name", 380, 100)])
    assert (label.x, label.anchor) == (371, "end")


def test_names_of_one_dot_lie_beside_it_and_not_upon_each_other():
    found = place([("one", 100, 100), ("two", 100, 100), ("three", 100, 100)])
    boxes = [label.box for label in found]
    assert all(box.distance(100, 100) < 12 for box in boxes)
    assert not any(a.overlaps(b) for a in boxes for b in boxes if a is not b)


def test_a_name_lies_upon_no_dot_though_it_is_of_the_same_height():
    (label,) = place([("name", 100, 100)], dots=[(125, 100)])
    assert label.anchor != "start"


def test_a_name_that_has_no_place_is_left_out():
    around = [(100 + dx, 100 + dy) for dx in (-14, 0, 14) for dy in (-14, 0, 14) if dx or dy]
    assert place([("name", 100, 100)], dots=around) == [None]


def test_no_name_is_nearer_to_another_dot():
    # To the right and the left there is none; above, the other dot would be nearer.
    blocked = [(118, 100), (82, 100)]
    (label,) = place([("name", 100, 100)], dots=[*blocked, (100, 74)])
    assert label is None or label.box.distance(100, 100) <= label.box.distance(100, 74)
    assert label is None or label.y > 100


def test_lines_are_kept_clear_where_that_is_possible():
    (label,) = place([("name", 100, 100)], lines=[(x, 100) for x in range(110, 200, 4)])
    assert label.anchor == "end"
    everywhere = [(x, y) for x in range(0, 400, 4) for y in range(0, 300, 4)]
    (label,) = place([("name", 100, 100)], lines=everywhere)
    assert label.anchor == "start"

"""Place names beside dots."""

import pytest

from harness.reporting.charts.curves import Box, ChartLabel, place_labels

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

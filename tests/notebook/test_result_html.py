"""Show what a study and a confirmation found, as a notebook is given it."""

import base64
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from harness import ConfirmationResult, HarnessError, StudyResult
from harness.notebook.chart_image import chart_image
from harness.study.leaderboard import rank, read_entries
from tests.reporting.studies import (
    confirmation,
    make_small_study,
    make_study,
)


def drawing_in(html: str) -> ElementTree.Element:
    """Return the one chart of a page, which is only drawn if it is sound XML."""
    (coded,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    return ElementTree.fromstring(base64.b64decode(coded))


def result_of(folder: Path) -> StudyResult:
    return StudyResult(folder, rank(read_entries(folder)))


@pytest.fixture
def study(tmp_path: Path) -> StudyResult:
    return result_of(make_small_study(tmp_path / "small"))


def test_a_study_shows_its_leaderboard_and_its_curves(study: StudyResult, tmp_path: Path):
    html = study._repr_html_()
    assert "<b>small</b>" in html
    assert str(tmp_path) not in html
    places = [html.index(f">{entry.name}<") for entry in study.ranked]
    assert places == sorted(places)
    best = study.ranked[0]
    assert best.outcome.final.text in html
    drawn = drawing_in(html)
    circles = drawn.iter("{http://www.w3.org/2000/svg}circle")
    assert {each.get("data-trial") for each in circles} >= {best.name}
    assert ".curve" in next(drawn.iter("{http://www.w3.org/2000/svg}style")).text
    assert repr(study).startswith("<StudyResult small: ")
    assert best.name in repr(study)
    assert len(repr(study)) < 200


def test_the_grid_is_that_of_the_winners_kept_generator(study: StudyResult):
    assert study.grid.size[0] > study.grid.size[1]  # two classes: two rows of ten
    for file in study.winner.folder.path.glob("grids/*.png"):
        file.unlink()
    with pytest.raises(HarnessError, match="has no grid to show: the file of its winner's is go"):
        _ = study.grid


def test_a_study_without_a_score_says_so(tmp_path: Path):
    study = result_of(make_study(tmp_path / "empty"))
    assert "none ended" in study._repr_html_()
    assert "<img" not in study._repr_html_()
    with pytest.raises(HarnessError, match="no generator is sound yet"):
        _ = study.grid


def test_names_of_others_are_no_html(tmp_path: Path):
    folder = make_small_study(tmp_path / "small").rename(tmp_path / "<b>x")
    assert "<b>&lt;b&gt;x</b>" in result_of(folder)._repr_html_()
    text = chart_image(Markup("<svg a=''><g/></svg>"), text='"><script>', width=10)
    assert "<script>" not in text
    assert chart_image(Markup(""), text="", width=10) == ""


def test_a_confirmation_shows_its_candidates_and_their_seeds():
    found = confirmation()
    shown = ConfirmationResult(Path("studies/small"), found)
    html = shown._repr_html_()
    for each in found.candidates:
        assert each.text in html
    dots = drawing_in(html).iter("{http://www.w3.org/2000/svg}circle")
    seeds = [seed for each in found.candidates for seed in each.seeds if seed.test]
    assert len(list(dots)) == len(seeds)
    assert repr(shown).startswith("<ConfirmationResult small: ")

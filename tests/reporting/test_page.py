"""Put a report together as one file."""

import dataclasses
import html.parser
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.core.locks import lock_folder
from harness.core.outcome import Reason
from harness.reporting.page import (
    example_search,
    keep_current,
    render_page,
    value_text,
    write_page,
)
from harness.reporting.report_data import Exported, ReportData, read_report
from harness.reporting.trials import Sample
from harness.training.grid import draw_grid
from tests.reporting.studies import (
    Clock,
    add_samples,
    add_training,
    config,
    make_small_study,
    make_study,
    score,
)


@pytest.fixture(scope="module")
def page(data: ReportData) -> str:
    return render_page(data)


class Reader(html.parser.HTMLParser):
    """Collect a page's tags, and complain of those that do not close in order."""

    VOID = frozenset({"meta", "link", "img", "input", "br", "wbr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_tags_close_in_order_and_ids_are_unique(page: str):
    reader = Reader(page)
    assert reader.open == []
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_needs_no_other_file(page: str):
    outside = [
        address
        for _, attributes in Reader(page).tags
        for key in ("src", "href")
        if (address := attributes.get(key)) and not address.startswith(("data:", "#"))
    ]
    assert outside == []
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src 'none'" in page  # the browser holds it to that


def test_every_image_tells_what_it_shows(page: str, data: ReportData):
    images = Reader(page).all("img")
    assert [each for each in images if not each.get("alt") and "hidden" not in each] == []
    assert any("a row each: shirt, shoe" in (each.get("alt") or "") for each in images)
    details = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])["trials"]
    assert set(details) == {trial.name for trial in data.trials}
    frames = [frame for trial in details.values() for frame in trial["rungs"]]
    assert all(frame["alt"] for frame in frames)


def test_the_winner_is_told_with_its_scores_and_what_was_searched(page: str):
    assert "The winner: trial 0001, dcgan" in page
    assert "<strong>1.100</strong>" in page
    assert "1.000 to&nbsp;1.200" in page
    assert "<dt>generator.<wbr>learning_rate</dt><dd>0.002</dd>" in page
    assert "2 frames, one a rung. It opens at the rung whose generator is kept." in page


def test_a_confirmation_is_told_with_its_seeds_and_the_luck(confirmed: ReportData):
    text = render_page(confirmed)
    assert Reader(text).open == []
    assert "The confirmed winner: trial 0000, mlp" in text
    assert "<strong>1.500</strong>" in text
    assert "test split, mean of 3 new seeds" in text
    assert "4.400 of it was luck" in text  # 0001: 1.1 in the search, 5.5 again
    assert '<td class="wide">2, out</td><td>10 %</td>' in text
    # Scores of the validation split and of the test split never stand together unnamed.
    winner = text[text.index('id="winner"') : text.index('id="confirmation"')]
    assert winner.count(f"<code>{confirmed.protocol.fingerprint}</code>") == 2
    assert winner.count(f"<code>{confirmed.confirmation.protocol.fingerprint}</code>") == 1


def test_failures_are_told_and_escaped(page: str):
    assert "It ended &lt;as&gt; diverged." in page
    assert "It ended <as>" not in page


def test_cost_and_reproduction_are_told(page: str):
    # 129 seconds spent and 72 saved, of 201.
    assert "pruning saved 36 %" in page
    assert "beside it: baselines 32 s." in page
    assert "--seed 3 --trials 5 --baselines" in page
    assert "generator.learning_rate:" in page  # the search space itself


def test_a_page_that_follows_a_sweep_says_so(data: ReportData, page: str):
    assert "<body data-follows>" in render_page(data, follows=True)
    assert "data-follows" not in page


def test_a_study_that_has_only_begun_has_a_page(tmp_path: Path):
    text = render_page(read_report(make_study(tmp_path / "s")))
    assert Reader(text).open == []
    assert "No winner yet" in text


def test_rows_have_no_names_where_they_do_not_fit(data: ReportData):
    names = ("one", "two", "three")  # the grids have two rows
    other = dataclasses.replace(data.record, class_names=names)
    assert 'class="rows"' not in render_page(dataclasses.replace(data, record=other))


def test_an_unconditional_winner_has_no_classes(tmp_path: Path):
    folder = make_study(tmp_path / "s")
    unconditional = config(conditional=False)
    add_training(
        folder / "trials" / "0000", [2.0, 1.0], Reason.FINISHED, of=unconditional, final=1.0
    )
    assert 'class="rows"' not in render_page(read_report(folder))


def test_a_training_without_pictures_has_a_page(tmp_path: Path):
    folder = make_small_study(tmp_path / "s")
    for grid in folder.glob("*/*/grids/*.png"):
        grid.unlink()
    text = render_page(read_report(folder))
    assert Reader(text).open == []
    assert "It has no grid" in text


def test_writing_replaces_the_page(data: ReportData, tmp_path: Path):
    path = write_page(data, tmp_path / "reports" / "small")
    assert path.name == "index.html"
    assert write_page(data, tmp_path / "reports" / "small") == path
    assert [each.name for each in path.parent.iterdir()] == ["index.html"]


def test_the_film_says_which_of_its_frames_are_scored(tmp_path: Path):
    folder = make_study(tmp_path / "s")
    training = add_training(folder / "trials" / "0000", [1.0, 2.0], Reason.FINISHED, final=1.1)
    add_samples(training, range(4, 33, 4))
    text = render_page(read_report(folder))
    assert "8 frames, of which 2 are rungs with their FID; between them nothing was" in text
    assert "<span>8 kimg</span> <span>FID 1.000 (0.900 to 1.100)</span>" in text  # not the last
    film = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])["film"]
    assert [frame["score"][:9] for frame in film[:3]] == ["", "FID 1.000", ""]
    assert film[0]["alt"] == "Images generated by trial 0000 at 4 kimg"


def test_a_test_score_names_the_training_whose_file_it_is(confirmed: ReportData):
    test = dataclasses.replace(score(1.3, 32), protocol=confirmed.confirmation.protocol)
    exported = Exported("0000-s2", test, ("keras",))
    text = render_page(dataclasses.replace(confirmed, exported=exported))
    assert "test split, by the exported file of 0000-s2, the winner trained again" in text


def test_baselines_are_told_with_their_times_on_one_footing(tmp_path: Path):
    folder = make_study(tmp_path / "s")
    clock = Clock(per_kimg=1.0, compiling=10, per_score=2)
    add_training(folder / "trials" / "0000", [2.0, 1.0], Reason.FINISHED, final=1.1, clock=clock)
    given = dataclasses.replace(clock, allowed=45.0)
    add_training(folder / "baselines" / "mlp_cgan", [8.0], Reason.FINISHED, final=8.1, clock=given)
    add_training(
        folder / "baselines" / "keras_cgan", [9.0], Reason.FINISHED, final=9.1, clock=clock
    )
    text = render_page(read_report(folder))
    times = re.findall(r"<dt>(?:training|scoring, saving|it was given)</dt><dd>(.*?)</dd>", text)
    # The winner compiles for 10 s, trains 32 kimg, compiles its first score and has three.
    assert times[:3] == ["42 s for 32 kimg", "16 s", "32 kimg"]
    assert times[3:6] == ["18 s for 8 kimg", "14 s", "45 s"]
    assert times[6:] == ["18 s for 8 kimg", "14 s", "not noted"]


def test_the_example_in_the_filter_finds_the_winner(data: ReportData):
    assert example_search(data) == "dcgan batch_size=16"
    assert 'placeholder="e.g. dcgan batch_size=16"' in render_page(data)


@pytest.mark.slow
def test_a_page_of_noise_stays_below_fifteen_megabytes(data: ReportData, tmp_path: Path):
    noise = np.random.default_rng(0)
    grids = []
    for index in range(28):
        images = noise.integers(0, 256, (100, 32, 32, 3), dtype=np.uint8)
        grids.append(tmp_path / f"{index}.png")
        draw_grid(images).save(grids[-1])
    best = data.best
    rungs = tuple(
        # The study's search space has two rungs.
        dataclasses.replace(best.rungs[0], index=min(index, 1), kimg=kimg, grid=grid)
        for index, (kimg, grid) in enumerate(zip((5.0, 25.0, 125.0), grids, strict=False))
    )
    samples = tuple(Sample(5.0 * n + 2, grid) for n, grid in enumerate(grids[3:], start=1))
    trials = tuple(
        dataclasses.replace(best, name=f"{number:04d}", rungs=rungs, samples=samples)
        for number in range(50)
    )
    text = render_page(dataclasses.replace(data, trials=trials, winner="0000"))
    assert len(json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])["film"]) == 28
    assert 9e6 < len(text) < 15e6  # what there is room for is used


def test_values_are_written_for_people():
    values = (True, 0.000123456, None, 16, "hinge", [1, 2])
    assert [value_text(value) for value in values] == [
        "yes",
        "0.0001235",
        "-",
        "16",
        "hinge",
        "[1, 2]",
    ]


@pytest.fixture
def study(small_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_study, tmp_path / "small"))


def test_without_a_sweep_it_writes_once(study: Path):
    written: list[bool] = []
    keep_current(study, written.append, every_seconds=60)
    assert written == [False]


def test_it_writes_when_something_changes_until_the_sweep_ends(study: Path):
    written: list[bool] = []
    sweep = lock_folder(study, "taken")

    def write(running: bool) -> None:
        written.append(running)
        if len(written) == 1:
            add_training(study / "trials" / "0005", [3.0], Reason.OUTRANKED)
        else:
            sweep.close()

    keep_current(study, write, every_seconds=0.01)
    assert written == [True, True, False]


def test_it_leaves_alone_what_does_not_change(study: Path, monkeypatch: pytest.MonkeyPatch):
    written: list[bool] = []
    sweep = lock_folder(study, "taken")
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            sweep.close()

    monkeypatch.setattr("harness.reporting.page.time.sleep", sleep)
    keep_current(study, written.append, every_seconds=5)
    assert written == [True, False]
    assert looks == [5, 5, 5]

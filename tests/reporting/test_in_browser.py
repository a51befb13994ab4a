"""Use a report the way a reader does: a real Chromium without a network."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.reporting.page import write_page
from harness.reporting.report_data import ReportData
from tests.browser import started_browser

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

PHONE = {"width": 390, "height": 800}
DESK = {"width": 1400, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> str:
    # Twenty more trials, so that the leaderboard is cut.
    more = [
        dataclasses.replace(data.trials[3], name=f"01{number:02d}", rank=10 + number)
        for number in range(20)
    ]
    many = dataclasses.replace(data, trials=(*data.trials, *more))
    return write_page(many, tmp_path_factory.mktemp("report")).as_uri()


def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """Open a page without a network; complain of whatever the browser complained of."""
    context = browser.new_context(offline=True, **options)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    yield from opened(browser, address, viewport=DESK)


@pytest.fixture
def phone(browser: Any, address: str) -> Iterator[Any]:
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    yield from opened(browser, address, **options)


def shown(page: Any, column: int = 2) -> list[str]:
    """Return the texts of a column of the leaderboard, of the rows that can be seen."""
    cells = page.locator(f"#board tbody tr:not([hidden]) td:nth-child({column})")
    return [text.strip() for text in cells.all_inner_texts()]


def test_the_slider_moves_the_film(page: Any):
    slider, image = page.get_by_label("Moment of the training"), page.locator("#film img")
    last = image.get_attribute("src")
    assert page.locator("#moment").inner_text() == "32 kimg · FID 1.000 (0.900 to 1.100)"
    slider.press("ArrowLeft")
    assert page.locator("#moment").inner_text() == "8 kimg · FID 4.000 (3.900 to 4.100)"
    assert image.get_attribute("src") != last
    assert "trial 0001 at 8 kimg" in image.get_attribute("alt")
    slider.fill("1")
    assert image.get_attribute("src") == last


def test_the_film_plays_to_its_end(page: Any):
    page.get_by_label("Play the film").click()
    assert page.locator("#moment").inner_text().startswith("8 kimg")
    expect(page.locator("#moment")).to_contain_text("32 kimg")
    expect(page.locator("#play")).to_have_text("▶")


def test_the_leaderboard_sorts_by_any_column_and_keeps_what_is_missing_last(page: Any):
    header = page.get_by_role("columnheader", name="best rung")
    header.get_by_role("button").click()
    assert shown(page)[:4] == ["0001", "0000", "0004", "mlp_cgan"]  # 1, 2, 6 and 7
    assert header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").press("Enter")
    assert shown(page)[0] == "0002"  # 9, as those made after it
    assert header.get_attribute("aria-sort") == "descending"
    page.locator("#more").click()
    assert shown(page)[-1] == "0003"  # never scored, whichever way


def test_the_leaderboard_filters_by_words_and_states(page: Any):
    assert len(shown(page)) == 12
    assert page.locator("#found").inner_text() == "26 of 26"
    page.get_by_role("button", name="Show all 26").click()
    assert len(shown(page)) == 26
    page.get_by_label("Find").fill("DCGAN loss.name=non_sat")
    assert shown(page) == ["0001"]
    assert page.locator("#found").inner_text() == "1 of 26"
    page.get_by_label("Find").fill("")
    page.get_by_label("pruned").uncheck()
    page.get_by_label("complete").uncheck()
    assert shown(page) == ["mlp_cgan", "0003", "0004"]
    page.get_by_label("Find").fill("nothing like it")
    assert shown(page) == []


def test_pointing_at_a_dot_shows_the_images_of_that_moment(page: Any):
    said, image = page.locator("#inspected"), page.locator("#inspected-image")
    assert said.inner_text().startswith("trial 0001, dcgan: FID 1.000")
    before = image.get_attribute("src")
    page.locator('circle[data-trial="0002"]').hover()
    assert said.inner_text().startswith("trial 0002, mlp: FID 9.000")
    assert "Pruned (outranked): 8 kimg in 24 s" in said.inner_text()
    assert "trial 0002 at 8 kimg" in image.get_attribute("alt")
    assert image.get_attribute("src") != before


def test_the_curves_are_read_by_the_keyboard(page: Any):
    said = page.locator("#inspected")
    page.locator("#plot").focus()
    page.keyboard.press("ArrowLeft")
    assert said.inner_text().startswith("trial 0001, dcgan: FID 4.000")
    page.keyboard.press("ArrowDown")  # the next better one at that rung is 0001 itself
    assert said.inner_text().startswith("trial 0001, dcgan: FID 4.000")
    page.keyboard.press("ArrowUp")
    assert said.inner_text().startswith("trial 0000, mlp: FID 5.000")
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog").get_by_role("heading").inner_text() == "trial 0000, mlp"
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


def test_a_trial_opens_with_all_its_grids_and_its_configuration(page: Any):
    page.locator("#board").get_by_role("button", name="0001").click()
    dialog = page.get_by_role("dialog")
    assert dialog.locator("img").count() == 2
    assert "Finished: 32 kimg in 64 s" in dialog.inner_text()
    assert dialog.locator("dt").first.inner_text() == "generator.name"  # what was searched first
    dialog.get_by_label("Close").click()
    assert not dialog.is_visible()


def test_every_image_is_drawn_and_has_a_text(page: Any):
    page.locator("#board").get_by_role("button", name="0001").click()
    faulty = page.evaluate(
        """async () => {
          const shown = [...document.images].filter((image) => image.src);
          const drawn = await Promise.allSettled(shown.map((image) => image.decode()));
          return shown.filter((image, i) => !image.alt || drawn[i].status === "rejected").length;
        }"""
    )
    assert faulty == 0


def test_all_that_can_be_used_has_a_name(page: Any):
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, [tabindex]')].filter((each) =>
        !(each.textContent || each.ariaLabel || each.labels?.length || each.hidden)).length"""
    )
    assert nameless == 0


def test_a_phone_shows_it_all_without_scrolling_sideways(phone: Any):
    assert phone.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    phone.locator('circle[data-trial="0002"]').tap()
    assert phone.locator("#inspected").inner_text().startswith("trial 0002")


def test_dark_follows_the_system_and_can_be_switched(phone: Any):
    def lightness() -> int:
        return phone.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.slice(4))")

    assert lightness() < 60
    phone.get_by_label("Switch between light and dark").tap()
    assert lightness() > 200


def test_a_page_that_follows_a_sweep_loads_again_and_keeps_its_filter(
    browser: Any, data: ReportData, tmp_path: Path
):
    address = write_page(data, tmp_path, follows=True).as_uri()
    for page in opened(browser, address, viewport=DESK):
        page.clock.install()
        page.goto(address)
        page.get_by_label("Find").fill("0002")
        page.evaluate("window.old = true")
        page.clock.run_for(10_000)
        page.keyboard.press("Shift")
        page.clock.run_for(6_000)
        assert page.evaluate("window.old")  # looked at 15 s: not under somebody's hands
        with page.expect_navigation():
            page.clock.run_for(15_000)  # and at 30 s
        assert page.evaluate("window.old") is None
        assert page.get_by_label("Find").input_value() == "0002"
        assert shown(page) == ["0002"]
        page.get_by_role("button", name="Pause").click()
        page.evaluate("window.old = true")
        page.clock.run_for(100_000)
        assert page.evaluate("window.old")

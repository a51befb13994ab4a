"""Use a report the way a reader does: a real Chromium without a network."""

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from harness.core.outcome import Reason
from harness.reporting.page import write_page
from harness.reporting.report_data import ReportData, read_report
from tests.reporting.studies import add_samples, add_training, make_study, score
from tests.support.browser import started_browser

NARROW = {"width": 390, "height": 800}
PHONE_OPTIONS: dict[str, Any] = {
    "viewport": NARROW,
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "dark",
}
WIDE = {"width": 1400, "height": 900}


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
    yield from opened(browser, address, viewport=WIDE)


@pytest.fixture
def phone(browser: Any, address: str) -> Iterator[Any]:
    yield from opened(browser, address, **PHONE_OPTIONS)


def shown(page: Any, column: int = 2) -> list[str]:
    """Return the texts of a column of the leaderboard, of the rows that can be seen."""
    cells = page.locator(f"#board tbody tr:not([hidden]) td:nth-child({column})")
    return [text.strip() for text in cells.all_inner_texts()]


def test_the_slider_moves_the_film(page: Any):
    slider, image = page.get_by_label("Moment of the training"), page.locator("#film img")
    last = image.get_attribute("src")
    said = page.locator("#moment")
    assert said.inner_text().split() == ["32", "kimg", "FID", "1.000", "(0.900", "to", "1.100)"]
    slider.press("ArrowLeft")
    assert said.inner_text().split() == ["8", "kimg", "FID", "4.000", "(3.900", "to", "4.100)"]
    assert image.get_attribute("src") != last
    assert "trial 0001 at 8 kimg" in image.get_attribute("alt")
    slider.fill("1")
    assert image.get_attribute("src") == last


@pytest.fixture(scope="module")
def filmed_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a page whose winner was best at the first of two rungs, with samples between."""
    folder = make_study(tmp_path_factory.mktemp("filmed") / "s")
    training = add_training(folder / "trials" / "0000", [1.0, 2.0], Reason.FINISHED, final=1.1)
    add_samples(training, range(4, 33, 4))
    return write_page(read_report(folder), tmp_path_factory.mktemp("report")).as_uri()


def test_the_film_opens_at_the_moment_whose_generator_is_kept(browser: Any, filmed_address: str):
    for page in opened(browser, filmed_address, viewport=WIDE):
        slider, moment = page.get_by_label("Moment of the training"), page.locator("#moment")
        assert moment.inner_text().split() == [
            "8",
            "kimg",
            "FID",
            "1.000",
            "(0.900",
            "to",
            "1.100)",
        ]
        assert "at 8 kimg" in page.locator("#film img").get_attribute("alt")
        assert "FID 1.000" in page.locator("#inspected").inner_text()
        box = slider.bounding_box()
        slider.press("ArrowRight")
        assert moment.inner_text().strip() == "12 kimg"  # nothing was scored then
        assert "trial 0000 at 12 kimg" in page.locator("#film img").get_attribute("alt")
        assert slider.bounding_box() == box  # it stays under the finger


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
    nothing = page.get_by_text("No training matches “nothing like it” among the outcomes that")
    assert nothing.is_visible()
    page.get_by_label("Find").fill("")
    assert not nothing.is_visible()


def test_the_example_in_the_filter_finds_something_and_is_not_cut(page: Any, phone: Any):
    for each in (page, phone):
        box = each.get_by_label("Find")
        example = box.get_attribute("placeholder")
        room = box.evaluate(
            """(input) => {
              const style = getComputedStyle(input), pen = document.createElement("canvas");
              const context = pen.getContext("2d");
              context.font = style.font;
              const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
              return input.clientWidth - padding - context.measureText(input.placeholder).width;
            }"""
        )
        assert room > 0
        box.fill(example.removeprefix("e.g. "))
        assert "0001" in shown(each)


def test_of_dots_that_coincide_the_one_on_top_is_shown(
    browser: Any, data: ReportData, tmp_path: Path
):
    twin = dataclasses.replace(data.best, name="0009", rank=9)  # drawn before the winner
    both = dataclasses.replace(data, trials=(*data.trials, twin))
    for page in opened(browser, write_page(both, tmp_path).as_uri(), viewport=WIDE):
        dot = page.locator('circle[data-trial="0009"][data-rung="0"]:visible')
        dot.scroll_into_view_if_needed()
        place = dot.bounding_box()
        page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        assert page.locator("#inspected").inner_text().startswith("trial 0001, dcgan: FID 4.000")


def test_pointing_at_a_dot_shows_the_images_of_that_moment(page: Any):
    said, image = page.locator("#inspected"), page.locator("#inspected-image")
    assert said.inner_text().startswith("trial 0001, dcgan: FID 1.000")
    before = image.get_attribute("src")
    page.locator('circle[data-trial="0002"]:visible').hover()
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
    assert phone.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    phone.locator('circle[data-trial="0002"]:visible').tap()
    assert phone.locator("#inspected").inner_text().startswith("trial 0002")


def is_on_screen(cell: Any) -> bool:
    """Return whether a cell and all that it says lie between the sides of the phone."""
    box = cell.bounding_box()
    overflow = cell.evaluate("(cell) => cell.scrollWidth - cell.clientWidth")
    return box["x"] >= 0 and box["x"] + box["width"] <= NARROW["width"] and overflow <= 0


def test_a_phone_shows_the_final_scores_without_scrolling(
    browser: Any, data: ReportData, tmp_path: Path
):
    # The longest name of a preset, scores of two digits, and the longest endings.
    baseline = data.baselines[0]
    final = dataclasses.replace(score(31.234, 32), interval=(29.5, 33.0))
    wide = dataclasses.replace(
        baseline,
        name="baseline-reference_dcgan",
        outcome=dataclasses.replace(baseline.outcome, final=final),
    )
    ended = dataclasses.replace(data.trials[4].outcome, reason=Reason.DISCRIMINATOR_WON)
    lost = dataclasses.replace(data.trials[4], outcome=ended)
    address = write_page(
        dataclasses.replace(data, trials=(*data.trials, wide, lost)), tmp_path
    ).as_uri()
    for phone in opened(browser, address, **PHONE_OPTIONS):
        finals = phone.locator("#board tbody tr:not([hidden]) td:nth-child(5):visible").all()
        assert len(finals) == 8
        assert all(map(is_on_screen, finals))
        assert is_on_screen(phone.locator("#board").get_by_text("±1.766").first)
        assert not scrolls_sideways(phone, "#board")


def test_a_phone_shows_what_new_seeds_found_without_scrolling(
    browser: Any, confirmed: ReportData, tmp_path: Path
):
    for phone in opened(browser, write_page(confirmed, tmp_path).as_uri(), **PHONE_OPTIONS):
        row = phone.locator("#confirmation tbody tr").first.locator("th, td")
        seen = [cell for cell in row.all() if cell.is_visible()]
        said = " ".join(cell.inner_text() for cell in seen)
        # Trial, mean with its interval, probability, luck, and the scores it is the difference of.
        assert all(part in said for part in ("0000", "1.500", "±0.500", "90 %", "2.200 → 1.500"))
        assert all(map(is_on_screen, seen))
        assert not scrolls_sideways(phone, "#confirmation table")


def scrolls_sideways(page: Any, table: str) -> bool:
    return page.evaluate(
        "(name) => { const box = document.querySelector(name).closest('.scroll');"
        "return box.scrollWidth > box.clientWidth; }",
        table,
    )


def test_a_table_that_scrolls_sideways_shows_a_shadow_at_its_edge(browser: Any, address: str):
    narrow = PHONE_OPTIONS | {"viewport": {"width": 240, "height": 800}}
    for phone in opened(browser, address, **narrow):
        assert scrolls_sideways(phone, "#board")
        frame = phone.locator(".scroll:has(#board)")
        frame.evaluate("(box) => scrollTo(0, box.getBoundingClientRect().top + scrollY - 200)")
        left, right = edges(phone, frame.bounding_box())
        assert right > left + 8  # in the dark a light edge: there is more to the right
        frame.evaluate("(box) => { box.scrollLeft = box.scrollWidth; }")
        left, right = edges(phone, frame.bounding_box())
        assert left > right + 8


def edges(page: Any, place: dict[str, float]) -> tuple[int, int]:
    """Return the brightness of a box at its left and right edge, above the lines of its table."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("L")
    left, top = round(place["x"]), round(place["y"]) + 3
    return image.getpixel((left + 1, top)), image.getpixel((left + round(place["width"]) - 2, top))


def test_curves_on_a_phone_are_large_enough_to_read_and_to_tap(phone: Any):
    heights = phone.evaluate(
        """[...document.querySelectorAll("#plot text")].map((text) => {
          const scale = text.ownerSVGElement.getBoundingClientRect().width
            / text.ownerSVGElement.viewBox.baseVal.width;
          return [scale * parseFloat(getComputedStyle(text).fontSize), text.textContent];
        }).filter(([size]) => size)"""
    )
    assert min(size for size, _ in heights) >= 11
    assert "0001" in [text for _, text in heights]  # the leader has its name
    dot = phone.locator('circle[data-trial="0000"]:visible').first.bounding_box()
    assert dot["width"] >= 8


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
    for page in opened(browser, address, viewport=WIDE):
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

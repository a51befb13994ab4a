"""Play with generators the way a visitor does: a real Chromium, the real runtime, Keras beside."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from harness.cli.local_server import LocalServer
from harness.core.files import write_json
from harness.exporting.explorer import Draw, add_explorer, main_directions
from harness.exporting.explorer_files import BundleFiles
from harness.exporting.formats import write_format
from harness.gan.config.config import GANConfig
from harness.gan.networks.generators import build_generator
from harness.gan.sampling import Sampler
from tests.support.browser import started_browser

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}
NAMES = ("boot", "bag", "shirt", "dress")


@dataclasses.dataclass(frozen=True)
class Served:
    """Hold a bundle with an explorer, its address, and the generator that it was made of."""

    folder: Path
    generator: keras.Model
    address: str

    @property
    def directions(self) -> list[dict[str, Any]]:
        return json.loads((self.folder / "explorer" / "directions.json").read_text())

    def pixels(self, noise: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return what this package makes of noise: what is scored and drawn everywhere else."""
        return Sampler(self.generator)._generate(noise.astype(np.float32), labels).numpy()


def make_generator(folder: Path, config: GANConfig, shape: tuple[int, int, int]) -> keras.Model:
    """Write a generator as a bundle has it."""
    folder.mkdir()
    keras.utils.set_random_seed(0)
    names = NAMES if config.conditional else ()
    generator = build_generator(config, shape, len(names))
    for layer in generator.layers:  # an untrained network draws grey, whatever it is given
        layer.set_weights([weights * 4 for weights in layer.get_weights()])
    generator({each.name: np.zeros((1, *each.shape[1:]), each.dtype) for each in generator.inputs})
    write_format("onnx", generator, folder / "generator.keras", folder / "generator.onnx")
    description = {
        "title": "A generator of shoes & <b>bags</b>",
        "latent_dim": config.generator.latent_dim,
        "output": config.generator.output,
        "class_names": names,
    }
    write_json(folder / "generator.json", description)
    return generator


def served(folder: Path, config: GANConfig, image_shape: tuple[int, int, int]) -> Iterator[Served]:
    generator = make_generator(folder, config, image_shape)
    assert add_explorer(folder) is None
    with LocalServer(BundleFiles(folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Served(folder, generator, server.address)
        server.shutdown()


@pytest.fixture(scope="module")
def by_class(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {"name": "dcgan", "latent_dim": 12, "width": 4, "embedding_dim": 4}
    config = GANConfig.model_validate({"conditional": True, "generator": settings})
    folder = tmp_path_factory.mktemp("by_class") / "bundle"
    yield from served(folder, config, (28, 28, 1))


@pytest.fixture(scope="module")
def coloured(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {"name": "mlp", "latent_dim": 3, "width": 8, "depth": 1, "output": "sigmoid"}
    config = GANConfig.model_validate({"conditional": False, "generator": settings})
    folder = tmp_path_factory.mktemp("coloured") / "bundle"
    yield from served(folder, config, (16, 20, 3))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started_browser() as browser:
        yield browser


def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """Open a page; complain of what the browser complained of, and of requests elsewhere."""
    context = browser.new_context(**options)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    settle(page)
    yield page
    assert said == []
    home = address.removesuffix("explorer.html")
    assert [url for url in asked if not url.startswith((home, "data:", "blob:"))] == []
    context.close()


@pytest.fixture(scope="module")
def visited(browser: Any, by_class: Served) -> Iterator[Any]:
    yield from opened(browser, by_class.address, viewport=WIDE)


@pytest.fixture
def page(visited: Any) -> Any:
    """Return the page with every control as it was at first; to load it takes a second."""
    visited.evaluate("document.getElementById('controls').reset()")
    visited.locator("#reset-directions").click()
    settle(visited)
    return visited


def settle(page: Any) -> None:
    expect(page.locator("#pictures")).to_have_attribute("aria-busy", "false", timeout=20_000)


def draw(page: Any, noise: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the images that the page's network draws."""
    drawn = page.evaluate(
        """async ([noise, labels]) => {
          const images = await window.explorer.draw(noise, labels);
          return { ...images, pixels: Array.from(images.pixels) };
        }""",
        [noise.tolist(), labels.tolist()],
    )
    shape = [drawn[side] for side in ("count", "height", "width", "channels")]
    return np.array(drawn["pixels"]).reshape(shape)


def noise_of(page: Any, seed: int, count: int) -> np.ndarray:
    return np.array(page.evaluate("([s, n]) => window.explorer.noiseOf(s, n)", [seed, count]))


def picture(page: Any, side: tuple[int, int] = (28, 28)) -> np.ndarray:
    """Return what the canvas shows, without its enlargement, (height, width, 3)."""
    settle(page)
    height, width, pixels = page.evaluate(
        """([height, width]) => {
          const canvas = document.getElementById("pictures");
          const columns = Math.ceil(Math.sqrt(Number(document.getElementById("count").value)));
          const scale = canvas.width / (columns * (width + 1) - 1);
          const size = [canvas.height / scale, canvas.width / scale];
          const small = new OffscreenCanvas(size[1], size[0]).getContext("2d");
          small.imageSmoothingEnabled = false;
          small.drawImage(canvas, 0, 0, size[1], size[0]);
          return [...size, Array.from(small.getImageData(0, 0, size[1], size[0]).data)];
        }""",
        side,
    )
    return np.array(pixels).reshape(height, width, 4)[:, :, :3]


def tiles(page: Any, count: int, side: int = 28) -> np.ndarray:
    """Return the images that the canvas shows, (count, side, side); grey ones."""
    shown = picture(page)[:, :, 0]
    columns = int(np.ceil(np.sqrt(count)))
    places = [divmod(index, columns) for index in range(count)]
    down = (len(shown) + 1) // (places[-1][0] + 1)  # a row's images, names and gap
    return np.stack([shown[y * down :, x * (side + 1) :][:side, :side] for y, x in places])


def difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("which", ["by_class", "coloured"])
def test_the_images_equal_those_of_keras(browser: Any, which: str, request: pytest.FixtureRequest):
    bundle: Served = request.getfixturevalue(which)
    latent_dim = {"by_class": 12, "coloured": 3}[which]
    noise = np.random.default_rng(1).standard_normal((50, latent_dim)).astype(np.float32)
    labels = np.arange(50, dtype=np.int32) % 4
    for page in opened(browser, bundle.address):
        drawn = draw(page, noise, labels)
        expected = bundle.pixels(noise, labels)
        assert drawn.shape == expected.shape
        assert difference(drawn, expected) <= 1
        assert expected.std() > 20
        assert len(np.unique(expected, axis=0)) == 50


def test_the_canvas_shows_the_seeds_images_of_all_classes_in_turn(page: Any, by_class: Served):
    page.get_by_role("combobox", name="Images").select_option("9")
    labels = np.arange(9, dtype=np.int32) % 4
    expected = by_class.pixels(noise_of(page, 0, 9), labels)[..., 0]
    assert difference(tiles(page, 9), expected) <= 1
    label = page.get_by_role("img").get_attribute("aria-label")
    assert label == "Generated: 9 images, seed 0, in turn: boot, bag, shirt, dress"


def test_each_image_has_its_class_below_where_all_are_shown(page: Any):
    page.get_by_role("combobox", name="Images").select_option("9")
    shown = picture(page)
    # 28 pixels of an image, 28 / 6 = 5 of its name, and one between two rows.
    assert shown.shape == (3 * (28 + 5 + 1) - 1, 3 * (28 + 1) - 1, 3)
    page.evaluate("scrollTo(0, 0)")
    box = page.get_by_role("img").bounding_box()
    assert box["y"] + box["height"] < WIDE["height"]  # seen as a whole, and not distorted
    assert box["height"] / box["width"] == pytest.approx(shown.shape[0] / shown.shape[1], 0.01)
    names = [shown[28:33, x * 29 : x * 29 + 28].astype(int) for x in range(3)]
    paper = shown[-1, -1].astype(int)  # below a name nothing is written
    assert all(np.abs(name - paper).max() > 100 for name in names)
    assert all((names[a] != names[b]).any() for a, b in ((0, 1), (0, 2), (1, 2)))
    page.get_by_role("combobox", name="Class").select_option("bag")
    assert picture(page).shape == (3 * (28 + 1) - 1, 3 * (28 + 1) - 1, 3)


@pytest.mark.parametrize(("typed", "used"), [("-7", "0"), ("1e9", "999999"), ("2.6", "3")])
def test_a_seed_that_there_is_not_becomes_the_nearest_in_its_field(
    page: Any, typed: str, used: str
):
    field = page.get_by_label("From seed")
    field.fill(typed)
    expect(field).to_have_value(used)
    expect(page.locator("#caption")).to_have_text(f"16 images, seed {used}")


def test_an_empty_seed_shows_the_one_that_is_used(page: Any):
    field = page.get_by_role("spinbutton", name="to seed")  # the image's name has one, too
    field.fill("")
    page.get_by_label("Way between the two points").fill("50")
    expect(page.locator("#caption")).to_have_text("16 images, seed 0, 50 % of the way to seed 0")
    expect(field).to_have_attribute("placeholder", "0")
    field.fill("")
    field.press("Tab")  # it is left
    expect(field).to_have_value("0")


def test_a_class_can_be_picked(page: Any, by_class: Served):
    page.get_by_role("combobox", name="Images").select_option("4")
    before = tiles(page, 4)
    page.get_by_role("combobox", name="Class").select_option("shirt")
    expected = by_class.pixels(noise_of(page, 0, 4), np.full(4, 2, np.int32))[..., 0]
    assert difference(tiles(page, 4), expected) <= 1
    assert difference(tiles(page, 4), before) > 20
    expect(page.locator("#caption")).to_have_text("4 images of shirt, seed 0")
    assert page.get_by_role("img").get_attribute("aria-label").endswith("of shirt, seed 0")


def test_a_slider_moves_the_noise_along_its_direction(page: Any, by_class: Served):
    page.get_by_role("combobox", name="Images").select_option("1")
    page.get_by_role("combobox", name="Class").select_option("bag")
    sliders = page.get_by_role("slider", name="of all change")
    assert sliders.count() == len(by_class.directions) == 8
    sliders.nth(1).fill("-2.5")
    sliders.nth(0).press("ArrowRight")
    vectors = [np.array(each["vector"]) for each in by_class.directions]
    noise = noise_of(page, 0, 1) + 0.1 * vectors[0] - 2.5 * vectors[1]
    expected = by_class.pixels(noise, np.ones(1, np.int32))[..., 0]
    assert difference(tiles(page, 1), expected) <= 1
    assert page.locator("#directions .value").all_inner_texts()[:3] == ["+0.1", "-2.5", "0.0"]
    label = page.get_by_role("img").get_attribute("aria-label")
    assert label.endswith("; direction 1 at 0.1; direction 2 at -2.5")
    moved = picture(page)
    page.get_by_role("button", name="Reset directions").press("Enter")
    assert difference(picture(page), moved) > 20
    assert set(page.locator("#directions .value").all_inner_texts()) == {"0.0"}


def test_directions_are_orthonormal_and_named_by_their_share(page: Any, by_class: Served):
    vectors = np.array([each["vector"] for each in by_class.directions])
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(8), atol=1e-4)
    shares = [each["share"] for each in by_class.directions]
    assert shares == sorted(shares, reverse=True)
    name = page.get_by_role("slider", name="of all change").nth(0).get_attribute("aria-label")
    assert name == f"Direction 1 · {100 * shares[0]:.0f} % of all change"


def test_the_walk_leads_from_one_seed_to_the_other(page: Any, by_class: Served):
    page.get_by_role("combobox", name="Images").select_option("1")
    page.get_by_label("From seed").fill("7")
    page.get_by_label("to seed").fill("8")
    way = page.get_by_label("Way between the two points")
    way.fill("50")
    start, end = noise_of(page, 7, 1), noise_of(page, 8, 1)
    cosine = (start @ end.T).item() / (np.linalg.norm(start) * np.linalg.norm(end))
    # Half way along the great circle both have the weight sin(a/2) / sin(a) = 1 / (2 cos(a/2)).
    middle = (start + end) / (2 * np.cos(np.arccos(cosine) / 2))
    assert difference(tiles(page, 1), by_class.pixels(middle, np.zeros(1, np.int32))[..., 0]) <= 1
    expect(page.locator("#caption")).to_have_text("1 image, seed 7, 50 % of the way to seed 8")
    way.press("End")
    assert difference(tiles(page, 1), by_class.pixels(end, np.zeros(1, np.int32))[..., 0]) <= 1


def test_the_walk_plays_and_pauses(page: Any):
    before = picture(page)
    page.get_by_role("button", name="Play the walk").press("Space")
    way = page.get_by_label("Way between the two points")
    expect(way).not_to_have_value("0")
    page.get_by_role("button", name="Pause the walk").press("Space")
    expect(page.get_by_role("button", name="Play the walk")).to_be_visible()
    assert difference(picture(page), before) > 20
    stopped = way.input_value()
    page.wait_for_timeout(100)
    assert way.input_value() == stopped


def test_new_noise_has_a_seed_that_brings_it_back(page: Any):
    page.get_by_role("button", name="New noise").press("Enter")
    seed = page.get_by_label("From seed").input_value()
    random = picture(page)
    expect(page.locator("#caption")).to_have_text(f"16 images, seed {seed}")
    page.get_by_label("From seed").fill("3")
    assert difference(picture(page), random) > 20
    page.get_by_label("From seed").fill(seed)
    assert difference(picture(page), random) == 0


def test_what_is_seen_is_saved_as_png(page: Any, tmp_path: Path):
    page.get_by_role("combobox", name="Class").select_option("dress")
    seen = picture(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as PNG").press("Enter")
    name = "a-generator-of-shoes-b-bags-b-16-images-of-dress-seed-0.png"
    assert download.value.suggested_filename == name
    download.value.save_as(tmp_path / name)
    with Image.open(tmp_path / name) as saved:
        assert saved.format == "PNG"
        scale = saved.width // seen.shape[1]
        pixels = np.asarray(saved.convert("RGB"))[scale // 2 :: scale, scale // 2 :: scale]
        assert difference(pixels, seen) == 0
    expect(page.get_by_role("status")).to_have_text(f"Saved as {name}")


def test_the_keyboard_reaches_every_control_and_each_has_a_name(page: Any):
    names = []
    page.get_by_role("combobox", name="Class").focus()
    for _ in range(17):
        names.append(
            page.evaluate(
                """() => {
                  const at = document.activeElement;
                  return at.ariaLabel || at.labels?.[0]?.firstChild.data || at.textContent;
                }"""
            ).strip()
        )
        page.keyboard.press("Tab")
    controls = ["Class", "Images", "New noise", "Save as PNG", "From seed", "to seed"]
    assert names[:8] == [*controls, "Play the walk", "Way between the two points, in percent"]
    assert [name[:11] for name in names[8:16]] == [f"Direction {i}" for i in range(1, 9)]
    assert names[16] == "Reset directions"
    assert page.locator("button, input, select").count() == 17


def test_titles_are_text_and_never_markup(page: Any):
    assert page.get_by_role("heading").inner_text() == "A generator of shoes & <b>bags</b>"
    assert page.title() == "A generator of shoes & <b>bags</b>"


def test_a_generator_without_classes_has_no_picker(browser: Any, coloured: Served):
    for page in opened(browser, coloured.address):
        assert not page.get_by_role("combobox", name="Class").is_visible()
        assert page.get_by_role("slider", name="of all change").count() == 3  # latent_dim
        shown = picture(page, (16, 20))
        # Four columns of 20 pixels and four rows of 16, with a pixel between them.
        assert shown.shape == (4 * 16 + 3, 4 * 20 + 3, 3)
        assert (shown[:, :, 0] != shown[:, :, 1]).any()
        expect(page.get_by_role("img")).to_have_attribute(
            "aria-label", "Generated: 16 images, seed 0"
        )


def test_a_phone_shows_it_all_in_the_dark_without_scrolling_sideways(
    browser: Any, by_class: Served
):
    options = {"viewport": NARROW, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    for page in opened(browser, by_class.address, **options):
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
        lightness = "parseInt(getComputedStyle(document.body).backgroundColor.slice(4))"
        assert page.evaluate(lightness) < 60
        page.get_by_role("button", name="Reset directions").scroll_into_view_if_needed()
        assert page.get_by_role("img").bounding_box()["y"] >= 0  # still seen beside the sliders


def test_noise_is_standard_normal_and_fewer_images_begin_as_more(page: Any):
    noise = noise_of(page, 5, 2000)
    # 24,000 numbers: the mean's standard error is 0.0065, the variance's 0.0091.
    assert abs(noise.mean()) < 0.03
    assert abs(noise.var() - 1) < 0.04
    assert abs(np.corrcoef(noise.ravel(), noise_of(page, 6, 2000).ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.03
    assert (noise_of(page, 5, 3) == noise[:3]).all()


def test_a_page_opened_from_disk_says_what_to_do(browser: Any, by_class: Served):
    page = browser.new_page()
    page.goto((by_class.folder / "explorer.html").as_uri())
    expect(page.get_by_role("status")).to_contain_text("gansweep explore")
    page.close()


def test_a_generator_that_is_missing_is_said(browser: Any, by_class: Served):
    page = browser.new_page()
    page.route("**/*.onnx", lambda route: route.abort())
    page.goto(by_class.address)
    expect(page.get_by_role("status")).to_contain_text("It did not work: ")
    page.close()


def test_a_bundle_gets_the_page_and_a_folder_with_the_runtimes_licence(by_class: Served):
    assert {path.name for path in by_class.folder.iterdir()} == {
        "generator.onnx",
        "generator.json",
        "explorer.html",
        "index.html",
        "explorer",
    }
    licence = (by_class.folder / "explorer" / "ONNXRUNTIME_LICENSE.txt").read_text()
    assert "Copyright (c) Microsoft Corporation" in licence


def test_without_the_runtime_a_bundle_stays_as_it_is_and_one_line_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    said = add_explorer(bundle)
    assert said.startswith("The bundle has no explorer: ")
    assert "Install Node.js" in said
    assert list(bundle.iterdir()) == []


def linear(matrix: list[list[float]]) -> Draw:
    """Return a generator of images (1, pixels, 1) whose derivative is the matrix."""
    return lambda noise, labels: (noise @ np.array(matrix, np.float32))[:, None, :, None]


def test_directions_are_the_eigenvectors_of_the_derivative_with_the_strongest_first():
    # J J' = diag(1, 9, 0): of all change, 10, the second dimension makes 9 and the first 1.
    vectors, shares = main_directions(linear([[1, 0], [0, 3], [0, 0]]), 3, num_classes=0)
    np.testing.assert_allclose(shares, [0.9, 0.1, 0.0], atol=1e-6)
    np.testing.assert_allclose(vectors[:2], [[0, 1, 0], [1, 0, 0]], atol=1e-3)


def test_directions_need_not_lie_along_the_axes():
    # Along (0.6, 0.8) the pixel grows by 5, across it by nothing.
    vectors, shares = main_directions(linear([[3], [4]]), 2, num_classes=0)
    np.testing.assert_allclose(vectors[0], [0.6, 0.8], atol=1e-4)
    np.testing.assert_allclose(shares, [1, 0], atol=1e-6)


def test_a_direction_points_to_where_images_grow_brighter():
    vectors, _ = main_directions(linear([[0, 0], [-3, -2]]), 2, num_classes=0)
    np.testing.assert_allclose(vectors[0], [0, -1], atol=1e-4)


def test_directions_are_orthonormal_and_no_more_than_asked_for():
    mixing = np.random.default_rng(3).standard_normal((12, 20)).astype(np.float32)
    vectors, shares = main_directions(
        lambda noise, labels: np.tanh(noise @ mixing)[:, None, :, None], 12, num_classes=0, count=5
    )
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(5), atol=1e-12)
    assert shares.shape == (5,)
    assert (np.diff(shares) <= 0).all()
    assert 0.4 < shares.sum() < 1


def test_classes_count_alike():
    def draw(noise: np.ndarray, labels: np.ndarray) -> np.ndarray:
        # Class 0 follows the first dimension, class 1 twice the second: shares 1 and 4 of 5.
        return np.where(labels == 0, noise[:, 0], 2 * noise[:, 1])[:, None, None, None]

    vectors, shares = main_directions(draw, 2, num_classes=2)
    np.testing.assert_allclose(shares, [0.8, 0.2], atol=1e-4)
    np.testing.assert_allclose(vectors, [[0, 1], [1, 0]], atol=1e-4)


@pytest.mark.parametrize("count", [1, 4])
def test_a_generator_that_ignores_its_noise_has_directions_without_a_share(count: int):
    vectors, shares = main_directions(
        lambda noise, labels: np.zeros((len(noise), 4, 4, 1)), 4, num_classes=0, count=count
    )
    assert (shares == 0).all()
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(count), atol=1e-12)


def test_the_same_generator_has_the_same_directions():
    draw = linear([[1, 2], [3, 4]])
    once, again = (main_directions(draw, 2, num_classes=0) for _ in range(2))
    assert (once[0] == again[0]).all()

"""Draw with a bundle's generator, as a notebook does."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness import ExportedGenerator, HarnessError
from harness.gan.config.config import GANConfig
from harness.gan.networks.generators import build_generator
from harness.gan.sampling import Sampler

NAMES = ("boot", "bag", "shirt")


def make_bundle(folder: Path, *, conditional: bool = True, side: int = 28) -> Path:
    generator = {"name": "mlp", "latent_dim": 8, "width": 16, "depth": 1}
    config = GANConfig.model_validate({"conditional": conditional, "generator": generator})
    names = NAMES if conditional else ()
    build_generator(config, (side, side, 1), len(names)).save(folder / "generator.keras")
    about = {"latent_dim": 8, "output": "tanh", "class_names": list(names)}
    (folder / "generator.json").write_text(json.dumps(about))
    return folder


@pytest.fixture
def exported(tmp_path: Path) -> ExportedGenerator:
    return ExportedGenerator(make_bundle(tmp_path))


def tile(picture, row: int, column: int, *, scale: int = 2, side: int = 28) -> np.ndarray:
    """Return one image of a grid without names, in its own size; grids have gaps of 2 pixels."""
    top, left = (2 + each * (scale * side + 2) for each in (row, column))
    pixels = np.asarray(picture)[top : top + scale * side, left : left + scale * side]
    return pixels[::scale, ::scale]


def test_a_class_is_drawn_by_name_or_number_as_this_package_samples_it(
    exported: ExportedGenerator, tmp_path: Path
):
    assert exported.class_names == NAMES
    assert exported.latent_dim == 8
    picture = exported.draw("bag", count=12, seed=5)
    assert picture == exported.draw(1, count=12, seed=5)
    assert picture.size == (10 * (56 + 2) + 2, 2 * (56 + 2) + 2)  # two rows, twice as large
    sampler = Sampler(exported._original.model, batch_size=12)
    expected = sampler.sample(noise_seed=5, labels=np.full(12, 1))
    for index in (0, 11):
        drawn = tile(picture, *divmod(index, 10))
        assert np.abs(drawn.astype(int) - expected[index, :, :, 0]).max() <= 1
    assert picture != exported.draw("shirt", count=12, seed=5)


def test_all_classes_have_rows_with_their_names(exported: ExportedGenerator):
    picture = exported.draw(count=11)
    # Eleven images of a class take two rows, which are filled up.
    assert picture.height == 6 * (56 + 2) + 2
    assert picture.width > 10 * (56 + 2) + 2


def test_a_way_begins_and_ends_at_its_seeds(exported: ExportedGenerator):
    way = exported.interpolate("boot", seeds=(3, 4))
    assert way.size == (10 * (56 + 2) + 2, 56 + 2 + 2)
    for column, seed in ((0, 3), (9, 4)):
        alone = tile(exported.draw("boot", count=1, seed=seed), 0, 0)
        assert np.abs(tile(way, 0, column).astype(int) - alone).max() <= 1
    assert exported.interpolate().height == 3 * (56 + 2) + 2


def test_a_generator_without_classes_is_asked_for_none(tmp_path: Path):
    exported = ExportedGenerator(make_bundle(tmp_path, conditional=False, side=64))
    assert exported.draw(count=3).size == (10 * (64 + 2) + 2, 64 + 2 + 2)
    assert exported.interpolate().height == 64 + 2 + 2
    with pytest.raises(HarnessError, match="received 0; expected None, for the generator has no"):
        exported.draw(0)


def test_what_it_cannot_draw_is_one_message(exported: ExportedGenerator):
    with pytest.raises(HarnessError, match="received 'hat'; expected one of 0 boot, 1 bag, 2 sh"):
        exported.draw("hat")
    with pytest.raises(HarnessError, match="count must be at least 1"):
        exported.draw(count=0)
    with pytest.raises(HarnessError, match="seeds must be at least 0"):
        exported.interpolate(seeds=(0, -1))


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path):
    with pytest.raises(HarnessError, match=r"received one without generator\.keras"):
        ExportedGenerator(tmp_path)
    folder = make_bundle(tmp_path)
    (folder / "generator.json").write_text("[]")
    with pytest.raises(HarnessError, match=r"generator\.json: expected class_names"):
        ExportedGenerator(folder)
    (folder / "generator.json").unlink()
    with pytest.raises(HarnessError, match=r"received one without generator\.json"):
        ExportedGenerator(folder)
    (folder / "generator.json").symlink_to("/etc/hostname")
    with pytest.raises(HarnessError):
        ExportedGenerator(folder)

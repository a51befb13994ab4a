"""Load folders of image files: classes, forms, and a message for whatever is wrong with one."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from harness.core.errors import DataError
from harness.data import memory
from harness.data.datasets import load_dataset
from harness.data.fitting import ImageForm
from harness.data.readers.image_folder import load_folder

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (9, 8, 8, 3), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def labelled(place: Path, names: tuple[str, ...] = ("cat", "dog"), count: int = 4) -> Path:
    for number, name in enumerate(names):
        for each in range(count):
            save(place / name / f"{each}.png", PICTURES[(number * count + each) % len(PICTURES)])
    return place


def test_subfolders_are_classes_in_the_order_of_their_names(tmp_path: Path):
    source = load_folder(labelled(tmp_path / "pets", ("dog", "cat")), ImageForm())
    assert source.class_names == ("cat", "dog")
    assert source.pool.name == "pets"
    assert source.pool.labels.tolist() == [0] * 4 + [1] * 4
    # The first pictures went to the dogs.
    np.testing.assert_array_equal(source.pool.images, PICTURES[[4, 5, 6, 7, 0, 1, 2, 3]])


def test_classes_that_are_numbers_stand_in_theirs(tmp_path: Path):
    source = load_folder(labelled(tmp_path, ("10", "9", "0")), ImageForm())
    assert source.class_names == ("0", "9", "10")


def test_images_directly_in_the_folder_are_unlabelled(tmp_path: Path):
    for number, pixels in enumerate(PICTURES):
        save(tmp_path / f"{number}.bmp", pixels)
    save(tmp_path / ".hidden.png", PICTURES[0])
    (tmp_path / "Thumbs.db").write_bytes(b"litter")
    source = load_folder(tmp_path, ImageForm())
    assert (source.class_names, source.pool.labels) == (None, None)
    np.testing.assert_array_equal(source.pool.images, PICTURES)


def test_the_same_files_are_the_same_data_set_wherever_they_lie(tmp_path: Path):
    one, other = (labelled(tmp_path / name / "pets") for name in "ab")
    first, second = (load_dataset(f"folder:{path}") for path in (one, other))
    assert first.validation.sha256 == second.validation.sha256
    assert first.name == "pets"


def test_mixed_sizes_are_cropped_and_resized_where_asked(tmp_path: Path):
    save(tmp_path / "a.png", np.full((30, 20, 3), 50, np.uint8))
    save(tmp_path / "b.png", np.full((12, 40, 3), 70, np.uint8))
    source = load_folder(tmp_path, ImageForm(16))
    assert source.pool.images.shape == (2, 16, 16, 3)
    assert source.pool.images[:, 0, 0, 0].tolist() == [50, 70]
    with pytest.raises(DataError, match=r"b\.png: has 40 x 12 pixels, while a\.png has 20 x 30"):
        load_folder(tmp_path, ImageForm())


def test_images_are_grey_if_all_files_are(tmp_path: Path):
    save(tmp_path / "a.png", PICTURES[0, ..., 0])
    Image.fromarray(PICTURES[1, ..., 0]).convert("1").save(tmp_path / "b.png")
    assert load_folder(tmp_path, ImageForm()).pool.images.shape == (2, 8, 8, 1)
    save(tmp_path / "c.png", PICTURES[2])
    mixed = load_folder(tmp_path, ImageForm()).pool.images
    assert mixed.shape == (3, 8, 8, 3)
    assert (mixed[0] == PICTURES[0, ..., :1]).all()
    assert (mixed[2] == PICTURES[2]).all()
    assert load_folder(tmp_path, ImageForm(channels=1)).pool.images.shape == (3, 8, 8, 1)


def test_transparency_is_laid_over_white_and_palettes_become_rgb(tmp_path: Path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:4, :, 3] = 255  # the lower half cannot be seen
    save(tmp_path / "a.png", pixels)
    Image.fromarray(np.full((8, 8, 3), 51, np.uint8)).convert("P").save(tmp_path / "b.png")
    images = load_folder(tmp_path, ImageForm()).pool.images
    assert images[0, 0, 0].tolist() == [200, 0, 0]
    assert images[0, 7, 0].tolist() == [255, 255, 255]
    assert (images[1] == 51).all()  # a colour of the web's palette


@pytest.mark.parametrize("size", [None, 6])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "lzw.tif"])
def test_photos_are_turned_as_the_camera_was_held(tmp_path: Path, size: int | None, suffix: str):
    upright = np.zeros((12, 6), np.uint8)
    upright[3:6], upright[3:6, :3] = 100, 200  # light above, most of it at the left
    # Where the camera put the first row and the first column of what it saw (EXIF 2.3, 4.6.4).
    held = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }
    options = {"webp": {"lossless": True}, "lzw.tif": {"compression": "tiff_lzw"}}
    for orientation, pixels in held.items():
        image = Image.fromarray(pixels.copy())
        exif = image.getexif()
        exif[ExifTags.Base.Orientation] = orientation
        image.save(tmp_path / f"{orientation}.{suffix}", exif=exif, **options.get(suffix, {}))
    images = load_folder(tmp_path, ImageForm(size)).pool.images[..., 0].astype(int)
    assert np.abs(images - (upright if size is None else upright[3:9])).max() < 30


def spoil(place: Path, kind: str) -> Path:
    """Spoil a folder of two classes in one way; return what the message must name."""
    match kind:
        case "unreadable":
            file = place / "cat" / "1.png"
            file.write_bytes(file.read_bytes()[:60])
            return file
        case "no image":
            (place / "cat" / "notes.txt").write_text("not an image")
            return place / "cat" / "notes.txt"
        case "other content":
            (place / "dog" / "x.png").write_text("not an image")
            return place / "dog" / "x.png"
        case "empty class":
            (place / "fish").mkdir()
            return place / "fish"
        case "stray":
            return save(place / "stray.png", PICTURES[0])
        case "nested":
            return save(place / "dog" / "young" / "0.png", PICTURES[0]).parent
        case "deep":
            file = place / "cat" / "deep.png"
            Image.new("I;16", (8, 8)).save(file)
            return file
    raise ValueError(kind)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("unreadable", "cannot be read as an image"),
        ("no image", "is no image; expected only files that end in"),
        ("other content", "cannot be read as an image"),
        ("empty class", "the class has no images; expected at least three"),
        ("stray", "lies beside the folders of the classes"),
        ("nested", "is a folder in the folder of a class; expected its images"),
        ("deep", "expected 8-bit gray, .* received mode I;16"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, kind: str, message: str):
    place = labelled(tmp_path / "pets")
    named = spoil(place, kind)
    with pytest.raises(DataError, match=f"^{re.escape(str(named))}: {message}"):
        load_folder(place, ImageForm())


def test_an_unreadable_image_is_named_once(tmp_path: Path):
    place = labelled(tmp_path / "pets")
    named = spoil(place, "other content")
    with pytest.raises(DataError, match="cannot be read as an image: cannot identify") as error:
        load_folder(place, ImageForm())
    assert str(error.value).count(str(named)) == 1


def test_what_is_no_folder_of_images_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="absent: received nothing of that name; expected a fold"):
        load_folder(tmp_path / "absent", ImageForm())
    with pytest.raises(DataError, match="is empty; expected images"):
        load_folder(tmp_path, ImageForm())
    with pytest.raises(DataError, match=r"a\.png: received a file; expected a folder"):
        load_folder(save(tmp_path / "a.png", PICTURES[0]), ImageForm())


def test_too_few_images_are_refused(tmp_path: Path):
    for number, pixels in enumerate(PICTURES[:5]):
        save(tmp_path / f"{number}.png", pixels)
    with pytest.raises(
        DataError, match="too few images: the validation split gets 1; expected at"
    ):
        load_dataset(f"folder:{tmp_path}")


def test_a_class_too_small_is_refused_unless_left_out(tmp_path: Path):
    place = labelled(tmp_path / "pets", ("cat", "dog", "eel"), count=8)
    for file in list((place / "dog").iterdir())[2:]:
        file.unlink()
    with pytest.raises(DataError, match=r"classes \[1\] have too few images"):
        load_dataset(f"folder:{place}")
    assert load_dataset(f"folder:{place}?classes=cat,eel").class_names == ("cat", "eel")
    assert load_dataset(f"folder:{place}?classes=0,2").class_names == ("cat", "eel")


def test_images_beyond_the_memory_limit_are_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(memory, "MAX_BYTES", 2 * 3 * 8 * 8 * 3)  # they are stacked once
    with pytest.raises(DataError, match=r"with the images up to 3\.png: .* would take 0\.0 GiB"):
        load_folder(labelled(tmp_path / "pets"), ImageForm())


def test_large_images_need_a_size(tmp_path: Path):
    Image.new("L", (1028, 8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: has 1028 x 8 pixels; .*--image-size 32"):
        load_folder(tmp_path, ImageForm())
    assert load_folder(tmp_path, ImageForm(8)).pool.images.shape == (1, 8, 8, 1)


def test_images_in_a_single_subfolder_are_unlabelled(tmp_path: Path):
    place = labelled(tmp_path / "pets", ("all",), count=9)
    with pytest.warns(
        UserWarning, match=r"one subfolder, all: they count as unlabelled\. .*false"
    ):
        source = load_folder(place, ImageForm())
    assert (source.class_names, source.pool.labels) == (None, None)
    np.testing.assert_array_equal(source.pool.images, PICTURES)


def test_a_jfif_is_a_jpeg(tmp_path: Path):
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(tmp_path / "a.jfif", "JPEG")
    assert (load_folder(tmp_path, ImageForm()).pool.images == 200).all()


def test_a_photo_of_48_megapixels_is_taken_where_it_becomes_small(tmp_path: Path):
    photo = Image.new("RGB", (8064, 6048), (200, 100, 0))
    photo.paste((0, 100, 200), (0, 0, 4032, 6048))  # the left half
    photo.save(tmp_path / "a.jpg", quality=95)
    (image,) = load_folder(tmp_path, ImageForm(8)).pool.images
    assert np.abs(image[:, 1].astype(int) - (0, 100, 200)).max() <= 3
    assert np.abs(image[:, 6].astype(int) - (200, 100, 0)).max() <= 3
    with pytest.raises(DataError, match="8064 x 6048 pixels; expected at most 1024 a side"):
        load_folder(tmp_path, ImageForm())

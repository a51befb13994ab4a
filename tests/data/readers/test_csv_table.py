"""Load a user's own images from CSV, and name the line that is wrong."""

from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import DataError
from harness.data.datasets import load_dataset
from harness.data.readers import csv_table as module
from harness.data.readers.csv_table import load_csv

RNG = np.random.default_rng(0)


def lines(count: int, pixels: int = 784, classes: int = 3) -> list[str]:
    values = RNG.integers(0, 256, (count, pixels))
    return [",".join(map(str, [row % classes, *line.tolist()])) for row, line in enumerate(values)]


def header(pixels: int = 784) -> str:
    return ",".join(["label", *(f"pixel{number}" for number in range(1, pixels + 1))])


def write(path: Path, *rows: str, end: str = "\n") -> Path:
    path.write_text(end.join(rows) + end)
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_785_columns_with_a_header_or_without(tmp_path: Path, end: str):
    rows = lines(21)
    bare = load_dataset(f"csv:{write(tmp_path / 'a.csv', *rows, end=end)}")
    headed = load_dataset(f"csv:{write(tmp_path / 'b.csv', header(), *rows, '', end=end)}")
    assert bare.image_shape == (28, 28, 1)
    assert bare.class_names == ("0", "1", "2")
    assert [len(s) for s in (bare.train, bare.validation, bare.test)] == [15, 3, 3]
    assert bare.train.sha256 == headed.train.sha256
    assert (bare.name, headed.name) == ("a", "b")


def test_pixels_are_read_row_by_row(tmp_path: Path):
    path = write(tmp_path / "a.csv", "7," + ",".join(map(str, range(16))))
    source = load_csv(path)
    assert source.pool.images[0, ..., 0].tolist() == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]
    ]  # fmt: skip
    assert source.class_names == ("7",)


def test_three_times_a_square_is_rgb(tmp_path: Path):
    source = load_csv(write(tmp_path / "a.csv", "0," + ",".join(map(str, range(48)))))
    assert source.pool.images.shape == (1, 4, 4, 3)
    assert source.pool.images[0, 0, 1].tolist() == [3, 4, 5]


def test_a_pair_of_files_is_training_and_test(tmp_path: Path):
    write(tmp_path / "fashion-mnist_train.csv", header(), *lines(36))
    write(tmp_path / "fashion-mnist_test.csv", header(), *lines(6))
    for path in (tmp_path / "fashion-mnist_train.csv", tmp_path):
        dataset = load_dataset(f"csv:{path}")
        assert dataset.name == "fashion-mnist"
        assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [30, 6, 6]
    write(tmp_path / "fashion-mnist_test.csv", *lines(6, pixels=16))
    with pytest.raises(DataError, match=r"the test images have the shape \(4, 4, 1\)"):
        load_csv(tmp_path)
    write(tmp_path / "other_train.csv", *lines(6))
    with pytest.raises(DataError, match=r"received fashion-mnist_train\.csv, other_train\.csv"):
        load_csv(tmp_path)


@pytest.mark.parametrize("headers", [[], [header(16)]])
def test_a_byte_order_mark_is_passed_over(tmp_path: Path, headers: list[str]):
    rows = headers + lines(14, 16)
    (tmp_path / "a.csv").write_text("\n".join(rows), "utf-8-sig")
    marked = load_csv(tmp_path / "a.csv").pool
    (tmp_path / "a.csv").write_text("\n".join(rows), "utf-8")
    assert marked.sha256 == load_csv(tmp_path / "a.csv").pool.sha256
    assert len(marked) == 14


def test_columns_that_pandas_numbered_are_a_header(tmp_path: Path):
    rows = lines(14, 16)
    plain = load_csv(write(tmp_path / "a.csv", *rows)).pool
    numbered = load_csv(write(tmp_path / "a.csv", ",".join(map(str, range(17))), *rows)).pool
    assert numbered.sha256 == plain.sha256


def test_labels_may_be_whole_floats(tmp_path: Path):
    (tmp_path / "a.csv").write_text("3.0,1,2,3,4\n5.,1,2,3,4")
    assert load_csv(tmp_path / "a.csv").class_names == ("3", "5")


ROW = "1," + ",".join(["9"] * 16)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW, ROW, ROW[:-2]], "line 3 has 16 values; expected 17"),
        ([ROW, "", ROW + ",5"], "line 3 has 18 values; expected 17"),
        (["cat" + ROW[1:]] * 2, "line 1 begins with 'cat'; expected the label, an integer"),
        ([ROW, "1.5" + ROW[1:]], "line 2 begins with '1.5'"),
        ([ROW, "-1" + ROW[1:]], "line 2 begins with '-1'"),
        ([ROW, ROW[:-1] + "256"], "line 2 has '256' in column 17; expected a pixel"),
        ([ROW, ROW[:-1] + "0.5"], "line 2 has '0.5' in column 17"),
        ([ROW + ",9"], "has 17 pixels a line; expected a square number, or three times one"),
        (["1"], "has 0 pixels a line"),
        (["pixel1,label", "2,1"], "the label is column 2; expected it to be the first"),
        ([""], "holds no images"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, rows: list[str], message: str):
    with pytest.raises(DataError, match=rf"a\.csv: {message}"):
        load_csv(write(tmp_path / "a.csv", *rows))


def test_a_line_without_end_is_not_read_to_it(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 20)
    with pytest.raises(DataError, match=r"a\.csv: line 1 is longer than 20 bytes"):
        load_csv(write(tmp_path / "a.csv", ROW))


def test_what_is_no_file_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"absent\.csv: cannot be read \(no such file\)"):
        load_csv(tmp_path / "absent.csv")
    with pytest.raises(DataError, match=r"expected one file NAME_train\.csv.* received none"):
        load_csv(tmp_path)

import re
from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from harness.core.yaml_file import MAX_BYTES, dump_yaml, parse_yaml, read_yaml, shipped_yaml

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a: 1\nb: 2\na: 3\n", r"x: line 3, column 1: the key 'a' appears twice; keep one"),
        ("a: {b: 1, b: 2}", r"line 1, column 11: the key 'b' appears twice"),
        (BOMB, r"x: line 2, column 8: aliases \(\*a\) are not supported; write the value out"),
        ("on: 1", "keys must be text; received True. Quote it"),
        ("{[1]: 2}", "keys must be text"),
        ("a: [1", "x: line"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("[" * 10_000, "nested too deeply"),
        ("[" * 4096, "nested too deeply"),
        ("- " * 2048 + "a", "nested too deeply"),
        ("a: " + "1" * 5000, "is not YAML"),
        (b"a: \xff\xfe", "is not YAML"),
        ("a: \ud800", "is not YAML"),
    ],
)
def test_unsound_text_is_one_message(text, match):
    with pytest.raises(ConfigError, match=match):
        parse_yaml(text, source="x")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000.0),
        ("-1.5E-4", -0.00015),
        (".5", 0.5),
        (".5e1", 5.0),
        ("1_000", 1000),
        ("+7", 7),
        ("0", 0),
        ("0.5", 0.5),
        ("0x10", 16),
        ("off", False),
        ("2026-11-23", "2026-11-23"),
        ("'1e3'", "1e3"),
        ("1e", "1e"),
    ],
)
def test_numbers_are_what_people_mean(text, value):
    read = parse_yaml(f"a: {text}", source="x")["a"]
    assert (read, type(read)) == (value, type(value))
    assert parse_yaml(dump_yaml({"a": value}), source="x") == {"a": value}


@pytest.mark.parametrize(
    ("text", "counted", "written"),
    [
        ("016", "8, as 14", "16"),  # 1 * 8 + 6
        ("-010", "8, as -8", "-10"),
        ("1:30", "60, as 90", "90"),  # 1 * 60 + 30
        ("1:30.5", "60, as 90.5", "90.5"),
    ],
)
def test_numbers_that_yaml_counts_otherwise_are_refused_with_what_to_write(text, counted, written):
    expected = f"x: line 2, column 4: YAML counts {text} to base {counted}; write {written}, or "
    with pytest.raises(ConfigError, match=re.escape(f"{expected}'{text}' in quotes for text.")):
        parse_yaml(f"b: 1\na: {text}", source="x")
    assert parse_yaml(f"a: {written}", source="x") == {"a": float(written)}
    assert parse_yaml(f"a: '{text}'", source="x") == {"a": text}


def test_sound_text_is_read():
    assert parse_yaml("a: {b: [1, 2.5, true, null, text]}", source="x") == {
        "a": {"b": [1, 2.5, True, None, "text"]}
    }


def test_long_text_is_read_as_short_text_is():
    lines = [
        f"key_{number}: [{number}, {number / 4}, yes, ~, 'a b', 2026-11-23]"
        for number in range(200)
    ]
    short = {}
    for line in lines:
        short |= parse_yaml(line, source="x")
    assert len("\n".join(lines)) > 4096
    assert parse_yaml("\n".join(lines), source="x") == short


def test_huge_file_is_refused(tmp_path):
    path = tmp_path / "huge.yaml"
    path.write_text("a: " + "x" * MAX_BYTES)

    with pytest.raises(ConfigError, match=f"at most {MAX_BYTES} bytes"):
        read_yaml(path)


def test_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)


def test_files_inside_the_package_come_before_those_beside_it(tmp_path: Path):
    package = tmp_path / "harness"
    assert shipped_yaml("spaces", package=package) == {}
    for folder in (tmp_path / "spaces", package / "spaces"):
        folder.mkdir(parents=True)
        (folder / "b.yaml").touch()
        (folder / "a.yaml").touch()
        (folder / "notes.txt").touch()
        expected = {"a": folder / "a.yaml", "b": folder / "b.yaml"}
        assert shipped_yaml("spaces", package=package) == expected


def test_what_is_shipped_lies_at_the_top_of_the_source_tree():
    root = Path(__file__).parents[2]
    assert shipped_yaml("search_spaces")["default"] == root / "search_spaces" / "default.yaml"

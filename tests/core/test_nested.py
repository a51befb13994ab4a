from harness.core.nested import flatten


def test_nested_and_dotted_paths_are_alike() -> None:
    assert flatten({"a": {"b": 1}, "a.b": 2, "c": 3}) == [("a.b", 1), ("a.b", 2), ("c", 3)]


def test_what_lies_deeper_than_asked_stays_in_one_piece() -> None:
    assert flatten({"a": {"b": {"c": 1}}, "d": 2}, depth=2) == [("a.b", {"c": 1}), ("d", 2)]
    assert flatten({"a": {"b": {"c": 1}}}) == [("a.b.c", 1)]

"""Hold the words: the field's terms, spelled as Keras does; metaphors stay out of the house."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__file__).parents[1]
SOURCES = sorted((ROOT / "harness").rglob("*.py"))
PROSE = sorted(
    [
        ROOT / "README.md",
        *ROOT.glob("CONTRIBUTING.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "reports").rglob("*.md"),
        *(ROOT / "search_spaces").rglob("*.yaml"),
    ]
)

NEVER = re.compile(
    r"\b(brains?|foreman|crew|luggage|parcels?|depots?|lookout|seer|mourn\w*|bur(?:y|ied|ies|ying)|"
    r"employ(?:s|ed|ing)?|recruit\w*|foretell\w*|foretold)\b",
    re.IGNORECASE,
)
"""In no text of the project."""

NO_NAME = {"hand", "hands", "post", "posts", "desk", "exam", "exams", "examiner", "prize"}
"""Good English, but nothing is called so."""

BRITISH = re.compile(
    r"\b\w*(?:regularis|normalis|optimis|initialis|factoris|vectoris)(?:e|es|ed|er|ers|ing|ation|ations)\b",
    re.IGNORECASE,
)
"""Keys, files and prose spell as Keras does."""


def words_of(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def names_in(source: str) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


@pytest.mark.parametrize("path", SOURCES + PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_words_are_the_fields(path: Path):
    text = path.read_text(encoding="utf-8")
    # Old keys are named where a message says what they are called now.
    if path.name != "renamed_keys.py":
        assert sorted({match.group() for match in BRITISH.finditer(text)}) == []
    assert sorted({match.group() for match in NEVER.finditer(text)}) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_called_by_a_metaphor(path: Path):
    names = names_in(path.read_text(encoding="utf-8")) | {path.stem}
    ours = {name for name in names if not name.startswith("__")}
    assert sorted(name for name in ours if words_of(name) & NO_NAME) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_class_says_what_an_instance_is(path: Path):
    verbs = {
        "Hold",
        "Say",
        "Tell",
        "Know",
        "Keep",
        "Describe",
        "Point",
        "Follow",
        "Learn",
        "Let",
        "Give",
        "Find",
    }
    tree = ast.parse(path.read_text(encoding="utf-8"))
    first = {
        node.name: (ast.get_docstring(node) or "").split(" ")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    assert {name for name, word in first.items() if word in verbs} == set()

"""Make inputs: sound files with damage, documents of the right words, and plain noise."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis.strategies as st
import yaml

from tests.fuzz.readers import Reader

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-3, 200)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["1e-4", "!!python/object/apply:os.system", "&a [*a]", "..", "nan"])
)


def inputs(reader: Reader) -> st.SearchStrategy[bytes]:
    """Return a strategy for what a reader is given."""
    damaged = _damaged(reader.seeds())
    if not reader.words:
        return damaged | st.binary(max_size=400)
    return damaged | _documents(reader) | st.binary(max_size=200)


def random_damage(rng: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """Return a damaged sound file, or noise, drawn much faster than hypothesis draws."""
    if rng.random() < 0.02:
        return rng.randbytes(rng.randrange(400))
    content = rng.choice(seeds)
    for _ in range(rng.randint(1, 6)):
        noise = rng.randbytes(rng.randrange(17))
        content = _edited(
            content,
            rng.choice(_KINDS),
            rng.randrange(max(len(content), 1)),
            length=rng.choice((1, 2, 4, 8, 64)),
            noise=rng.choice((noise, *_NUMBERS)),
        )
    return content


_KINDS = ("flip", "cut", "insert", "overwrite", "repeat", "remove")
_NUMBERS = (b"\xff" * 4, b"\x7f" + b"\xff" * 3, b"\0" * 8)  # sizes and counts at their extremes


@st.composite
def _damaged(draw: Callable[..., Any], seeds: tuple[bytes, ...]) -> bytes:
    """Cut, flip, insert, repeat and overwrite in a sound file a few times."""
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 6))):
        content = _edited(
            content,
            draw(st.sampled_from(_KINDS)),
            draw(st.integers(0, max(len(content) - 1, 0))),
            length=draw(st.integers(1, 64)),
            noise=draw(st.binary(max_size=16) | st.sampled_from(_NUMBERS)),
        )
    return content


def _edited(content: bytes, kind: str, place: int, *, length: int, noise: bytes) -> bytes:
    before, after = content[:place], content[place:]
    match kind:
        case "flip":
            return before + bytes(byte ^ 1 << length % 8 for byte in after[:1]) + after[1:]
        case "cut":
            return before
        case "insert":
            return before + noise + after
        case "overwrite":
            return before + noise + after[len(noise) :]
        case "repeat":
            return before + after[:length] * (1 + length % 40) + after
        case _:
            return before + after[length:]


def _documents(reader: Reader) -> st.SearchStrategy[bytes]:
    """Return documents that use the reader's words for things of all kinds."""
    keys = st.sampled_from(reader.words) | st.text(max_size=6)
    values = st.recursive(
        _SCALARS | st.sampled_from(reader.words),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=12,
    )
    write = _as_yaml if reader.file.endswith(".yaml") else _as_json
    changed = st.tuples(
        st.sampled_from([_load(seed, reader) for seed in reader.seeds()]),
        st.lists(st.tuples(st.integers(0, 200), values), min_size=1, max_size=3),
    ).map(lambda pair: _replaced(*pair))
    whole = st.dictionaries(keys, values, max_size=8) | st.lists(values, max_size=4)
    return (changed | changed | whole).map(write)


def _load(seed: bytes, reader: Reader) -> Any:
    if reader.file.endswith(".yaml"):
        return yaml.safe_load(seed)
    if reader.file.endswith(".jsonl"):
        return json.loads(seed.splitlines()[2])
    return json.loads(seed)


def _replaced(document: Any, changes: list[tuple[int, Any]]) -> Any:
    """Put other values in some places of a document."""
    copy = json.loads(json.dumps(document))
    for number, value in changes:
        places = list(_places(copy))
        if places:
            parent, key = places[number % len(places)]
            parent[key] = value
    return copy


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container of a document with each key or index of it."""
    if not isinstance(value, dict | list):
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in list(pairs):
        yield value, key
        yield from _places(child)


def _as_yaml(value: Any) -> bytes:
    return yaml.safe_dump(value, sort_keys=False).encode("utf-8", "surrogatepass")


def _as_json(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"

"""Derive every random stream from (study seed, trial, purpose), so that none depends on order."""

import hashlib


def derive_seed(*parts: int | str) -> int:
    """Return a seed in [0, 2**31) that is a fixed function of its parts.

    Args:
        *parts: What tells this stream from the others, e.g. study seed, trial number, `"noise"`.
    """
    text = "/".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1

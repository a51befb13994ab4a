"""Derive seeds that are fixed for ever and differ by every part."""

import hashlib
import itertools

from harness.core.seeds import derive_seed


def test_the_seed_is_the_upper_31_bits_of_a_hash_of_the_parts():
    digest = hashlib.sha256(b"int:0/int:7/str:training").hexdigest()
    assert derive_seed(0, 7, "training") == int(digest[:8], 16) // 2


def test_seeds_never_change_between_versions():
    # A change here changes every study that goes on: raise SEMANTICS_VERSION with it.
    assert derive_seed(0, 0, "training") == 1_024_361_189
    assert derive_seed(0, "rung noise") == 364_172_259


def test_parts_of_other_types_or_other_borders_give_other_seeds():
    parts = [(1, 23), (12, 3), ("1", 23), (1, "23"), (123,), (23, 1)]
    assert len({derive_seed(*each) for each in parts}) == len(parts)


def test_seeds_fit_everywhere_and_hardly_collide():
    seeds = [derive_seed(study, trial) for study, trial in itertools.product(range(50), repeat=2)]
    assert all(0 <= seed < 2**31 for seed in seeds)
    # 2,500 draws out of 2**31 collide with probability 2500**2 / 2**32 = 0.15 %.
    assert len(set(seeds)) == 2500

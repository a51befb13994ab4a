import concurrent.futures
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from harness.metrics.cache import cached_statistics, default_cache_dir
from harness.metrics.fid import GaussianStatistics

KEY = ("images", "extractor")


def statistics(scale=1.0):
    features = np.random.default_rng(0).normal(scale=scale, size=(50, 6))
    return GaussianStatistics.from_features(features)


def never():
    raise LookupError("computed")


def keep_many(folder, times):
    for _ in range(times):
        for path in Path(folder).glob("*.bin"):
            path.unlink(missing_ok=True)
        kept = cached_statistics(Path(folder), KEY, statistics)
        if not np.array_equal(kept.covariance, statistics().covariance):
            return False
    return True


def test_the_second_call_computes_nothing(tmp_path):
    first = cached_statistics(tmp_path, KEY, statistics)
    second = cached_statistics(tmp_path, KEY, never)
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(first.covariance, second.covariance)
    assert second.num_images == 50


@pytest.mark.parametrize("other", [("images", "other"), ("other", "extractor"), ("images",)])
def test_another_key_is_computed(tmp_path, other):
    cached_statistics(tmp_path, KEY, statistics)
    with pytest.raises(LookupError, match="computed"):
        cached_statistics(tmp_path, other, never)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_file_is_rebuilt(tmp_path, damage):
    cached_statistics(tmp_path, KEY, statistics)
    (path,) = tmp_path.iterdir()
    sound = path.read_bytes()
    flipped = bytearray(sound)
    flipped[-100] ^= 1
    path.write_bytes({"truncated": sound[:-9], "flipped": flipped, "empty": b""}[damage])
    with pytest.raises(LookupError, match="computed"):
        cached_statistics(tmp_path, KEY, never)
    rebuilt = cached_statistics(tmp_path, KEY, statistics)
    np.testing.assert_array_equal(rebuilt.covariance, statistics().covariance)
    assert path.read_bytes() == sound


def test_processes_that_write_at_once_never_read_half_a_file(tmp_path):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert all(pool.map(keep_many, [tmp_path] * 2, [40] * 2))
    assert [path.suffix for path in tmp_path.iterdir()] == [".bin"]


def test_a_folder_that_cannot_be_made_only_costs_time(tmp_path):
    (tmp_path / "file").write_text("")
    kept = cached_statistics(tmp_path / "file" / "cache", KEY, statistics)
    assert kept.num_images == 50


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    assert default_cache_dir() == Path.home() / ".cache" / "gan-sweep-harness"
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    assert default_cache_dir() == tmp_path

from pathlib import Path

from harness.tracking.image_budget import spend


def test_what_other_processes_left_counts(tmp_path: Path):
    images = tmp_path / "offline-run-1-a" / "files" / "media" / "images"
    images.mkdir(parents=True)
    (images / "grid_0.png").write_bytes(b"x" * 700)
    # 700 bytes are there, of 1000 that may be.
    assert spend(tmp_path, 200, limit_megabytes=0.001)
    assert not spend(tmp_path, 200, limit_megabytes=0.001)
    assert spend(tmp_path, 100, limit_megabytes=0.001)


def test_studies_do_not_spend_each_others(tmp_path: Path):
    assert spend(tmp_path / "one", 1000, limit_megabytes=0.001)
    assert not spend(tmp_path / "one", 1, limit_megabytes=0.001)
    assert spend(tmp_path / "two", 1000, limit_megabytes=0.001)

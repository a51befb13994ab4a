"""Take for a study's own what lies in it under its names, and nothing else."""

import os
from pathlib import Path

import pytest

from harness.core.errors import StudyError
from harness.study.own_folders import (
    name_of,
    refuse_foreign,
    retraining_folders,
    training_folders,
    trial_folders,
)


def make(study: Path, *names: str) -> None:
    for name in names:
        (study / name).mkdir(parents=True)


def test_trials_are_folders_of_four_digits_by_number(tmp_path: Path):
    make(tmp_path, "trials/0010", "trials/0002", "trials/10000", "trials/9999")
    # None of these was ever made by a sweep.
    make(
        tmp_path,
        "trials/0003.bak",
        "trials/3",
        "trials/00003",
        "trials/\u0660\u0660\u0660\u0661",
        "trials/0004 ",
    )
    (tmp_path / "trials/0005").write_text("no folder")
    (tmp_path / "trials/0006").symlink_to(tmp_path / "trials/0002")
    names = [path.name for path in trial_folders(tmp_path)]
    assert names == ["0002", "0010", "9999", "10000"]


def test_finishes_and_baselines_belong_to_a_study_as_well(tmp_path: Path):
    make(tmp_path, "trials/0001", "finish/0001", "finish/0001.old", "baselines/mlp_cgan")
    make(tmp_path, "baselines/mlp_cgan.bak", "baselines/.hidden", "confirmation/0001-s0")
    names = [name_of(path) for path in training_folders(tmp_path)]
    assert names == ["0001", "0001-finish", "baseline-mlp_cgan"]


def test_retrainings_are_named_by_trial_and_seed(tmp_path: Path):
    make(tmp_path, "confirmation/0001-s10", "confirmation/0001-s1", "confirmation/0001-s1 copy")
    names = [path.name for path in retraining_folders(tmp_path)]
    assert names == ["0001-s1", "0001-s10"]


def test_a_link_in_the_place_of_all_trials_holds_none(tmp_path: Path):
    make(tmp_path, "elsewhere/0001", "study")
    (tmp_path / "study/trials").symlink_to(tmp_path / "elsewhere")
    assert trial_folders(tmp_path / "study") == []


def test_links_within_a_study_and_to_one_are_harmless(tmp_path: Path):
    make(tmp_path, "study/wandb/run-1")
    (tmp_path / "study/wandb/latest-run").symlink_to("run-1")
    (tmp_path / "link").symlink_to(tmp_path / "study")
    (tmp_path / "study/wandb/run-1/logs").mkdir()
    log = tmp_path / "study/wandb/run-1/logs/debug-core.log"
    log.symlink_to(tmp_path / "cache/debug-core.log")  # as W&B makes it
    refuse_foreign(tmp_path / "link")


@pytest.mark.parametrize("kind", ["link", "chain", "circle", "pipe"])
def test_what_leads_out_of_a_study_is_named(tmp_path: Path, kind: str):
    make(tmp_path, "study/trials/0000", "other")
    path = tmp_path / "study/trials/0000/grids"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "chain":  # by a link that is harmless itself
        path.symlink_to("../further")
        (tmp_path / "study/trials/further").symlink_to(tmp_path / "other")
    else:
        path.symlink_to(path if kind == "circle" else tmp_path / "other")
    with pytest.raises(StudyError, match=r"received trials/0000/grids.*Remove them"):
        refuse_foreign(tmp_path / "study")

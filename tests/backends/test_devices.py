"""Divide made-up machines among workers."""

import pytest

from harness.backends.devices import (
    WorkerDevices,
    divide,
    find_gpus,
    gpu_environment,
    visible_gpus,
)
from harness.core.errors import ConfigError

LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa1111-2222-3333-4444-555566667777)
  MIG 1g.5gb Device 0: (UUID: MIG-0000)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb1111-2222-3333-4444-555566667777)
GPU 2: NVIDIA A100-SXM4-40GB (UUID: GPU-bbcc1111-2222-3333-4444-555566667777)
"""


@pytest.mark.parametrize(
    ("workers", "cores", "gpus", "expected"),
    [
        ("auto", 2, (), WorkerDevices(2, 1)),
        ("auto", 1, (), WorkerDevices(1, 1)),
        ("1", 8, (), WorkerDevices(1, 8)),
        ("3", 8, (), WorkerDevices(3, 2)),
        ("9", 2, (), WorkerDevices(9, 1)),
        ("auto", 16, ("0", "1"), WorkerDevices(2, 8, ("0", "1"))),
        ("auto", 2, ("0", "1", "2"), WorkerDevices(3, 1, ("0", "1", "2"))),
        ("6", 12, ("0",), WorkerDevices(6, 2, ("0",))),
    ],
)
def test_a_machine_is_divided(
    workers: str, cores: int, gpus: tuple[str, ...], expected: WorkerDevices
):
    assert divide(workers, cores=cores, gpus=gpus) == expected


@pytest.mark.parametrize("workers", ["0", "-1", "two", "1.5", "", "AUTO"])
def test_a_number_of_workers_that_is_none_is_refused(workers: str):
    with pytest.raises(ConfigError, match="--workers: expected a number from 1, or auto"):
        divide(workers, cores=2)


def test_without_gpus_nothing_is_leased():
    assert gpu_environment(0, workers=2, gpus=()) == {}


def test_each_worker_leases_a_gpu_of_its_own():
    environments = [gpu_environment(slot, workers=2, gpus=("3", "5")) for slot in range(2)]
    assert environments == [{"CUDA_VISIBLE_DEVICES": "3"}, {"CUDA_VISIBLE_DEVICES": "5"}]


def test_more_workers_than_gpus_share_them_and_their_memory():
    environments = [gpu_environment(slot, workers=3, gpus=("0", "1")) for slot in range(3)]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in environments] == ["0", "1", "0"]
    assert {each["TF_FORCE_GPU_ALLOW_GROWTH"] for each in environments} == {"true"}


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ("0", "1", "2")),
        ("", ()),
        ("-1", ()),
        ("2,0", ("2", "0")),
        (" 1 , 2 ", ("1", "2")),
        ("1,7,2", ("1",)),  # CUDA stops at the first that does not exist
        ("1,1", ("1",)),
        ("GPU-bbcc,0", ("GPU-bbcc", "0")),
        ("GPU-cccc", ()),
    ],
)
def test_what_is_visible_is_what_cuda_would_show(visible: str | None, expected: tuple[str, ...]):
    assert visible_gpus(LISTING, visible) == expected


def test_a_listing_of_something_else_holds_no_gpus():
    assert visible_gpus("No devices were found\n", None) == ()


@pytest.mark.parametrize(
    ("script", "expected"), [(f"cat <<'END'\n{LISTING}END", ("0", "1", "2")), ("exit 9", ())]
)
def test_the_driver_is_asked_where_there_is_one(tmp_path, monkeypatch, script, expected):
    command = tmp_path / "nvidia-smi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert find_gpus(None) == expected
    monkeypatch.setenv("PATH", "")
    assert find_gpus(None) == ()

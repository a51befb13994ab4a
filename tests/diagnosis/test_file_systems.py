"""Read the kernel's list of mounts, made up: where may SQLite live?"""

from pathlib import Path

import pytest

from harness.diagnosis.file_systems import check_storage, file_system, nearest_folder

MOUNTS = r"""/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
//server/share /home/me/with\040blank cifs rw 0 0
tmpfs /scratch tmpfs rw 0 0
sshfs#x: /remote fuse.sshfs rw 0 0
/dev/sdb1 /home/me/local xfs rw 0 0
broken line
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mounts"
    path.write_text(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("folder", "level", "kind"),
    [
        ("/data/studies", "ok", "ext4"),
        ("/home/me/studies", "warn", "nfs4"),
        ("/home/me/with blank/studies", "warn", "cifs"),
        ("/home/me/local/studies", "ok", "xfs"),
        ("/homestead", "ok", "ext4"),  # no part of /home
        ("/remote", "warn", "fuse.sshfs"),
        ("/scratch/x", "warn", "tmpfs"),
    ],
)
def test_the_longest_mount_point_decides(mounts: Path, folder: str, level: str, kind: str):
    finding = check_storage(Path(folder), mounts)
    assert (finding.level, finding.name) == (level, "storage")
    assert kind in finding.message


def test_a_network_file_system_gets_a_remedy(mounts: Path):
    assert "a local --studies-dir" in check_storage(Path("/home/s"), mounts).message
    assert "a restart empties" in check_storage(Path("/scratch/s"), mounts).message


def test_a_later_mount_hides_an_earlier_one_on_the_same_point(mounts: Path):
    mounts.write_text(MOUNTS + "server:/all / nfs rw 0 0\n")
    assert file_system(Path("/data"), mounts) == ("/", "nfs")


def test_a_system_that_does_not_tell_is_not_judged(tmp_path: Path):
    assert check_storage(tmp_path, tmp_path / "none").level == "ok"


def test_this_machine_tells(tmp_path: Path):
    assert file_system(tmp_path) is None or file_system(tmp_path)[1]


def test_a_folder_that_does_not_exist_counts_as_its_parent(tmp_path: Path):
    assert nearest_folder(tmp_path / "a" / "b") == tmp_path.resolve()

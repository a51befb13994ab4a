"""Find out what file system a folder lies on, and whether a study may live there."""

import re
from pathlib import Path

from harness.diagnosis.finding import Finding, ok, warn

MOUNTS_FILE = Path("/proc/mounts")

# SQLite's locks, and the shared memory of its write-ahead log, need one kernel that sees all
# processes: https://sqlite.org/wal.html, https://sqlite.org/faq.html#q5
NETWORK = frozenset(
    (
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
    )
)
VOLATILE = frozenset({"tmpfs", "ramfs"})


def check_storage(studies_dir: Path, mounts_file: Path = MOUNTS_FILE) -> Finding:
    """Check that a study's SQLite database may lie in the studies folder.

    Args:
        studies_dir: The folder of all studies; it need not exist yet.
        mounts_file: What the kernel says is mounted.
    """
    name = "storage"
    found = file_system(studies_dir, mounts_file)
    if found is None:
        return ok(name, f"{studies_dir}: this system does not tell its file systems; not checked")
    mount, kind = found
    if kind in NETWORK:
        return warn(
            name,
            f"{studies_dir} lies on {kind} ({mount}), a network file system: SQLite's locks are "
            f"not reliable there, and a study may be damaged. Choose a local --studies-dir.",
        )
    if kind in VOLATILE:
        return warn(
            name,
            f"{studies_dir} lies on {kind} ({mount}), which a restart empties. Choose another "
            f"--studies-dir.",
        )
    return ok(name, f"{studies_dir} lies on {kind} ({mount}), which suits SQLite")


def file_system(path: Path, mounts_file: Path = MOUNTS_FILE) -> tuple[str, str] | None:
    """Return (mount point, type) of the file system that holds a path.

    Args:
        path: A path; where it does not exist yet, its nearest parent that does counts.
        mounts_file: What the kernel says is mounted.

    Returns:
        None where the system does not tell.
    """
    try:
        lines = mounts_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    resolved = path.resolve()
    best: tuple[str, str] | None = None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount, kind = _unescape(fields[1]), fields[2]
        # The last of two mounts on one point hides the first.
        if resolved.is_relative_to(mount) and (best is None or len(mount) >= len(best[0])):
            best = mount, kind
    return best


def nearest_folder(path: Path) -> Path:
    """Return the path itself if it exists, else its nearest parent that does."""
    resolved = path.resolve()
    return next(folder for folder in (resolved, *resolved.parents) if folder.exists())


def _unescape(text: str) -> str:
    """Undo the octal escapes that the kernel writes for blanks in mount points."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)

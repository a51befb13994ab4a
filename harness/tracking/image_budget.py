"""Bound what the sample grids of a study's W&B runs take on disk."""

from pathlib import Path

_spent: dict[Path, int] = {}
"""Bytes of images by W&B folder, as far as this process knows."""


def spend(wandb_dir: Path, size: int, *, limit_megabytes: float) -> bool:
    """Take note of an image that W&B is about to copy; return whether there is room for it.

    Looks at the disk once in a process. Several processes may therefore exceed the limit, each by
    what the others add meanwhile.

    Args:
        wandb_dir: W&B's folder, named `wandb`.
        size: The image's bytes.
        limit_megabytes: What all images may take, in 10^6 bytes.
    """
    if wandb_dir not in _spent:
        images = wandb_dir.glob("*run-*/files/media/images/**/*.*")
        _spent[wandb_dir] = sum(image.stat().st_size for image in images)
    if _spent[wandb_dir] + size > limit_megabytes * 1e6:
        return False
    _spent[wandb_dir] += size
    return True

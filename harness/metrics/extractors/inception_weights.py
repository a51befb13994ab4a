"""Find, download, convert and check the weights of the FID Inception network."""

import hashlib
import http.client
import os
import shutil
import sys
import urllib.request
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from harness.core.errors import ConfigError, StorageError, require_packages
from harness.core.files import replacing, storage_error, write_bytes
from harness.data.download import probe
from harness.metrics.cache import default_cache_dir

WEIGHTS_VARIABLE = "HARNESS_INCEPTION_WEIGHTS"
ADDRESS = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
"""The weights of 2015-12-05 as published for PyTorch."""
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""The hash of that file; its name has the first digits."""

_TIMEOUT_SECONDS = 30.0
_SHOWN_FAULTS = 4

Arrays = dict[str, NDArray[np.float32]]
Shapes = Mapping[str, tuple[int, ...]]


def load_inception_weights(weights: Path | None, shapes: Shapes) -> Arrays:
    """Return the arrays of the FID Inception, from where they are named, kept or published.

    Looked for in this order: the `weights` argument, the file HARNESS_INCEPTION_WEIGHTS names, the
    cache folder, the published address. A `.pth` file is read by PyTorch once; what it held lies
    in the cache as `.safetensors` from then on.

    Neither this project nor its tests have run the download from the published address: they prove
    the same steps on a server of their own.

    Args:
        weights: A `.safetensors` or `.pth` file, or None.
        shapes: The shape of every array by its name, from `weight_shapes`.

    Raises:
        ConfigError: If the named file is of another kind.
        MissingExtraError: If PyTorch is needed and not installed.
        StorageError: If the weights cannot be had, are damaged, or not those of this network.
    """
    named = str(weights or "") or os.environ.get(WEIGHTS_VARIABLE)
    path = Path(named).expanduser() if named else _published_path()
    if path.suffix == ".safetensors":
        return _read_safetensors(path, shapes)
    if path.suffix != ".pth":
        raise ConfigError(
            f"{path}: expected the weights of Inception as .safetensors or .pth; received "
            f"{path.suffix or 'no suffix'}. They are published at {ADDRESS}."
        )
    source = _sha256(path) if named else SHA256
    converted = _find_converted(source)
    if converted is not None:
        return _read_safetensors(converted, shapes)
    require_packages(f"inception: reading {path}, once,", ["torch"], _remedy())
    if not named:
        if not path.is_file():
            _download(path)
        _check_hash(path, path)
    arrays = _check_arrays(path, _read_pth(path), shapes)
    try:
        content = save(arrays)
        write_bytes(_converted_path(source, hashlib.sha256(content).hexdigest()), content)
    except StorageError as error:  # costs the next conversion, not this result
        warnings.warn(f"The converted weights are not kept. {error}", stacklevel=2)
    return arrays


def _read_safetensors(path: Path, shapes: Shapes) -> Arrays:
    try:
        arrays = load(path.read_bytes())
    except OSError as error:
        raise storage_error(path, error) from error
    # A type that NumPy lacks, such as bfloat16, ends in a KeyError, TypeError or AttributeError.
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"{path}: expected a whole .safetensors file of float32 arrays; "
            f"{type(error).__name__}: {error}. It was cut short or is another file: remove it, "
            f"and copy or convert it again."
        ) from error
    return _check_arrays(path, arrays, shapes)


def _read_pth(path: Path) -> dict[str, NDArray[Any]]:
    import torch  # hundreds of megabytes, needed this once

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {str(name): value.detach().numpy() for name, value in state.items()}
    except OSError as error:
        raise storage_error(path, error) from error
    except Exception as error:  # whatever a damaged pickle leads to, even UnicodeDecodeError
        raise StorageError(
            f"{path}: expected a state dictionary of tensors written by torch.save; reading it "
            f"ended in {type(error).__name__}. It was cut short or is another file: fetch it "
            f"again from {ADDRESS}."
        ) from error


def _check_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], shapes: Shapes) -> Arrays:
    """Return the arrays that the network has, or name those that are wrong."""
    # How many batches the normalization was trained on: PyTorch keeps it, no result needs it.
    held = {n: a for n, a in arrays.items() if not n.endswith(".num_batches_tracked")}
    faults = [f"{name} is missing" for name in shapes if name not in held]
    faults += [f"{name} is unknown" for name in sorted(held.keys() - shapes.keys())]
    for name in sorted(held.keys() & shapes.keys()):
        array = held[name]
        if array.shape != shapes[name]:
            faults.append(f"{name} has shape {array.shape} instead of {shapes[name]}")
        elif array.dtype != np.float32:
            faults.append(f"{name} is {array.dtype} instead of float32")
        elif not np.isfinite(array).all():
            faults.append(f"{name} holds NaN or infinity")
    if faults:
        rest = len(faults) - _SHOWN_FAULTS
        more = f", and {rest} more faults" if rest > 0 else ""
        raise StorageError(
            f"{path}: not the weights of the FID Inception: {', '.join(faults[:_SHOWN_FAULTS])}"
            f"{more}. Those of 2015-12-05 are published at {ADDRESS}."
        )
    return {name: np.ascontiguousarray(array) for name, array in held.items()}


def _download(target: Path) -> None:
    """Fetch the published file; it is moved into place once its hash is right."""
    fault = probe(ADDRESS)
    if fault is not None:
        raise StorageError(f"inception: {ADDRESS} did not answer: {fault} {_remedy()}")
    print(f"fetching the weights of the FID Inception, once: {ADDRESS}", file=sys.stderr)
    with replacing(target) as temporary:
        try:
            with (
                urllib.request.urlopen(ADDRESS, timeout=_TIMEOUT_SECONDS) as answer,
                temporary.open("wb") as file,
            ):
                shutil.copyfileobj(answer, file)
        except (OSError, http.client.HTTPException) as error:
            raise StorageError(f"inception: {ADDRESS} broke off: {error}. {_remedy()}") from error
        _check_hash(temporary, target)


def _check_hash(path: Path, published: Path) -> None:
    """Refuse a file whose content is not what was published."""
    received = _sha256(path)
    if received != SHA256:
        raise StorageError(
            f"{published}: expected the SHA-256 {SHA256}; received {received}. The file was "
            f"changed or cut short on its way: remove it if it is there. "
            f"{_remedy()}"
        )


def _remedy() -> str:
    """Return where to get the weights and where to put them, with PyTorch and without."""
    return (
        f"Get {ADDRESS} and copy it to {_published_path()}, or name its place by --weights or "
        f"{WEIGHTS_VARIABLE}. Converting it needs PyTorch, once: pip install torch. Or let a "
        f"machine with PyTorch do so: the same command leaves a .safetensors in its cache folder, "
        f"and that file alone will do, copied to {default_cache_dir()} or named in the same way."
    )


def _published_path() -> Path:
    return default_cache_dir() / ADDRESS.rpartition("/")[2]


def _find_converted(source: str) -> Path | None:
    """Return what was made of a file with this hash; None where it is not, or was changed."""
    for path in default_cache_dir().glob(_converted_path(source, "*").name):
        if path == _converted_path(source, _sha256(path)):
            return path
    return None


def _converted_path(source: str, content: str) -> Path:
    """Return where converted weights lie: the name has the hashes of what they were and are."""
    return default_cache_dir() / f"inception-{source}-{content}.safetensors"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise storage_error(path, error) from error

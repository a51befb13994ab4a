import contextlib
import functools
import hashlib
import http.server
import importlib.util
import threading

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from harness.core.errors import ConfigError, MissingExtraError, StorageError
from harness.data import download
from harness.metrics.extractors import inception_weights
from harness.metrics.extractors.inception_weights import SHA256, load_inception_weights

# The rules are the same for two small arrays as for the network's 472.
SHAPES = {"Conv2d_1a_3x3.conv.weight": (2, 3, 1, 1), "fc.bias": (4,)}
PUBLISHED = "weights-inception-2015-12-05-6726825d.pth"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Return an empty cache folder, far from the user's, and no network."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(inception_weights, "ADDRESS", f"http://127.0.0.1:9/{PUBLISHED}")
    return tmp_path / "cache"


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def safetensors(arrays, tmp_path):
    path = tmp_path / "own.safetensors"
    save_file(arrays, path)
    return path


@pytest.fixture
def pth(arrays, tmp_path):
    """Return a file as PyTorch writes a network: batches counted, one array not contiguous."""
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    name = "Conv2d_1a_3x3.conv.weight"
    tensors[name] = tensors[name].transpose(0, 1).contiguous().transpose(0, 1)
    tensors["Conv2d_1a_3x3.bn.num_batches_tracked"] = torch.tensor(3)
    torch.save(tensors, tmp_path / "own.pth")
    return tmp_path / "own.pth"


@pytest.fixture
def without_torch(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )


def assert_same(received, expected):
    assert received.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(received[name], expected[name])


def test_the_argument_comes_before_the_variable(safetensors, arrays, monkeypatch):
    monkeypatch.setenv("HARNESS_INCEPTION_WEIGHTS", "/nowhere.safetensors")
    assert_same(load_inception_weights(safetensors, SHAPES), arrays)
    monkeypatch.setenv("HARNESS_INCEPTION_WEIGHTS", str(safetensors))
    assert_same(load_inception_weights(None, SHAPES), arrays)


def test_a_named_file_that_is_missing(tmp_path):
    with pytest.raises(StorageError, match=r"none\.safetensors: cannot be read"):
        load_inception_weights(tmp_path / "none.safetensors", SHAPES)


def test_a_file_of_another_kind(tmp_path):
    with pytest.raises(ConfigError, match=r"\.safetensors or \.pth; received \.h5"):
        load_inception_weights(tmp_path / "weights.h5", SHAPES)


@pytest.mark.parametrize("length", [0, 4, 40, -1])
def test_a_safetensors_file_cut_short(safetensors, length):
    safetensors.write_bytes(safetensors.read_bytes()[:length])
    with pytest.raises(StorageError, match=r"own\.safetensors: expected a whole \.safetensors"):
        load_inception_weights(safetensors, SHAPES)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"fc.bias": None}, r"fc\.bias is missing"),
        ({"fc.bias": np.zeros(5, np.float32)}, r"fc\.bias has shape \(5,\) instead of \(4,\)"),
        ({"fc.bias": np.zeros(4)}, r"fc\.bias is float64 instead of float32"),
        ({"fc.bias": np.full(4, np.nan, np.float32)}, r"fc\.bias holds NaN or infinity"),
        ({"AuxLogits.fc.bias": np.zeros(4)}, r"AuxLogits\.fc\.bias is unknown"),
        ({f"x{i}": np.zeros(1) for i in range(6)}, "x3 is unknown, and 2 more faults"),
    ],
)
def test_wrong_arrays_are_named(arrays, tmp_path, change, fault):
    changed = {name: array for name, array in {**arrays, **change}.items() if array is not None}
    save_file(changed, tmp_path / "other.safetensors")
    with pytest.raises(StorageError, match=f"not the weights of the FID Inception: .*{fault}"):
        load_inception_weights(tmp_path / "other.safetensors", SHAPES)


@pytest.mark.torch
def test_a_pth_file_is_converted_once(pth, arrays, cache, request):
    digest = hashlib.sha256(pth.read_bytes()).hexdigest()
    assert_same(load_inception_weights(pth, SHAPES), arrays)
    (converted,) = cache.iterdir()
    assert converted.name.startswith(f"inception-{digest}-")
    assert_same(load_file(converted), arrays)
    request.getfixturevalue("without_torch")  # from here on torch is not needed
    assert_same(load_inception_weights(pth, SHAPES), arrays)


@pytest.mark.torch
def test_a_cache_that_takes_no_files_does_not_stop_a_conversion(pth, arrays, cache):
    cache.write_text("a file, not a folder")
    with pytest.warns(UserWarning, match="converted weights are not kept"):
        assert_same(load_inception_weights(pth, SHAPES), arrays)


class Hostile:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.torch
def test_a_pth_file_runs_no_code(tmp_path, cache, capsys):
    import torch

    torch.save({"fc.bias": Hostile()}, tmp_path / "hostile.pth")
    with pytest.raises(StorageError, match=r"hostile\.pth: expected a state dictionary"):
        load_inception_weights(tmp_path / "hostile.pth", SHAPES)
    assert capsys.readouterr().out == ""
    assert not cache.exists()


@pytest.mark.torch
@pytest.mark.parametrize("length", [0, 10, 900])
def test_a_pth_file_cut_short(pth, length):
    pth.write_bytes(pth.read_bytes()[:length])
    with pytest.raises(StorageError, match=r"own\.pth: expected a state dictionary"):
        load_inception_weights(pth, SHAPES)


@pytest.mark.torch
def test_a_pth_file_of_something_else(tmp_path):
    import torch

    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(StorageError, match=r"list\.pth: expected a state dictionary"):
        load_inception_weights(tmp_path / "list.pth", SHAPES)


def test_without_torch_the_message_says_how_to_do_without(tmp_path, without_torch, cache):
    (tmp_path / "own.pth").write_bytes(b"")
    for weights in (tmp_path / "own.pth", None):
        with pytest.raises(MissingExtraError, match="pip install torch") as caught:
            load_inception_weights(weights, SHAPES)
        message = str(caught.value)
        assert "a machine with PyTorch do so: the same command leaves a .safetensors" in message
        assert f"copied to {cache} or named" in message


@pytest.mark.torch
def test_offline_the_message_says_where_from_and_where_to(cache):
    with pytest.raises(StorageError, match=r"did not answer: .*refused") as caught:
        load_inception_weights(None, SHAPES)
    message = str(caught.value)
    for part in (inception_weights.ADDRESS, cache / PUBLISHED, "--weights"):
        assert str(part) in message
    assert "HARNESS_INCEPTION_WEIGHTS" in message


def test_converted_weights_copied_to_the_cache_need_neither_network_nor_torch(
    safetensors, arrays, cache, without_torch
):
    cache.mkdir()
    content = hashlib.sha256(safetensors.read_bytes()).hexdigest()
    kept = safetensors.rename(cache / f"inception-{SHA256}-{content}.safetensors")
    assert_same(load_inception_weights(None, SHAPES), arrays)
    changed = bytearray(kept.read_bytes())
    changed[-1] ^= 1  # still a sound file of other numbers
    kept.write_bytes(changed)
    with pytest.raises(MissingExtraError, match="pip install torch"):
        load_inception_weights(None, SHAPES)


def test_the_published_hash_is_whole_and_begins_as_its_name_says():
    assert len(SHA256) == 64
    assert PUBLISHED.removesuffix(".pth").endswith(f"-{SHA256[:8]}")


@pytest.mark.torch
def test_a_published_file_copied_to_the_cache_is_checked(pth, cache):
    cache.mkdir()
    pth.rename(cache / PUBLISHED)
    with pytest.raises(StorageError, match=f"expected the SHA-256 {SHA256}; received"):
        load_inception_weights(None, SHAPES)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Return what serves a file on the loopback interface as if it were the published one."""
    with contextlib.ExitStack() as stack:

        def serve(path, digest):
            folder = tmp_path / "served"
            folder.mkdir()
            name = f"weights-{digest[:8]}.pth"
            path.rename(folder / name)
            handler = functools.partial(Quiet, directory=str(folder))
            server = stack.enter_context(
                http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            )
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            address = f"http://127.0.0.1:{server.server_port}/{name}"
            monkeypatch.setattr(inception_weights, "ADDRESS", address)
            monkeypatch.setattr(inception_weights, "SHA256", digest)
            return name

        yield serve


@pytest.mark.torch
def test_a_download_is_kept_and_not_repeated(pth, arrays, cache, publish, monkeypatch, capsys):
    digest = hashlib.sha256(pth.read_bytes()).hexdigest()
    name = publish(pth, digest)
    assert_same(load_inception_weights(None, SHAPES), arrays)
    assert "fetching the weights" in capsys.readouterr().err
    converted, kept = sorted(path.name for path in cache.iterdir())
    assert (converted.startswith(f"inception-{digest}-"), kept) == (True, name)
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.0)  # nobody would be heard now
    assert_same(load_inception_weights(None, SHAPES), arrays)


@pytest.mark.torch
def test_a_download_with_another_hash_is_refused_and_not_kept(pth, cache, publish):
    publish(pth, "0" * 64)
    with pytest.raises(StorageError, match=f"expected the SHA-256 {'0' * 64}; received"):
        load_inception_weights(None, SHAPES)
    assert list(cache.iterdir()) == []

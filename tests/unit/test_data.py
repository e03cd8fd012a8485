"""Data sets: what is embedded, and a download that survives whatever a server does to it."""

import gzip
import hashlib
import http.server
import io
import logging
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import pytest
import torch
from d2l_errata import data, progress
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress
from torchvision.datasets import FashionMNIST
from torchvision.transforms.functional import to_tensor
from torchvision.transforms.v2 import functional as transforms


def idx(tensor: torch.Tensor) -> bytes:
    """The file format of MNIST: type, sizes, bytes; compressed without a time stamp."""
    header = struct.pack(f">I{tensor.dim()}I", 0x800 + tensor.dim(), *tensor.shape)
    return gzip.compress(header + tensor.byte().numpy().tobytes(), mtime=0)


def example_set(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, 28, 28), generator=generator, dtype=torch.uint8), torch.randint(10, (n,), generator=generator)


SETS = {"train": example_set(300, 0), "t10k": example_set(50, 1)}
FILES = {
    f"{part}-{kind}.gz": idx(tensor)
    for part, pair in SETS.items()
    for kind, tensor in zip(("images-idx3-ubyte", "labels-idx1-ubyte"), pair)
}
TRAIN_IMAGES = "train-images-idx3-ubyte.gz"


@dataclass
class Server:
    """What the server sends, and what it was asked for."""

    url: str = ""
    files: dict = field(default_factory=lambda: dict(FILES))
    ranges: bool = True
    shift: int = 0  # of the place at which an answer to a range starts
    cut: list = field(default_factory=list)  # bytes after which the answers to come end early, in turn
    fail: list = field(default_factory=list)  # statuses of the answers to come
    chunked: bool = False  # no Content-Length
    asked: list = field(default_factory=list)


@pytest.fixture
def server(monkeypatch):
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def log_message(self, *_):
            pass

        def do_GET(self):
            name, wanted = self.path.strip("/"), self.headers.get("Range")
            state.asked.append((name, wanted))
            if state.fail:
                return self.send_error(state.fail.pop(0))
            if name not in state.files:
                return self.send_error(404)
            content, start = state.files[name], 0
            if wanted and state.ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-")) + state.shift
                if start >= len(content):
                    return self.send_error(416)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            if not state.chunked:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            self.wfile.write(body[: state.cut.pop(0)] if state.cut else body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{listening.server_port}/"
        monkeypatch.setattr(FashionMNIST, "mirrors", [state.url])
        monkeypatch.setattr(FashionMNIST, "resources", [(name, hashlib.md5(content).hexdigest()) for name, content in FILES.items()])
        monkeypatch.delenv("D2L_ERRATA_OFFLINE", raising=False)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield state
        listening.shutdown()
        thread.join()


def raw(root):
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def names(root):
    return sorted(file.name for file in raw(root).iterdir())


def assert_train(images: data.Images):
    assert images.images.shape == (300, 1, 28, 28) and images.images.dtype == torch.uint8
    assert torch.equal(images.images[:, 0], SETS["train"][0]) and torch.equal(images.labels, SETS["train"][1])


def test_fetched_once_and_as_torchvision_reads_it(server, tmp_path):
    train, test = (data.fashion_mnist(part, tmp_path) for part in (True, False))
    assert_train(train)
    assert [name for name, _ in server.asked] == list(FILES) and all(wanted is None for _, wanted in server.asked)
    data.fashion_mnist(True, tmp_path)
    assert len(server.asked) == 4
    assert names(tmp_path) == sorted(FILES)  # nothing unpacked is left, nothing partial
    for part, ours in ((True, train), (False, test)):
        theirs = FashionMNIST(tmp_path, train=part, download=True)  # finds the files and unpacks them
        assert torch.equal(theirs.data, ours.images[:, 0]) and torch.equal(theirs.targets, ours.labels)
    assert len(server.asked) == 4
    assert len(ours.classes) == len(theirs.classes) == 10


def test_cut_off_then_resumed_in_the_same_call(server, tmp_path):
    server.cut = [100_000, 7_000]
    assert_train(data.fashion_mnist(True, tmp_path))
    assert server.asked[:3] == [(TRAIN_IMAGES, None), (TRAIN_IMAGES, "bytes=100000-"), (TRAIN_IMAGES, "bytes=107000-")]


def test_cut_off_for_good_then_resumed_in_the_next_call(server, tmp_path):
    server.cut = [50_000, 0, 1_000]
    total = len(FILES[TRAIN_IMAGES])
    with pytest.raises(data.DownloadError, match=rf"51000 bytes are kept in .*\.gz\.part.* ended after 50000 of {total} bytes"):
        data.fashion_mnist(True, tmp_path)
    assert names(tmp_path) == [f"{TRAIN_IMAGES}.part"]
    assert_train(data.fashion_mnist(True, tmp_path))
    assert server.asked[3] == (TRAIN_IMAGES, "bytes=51000-")
    assert names(tmp_path) == sorted(name for name in FILES if name.startswith("train"))


@pytest.mark.parametrize("mode", ["no ranges", "wrong range"])
def test_a_server_that_cannot_resume_starts_anew_and_says_so(server, tmp_path, caplog, mode):
    part = raw(tmp_path) / f"{TRAIN_IMAGES}.part"
    part.write_bytes(FILES[TRAIN_IMAGES][:1234])
    if mode == "no ranges":
        server.ranges = False
        with caplog.at_level(logging.WARNING):
            assert_train(data.fashion_mnist(True, tmp_path))
        assert "cannot be taken up at byte 1234" in caplog.text
    else:  # what it sends is not what was asked for: never appended
        server.shift = 5
        with pytest.raises(data.DownloadError, match="asked for bytes from 1234, got 'bytes 1239-"):
            data.fashion_mnist(True, tmp_path)
        assert part.read_bytes() == FILES[TRAIN_IMAGES][:1234]


def test_a_complete_partial_file_is_checked_and_taken(server, tmp_path):
    (raw(tmp_path) / f"{TRAIN_IMAGES}.part").write_bytes(FILES[TRAIN_IMAGES])
    assert_train(data.fashion_mnist(True, tmp_path))
    assert (TRAIN_IMAGES, None) not in server.asked


def test_wrong_bytes_are_refused_kept_and_not_used_again(server, tmp_path):
    wrong = FILES[TRAIN_IMAGES][:-9] + b"\0" + FILES[TRAIN_IMAGES][-8:]
    seen, expected = (hashlib.md5(content).hexdigest() for content in (wrong, FILES[TRAIN_IMAGES]))
    server.files[TRAIN_IMAGES] = wrong
    with pytest.raises(data.CorruptFile, match=f"{len(wrong)} bytes with md5 {seen}; md5 {expected} is expected.*corrupt-{seen[:8]}"):
        data.fashion_mnist(True, tmp_path)
    assert (raw(tmp_path) / f"{TRAIN_IMAGES}.corrupt-{seen[:8]}").read_bytes() == wrong
    assert names(tmp_path) == [f"{TRAIN_IMAGES}.corrupt-{seen[:8]}"]
    server.files[TRAIN_IMAGES] = FILES[TRAIN_IMAGES]
    assert_train(data.fashion_mnist(True, tmp_path))
    assert f"{TRAIN_IMAGES}.corrupt-{seen[:8]}" in names(tmp_path)


def test_a_wrong_beginning_is_found_out_after_resuming(server, tmp_path):
    (raw(tmp_path) / f"{TRAIN_IMAGES}.part").write_bytes(b"<html>not found</html>")
    with pytest.raises(data.CorruptFile):
        data.fashion_mnist(True, tmp_path)
    assert_train(data.fashion_mnist(True, tmp_path))


@pytest.mark.parametrize("download", [True, False])
def test_a_file_that_torchvision_left_half_finished_is_refused(server, tmp_path, download):
    (raw(tmp_path) / TRAIN_IMAGES).write_bytes(FILES[TRAIN_IMAGES][:500])
    with pytest.raises(data.CorruptFile, match="has 500 bytes with md5"):
        data.fashion_mnist(True, tmp_path, download=download)
    assert server.asked == []
    aside = [name for name in names(tmp_path) if ".corrupt-" in name]
    assert len(aside) == 1 and TRAIN_IMAGES not in names(tmp_path)


def test_one_bar_for_a_file_however_often_it_is_cut_off(server, tmp_path, monkeypatch):
    terminal, original = Console(file=io.StringIO(), force_terminal=True, width=100, _environ={}), progress.progress_bar
    monkeypatch.setattr(progress, "progress_bar", lambda **options: original(**options, console=terminal))
    tasks, add_task = [], Progress.add_task
    monkeypatch.setattr(Progress, "add_task", lambda self, name, **options: tasks.append(name) or add_task(self, name, **options))
    server.cut = [1000, 100_000]
    data.fashion_mnist(True, tmp_path)
    total = f"{len(FILES[TRAIN_IMAGES]) / 1000:.1f}"
    assert f"{total}/{total} kB" in terminal.file.getvalue()
    assert tasks == [TRAIN_IMAGES, "train-labels-idx1-ubyte.gz"]


def test_server_errors_are_tried_again_and_missing_files_are_not(server, tmp_path):
    server.fail = [503, 500]
    assert_train(data.fashion_mnist(True, tmp_path))
    server.asked.clear()
    server.files = {}
    with pytest.raises(data.DownloadError, match=r"t10k-images.*404"):
        data.fashion_mnist(False, tmp_path)
    assert len(server.asked) == 1


def test_the_next_mirror_takes_over(server, tmp_path, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/"
    monkeypatch.setattr(FashionMNIST, "mirrors", [nobody, server.url])
    assert_train(data.fashion_mnist(True, tmp_path))


def test_a_server_that_goes_silent_is_given_up(tmp_path, monkeypatch):
    monkeypatch.delenv("D2L_ERRATA_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(data, "TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(data.DownloadError, match="timed out"):
            data.fetch([f"http://127.0.0.1:{silent.getsockname()[1]}/a"], tmp_path / "a", "0" * 32)
    assert time.monotonic() - started < 5


def test_without_a_length_only_the_digest_can_tell(server, tmp_path):
    server.chunked = True
    assert_train(data.fashion_mnist(True, tmp_path))
    server.cut = [10]
    with pytest.raises(data.CorruptFile, match="10 bytes"):
        data.fashion_mnist(False, tmp_path)


def test_offline_opens_no_connection(server, tmp_path, monkeypatch):
    monkeypatch.setenv("D2L_ERRATA_OFFLINE", "1")
    with pytest.raises(data.DownloadError, match=f"{TRAIN_IMAGES} is not there, and D2L_ERRATA_OFFLINE=1"):
        data.fashion_mnist(True, tmp_path)
    assert server.asked == [] and names(tmp_path) == []
    for name, content in FILES.items():
        (raw(tmp_path) / name).write_bytes(content)
    assert_train(data.fashion_mnist(True, tmp_path))
    assert server.asked == []


def test_offline_is_1_or_0(server, tmp_path, monkeypatch):
    monkeypatch.setenv("D2L_ERRATA_OFFLINE", "yes")
    with pytest.raises(ValueError, match=r"must be 1 .* or 0; it is 'yes'"):
        data.fashion_mnist(True, tmp_path)
    monkeypatch.setenv("D2L_ERRATA_OFFLINE", "0")
    assert_train(data.fashion_mnist(True, tmp_path))


def test_download_false_says_what_is_missing(server, tmp_path):
    with pytest.raises(data.DownloadError, match=rf"{TRAIN_IMAGES} is not there, and download=False"):
        data.fashion_mnist(True, tmp_path, download=False)
    assert server.asked == []


def test_pages_take_fashion_mnist_where_it_lies_and_else_the_digits(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("D2L_ERRATA_DATA", str(tmp_path))
    data._say_digits.cache_clear()
    first = data.image_classification(True)
    data.image_classification(False, size=32)
    assert first.classes == tuple("0123456789") and server.asked == []
    assert capsys.readouterr().out.count("手写数字") == 1
    for part in (True, False):
        data.fashion_mnist(part)
    assert_train(data.image_classification(True))
    assert data.image_classification(False, size=14).images.shape == (50, 1, 14, 14)
    assert capsys.readouterr().out == ""
    (raw(tmp_path) / TRAIN_IMAGES).write_bytes(b"")
    with pytest.raises(data.CorruptFile):  # not silently the digits
        data.image_classification(True)


@pytest.mark.parametrize("size", [14, 20, 28, 64])
def test_sizes_are_torchvisions_resize(size):
    raw_digits, ours = data.digits(True, size=8).images, data.digits(True, size=size).images
    theirs = transforms.resize(raw_digits.to(torch.float64), [size, size], antialias=True)
    assert ours.shape == (1500, 1, size, size)
    assert (ours.double() - theirs).abs().max() <= 1  # the 8×8 images are rounded too
    fashion = SETS["train"][0][:, None].to(torch.float64)
    assert (data._resized(fashion, size).double() - transforms.resize(fashion, [size, size], antialias=True)).abs().max() <= 0.501


def test_digits_are_a_split_of_scikit_learns():
    from sklearn.datasets import load_digits

    train, test = data.digits(True, size=8), data.digits(False, size=8)
    assert (len(train), len(test)) == (1500, 297)
    images, labels = load_digits(return_X_y=True)
    parts = torch.cat([train.images, test.images])
    found = torch.cat([(parts.flatten(1) / (255 / 16)).round(), torch.cat([train.labels, test.labels])[:, None]], 1)
    expected = torch.cat([torch.as_tensor(images), torch.as_tensor(labels)[:, None]], 1)
    assert sorted(map(tuple, found.int().tolist())) == sorted(map(tuple, expected.int().tolist()))
    share = [torch.bincount(part.labels) / len(part) for part in (train, test)]
    torch.testing.assert_close(*share, rtol=0.06, atol=0)  # stratified
    assert torch.equal(data.digits(True).images, data.digits(True).images)


def test_digits_are_the_same_on_every_machine():
    digest = hashlib.sha256(data.digits(True).images.numpy().tobytes() + data.digits(True).labels.numpy().tobytes()).hexdigest()
    assert digest[:16] == "304f79b02982d22b"


def test_tensors_are_scaled_and_stay_where_they_are():
    images = data.digits(False)
    X, y = images.tensors()
    assert X.dtype == torch.float32 and y.dtype == torch.int64 and X.device == y.device == torch.device("cpu")
    assert X.min() == 0 and X.max() == 1 and len(images) == len(X) == len(y) == 297
    assert torch.equal((X * 255).round().byte(), images.images)
    assert torch.equal(X[0], to_tensor(images.images[0, 0].numpy()))
    assert images.tensors(dtype=torch.float64)[0].dtype == torch.float64
    assert images.tensors("meta")[0].device.type == images.tensors("meta")[1].device.type == "meta"


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(2, 1, 3, 3), torch.zeros(2, dtype=torch.long), r"uint8 of shape \(n, 1, h, w\); got torch.float32"),
        (torch.zeros(2, 3, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.long), r"got torch.uint8 of \(2, 3, 3\)"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(3, dtype=torch.long), r"int64 of shape \(2,\), .* of \(3,\)"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2), r"got torch.float32"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.tensor([0, 2]), "must run from 0 to 1, .* they run from 0 to 2"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.tensor([-1, 1]), "run from -1 to 1"),
    ],
)
def test_images_refuse_what_does_not_fit(images, labels, message):
    with pytest.raises(ValueError, match=message):
        data.Images(images, labels, ("a", "b"))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 40), size=st.integers(1, 50), shuffle=st.booleans(), drop_last=st.booleans(), seed=st.integers(0, 99))
def test_a_pass_is_a_permutation_in_pieces(n, size, shuffle, drop_last, seed):
    X = torch.arange(3 * n).reshape(n, 3)
    y = X[:, 0].clone()
    pieces = list(data.batches(X, y, size, generator=torch.Generator().manual_seed(seed), shuffle=shuffle, drop_last=drop_last))
    assert [len(piece) for piece, _ in pieces] == [size] * (n // size) + [n % size] * (n % size > 0 and not drop_last)
    assert all(torch.equal(a[:, 0], b) for a, b in pieces)
    seen = [value for _, labels in pieces for value in labels.tolist()]
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)) if shuffle else torch.arange(n)
    assert seen == y[order].tolist()[: len(seen)]
    assert len(set(seen)) == len(seen)


def test_without_a_shuffle_no_byte_is_copied():
    X, y = torch.rand(10, 2), torch.rand(10)
    assert all(a.untyped_storage().data_ptr() == X.untyped_storage().data_ptr() for a, _ in data.batches(X, y, 3, shuffle=False))


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 60), shuffle=st.booleans())
def test_bytes_come_divided_by_255_as_tensors_divides_them(size, shuffle):
    images = data.Images(SETS["t10k"][0][:, None], SETS["t10k"][1], data.FASHION_CLASSES)
    before = images.images.clone()
    passes = [
        list(data.batches(X, y, size, shuffle=shuffle, generator=torch.Generator().manual_seed(0)))
        for X, y in ((images.images, images.labels), images.tensors())
    ]
    for (X, y), (X_scaled, y_scaled) in zip(*passes, strict=True):
        assert X.dtype == torch.float32 and torch.equal(X, X_scaled) and torch.equal(y, y_scaled)
    assert torch.equal(images.images, before)


def test_the_order_is_the_generators_or_the_global_one():
    X = torch.arange(100)
    torch.manual_seed(3)
    by_default = torch.cat([a for a, _ in data.batches(X, X, 7)])
    assert torch.equal(by_default, torch.randperm(100, generator=torch.Generator().manual_seed(3)))
    state = torch.get_rng_state()
    list(data.batches(X, X, 7, generator=torch.Generator().manual_seed(0)))
    list(data.batches(X, X, 7, shuffle=False))
    assert torch.equal(state, torch.get_rng_state())


def test_batches_refuse_at_the_call():
    X = torch.zeros(4, 1)
    with pytest.raises(ValueError, match="4 inputs and 3 targets"):
        data.batches(X, X[:3], 2)
    with pytest.raises(ValueError, match="at least 1; got 0"):
        data.batches(X, X, 0)


def test_importing_is_light():
    code = "import sys, d2l_errata.data, d2l_errata.train; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

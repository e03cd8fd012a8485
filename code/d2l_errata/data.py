"""Data sets as two tensors in memory: Fashion-MNIST where its files are, scikit-learn's handwritten digits everywhere.

>>> test = digits(train=False)
>>> test.images.shape, test.images.dtype
(torch.Size([297, 1, 28, 28]), torch.uint8)
>>> X, y = test.tensors()
>>> [tuple(X_batch.shape) for X_batch, y_batch in batches(X, y, 128, shuffle=False)]
[(128, 1, 28, 28), (128, 1, 28, 28), (41, 1, 28, 28)]
"""

from __future__ import annotations

import gzip
import http.client
import logging
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

FASHION_CLASSES = ("T恤", "裤子", "套衫", "连衣裙", "外套", "凉鞋", "衬衫", "运动鞋", "包", "短靴")
#: How often a transfer is taken up again before it is given up.
ATTEMPTS = 3
#: Seconds without a byte after which a transfer counts as cut off.
TIMEOUT = 30.0
CHUNK = 1 << 16

log = logging.getLogger(__name__)


class DownloadError(RuntimeError):
    """A file is not there and cannot be had, now or at all."""


class CorruptFile(DownloadError):
    """A file's content is not what it should be."""


@dataclass(frozen=True, eq=False)
class Images:
    """A set of labelled grey images, all in one tensor.

    Attributes:
        images: shape (n, 1, h, w), uint8, 0 is black (in both sets the background).
        labels: shape (n,), int64, each the index of a class.
        classes: the classes' names.
    """

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        import torch

        n = len(self.images)
        if self.images.dtype != torch.uint8 or self.images.dim() != 4 or self.images.shape[1] != 1:
            raise ValueError(f"images must be uint8 of shape (n, 1, h, w); got {self.images.dtype} of {tuple(self.images.shape)}")
        if self.labels.dtype != torch.int64 or self.labels.shape != (n,):
            raise ValueError(
                f"labels must be int64 of shape ({n},), one for each image; got {self.labels.dtype} of {tuple(self.labels.shape)}"
            )
        if n and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            seen = f"{self.labels.min()} to {self.labels.max()}"
            raise ValueError(f"labels must run from 0 to {len(self.classes) - 1}, the classes; they run from {seen}")

    def __len__(self) -> int:
        return len(self.labels)

    def tensors(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs, divided by 255 and so between 0 and 1, and labels.

        Args:
            device: where to put them; by default they stay where they are.
            dtype: floating-point type of the inputs; by default float32.

        Returns:
            ``X`` of shape (n, 1, h, w) and ``y`` of shape (n,), int64.
        """
        return _scaled(self.images.to(device), dtype), self.labels.to(device)


def batches(
    X: torch.Tensor, y: torch.Tensor, size: int, *, generator: torch.Generator | None = None, shuffle: bool = True, drop_last: bool = False
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One pass over the examples, in minibatches.

    Each minibatch is one copy out of a tensor in memory: no call for each example, nothing from process to process.

    Args:
        X: inputs, shape (n, …). Bytes (uint8) count as images: a minibatch of them comes divided by 255, as float32, so that
            a large set can stay in memory at a quarter of the size.
        y: targets, shape (n, …), on the same device.
        size: examples in a minibatch; the last one has what is left.
        generator: of the order, on the CPU, so that the order is the same on all devices; by default PyTorch's own.
        shuffle: ``False`` keeps the order; no byte is copied, unless to divide it.
        drop_last: leave out a last minibatch that is not full.

    Raises:
        ValueError: lengths differ, or ``size`` is not positive.
    """
    import torch

    if len(X) != len(y):
        raise ValueError(f"{len(X)} inputs and {len(y)} targets; there must be one target for each input")
    if size < 1:
        raise ValueError(f"size must be at least 1; got {size}")
    stop = len(y) // size * size if drop_last else len(y)
    scaled = _scaled if X.dtype == torch.uint8 else lambda X_batch: X_batch
    if not shuffle:
        return ((scaled(X[i : i + size]), y[i : i + size]) for i in range(0, stop, size))
    order = torch.randperm(len(y), generator=generator)[:stop].to(X.device)
    # index_select copies rows in whole; X[i], which allows for every kind of index, takes several times as long.
    return ((scaled(X.index_select(0, i)), y.index_select(0, i)) for i in order.split(size) if len(i))


def _scaled(images: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Bytes as numbers between 0 and 1, by default float32; divided as ToTensor does, to the same last bit."""
    import torch

    return images.to(dtype or torch.float32).div_(255)


def digits(train: bool, size: int = 28) -> Images:
    """scikit-learn's handwritten digits, enlarged: 1500 images to train on, 297 to test on, the same on every machine.

    The 1797 images are 8×8 with 17 grey levels. They come with scikit-learn, so nothing is downloaded.

    Args:
        train: the training set, else the test set.
        size: height and width to enlarge (bilinearly) or shrink to.
    """
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images, labels, test_size=297, random_state=0, stratify=labels)
    images, labels = (torch.as_tensor(part) for part in parts[0 if train else 1 :: 2])
    return Images(_resized(images.reshape(-1, 1, 8, 8) * (255 / 16), size), labels.long(), tuple("0123456789"))


def fashion_mnist(train: bool, root: str | Path | None = None, *, download: bool = True, size: int = 28) -> Images:
    """Fashion-MNIST: 60000 images of clothes to train on, 10000 to test on.

    The files lie where torchvision puts them, in ``root/FashionMNIST/raw``, so one folder serves both. Addresses and
    digests are torchvision's. The digests are md5, which finds every accident but is no protection against an
    attacker who makes a file on purpose; no stronger ones are published.

    Args:
        train: the training set, else the test set.
        root: folder of the data sets; by default the environment variable ``D2L_ERRATA_DATA``, or ``~/.cache/d2l-errata``.
        download: fetch files that are not there, unless ``D2L_ERRATA_OFFLINE`` is 1. A transfer that was cut off is
            taken up where it ended.
        size: height and width to resize (bilinearly, antialiased) to.

    Raises:
        CorruptFile: a file has another digest than it should. It is kept, under a name that ends in ``.corrupt-`` and
            the first digits of its digest, so that the next call starts anew.
        DownloadError: a file is not there, and must not or cannot be fetched.
    """
    import torch
    from torchvision.datasets import FashionMNIST
    from torchvision.datasets.mnist import read_image_file, read_label_file

    folder = fashion_mnist_folder(root)
    resources = _resources(train)
    for name, md5 in resources.items():
        if (folder / name).exists():
            _check(folder / name, folder / name, md5)
        elif not download:
            raise DownloadError(f"{folder / name} is not there, and download=False")
        else:
            fetch([mirror + name for mirror in FashionMNIST.mirrors], folder / name, md5)
    # torchvision's readers want plain files; these stand for a moment only, so that none can go stale.
    with tempfile.TemporaryDirectory() as plain:
        for name in resources:
            with gzip.open(folder / name) as packed, (Path(plain) / name).open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        image_file, label_file = (str(Path(plain) / name) for name in resources)
        images, labels = read_image_file(image_file)[:, None], read_label_file(label_file)
    return Images(images if size == images.shape[-1] else _resized(images.to(torch.float64), size), labels, FASHION_CLASSES)


def image_classification(train: bool, size: int = 28) -> Images:
    """What pages train on: Fashion-MNIST where its files lie already, else the digits. Nothing is ever downloaded.

    Which of the two it is follows from the folder that :func:`fashion_mnist` uses; the digits announce themselves, once.

    Args:
        train: the training set, else the test set.
        size: height and width to resize to.
    """
    if all((fashion_mnist_folder() / name).exists() for part in (True, False) for name in _resources(part)):
        return fashion_mnist(train, download=False, size=size)
    _say_digits()
    return digits(train, size)


@cache
def _say_digits() -> None:
    print("没有找到 Fashion-MNIST 的文件，改用 scikit-learn 自带的手写数字。")


def fashion_mnist_folder(root: str | Path | None = None) -> Path:
    """Where the files of :func:`fashion_mnist` lie, given its ``root``."""
    root = root or os.environ.get("D2L_ERRATA_DATA") or Path.home() / ".cache" / "d2l-errata"
    return Path(root).expanduser() / "FashionMNIST" / "raw"


def _resources(train: bool) -> dict[str, str]:
    """Names and md5 digests of the file of images and the file of labels."""
    from torchvision.datasets import FashionMNIST

    return {name: md5 for name, md5 in FashionMNIST.resources if name.startswith("train" if train else "t10k")}


def _resized(images: torch.Tensor, size: int) -> torch.Tensor:
    """Images (n, 1, h, w), float64 from 0 to 255, as uint8 of the given size."""
    from torch.nn.functional import interpolate

    resized = interpolate(images, (size, size), mode="bilinear", antialias=True)
    # Rounded half up, with room for the last bits: ties, which occur, must not depend on the machine.
    return (resized + 0.5 + 1e-6).floor().clamp(0, 255).byte()


def fetch(urls: list[str], path: Path, md5: str) -> None:
    """Bring a file to ``path``, from the first address that has it, and check it.

    What has arrived is kept in ``path`` + ``.part``; the next attempt, in this call or a later one, asks only for the
    rest, if the server can.

    Raises:
        CorruptFile: the file that arrived has another digest; it is kept aside.
        DownloadError: ``D2L_ERRATA_OFFLINE`` is 1, or no address gave the file.
    """
    if offline():
        raise DownloadError(f"{path} is not there, and D2L_ERRATA_OFFLINE=1 forbids to fetch it from {' or '.join(urls)}")
    from .progress import progress_bar

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    failures = []
    with progress_bar(bytes=True) as bar:
        task = bar.add_task(path.name, total=None)
        for url in urls:
            for _ in range(ATTEMPTS):
                try:
                    _transfer(url, part, partial(bar.update, task))
                except (OSError, http.client.HTTPException) as error:
                    failures.append(f"{url}: {error or type(error).__name__}")
                    if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                        break
                else:
                    _check(part, path, md5)
                    part.replace(path)
                    return
    kept = f"; {part.stat().st_size} bytes are kept in {part}, and the next attempt goes on from there" if part.exists() else ""
    raise DownloadError(f"{path.name} could not be fetched{kept}. " + "; ".join(failures))


def offline() -> bool:
    """Whether ``D2L_ERRATA_OFFLINE`` forbids connections.

    Raises:
        ValueError: the variable is neither 0 nor 1.
    """
    value = os.environ.get("D2L_ERRATA_OFFLINE", "").strip()
    if value not in {"", "0", "1"}:
        raise ValueError(f"D2L_ERRATA_OFFLINE must be 1 (no connections) or 0; it is {value!r}")
    return value == "1"


def _transfer(url: str, part: Path, show: Callable[..., None]) -> None:
    """Write the file at ``url`` to ``part``, or its rest where there is a beginning.

    Raises:
        OSError: the connection failed or ended early (``urllib.error.URLError`` is one).
        http.client.HTTPException: the answer is not HTTP.
    """
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: the digest decides
            return
        raise
    with response:
        sent = response.headers.get("Content-Range", "")
        if response.status == 206 and not sent.startswith(f"bytes {have}-"):
            raise ConnectionError(f"asked for bytes from {have}, got {sent!r}")
        if have and response.status != 206:
            log.warning("%s cannot be taken up at byte %d: the server sends it whole, and it starts anew", url, have)
            have = 0
        length = response.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        show(total=total, completed=have)
        with part.open("ab" if have else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                have += len(chunk)
                show(completed=have)
    if total is not None and have != total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")


def _check(file: Path, path: Path, md5: str) -> None:
    """Compare a file's digest; a file that fails is renamed after ``path``.

    Raises:
        CorruptFile: they differ.
    """
    from torchvision.datasets.utils import calculate_md5

    seen = calculate_md5(file)
    if seen != md5:
        aside = path.with_name(f"{path.name}.corrupt-{seen[:8]}")
        size = file.stat().st_size
        file.replace(aside)
        raise CorruptFile(
            f"{path} has {size} bytes with md5 {seen}; md5 {md5} is expected. It was renamed to {aside.name}; the next call starts anew"
        )

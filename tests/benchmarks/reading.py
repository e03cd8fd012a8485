"""How long an epoch takes with the book's loader and loop, with ours, and where no data has to be read at all.

    python tests/benchmarks/reading.py [FOLDER]

Prints ratios of times in one run, writes reading.json (to this folder unless another is given), and fails where a ratio
misses its bound. All three train the same network on the same minibatches, and must measure the same loss.

The images are Fashion-MNIST's where its files lie, else scikit-learn's digits, repeated: the times do not depend on them.
"""

import json
import math
import os
import platform
import struct
import sys
import tempfile
import time
from pathlib import Path

import torch
from d2l_errata.data import Images, batches, image_classification
from d2l_errata.device import device
from d2l_errata.nets import lenet, xavier
from d2l_errata.train import train
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, Subset, TensorDataset
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor

EXAMPLES = 60_000
BATCH = 256
LR = 0.9
WORKERS = 4  # the book's
#: At most this many times as long as without any reading.
ABOVE_FLOOR = 1.05
#: At least this many times faster than the book with its workers.
FASTER = 10 if device().type == "cuda" else 1.7
#: For passes that only read.
READ = 12_000


def repeated(images, n):
    """The first n of the images, from the start again where there are fewer."""
    index = torch.arange(n) % len(images)
    return Images(images.images[index], images.labels[index], images.classes)


def as_torchvision(images, root):
    """The same images as torchvision's data set, which makes a PIL image and then a tensor of each, one by one."""
    raw = Path(root) / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind, tensor in {"images-idx3": images.images[:, 0], "labels-idx1": images.labels.byte()}.items():
            header = struct.pack(f">I{tensor.dim()}I", 0x800 + tensor.dim(), *tensor.shape)
            (raw / f"{part}-{kind}-ubyte").write_bytes(header + tensor.numpy().tobytes())
    return FashionMNIST(root, transform=ToTensor())


def network():
    torch.manual_seed(0)
    return lenet().apply(xavier).to(device())


def order():
    return torch.Generator().manual_seed(0)


def wait():
    if device().type == "cuda":
        torch.cuda.synchronize()


def book_epoch(dataset, workers):
    """The loop of the book's ``train_ch6``: numbers are read from the device after every minibatch."""
    loader = DataLoader(dataset, BATCH, sampler=RandomSampler(dataset, generator=order()), num_workers=workers)
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=LR)
    net.train()
    total = right = count = 0.0
    for X, y in loader:
        optimizer.zero_grad()
        X, y = X.to(device()), y.to(device())
        output = net(X)
        loss = F.cross_entropy(output, y)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            total += float(loss * len(X))
            right += float((output.argmax(dim=1).type(y.dtype) == y).type(y.dtype).sum())
            count += len(X)
    wait()
    return total / count, right / count


def our_epoch(images):
    history = train(network(), (images.images, images.labels), epochs=1, batch_size=BATCH, lr=LR)
    wait()
    return history.loss[0], history.accuracy[0]


def floor_epoch(X, y):
    """As many steps with as many examples, but all on one minibatch that is on the device already."""
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=LR)
    net.train()
    losses, right = [], []
    for start in range(0, EXAMPLES, BATCH):
        size = min(BATCH, EXAMPLES - start)
        output = net(X[:size])
        loss = F.cross_entropy(output, y[:size])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach() * size)
        right.append((output.argmax(1) == y[:size]).sum())
    result = torch.stack(losses).sum().item() / EXAMPLES, torch.stack(right).sum().item() / EXAMPLES
    wait()
    return result


def shortest(cases, rounds):
    """Seconds of each case: the shortest of several calls, all cases in turn.

    The shortest, because what else the machine does can only add; in turn, so that it adds to all of them.
    """
    seconds = dict.fromkeys(cases, math.inf)
    for _ in range(rounds):
        for name, call in cases.items():
            start = time.perf_counter()
            call()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def consume(iterable):
    for _ in iterable:
        pass


def second_pass(loader):
    """A call that reads everything once more, with workers that are running already."""
    consume(loader)
    return lambda: consume(loader)


def epochs(images, dataset):
    X, y = (tensor.to(device()) for tensor in repeated(images, BATCH).tensors())
    cases = {
        "book, 4 workers": lambda: book_epoch(dataset, WORKERS),
        "book, 0 workers": lambda: book_epoch(dataset, 0),
        "ours": lambda: our_epoch(images),
        "floor": lambda: floor_epoch(X, y),
    }
    results = {name: call() for name, call in cases.items()}  # also warms everything up
    for name in ("book, 4 workers", "book, 0 workers"):
        torch.testing.assert_close(results["ours"], results[name], rtol=1e-4, atol=1e-4)
    seconds = shortest(cases, rounds=2)
    # The two that are close: more rounds, in pairs.
    close = shortest({name: cases[name] for name in ("ours", "floor")}, rounds=4)
    seconds |= {name: min(seconds[name], close[name]) for name in close}
    return {name: value / seconds["ours"] for name, value in seconds.items()}


def batch_sizes(images, dataset):
    """Passes that only read, as the size of the minibatch grows; 1 is the book's loader at 256, in its own process."""
    sizes = [1, 4, 16, 64, 256, 1024]
    part, (X, y) = Subset(dataset, range(READ)), repeated(images, READ).tensors()
    cases = {("loader", size): lambda size=size: consume(DataLoader(part, size)) for size in sizes}
    cases |= {("tensors", size): lambda size=size: consume(batches(X, y, size)) for size in sizes}
    seconds = shortest(cases, rounds=3)
    unit = seconds["loader", 256]
    return {kind: {str(size): seconds[kind, size] / unit for size in sizes} for kind in ("loader", "tensors")}


def options(images, dataset):
    """Passes that only read 12000 images in minibatches of 256; 1 is the book's loader with 4 workers."""
    part, (X, y) = Subset(dataset, range(READ)), repeated(images, READ).tensors()
    index = BatchSampler(SequentialSampler(part), BATCH, drop_last=False)
    cases = {
        "4 workers": lambda: consume(DataLoader(part, BATCH, num_workers=4)),
        "2 workers": lambda: consume(DataLoader(part, BATCH, num_workers=2)),
        "0 workers": lambda: consume(DataLoader(part, BATCH)),
        "2 persistent workers, second pass": second_pass(DataLoader(part, BATCH, num_workers=2, persistent_workers=True)),
        "loader over tensors, item by item": lambda: consume(DataLoader(TensorDataset(X, y), BATCH)),
        "loader over tensors, whole minibatches": lambda: consume(DataLoader(TensorDataset(X, y), sampler=index, batch_size=None)),
        "batches": lambda: consume(batches(X, y, BATCH)),
    }
    seconds = shortest(cases, rounds=2)
    return {name: value / seconds["4 workers"] for name, value in seconds.items()}


def small_set(dataset):
    """Passes that only read 600 images; 1 is the book's loader in its own process."""
    part = Subset(dataset, range(600))
    cases = {
        "0 workers": lambda: consume(DataLoader(part, BATCH)),
        "4 workers": lambda: consume(DataLoader(part, BATCH, num_workers=4)),
        "4 persistent workers, second pass": second_pass(DataLoader(part, BATCH, num_workers=4, persistent_workers=True)),
    }
    seconds = shortest(cases, rounds=6)
    return {name: value / seconds["0 workers"] for name, value in seconds.items()}


def machine():
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "device": torch.cuda.get_device_name() if device().type == "cuda" else "CPU",
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def _lines(file):
    return Path(file).read_text().splitlines() if Path(file).exists() else []


def rounded(value):
    return {key: rounded(inner) for key, inner in value.items()} if isinstance(value, dict) else float(f"{value:.3g}")


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    images = repeated(image_classification(train=True), EXAMPLES)
    with tempfile.TemporaryDirectory() as root:
        dataset = as_torchvision(images, root)
    measured = {
        "epoch": epochs(images, dataset),
        "batch sizes": batch_sizes(images, dataset),
        "options": options(images, dataset),
        "small set": small_set(dataset),
    }
    faster, above = measured["epoch"]["book, 4 workers"], 1 / measured["epoch"]["floor"]
    result = {"machine": machine(), **rounded(measured)}
    print(json.dumps(result, indent=1))
    print(f"ours is {faster:.2f} times as fast as the book with {WORKERS} workers (at least {FASTER})")
    print(f"ours takes {above:.3f} times as long as without reading (at most {ABOVE_FLOOR})")
    folder.joinpath("reading.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if faster < FASTER or above > ABOVE_FLOOR:
        sys.exit("a ratio misses its bound")


if __name__ == "__main__":
    main()

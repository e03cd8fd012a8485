"""How far corr2d is from PyTorch's conv2d, and from the double loop of the book; ratios of times in one run.

    python tests/benchmarks/conv.py [FOLDER]

Prints the ratios, writes conv.json (to this folder unless another is given), and fails where a ratio misses its bound.
"""

import json
import math
import sys
import time
from pathlib import Path

import torch
from d2l_errata.conv import corr2d, corr2d_multi, pool2d
from torch.nn import functional as F

#: At most this many times the time of PyTorch's own.
SLOWER = 10
#: At least this many times faster than the loop over pixels.
FASTER = 100


def loop(X, K):
    """One product and one sum for each position, as the definition is usually written down."""
    (n_h, n_w), (k_h, k_w) = X.shape, K.shape
    Y = X.new_empty(n_h - k_h + 1, n_w - k_w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + k_h, j : j + k_w] * K).sum()
    return Y


def ratio(slow, fast, rounds=10):
    """How many times longer ``slow`` takes: shortest times of calls in turn, after both have given the same.

    The shortest, because what else the machine does can only add, through the caches; in turn, so that it adds to both.
    """
    torch.testing.assert_close(slow(), fast(), rtol=1e-3, atol=1e-3)
    shortest = [math.inf, math.inf]
    for _ in range(rounds):
        shortest = [min(shortest[0], seconds(slow)), min(shortest[1], *(seconds(fast) for _ in range(10)))]
    return round(shortest[0] / shortest[1], 2)


def seconds(f):
    """Of processor time, so that waiting for other programs does not count."""
    start = time.process_time()
    f()
    return time.process_time() - start


def against_conv2d(x, k, options):
    X, K = tensor(x), tensor(k)
    if len(k) == 2:
        return ratio(lambda: corr2d(X, K, **options), lambda: F.conv2d(X[None, None], K[None, None], **options)[0, 0])
    return ratio(lambda: corr2d_multi(X, K, **options), lambda: F.conv2d(X, K, **options))


def tensor(shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def measure():
    rows = [
        {"what": "ours / conv2d", "input": x, "kernel": k, **options, "ratio": against_conv2d(x, k, options), "at most": SLOWER}
        for x, k, options in (
            ((224, 224), (3, 3), {}),
            ((224, 224), (11, 11), {"stride": 4, "padding": 5}),
            ((224, 224), (3, 3), {"padding": 4, "dilation": 4}),
            ((3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
            ((8, 3, 224, 224), (16, 3, 3, 3), {"padding": 1}),
            ((64, 224, 224), (64, 64, 3, 3), {"padding": 1}),
        )
    ]
    X, K = tensor((224, 224)), tensor((3, 3))
    value = ratio(lambda: loop(X, K), lambda: corr2d(X, K), rounds=2)
    rows.append({"what": "loop / ours", "input": X.shape, "kernel": K.shape, "ratio": value, "at least": FASTER})
    X = tensor((8, 3, 224, 224))
    value = ratio(lambda: pool2d(X, 2), lambda: F.max_pool2d(X, 2))
    rows.append({"what": "pool2d / max_pool2d", "input": X.shape, "kernel": (2, 2), "ratio": value})
    return rows


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    torch.set_num_threads(1)  # threads that wait for each other take processor time, too
    rows = measure()
    for row in rows:
        print(", ".join(f"{key} {tuple(value) if isinstance(value, torch.Size) else value}" for key, value in row.items()))
    result = {"torch": torch.__version__, "threads": torch.get_num_threads(), "rows": rows}
    folder.joinpath("conv.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    missed = [row for row in rows if row["ratio"] > row.get("at most", row["ratio"]) or row["ratio"] < row.get("at least", 0)]
    sys.exit(f"{len(missed)} ratios miss their bounds: {missed}" if missed else 0)


if __name__ == "__main__":
    main()

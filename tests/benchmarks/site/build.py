"""How long the site takes to build with its pages executed side by side, and with a plain ``jb build``; ratios in one run.

    python tests/benchmarks/site/build.py [FOLDER] [--copies 10,20,40,80] [--largest 120]

Both build the same sources with an empty cache, then once more unchanged: the site itself, then books made of copies of
one real page, from which the growth with the number of pages is seen. The largest is built with pages side by side only,
for the memory of all its processes together. Writes build.json (to this folder unless another is given), and fails where
a goal is missed.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).parents[3]
BOOK = ROOT / "book"
BIN = Path(sys.executable).parent
PAGE = "chapter_preliminaries/pandas"
#: A plain build takes at least this many times as long.
FASTER = 2.5
#: A cold build takes at most this many times half of the cells' time and these seconds.
ABOVE_CELLS, FIXED = 1.3, 15
#: Rebuilding the unchanged site, seconds.
UNCHANGED = 5
#: Memory of all processes, GiB.
MEMORY = 6

#: Copies of a page are no pages of the registry.
EXTENSION = """
def setup(app):
    from d2l_errata.site import cards
    cards.errata = lambda: ()
    cards.problems = lambda entries, found: []
"""


def the_site(book):
    """The real book."""
    shutil.copytree(BOOK, book, ignore=shutil.ignore_patterns("_build"))
    (book.parent / "code").symlink_to(ROOT / "code")  # pages show parts of it


def copies(number):
    """A maker of a book of so many copies of the page, which differ in their labels and in their first cell."""

    def make(book):
        book.mkdir()
        shutil.copytree(BOOK / "_static", book / "_static")
        config = yaml.safe_load((BOOK / "_config.yml").read_text(encoding="utf-8"))
        config["sphinx"]["local_extensions"] = {"copies": "."}
        config["sphinx"]["config"]["extensions"].append("copies")
        (book / "_config.yml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
        (book / "copies.py").write_text(EXTENSION, encoding="utf-8")
        (book / "index.md").write_text("# 目录\n\n一页的许多副本。\n", encoding="utf-8")
        names = [f"copy{i:03}" for i in range(number)]
        toc = {"format": "jb-book", "root": "index", "chapters": [{"file": name} for name in names]}
        (book / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
        text = (BOOK / f"{PAGE}.md").read_text(encoding="utf-8")
        text = re.sub(r"```\{erratum\} .*\n```\n", "", text)
        labels = set(re.findall(r"^:label: (\S+)$|^\$\$ \((\S+)\)$|^\(([\w-]+)\)=$", text, re.M))
        pattern = "|".join(sorted((re.escape(label) for found in labels for label in found if label), key=len, reverse=True))
        for name in names:
            copy = re.sub(rf"(?<![\w-])({pattern})(?![\w-])", rf"\1-{name}", text) if pattern else text
            copy = re.sub(r"^(```\{code-cell\} ipython3\n)((?::.*\n)*)", rf"\1\2# {name}\n", copy, count=1, flags=re.M)
            (book / f"{name}.md").write_text(copy, encoding="utf-8")

    return make


class Peak(threading.Thread):
    """The largest sum of the memory of a process and all that it has started, shared pages counted once, in GiB."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.peak = psutil.Process(process.pid), 0.0

    def run(self):
        while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            total = 0
            for process in [self.process, *self.process.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total / 2**30)
            time.sleep(0.5)


def timed(book, *command):
    """(seconds, what it printed, peak of the memory in GiB) of a command in the folder of the book."""
    environment = {**os.environ, "JUPYTER_PLATFORM_DIRS": "1", "PYTHONNOUSERSITE": "1"}
    start = time.perf_counter()
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen([*map(str, command)], cwd=book.parent, env=environment, text=True, **pipes) as process:
        memory = Peak(process)
        memory.start()
        log = process.communicate()[0]
    seconds = time.perf_counter() - start
    memory.join()
    if process.returncode:
        sys.exit(f"{command} failed:\n{log[-5000:]}")
    return seconds, log, memory.peak


def plain(book):
    return timed(book, BIN / "jb", "build", book)


def side_by_side(book):
    executed = timed(book, sys.executable, "-m", "d2l_errata.site.execute", book)
    rendered = plain(book)
    return executed[0] + rendered[0], executed[1] + rendered[1], max(executed[2], rendered[2])


def row(make, builds=(side_by_side, plain)):
    """Cold and warm seconds of each way to build one book, and what the cells took."""
    found = {}
    for build in builds:
        with tempfile.TemporaryDirectory() as folder:
            book = Path(folder) / "book"
            make(book)
            cold, log, peak = build(book)
            warm = build(book)[0]
        name = build.__name__
        found |= {f"{name} cold": round(cold, 1), f"{name} warm": round(warm, 1), f"{name} GiB": round(peak, 2)}
        if build is side_by_side:
            pages, cells = re.search(r"(\d+) pages executed, .* their cells took ([\d.]+) s", log).groups()
            found |= {"pages": int(pages), "cells": float(cells), "share": round(float(cells) / os.cpu_count() / cold, 2)}
    if plain in builds:
        found["ratio"] = round(found["plain cold"] / found["side_by_side cold"], 2)
    print(found, flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--copies", default="10,20,40,80", help="sizes of the books of copies")
    parser.add_argument("--largest", type=int, default=120, help="size of the one whose memory is measured")
    arguments = parser.parse_args()
    site = row(the_site)
    growth = [row(copies(int(number))) for number in arguments.copies.split(",")]
    largest = row(copies(arguments.largest), builds=(side_by_side,))
    machine = {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()}
    result = {"machine": machine, "page": PAGE, "site": site, "copies": growth, "largest": largest}
    (arguments.folder / "build.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    goals = {
        f"a plain build takes {site['ratio']} times as long, at least {FASTER}": site["ratio"] >= FASTER,
        f"cold build {site['side_by_side cold']} s, at most {ABOVE_CELLS} × ({site['cells']} / 2 + {FIXED}) s": site["side_by_side cold"]
        <= ABOVE_CELLS * (site["cells"] / 2 + FIXED),
        f"unchanged {site['side_by_side warm']} s, at most {UNCHANGED}": site["side_by_side warm"] <= UNCHANGED,
        f"memory {largest['side_by_side GiB']} GiB, at most {MEMORY}": largest["side_by_side GiB"] <= MEMORY,
    }
    print("\n".join(("met:    " if met else "MISSED: ") + goal for goal, met in goals.items()))
    sys.exit(0 if all(goals.values()) else 1)


if __name__ == "__main__":
    main()

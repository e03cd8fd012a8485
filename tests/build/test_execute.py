"""Pages executed side by side before Sphinx reads them: same outputs, no leaks, and a cache that survives what happens to it."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import yaml

PACKAGE = Path(__file__).parents[2] / "code" / "d2l_errata"
JB = Path(sys.executable).with_name("jb")
HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
  language: python
---

"""
CONFIG = {
    "title": "小书",
    "only_build_toc_files": True,
    "execute": {"execute_notebooks": "cache", "timeout": 60},
    "sphinx": {"extra_extensions": ["d2l_errata.site"], "config": {"language": "zh_CN"}},
}
#: Sphinx without Jupyter Book's theme, for a quick look at what a build finds in the cache.
CONF = """
extensions = ["myst_nb", "sphinx_external_toc", "d2l_errata.site"]
exclude_patterns = ["_build"]
language = "zh_CN"
nb_execution_mode = "cache"
"""


class Book:
    """A book of a few pages, its package, and the commands that build it."""

    def __init__(self, root):
        self.root, self.book, self.package = root, root / "book", root / "code" / "d2l_errata"
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__", "ch*.yaml", "*.otf"))
        self.book.mkdir()
        (self.book / "_config.yml").write_text(yaml.safe_dump(CONFIG, allow_unicode=True), encoding="utf-8")
        (self.book / "conf.py").write_text(CONF, encoding="utf-8")
        self.pages = []
        self.write("index", "# 首页\n\n文字。\n")

    def write(self, name, text):
        (self.book / f"{name}.md").write_text(text, encoding="utf-8")
        if name != "index" and name not in self.pages:
            self.pages.append(name)
        toc = {"format": "jb-book", "root": "index", "chapters": [{"file": page} for page in self.pages]}
        (self.book / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")

    def cells(self, name, *cells):
        """Write a page with these cells."""
        self.write(name, HEADER + f"# {name}\n\n" + "\n\n".join(f"```{{code-cell}} ipython3\n{cell}\n```" for cell in cells) + "\n")

    def command(self, *command):
        environment = {**os.environ, "PYTHONPATH": str(self.package.parent), "JUPYTER_PLATFORM_DIRS": "1", "NO_COLOR": "1"}
        return {"args": [*map(str, command)], "env": environment, "cwd": self.root, "text": True}

    def start(self, *options):
        """The executor, running."""
        command = self.command(sys.executable, "-m", "d2l_errata.site.execute", "book", *options)
        return subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def execute(self, *options, **more):
        """Run the executor; (exit status, what it printed)."""
        command = self.command(sys.executable, "-m", "d2l_errata.site.execute", "book", *options)
        run = subprocess.run(**command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
        return run.returncode, run.stdout

    def executed(self, *options):
        """Pages that the executor has executed; it must succeed."""
        status, log = self.execute(*options)
        assert status == 0, log
        return {line.split()[1] for line in log.splitlines() if line.startswith("[")}

    def look(self, *command):
        """What a build says of each page; without a command, of plain Sphinx."""
        command = command or (sys.executable, "-m", "sphinx", "-v", self.book, self.book / "_build" / "html")
        run = subprocess.run(**self.command(*command), capture_output=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        found = re.findall(r"\[\d+/\d+\] (\S+) …(?:.|\n)*?^ {6}(cached|[\d.]+ s)$", run.stdout, re.M)
        return {page: how == "cached" for page, how in found}

    def notebook(self, name):
        return json.loads((self.book / "_build" / "jupyter_execute" / f"{name}.ipynb").read_text(encoding="utf-8"))

    def outputs(self, name):
        return [cell["outputs"] for cell in self.notebook(name)["cells"] if cell["cell_type"] == "code"]

    def text(self, name):
        """What the page's cells print."""
        return "".join("".join(o.get("text", "")) for outputs in self.outputs(name) for o in outputs)

    @property
    def cache(self):
        return self.book / "_build" / ".jupyter_cache"

    def entries(self):
        """Files of the cache's entries."""
        return sorted(self.cache.glob("executed/*/base.ipynb"))


@pytest.fixture
def full(tmp_path):
    """A book whose kernels are forked from a process that has imported torch and the rest."""
    return Book(tmp_path)


@pytest.fixture
def book(full):
    """A book for tests that need no torch: the process that is forked imports ipykernel only, which is quick."""
    path = full.package / "site" / "kernel_parent.py"
    source = path.read_text(encoding="utf-8")
    for name, modules in (("PRELOADED", '("ipykernel.kernelapp",)'), ("LATE", "()")):
        source, count = re.subn(rf"^{name} = .*$", f"{name} = {modules}", source, flags=re.M)
        assert count == 1
    path.write_text(source, encoding="utf-8")
    return full


STATE = """import random
import warnings

import matplotlib
import numpy as np
import torch

print(torch.get_default_dtype(), torch.initial_seed() == 7, torch.rand(1).item() == 0.5349225401878357)
print(matplotlib.rcParams["lines.linewidth"], matplotlib.rcParams["backend"], getattr(torch, "left_behind", None))
print(len(warnings.filters), torch.get_num_threads(), torch.is_grad_enabled())"""
LEAVE = """import matplotlib
import numpy as np
import torch
import warnings

torch.manual_seed(7)
np.random.seed(7)
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.set_num_threads(1)
matplotlib.rcParams["lines.linewidth"] = 9
torch.left_behind = "here"
warnings.simplefilter("ignore")"""
SURROUNDINGS = """import multiprocessing
import os
import sys

print(sys.path[1:], [p for p in sys.path if "d2l_errata" in p], os.getcwd(), sys.argv[0].endswith("ipykernel_launcher"))
print(multiprocessing.get_start_method(allow_none=True), multiprocessing.current_process().name)
print(sorted(name for name in sys.modules if name.startswith(("sphinx", "d2l_errata", "jupyter_cache"))))
print(os.environ.get("MPLBACKEND"), sys.stdin.read if False else "", __name__)
import subprocess
print(subprocess.run([sys.executable, "-c", "import sys; sys.exit(3)"]).returncode)"""
PLOT = """import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(1, 1))
line, = ax.plot([1, 2])"""


def test_forked_kernels_are_as_ordinary_ones_and_nothing_leaks(full):
    full.cells("a_state", STATE, SURROUNDINGS, PLOT)
    full.look()  # ordinary kernels
    ordinary = full.outputs("a_state")
    assert "torch.float32 False False" in full.text("a_state") and "image/png" in json.dumps(ordinary)
    shutil.rmtree(full.book / "_build")

    full.cells("b_leaves", LEAVE)
    full.cells("c_state", "# another page\n" + STATE, SURROUNDINGS, PLOT)
    assert full.executed("--jobs", "1") == {"a_state", "b_leaves", "c_state"}
    assert full.look() == dict.fromkeys(full.pages, True)
    assert full.outputs("a_state") == ordinary
    assert full.outputs("c_state") == ordinary


def test_forked_kernels_do_not_share_random_numbers(full):
    draw = "print(random.random(), np.random.rand(), torch.rand(1).item())"
    imports = "import random, sys\nprint('torch' in sys.modules)\nimport numpy as np, torch"
    for name in ("a", "b"):
        full.cells(name, f"# {name}\n{imports}\n{draw}")
    assert full.executed() == {"a", "b"}
    full.look()
    (imported_a, *a), (imported_b, *b) = full.text("a").split(), full.text("b").split()
    assert imported_a == imported_b == "True"  # both were forked
    assert not set(a) & set(b)


def test_where_forking_is_not_safe_kernels_are_ordinary(book):
    parent = book.package / "site" / "kernel_parent.py"
    source = parent.read_text(encoding="utf-8")
    book.cells("a", "import os, psutil\nprint('kernel_parent.py' in ' '.join(psutil.Process(os.getppid()).cmdline()))")
    book.executed()
    book.look()
    assert book.text("a") == "True\n"
    shutil.rmtree(book.book / "_build")
    head = "def unsafe() -> str | None:\n"
    assert source.count(head) == 1
    parent.write_text(source.replace(head, head + '    return "no"\n'), encoding="utf-8")
    book.executed()
    book.look()
    assert book.text("a") == "False\n"


def test_a_following_build_executes_nothing(book):
    for name in ("a", "b"):
        book.cells(name, f"print('{name}')")
    assert book.executed() == {"a", "b"}
    (book.book / "conf.py").unlink()
    assert book.look(JB, "build", "book") == {"a": True, "b": True}
    assert book.executed() == set()


def test_what_is_executed_again(book):
    (book.package / "helper.py").write_text("value = 1\n", encoding="utf-8")
    (book.package / "through.py").write_text("from .helper import value\n", encoding="utf-8")
    book.cells("direct", "from d2l_errata.helper import value\nprint(value)")
    book.cells("indirect", "from d2l_errata.through import value\nprint(value)")
    book.cells("other", "print('other')")
    assert book.executed() == {"direct", "indirect", "other"}
    (book.package / "helper.py").write_text("value = 2\n", encoding="utf-8")
    assert book.executed() == {"direct", "indirect"}
    book.write("other", (book.book / "other.md").read_text(encoding="utf-8") + "\n又一句。\n")
    assert book.executed() == set()
    book.cells("other", "print('changed')")
    assert book.executed() == {"other"}
    # Another version of any library executes all.
    library = book.root / "code" / "some_library-1.0.dist-info"
    library.mkdir()
    (library / "METADATA").write_text("Metadata-Version: 2.1\nName: some-library\nVersion: 1.0\n", encoding="utf-8")
    assert book.executed() == {"direct", "indirect", "other"}


def test_a_failing_page_stops_nothing_else(book):
    book.cells("good", "print(1)")
    book.cells("bad", "x = 1", "def f():\n    raise KeyError('no such thing')\nf()")
    book.cells("dies", "import os\nos._exit(1)")
    book.cells("later", "print(2)")
    status, log = book.execute()
    assert status == 1
    assert "3 of the pages failed" not in log and "2 of the pages failed" in log
    line = (book.book / "bad.md").read_text(encoding="utf-8").splitlines().index("def f():") + 1
    assert f"book/bad.md:{line}: cell 2: KeyError: 'no such thing'" in log
    assert "book/dies.md" in log and "DeadKernelError" in log
    assert len(book.entries()) == 2
    book.cells("bad", "print(3)")
    book.cells("dies", "print(4)")
    assert book.executed() == {"bad", "dies"}


def test_a_cell_that_takes_too_long_fails(book):
    config = CONFIG | {"execute": {"execute_notebooks": "cache", "timeout": 1}}
    (book.book / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    book.cells("slow", "import time\ntime.sleep(30)")
    status, log = book.execute()
    assert status == 1 and "book/slow.md" in log and "CellTimeoutError" in log


def test_a_page_without_a_display_name_is_named(book):
    book.cells("a", "print(1)")
    path = book.book / "a.md"
    path.write_text(path.read_text(encoding="utf-8").replace("  display_name: Python 3\n", ""), encoding="utf-8")
    status, log = book.execute()
    assert status == 1 and "Traceback" not in log
    assert "book/a.md: the front matter needs a kernelspec with a display_name" in log


def damage(book, name, how):
    """Do to the page's entry in the cache what an interrupted build may have done."""
    entry = next(path for path in book.entries() if f"print('{name}')" in path.read_text(encoding="utf-8"))
    text = entry.read_text(encoding="utf-8")
    if how == "truncated":
        entry.write_text(text[: len(text) // 2], encoding="utf-8")
    elif how == "empty":
        entry.write_text("", encoding="utf-8")
    elif how == "fewer_cells":
        notebook = json.loads(text)
        notebook["cells"].pop()
        entry.write_text(json.dumps(notebook), encoding="utf-8")
    elif how == "no_file":
        entry.unlink()
    elif how == "no_folder":
        shutil.rmtree(entry.parent)
    elif how == "no_record":
        with contextlib.closing(sqlite3.connect(book.cache / "global.db")) as database, database:
            assert database.execute("DELETE FROM nbcache WHERE hashkey = ?", (entry.parent.name,)).rowcount == 1


@pytest.mark.parametrize("again", ["executor", "sphinx"])
def test_damaged_entries_are_executed_again(book, again):
    ways = ["truncated", "empty", "fewer_cells", "no_file", "no_folder", "no_record"]
    for name in [*ways, "whole"]:
        book.cells(name, f"print('{name}')", "print(1)")
    book.executed()
    for how in ways:
        damage(book, how, how)
    if again == "executor":
        assert book.executed() == set(ways)
        assert all(book.look().values())
    else:
        assert {page for page, cached in book.look().items() if cached} == {"whole"}
    assert [book.text(name) for name in ways] == [f"{name}\n1\n" for name in ways]
    assert book.executed() == set()


def test_a_database_without_tables_is_made_anew(book):
    book.cells("a", "print('a')")
    book.cache.mkdir(parents=True)
    (book.cache / "global.db").touch()  # a build that was killed at its very start
    assert book.executed() == {"a"}


def processes(book):
    """Processes that work for this book."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = str(book.root) in " ".join(process.cmdline()) or str(book.root) in process.environ().get("PYTHONPATH", "")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if mine and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


@pytest.mark.parametrize("number, status", [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_an_interrupted_run_leaves_a_cache_and_no_process(book, number, status):
    book.cells("quick", "print(1)")
    book.cells("slow", "import time\ntime.sleep(1000)")
    with book.start() as run:
        for line in run.stdout:
            if "quick" in line:
                break
        time.sleep(0.2)
        assert len(processes(book)) > 2
        run.send_signal(number)
        assert run.wait(timeout=20) == status
    deadline = time.time() + 10
    while processes(book) and time.time() < deadline:
        time.sleep(0.1)
    assert processes(book) == []
    book.cells("slow", "print(2)")
    assert book.executed() == {"slow"}


def test_a_full_disk_leaves_a_cache_that_the_next_run_uses(book):
    book.cells("small", "print(1)")
    wait = "from pathlib import Path\nwhile not list(Path('_build/.jupyter_cache/executed').glob('*/base.ipynb')):\n    pass"
    book.cells("large", wait, "print('x' * 3_000_000)")

    def small_disk():
        # Files may not grow beyond 1 MB: writing fails as it does where the disk is full.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    status, log = book.execute("--jobs", "2", preexec_fn=small_disk)
    assert status == 1 and "File too large" in log
    assert book.executed() == {"large"}


def at_once(book, *commands):
    """What two processes print that are started together; both must succeed."""
    runs = [subprocess.Popen(**book.command(*command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for command in commands]
    logs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], logs
    assert "another build uses" in "".join(logs)
    return "".join(logs)


def test_as_many_pages_at_a_time_as_asked_for(book):
    """Kernels start before it is their page's turn; its cells are not executed before."""
    for name in "abcd":
        book.cells(name, f"import time\nprint(time.time())\ntime.sleep(1)  # {name}", "time.sleep(0.3)\nprint(time.time())")

    def at_a_time():
        """The most pages whose cells were executed at one moment."""
        assert set(book.look()) == set("abcd")
        spans = [sorted(float(word) for word in book.text(name).split()) for name in "abcd"]
        return max(sum(began <= moment < ended for began, *_, ended in spans) for moment, *_ in spans)

    assert book.executed("--jobs", "1") == set("abcd")
    assert at_a_time() == 1
    shutil.rmtree(book.book / "_build")
    assert book.executed("--jobs", "3") == set("abcd")
    assert 1 < at_a_time() <= 3


def test_two_runs_at_once(book):
    for name in "abcd":
        book.cells(name, f"import time\ntime.sleep(1)\nprint('{name}')")
    execute = (sys.executable, "-m", "d2l_errata.site.execute", "book")
    log = at_once(book, execute, execute)
    assert sum(line.startswith("[") for line in log.splitlines()) == 4
    assert book.executed() == set()


def test_two_builds_at_once(book):
    for name in "ab":
        book.cells(name, f"import time\ntime.sleep(2)\nprint('{name}')")
    build = (sys.executable, "-m", "sphinx", book.book)
    at_once(book, (*build, book.root / "one" / "html"), (*build, book.root / "one" / "other"))
    assert book.look() == {"a": False, "b": False}  # another place, another cache
    for entry in (book.root / "one").glob(".jupyter_cache/executed/*/base.ipynb"):
        nbformat.read(entry, 4)

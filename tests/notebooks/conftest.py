"""A Python that has the package and what it declares for its pages, and nothing else; and kernels of it."""

import json
import subprocess
import sysconfig
import venv
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = Path(__file__).parents[2] / "code" / "d2l_errata"
KERNEL = "d2l-errata-clean"


def closure(requirement):
    """Names of the installed distributions that a requirement brings with it."""
    found, todo = {}, [Requirement(requirement)]
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        new = wanted.extras - found[name] if name in found else {"", *wanted.extras}
        found.setdefault(name, set()).update(new)
        if new:
            asked = map(Requirement, metadata.requires(name) or ())
            todo += [r for r in asked if r.marker is None or any(r.marker.evaluate({"extra": extra}) for extra in new)]
    return set(found)


def link(names, folder):
    """Fill a folder of packages with links to these distributions, whose files lie among those of others."""
    site = Path(sysconfig.get_path("purelib"))
    owners, files = defaultdict(set), defaultdict(list)
    for distribution in metadata.distributions(path=[str(site)]):
        name = canonicalize_name(distribution.name)
        for file in distribution.files:
            if file.parts[0] not in ("..", "__pycache__") and not file.name.startswith("_d2l_errata"):
                owners[file.parts[0]].add(name)
                files[name].append(file)
    for name in names:
        for top in {file.parts[0] for file in files[name]}:
            alone = owners[top] <= names
            for path in [Path(top)] if alone else [Path(file) for file in files[name] if file.parts[0] == top]:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                if not (folder / path).exists():
                    (folder / path).symlink_to(site / path)
    # The package itself is installed as this working copy.
    (folder / PACKAGE.name).symlink_to(PACKAGE)


@pytest.fixture(scope="session")
def clean_python(tmp_path_factory):
    """A virtual environment with what ``pip install d2l-errata[pages]`` installs."""
    root = tmp_path_factory.mktemp("clean")
    venv.create(root, with_pip=False)
    python = root / "bin" / "python"
    ask = [python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    link(closure("d2l-errata[pages]"), Path(subprocess.check_output(ask, text=True).strip()))
    return python


@pytest.fixture(scope="session")
def clean_kernel(clean_python, tmp_path_factory):
    """Name of a kernel of that Python, started as a reader's would be: nothing of this process reaches it."""
    data = tmp_path_factory.mktemp("data")
    folder = data / "kernels" / KERNEL
    folder.mkdir(parents=True)
    spec = {
        "argv": [str(clean_python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": KERNEL,
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.setenv("PYTHONNOUSERSITE", "1")
        patch.setenv("JUPYTER_PATH", str(data))
        patch.setenv("IPYTHONDIR", str(data / "ipython"))
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        yield KERNEL

"""What holds for the package as a whole."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIGHT = ("d2l_errata", "d2l_errata.registry", "d2l_errata.verdict", "d2l_errata.device", "d2l_errata.draw", "d2l_errata.cli")
HEAVY = ("torch", "numpy", "matplotlib", "pandas", "sklearn", "networkx", "sphinx", "IPython")


def imported_by(statement):
    """Modules that a statement imports in a fresh interpreter, as -X importtime lists them."""
    command = [sys.executable, "-X", "importtime", "-c", statement]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    return [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]


@pytest.mark.parametrize("module", LIGHT)
def test_import_is_light(module):
    names = imported_by(f"import {module}")
    assert module in names
    assert not {name.partition(".")[0] for name in names} & set(HEAVY)


def test_code_is_no_package():
    assert not (ROOT / "code" / "__init__.py").exists()
    assert (
        Path(subprocess.check_output([sys.executable, "-c", "import code; print(code.__file__)"], cwd=ROOT, text=True).strip()).parts[-1]
        == "code.py"
    )


def requirements():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def test_lock_pins_everything():
    loose = [line for line in requirements() if not re.fullmatch(r"[A-Za-z0-9._-]+==[^ ]+( ; .+)?", line)]
    assert loose == ["-e ."]


def test_lock_has_what_pyproject_asks_for_and_is_what_is_installed():
    pinned = {}
    for line in requirements()[1:]:
        name, _, version = line.partition(" ;")[0].partition("==")
        pinned.setdefault(re.sub(r"[-_.]+", "-", name).lower(), set()).add(version)
    for requirement in metadata.requires("d2l-errata"):
        name = re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement)[0]).lower()
        assert metadata.version(name).partition("+")[0] in pinned[name]


def test_top_level_files_are_links():
    for name in ("_config.yml", "_toc.yml"):
        assert (ROOT / name).is_symlink()
        assert (ROOT / name).resolve() == ROOT / "book" / name

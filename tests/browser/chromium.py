"""Find a Chromium for the browser tests, or install one, or say how to get one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOW = """No Chromium for the browser tests. Any of these gives one:
  - install chromium with your system's packages, so that it is on PATH (Debian: apt-get install chromium);
  - .venv/bin/playwright install chromium;
  - make test BROWSER=/path/to/chromium;
  - make test BROWSER=none leaves the browser tests out."""


def find() -> str | None:
    """Path of a Chromium: what ``BROWSER`` names, one on PATH, or the one that playwright has installed."""
    wanted = os.environ.get("BROWSER", "")
    for name in (wanted,) if wanted else NAMES:
        if path := shutil.which(name):
            return path
    if wanted:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return str(path) if path.exists() else None


def install() -> bool:
    """Install one: Debian's package where we may, otherwise playwright's download."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        commands = [["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]]
    else:
        commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    # Three at most and no standard input: a package that asks must not hang the tests.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return all(subprocess.run(c, stdin=subprocess.DEVNULL, env=environment, check=False).returncode == 0 for c in commands)


def main() -> int:
    if os.environ.get("BROWSER") == "none":
        print("BROWSER=none: the browser tests are left out")
        return 0
    path = find() or (not os.environ.get("BROWSER") and install() and find())
    if path:
        print(f"browser tests use {path}")
        return 0
    print(HOW, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

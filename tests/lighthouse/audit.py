"""Lighthouse on five pages of the built site, as on a phone with a slow connection; every score must be 95 or more.

The reports are kept in ``book/_build/lighthouse``.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BROWSER = HERE.parent / "browser"
BUILD = HERE.parents[1] / "book" / "_build"
REPORTS = BUILD / "lighthouse"
LIGHTHOUSE = HERE / "node_modules" / ".bin" / "lighthouse"

#: A page of links, one of formulas, a long one, one of figures and code, and the table of all errata.
PAGES = (
    "index",
    "chapter_preliminaries/linear-algebra",
    "chapter_linear-networks/softmax-regression",
    "chapter_convolutional-neural-networks/conv-layer",
    "reference/errata",
)
LEAST = 95
#: The score for performance is made of times: where something else kept the machine busy, the page is measured again.
TRIES = 3
CHROMIUM = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage"


def scores(address: str, page: str) -> dict[str, int]:
    """Scores of one run by category; none where Lighthouse itself has failed."""
    report = REPORTS / page.replace("/", "-")
    options = ["--quiet", "--output=json", "--output=html", f"--output-path={report}", f"--chrome-flags={CHROMIUM}"]
    done = subprocess.run([LIGHTHOUSE, f"{address}{page}.html", *options], stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        return {}
    categories = json.loads(report.with_name(f"{report.name}.report.json").read_text(encoding="utf-8"))["categories"]
    return {name: round(100 * (category["score"] or 0)) for name, category in categories.items()}


def passes(found: dict[str, int]) -> bool:
    """Whether there are scores, and all are high enough."""
    return bool(found) and min(found.values()) >= LEAST


def main() -> int:
    path = runpy.run_path(str(BROWSER / "chromium.py"))["find"]()
    needs = {
        "a Chromium: `make browser`": path,
        "the built site: `make site`": (BUILD / "html" / "index.html").exists(),
        "Lighthouse: `npm ci --prefix tests/lighthouse`": LIGHTHOUSE.exists(),
    }
    for what, there in needs.items():
        if not there:
            print(f"audit.py needs {what}", file=sys.stderr)
            return 1
    os.environ["CHROME_PATH"] = path
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    low = []
    with runpy.run_path(str(BROWSER / "server.py"))["serving"](BUILD / "html") as site:
        for page in PAGES:
            for _ in range(TRIES):
                found = scores(site.address, page)
                print(f"{page}: {found or 'Lighthouse has failed'}", flush=True)
                if passes(found):
                    break
            else:
                low.append(page)
    if low:
        print(f"Lighthouse gives less than {LEAST} to {', '.join(low)}; why is told in {REPORTS}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())

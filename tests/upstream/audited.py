"""Audit checkouts of both editions, and record the numbers that the page ``reference/errata`` shows.

audited.py --zh CHECKOUT --en CHECKOUT
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path

from d2l_errata.audit import audit
from d2l_errata.bookcopy import open_copy
from d2l_errata.registry import FOLDER, editions, errata

RECORD = FOLDER / "audit.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for edition in ("zh", "en"):
        parser.add_argument(f"--{edition}", type=Path, required=True, help=f"checkout of {editions()[edition].repository}")
    record = []
    for edition, checkout in vars(parser.parse_args()).items():
        copy = open_copy(checkout)
        if (copy.edition, copy.format) != (edition, "markdown") or not copy.commit:
            parser.error(f"--{edition} {checkout} must be a checkout of {editions()[edition].repository}")
        result = audit(copy, errata())
        record.append(
            {
                "edition": edition,
                "repository": editions()[edition].repository,
                "commit": copy.commit,
                "date": datetime.date.today().isoformat(),
                "kinds": {kind: states for (kind,), states in result.count("kind").items()},
            }
        )
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for entry in record:
        print(entry["edition"], entry["commit"][:12], entry["kinds"])
    return 0


if __name__ == "__main__":
    sys.exit(main())

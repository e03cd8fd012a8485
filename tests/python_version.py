"""Stop with a clear message where the Python that .venv would be made with is not one of the supported ones."""

import sys

LOWEST, HIGHEST = (3, 10), (3, 13)

if not LOWEST <= sys.version_info[:2] <= HIGHEST:
    seen = "{}.{}".format(*sys.version_info[:2])
    sys.exit(f"Python 3.10 to 3.13 is needed; {sys.executable} is {seen}. Name another: make PYTHON=python3.12")

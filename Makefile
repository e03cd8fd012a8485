# The interface of the project: readers run `make book`, contributors and CI run `make test`.
#
#   TORCH=cpu      install PyTorch's CPU build (about 1 GB instead of 5 GB)
#   BROWSER=none   leave the browser tests out
#   JOBS=…         how many pages are executed at a time (as many as there are cores)
#   PYTHON=…       the Python that .venv is made with (3.10 to 3.13)

PYTHON ?= python3
TORCH ?= default
BROWSER ?=
JOBS ?=
VENV := .venv
BIN := $(VENV)/bin
HTML := book/_build/html
# Pages side by side, into the cache where `jb build` then finds them.
EXECUTE := $(BIN)/python -m d2l_errata.site.execute book $(if $(JOBS),--jobs $(JOBS))
# Jupyter Book asks its kernels where they are; nothing of the user's own configuration may leak into the build.
export JUPYTER_PLATFORM_DIRS := 1
export PYTHONNOUSERSITE := 1

.PHONY: book test lint unit site nbval notebooks rerun html browser lighthouse lock anchors audit bench bench-build clean

book: $(VENV)/installed
	$(EXECUTE)
	$(BIN)/jb build book
	@echo
	@echo "The site is in $(abspath $(HTML)). To look at it:"
	@echo "    $(BIN)/python -m http.server --directory $(HTML) 8000    # then open http://localhost:8000"

# In this order: what is quick to fail comes first; the site is built once and looked at by all that follow.
test: lint browser unit site nbval rerun html

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/zizmor --offline --quiet --pedantic --strict-collection .github

unit: $(VENV)/installed
	$(BIN)/pytest tests/unit tests/build

# Everything anew but what the cells have put out: pages that are gone since the last build must not be tested.
site: $(VENV)/installed
	rm -rf $(HTML) book/_build/jupyter_execute book/_build/.doctrees
	$(EXECUTE)
	$(BIN)/jb build book -W -n --keep-going

# Every page's notebook, as the build executed it, again and with equal outputs.
nbval: site
	$(BIN)/pytest --nbval --nbval-cell-timeout=300 -p no:cacheprovider -q book/_build/jupyter_execute

# The branch `notebooks`, as a folder: what Colab and Binder open.
notebooks: site
	$(BIN)/python -m d2l_errata.site.branch book

# Every page's published notebook from top to bottom, where only the package is installed, and with equal outputs.
rerun: site
	$(BIN)/pytest -q tests/notebooks

html: site browser
	BROWSER='$(BROWSER)' $(BIN)/pytest tests/site tests/browser

browser: $(VENV)/installed
	BROWSER='$(BROWSER)' $(BIN)/python tests/browser/chromium.py

# Lighthouse on five pages of the site that is there, as on a phone; needs Node.js. The reports are in book/_build/lighthouse.
lighthouse: browser
	npm ci --prefix tests/lighthouse --no-fund --no-audit
	$(BIN)/python tests/lighthouse/audit.py

# The Python is checked first: pip's own message, many lines later, would not name the cause.
$(VENV)/installed: requirements.txt pyproject.toml
	$(PYTHON) tests/python_version.py
	$(PYTHON) -m venv $(VENV)
ifeq ($(TORCH),cpu)
	grep -E '^torch(vision)?==' requirements.txt > $(VENV)/torch.txt
	$(BIN)/python -m pip install --index-url https://download.pytorch.org/whl/cpu --requirement $(VENV)/torch.txt
	grep -vE '^(cuda-|nvidia-|triton)' requirements.txt > $(VENV)/requirements.txt
	$(BIN)/python -m pip install --requirement $(VENV)/requirements.txt
else
	$(BIN)/python -m pip install --requirement requirements.txt
endif
	touch $@

# The second file is what Binder installs: of the lock, what the pages need on its Linux, without CUDA.
BINDER := binder/requirements.txt
lock: $(VENV)/installed
	$(BIN)/uv pip compile --universal --python-version 3.10 --no-emit-index-url --no-emit-find-links --output-file requirements.txt requirements.in
	grep -v '^-e' requirements.txt > $(VENV)/lock.txt
	sed '/^--extra-index-url/q' $(BINDER) > $(VENV)/binder.txt
	$(BIN)/uv pip compile --extra pages --python-version 3.13 --python-platform x86_64-manylinux_2_28 --constraint $(VENV)/lock.txt \
	    --no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml | grep -vE '^(cuda-|nvidia-|triton)' >> $(VENV)/binder.txt
	cp $(VENV)/binder.txt $(BINDER)

# ZH and EN are checkouts of the book's repositories that have the commits named in editions.yaml.
anchors: $(VENV)/installed
	$(BIN)/python tests/upstream/anchors.py --zh $(ZH) --en $(EN)

# ZH and EN are checkouts of the book's repositories as they are today: how many errata still stand there.
audit: $(VENV)/installed
	$(BIN)/python tests/upstream/audited.py --zh $(ZH) --en $(EN)

# Ratios of times, each within one run on this machine; the pages show the files that are written.
RESULTS := code/d2l_errata/benchmarks
bench: $(VENV)/installed
	failed=0; for script in tests/benchmarks/*.py; do $(BIN)/python $$script $(RESULTS) || failed=1; done; exit $$failed

bench-build: $(VENV)/installed
	$(BIN)/python tests/benchmarks/site/build.py $(RESULTS)

clean:
	$(BIN)/jb clean --all book

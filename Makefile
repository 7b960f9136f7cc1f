# `make demo` and `make test` do everything on a new machine with Python 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check format plugins site soak clean

demo: $(VENV)/.installed
	$(BIN)/python -m msformer demo

test: check plugins
	$(BIN)/python -m pytest -n auto

# The plugin for napari, without a window; Qt and napari come into an environment of their own over the other one.
PLUGIN := plugins/napari-msformer
plugins: $(VENV)/.plugins
	QT_QPA_PLATFORM=offscreen $(VENV)/plugins/bin/python -m pytest -c $(PLUGIN)/pyproject.toml $(PLUGIN)

$(VENV)/.plugins: $(VENV)/.installed $(PLUGIN)/pyproject.toml
	$(PYTHON) -m venv --without-pip $(VENV)/plugins
	$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(%r)' % sysconfig.get_path('purelib'))" > \
	  "$$($(VENV)/plugins/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/below.pth"
	@# Qt itself needs a few libraries that bare systems lack.
	@ldconfig -p 2>/dev/null | grep -q libEGL.so.1 || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1; }
	$(VENV)/plugins/bin/python -m pip install --quiet --constraint constraints.txt --editable "$(PLUGIN)[test]"
	touch $@

check: $(VENV)/.installed
	PYTHON="$(BIN)/python" scripts/check

format: $(VENV)/.installed
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

# Versions that were tested together come from constraints.txt; pyproject.toml has loose lower bounds.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@# The tests of the page drive Debian's browser; where it cannot be installed they are skipped, and say so.
	@command -v chromium >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq chromium; } || echo "no chromium: the tests of the page are skipped"
	touch $@

# The site, in site/: fails on broken links and anchors, on pages that no menu lists, and on anything from another host.
# Without --quiet, with which MkDocs counts no warnings.
site: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	$(BIN)/python scripts/check_site.py site

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

# Kills and faults for an hour or so; as root, since small disks are mounted.
soak: $(VENV)/.installed
	$(BIN)/python -m benchmarks.soak --out soak-output --markdown docs/reliability.md

clean:
	rm -rf $(VENV) demo-output soak-output site

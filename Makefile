# Two commands matter: make app, make test. Each sets up what it needs; the second time it starts at once.

PYTHON ?= python3
PORT ?= 8501
HOST ?= localhost
BIN := .venv/bin
# Silent but for errors, except for a person, who sees how the download goes.
PIP = [ -t 1 ] && quiet= || quiet=-qq; $(BIN)/python -m pip install --disable-pip-version-check $$quiet

.DEFAULT_GOAL := help
.PHONY: help app port test check fluidsynth chromium viewer molecules
.DELETE_ON_ERROR:
# The parts share one virtual environment, so they are never set up side by side.
.NOTPARALLEL:

help:  ## say what there is
	@echo "make app     set up, then serve the app on http://$(HOST):$(PORT)  (PORT=..., HOST=..., ALLOWED_HOSTS=...)"
	@echo "make test    set up, then run the tests                            (ARGS=... for pytest)"
	@echo "make check   set up, then run the linter and the type checker"
	@echo "make viewer, make molecules    try once more to get the 3D viewer, the training molecules"

app: .venv/.app port fluidsynth viewer molecules  ## serve the app
	@mkdir -p static
	@$(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.address $(HOST)

port: .venv/.made
	@! $(BIN)/python -c 'import socket; socket.create_connection(("$(HOST)", $(PORT)), 2)' 2>/dev/null || { \
	  echo "Port $(PORT) is taken, perhaps by this app in another window. To serve on another: PORT=$(OTHER_PORT) make app"; exit 1; }

OTHER_PORT = $(if $(filter 8600,$(PORT)),8700,8600)

test: .venv/.dev fluidsynth chromium viewer molecules  ## run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: .venv/.dev  ## lint and check types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# ---------------------------------------------------------------- Python packages; each stamp says "done"

.venv/.made:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: install Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed and $(PYTHON) is $$($(PYTHON) -V 2>&1); name another: make app PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call apt_get,python3-venv); }
	@$(PYTHON) -m venv .venv || { echo "the virtual environment cannot be made; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@touch $@

.venv/.app: .venv/.made requirements.txt
	@echo "Installing the Python packages; the first time takes a few minutes"
	@$(PIP) -r requirements.txt
	@touch $@

.venv/.dev: .venv/.made requirements.txt requirements-dev.txt
	@echo "Installing the Python packages and the test tools; the first time takes a few minutes"
	@$(PIP) -r requirements-dev.txt
	@touch .venv/.app $@

# ---------------------------------------------------------------- system parts (packages.txt): tried once, never fatal

fluidsynth: .venv/.made
	@command -v fluidsynth >/dev/null || { $(call apt_get,fluidsynth); }
	@command -v fluidsynth >/dev/null || echo "fluidsynth is missing, so sound comes from a basic built-in synth. To get it: sudo apt-get install fluidsynth (macOS: brew install fluid-synth)"

chromium: .venv/.made
	@$(find_chromium) || { $(call apt_get,chromium); }
	@$(find_chromium) || echo "Chromium is missing, so the browser tests cannot run. To get it: sudo apt-get install chromium"

find_chromium = command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null

# As root or where sudo asks for no password; otherwise nothing happens. What apt-get said is in .venv/apt-PACKAGE.log.
define apt_get
as=; [ "$$(id -u)" = 0 ] || as="sudo -n"; log=.venv/apt-$(1).log; mkdir -p .venv; \
if [ ! -e $$log ] && command -v apt-get >/dev/null && $$as true 2>/dev/null; then \
  echo "Installing $(1) with apt-get"; \
  { $$as apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=20 update; \
    $$as env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends $(1); \
  } >$$log 2>&1 </dev/null || true; \
fi
endef

# ---------------------------------------------------------------- optional downloads: tried once, never fatal

# The script that py3Dmol drives, so that pages load it from this app; its version is py3Dmol's.
VIEWER := $(shell sed -n 's/^py3Dmol==\([0-9.]*\).*/\1/p' requirements.txt)
# The MOSES molecules, wanted for their data alone: the package's own dependencies stay away.
MOLECULES := molsets==0.3.1

viewer: .venv/.made
	@$(find_viewer) || { $(call fetch,viewer-$(VIEWER),the viewer 3Dmol.js $(VIEWER) with npm,npm,$(fetch_viewer)); }
	@$(find_viewer) || echo "static/3Dmol-min.js is missing, so molecules are drawn in two dimensions only. To get it: install npm, then make viewer"

molecules: .venv/.made
	@$(find_molecules) || { $(call fetch,$(MOLECULES),the MOSES molecules (50 MB),$(BIN)/python,$(fetch_molecules)); }
	@$(find_molecules) || echo "The MOSES molecules are missing, so no molecule prior can be trained. To get them: make molecules"

find_viewer = [ -e static/3Dmol-min.js ] && grep -qs "3dmol v$(VIEWER)" static/3Dmol-min.js.LICENSE.txt
find_molecules = ls .venv/lib/python3*/site-packages/moses/dataset/data/train.csv.gz >/dev/null 2>&1

# The script comes last into its folder, so it is never there without its licences.
fetch_viewer = rm -rf .venv/viewer && mkdir -p .venv/viewer static \
  && npm pack 3dmol@$(VIEWER) --loglevel=warn --pack-destination .venv/viewer --fetch-retries=1 --fetch-timeout=20000 \
  && tar -xzf .venv/viewer/3dmol-$(VIEWER).tgz -C .venv/viewer \
  && cp .venv/viewer/package/LICENSE static/3Dmol-LICENSE.txt \
  && mv .venv/viewer/package/build/3Dmol-min.js.LICENSE.txt .venv/viewer/package/build/3Dmol-min.js static/
fetch_molecules = $(BIN)/python -m pip install --disable-pip-version-check --retries 1 --timeout 20 --no-deps $(MOLECULES)

# $(1) names the log, $(2) says what comes, $(3) is the program it takes, $(4) the command. make app and make test try
# once; who names the target tries again. What the command said is in .venv/fetch-NAME.log.
define fetch
log=.venv/fetch-$(1).log; \
if { [ ! -e $$log ] || [ -n "$(filter viewer molecules,$(MAKECMDGOALS))" ]; } && command -v $(3) >/dev/null; then \
  echo "Fetching $(2)"; { $(4); } >$$log 2>&1 </dev/null || true; \
fi
endef

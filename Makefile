# Two commands matter: make app, make test. Each sets up what it needs; the second time it starts at once.

PYTHON ?= python3
PORT ?= 8501
HOST ?= localhost
BIN := .venv/bin
# Silent but for errors, except for a person, who sees how the download goes.
PIP = [ -t 1 ] && quiet= || quiet=-qq; $(BIN)/python -m pip install --disable-pip-version-check $$quiet

.DEFAULT_GOAL := help
.PHONY: help app port test test-fast check docs fluidsynth drawings chromium viewer notation editor molecules
.DELETE_ON_ERROR:
# The parts share one virtual environment, so they are never set up side by side.
.NOTPARALLEL:

help:  ## say what there is
	@echo "make app     set up, then serve the app on http://$(HOST):$(PORT)  (PORT=..., HOST=..., ALLOWED_HOSTS=...)"
	@echo "make test    set up, then run the tests                            (ARGS=... for pytest)"
	@echo "make test-fast"
	@echo "             the same without pages, browsers and worker processes: for while you work"
	@echo "make check   set up, then run the linter and the type checker"
	@echo "make docs    set up, then write the API reference into docs/api"
	@echo "make viewer, make notation, make editor, make molecules"
	@echo "             try once more to get the 3D viewer, scores, the structure editor, the training molecules"

app: .venv/.app port fluidsynth drawings viewer notation editor molecules  ## serve the app
	@mkdir -p static
	@$(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.address $(HOST)

port: .venv/.made
	@! $(BIN)/python -c 'import socket; socket.create_connection(("$(HOST)", $(PORT)), 2)' 2>/dev/null || { \
	  echo "Port $(PORT) is taken, perhaps by this app in another window. To serve on another: PORT=$(OTHER_PORT) make app"; exit 1; }

OTHER_PORT = $(if $(filter 8600,$(PORT)),8700,8600)

test: .venv/.dev fluidsynth drawings chromium viewer notation editor molecules  ## run the tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --rerun-show-tracebacks $(ARGS)

test-fast: .venv/.dev  ## run the tests that need no browser, no worker process and no GPU
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser and not slow and not gpu" $(ARGS)

check: .venv/.dev  ## lint and check types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: .venv/.dev  ## the API reference, from docstrings
	@$(BIN)/python -m benchmarks.reference

# ---------------------------------------------------------------- Python packages; each stamp says "done"

.venv/.made:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: install Python 3.11 to 3.14"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || { \
	  echo "Python 3.11 to 3.14 is needed (PyTorch 2.13 has no packages for others), and $(PYTHON) is $$($(PYTHON) -V 2>&1); name another: make app PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call apt_get,python3-venv); }
	@$(PYTHON) -m venv .venv || { echo "the virtual environment cannot be made; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@touch $@

.venv/.app: .venv/.made requirements.txt
	@echo "Installing the Python packages; the first time takes a few minutes"
	@$(PIP) -r requirements.txt
	@touch $@

.venv/.dev: .venv/.made requirements.txt requirements-cluster.txt requirements-dev.txt
	@echo "Installing the Python packages and the test tools; the first time takes a few minutes"
	@$(PIP) -r requirements-dev.txt
	@touch .venv/.app $@

# ---------------------------------------------------------------- system parts (packages.txt): tried once, never fatal

fluidsynth: .venv/.made
	@command -v fluidsynth >/dev/null || { $(call apt_get,fluidsynth); }
	@command -v fluidsynth >/dev/null || echo "fluidsynth is missing, so sound comes from a basic built-in synth. To get it: sudo apt-get install fluidsynth (macOS: brew install fluid-synth)"

drawings: .venv/.made
	@$(find_drawings) || { $(call apt_get,$(drawing_libraries)); }
	@$(find_drawings) || echo "Libraries are missing that RDKit draws with, so molecules are not drawn. To get them: sudo apt-get install $(drawing_libraries)"

chromium: .venv/.made
	@$(find_chromium) || { $(call apt_get,chromium); }
	@$(find_chromium) || echo "Chromium is missing, so the browser tests cannot run. To get it: sudo apt-get install chromium"

# What RDKit draws with on Linux; chemistry/canvas.py knows it as well.
drawing_libraries := libx11-6 libxext6 libxrender1 libexpat1
find_drawings = $(BIN)/python -c 'import sys; from seqtutor_core.chemistry import canvas; sys.exit(bool(canvas.missing()))'
find_chromium = command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null

# As root or where sudo asks for no password; otherwise nothing happens. What apt-get said is in .venv/apt-PACKAGE.log,
# named after the first package.
define apt_get
as=; [ "$$(id -u)" = 0 ] || as="sudo -n"; log=.venv/apt-$(firstword $(1)).log; mkdir -p .venv; \
if [ ! -e $$log ] && command -v apt-get >/dev/null && $$as true 2>/dev/null; then \
  echo "Installing $(1) with apt-get"; \
  { $$as apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=20 update; \
    $$as env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends $(1); \
  } >$$log 2>&1 </dev/null || true; \
fi
endef

# ---------------------------------------------------------------- optional downloads: tried once, never fatal

# Scripts that pages load from this very app, brought by npm into static/ with their licences: package, version, the
# script and its folder there, the name that it gives itself, and what the app does without it.
viewer_package := 3dmol
viewer_version := $(shell sed -n 's/^py3Dmol==\([0-9.]*\).*/\1/p' requirements.txt)
viewer_script := 3Dmol-min.js
viewer_folder := build
viewer_itself := 3dmol v
viewer_without := molecules are drawn in two dimensions only

notation_package := abcjs
notation_version := 6.7.2
notation_script := abcjs-basic-min.js
notation_folder := dist
notation_itself := abcjs_basic v
notation_without := melodies are shown as piano rolls only

editor_package := openchemlib
editor_version := 9.25.0
editor_script := openchemlib.js
editor_folder := dist
editor_itself :=
editor_without := structures are typed and cannot be drawn

# The MOSES molecules, wanted for their data alone: the package's own dependencies stay away.
MOLECULES := molsets==0.3.1

viewer notation editor: .venv/.made
	@$(find_script) || { $(call fetch,$@-$($@_version),$($@_package) $($@_version) with npm,npm,$(fetch_script)); }
	@$(find_script) || echo "static/$($@_script) is missing, so $($@_without). To get it: install npm, then make $@"

molecules: .venv/.made
	@$(find_molecules) || { $(call fetch,$(MOLECULES),the MOSES molecules (50 MB),$(BIN)/python,$(fetch_molecules)); }
	@$(find_molecules) || echo "The MOSES molecules are missing, so no molecule prior can be trained. To get them: make molecules"

find_script = [ -e static/$($@_script) ] && grep -qsF "$($@_itself)$($@_version)" static/$($@_script)*
find_molecules = ls .venv/lib/python3*/site-packages/moses/dataset/data/train.csv.gz >/dev/null 2>&1

# The script comes last into its folder, so it is never there without its licences.
fetch_script = rm -rf .venv/$@ && mkdir -p .venv/$@ static \
  && npm pack $($@_package)@$($@_version) --loglevel=warn --pack-destination .venv/$@ --fetch-retries=1 --fetch-timeout=20000 \
  && tar -xzf .venv/$@/$($@_package)-$($@_version).tgz -C .venv/$@ && cd .venv/$@/package \
  && cp LICENSE* ../../../static/$($@_package)-LICENSE.txt \
  && find $($@_folder) -name '$($@_script).LICENSE*' -exec mv {} ../../../static/ \; \
  && mv $($@_folder)/$($@_script) ../../../static/
fetch_molecules = $(BIN)/python -m pip install --disable-pip-version-check --retries 1 --timeout 20 --no-deps $(MOLECULES)

# $(1) names the log, $(2) says what comes, $(3) is the program it takes, $(4) the command. make app and make test try
# once; who names the target tries again. What the command said is in .venv/fetch-NAME.log.
define fetch
log=.venv/fetch-$(1).log; \
if { [ ! -e $$log ] || [ -n "$(filter viewer notation editor molecules,$(MAKECMDGOALS))" ]; } && command -v $(3) >/dev/null; then \
  echo "Fetching $(2)"; ( $(4) ) >$$log 2>&1 </dev/null || true; \
fi
endef

# The giblet book: `make book` builds it, `make test` checks it. Both set up everything they need in .venv first.
#   make book AUDIO=my.wav BOLD=dataset.yaml CODEC=facebook/encodec_24khz PARAMS=alice OUT=build/mine
# PARAMS is the name of a file in book/params or a path. PIP_FLAGS goes to pip, e.g. to choose the build of torch.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP_FLAGS ?=
TEST_WORKERS ?= 2
FAST_S ?= 0.2
# The stamp carries the content of the lock (and the place of the clone), so a changed lock installs again and nothing else does.
STAMP := $(VENV)/.ready-$(shell (cat requirements.lock requirements-metrics.lock pyproject.toml; pwd) | cksum | cut -d' ' -f1)
# The values reach the shell as variables, so that quotes, spaces, brackets and # in names of files are plain text.
RUN_FLAGS = $(if $(PARAMS),--params "$$PARAMS") $(if $(AUDIO),--set "audio=$$AUDIO") $(if $(BOLD),--set "bold=$$BOLD") \
	$(if $(CODEC),--set "codec=$$CODEC") $(if $(BANDWIDTH),--set "bandwidth_kbps=$$BANDWIDTH") $(if $(ONLY),--only "$$ONLY") \
	$(if $(OUT),--out "$$OUT")

# Threads that spin while they wait make everything many times slower where other work shares the cores.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: book test test-fast durations lab bench lint clean serve demo-stimulus setup
.DEFAULT_GOAL := book

book: $(STAMP) $(if $(filter alice,$(PARAMS)),build/alice_standin.flac)
	@$(PY) -m giblet_core run $(RUN_FLAGS)

test: lint
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(TEST_WORKERS) --dist loadgroup --durations=15

# What needs no notebook, no browser and no long computation: under two minutes on two cores.
# Tests that are recorded as longer than FAST_S seconds, or need a long fixture, are left out.
test-fast: lint
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(TEST_WORKERS) --dist loadgroup -m "not slow and not browser and not notebook" \
	  --faster-than $(FAST_S)

# Records how long each test takes, in tests/durations.json, which test-fast reads.
durations: $(STAMP)
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n $(TEST_WORKERS) --dist loadgroup --store-durations

lint: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

lab: $(STAMP)
	$(PY) -m jupyter lab --notebook-dir=notebooks

bench: $(STAMP)
	$(PY) -m giblet_core bench

serve: $(STAMP)
	@echo "The book is at http://127.0.0.1:8000 (stop with Ctrl-C)"
	@$(PY) -m http.server 8000 --bind 127.0.0.1 --directory "$(if $(OUT),$(OUT),build)/html"

demo-stimulus: $(STAMP)
	$(PY) -m giblet_core.demo.voices.make_voices

# The stand-in for the sound of book/params/alice.yaml: needs the data set and espeak-ng.
build/alice_standin.flac: | $(STAMP)
	$(PY) -m giblet_core.demo.voices.alice_standin book/params/alice_dataset.yaml $@

setup: $(STAMP)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, and $(PYTHON) is older. Name another: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Setting up .venv (once for each lock; some minutes)"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -qq $(PIP_FLAGS) -r requirements.lock
	@$(PY) -m pip install -qq --no-deps -e .
	@$(PY) -m pip install -qq -r requirements-metrics.lock >$(VENV)/metrics.log 2>&1 || \
	  echo "PESQ could not be compiled here (a C compiler is needed; $(VENV)/metrics.log has the reason): the book reports it as absent."
	@rm -f $(VENV)/.ready-*
	@touch $@

clean:
	rm -rf build .pytest_cache .ruff_cache

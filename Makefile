# `make app` serves the dashboard and `make test` runs every check. Both work from a fresh clone:
# they first bring the virtual environment .venv in step with pyproject.toml and constraints.txt.

PYTHON ?= python3
PORT ?= 5006
VENV := .venv
BIN := $(VENV)/bin

# A browser tab is opened only where there is a screen; elsewhere the address is in the log.
SHOW := $(if $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname))),--show)

# A run waits 5 minutes (in ms) for a browser that was cut off, of a page of at most a day (in s).
AWAY := --unused-session-lifetime 300000 --session-token-expiration 86400

.PHONY: app test browser dapper

app: $(VENV)/app.stamp
	@echo "The dashboard is at http://localhost:$(PORT) (another port: make app PORT=...)"
	$(BIN)/panel serve app --port $(PORT) $(AWAY) $(SHOW)

# Side by side, then those that take times. Status 5 is that none was chosen: by ARGS, of this half.
PYTEST = $(BIN)/python -m pytest $(1) $(ARGS) || [ $$? -eq 5 ]

# More arguments for pytest: make test ARGS="-k tsunami"
test: $(VENV)/test.stamp browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(call PYTEST,-n auto -m "not alone")
	$(call PYTEST,-m alone)

$(VENV)/app.stamp: EXTRAS = app
$(VENV)/test.stamp: EXTRAS = app,train,test
$(VENV)/%.stamp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, and '$(PYTHON)' is not that." \
	       "Name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

# The UI tests need Chromium or Chrome and look for it in these places, then for playwright's own.
browser: $(VENV)/test.stamp
	@for browser in "$$LDENSF_CHROMIUM" /usr/bin/chromium /usr/bin/chromium-browser \
	                "$$(command -v google-chrome)"; do \
	  if [ -x "$$browser" ]; then exit 0; fi; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y --no-install-recommends chromium fonts-dejavu-core; \
	else \
	  $(BIN)/playwright install chromium; \
	fi || echo "No browser could be installed; the UI tests will tell what they lack." >&2

# DAPPER, for `python bench/lorenz96.py --dapper-python .venv-dapper/bin/python`. It pins what it
# needs, so that it lives in an environment of its own.
DAPPER_PYTHON ?= python3.11
dapper: .venv-dapper/dapper.stamp
.venv-dapper/dapper.stamp:
	$(DAPPER_PYTHON) -m venv .venv-dapper
	.venv-dapper/bin/python -m pip install dapper==1.7.1
	@touch $@

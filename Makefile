# tileproof's front door. `make help` lists the targets. Everything lives in .venv, made once.
#   DEVICE=npu|emulator  TARGET=npu1|npu2  SET="head=32 rows=32"  reach every kernel target.

PYTHON ?= python3
RUN := .venv/bin/tileproof
FLAGS := $(if $(DEVICE),--device $(DEVICE)) $(if $(TARGET),--target $(TARGET)) $(if $(BUILD_DIR),--build-dir $(BUILD_DIR)) \
	$(foreach pair,$(SET),--set $(pair))

.PHONY: help attention mel rebank verify device doctor test quick lint check bench clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1 /p' $(MAKEFILE_LIST) | while read name text; do printf '  make %-11s %s\n' "$$name" "$$text"; done

attention: .venv/ready ## build the attention kernel and prove it
	@$(RUN) verify attention $(FLAGS)

mel: .venv/ready ## build the mel kernel and prove it
	@$(RUN) verify mel $(FLAGS)

rebank: .venv/ready ## build KERNEL=... with its [banks] and show where everything lies; more by ARG= MEM= BANK= ADDRESS= SCHEME=
	@$(RUN) rebank $(or $(KERNEL),$(error name one: make rebank KERNEL=attention)) $(filter-out --device $(DEVICE),$(FLAGS)) \
		$(foreach pair,$(ARG),--arg $(pair)) $(foreach pair,$(MEM),--mem $(pair)) $(foreach pair,$(BANK),--bank $(pair)) \
		$(foreach pair,$(ADDRESS),--address $(pair)) $(if $(SCHEME),--scheme $(SCHEME))

verify: .venv/ready ## build and prove every kernel
	@$(RUN) verify $(FLAGS)

device: .venv/ready ## prove every kernel on the NPU, and be left alone with it; KERNEL=... for one
	@.venv/bin/python scripts/verify_on_device.py $(KERNEL) $(filter-out --device $(DEVICE),$(FLAGS)) $(if $(RESUME),--resume)

doctor: .venv/ready ## what this machine has, and what is missing for what
	@$(RUN) doctor

test: .venv/ready-dev ## run all tests
	@.venv/bin/python -m pytest -n auto $(PYTEST_ARGS)

quick: .venv/ready-dev ## ruff, mypy and the tests that take no time, before every commit
	@scripts/check --quick

lint: .venv/ready-dev ## ruff and mypy
	@scripts/check --no-tests

check: .venv/ready-dev ## ruff, mypy and all tests
	@scripts/check

bench: .venv/ready ## measure builds, runs and verdicts
	@.venv/bin/python scripts/bench

clean: ## remove what builds made; .venv stays
	@rm -rf build/*

.venv/ready: pyproject.toml scripts/setup.py
	@$(PYTHON) scripts/setup.py

.venv/ready-dev: pyproject.toml scripts/setup.py
	@$(PYTHON) scripts/setup.py --dev

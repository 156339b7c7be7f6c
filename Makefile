# Every target is one command; what it does is in tools/. `make` alone lists them.
# PYTHON=python3.12 chooses the Python; ARGS="..." is handed on.

PYTHON ?=
ARGS ?=
# Runs tools/environment.py with the Python chosen, or says in one line that there is none.
course = @python=$$(sh tools/find-python "$(PYTHON)") && \
	"$$python" tools/environment.py $(if $(PYTHON),--exact)

.PHONY: help lab update reset handed-in slides kernels check test quick lesson book notebooks conformance conditions fuzz lint format classic matrix colab bench data address wheel release-check upgrade lock clean
.DEFAULT_GOAL := help

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 22

lab: ## build the environment if needed, check it, and open JupyterLab on the first lesson
	$(course) lab $(ARGS)

update: ## carry your answers over into newer lessons, or into one: LESSON=01
	$(course) run -m utils.workbook update $(LESSON)

reset: ## give back one exercise, empty: WHAT=1.2, or one lesson, as new: WHAT=01
	$(course) run -m utils.workbook reset $(WHAT)

handed-in: ## for teachers: one table of what a class handed in: FOLDER=...; ARGS="--csv class.csv"
	$(course) run tools/handed_in.py $(if $(FOLDER),"$(FOLDER)") $(ARGS)

slides: ## for teachers: a lesson as slides, to show without a network: LESSON=03
	$(course) run tools/slides.py $(LESSON)

kernels: ## for who sets up a class's machine: a lesson in 1, 2 and 4 kernels at once, seconds and memory: LESSON=03
	$(course) run tools/kernels.py $(LESSON)

test: ## everything CI runs: style, unit tests, part of Keras's own, all notebooks, a browser
	$(course) test

check: ## build the environment if needed, and try everything the lessons import
	$(course) check

quick: ## style and the quick unit tests, or some: ARGS="tests/keras_theano/test_nn.py -k conv"
	$(course) quick $(ARGS)

lesson: ## for authors: run one lesson anew, check it, test it, and draw its pages: LESSON=08
	$(course) run tools/notebook.py all $(LESSON)

book: ## the whole course as web pages, build/book/index.html; ARGS=--pdf prints them, too
	$(course) book $(ARGS)

notebooks: ## run every lesson, as CI does
	$(course) run tools/run_tests.py notebooks

conformance: ## Keras's own tests on this engine: all, or some folders: ARGS=layers (half an hour)
	$(course) run -m tests.conformance $(ARGS)

conditions: ## lessons with each cell run twice, from a section to begin with, without a network, after a kill: LESSON="03 10"
	$(course) run tools/conditions.py $(LESSON) $(ARGS)

fuzz: ## random models on this engine and on TensorFlow, compared: MINUTES=30; ARGS="--seed 1"
	$(course) run -m tests.fuzz --minutes $(or $(MINUTES),5) $(ARGS)

lint: ## style only
	$(course) run -m ruff check .

format: ## put the code, notebooks included, in the project's style
	$(course) run -m ruff format .

classic: ## Keras 2.3.1 on Theano 1.0.5 as a Jupyter kernel, for lesson 02b; needs Python 3.7 or 3.8
	$(course) run tools/classic.py

matrix: ## for maintainers: the tests with other versions, as Colab's; ARGS=--quick a part of them
	$(course) run tools/support_matrix.py $(ARGS)

colab: ## for maintainers: lessons as on Google Colab, in a browser, half an hour or more, or one: LESSON=01
	$(course) run tools/colab.py $(LESSON)

bench: ## time training on this engine and others, and write benchmarks/README.md (half an hour)
	$(course) run -m benchmarks $(ARGS)

data: ## rebuild the data packs from their sources; one of them: make data PACK=digits
	$(course) run data/prepare/$(or $(PACK),all).py $(ARGS)

address: ## for who makes a fork: change the repository's address everywhere: URL=https://github.com/you/course
	$(course) run tools/address.py $(URL)

wheel: ## for maintainers: the engine as a package without the course, in build/wheel/
	$(course) run tools/wheel.py

upgrade: ## for maintainers: raise the pins to the newest, run all of release-check but its ten runs, print what moved; hours
	$(course) run tools/lock.py --upgrade
	$(course) run tools/release_check.py --upgrade
	$(course) run tools/lock.py --moved

release-check: ## for maintainers: all that a release has to pass, hours; goes on where it stopped: STAGE=book
	$(course) run tools/release_check.py $(STAGE) $(ARGS)

lock: ## for maintainers: pin again after a change of pyproject.toml; UPGRADE=1 takes the newest
	$(course) run tools/lock.py $(if $(UPGRADE),--upgrade)

clean: ## remove the environment and all else that was built
	$(course) clean

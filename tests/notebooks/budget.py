"""A pytest plugin beside nbval: each notebook's time, memory, engine and widgets, from the one run it gets.

Notebooks may run side by side (pytest-xdist): each worker judges its own, and sends its rows to the one that prints.

After a notebook's last cell its kernel is asked how much memory it held at most, on which engine
Keras runs, whether TensorFlow was loaded, and how long its widgets' slowest picture takes. Too slow,
too large, or TensorFlow under a lesson that runs on Theano: the last cell fails. A table ends the run
and `build/reports/notebooks.json` keeps it, or `notebooks-tensorflow.json` where the variable
KERAS_THEANO_ENGINE puts Part 1 on TensorFlow.

A kernel that does not answer is started anew, which nbval does not do by itself (`notebook.patiently`).

A notebook for a kernel other than the course's own is left out: `--nbval-current-env` would run it in
the wrong one. `test_classic_notebook.py` runs it in its own.
"""

import ast
import json
import os
import time
from pathlib import Path
from queue import Empty

import nbformat
import nbval.kernel
import pytest
from nbval.plugin import IPyNbCell

from tools import hygiene, notebook

ROOT = Path(__file__).resolve().parent.parent.parent
# What Part 1 has to run on, and the end of its report's name.
ENGINE = os.environ.get("KERAS_THEANO_ENGINE", "").strip().lower() or "theano"
# Lessons promise their time and memory for our engine as it is by default. The others compile each of
# the many small models of a lesson, keeps what it compiled, and may take so many times as much.
OURS = ENGINE == "theano" and not os.environ.get("KERAS_THEANO_MODE")
TIME, ROOM = (1, 1) if OURS else (2, 2.5)
REPORT = f"notebooks-{ENGINE}.json" if ENGINE != "theano" else "notebooks.json"
REPORTS = ROOT / "build" / "reports"

SECONDS, GIGABYTES = 150, 2.0
PROCESSOR_SECONDS = 200  # a lesson may take so many, in SECONDS by the clock of two cores
# The promise is for two quiet cores. Machines that test may be slower or shared: on one of them a
# lesson took 138 s that takes 100 at its authors'. So a test fails above a quarter more.
SLOWER = 1.25
# A widget's picture comes within 0.5 s on a quiet machine; beside other programs it may take longer.
PICTURE_SECONDS = 1.5
# What an issue promised of a lesson in particular, by the beginning of its file name.
SPECIAL = {"00-": (20, 2.0), "01-": (150, 1.5)}

QUESTIONS = {
    "processor": "sum(__import__('os').times()[:4])",  # the kernel's, and that of what it ran
    "memory": "__import__('utils.lesson').lesson.peak_memory()",
    "tensorflow": "'tensorflow' in __import__('sys').modules",
    "picture": "__import__('utils.widgets').widgets.slowest()",
    "engine": "(lambda keras: keras and keras.backend.backend())"
    "(__import__('sys').modules.get('keras'))",
}


def budget(path):
    """The seconds and gigabytes a notebook may take: a tuple `(seconds, gigabytes)`."""
    found = (promised for start, promised in SPECIAL.items() if path.name.startswith(start))
    seconds, gigabytes = next(found, (SECONDS, GIGABYTES))
    return TIME * seconds, ROOM * gigabytes


def faults(path, seconds, gigabytes, engine, tensorflow, picture=(0.0, "")):
    """What a notebook's run breaks of its budget and of its engine's rule: list of str."""
    most_seconds, most_gigabytes = budget(path)
    found = []
    if seconds > SLOWER * most_seconds:
        found.append(f"took {seconds:.0f} s; {most_seconds} s is the most, on two quiet cores")
    if gigabytes > most_gigabytes:
        found.append(f"held {gigabytes:.2f} GB; {most_gigabytes} GB is the most")
    if picture[0] > PICTURE_SECONDS:
        found.append(f"lets a learner wait {picture[0]:.1f} s for {picture[1]}")
    if path.parent.name == "part1" and engine != ENGINE:
        found.append(f"is a lesson of Part 1, and Keras ran on {engine} instead of {ENGINE}")
    if engine == "theano" and tensorflow:
        found.append("loaded TensorFlow, although Keras runs on Theano")
    return found


def taken(clock, processor, beside=False):
    """A notebook's seconds: by the clock or by its processors, whichever are fewer, since that other programs
    run beside it is no fault of its own; beside another notebook, what its processors' seconds would take alone.
    """
    return processor * SECONDS / PROCESSOR_SECONDS if beside else min(clock, processor)


def _ask(kernel):
    """The kernel's answers to QUESTIONS, as a dict of Python values."""
    message = kernel.kc.execute("", silent=True, user_expressions=QUESTIONS)
    while True:
        reply = kernel.kc.get_shell_msg(timeout=600)  # as long as a cell has
        if reply["parent_header"].get("msg_id") == message:
            break
    answers = {}
    for name, answer in reply["content"]["user_expressions"].items():
        if answer["status"] != "ok":
            raise RuntimeError(f"{name}: {answer['ename']}: {answer['evalue']}")
        answers[name] = ast.literal_eval(answer["data"]["text/plain"])
    return answers


class Watch:
    """Sums each notebook's seconds cell by cell and judges it at its last cell."""

    def __init__(self):
        self.last = {}  # path -> the notebook's last cell
        self.seconds = {}
        self.rows = []

    def pytest_collection_finish(self, session):
        for item in session.items:
            if isinstance(item, IPyNbCell):
                self.last[item.path] = item

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item):
        started = time.perf_counter()  # the first cell's set-up starts the kernel
        try:
            return (yield)
        finally:
            self.add(item, started)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        started = time.perf_counter()
        try:
            result = yield
        finally:
            self.add(item, started)
            found = self.judge(item) if self.last.get(item.path) is item else []
        if found:
            pytest.fail(f"{item.path.name} " + "; ".join(found), pytrace=False)
        return result

    def add(self, item, started):
        if isinstance(item, IPyNbCell):
            took = time.perf_counter() - started
            self.seconds[item.path] = self.seconds.get(item.path, 0.0) + took

    def judge(self, item):
        try:
            answers = _ask(item.parent.kernel)
        except (Empty, RuntimeError) as error:
            return [f"could not be asked for its memory, engine and widgets ({error!r})"]
        beside = getattr(item.config, "workerinput", {}).get("workercount", 1) > 1
        seconds = taken(self.seconds[item.path], answers["processor"], beside)
        gigabytes = answers["memory"] / 1e9
        self.rows.append(
            {
                "notebook": item.path.name,
                "seconds": round(seconds, 1),
                "processor_seconds": round(answers["processor"], 1),
                "gigabytes": round(gigabytes, 2),
                "engine": answers["engine"],
                "picture_seconds": round(answers["picture"][0], 2),
                "most_seconds": budget(item.path)[0],
                "most_gigabytes": budget(item.path)[1],
            }
        )
        return faults(
            item.path,
            seconds,
            gigabytes,
            answers["engine"],
            answers["tensorflow"],
            answers["picture"],
        )

    def pytest_sessionfinish(self, session):
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["notebooks"] = self.rows

    @pytest.hookimpl(optionalhook=True)  # pytest-xdist's
    def pytest_testnodedown(self, node, error):
        self.rows += getattr(node, "workeroutput", {}).get("notebooks", [])

    def pytest_terminal_summary(self, terminalreporter):
        if not self.rows:
            return
        self.rows.sort(key=lambda row: row["notebook"])
        terminalreporter.section("notebooks: seconds and peak memory")
        for row in self.rows:
            terminalreporter.write_line(
                "{notebook:40} {seconds:6.1f} s of {most_seconds} ({processor_seconds:5.1f} of processors)   "
                "{gigabytes:5.2f} GB of {most_gigabytes}   "
                "a widget's picture {picture_seconds:4.2f} s   {engine}".format(**row)
            )
        REPORTS.mkdir(parents=True, exist_ok=True)
        (REPORTS / REPORT).write_text(json.dumps(self.rows, indent=1) + "\n", encoding="utf-8")


def pytest_ignore_collect(collection_path):
    if collection_path.suffix != ".ipynb":
        return None
    return hygiene.kernel(nbformat.read(collection_path, as_version=4)) != "python3" or None


def pytest_configure(config):
    nbval.kernel.start_new_kernel = notebook.patiently(nbval.kernel.start_new_kernel)
    config.pluginmanager.register(Watch(), "notebook-watch")

"""pytest plugin, loaded into each process that runs Keras's own tests on the Theano engine.

It chooses the engine, stands in for the root ``conftest.py`` that the Keras wheel leaves out, and
writes what happens, one JSON object a line, as it happens: a test that kills or hangs its process
takes nothing with it but itself.
"""

import faulthandler
import importlib.util
import json
import sys
import types
import zlib
from pathlib import Path

import pytest
import scipy.stats  # noqa: F401 - before a package is stood in for, of which SciPy asks the classes
from exclusions import matcher

from keras_theano import hook  # before Keras, whose choice of engine it extends

# isort: split
from keras.src import backend

#: A collection that takes longer than this many seconds is taken to hang.
COLLECTION_SECONDS = 300
#: So is a process that does not end this long after its last test.
EXIT_SECONDS = 60
#: Large packages that test files import for a few of their tests.
_FOR_FEW_TESTS = ("grain", "torch")


def skip_if_backend(given_backend, reason):
    """Return the mark that Keras's tests import from their ``conftest``."""
    return pytest.mark.skipif(backend.backend() == given_backend, reason=reason)


def _provide_conftest():
    conftest = types.ModuleType("conftest")
    conftest.skip_if_backend = skip_if_backend
    sys.modules["conftest"] = conftest


_provide_conftest()
# One test file, like four modules of Keras, has a closed list of engines.
hook._BRANCHES["keras.src.trainers.trainer_test"] = "from keras_theano.src.trainer import Trainer"


class _Absent(types.ModuleType):
    """Stands for a package that is not installed: it can be imported, and not used."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise ModuleNotFoundError(f"No module named {self.__name__!r}", name=self.__name__)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Import a test file even where it imports what only a few of its tests need.

    Keras itself must not take these packages for present, so they are there for this import only.
    """
    if not isinstance(collector, pytest.Module):
        return (yield)
    absent = [name for name in _FOR_FEW_TESTS if importlib.util.find_spec(name) is None]
    sys.modules.update({name: _Absent(name) for name in absent})
    try:
        return (yield)
    finally:
        for name in absent:
            del sys.modules[name]


def chosen(name, one_in):
    """Tell whether a test is among the one in so many that a subset runs: always the same ones."""
    return zlib.crc32(name.encode()) % one_in == 0


def pytest_addoption(parser):
    group = parser.getgroup("conformance")
    group.addoption("--conformance-source", help="folder that test names are relative to")
    group.addoption("--conformance-record", help="file the outcomes go to")
    group.addoption("--conformance-leave-out", help="JSON file: patterns of tests not to run")
    group.addoption("--conformance-one-in", type=int, help="run one test of so many")
    group.addoption("--conformance-seconds", type=float, help="limit for one test")


def pytest_configure(config):
    config.pluginmanager.register(_Recorder(config), "conformance-recorder")


class _Recorder:
    def __init__(self, config):
        option = config.option
        source = Path(option.conformance_source)
        self._prefix = source.relative_to(config.rootpath).as_posix() + "/"
        self._record = Path(option.conformance_record)
        self._left_out = matcher(json.loads(Path(option.conformance_leave_out).read_text()))
        self._one_in = option.conformance_one_in
        self._seconds = option.conformance_seconds
        self._reports = {}

    def _name(self, nodeid):
        return nodeid.removeprefix(self._prefix)

    def _write(self, **event):
        with self._record.open("a") as file:
            file.write(json.dumps(event) + "\n")

    def pytest_collection(self):
        faulthandler.dump_traceback_later(COLLECTION_SECONDS, exit=True)

    def pytest_collectreport(self, report):
        if report.outcome != "passed":
            self._write(
                event="outcome",
                name=self._name(report.nodeid),
                outcome=report.outcome,
                seconds=0.0,
                message=_last_line(report),
            )

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        names = [self._name(item.nodeid) for item in items]
        self._write(event="collected", names=names)
        run, leave = [], []
        for name, item in zip(names, items, strict=True):
            wanted = chosen(name, self._one_in) and not self._left_out(name)
            (run if wanted else leave).append(item)
        config.hook.pytest_deselected(items=leave)
        items[:] = run

    def pytest_runtest_logstart(self, nodeid):
        self._reports[nodeid] = []
        self._write(event="start", name=self._name(nodeid))
        faulthandler.dump_traceback_later(self._seconds, exit=True)

    def pytest_runtest_logreport(self, report):
        self._reports[report.nodeid].append(report)

    def pytest_runtest_logfinish(self, nodeid):
        faulthandler.cancel_dump_traceback_later()
        reports = self._reports.pop(nodeid)
        failed = next((report for report in reports if report.failed), None)
        skipped = next((report for report in reports if report.skipped), None)
        told = failed or skipped
        self._write(
            event="outcome",
            name=self._name(nodeid),
            outcome="failed" if failed else "skipped" if skipped else "passed",
            seconds=round(sum(report.duration for report in reports), 3),
            message=_last_line(told) if told else "",
        )

    def pytest_sessionfinish(self):
        self._write(event="finished")
        faulthandler.dump_traceback_later(EXIT_SECONDS, exit=True)


def _last_line(report):
    """Return the reason of a skip, or the error that a traceback ends with, in one line."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or [""])[0 if crash else -1][:300]

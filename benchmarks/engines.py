"""The engines that are compared, and how a process is started on each."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tools import build_environment, classic

ROOT = Path(__file__).resolve().parent.parent


class Failed(Exception):
    """A measurement's process ended without a result; the message has the end of its output."""


@dataclass(frozen=True)
class Engine:
    """A Python, and the variables that make it use one engine."""

    name: str
    title: str
    python: str
    variables: dict[str, str]
    #: How often it is measured at most: some take a minute or more to compile.
    rounds: int | None = None

    def measure(
        self, net: str, batch: int, steps: int, epochs: int, busy: int = 0
    ) -> dict[str, float]:
        """Train a net in a process of its own; see `benchmarks.child` for what comes back.

        Raises:
            Failed: The process failed.
        """
        arguments = [net, str(batch), str(steps), str(epochs), str(busy)]
        done = subprocess.run(
            [self.python, "-m", "benchmarks.child", repr(time.time()), *arguments],
            cwd=ROOT,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
            raise Failed(f"{self.title}, {net}:\n{tail}")
        return json.loads(done.stdout.strip().splitlines()[-1])


def available(names: list[str]) -> tuple[list[Engine], dict[str, str]]:
    """Return the engines of these names that can run here, and why the others cannot."""
    found, missing = [], {}
    for name in names:
        try:
            found.append(ENGINES[name]())
        except build_environment.Refusal as reason:
            missing[name] = str(reason)
    return found, missing


def _today(name: str, title: str, rounds: int | None = None, **variables: str) -> Engine:
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "KERAS_HOME")}
    settings = {"KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    return Engine(name, title, sys.executable, {**kept, **settings}, rounds)


def _mode(mode: str, title: str, rounds: int | None = None, **variables: str) -> Engine:
    engine = _today("theano", title, rounds, KERAS_THEANO_MODE=mode, **variables)
    return replace(engine, name=f"theano-{mode}")


def _with_jax() -> dict[str, str]:
    folder = build_environment.TEST_PACKAGES
    if not (folder / "jax").is_dir():
        raise build_environment.Refusal("JAX is not in .testdeps; `make test` puts it there.")
    # At the end of the path would do, but a variable can only put it in front.
    return {"PYTHONPATH": str(folder), "JAX_PLATFORMS": "cpu"}


def _with_compiler() -> dict[str, str]:
    if shutil.which("g++") is None:
        raise build_environment.Refusal("The C mode needs the compiler g++.")
    return {}


def _classic() -> Engine:
    python = classic.ensure()
    return Engine("classic", "Keras 2.3.1 on Theano 1.0.5", str(python), classic.environment())


ENGINES = {
    "theano": lambda: _today("theano", "this engine", KERAS_THEANO_MODE="vm"),
    "theano-numpy": lambda: replace(
        _today("theano", "this engine, no oneDNN", KERAS_THEANO_MODE="vm", KERAS_THEANO_ONEDNN="0"),
        name="theano-numpy",
    ),
    "theano-jax": lambda: _mode("jax", "this engine, JAX mode", **_with_jax()),
    "theano-numba": lambda: _mode("numba", "this engine, Numba mode", rounds=1),
    "theano-c": lambda: _mode("c", "this engine, C mode", rounds=1, **_with_compiler()),
    "tensorflow": lambda: _today("tensorflow", "Keras 3 on TensorFlow"),
    "jax": lambda: _today("jax", "Keras 3 on JAX", **_with_jax()),
    "classic": _classic,
}

"""SciPy's optimizers over a tensor: make a loss small by changing a picture, not weights.

    found = minimise(loss, picture, evaluations=150)
    found.x, found.history["loss"]

SciPy's own defaults end too early for pictures: they look at the size of slopes, and those of a mean
over 100,000 pixels are tiny however far away the minimum is. Here the budget alone ends it. And SciPy
runs on one thread of its linear algebra: its vectors are so short for two that both wait for one another.
"""

import json
import math
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.optimize
import tensorflow as tf
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

__all__ = ["Minimum", "minimise"]

# Only a slope of exactly 0, or a step that gains nothing at all, is the end before the budget is.
OPTIONS = {"L-BFGS-B": {"ftol": 0.0, "gtol": 0.0}, "CG": {"gtol": 0.0}}
SAME = 1e-3  # relative; by how much the loss at the start may differ from the one in a checkpoint


@dataclass(frozen=True)
class Minimum:
    """What `minimise` found.

    Attributes:
        x: array of the start's shape and type, of all that were tried the one with the least loss.
        loss: float, the loss there.
        history: name -> list of float, one for each evaluation: `"loss"`, and the parts that the loss
            function returned. (A step that SciPy tried and took back is in it too.)
        snapshots: list of `(evaluations so far, the best x so far)`, in order.
        evaluations: int, how often the loss was computed.
        message: str, why it ended.
    """

    x: np.ndarray
    loss: float
    history: dict[str, list[float]]
    snapshots: list[tuple[int, np.ndarray]]
    evaluations: int
    message: str


def minimise(
    loss: Callable,
    start: npt.ArrayLike,
    *,
    evaluations: int = 200,
    bounds: tuple[float, float] | None = None,
    method: str = "L-BFGS-B",
    snapshots: int = 0,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> Minimum:
    """Minimise a function of one tensor by an optimizer of SciPy.

        >>> to_a_third = lambda x: tf.reduce_mean((3 * x - 1) ** 2)
        >>> print(minimise(to_a_third, np.zeros(2), progress=False).x)
        [0.33333333 0.33333333]

    With `checkpoint` it can be stopped at any moment, even killed: the same call goes on from there, also
    with more evaluations, and finds what it would have found, to the bit as far as TensorFlow
    computes the same twice. SciPy keeps what it remembers to itself, so the file holds all that SciPy was
    told, one gradient for each evaluation (4 bytes a number), and SciPy is told it again.

    Source: R. Byrd, P. Lu, J. Nocedal and C. Zhu, "A limited memory algorithm for bound constrained
    optimization", 1995, and J. Nocedal and S. Wright, "Numerical optimization", for "CG"; both by
    `scipy.optimize.minimize`, and tested against it.

    Args:
        loss: takes a tensor of the start's shape and type; returns a scalar, or `(scalar, parts)` with a
            dict of scalars that go to the history. It is traced once, as a `tf.function`.
        start: array or tensor of float32 or float64, of any shape. SciPy counts in float64 in any case.
        evaluations: how often loss and gradient may be computed.
        bounds: `(low, high)` for every number of x; with "L-BFGS-B" only.
        method: "L-BFGS-B" (remembers the last ten steps, and guesses the curvature from them) or "CG"
            (conjugate gradients, remembers one).
        snapshots: how many times to keep the best x so far, evenly spaced over the budget.
        checkpoint: file to write to and to resume from. It belongs to one loss, start, method and bounds.
        progress: whether to show a bar.

    Returns:
        A `Minimum`, whose `x` is the best that was tried.

    Raises:
        FloatingPointError: the loss or its gradient is infinite or NaN.
        TypeError: a start that is not of floating point, or a loss that leaves TensorFlow for NumPy.
        ValueError: a start that is not finite or lies outside of the bounds; a loss that is no scalar or does
            not depend on x; an unknown method; numbers that make no sense; a checkpoint of something else.
    """
    start = _start(start, bounds)
    _check_arguments(evaluations, bounds, method, snapshots)
    run = _Run(_evaluator(loss, start), start, evaluations, snapshots, checkpoint)
    with tqdm(total=evaluations, unit="evaluation", disable=not progress) as run.bar:
        try:
            with threadpool_limits(1, "blas"):
                ended = scipy.optimize.minimize(
                    run,
                    start.ravel().astype("float64"),
                    jac=True,
                    method=method,
                    bounds=None if bounds is None else scipy.optimize.Bounds(*bounds),
                    options=OPTIONS[method] | {"maxiter": evaluations + 1},
                )
            message = f"SciPy ended it: {ended.message}"
        except _Spent:
            message = f"All {evaluations} evaluations are spent."
        finally:
            run.close()
    return Minimum(run.shaped(run.best), run.least, run.history, run.kept, run.count, message)


class _Spent(Exception):
    """The budget is used up. (SciPy's own limit is looked at between steps only.)"""


class _Run:
    """What SciPy calls: loss and gradient at a float64 vector, counted, kept, and shown."""

    def __init__(self, evaluate, start, evaluations, snapshots, checkpoint):
        self.evaluate, self.start, self.evaluations = evaluate, start, evaluations
        self.history, self.kept, self.count = {}, [], 0
        self.best, self.least = None, math.inf
        self.keep_at = {round(evaluations * n / snapshots) for n in range(1, snapshots + 1)}
        self.record = checkpoint and _Record(Path(checkpoint), evaluate, start)

    def __call__(self, x):
        if self.count == self.evaluations:
            raise _Spent
        told = self.record and self.record.read(x)
        values, gradient = told or self.evaluate(self.shaped(x))
        self.count += 1
        if self.record and not told:
            self.record.add(x, values, gradient)
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)
        if values["loss"] < self.least:
            self.best, self.least = x.copy(), values["loss"]
        if self.count in self.keep_at:
            self.kept.append((self.count, self.shaped(self.best)))
        self.bar.set_postfix({n: f"{value:.4g}" for n, value in values.items()}, refresh=False)
        self.bar.update()
        return values["loss"], gradient.ravel().astype("float64")

    def shaped(self, x):
        return x.astype(self.start.dtype).reshape(self.start.shape)

    def close(self):
        if self.record:
            self.record.file.close()


def _evaluator(loss, start):
    """A function: array -> (dict of floats, array, the gradient), and its complaints in words."""

    @tf.function(input_signature=[tf.TensorSpec(start.shape, start.dtype)])
    def slopes(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            returned = loss(x)
            total, parts = returned if isinstance(returned, tuple) else (returned, {})
            total = tf.convert_to_tensor(total)
        if total.shape.rank != 0:
            raise ValueError(
                f"The loss has the shape {tuple(total.shape)}, but has to be one number: take its mean or sum."
            )
        gradient = tape.gradient(total, x) if total.dtype.is_floating else None
        return {"loss": total, **parts}, gradient

    def evaluate(x):
        try:
            values, gradient = slopes(x)
        except NotImplementedError as error:
            raise TypeError(
                "The loss hands a tensor to NumPy, through which no gradient passes: use TensorFlow's or "
                f"keras.ops's functions instead. ({str(error).strip().splitlines()[-1].strip()})"
            ) from error
        if gradient is None:
            raise ValueError(
                "The loss does not depend on x by anything that has a gradient (whole numbers, rounding and "
                "argmax have none; nor has what was computed before, outside of the loss function)."
            )
        values = {name: float(value) for name, value in values.items()}
        gradient = tf.convert_to_tensor(gradient).numpy()
        if not math.isfinite(values["loss"]) or not np.isfinite(gradient).all():
            raise FloatingPointError(
                f"The loss is {values['loss']:g} and {np.mean(~np.isfinite(gradient)):.0%} of its slopes are "
                "infinite or not a number. Is there a root, a logarithm or a division of 0 in it?"
            )
        return values, gradient

    return evaluate


class _Record:
    """The checkpoint's file: a line that says what it is, then for each evaluation a record.

    A record is what SciPy asked (its checksum), and what it was told. One that was not written to its
    end, because the process was killed meanwhile, is cut off.
    """

    def __init__(self, path, evaluate, start):
        values, _ = evaluate(start)
        head = {"values": list(values), "dtype": str(start.dtype), "shape": list(start.shape)}
        line = json.dumps(head).encode() + b"\n"
        self.path = path
        self.dtype = np.dtype(
            [
                ("asked", "u4"),
                ("values", "f8", len(values)),
                ("gradient", start.dtype, start.shape),
            ]
        )
        self.names = list(values)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(path, "a+b")  # noqa: SIM115 (open for the whole run)
        self.file.seek(0)
        found = self.file.readline()
        if line.startswith(found) and found != line:  # empty, or killed within its first line
            self.file.truncate(0)
            self.file.write(line)
        elif found != line:
            self.refuse(f"holds {found.decode(errors='replace').strip()[:200]}")
        whole = (os.path.getsize(path) - len(line)) // self.dtype.itemsize
        self.file.truncate(len(line) + max(whole, 0) * self.dtype.itemsize)
        self.file.seek(len(line))
        self.first = values["loss"]

    def read(self, x):
        """What SciPy was told when it asked for the loss at `x` in this place; None at the end."""
        data = self.file.read(self.dtype.itemsize)
        if not data:
            return None
        record = np.frombuffer(data, self.dtype)[0]
        values = dict(zip(self.names, map(float, record["values"]), strict=True))
        first, self.first = self.first, None
        if first is not None and not math.isclose(first, values["loss"], rel_tol=SAME):
            self.refuse(f"began with a loss of {values['loss']:g}, and this one is {first:g}")
        if record["asked"] != _checksum(x):
            self.refuse("went another way")
        return values, record["gradient"]

    def add(self, x, values, gradient):
        record = np.zeros((), self.dtype)
        record["asked"], record["gradient"] = _checksum(x), gradient
        record["values"] = list(values.values())
        self.file.write(record.tobytes())
        self.file.flush()

    def refuse(self, why):
        self.file.close()
        raise ValueError(
            f"The checkpoint {self.path} is of another loss, start, method, bounds or version: it {why}. "
            "Choose another file, or delete this one to begin again."
        )


def _checksum(x):
    return zlib.crc32(np.ascontiguousarray(x))


def _start(start, bounds):
    start = np.array(start)
    if start.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"The start is of {start.dtype}, whose values cannot move a little: hand in floats, for example "
            'picture.astype("float32").'
        )
    if not np.isfinite(start).all():
        raise ValueError("The start has values that are infinite or not a number (NaN).")
    if (
        bounds is not None
        and start.size
        and not (bounds[0] <= start.min() <= start.max() <= bounds[1])
    ):
        raise ValueError(
            f"The start goes from {start.min():g} to {start.max():g}, outside of the bounds {bounds}: clip it."
        )
    return start


def _check_arguments(evaluations, bounds, method, snapshots):
    if method not in OPTIONS:
        raise ValueError(f"method is one of {', '.join(OPTIONS)}, not {method!r}.")
    if bounds is not None and method != "L-BFGS-B":
        raise ValueError(f"{method} knows no bounds; L-BFGS-B does.")
    if not isinstance(evaluations, int) or evaluations < 1:
        raise ValueError(f"evaluations has to be a whole number of 1 or more, not {evaluations!r}.")
    if not isinstance(snapshots, int) or not 0 <= snapshots <= evaluations:
        raise ValueError(
            f"snapshots has to be a whole number from 0 to {evaluations}, not {snapshots!r}."
        )

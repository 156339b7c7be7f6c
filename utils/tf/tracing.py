"""Counts how often a `tf.function` is traced, and names the argument that made it trace again.

    @count_traces
    @tf.function
    def step(images, rate): ...

    step(images, 0.1)
    step(images, 0.01)
    print(step.report())

    step: 2 of 2 calls traced
      call 1: the first
      call 2: rate: Python value 0.1 before, 0.01 now; a tensor would not trace again

A trace runs the Python code to build a graph, which can take a thousand times as long as running the
graph. TensorFlow warns of it only once five of the last six calls did so.
"""

from __future__ import annotations

import enum
import functools
import inspect
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

__all__ = ["Change", "CountedFunction", "RetraceError", "Trace", "count_traces"]

# Python values that count as the same if they are equal; other objects have to be the very same.
PLAIN = (int, float, complex, str, bytes, type(None), enum.Enum, tf.DType, tf.TensorShape)
ADVICE = {
    "shape": "; cut or pad to one size, or tf.function(reduce_retracing=True)",
    "dtype": "; convert it with tf.cast before the call",
    "number": "; a tensor would not trace again",
}


class RetraceError(RuntimeError):
    """A function was traced by more calls than it may be."""


@dataclass(frozen=True)
class Change:
    """One reason to trace again.

    Attributes:
        argument: str, such as `"images"`, or `"batch['x'][0]"` inside a dict or list.
        kind: what of it changed: `"shape"`, `"dtype"`, `"number"` or `"value"` (of Python),
            `"object"` (another one), `"items"` (of a list, tuple or dict) or `"type"`.
        before, now: str, what it was in the most similar earlier call that traced, and what it is.
    """

    argument: str
    kind: str
    before: str
    now: str

    def __str__(self):
        if self.kind == "object":
            return f"{self.argument}: {self.before} before, another one now"
        what = "Python value" if self.kind in ("number", "value") else self.kind
        advice = ADVICE.get(self.kind, "")
        return f"{self.argument}: {what} {self.before} before, {self.now} now{advice}"


@dataclass(frozen=True)
class Trace:
    """A call that traced.

    Attributes:
        call: int, which call it was, counted from 1.
        times: int, how often it traced; 2 where the function makes variables in its first call.
        changes: tuple of `Change`; empty for the first, and where no argument changed.
    """

    call: int
    times: int
    changes: tuple[Change, ...]

    def __str__(self):
        if self.call == 1:
            why = "the first" + (", traced twice to make its variables" * (self.times > 1))
        elif self.changes:
            why = "; ".join(map(str, self.changes))
        else:
            why = "no argument changed, but what surrounds the call, such as device or strategy"
        return f"call {self.call}: {why}"


def count_traces(
    function: Callable | None = None, *, limit: int | None = None, **options: Any
) -> CountedFunction | Callable[[Callable], CountedFunction]:
    """Wrap a function so that its traces are counted and explained; also a decorator.

    >>> @count_traces
    ... def double(x):
    ...     return 2 * x
    >>> results = [double(x) for x in (1, 2, tf.constant(3), tf.constant(4))]
    >>> print(double.report())
    double: 3 of 4 calls traced
      call 1: the first
      call 2: x: Python value 1 before, 2 now; a tensor would not trace again
      call 3: x: type Python value before, tensor now

    Source: TensorFlow's guide "Better performance with tf.function", tensorflow.org/guide/function, the rules
    of tracing.

    Args:
        function: a `tf.function`, or a Python function, which becomes one; in a class, a method.
        limit: how many calls may trace; None for any number.
        **options: for `tf.function`, if a Python function was given.

    Returns:
        `CountedFunction`, called as the function is.

    Raises:
        TypeError: no function, or options for what is a `tf.function` already.
        ValueError: a limit below 1.
        RetraceError: on a call of the wrapped function, if more calls than `limit` traced.
    """
    if function is None:
        return functools.partial(count_traces, limit=limit, **options)
    if limit is not None and limit < 1:
        raise ValueError(f"The first call always traces; limit={limit!r} would forbid it.")
    if not callable(function):
        raise TypeError(f"count_traces wants a function, not {type(function).__name__}.")
    if not isinstance(function, tf.types.experimental.PolymorphicFunction):
        function = tf.function(function, **options)
    elif options:
        raise TypeError(f"It is a tf.function already: give {', '.join(options)} to tf.function.")
    return CountedFunction(function, limit)


class CountedFunction:
    """A `tf.function` that knows which of its calls traced, and why; made by `count_traces`.

    Attributes:
        function: the `tf.function` itself.
        calls: int, how often it was called.
        traces: list of `Trace`, in order.
    """

    def __init__(self, function: Callable, limit: int | None = None):
        self.function = function
        self.limit = limit
        self.calls = 0
        self.traces = []
        self._seen = []  # what the arguments of each call in `traces` were
        functools.update_wrapper(self, function.python_function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function.

        Raises:
            RetraceError: more calls than `limit` traced; this one was carried out all the same.
        """
        before = self.function.experimental_get_tracing_count()
        result = self.function(*args, **kwargs)
        self.calls += 1
        times = self.function.experimental_get_tracing_count() - before
        if times:
            self._record(times, args, kwargs)
        return result

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        # Each instance's method has traces of its own; found in its __dict__ from now on.
        bound = CountedFunction(self.function.__get__(instance, owner), self.limit)
        return instance.__dict__.setdefault(self.__name__, bound)

    @property
    def count(self) -> int:
        """How many calls traced."""
        return len(self.traces)

    def report(self) -> str:
        """Which calls traced and why, one line each."""
        lines = [f"{self.__name__}: {self.count} of {self.calls} calls traced"]
        return "\n  ".join([*lines, *map(str, self.traces)])

    def _record(self, times, args, kwargs):
        bound = inspect.signature(self.function.python_function).bind(*args, **kwargs)
        bound.apply_defaults()
        seen = {}
        for name, value in bound.arguments.items():
            _describe(name, value, seen)
        # Of equally similar calls the latest.
        changes = [_changes(other, seen) for other in reversed(self._seen)]
        nearest = min(changes, key=len, default=[])
        self._seen.append(seen)
        self.traces.append(Trace(self.calls, times, tuple(nearest)))
        if self.limit is not None and self.count > self.limit:
            raise RetraceError(f"More than {self.limit} calls traced. {self.report()}")


@dataclass(frozen=True)
class _Leaf:
    """What `tf.function` looks at in an argument: its type, and facts by kind."""

    type: str
    facts: dict

    def changes(self, name, now):
        """What differs in `now`, the same argument of another call: list of `Change`."""
        if self.type != now.type:
            return [Change(name, "type", self.type, now.type)]
        return [
            Change(name, now.kind(kind), _shown(before), _shown(now.facts[kind]))
            for kind, before in self.facts.items()
            if not _same(before, now.facts[kind])
        ]

    def kind(self, kind):
        is_number = kind == "value" and isinstance(self.facts[kind], int | float | complex)
        return "number" if is_number and not isinstance(self.facts[kind], bool) else kind


def _describe(name, value, seen):
    """Put into `seen` a `_Leaf` for a value and, with names of their own, for all it contains."""
    if isinstance(value, Mapping):
        seen[name] = _Leaf(type(value).__name__, {"items": tuple(value)})
        for key, item in value.items():
            _describe(f"{name}[{key!r}]", item, seen)
    elif isinstance(value, list | tuple):
        seen[name] = _Leaf(type(value).__name__, {"items": len(value)})
        for place, item in enumerate(value):
            _describe(f"{name}[{place}]", item, seen)
    else:
        seen[name] = _leaf(value)


def _leaf(value):
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        kinds = {tf.Tensor: "tensor", np.ndarray: "tensor", np.generic: "tensor"}
        kinds[tf.Variable] = "tf.Variable"
        name = next((n for k, n in kinds.items() if isinstance(value, k)), type(value).__name__)
        shape = tf.TensorShape(value.shape)
        shape = "unknown" if shape.rank is None else tuple(shape)
        return _Leaf(name, {"dtype": tf.as_dtype(value.dtype), "shape": shape})
    if isinstance(value, PLAIN):
        return _Leaf("Python value", {"value": value})
    try:  # TensorFlow keeps no object alive either; once it is gone, its trace is of no use
        reference = weakref.ref(value)
    except TypeError:
        reference = lambda: value
    return _Leaf(type(value).__name__, {"object": reference})


def _same(before, now):
    if callable(before) and callable(now):
        return before() is now()
    return before == now


def _shown(fact):
    if isinstance(fact, tuple):
        return "(" + ", ".join("?" if size is None else str(size) for size in fact) + ")"
    if callable(fact):
        return "one that is gone" if fact() is None else f"a {type(fact()).__name__}"
    return fact.name if isinstance(fact, tf.DType) else repr(fact)


def _changes(before, now):
    """What differs between the arguments of two calls: list of `Change`."""
    found, other_items = [], []
    for name, leaf in before.items():
        # Where a list has other items than before, they are not compared one by one.
        if name in now and not name.startswith(tuple(other_items)):
            changes = leaf.changes(name, now[name])
            found += changes
            other_items += [name + "[" for c in changes if c.kind in ("items", "type")]
    return found

"""Compares gradients with finite differences, in double precision.

    print(check_gradients(my_function, x, w))

Worth its second for every `tf.custom_gradient`: a wrong one does not fail, it only learns badly.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

__all__ = ["GradientError", "GradientReport", "check_gradients"]

# Halfway between rounding (grows with 1/step) and the curvature left out (with step squared).
STEP = np.finfo("float64").eps ** (1 / 3)


class GradientError(AssertionError):
    """A gradient is not the slope that finite differences find."""


@dataclass(frozen=True)
class GradientReport:
    """How a gradient compares with finite differences in one or more inputs.

    Attributes:
        lines: tuple of str, one for each input.
        largest: float, the largest difference found, relative to the largest slope in its input.
        checked: int, how many elements were compared.
        wrong: int, how many of them differ by more than the tolerance.
    """

    lines: tuple[str, ...]
    largest: float
    checked: int
    wrong: int

    def __str__(self):
        return "\n".join(self.lines)


def check_gradients(
    function: Callable,
    *inputs: npt.ArrayLike,
    variables: Iterable[tf.Variable] = (),
    tolerance: float = 1e-6,
    elements: int = 100,
    seed: int = 0,
) -> GradientReport:
    """Compare the gradients that TensorFlow computes with central differences.

    >>> check_gradients(lambda x: x**3, [1.0, 2.0]).wrong
    0

    The outputs are summed with random weights first, so that a custom gradient that ignores what comes
    from above is found too. Every input of floating point is converted to float64; the function has to
    compute in the type of its inputs.

    Source: W. Press et al., "Numerical recipes", the section on numerical derivatives, for how far to step.

    Args:
        function: takes `inputs` as tensors, returns a float tensor of any shape or a list, tuple or
            dict of them; the same for the same inputs.
        *inputs: arrays or tensors of any shape. Gradients are checked for those of floating point;
            the others, such as class numbers, are handed on as they are.
        variables: `tf.Variable`s of float64 that the function uses, such as a layer's weights,
            checked too (Keras's variables as well); they have their values back afterwards.
        tolerance: the largest difference allowed, relative to the larger of the two slopes.
        elements: how many elements of each input are checked, chosen by `seed` if there are more.
        seed: for the weights of the outputs and the choice of elements.

    Returns:
        The report, if all agree.

    Raises:
        GradientError: a slope differs, or the gradient is None where the output changes. The message
            has the place and both numbers of the worst; at a kink or jump it says so.
        ValueError: nothing to check; a function that gives another result for the same inputs, none
            in float64, or one that is not finite.
        TypeError: complex inputs, or variables that are not of float64.
    """
    inputs = [_as_double(value, place) for place, value in enumerate(inputs, 1)]
    variables = [_as_variable(variable) for variable in variables]
    tested = [(f"input {n}", x) for n, x in enumerate(inputs, 1) if x.dtype == tf.float64]
    tested += [(variable.name, variable) for variable in variables]
    if not any(tf.size(x) for _, x in tested):
        raise ValueError("There is nothing to check: no input of floating point, and no variable.")
    random = np.random.default_rng(seed)
    weighted_sum = _WeightedSum(function, inputs, random)
    gradients = weighted_sum.gradients([x for _, x in tested])
    lines, errors, checked, wrong = [], [], 0, 0
    for (name, x), gradient in zip(tested, gradients, strict=True):
        places = random.permutation(int(tf.size(x)))[:elements]
        slopes = [_slope(weighted_sum, x, place, gradient) for place in sorted(places)]
        bad = [s for s in slopes if s.apart > tolerance * s.size + s.noise]
        largest = max((s.size for s in slopes), default=0.0) or 1.0
        error = max((s.apart for s in slopes), default=0.0) / largest
        checked, wrong, errors = checked + len(slopes), wrong + len(bad), [*errors, error]
        verdict = _worst(bad, gradient) if bad else f"largest difference {error:.1e}"
        lines.append(
            f"{name}, shape {tuple(x.shape)}: {len(slopes)} of {tf.size(x)} slopes checked, {verdict}"
        )
    report = GradientReport(tuple(lines), max(errors), checked, wrong)
    if wrong:
        raise GradientError(f"{wrong} of {checked} slopes are wrong.\n{report}")
    return report


@dataclass(frozen=True)
class _Slope:
    """One element's slope, by TensorFlow (`found`) and by differences (`expected`)."""

    place: tuple[int, ...]
    found: float
    left: float
    right: float
    noise: float  # how far rounding alone may part the two

    @property
    def expected(self):
        return (self.left + self.right) / 2

    @property
    def size(self):
        return max(abs(self.found), abs(self.expected))

    @property
    def apart(self):
        return abs(self.found - self.expected)


def _slope(weighted_sum, x, place, gradient):
    """Nudge the element number `place` of an input or variable down and up."""
    before = np.array(x.numpy())  # of a scalar, numpy() gives no array
    step = STEP * max(1.0, abs(before.flat[place])) ** 0.5  # large numbers are coarser
    values = []
    for nudge in (-step, 0.0, step):
        nudged = before.copy()
        nudged.flat[place] += nudge
        values.append(weighted_sum(x, nudged))
    low, middle, high = values
    return _Slope(
        tuple(int(i) for i in np.unravel_index(place, before.shape)),
        0.0 if gradient is None else float(gradient.flat[place]),
        (middle - low) / step,
        (high - middle) / step,
        100 * np.finfo("float64").eps * max(1.0, weighted_sum.scale) / step,
    )


def _worst(bad, gradient):
    """Where the slope is most wrong, and what it is."""
    worst = max(bad, key=lambda slope: slope.apart)
    at = f"at {list(worst.place)}" if worst.place else "there"
    found = "None, which means 0," if gradient is None else f"{worst.found:.6g}"
    text = f"{len(bad)} wrong; {at} the gradient is {found} and the slope {worst.expected:.6g}"
    if abs(worst.right - worst.left) > 0.01 * max(abs(worst.left), abs(worst.right)):
        text += (
            f" ({worst.left:.6g} to the left, {worst.right:.6g} to the right: the function may have "
            "a kink or a jump here, where no gradient is right; try other inputs)"
        )
    return text


class _WeightedSum:
    """The function with all its outputs summed to one number, with fixed random weights."""

    def __init__(self, function, inputs, random):
        self.function, self.inputs = function, inputs
        outputs = self.outputs()
        self.weights = [tf.constant(random.normal(size=y.shape)) for y in outputs]
        first, second = float(self.total(outputs)), float(self.total(self.outputs()))
        if not np.isfinite(first):
            raise ValueError(f"The function's result is not finite for these inputs: {first}.")
        if first != second:
            raise ValueError(
                "The function gives another result when called again with the same inputs: fix its "
                "seed, or switch off what is random in it (dropout: training=False)."
            )
        pairs = zip(self.weights, outputs, strict=True)
        self.scale = float(sum(tf.reduce_sum(tf.abs(w * y)) for w, y in pairs))

    def outputs(self):
        outputs = tf.nest.flatten(self.function(*self.inputs))
        for y in outputs:
            if getattr(y, "dtype", None) != tf.float64:
                kind = y.dtype.name if hasattr(y, "dtype") else type(y).__name__
                raise ValueError(
                    f"The function was given float64 and returned {kind}: it has to compute in the "
                    "type of its inputs. A Keras layer does so when made with dtype='float64'."
                )
        return outputs

    def total(self, outputs):
        return tf.add_n([tf.reduce_sum(w * y) for w, y in zip(self.weights, outputs, strict=True)])

    def gradients(self, sources):
        """A float64 array for each of `sources`, or None."""
        with tf.GradientTape() as tape:
            for source in sources:
                tape.watch(source)
            total = self.total(self.outputs())
        found = tape.gradient(total, sources)
        return [None if g is None else tf.convert_to_tensor(g).numpy() for g in found]

    def __call__(self, x, value):
        """The sum with the input or variable `x` at another value, for this call only."""
        if isinstance(x, tf.Variable):
            before = x.numpy()
            x.assign(value)
            try:
                return float(self.total(self.outputs()))
            finally:
                x.assign(before)
        inputs = self.inputs
        self.inputs = [tf.constant(value) if other is x else other for other in inputs]
        try:
            return float(self.total(self.outputs()))
        finally:
            self.inputs = inputs


def _as_double(value, place):
    tensor = tf.convert_to_tensor(value)
    if tensor.dtype.is_complex:
        raise TypeError(f"Input {place} is complex; only real slopes can be checked.")
    return tf.cast(tensor, tf.float64) if tensor.dtype.is_floating else tensor


def _as_variable(variable):
    variable = variable if isinstance(variable, tf.Variable) else variable.value
    if variable.dtype != tf.float64:
        raise TypeError(
            f"The variable {variable.name} is of {variable.dtype.name}, too coarse for differences: "
            "make it of float64 (a Keras layer: dtype='float64')."
        )
    return variable

"""Tests of what a function must not see: its outputs for inputs that differ only in that."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

__all__ = ["twins"]


def twins(
    function: Callable,
    inputs: object,
    change: Callable,
    outputs: Callable | None = None,
    tolerance: float = 1e-6,
) -> float:
    """Check that a change of the inputs does not move the outputs: longer padding, another future, ...

        def poke(words):          # another fifth word ...
            words[:, 4] = 7
            return words

        twins(lambda words: decoder(words)[:, :4], words, poke)   # ... must not reach the first four

    With `outputs`, the outputs must move along, and in no other way: self-attention without positions
    gives its rows in another order if its input has another.

    >>> rows, order = np.arange(6.0).reshape(3, 2), [2, 0, 1]
    >>> twins(lambda x: x.max(axis=0), rows, lambda x: x[order])
    0.0
    >>> twins(lambda x: 2 * x, rows, lambda x: x[order], outputs=lambda y: y[order])
    0.0
    >>> twins(lambda x: x[0], rows, lambda x: x[order])
    Traceback (most recent call last):
    AssertionError: The change moves 2 of 2 outputs, most at [0], from 0 to 4.

    Source: T. Chen, S. Cheung and S. Yiu, "Metamorphic testing: a new approach for generating next test
    cases", 1998.

    Args:
        function: takes `inputs`, returns an array or tensor, or a list, tuple or dict of them. Where only
            a part of what a model returns must stay, it takes that part.
        inputs: array or tensor, or a structure of them; arrays are copied, and may be changed in place.
        change: takes the inputs and returns the changed ones.
        outputs: takes what the function returns for `inputs`, as NumPy arrays, and returns what it must
            return for the changed ones; None: the same.
        tolerance: how far numbers may move, times the largest of them, if that is above 1.

    Returns:
        How far the outputs have moved at most, if that is within the tolerance.

    Raises:
        AssertionError: they have moved; the message says how many, and where most.
        ValueError: the test would prove nothing: a change that changes nothing, no outputs, NaN among
            them, or a function that answers otherwise when asked again; or the shapes differ.
    """
    changed = change(_copied(inputs))
    if changed is None:
        raise ValueError("change must return the inputs that it has changed; it returns nothing.")
    before, after = _arrays(inputs), _arrays(changed)
    if len(before) == len(after) and all(map(np.array_equal, before, after)):
        raise ValueError("change gives the inputs back as they were: there is nothing to compare.")
    structure = keras.tree.map_structure(ops.convert_to_numpy, function(_copied(inputs)))
    answer = _arrays(structure)
    expected = answer if outputs is None else _arrays(outputs(structure))
    if _furthest(answer, _arrays(function(_copied(inputs))), tolerance)[0] > 0:
        raise ValueError(
            "The function gives another result when called again with the same inputs: fix its seed, or "
            "switch off what is random in it (dropout: training=False)."
        )
    found = _arrays(function(changed))
    moved, furthest, place = _furthest(expected, found, tolerance)
    if moved:
        which, at = place
        name = f" of output {which + 1}" if len(found) > 1 else ""
        raise AssertionError(
            f"The change moves {moved} of {sum(map(np.size, found))} outputs, most at "
            f"{list(map(int, at))}{name}, from {expected[which][at]:.6g} to {found[which][at]:.6g}."
        )
    return furthest


def _furthest(expected, found, tolerance):
    """How many numbers differ by more than the tolerance, the largest difference, and where it is."""
    shapes = [[array.shape for array in arrays] for arrays in (expected, found)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"The outputs must have the shapes {shapes[0]}, and with the change have {shapes[1]}: let the "
            "function take the part that is to stay, such as lambda x: model(x)[:, :4]."
        )
    if not sum(map(np.size, found)):
        raise ValueError("The function returns no numbers to compare.")
    moved, furthest, place = 0, 0.0, None
    for which, (a, b) in enumerate(zip(expected, found, strict=True)):
        a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
        if np.isnan(a).any() or np.isnan(b).any():
            raise ValueError(
                "There is NaN among the outputs, which is like nothing, not even itself."
            )
        with np.errstate(invalid="ignore"):  # equal infinities are 0 apart
            apart = np.where(a == b, 0, np.abs(a - b))
        largest = np.abs(a, out=np.zeros_like(a), where=np.isfinite(a)).max(initial=1)
        moved += int((apart > tolerance * largest).sum())
        if apart.max(initial=0) > furthest:
            furthest = float(apart.max())
            place = which, np.unravel_index(apart.argmax(), apart.shape)
    return moved, furthest, place


def _copied(structure):
    return keras.tree.map_structure(
        lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, structure
    )


def _arrays(structure):
    return [np.asarray(ops.convert_to_numpy(leaf)) for leaf in keras.tree.flatten(structure)]

"""A learner's answer in the type of the reference solution, so that each check sees one type.

The number 5 may be given as Python's or NumPy's, as a list or an array of one number, or as a
tensor of any engine; a pair as a list, an array or a tensor; and a function may return any of
these. What cannot be meant is refused with an AssertionError whose message says why.
"""

import inspect
import numbers
from collections.abc import Callable, Mapping, Sequence

import numpy as np

__all__ = ["Blank", "as_function", "as_like"]


class Blank(Exception):
    """There are three dots left in an answer, or in what a function gives back."""


def as_like(answer: object, reference: object, subject: str = "that") -> object:
    """An answer in the type of the reference.

    Args:
        answer: number, text, list, tuple, dict, array or tensor.
        reference: the right answer, whose type is wanted. Of a list the first element tells the
            type of all, and the length is free; of a tuple the length is wanted, too.
        subject: what sentences call the answer.

    Returns:
        A bool, int or float, str, list, tuple, dict or NumPy array.

    Raises:
        AssertionError: with a sentence for the learner, if the answer is of another kind.
        Blank: three dots are left in it.
    """
    value, kind = _plain(answer, subject), _plain(reference, subject)
    if isinstance(reference, Mapping):
        return _as_dict(value, reference, subject)
    if isinstance(reference, (list, tuple)):
        return _as_sequence(value, reference, subject)
    if isinstance(kind, np.ndarray):
        return _as_array(value, kind, subject)
    return _as_scalar(value, kind, subject)


def as_function(
    answer: Callable, reference: Callable, example: object, name: str
) -> Callable[..., object]:
    """The learner's function, giving back what `as_like` makes of its results.

    Args:
        answer: the learner's function; `__wrapped__` of what is returned.
        reference: the function of the reference solution: its arguments' names go into sentences.
        example: what the reference gives back, whose type is wanted. If it is a function, or None,
            the results stay as they are.
        name: what the exercise calls the function.

    Raises:
        AssertionError: the answer is no function; when called, that it takes other arguments, or
            gives back something of another kind.
    """
    assert not isinstance(answer, str), "That is text: leave out the quotes."
    assert callable(answer), (
        f"The answer is the function itself: write {name}, without brackets behind it."
    )

    def called(*args):
        try:
            signature = inspect.signature(answer)
        except ValueError:  # some functions written in C do not tell
            signature = None
        try:
            _ = signature and signature.bind(*args)
        except TypeError as error:
            given = ", ".join(inspect.signature(reference).bind(*args).arguments)
            raise AssertionError(
                f"The exercise calls it as {name}({given}), and yours is "
                f"{name}{signature}: {error}."
            ) from None
        result = answer(*args)
        assert result is not None or example is None, (
            f"{name} gives nothing back: write `return` in front of what it should give back."
        )
        if example is None or callable(example):
            return result
        return as_like(result, example, f"what {name} gives back")

    called.__wrapped__ = answer
    return called


def _plain(value, subject):
    """What is in a tensor, an array or a list: a number or text of Python's, a NumPy array with
    one axis or more, a list or a dict of these; anything else as it is.
    """
    if value is ...:
        raise Blank
    if isinstance(value, Mapping):
        return {key: _plain(part, subject) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(part, subject) for part in value]
    try:
        if hasattr(value, "get_value"):  # a shared value of Theano
            value = value.get_value()
        elif hasattr(value, "owner") and hasattr(value, "eval"):  # an expression of Theano
            value = value.eval()
        if hasattr(value, "__array__") and not isinstance(value, type):
            value = np.asarray(value)
    except Exception:  # each engine raises an error of its own
        raise AssertionError(
            f"{_capital(subject)} is a symbol of a graph, which has no value yet: compute it first."
        ) from None
    if isinstance(value, np.ndarray) and (value.ndim == 0 or value.dtype == object):
        return _plain(value.tolist(), subject)
    return value.decode() if isinstance(value, bytes) else value


def _as_scalar(value, kind, subject):
    while isinstance(value, (list, np.ndarray)) and len(value) == 1:
        value = _plain(value[0], subject)
    if isinstance(kind, str):
        _require(isinstance(value, str), value, "text in quotes", subject)
        return str(value)
    is_bool = isinstance(value, bool)
    if isinstance(kind, bool):
        _require(is_bool, value, "True or False", subject)
        return value
    is_number = isinstance(value, numbers.Number) and not isinstance(value, complex)
    _require(is_number and not is_bool, value, "one number", subject)
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _as_sequence(value, reference, subject):
    fixed = isinstance(reference, tuple)
    wanted = f"a tuple such as {tuple(range(1, len(reference) + 1))}" if fixed else "a list"
    _require(isinstance(value, (list, np.ndarray)), value, wanted, subject)
    assert not fixed or len(value) == len(reference), (
        f"{_capital(subject)} has the length {len(value)}, and {len(reference)} values are asked for."
    )
    if not reference:
        return type(reference)(value)
    kinds = reference if fixed else [reference[0]] * len(value)
    whole = "your answer" if subject == "that" else subject
    return type(reference)(
        as_like(part, kind, f"value {n} of {whole}")
        for n, (part, kind) in enumerate(zip(value, kinds, strict=True), 1)
    )


def _as_array(value, kind, subject):
    able = isinstance(value, (list, np.ndarray, numbers.Number))
    _require(able, value, "an array", subject)
    try:
        array = np.asarray(value)
    except ValueError:  # NumPy speaks of an inhomogeneous shape
        raise AssertionError(f"{_capital(subject)} has rows of different lengths.") from None
    is_text = array.dtype.kind == "U"
    wanted = "True and False" if kind.dtype.kind == "b" else "numbers"
    quoted = is_text and all(_is_quoted(word, kind) for word in array.flat)
    words = "leave out the quotes" if quoted else f"{wanted} are asked for"
    assert is_text == (kind.dtype.kind == "U"), (
        f"{_capital(subject)} holds {f'text: {words}' if is_text else 'no text'}."
    )
    assert array.dtype != object, f"{_capital(subject)} holds something else than numbers."
    return array


def _as_dict(value, reference, subject):
    _require(isinstance(value, dict), value, "a dict", subject)
    missing = [repr(key) for key in reference if key not in value]
    assert not missing, f"{_capital(subject)} lacks the key {', '.join(missing)}."
    whole = "your answer" if subject == "that" else subject
    return {key: as_like(value[key], reference[key], f"{key!r} of {whole}") for key in reference}


def _require(condition, value, wanted, subject):
    """Raise AssertionError, unless the condition holds: this is given, and that is wanted."""
    if condition:
        return
    if isinstance(value, str):
        meant = any(letter.isdigit() for letter in value) or "True" in value or "False" in value
        words = "text: leave out the quotes" if meant else f"text, and {wanted} is asked for"
    elif value is None:
        words = (
            f"None, and {wanted} is asked for. Is a `return` missing, or did you keep what print() "
            "gives back"
        )
        raise AssertionError(f"{_capital(subject)} is {words}?")
    elif callable(value):
        words = f"a function, and {wanted} is asked for: call it, with brackets behind its name"
    elif isinstance(value, (bool, numbers.Number)):
        words = f"{value!r}, and {wanted} is asked for"
    elif isinstance(value, np.ndarray):
        words = f"an array of shape {value.shape}, and {wanted} is asked for"
    elif isinstance(value, list):
        words = f"a list of length {len(value)}, and {wanted} is asked for"
    else:
        words = f"of the type {type(value).__name__}, and {wanted} is asked for"
    raise AssertionError(f"{_capital(subject)} is {words}.")


def _is_quoted(word, kind):
    """Whether what is in quotes is meant without them, where an array of this kind is wanted."""
    if kind.dtype.kind == "b":
        return word in ("True", "False")
    return any(letter.isdigit() for letter in word)


def _capital(subject):
    return subject[0].upper() + subject[1:]

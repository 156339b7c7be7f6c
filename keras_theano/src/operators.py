"""Python's operators and indexing on tensors, each the op of `keras.ops` of that name."""

import numpy as np

from keras_theano.src import numpy
from keras_theano.src.errors import NO_NUMPY
from keras_theano.src.tensor import Tensor, as_symbol, op

# Python's name of an operator -> the op's.
_ARITHMETIC = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
}
_COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}
_UNARY = {"neg": "negative", "abs": "absolute", "invert": "bitwise_not"}
# NumPy's functions for the operators of two arrays -> the op's name.
_OF_NUMPY = {getattr(np, name): name for name in (*_ARITHMETIC.values(), *_COMPARISONS.values())}


@op
def get_item(x, key):
    """Index with ints, slices, None, Ellipsis, arrays and tensors, as NumPy does."""
    return as_symbol(x)[_theano_key(key)]


def _theano_key(key):
    if isinstance(key, tuple):
        return tuple(_theano_key(part) for part in key)
    if isinstance(key, list):
        return np.asarray(key)
    return key


def _from_numpy(self, ufunc, method, *inputs, out=(), **kwargs):
    """Compute `array * tensor` and `array += tensor`, for which NumPy turns to this.

    An array cannot hold a tensor, so its name stands for a new tensor after `array += tensor`.
    """
    name = _OF_NUMPY.get(ufunc)
    in_place = all(array is inputs[0] for array in out)
    if name is None or method != "__call__" or kwargs or not in_place:
        raise TypeError(NO_NUMPY)
    return getattr(numpy, name)(*inputs)


def add_operators():
    """Give `Tensor` its operators and its indexing."""
    for operator, name in (_ARITHMETIC | _COMPARISONS | _UNARY).items():
        function = getattr(numpy, name)
        setattr(Tensor, f"__{operator}__", lambda self, *other, f=function: f(self, *other))
        if operator in _ARITHMETIC:
            setattr(Tensor, f"__r{operator}__", lambda self, other, f=function: f(other, self))
    Tensor.__pos__ = lambda self: self
    Tensor.__getitem__ = get_item
    Tensor.__array_ufunc__ = _from_numpy

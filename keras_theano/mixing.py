"""PyTensor's variables and functions mixed with Keras's layers.

pixels = pt.matrix("pixels")
scores = as_variable(model(as_tensor(pixels)))  # a PyTensor variable
swish = for_keras(lambda x: x * pt.sigmoid(x))  # a function for layers.Activation, Lambda ...
"""

import contextlib

import keras
from keras import tree
from pytensor.graph.basic import Variable as TheanoVariable

from keras_theano.src.tensor import Tensor, as_symbol, op
from keras_theano.src.tracing import TraceScope

__all__ = ["as_tensor", "as_variable", "assignments", "for_keras"]


def as_variable(x):
    """Return `x` as a PyTensor variable.

    Args:
        x: What a layer is given or gives while a model is traced (a `Tensor`), a Keras variable
            (the result is then the shared variable that holds its value), a PyTensor variable,
            an array or a number.

    Raises:
        ValueError: a Keras variable has no value yet.
        TypeError: `x` is a `KerasTensor`, which has no graph behind it.
    """
    if isinstance(x, keras.KerasTensor):
        raise TypeError(
            f"{x!r} only stands for a shape: there is no Theano graph behind it. Put the function "
            "in a layer, keras.layers.Lambda(for_keras(function)), and call that."
        )
    if isinstance(x, keras.Variable):
        if x.shared is None:
            raise ValueError(f"The variable {x.path!r} has no value yet: build its layer first.")
        return x.shared
    return as_symbol(x)


def as_tensor(variable):
    """Return a PyTensor variable as a tensor that Keras's layers and `keras.ops` take.

    A model or layer that is called with it reads its weights as shared variables, so gradients
    with respect to them (see `as_variable`) can be taken, and a compiled function sees their values
    of the day.

    Raises:
        TypeError: `variable` is no PyTensor variable.
    """
    if isinstance(variable, Tensor):
        return variable
    if not isinstance(variable, TheanoVariable):
        raise TypeError(f"Not a PyTensor variable: {variable!r}")
    return Tensor(variable)


@contextlib.contextmanager
def assignments():
    """Keep what layers assign to their variables when they are called with PyTensor variables.

        with assignments() as changes:
            y = as_variable(model(as_tensor(x), training=True))
        f = pytensor.function([x], y, updates=changes.updates())

    Without it such a call (of a BatchNormalization or Dropout layer that is training) is refused.
    """
    with TraceScope() as scope:
        yield scope
    if scope.made_variables:
        raise ValueError(
            "A layer made its variables here, which have no value yet: build it before."
        )


def for_keras(function):
    """Return a function over PyTensor variables as one that Keras takes, eagerly and in a model.

    Args:
        function: From PyTensor variables (and other arguments, handed on as they are) to a PyTensor
            variable or a nested structure of them.

    Returns:
        The same function over arrays, from which it makes arrays, and over tensors of a model.
    """
    wrapped = op(function)

    def for_layers(*args, **kwargs):
        if any(isinstance(leaf, keras.KerasTensor) for leaf in tree.flatten((args, kwargs))):
            raise TypeError(
                "This function computes on values, and keras.Input has none: put it in a layer, "
                "keras.layers.Lambda(function), and call that."
            )
        return wrapped(*args, **kwargs)

    for_layers.__name__ = getattr(function, "__name__", "function")
    for_layers.__doc__ = function.__doc__
    return for_layers

"""What Keras mixes into its Layer class for this engine."""

import functools

import numpy as np
from keras.src import tree
from keras.src.backend.common.stateless_scope import in_stateless_scope
from keras.src.utils import traceback_utils

from keras_theano.src import errors
from keras_theano.src.tensor import Tensor
from keras_theano.src.tracing import TraceScope


class BackendLayer:
    """Makes Keras's Layer name itself in the errors of its calls, and take Theano's variables."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls):
            call = errors.naming_layer(_on_variables(cls.__call__))
            cls.__call__ = traceback_utils.filter_traceback(call)


def _on_variables(call):
    """Wrap `Layer.__call__`: given a tensor outside of a traced step, it reads weights as symbols.

    It would otherwise read their values of the moment, and the graph would never see others.
    """

    @functools.wraps(call)
    def wrapper(layer, *args, **kwargs):
        if in_stateless_scope():
            return call(layer, *args, **kwargs)
        if not any(isinstance(leaf, Tensor) for leaf in tree.flatten((args, kwargs))):
            with np.errstate(all="ignore"):  # what layers compute by Python's operators, on arrays
                return call(layer, *args, **kwargs)
        with TraceScope() as scope:
            result = call(layer, *args, **kwargs)
        if scope.made_variables:  # now they have values
            return wrapper(layer, *args, **kwargs)
        if scope.assigned:
            names = ", ".join(variable.name for variable in scope.assigned)
            raise ValueError(
                f"The call gives {names} new values, which nobody would keep. Keep them with "
                "`with keras_theano.mixing.assignments() as changes:` around the call."
            )
        return result

    return wrapper

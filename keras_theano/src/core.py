"""Keras variables, tracing by shapes, and the rest of what Keras asks of an engine's core."""

import contextlib

import numpy as np
import pytensor
import pytensor.tensor as pt
from keras.src import tree
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.name_scope import name_scope as name_scope
from keras.src.backend.common.stateless_scope import get_stateless_scope, in_stateless_scope
from keras.src.backend.common.symbolic_scope import SymbolicScope
from keras.src.backend.common.variables import Variable as KerasVariable

from keras_theano.src import modes
from keras_theano.src.control_flow import associative_scan as associative_scan
from keras_theano.src.control_flow import cond as cond
from keras_theano.src.control_flow import custom_gradient as custom_gradient
from keras_theano.src.control_flow import fori_loop as fori_loop
from keras_theano.src.control_flow import map as map
from keras_theano.src.control_flow import remat as remat
from keras_theano.src.control_flow import scan as scan
from keras_theano.src.control_flow import scatter as scatter
from keras_theano.src.control_flow import scatter_update as scatter_update
from keras_theano.src.control_flow import slice as slice
from keras_theano.src.control_flow import slice_update as slice_update
from keras_theano.src.control_flow import switch as switch
from keras_theano.src.control_flow import unstack as unstack
from keras_theano.src.control_flow import vectorized_map as vectorized_map
from keras_theano.src.control_flow import while_loop as while_loop
from keras_theano.src.conversion import cast as cast
from keras_theano.src.conversion import (
    convert_to_numpy,
    convert_to_tensor,
    is_tensor,
    placeholder,
    standardize_dtype,
)
from keras_theano.src.conversion import is_float_dtype as is_float_dtype
from keras_theano.src.conversion import shape as shape
from keras_theano.src.lock import engine_lock
from keras_theano.src.missing import missing_op
from keras_theano.src.operators import get_item as get_item
from keras_theano.src.tensor import (
    Tensor,
    as_array,
    as_symbol,
    is_array,
    op,
    supported_dtype,
)
from keras_theano.src.tracing import TraceScope

__getattr__ = missing_op("core")

SUPPORTS_SPARSE_TENSORS = False
SUPPORTS_RAGGED_TENSORS = False
SUPPORTS_COMPLEX_DTYPES = True
SUPPORTS_GRADIENT = True
IS_THREAD_SAFE = True


class Variable(KerasVariable):
    """A Keras variable whose value lives in a PyTensor shared variable.

    Compiled functions read and update the shared variable itself, so there is nothing to
    synchronise: `value` is a copy of the current array outside of a traced function, and the
    shared variable's symbol inside.

    Attributes:
        shared: The PyTensor shared variable (None until the variable is initialised).
    """

    shared = None
    __array_priority__ = 100  # `array @ variable` is the variable's to compute, which may be traced

    def _initialize(self, value):
        self._shape = self._validate_shape(value.shape)
        self._direct_assign(value)

    def _initialize_with_initializer(self, initializer):
        self._initialize(self._convert_to_tensor(initializer(self._shape, dtype=self._dtype)))

    @property
    def _value(self):
        return None if self.shared is None else modes.lend(self.shared)

    @_value.setter
    def _value(self, value):
        if value is not None:
            self._direct_assign(value)

    def _direct_assign(self, value):
        # A copy: compiled functions update the array in place, and it must not be the caller's.
        array = np.array(as_array(value), dtype=supported_dtype(self._dtype))
        with engine_lock:
            if self.shared is None:
                name, shape = self._path, array.shape
                self.shared = pytensor.shared(array, name=name, shape=shape, borrow=True)
            else:
                self.shared.set_value(array, borrow=True)

    @property
    def value(self):
        value = self.read()
        return value.copy() if is_array(value) else value

    def read(self):
        """Return `value` without copying it: for ops, which do not write to what they are given."""
        if in_stateless_scope():
            value = get_stateless_scope().get_current_value(self)
            if value is not None:
                return self._maybe_autocast(value)
            if self.shared is None:
                # Only traced shapes are asked for before the variable is initialised.
                symbol = pt.TensorType(supported_dtype(self._dtype), self._shape)(self._path)
                return self._maybe_autocast(Tensor(symbol))
        return super().value

    def _convert_to_tensor(self, value, dtype=None):
        return convert_to_tensor(value, dtype=dtype)

    def __array__(self, dtype=None, copy=None):
        return np.array(convert_to_numpy(self.value), dtype=dtype)


def compute_output_spec(fn, *args, **kwargs):
    """Trace `fn` on symbols with the static shapes of its `KerasTensor` arguments.

    Returns:
        What `fn` returns, each tensor replaced by a `KerasTensor` of its static shape and dtype.
    """
    with TraceScope(), SymbolicScope():
        args, kwargs = tree.map_structure(_keras_tensor_as_tensor, (args, kwargs))
        return tree.map_structure(_tensor_as_keras_tensor, fn(*args, **kwargs))


def _keras_tensor_as_tensor(x):
    # Text stays as it is: it has no symbol, and what takes it knows the shape of what it gives.
    is_number = isinstance(x, KerasTensor) and x.dtype != "string"
    return placeholder(x.shape, x.dtype) if is_number else x


def _tensor_as_keras_tensor(x):
    return KerasTensor(x.shape, standardize_dtype(x.dtype)) if is_tensor(x) else x


def stop_gradient(variable):
    return _disconnect(variable)


@op
def _disconnect(x):
    return pytensor.gradient.disconnected_grad(as_symbol(x))


def random_seed_dtype():
    return "uint32"


@contextlib.contextmanager
def device_scope(device_name):
    """There is one device in the CPU modes; the name is checked and otherwise has no effect."""
    if not isinstance(device_name, str) or not device_name.lower().startswith(("cpu", "gpu")):
        raise ValueError(
            "Invalid value for argument `device_name`. Expected a string like 'cpu:0'. "
            f"Received: device_name={device_name!r}"
        )
    yield

"""Variables, conversion, shapes, and tracing of functions: what every other module builds on."""

import contextlib
import functools

import numpy as np
import pytensor
import pytensor.tensor as pt
from keras.src import tree
from keras.src.backend import config
from keras.src.backend.common import dtypes, variables
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.name_scope import name_scope as name_scope
from keras.src.backend.common.stateless_scope import get_stateless_scope, in_stateless_scope
from keras.src.backend.common.symbolic_scope import SymbolicScope
from keras.src.backend.common.variables import Variable as KerasVariable
from pytensor.ifelse import ifelse

from keras_theano.src import modes
from keras_theano.src.bfloat16 import is_bfloat16
from keras_theano.src.body import call_and_undo, current_value
from keras_theano.src.control_flow import associative_scan as associative_scan
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
from keras_theano.src.lock import engine_lock
from keras_theano.src.missing import missing_op
from keras_theano.src.tensor import (
    TEXT,
    Tensor,
    as_array,
    as_symbol,
    eager_dtype,
    is_array,
    op,
    promote,
    supported_dtype,
)

__getattr__ = missing_op("core")

SUPPORTS_SPARSE_TENSORS = False
SUPPORTS_RAGGED_TENSORS = False
SUPPORTS_COMPLEX_DTYPES = True
SUPPORTS_GRADIENT = True
IS_THREAD_SAFE = True

# PyTensor would note Python's stack at every node it makes, which slows the building of a
# graph; errors name layers instead (errors.py).
pytensor.config.traceback__limit = 0
pytensor.config.traceback__compile_limit = 0


@functools.wraps(config.set_floatx)
def set_floatx(value):
    _keras_set_floatx(value)
    _follow_floatx()


def _follow_floatx():
    """Let PyTensor and Keras's promotion of dtypes mean Keras's floatx.

    PyTensor reads Python's floats by a floatX of its own. Keras's promotion makes 32 bits of 64 on
    all engines but TensorFlow; here it does while floatx has no more than 32 itself.
    """
    floatx = config.floatx()
    pytensor.config.floatX = floatx if floatx != "bfloat16" else "float32"
    wide = floatx == "float64"
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64" if wide else "float32"
    dtypes.BIT64_TO_BIT32_DTYPE["complex128"] = "complex128" if wide else "complex64"


_keras_set_floatx, config.set_floatx = config.set_floatx, set_floatx
_follow_floatx()


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


def standardize_dtype(dtype):
    """Return the dtype's name as Keras does, which is "string" for NumPy's dtypes of text, too."""
    return "string" if getattr(dtype, "kind", None) in TEXT else variables.standardize_dtype(dtype)


def is_float_dtype(dtype):
    return variables.is_float_dtype(standardize_dtype(dtype))


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """Return `x` as a `Tensor` if it is symbolic, else as a NumPy array.

    Args:
        x: Array, number, nested list, Keras variable or `Tensor`; a TensorFlow tensor of text, as
            Keras's text layers give it, becomes an array of bytes.
        dtype: Name of the wanted dtype; None keeps the one `x` has. "string" leaves text as it is.

    Raises:
        ValueError: sparse or ragged is asked for, or `x` is no number.
        NotImplementedError: Theano has no such dtype.
    """
    if sparse:
        raise ValueError("`sparse=True` is not supported with the Theano engine")
    if ragged:
        raise ValueError("`ragged=True` is not supported with the Theano engine")
    if dtype is not None:
        dtype = eager_dtype(dtype)
    if dtype == "string" or (not is_array(x) and getattr(x, "dtype", None) == "string"):
        return np.asarray(x)
    if isinstance(x, KerasVariable):
        x = x.value
    if isinstance(x, Tensor) or _is_symbolic(x):
        symbol = as_symbol(x, dtype and supported_dtype(dtype))
        return x if isinstance(x, Tensor) and symbol is x.symbol else Tensor(symbol)
    if is_array(x):
        array = np.asarray(x)
        if array.dtype.kind in "biufc" or is_bfloat16(array):
            return array if dtype is None or array.dtype == dtype else _cast_array(array, dtype)
    return _cast_array(as_array(x, dtype), dtype)


def _cast_array(array, dtype):
    if dtype is None:
        return array
    with np.errstate(all="ignore"):
        return array.astype(dtype)


def _is_symbolic(x):
    if isinstance(x, pt.TensorVariable):
        return True
    return isinstance(x, (list, tuple)) and any(
        _is_symbolic(leaf)
        or isinstance(leaf, Tensor)
        or (isinstance(leaf, KerasVariable) and isinstance(leaf.value, Tensor))
        for leaf in tree.flatten(x)
    )


def convert_to_numpy(x):
    """Return `x` as a NumPy array.

    Raises:
        TypeError: `x` is a `Tensor`, which has no value before its graph runs.
    """
    if isinstance(x, KerasVariable):
        x = x.value
    if isinstance(x, Tensor):
        x.__array__()
    return np.array(x)


def is_tensor(x):
    return isinstance(x, Tensor) or is_array(x)


def shape(x):
    """Return the shape of `x`: ints where known, scalar int `Tensor`s where not.

    A `KerasTensor` has no graph to ask, so its unknown sizes stay None.
    """
    if isinstance(x, (KerasTensor, KerasVariable)):
        return x.shape
    if not isinstance(x, Tensor):
        return np.shape(x)
    sizes = x.symbol.shape
    return tuple(
        Tensor(pt.cast(sizes[axis], "int32")) if size is None else size
        for axis, size in enumerate(x.shape)
    )


@op
def cast(x, dtype):
    dtype = supported_dtype(dtype)
    x = as_symbol(x)
    if x.type.dtype == dtype:
        return x
    if x.type.dtype.startswith("complex") and not dtype.startswith("complex"):
        x = pt.real(x)
    return pt.cast(x, dtype)


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


def compute_output_spec(fn, *args, **kwargs):
    """Trace `fn` on symbols with the static shapes of its `KerasTensor` arguments.

    Returns:
        What `fn` returns, each tensor replaced by a `KerasTensor` of its static shape and dtype.
    """
    from keras_theano.src.tracing import TraceScope

    with TraceScope(), SymbolicScope():
        args, kwargs = tree.map_structure(_keras_tensor_as_tensor, (args, kwargs))
        return tree.map_structure(_tensor_as_keras_tensor, fn(*args, **kwargs))


def placeholder(shape, dtype, name=None):
    """Return a new symbolic input as a `Tensor`; None in `shape` is an unknown size."""
    return Tensor(pt.TensorType(supported_dtype(dtype), shape=tuple(shape))(name))


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


def cond(pred, true_fn, false_fn):
    """Return `true_fn()` where `pred` is true, else `false_fn()`; only the one chosen is computed.

    Assignments to Keras variables inside a branch happen only where that branch is chosen.
    """
    pred = convert_to_tensor(pred)
    if is_array(pred):
        return true_fn() if pred else false_fn()
    condition = pred.symbol.astype("bool")
    if condition.type.ndim:
        condition = condition.reshape(())
    result_true, state_true = call_and_undo(true_fn)
    result_false, state_false = call_and_undo(false_fn)
    for variable in {id(v): v for v, _ in state_true + state_false}.values():
        before = current_value(variable)
        after = [
            next((value for v, value in state if v is variable), before)
            for state in (state_true, state_false)
        ]
        get_stateless_scope().add_update((variable, _choose(condition, *after)))
    return tree.map_structure(
        lambda a, b: None if a is None else _choose(condition, a, b), result_true, result_false
    )


def _choose(condition, a, b):
    if a is b:
        return a
    a, b = promote(a, b)
    return Tensor(ifelse(condition, a, b))


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

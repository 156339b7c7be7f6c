"""The JAX mode: one program, compiled by JAX, for each graph and combination of input shapes.

What a program updates (weights, the optimizer's state, metrics, random state) stays on JAX's device
from call to call; it is copied to a NumPy array when somebody reads it. Importing this module
imports JAX.
"""

import contextlib
import warnings
import weakref

import jax
import jax.numpy as jnp
import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.traversal import ancestors

from keras_theano.pytensor_ops.jax_graph import evaluate
from keras_theano.src.lock import engine_lock

_WIDE = ("float64", "complex128", "uint64")
_INT32 = np.iinfo("int32")

# The shared variables whose value may be a JAX array.
_on_device = weakref.WeakSet()


class JaxFunction:
    """A graph as a function of arrays. Its results are JAX arrays, which may still be computed.

    It computes in 32 bits, as JAX does by default, unless an input, an output or a shared variable
    has a wider floating-point dtype.

    Args:
        inputs: PyTensor variables that the function takes as arrays.
        outputs: PyTensor variables it returns.
        updates: Pairs (shared variable, new value).
    """

    def __init__(self, inputs, outputs, updates=()):
        self._inputs = list(inputs)
        self._outputs = list(outputs)
        self._updated = [variable for variable, _ in updates]
        self._new_values = [value for _, value in updates]
        updated = set(self._updated)
        self._read = [
            variable
            for variable in ancestors([*self._outputs, *self._new_values])
            if isinstance(variable, SharedVariable) and variable not in updated
        ]
        interface = (*self._inputs, *self._outputs, *self._updated, *self._read)
        self._wide = any(variable.type.dtype in _WIDE for variable in interface)
        self._dtypes = [variable.type.dtype for variable in self._inputs]
        self._state = [_Place(variable, self._wide) for variable in self._updated]
        self._fixed = [_Place(variable, self._wide) for variable in self._read]
        # The old values of what is updated lend their memory to the new ones.
        self._program = jax.jit(self._run, donate_argnums=0)

    def _run(self, state, fixed, arrays):
        variables = [*self._updated, *self._read, *self._inputs]
        known = dict(zip(variables, [*state, *fixed, *arrays], strict=True))
        # On a GPU, JAX would otherwise round what it multiplies to 10 bits (TF32); who wants that, says so to JAX.
        asked = jax.config.jax_default_matmul_precision or "highest"
        with warnings.catch_warnings(), jax.default_matmul_precision(asked):
            # PyTensor's types say float64 here and there where 32 bits are meant.
            warnings.filterwarnings("ignore", "Explicitly requested dtype")
            results = evaluate(known, [*self._outputs, *self._new_values])
        results = [jnp.asarray(result) for result in results]
        return results[: len(self._outputs)], results[len(self._outputs) :]

    def __call__(self, *arrays):
        with _precision(self._wide):
            arrays = [
                self._narrowed(array, dtype)
                for array, dtype in zip(arrays, self._dtypes, strict=True)
            ]
            state = [place.value() for place in self._state]
            fixed = [place.value() for place in self._fixed]
            state = _without_sharing(state, fixed)
            outputs, new_values = self._program(state, fixed, arrays)
        for place, value in zip(self._state, new_values, strict=True):
            place.storage[0] = value
        return outputs

    def _narrowed(self, array, dtype):
        if getattr(array, "dtype", None) != dtype:
            array = np.asarray(array, dtype)
        return array if self._wide or dtype != "int64" else _as_int32(array)


def _precision(wide):
    """A context in which JAX computes in 64 bits, or in 32."""
    if jax.config.jax_enable_x64 == wide:
        return contextlib.nullcontext()
    # JAX 0.8 moved it.
    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    return enable(wide)


def _as_int32(array):
    """An int64 array for JAX, which would cut off the upper half without a word."""
    if array.size and not (_INT32.min <= array.min() and array.max() <= _INT32.max):
        raise OverflowError(
            "In JAX mode whole numbers must fit into 32 bits, but here is one of "
            f"{max(array.max(), array.min(), key=abs)}. keras_theano.set_mode('vm') takes it."
        )
    return array.astype("int32")


class _Place:
    """Where the value of a shared variable is, for a program of 32 or 64 bits."""

    def __init__(self, variable, wide):
        self.variable = variable
        self.storage = variable.container.storage
        dtype = variable.type.dtype
        self.dtype = np.dtype(dtype if wide or dtype != "int64" else "int32")

    def value(self):
        """The value on JAX's device, where it stays."""
        value = self.storage[0]
        if isinstance(value, jax.Array) and value.dtype == self.dtype:
            return value
        value = np.asarray(value, self.variable.type.dtype)
        if value.dtype != self.dtype:
            value = _as_int32(value)
        # A copy: JAX may otherwise use the memory of the array it is given.
        value = self.storage[0] = jnp.array(value, copy=True)
        _on_device.add(self.variable)
        return value


def _without_sharing(state, fixed):
    """Copy arrays of `state` that are also elsewhere: a program takes their memory."""
    seen = set(map(id, fixed))
    if len(seen.union(map(id, state))) == len(seen) + len(state):
        return state
    result = []
    for value in state:
        result.append(jnp.copy(value) if id(value) in seen else value)
        seen.add(id(value))
    return result


def host_value(variable):
    """The value of a shared variable as a NumPy array; a copy, if JAX has it."""
    return as_host_array(variable.get_value(borrow=True), variable)


def as_host_array(value, variable):
    """A variable's value as a NumPy array of its dtype: a copy, if JAX has it."""
    return np.array(value, variable.type.dtype) if isinstance(value, jax.Array) else value


def return_state():
    """Make all that JAX holds NumPy arrays again, for another mode to go on with."""
    with engine_lock:
        for variable in list(_on_device):
            variable.container.storage[0] = host_value(variable)
        _on_device.clear()


def has_gpu():
    """Tell whether JAX computes on a GPU."""
    return jax.default_backend() == "gpu"


def device():
    """Return the kind of device on which JAX puts what a program computes with: "CPU", "GPU"."""
    (place,) = jnp.zeros(()).devices()
    return place.platform.upper()

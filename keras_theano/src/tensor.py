"""The tensor that Keras sees, and the rule by which every op serves graphs and arrays alike.

Each op of the engine is one function over PyTensor variables, decorated with `op`. What comes in
decides what goes out:

- a `Tensor` (inside a traced model): the graph is extended, a `Tensor` comes back;
- NumPy arrays and Keras variables (eager calls): the small graph is built, run, and a NumPy array
  comes back;
- PyTensor variables (one op calling another): a PyTensor variable comes back.
"""

import functools
import os
import threading

import numpy as np
import pytensor.tensor as pt
from keras.src import tree
from keras.src.backend import config
from keras.src.backend.common import dtypes
from keras.src.backend.common.name_scope import current_path
from keras.src.backend.common.variables import Variable as KerasVariable
from keras.src.backend.common.variables import standardize_dtype
from pytensor.graph.basic import Constant
from pytensor.graph.basic import Variable as TheanoVariable
from pytensor.graph.traversal import io_toposort
from pytensor.ifelse import IfElse

from keras_theano.src import bfloat16, modes
from keras_theano.src.errors import NOT_NUMBERS, translate
from keras_theano.src.layer_marks import mark_layer
from keras_theano.src.lock import engine_lock

# The kinds of NumPy's dtypes that hold text: str, bytes and objects.
TEXT = frozenset("USO")


class Tensor:
    """A PyTensor variable with the attributes that Keras expects of a tensor.

    Python's operators and indexing are added by `operators`.

    Attributes:
        symbol: The PyTensor variable.
        shape: Static shape, a tuple of int and None (unknown until the graph runs).
        dtype: Name of the dtype, such as "float32".
        ndim: Number of axes.
    """

    def __init__(self, symbol):
        self.symbol = symbol

    @property
    def shape(self):
        return self.symbol.type.shape

    @property
    def dtype(self):
        return self.symbol.type.dtype

    @property
    def ndim(self):
        return self.symbol.type.ndim

    @property
    def size(self):
        return None if None in self.shape else int(np.prod(self.shape))

    @property
    def T(self):
        return Tensor(self.symbol.T)

    def __repr__(self):
        name = self.symbol.name or self.symbol
        return f"<Tensor {name}, shape={self.shape}, dtype={self.dtype}>"

    def __len__(self):
        if not self.ndim or self.shape[0] is None:
            raise TypeError(f"The length of {self!r} is not known before the graph runs.")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        raise TypeError(
            f"{self!r} has no value yet: it stands for a value in a compiled graph, so Python's "
            "`if`, `and` and `while` cannot look at it. Use keras.ops.cond or keras.ops.where."
        )

    def _no_value(self, *args):
        raise TypeError(
            f"{self!r} has no value yet: it stands for a value in a compiled graph. Only "
            "`keras.ops` can work on it; NumPy and Python numbers cannot."
        )

    __array__ = __float__ = __int__ = __index__ = __complex__ = _no_value

    __hash__ = object.__hash__


def is_array(x):
    return isinstance(x, (np.ndarray, np.generic))


def as_symbol(x, dtype=None):
    """Return `x` as a PyTensor variable.

    Args:
        x: PyTensor variable, `Tensor`, Keras variable, array, number, or nested list of these.
        dtype: Name of the wanted dtype; None keeps the one `x` has. Python's floats become Keras's
            `floatx`, its ints int32, its bools bool.
    """
    if isinstance(x, KerasVariable):
        x = x.value
    if isinstance(x, Tensor):
        x = x.symbol
    if not isinstance(x, TheanoVariable):
        x = _list_as_symbol(x) if _holds_symbol(x) else _constant(as_array(x, dtype))
    if dtype is not None and x.type.dtype != dtype:
        x = pt.cast(x, dtype)
    return x


def _constant(array):
    supported_dtype(array.dtype)
    return pt.constant(array)


def promote(*args, at_least=None):
    """Return the arguments as PyTensor variables of one dtype, by Keras's promotion rules.

    Args:
        args: As for `as_symbol`; Python numbers adapt to the others' dtype.
        at_least: Further dtypes (or Python types) that take part, such as `float` to force a
            floating result.
    """
    kinds = [_kind(arg) for arg in args]
    dtype = dtypes.result_type(*kinds, *([at_least] if at_least else []))
    return tuple(as_symbol(arg, dtype) for arg in args)


def promote_to_float(*args, at_least="float16"):
    """Return the arguments as PyTensor variables of one floating-point dtype.

    Floating-point tensors keep their precision, which `promote` would cut to 32 bits, as Keras
    does where it mixes dtypes; integers and bools become Keras's `floatx`.

    Args:
        at_least: The smallest floating-point dtype allowed.
    """
    tensors = [arg for arg in args if not isinstance(arg, (bool, int, float))]
    kinds = [_kind(arg) for arg in tensors]
    if not kinds or not all(kind.startswith("float") for kind in kinds):
        kinds.append(promote(*args, at_least=float)[0].type.dtype)
    floats = [kind for kind in kinds if kind.startswith("float")]
    dtype = np.result_type(at_least, *floats).name
    return tuple(as_symbol(arg, dtype) for arg in args)


def _kind(x):
    """Return the dtype of `x`, or its Python type, which adapts to other dtypes."""
    if isinstance(x, (bool, int, float, complex)):
        return type(x)
    dtype = getattr(x, "dtype", None)
    return standardize_dtype(dtype) if dtype is not None else as_symbol(x).type.dtype


def _holds_symbol(x):
    return isinstance(x, (list, tuple)) and any(
        isinstance(leaf, (Tensor, TheanoVariable, KerasVariable)) for leaf in tree.flatten(x)
    )


def floating(*args):
    """Return the arguments as PyTensor variables of one floating dtype; float64 stays float64."""
    variables = [as_symbol(arg) for arg in args]
    if all(v.type.dtype.startswith(("float", "complex")) for v in variables):
        # Keras's promotion would turn float64 into float32.
        dtype = np.result_type(*(v.type.dtype for v in variables)).name
        return tuple(as_symbol(v, dtype) for v in variables)
    return promote(*args, at_least=float)


def _list_as_symbol(x):
    parts = [as_symbol(part) for part in x]
    dtype = dtypes.result_type(*(part.type.dtype for part in parts))
    return pt.stack([pt.cast(part, dtype) for part in parts])


def as_array(x, dtype=None):
    """Return `x` (array, number or nested list) as a NumPy array, with Keras's default dtypes.

    Raises:
        NotImplementedError: the dtype is one that neither Theano nor `bfloat16` has (float8).
        ValueError: `x` is ragged or no number.
    """
    if dtype is None and not is_array(x) and not hasattr(x, "__array__"):
        dtype = default_dtype(x)
    if dtype is not None:
        dtype = eager_dtype(dtype)
    with np.errstate(over="ignore"):  # 1e6 is inf in float16
        array = np.asarray(x, dtype=dtype)
    if array.dtype.kind not in "biufc" and not bfloat16.is_bfloat16(array):
        if array.dtype.kind in TEXT:
            raise ValueError(NOT_NUMBERS.format(array.dtype.name.rstrip("0123456789")))
        supported_dtype(array.dtype.name)
        raise ValueError(f"Only numbers can be tensors; got an array of {array.dtype}: {x!r}")
    return array


def default_dtype(x):
    """Keras's dtype for a Python number or nested list of numbers, by its widest leaf."""
    leaves = tree.flatten(x)
    if not leaves:
        return config.floatx()
    kinds = {getattr(leaf, "dtype", type(leaf)) for leaf in leaves}
    if any(kind in (str, bytes, type(None)) for kind in kinds):
        raise ValueError(f"Only numbers can be tensors; got {x!r}")
    return dtypes.result_type(
        *(standardize_dtype(kind) if kind not in (int, float) else kind for kind in kinds)
    )


def supported_dtype(dtype):
    """Return the dtype's name.

    Raises:
        NotImplementedError: Theano has no such dtype.
    """
    dtype = eager_dtype(dtype)
    if dtype == "bfloat16":
        raise NotImplementedError(
            "The Theano engine has 'bfloat16' only for operations on arrays, not for a model's "
            "weights, inputs or compiled functions. Use 'float16' (for half precision) or "
            "'float32'."
        )
    return dtype


def eager_dtype(dtype):
    """Return the dtype's name, which may be "bfloat16".

    Raises:
        NotImplementedError: even arrays cannot have it here.
    """
    dtype = standardize_dtype(dtype)
    if dtype.startswith("float8") or dtype in ("int4", "uint4"):
        raise NotImplementedError(
            f"The Theano engine has no dtype {dtype!r}. Use 'float16' or 'int8'."
        )
    return dtype


# --- Running small graphs: eager calls -----------------------------------------------------------


class Program:
    """A graph made ready to run on arrays at once, without PyTensor's rewriting or compiling.

    The nodes' own Python implementations are called in order. Building one costs a tenth of a
    millisecond or so, where `pytensor.function` costs several, which matters because an eager call
    may never come again.
    """

    def __init__(self, inputs, outputs):
        self.lock = threading.Lock()
        storage = {variable: [None] for variable in inputs}
        self._inputs = [storage[variable] for variable in inputs]
        self._thunks = []
        self._scratch = []
        for node in io_toposort(inputs, outputs):
            for variable in node.inputs:
                if variable not in storage:
                    storage[variable] = _constant_storage(variable)
            for variable in node.outputs:
                storage[variable] = [None]
                self._scratch.append(storage[variable])
            thunk = node.op.make_thunk(node, storage, _Computed(), [], impl="py")
            self._thunks.append(thunk)
        for variable in outputs:
            if variable not in storage:
                storage[variable] = _constant_storage(variable)
        self._outputs = [storage[variable] for variable in outputs]

    @np.errstate(all="ignore")  # a NaN is a number like others on all engines
    def __call__(self, arrays):
        with self.lock:
            for cell, array in zip(self._inputs, arrays, strict=True):
                cell[0] = array
            try:
                for thunk in self._thunks:
                    thunk()
                return [np.asarray(cell[0]) for cell in self._outputs]
            finally:
                # The results belong to the caller: the next call must not write into them.
                for cell in self._scratch:
                    cell[0] = None


class _Computed(dict):
    """Stands in for PyTensor's compute map: nothing here is computed lazily."""

    def __missing__(self, variable):
        self[variable] = [True]
        return self[variable]


def _constant_storage(variable):
    if isinstance(variable, Constant):
        return [variable.data]
    if hasattr(variable, "container"):
        return variable.container.storage
    raise ValueError(f"{variable} is symbolic: it has no value to compute with.")


def run_graph(inputs, outputs, arrays):
    """Compute `outputs` once, with `arrays` for `inputs`."""
    return _program(inputs, outputs)(arrays)


def _program(inputs, outputs):
    if any(isinstance(node.op, IfElse) for node in io_toposort(inputs, outputs)):
        # Lazy branches need PyTensor's own virtual machine.
        function = modes.compile_for_vm(inputs, outputs)

        def run(arrays):
            with engine_lock:
                return [np.asarray(value) for value in function(*arrays)]

        return run
    return Program(inputs, outputs)


_PROGRAMS = {}
_MAX_PROGRAMS = 4096


def _unlock_programs():
    """Let go of the locks that a forked process has inherited from threads that it has not got."""
    for program, _ in _PROGRAMS.values():
        if isinstance(program, Program):
            program.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_programs)


class _Slot:
    """Marks an array's place in a call's arguments, so that calls can be compared."""

    __slots__ = ("shape", "dtype")

    def __init__(self, array):
        self.shape = array.shape
        self.dtype = array.dtype.name

    def __hash__(self):
        return hash((self.shape, self.dtype))

    def __eq__(self, other):
        return isinstance(other, _Slot) and self.shape == other.shape and self.dtype == other.dtype


def _eager(function, args, kwargs):
    leaves = tree.flatten((args, kwargs))
    if any(map(bfloat16.is_bfloat16, leaves)):
        return bfloat16.call(functools.partial(_eager, function), args, kwargs)
    arrays = [leaf for leaf in leaves if is_array(leaf)]
    slots = [_Slot(leaf) if is_array(leaf) else (type(leaf), leaf) for leaf in leaves]
    try:
        # The structure is told apart by its own repr; floatx decides default dtypes.
        structure = tree.map_structure(lambda leaf: None, (args, kwargs))
        key = (function, repr(structure), tuple(slots), config.floatx())
        found = _PROGRAMS.get(key)
    except TypeError:  # an unhashable static argument: build the graph anew
        key = found = None
    if found is None:
        with engine_lock:
            found = _build_program(function, args, kwargs, arrays)
        if key is not None:
            if len(_PROGRAMS) >= _MAX_PROGRAMS:
                _PROGRAMS.clear()
            _PROGRAMS[key] = found
    program, result = found
    if program is None:
        return result
    values = iter(program(arrays))
    return tree.map_structure(
        lambda leaf: _own(next(values), arrays) if isinstance(leaf, TheanoVariable) else leaf,
        result,
    )


def _build_program(function, args, kwargs, arrays):
    """Return (program, what `function` returns): the variables in it are the program's results."""
    inputs = [pt.TensorType(supported_dtype(array.dtype), shape=array.shape)() for array in arrays]
    remaining = iter(inputs)
    args, kwargs = tree.map_structure(
        lambda leaf: next(remaining) if is_array(leaf) else leaf, (args, kwargs)
    )
    result = function(*args, **kwargs)
    outputs = [leaf for leaf in tree.flatten(result) if isinstance(leaf, TheanoVariable)]
    return _program(inputs, outputs) if outputs else None, result


def _own(value, arrays):
    """Return `value` in memory of its own: `y += 1` must not change the `x` that `y` came from."""
    shared = any(np.may_share_memory(value, array) for array in arrays)
    return value.copy() if shared else value


def op(function):
    """Let a function over PyTensor variables serve Tensors and arrays too (see the module's text).

    Python numbers, strings, shapes and other static arguments reach the function as they are.
    """

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        found_symbol = False
        given = []  # the symbols of Tensors

        def unwrap(leaf):
            nonlocal found_symbol
            if isinstance(leaf, KerasVariable):
                leaf = leaf.read()
            if isinstance(leaf, Tensor):
                given.append(leaf.symbol)
                return leaf.symbol
            if isinstance(leaf, TheanoVariable):
                found_symbol = True
            elif not is_array(leaf) and hasattr(leaf, "__array__") and not callable(leaf):
                leaf = np.asarray(leaf)  # pandas, torch and TensorFlow tensors
            return leaf

        args, kwargs = tree.map_structure(unwrap, (args, kwargs))
        if not (given or found_symbol):
            try:
                return _eager(function, args, kwargs)
            except ValueError as error:
                translate(error)
                raise
        result = function(*args, **kwargs)
        if given:
            path = current_path()
            if path:
                leaves = tree.flatten(result)
                made = [leaf for leaf in leaves if isinstance(leaf, TheanoVariable)]
                mark_layer(made, path, given)
            result = tree.map_structure(
                lambda leaf: Tensor(leaf) if isinstance(leaf, TheanoVariable) else leaf, result
            )
        return result

    return wrapper

"""From a Python function over Keras objects to one compiled Theano function."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from keras.src import tree
from keras.src.backend.common.stateless_scope import (
    StatelessScope,
    get_stateless_scope,
    in_stateless_scope,
)
from pytensor.gradient import DisconnectedGrad, disconnected_grad

from keras_theano.src import errors, modes
from keras_theano.src.layer_marks import gradients_marked
from keras_theano.src.lock import engine_lock
from keras_theano.src.tensor import Tensor, as_array, as_symbol, supported_dtype


class TraceScope(StatelessScope):
    """While it is active, Keras variables read as symbols and assignments are written down.

    A variable that is read after an assignment stands for itself, as on TensorFlow: gradients end
    there, and do not go on through what its new value was computed from.

    Attributes:
        assigned: The variables assigned to, in order of their first assignment.
        made_variables: Variables were made inside and read, which have a value only after it.
    """

    def __init__(self, initialize_variables=True):
        super().__init__(collect_losses=True, initialize_variables=initialize_variables)
        self.assigned = []
        self._reads = {}  # id of a variable -> what it was read as after its assignments
        self.made_variables = False

    def get_current_value(self, variable):
        value = super().get_current_value(variable)
        if value is None and variable.shared is not None:
            value = self.state_mapping[id(variable)] = Tensor(variable.shared)
        elif isinstance(value, Tensor) and _carries_gradient(value):
            value = self.state_mapping[id(variable)] = Tensor(disconnected_grad(value.symbol))
            self._reads.setdefault(id(variable), []).append(value.symbol)
        self.made_variables |= value is None
        return value

    def reads(self, variable):
        """Return all that a Keras variable was read as, PyTensor variables."""
        return [variable.shared, *self._reads.get(id(variable), ())]

    def add_update(self, update):
        variable, value = update
        if all(variable is not other for other in self.assigned):
            self.assigned.append(variable)
        super().add_update((variable, value))

    def updates(self):
        """Return the pairs (shared variable, its new value) of all that was assigned."""
        pairs = []
        for variable in self.assigned:
            value = as_symbol(self.state_mapping[id(variable)], variable.shared.type.dtype)
            if isinstance(getattr(value.owner, "op", None), DisconnectedGrad):
                value = value.owner.inputs[0]
            if value is variable.shared:
                continue
            if value.type.shape != variable.shared.type.shape:
                value = pt.specify_shape(value, variable.shared.type.shape)
            pairs.append((variable.shared, value))
        return pairs


def _carries_gradient(value):
    symbol = value.symbol
    if symbol.owner is None or isinstance(symbol.owner.op, DisconnectedGrad):
        return False
    return symbol.type.dtype.startswith("float")


def gradients(loss, variables):
    """Return the gradients of a scalar `loss` with respect to Keras variables.

    Call it while a model is traced, that is inside `train_step`.

    Args:
        loss: Scalar `Tensor`.
        variables: Keras variables.

    Returns:
        A list: for each variable a `Tensor` of its shape and dtype, or None where the loss does
        not depend on it.

    Raises:
        ValueError: `loss` is no traced scalar.
    """
    if not isinstance(loss, Tensor):
        raise ValueError(
            "Gradients are taken of a traced loss, inside `train_step`; this loss is a plain "
            f"number that depends on no variable: {loss!r}"
        )
    if loss.ndim != 0:
        raise ValueError(
            f"The loss must be a scalar to take gradients of, but it has shape {loss.shape}. "
            "Average or sum it first."
        )
    scope = get_stateless_scope() if in_stateless_scope() else None
    reads = [scope.reads(v) if isinstance(scope, TraceScope) else [v.shared] for v in variables]
    with gradients_marked(loss.symbol):
        found = iter(
            pytensor.grad(
                loss.symbol,
                [symbol for symbols in reads for symbol in symbols],
                disconnected_inputs="ignore",
                return_disconnected="none",
            )
        )
    sums = []
    for symbols in reads:
        parts = [part for part in (next(found) for _ in symbols) if part is not None]
        sums.append(Tensor(sum(parts[1:], parts[0])) if parts else None)
    return sums


class CompiledStep:
    """A step function (train, test or predict), traced and compiled for each kind of batch.

    A kind of batch is its structure, dtypes and ranks. The first axis may have any size; other
    axes keep the first batch's sizes until a batch comes that differs there, which are then
    left open too. Threads that call it take turns.

    Args:
        step: Function of one batch (a nested structure of arrays) that returns a nested structure.
    """

    def __init__(self, step):
        self._step = step
        self._compiled = {}

    def __call__(self, data):
        with engine_lock:
            compiled, arrays = self._compiled_for(data)
            return compiled(arrays)

    def function_for(self, data):
        """Return the PyTensor function for batches like this one, without calling it."""
        with engine_lock:
            return self._compiled_for(data)[0].function

    def _compiled_for(self, data):
        leaves = [None if leaf is None else as_array(leaf) for leaf in tree.flatten(data)]
        arrays = [leaf for leaf in leaves if leaf is not None]
        kinds = (None if leaf is None else (leaf.dtype.name, leaf.ndim) for leaf in leaves)
        key = (modes.current(), *kinds)
        found = self._compiled.get(key)
        if found is None or not found.accepts(arrays):
            found = self._trace(data, leaves, found)
            self._compiled[key] = found
        return found, arrays

    @property
    def functions(self):
        """The PyTensor functions compiled so far."""
        return [compiled.function for compiled in self._compiled.values()]

    def _trace(self, data, leaves, previous, again=False):
        arrays = [leaf for leaf in leaves if leaf is not None]
        shapes = [(None, *array.shape[1:])[: array.ndim] for array in arrays]
        if previous is not None:
            shapes = [
                tuple(a if a == b else None for a, b in zip(new, old, strict=True))
                for new, old in zip(shapes, previous.shapes, strict=True)
            ]
        inputs = [
            pt.TensorType(supported_dtype(array.dtype), shape=shape)(f"batch_{i}")
            for i, (array, shape) in enumerate(zip(arrays, shapes, strict=True))
        ]
        remaining = iter(inputs)
        symbols = [None if leaf is None else Tensor(next(remaining)) for leaf in leaves]
        with TraceScope() as scope:
            result = self._step(tree.pack_sequence_as(data, symbols))
            updates = None if scope.made_variables else scope.updates()
        if scope.made_variables:
            if again:
                raise ValueError(
                    "The model makes new variables every time it is called. Make them once, in "
                    "`__init__` or `build`."
                )
            # It was the model's first call: now that its variables exist, once more.
            return self._trace(data, leaves, previous, again=True)
        outputs = [as_symbol(leaf) for leaf in tree.flatten(result) if leaf is not None]
        function = modes.compile_function(inputs, outputs, updates)
        updated = [variable for variable, _ in updates]
        return _Compiled(function, shapes, result, updated)


class _Compiled:
    def __init__(self, function, shapes, result, updated):
        self.function = function
        self.shapes = shapes
        self._result = result
        self._updated = updated

    def accepts(self, arrays):
        return all(
            size is None or size == actual
            for shape, array in zip(self.shapes, arrays, strict=True)
            for size, actual in zip(shape, array.shape, strict=True)
        )

    def __call__(self, arrays):
        for variable in self._updated:
            modes.take_back(variable)
        try:
            values = iter(self.function(*arrays))
        except Exception as error:
            raise errors.explain(error) from None
        return tree.map_structure(
            lambda leaf: None if leaf is None else _as_result(next(values)), self._result
        )


def _as_result(value):
    # A JAX array may still be computed, and looking at it would wait for that.
    return np.asarray(value) if isinstance(value, np.generic) else value

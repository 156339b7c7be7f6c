"""Runs PyTensor graphs in JAX: calls JAX's functions node by node, for JAX to trace and compile.

PyTensor's own JAX mode wants all sizes to be constants of the graph. Here the graph may leave them
open: what follows from the shapes of the arrays at hand (sizes, and indices made of them) is
computed with NumPy on the way, and JAX gets numbers. So no rewriting is needed beforehand, and JAX
compiles one program for each combination of shapes.

Importing this module imports JAX.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.traversal import io_toposort
from pytensor.ifelse import IfElse
from pytensor.link.jax.dispatch import jax_funcify
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar import basic as scalar
from pytensor.scan.op import Scan
from pytensor.tensor.basic import Alloc, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.shape import Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import IncSubtensor, Subtensor, indices_from_subtensor

from keras_theano.pytensor_ops._base import TensorOp

SIZE_DEPENDS = (
    "In JAX mode the size of every array must follow from the shapes of the inputs, but here it "
    "depends on their values ({}). The other modes can compute this: keras_theano.set_mode('vm')."
)
# What JAX raises where a size would depend on values, as that of `x[x > 0]`.
_VALUES_WANTED = (
    jax.errors.ConcretizationTypeError,
    jax.errors.NonConcreteBooleanIndexError,
)


def evaluate(known, outputs):
    """Return the values of `outputs`.

    Args:
        known: PyTensor variable -> its value: a JAX array (or what stands for one while JAX
            traces), or a NumPy array, which is a number that holds for the whole program.
        outputs: PyTensor variables that depend on these and on constants alone.
    """
    values = dict(known)

    def value_of(variable):
        if variable not in values:
            if not isinstance(variable, Constant):
                raise ValueError(f"{variable} has no value to compute with.")
            values[variable] = variable.data
        return values[variable]

    for node in io_toposort(list(known), outputs):
        try:
            results = _run(node, [value_of(variable) for variable in node.inputs])
            for variable, result in zip(node.outputs, results, strict=True):
                values[variable] = _as_type(result, variable.type)
        except Exception as error:
            if isinstance(error, _VALUES_WANTED):
                error = NotImplementedError(SIZE_DEPENDS.format(f"in {node.op}"))
            if not hasattr(error, "theano_node"):
                error.theano_node = node
            raise error
    return [value_of(variable) for variable in outputs]


def is_known(value):
    """Tell whether a value is a number already, not something that JAX is to compute."""
    return isinstance(value, (np.ndarray, np.generic, int, float))


def _run(node, values):
    """Return the list of a node's outputs."""
    op = node.op
    if isinstance(op, (Shape, Shape_i)):
        shape = np.asarray(np.shape(values[0]), "int64")
        return [shape if isinstance(op, Shape) else shape[op.i]]
    if all(map(is_known, values)) and all(map(_is_size_like, node.outputs)):
        return _perform(node, values)
    for kind, run in _OWN.items():
        if isinstance(op, kind):
            results = run(node, values)
            break
    else:
        node = _with_constants(node, values)
        if isinstance(op, TensorOp):
            results = (op.jax_function(node) or _symbolic_function(node))(*values)
        else:
            results = jax_funcify(op, node=node)(*map(_as_number, values))
    return list(results) if isinstance(results, (list, tuple)) else [results]


def _symbolic_function(node):
    """Return what JAX makes of the same outputs from PyTensor's own Ops, as a function of arrays."""
    inputs = [variable.type() for variable in node.inputs]
    outputs = node.op.symbolic(*inputs)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    return lambda *arrays: evaluate(dict(zip(inputs, arrays, strict=True)), outputs)


def _is_size_like(variable):
    """Whether values of this kind are sizes or made of sizes: few, and worth knowing early."""
    ndim = variable.type.ndim
    return ndim == 0 or (ndim == 1 and variable.type.dtype.startswith(("int", "uint", "bool")))


def _perform(node, values):
    """Compute a node with its own Python implementation."""
    inputs = [v.clone() for v in node.inputs]
    node = Apply(node.op, inputs, [v.clone() for v in node.outputs])
    storage = {v: [value] for v, value in zip(inputs, values, strict=True)}
    storage |= {v: [None] for v in node.outputs}
    computed = {v: [True] for v in storage}
    node.op.make_thunk(node, storage, computed, [], impl="py")()
    return [storage[v][0] for v in node.outputs]


def _with_constants(node, values):
    """The node with constants for those inputs whose values are known."""
    inputs = [
        v.type.make_constant(v.type.filter(value, allow_downcast=True))
        if is_known(value) and not isinstance(v, Constant)
        else v
        for v, value in zip(node.inputs, values, strict=True)
    ]
    return Apply(node.op, inputs, [v.clone() for v in node.outputs])


def _as_number(value):
    """JAX's functions take axes and the like as Python's numbers."""
    is_index = is_known(value) and np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iu"
    return int(value) if is_index else value


def _as_type(value, kind):
    """Give a result the dtype that PyTensor says it has (JAX promotes by other rules)."""
    dtype = getattr(kind, "dtype", None)
    if dtype is None or is_known(value):
        return value
    value = jnp.asarray(value)
    wanted = _canonical(dtype, jax.config.jax_enable_x64)
    return value if value.dtype == wanted else value.astype(wanted)


@functools.cache
def _canonical(dtype, in_64_bits):
    """The dtype that JAX has for PyTensor's: half as wide where JAX computes in 32 bits."""
    return jax.dtypes.canonicalize_dtype(dtype)


# --- Element by element --------------------------------------------------------------------------

_FOLDED = {
    scalar.Add: jnp.add,
    scalar.Mul: jnp.multiply,
    scalar.AND: jnp.bitwise_and,
    scalar.OR: jnp.bitwise_or,
    scalar.XOR: jnp.bitwise_xor,
    scalar.ScalarMaximum: jnp.maximum,
    scalar.ScalarMinimum: jnp.minimum,
}
_PARTS = {scalar.Real: jnp.real, scalar.Imag: jnp.imag}
# What is computed in the result's dtype.
_ARITHMETIC = (*_FOLDED, scalar.Sub, scalar.TrueDiv, scalar.IntDiv, scalar.Mod, scalar.Pow)


def _elemwise(node, values):
    op = node.op.scalar_op
    kind, output = type(op), node.outputs[0].type
    Elemwise._check_runtime_broadcast(node, values)
    if kind in _ARITHMETIC:
        dtype = _canonical(output.dtype, jax.config.jax_enable_x64)
        values = [v if v.dtype == dtype else v.astype(dtype) for v in values]
    if kind in _FOLDED:
        return functools.reduce(_FOLDED[kind], values)
    if kind is scalar.RoundHalfAwayFromZero:
        (x,) = values
        return jnp.trunc(x + jnp.copysign(x.dtype.type(0.5), x))
    if kind in _PARTS:  # PyTensor 2.38 tells JAX of neither
        return _PARTS[kind](*values)
    return jax_funcify(op, node=node)(*values)


def _reduce(node, values):
    (x,) = values
    axes = range(x.ndim) if node.op.axis is None else node.op.axis
    if x.ndim and all(x.shape[axis] == 1 for axis in axes):
        return jnp.squeeze(x, tuple(axes))
    return jax_funcify(node.op, node=node)(x)


# --- Indexing ------------------------------------------------------------------------------------


def _key(node, values, first):
    """The index of a (Inc)Subtensor node, of its values and of its variables."""
    idx_list = node.op.idx_list
    return (
        indices_from_subtensor(values[first:], idx_list),
        indices_from_subtensor(node.inputs[first:], idx_list),
    )


def _is_dynamic(part):
    """Whether a part of an index is a slice whose ends JAX is to compute."""
    return isinstance(part, slice) and not all(
        end is None or is_known(end) for end in (part.start, part.stop, part.step)
    )


def _static(part):
    if not isinstance(part, slice):
        return part
    ends = (None if end is None else int(end) for end in (part.start, part.stop, part.step))
    return slice(*ends)


def _start(part, size):
    """Where a slice begins: a negative start counts from the end."""
    start = 0 if part.start is None else part.start
    if is_known(start):
        return int(start) + size * (int(start) < 0)
    return jnp.where(start < 0, start + size, start)


def _subtensor(node, values):
    x = values[0]
    key, variables = _key(node, values, 1)
    dynamic = [axis for axis, part in enumerate(key) if _is_dynamic(part)]
    for axis in dynamic:
        length = node.outputs[0].type.shape[_axis_after(key, axis)]
        length = _slice_length(key[axis], variables[axis]) if length is None else length
        x = lax.dynamic_slice_in_dim(x, _start(key[axis], x.shape[axis]), length, axis)
    return x[tuple(slice(None) if i in dynamic else _static(part) for i, part in enumerate(key))]


def _axis_after(key, axis):
    """The place among the result's axes of the axis that `key[axis]` cuts."""
    return sum(isinstance(part, slice) for part in key[:axis])


def _slice_length(values, variables):
    """The length of a slice x[start : start + length], where JAX is to compute the start."""
    if values.step is None or is_known(values.step) and values.step == 1:
        if variables.start is None:
            start, length = None, variables.stop
        else:
            start, length = _plain(variables.start), _plain(variables.stop)
            node = length.owner
            is_sum = node is not None and getattr(node.op, "scalar_op", node.op) == scalar.add
            terms = [_plain(v) for v in node.inputs] if is_sum else []
            rest = [v for v in terms if v is not start]
            length = rest[0] if len(rest) == len(terms) - 1 == 1 else None
        if isinstance(length, Constant):
            return int(length.data)
    raise NotImplementedError(SIZE_DEPENDS.format("a slice between computed places"))


def _plain(variable):
    """The variable itself, without the casts between scalars and tensors around it."""
    while variable.owner is not None and (
        isinstance(variable.owner.op, (ScalarFromTensor, TensorFromScalar))
        or isinstance(getattr(variable.owner.op, "scalar_op", variable.owner.op), scalar.Cast)
    ):
        (variable,) = variable.owner.inputs
    return variable


def _inc_subtensor(node, values):
    # JAX's own `x.at[key].add(y)` would be a scatter, which is slow on the processor, and which some
    # releases of XLA cannot compile where it is reversed afterwards.
    x, y = map(jnp.asarray, values[:2])
    key, _ = _key(node, values, 2)
    key = [*key, *[slice(None)] * (x.ndim - len(key))]
    y = jnp.expand_dims(y, tuple(range(sum(isinstance(part, slice) for part in key) - y.ndim)))
    starts, counts, steps, backwards = [], [], [], []
    for axis, (part, size) in enumerate(zip(key, x.shape, strict=True)):
        start, count, step = 0, 1, 1
        if not isinstance(part, slice):
            start = _start(slice(part, None), size)
            y = jnp.expand_dims(y, axis)
        elif _is_dynamic(part):
            start, count = _start(part, size), y.shape[axis]
        else:
            places = range(size)[_static(part)]
            if places.step < 0:
                backwards.append(axis)
                places = places[::-1]
            start, count, step = places.start, len(places), places.step
        starts.append(start)
        counts.append(count)
        steps.append(step if count > 1 else 1)
    y = jnp.broadcast_to(lax.rev(y, [a for a in backwards if y.shape[a] > 1]), counts)
    y = y.astype(x.dtype)
    is_set, on_zeros = node.op.set_instead_of_inc, _is_zeros(node.inputs[0])
    if not all(map(is_known, starts)) or set(steps) == {1} and not on_zeros:
        if 0 in counts:
            return x
        if set(steps) != {1}:
            places = zip(starts, counts, steps, strict=True)
            at = x.at[jnp.ix_(*(start + step * np.arange(count) for start, count, step in places))]
            return at.set(y) if is_set else at.add(y)
        if not is_set:
            y = lax.dynamic_slice(x, starts, counts) + y
        return y if y.shape == x.shape else lax.dynamic_update_slice(x, y, starts)
    edges = [
        (int(start), size - int(start) - (count - 1) * step - 1, step - 1)
        if count
        else (0, size, 0)
        for start, size, count, step in zip(starts, x.shape, counts, steps, strict=True)
    ]
    padded = lax.pad(y, x.dtype.type(0), edges)
    if on_zeros:
        return padded
    if not is_set:
        return x + padded
    return jnp.where(lax.pad(np.ones(counts, bool), False, edges), padded, x)


def _is_zeros(variable):
    """Whether a variable is made as zeros."""
    node = variable.owner
    if node is None:
        return isinstance(variable, Constant) and not np.any(variable.data)
    if isinstance(node.op, Alloc):
        return _is_zeros(node.inputs[0])
    kind = getattr(node.op, "scalar_op", None)
    if isinstance(kind, (scalar.Second, scalar.Cast)) or isinstance(node.op, DimShuffle):
        return _is_zeros(node.inputs[-1])
    return False


# --- Loops, branches, checks ---------------------------------------------------------------------


def _scan(node, values):
    """PyTensor's `Scan` as `lax.scan`.

    What is carried are the last values of each recurrence (as many as the body looks back), and
    the buffers of those outputs that the body also reads and writes at other places, which
    gradients of loops have.
    """
    op, info = node.op, node.op.info
    if info.as_while:
        raise NotImplementedError("A PyTensor scan with an `until` has no JAX implementation.")
    count = values[0]
    if not is_known(count):
        raise NotImplementedError(SIZE_DEPENDS.format("the number of steps of a scan"))
    count = int(count)
    sequences = [jnp.asarray(x)[:count] for x in op.outer_seqs(values)]
    many = [jnp.asarray(x) for x in op.outer_mitmot(values)]
    # The buffers of recurrences begin with the initial values.
    taps = [*info.mit_sot_in_slices, *(((-1,),) * info.n_sit_sot)]
    buffers = [*op.outer_mitsot(values), *op.outer_sitsot(values)]
    initial = [jnp.asarray(buffer)[: -min(tap)] for buffer, tap in zip(buffers, taps, strict=True)]
    fixed = op.outer_non_seqs(values)
    inner = op.fgraph

    def step(carry, elements):
        i, many, recent = carry
        looked_up = [
            lax.dynamic_index_in_dim(buffer, i + tap, keepdims=False)
            for buffer, places in zip(many, _mit_mot_in(info), strict=True)
            for tap in places
        ]
        states = [
            last[tap - min(places)]
            for last, places in zip(recent, taps, strict=True)
            for tap in places
        ]
        arguments = [*elements, *looked_up, *states, *fixed]
        found = evaluate(dict(zip(inner.inputs, arguments, strict=True)), inner.outputs)
        found = iter(found)
        written = []
        for buffer, places in zip(many, _mit_mot_out(info), strict=True):
            for tap in places:
                value = jnp.asarray(next(found), buffer.dtype)
                buffer = lax.dynamic_update_index_in_dim(buffer, value, i + tap, 0)
            written.append(buffer)
        new = [next(found) for _ in recent]
        recent = [
            jnp.concatenate([last[1:], jnp.asarray(value, last.dtype)[None]])
            for last, value in zip(recent, new, strict=True)
        ]
        return (i + 1, written, recent), (new, list(found))

    (_, many, _), (states, outputs) = lax.scan(step, (0, many, initial), sequences, length=count)
    results = list(many)
    for before, after, buffer in zip(initial, states, buffers, strict=True):
        results.append(jnp.concatenate([before, after])[-buffer.shape[0] :])
    for output, length in zip(outputs, op.outer_nitsot(values), strict=True):
        results.append(output[len(output) - int(length) :])
    return results


def _mit_mot_in(info):
    return _from_zero(info, info.mit_mot_in_slices)


def _mit_mot_out(info):
    return _from_zero(info, info.mit_mot_out_slices)


def _from_zero(info, slices):
    """Places in a buffer, relative to the step's number, of taps that may be negative."""
    lowest = [
        min(0, *reads, *writes)
        for reads, writes in zip(info.mit_mot_in_slices, info.mit_mot_out_slices, strict=True)
    ]
    return [[tap - low for tap in taps] for taps, low in zip(slices, lowest, strict=True)]


def _if_else(node, values):
    condition, *rest = values
    count = node.op.n_outs
    return list(lax.cond(condition, lambda: rest[:count], lambda: rest[count:]))


def _inline(node, values):
    """An Op that is a graph, in which JAX must not find what it has computed outside already.

    Such an Op stands where intermediate values are to be computed anew instead of kept.
    """
    inner = node.op.fgraph
    known = [is_known(value) for value in values]
    behind = iter(
        lax.optimization_barrier([v for v, k in zip(values, known, strict=True) if not k])
    )
    values = [v if k else next(behind) for v, k in zip(values, known, strict=True)]
    return evaluate(dict(zip(inner.inputs, values, strict=True)), inner.outputs)


def _check(node, values):
    x, *conditions = values
    for condition in conditions:
        if is_known(condition) and not condition:
            raise node.op.exc_type(node.op.msg)
    return x  # what depends on values can't be checked in a JAX program


def _specify_shape(node, values):
    x, *sizes = values
    for axis, (size, wanted) in enumerate(zip(x.shape, sizes, strict=True)):
        if wanted is not None and is_known(wanted) and size != wanted:
            raise ValueError(
                f"The shape {x.shape} is not the expected one: axis {axis} should have size "
                f"{int(wanted)}."
            )
    return x


_OWN = {
    Elemwise: _elemwise,
    CAReduce: _reduce,
    Subtensor: _subtensor,
    IncSubtensor: _inc_subtensor,
    Scan: _scan,
    IfElse: _if_else,
    OpFromGraph: _inline,
    CheckAndRaise: _check,
    SpecifyShape: _specify_shape,
}

"""Loops, branches, indexing by position, and functions with gradients of their own.

Called with arrays, a loop is a Python loop; while a graph is traced, it is one node with an inner
graph (see `body`).
"""

import builtins

import numpy as np
import pytensor
import pytensor.tensor as pt
from keras.src import tree
from keras.src.backend.common.stateless_scope import get_stateless_scope
from keras.src.backend.common.variables import Variable as KerasVariable
from pytensor.compile.builders import OpFromGraph
from pytensor.ifelse import ifelse

from keras_theano.pytensor_ops.control_flow import CustomGradient, InnerGraph, WhileLoop
from keras_theano.pytensor_ops.math import ScatterReduce
from keras_theano.pytensor_ops.sizes import sizes_of, with_shape
from keras_theano.src import modes
from keras_theano.src.conversion import convert_to_tensor
from keras_theano.src.loop_body import (
    LoopBody,
    call_and_undo,
    current_value,
    flatten,
    pack,
    rebuild,
    tracing,
)
from keras_theano.src.tensor import Tensor, as_symbol, is_array, op, promote

# --- Loops ---------------------------------------------------------------------------------------


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """Run `carry, y = f(carry, x)` over the first axis of `xs`; see `keras.ops.scan`.

    Returns:
        (last carry, the ys stacked). Assignments to Keras variables in `f` go from step to step.
    """
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(
            f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}"
        )
    leaves = flatten(xs)
    if not leaves and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    if leaves:
        counts = {len(leaf) if is_array(leaf) else leaf.shape[0] for leaf in leaves}
        known = (counts | {None if length is None else int(length)}) - {None}
        if len(known) > 1:
            raise ValueError(
                "`scan` got `xs` (and `length`) of different lengths: "
                f"{sorted(known)}. Received: length={length}"
            )
        length = known.pop() if known else None
    if length is not None and (unroll is True or not tracing(init, xs)):
        return _unrolled(f, init, xs, int(length), reverse)
    return _scan_node(f, init, xs, length, reverse)


def _unrolled(f, carry, xs, length, reverse):
    ys = []
    for i in reversed(range(length)) if reverse else range(length):
        x = tree.map_structure(lambda leaf, i=i: None if leaf is None else leaf[i], xs)
        carry, y = f(carry, x)
        ys.append(y)
    if reverse:
        ys.reverse()
    if not ys:
        raise ValueError("`scan` over no step at all has no outputs to stack.")
    return carry, tree.map_structure(
        lambda *parts: None if parts[0] is None else _stack(parts), *ys
    )


@op
def _stack(parts):
    return pt.stack([as_symbol(part) for part in parts])


def _scan_node(f, init, xs, length, reverse):
    sequences = [as_symbol(leaf) for leaf in flatten(xs)]
    if reverse:
        sequences = [sequence[::-1] for sequence in sequences]
    types = [pt.TensorType(s.type.dtype, s.type.shape[1:]) for s in sequences]
    body = LoopBody(f, init, pack(xs, types))
    captured = body.captured()
    inner = [*body.step, *body.carried, *captured]

    # What is carried on and also a result need not be stored twice.
    own_results = [result for result in body.results if result not in body.next]

    def step(*args):
        return rebuild([*body.next, *own_results], inner, args)

    if not body.next and not body.results:
        return body.finish([]), body.pack_results([])
    outputs = pytensor.scan(
        step,
        sequences=sequences,
        outputs_info=[*body.initial, *([None] * len(own_results))],
        non_sequences=captured,
        n_steps=length,
        **modes.of_a_loop(),
        return_list=True,
        return_updates=False,
    )
    traces = dict(zip([*body.next, *own_results], outputs, strict=True))
    final = [
        with_shape(output[-1], inner.type.shape)
        for output, inner in zip(outputs, body.carried, strict=False)
    ]
    results = [with_shape(traces[inner], (length, *inner.type.shape)) for inner in body.results]
    if reverse:
        results = [result[::-1] for result in results]
    return body.finish(final), body.pack_results(results)


def map(f, xs):
    """Apply `f` to each element along the first axis of `xs`, and stack the results."""
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


def vectorized_map(function, elements):
    """Apply `function` to each of the `elements` along their first axis, and stack the results."""
    return map(function, elements)


def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Repeat `loop_vars = body(*loop_vars)` while `cond(*loop_vars)`; see `keras.ops.while_loop`.

    Gradients run the loop again and keep every pass's variables.
    """
    is_tuple = isinstance(loop_vars, (tuple, list))
    loop_vars = tuple(loop_vars) if is_tuple else (loop_vars,)

    def next_vars(values):
        values = body(*values)
        return tuple(values) if is_tuple else (values,)

    if tracing(loop_vars, maximum_iterations):
        result = _while_node(cond, next_vars, loop_vars, maximum_iterations)
    else:
        result = tree.map_structure(_as_value, loop_vars)
        done = 0
        while (maximum_iterations is None or done < maximum_iterations) and cond(*result):
            result = next_vars(result)
            done += 1
    return result if is_tuple else result[0]


def _as_value(leaf):
    if leaf is None or isinstance(leaf, Tensor) or is_array(leaf):
        return leaf
    return convert_to_tensor(leaf)


def _while_node(cond, next_vars, loop_vars, maximum_iterations):
    limit = None if maximum_iterations is None else as_symbol(maximum_iterations, "int64")

    def step(carry, _):
        done, values = carry
        return (Tensor(done.symbol + 1), next_vars(values)), ()

    body = LoopBody(step, (np.asarray(0, "int64"), loop_vars))
    count = len(body.carried) - len(body.variables)
    inner_vars = pack(loop_vars, [Tensor(v) for v in body.carried[1:count]])
    proceed = as_symbol(cond(*inner_vars)).astype("bool")
    if proceed.type.ndim:
        proceed = proceed.reshape(())
    if limit is not None:
        proceed = proceed & (body.carried[0] < limit)
    captured = body.captured(proceed)
    stand_ins = [variable.type() for variable in captured]
    inputs = [*body.carried, *stand_ins]
    proceed, *following = rebuild([proceed, *body.next], captured, stand_ins)
    loop = WhileLoop(
        InnerGraph(inputs, [proceed], modes.compile_for_vm),
        InnerGraph(inputs, following, modes.compile_for_vm),
    )
    final = loop(*body.initial, *captured, return_list=True)
    return body.finish(final)[1]


def fori_loop(lower, upper, body_fun, init_val):
    """Return `init_val` after `val = body_fun(i, val)` for i from `lower` up to `upper`."""
    if not tracing(lower, upper, init_val):
        value = init_val
        for i in range(int(lower), int(upper)):
            value = body_fun(i, value)
        return value
    if isinstance(lower, int) and isinstance(upper, int):
        if upper <= lower:
            return init_val
        places = np.arange(lower, upper, dtype="int32")
        return scan(lambda value, i: (body_fun(i, value), ()), init_val, places)[0]

    def body(i, value):
        return Tensor(i.symbol + 1), body_fun(i, value)

    start, stop = as_symbol(lower, "int32"), as_symbol(upper, "int32")
    return while_loop(
        lambda i, value: Tensor(pt.lt(i.symbol, stop)), body, (Tensor(start), init_val)
    )[1]


def associative_scan(f, elems, reverse=False, axis=0):
    """Combine the first k elements along `axis` by the associative `f`, for every k.

    Takes logarithmically many rounds of `f` on whole slices. The length along `axis` must be known
    while the graph is built.
    """
    flat = tree.flatten(elems)
    lengths = {leaf.shape[axis] for leaf in flat}
    if len(lengths) != 1:
        raise ValueError(
            "Array inputs to associative_scan must have the same first dimension. "
            f"(saw: {[tuple(leaf.shape) for leaf in flat]})"
        )
    (length,) = lengths
    if length is None:
        raise ValueError("`associative_scan` needs a known length along `axis`; it is None.")
    if any(not -len(leaf.shape) <= axis < len(leaf.shape) for leaf in flat):
        raise ValueError(f"`axis`={axis} does not exist in every element of `elems`.")
    flat = [_along(leaf, axis, None, None, -1 if reverse else 1) for leaf in flat]

    def combine(a, b):
        result = f(tree.pack_sequence_as(elems, a), tree.pack_sequence_as(elems, b))
        return tree.flatten(result)

    def run(parts, count):
        if count < 2:
            return parts
        # Combined pairs give every second result; one more round gives those between.
        left = [_along(part, axis, 0, count - 1, 2) for part in parts]
        right = [_along(part, axis, 1, count, 2) for part in parts]
        odd = run(combine(left, right), count // 2)
        if count < 3:
            even = [_along(part, axis, 0, 1, 1) for part in parts]
        else:
            before = [_along(part, axis, 0, (count - 1) // 2, 1) for part in odd]
            rest = combine(before, [_along(part, axis, 2, count, 2) for part in parts])
            even = [
                _join(_along(part, axis, 0, 1, 1), other, axis)
                for part, other in zip(parts, rest, strict=True)
            ]
        return [_interleave(a, b, axis) for a, b in zip(even, odd, strict=True)]

    result = run(flat, length)
    if reverse:
        result = [_along(leaf, axis, None, None, -1) for leaf in result]
    return tree.pack_sequence_as(elems, result)


def _place(axis, ndim, part):
    return (builtins.slice(None),) * (axis % ndim) + (part,)


@op
def _along(x, axis, start, stop, step):
    x = as_symbol(x)
    return x[_place(axis, x.type.ndim, builtins.slice(start, stop, step))]


@op
def _join(a, b, axis):
    return pt.concatenate([as_symbol(a), as_symbol(b)], axis=axis)


@op
def _interleave(even, odd, axis):
    """Alternate the elements of `even` and `odd` (which may have one less) along `axis`."""
    even, odd = as_symbol(even), as_symbol(odd)
    ndim = even.type.ndim
    shape = list(sizes_of(even))
    shape[axis % ndim] = even.type.shape[axis] + odd.type.shape[axis]
    result = pt.zeros(tuple(shape), even.type.dtype)
    for start, part in enumerate((even, odd)):
        place = _place(axis, ndim, builtins.slice(start, None, 2))
        result = pt.set_subtensor(result[place], part)
    return result


# --- Branches ------------------------------------------------------------------------------------


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


def switch(index, branches, *operands):
    """Call the branch of number `index` (clamped to the range) with the operands."""
    if not isinstance(index, Tensor):
        chosen = int(np.clip(_as_value(index), 0, len(branches) - 1))
        return branches[chosen](*operands)

    def choose(first):
        if first == len(branches) - 1:
            return branches[first](*operands)
        return cond(
            Tensor(pt.le(index.symbol, first)),
            lambda: branches[first](*operands),
            lambda: choose(first + 1),
        )

    return choose(0)


# --- Indexing by position ------------------------------------------------------------------------


def _places(indices):
    """Return `indices` (n..., k) as k arrays that index the first k axes of something."""
    indices = as_symbol(indices)
    if indices.type.shape[-1] is None:
        raise ValueError("The last axis of `indices` must have a known size.")
    return tuple(indices[..., i].astype("int64") for i in range(indices.type.shape[-1]))


@op
def scatter(indices, values, shape):
    """Return zeros of `shape` with `values` (n..., ...) added at `indices` (n..., k)."""
    values = as_symbol(values)
    return pt.inc_subtensor(pt.zeros(shape, values.type.dtype)[_places(indices)], values)


@op
def scatter_update(inputs, indices, updates, reduction=None):
    """Return `inputs` with `updates` (n, ...) set at, or combined into, `indices` (n, k).

    Args:
        reduction: None (the last update of a place wins), "add", "max", "min" or "mul".
    """
    inputs = as_symbol(inputs)
    updates = as_symbol(updates, inputs.type.dtype)
    places = _places(indices)
    if reduction is None:
        return pt.set_subtensor(inputs[places], updates)
    if reduction == "add":
        return pt.inc_subtensor(inputs[places], updates)
    if reduction not in ("max", "min", "mul"):
        raise ValueError(f"Unsupported reduction: {reduction}")
    k = len(places)
    lengths = sizes_of(inputs)
    rows = 0
    for length, place in zip(lengths, places, strict=False):
        rows = rows * length + pt.switch(place < 0, place + length, place)
    count = int(np.prod(lengths[:k])) if None not in inputs.type.shape[:k] else -1
    flat = inputs.reshape((count, *lengths[k:]))
    result = ScatterReduce(reduction)(flat, rows.astype("int64"), updates)
    return with_shape(result.reshape(lengths), inputs.type.shape)


def _starts(start_indices, ndim):
    if isinstance(start_indices, (list, tuple)):
        starts = list(start_indices)
    else:
        starts = [as_symbol(start_indices)[i] for i in range(ndim)]
    return [s if isinstance(s, int) else as_symbol(s).astype("int64") for s in starts]


@op
def slice(inputs, start_indices, shape):
    """Return the part of `inputs` that begins at `start_indices`; -1 in `shape` is all the rest."""
    inputs = as_symbol(inputs)
    starts = _starts(start_indices, inputs.type.ndim)
    shape = [n if isinstance(n, int) else as_symbol(n).astype("int64") for n in shape]
    key = tuple(
        builtins.slice(start, None if isinstance(n, int) and n == -1 else start + n)
        for start, n in zip(starts, shape, strict=True)
    )
    known = [
        (total - start if total is not None and isinstance(start, int) else None)
        if isinstance(n, int) and n == -1
        else n
        for total, start, n in zip(inputs.type.shape, starts, shape, strict=True)
    ]
    return with_shape(inputs[key], known)


@op
def slice_update(inputs, start_indices, updates):
    """Return `inputs` with `updates` (of the same rank) in the place that begins at the indices."""
    inputs = as_symbol(inputs)
    updates = as_symbol(updates, inputs.type.dtype)
    starts = _starts(start_indices, inputs.type.ndim)
    key = tuple(
        builtins.slice(start, start + n) for start, n in zip(starts, sizes_of(updates), strict=True)
    )
    return pt.set_subtensor(inputs[key], updates)


@op
def unstack(x, num=None, axis=0):
    """Return the list of slices of `x` along `axis`, whose length must be known or given."""
    x = as_symbol(x)
    length = x.type.shape[axis]
    if num is None:
        num = length
    if num is None:
        raise ValueError(
            f"`unstack` needs `num`: the size of axis {axis} is unknown in shape {x.type.shape}."
        )
    if length is not None and length != num:
        raise ValueError(f"`unstack`: num={num}, but axis {axis} has size {length}.")
    return [x[_place(axis, x.type.ndim, i)] for i in range(num)]


# --- Gradients -----------------------------------------------------------------------------------


def custom_gradient(fun):
    """Decorate `fun`, which returns (output, function from its cotangent to the gradients)."""

    def wrapper(*args, **kwargs):
        args, kwargs = tree.map_structure(
            lambda leaf: leaf.value if isinstance(leaf, KerasVariable) else leaf, (args, kwargs)
        )
        output, grad_fn = fun(*args, **kwargs)
        if not tracing(output):
            return output
        values = [as_symbol(leaf) for leaf in flatten(output)]
        sources = [leaf for leaf in tree.flatten(args) if isinstance(leaf, Tensor)]
        kept = [isinstance(leaf, Tensor) for leaf in tree.flatten(args)]

        def gradients(cotangents):
            found = grad_fn(*[Tensor(cotangent) for cotangent in cotangents])
            found = list(found) if isinstance(found, (list, tuple)) else [found]
            found = [g for part in found for g in tree.flatten(part)]
            if len(found) != len(kept):
                raise ValueError(
                    f"A custom gradient must give one gradient per argument: {len(kept)}, but it "
                    f"gave {len(found)}."
                )
            return [
                None if g is None else as_symbol(g)
                for g, keep in zip(found, kept, strict=True)
                if keep
            ]

        node = CustomGradient(len(values), gradients)
        results = node(*values, *(leaf.symbol for leaf in sources), return_list=True)
        return pack(output, [Tensor(result) for result in results])

    return wrapper


def remat(f):
    """Return `f` as one node that keeps no intermediate values: its gradient computes them anew."""

    def wrapper(*args, **kwargs):
        if not tracing(args, kwargs):
            return f(*args, **kwargs)
        carry = [leaf for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, Tensor)]

        def step(inner, _):
            remaining = iter(inner)
            inner_args, inner_kwargs = tree.map_structure(
                lambda leaf: next(remaining) if isinstance(leaf, Tensor) else leaf, (args, kwargs)
            )
            return inner, f(*inner_args, **inner_kwargs)

        body = LoopBody(step, carry)
        captured = body.captured()
        stand_ins = [variable.type() for variable in captured]
        count = len(carry)
        outputs = rebuild([*body.next[count:], *body.results], captured, stand_ins)
        node = OpFromGraph([*body.carried, *stand_ins], outputs, mode=modes.default_mode())
        found = node(*body.initial, *captured, return_list=True)
        states = len(body.variables)
        body.finish([*body.initial[:count], *found[:states]])
        return body.pack_results(found[states:])

    return wrapper

"""Less in the steps of a loop: nothing twice, and matrix products for all steps at once.

PyTensor takes element-wise operations on a loop's sequences out of it, but no products; and its
gradient of a loop computes the forward step again, where all that it needs are sequences by then.
"""

import dataclasses

import pytensor.tensor as pt
from pytensor.graph.basic import Constant
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.basic import MergeOptimizer, node_rewriter
from pytensor.scalar.basic import Add
from pytensor.scan.op import Scan
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.subtensor import Subtensor

from keras_theano.pytensor_ops.sizes import size_of, sizes_of, with_shape


def _fixed(node):
    """What is the same in all steps of a `Scan` node: inner variable -> outer one."""
    op = node.op
    return dict(
        zip(op.inner_non_seqs(op.inner_inputs), op.outer_non_seqs(node.inputs), strict=True)
    )


def _is_product(variable):
    """Whether a variable is the product of two matrices, by `dot` or by `@`."""
    node = variable.owner
    op = getattr(node, "op", None)
    return isinstance(getattr(op, "core_op", op), Dot) and all(v.ndim == 2 for v in node.inputs)


def _stacked(matrices):
    """Matrices (time, rows, columns) as one (time * rows, columns)."""
    time, rows, columns = sizes_of(matrices)
    return matrices.reshape((time * rows, columns))


def _all_steps(matrices, matrix):
    """The product of each of `matrices` (time, rows, n) with `matrix` (n, columns)."""
    product = pt.dot(_stacked(matrices), matrix)
    shape = (*sizes_of(matrices)[:2], size_of(matrix, 1))
    return with_shape(product.reshape(shape), shape)


def _remade(node, inputs, outputs, outer, replace=None, **info):
    """The outputs of a `Scan` node made anew, as a list.

    Args:
        inputs, outputs: Its inner variables, and new ones.
        outer: The outer inputs.
        replace: Inner variable -> what stands in its place.
        info: What changes in the `Scan`'s own `info`.
    """
    op, thawed = node.op, {}
    if hasattr(op.fgraph, "unfreeze"):  # PyTensor 3.3's inner graphs can be read only
        thawed = op.fgraph.unfreeze(return_memo=True)[1]
    outputs = [thawed.get(v, v) for v in outputs]
    replace = {thawed.get(old, old): new for old, new in (replace or {}).items()}
    new = Scan(
        [thawed.get(v, v) for v in inputs],
        clone_replace(outputs, replace=replace) if replace else outputs,
        dataclasses.replace(op.info, **info),
        mode=op.mode,
        profile=op.profile,
        truncate_gradient=op.truncate_gradient,
        name=op.name,
        allow_gc=op.allow_gc,
    )
    return new(*outer, return_list=True)


@node_rewriter([Scan])
def merge_within_steps(fgraph, node):
    """Let a step compute once what it computes several times.

    PyTensor's gradient of a loop repeats the step for each of its results: 6,048 nodes where 1,402
    are different, for three GRU cells one upon another. All that rewrites the loop then copies them.
    """
    inner = node.op.fgraph
    steps = inner.unfreeze() if hasattr(inner, "unfreeze") else inner.clone()
    MergeOptimizer().rewrite(steps)
    if len(steps.apply_nodes) == len(inner.apply_nodes):
        return None
    return _remade(node, steps.inputs, steps.outputs, node.inputs)


@node_rewriter([Scan])
def push_out_products_of_sequences(fgraph, node):
    """Make the product of a sequence with a matrix that stays the same a sequence of its own."""
    op = node.op
    sequences = dict(zip(op.inner_seqs(op.inner_inputs), op.outer_seqs(node.inputs), strict=True))
    fixed = _fixed(node)
    stand_ins, outer = {}, []
    for step in op.fgraph.toposort():
        product = step.outputs[0]
        if _is_product(product) and step.inputs[0] in sequences and step.inputs[1] in fixed:
            values = _all_steps(sequences[step.inputs[0]], fixed[step.inputs[1]])
            type_ = pt.TensorType(values.type.dtype, values.type.shape[1:])
            if product.type.is_super(type_):
                stand_ins[product] = type_()
                outer.append(values)
    if not stand_ins:
        return None
    return _remade(
        node,
        [*stand_ins.values(), *op.inner_inputs],
        op.inner_outputs,
        [node.inputs[0], *outer, *node.inputs[1:]],
        replace=stand_ins,
        n_seqs=op.info.n_seqs + len(outer),
    )


@node_rewriter([Scan])
def push_out_products_of_results(fgraph, node):
    """Compute results that are products with a matrix that stays the same after the loop."""
    op = node.op
    fixed = _fixed(node)
    factors = {
        result: result.owner.inputs
        for result in op.inner_nitsot_outs(op.inner_outputs)
        if _is_product(result)
        and result.owner.inputs[1] in fixed
        and result.owner.inputs[0].owner is not None
        and len(op.fgraph.clients[result]) == 1
    }
    if not factors:
        return None
    outputs = [factors[v][0] if v in factors else v for v in op.inner_outputs]
    found = _remade(node, op.inner_inputs, outputs, node.inputs)
    results = zip(
        op.outer_nitsot_outs(node.outputs), op.inner_nitsot_outs(op.inner_outputs), strict=True
    )
    for outer, inner in results:
        if inner in factors:
            place = node.outputs.index(outer)
            values = _all_steps(found[place], fixed[factors[inner][1]])
            found[place] = with_shape(values, outer.type.shape)
    return found


def _last_step(fgraph, states):
    """What takes the last of a loop's `states`, (time, ...), where nothing takes another."""
    clients = fgraph.clients[states]
    node = clients[0][0] if len(clients) == 1 else None
    op = getattr(node, "op", None)
    if isinstance(op, Subtensor) and len(op.idx_list) == 1 and len(node.inputs) == 2:
        last, index = node.outputs[0], node.inputs[1]
        if last.ndim == states.ndim - 1 and isinstance(index, Constant) and index.data == -1:
            return last
    return None


def _summed_product(before, after, clients):
    """The product that a step adds to a state, if the step does no more with either; or None."""
    add = after.owner
    is_sum = isinstance(getattr(add, "op", None), Elemwise) and isinstance(add.op.scalar_op, Add)
    if is_sum and len(add.inputs) == 2 and before in add.inputs and len(clients[before]) == 1:
        product = add.inputs[1 - add.inputs.index(before)]
        if _is_product(product) and product.type.dtype == after.type.dtype:
            return product
    return None


@node_rewriter([Scan])
def push_out_sums_of_products(fgraph, node):
    """Compute the sum over all steps of a product, as a matrix's gradient is, after the loop.

    PyTensor's `scan_push_out_add` does the same for one sum at a time and makes the loop anew for
    each: a minute for the twenty matrices of a few cells one upon another.
    """
    op = node.op
    if op.info.as_while:
        return None
    states = zip(
        op.inner_sitsot(op.inner_inputs),
        op.inner_sitsot_outs(op.inner_outputs),
        op.outer_sitsot(node.inputs),
        op.outer_sitsot_outs(node.outputs),
        strict=True,
    )
    sums = []  # of (what is the last sum outside, the sum that the loop begins with, the factors)
    for before, after, start, outer in states:
        product = _summed_product(before, after, op.fgraph.clients)
        last = _last_step(fgraph, outer)
        if product is not None and last is not None and len(op.fgraph.clients[after]) == 1:
            sums.append((last, start[0], product.owner.inputs))
    fixed = _fixed(node)
    sums = [s for s in sums if not any(v in fixed or isinstance(v, Constant) for v in s[2])]
    if not sums:
        return None

    steps = node.inputs[0]
    values = dict(zip(op.inner_seqs(op.inner_inputs), op.outer_seqs(node.inputs), strict=True))
    values = {inner: outer[:steps] for inner, outer in values.items()}
    new = list({v: None for _, _, pair in sums for v in pair if v not in values})
    parts = op.inner_mitmot_outs, op.inner_mitsot_outs, op.inner_sitsot_outs, op.inner_nitsot_outs
    inner_place = sum(len(part(op.inner_outputs)) for part in parts)
    parts = op.outer_mitmot_outs, op.outer_mitsot_outs, op.outer_sitsot_outs, op.outer_nitsot_outs
    outer_place = sum(len(part(node.outputs)) for part in parts)
    before_fixed = len(node.inputs) - len(op.outer_non_seqs(node.inputs))
    found = _remade(
        node,
        op.inner_inputs,
        [*op.inner_outputs[:inner_place], *new, *op.inner_outputs[inner_place:]],
        [*node.inputs[:before_fixed], *[steps] * len(new), *node.inputs[before_fixed:]],
        n_nit_sot=op.info.n_nit_sot + len(new),
    )
    end = outer_place + len(new)
    values.update(zip(new, found[outer_place:end], strict=True))
    replacements = dict(zip(node.outputs, found[:outer_place] + found[end:], strict=True))
    for last, start, (left, right) in sums:
        # (rows, time * n) with (time * n, columns): a product's columns lie one after another.
        turned = _stacked(values[left].transpose(0, 2, 1)).T
        product = pt.dot(turned, _stacked(values[right]))
        replacements[last] = with_shape(start + product, last.type.shape)
    return replacements

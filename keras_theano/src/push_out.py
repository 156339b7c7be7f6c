"""Matrix products taken out of the steps of a loop: one for all steps, before or after it.

PyTensor takes element-wise operations on a loop's sequences out of it, but no products; and its
gradient of a loop computes the forward step again, where all that it needs are sequences by then.
"""

import dataclasses

import pytensor.tensor as pt
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.basic import node_rewriter
from pytensor.scan.op import Scan
from pytensor.tensor.math import Dot

from keras_theano.src.sizes import size_of, sizes_of, with_shape


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


def _all_steps(matrices, matrix):
    """The product of each of `matrices` (time, rows, n) with `matrix` (n, columns)."""
    time, rows, columns = sizes_of(matrices)
    product = pt.dot(matrices.reshape((time * rows, columns)), matrix)
    shape = (time, rows, size_of(matrix, 1))
    return with_shape(product.reshape(shape), shape)


def _remade(node, inputs, outputs, outer, **info):
    """The outputs of a `Scan` node made anew with these inner and outer variables, as a list."""
    op = node.op
    new = Scan(
        inputs,
        outputs,
        dataclasses.replace(op.info, **info),
        mode=op.mode,
        profile=op.profile,
        truncate_gradient=op.truncate_gradient,
        name=op.name,
        allow_gc=op.allow_gc,
    )
    return new(*outer, return_list=True)


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
    outputs = clone_replace(op.inner_outputs, replace=stand_ins)
    return _remade(
        node,
        [*stand_ins.values(), *op.inner_inputs],
        outputs,
        [node.inputs[0], *outer, *node.inputs[1:]],
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

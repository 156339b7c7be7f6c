"""Sizes of PyTensor's own ops, found without making graphs that grow.

While it rewrites a graph, PyTensor keeps an expression for each size that is not known, such as a
batch's. Some of its ops make these so long that compiling a recurrent layer's gradient takes most of
a minute: `Elemwise` states in each node's size that its inputs' sizes agree, which repeats what the
sizes before it state; `Join` and `Split` compute which axis they change, though it is a constant;
and `Scan` goes through its whole inner graph again every time a rewrite puts a new `Scan` in the
place of another.
"""

import weakref
from itertools import chain

import pytensor.tensor as pt
from pytensor.compile.builders import infer_shape as infer_inner_shapes
from pytensor.graph.basic import Constant
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import explicit_graph_inputs
from pytensor.scan.op import Scan
from pytensor.tensor.basic import Join, Split
from pytensor.tensor.elemwise import Elemwise


def install():
    """Make PyTensor's ops use these rules."""
    for op, rule in _RULES.items():
        _replace(op, rule)


def _replace(op, rule):
    """Let a class of Ops use `rule(self, node, shapes, its own rule)`."""
    original = op.infer_shape

    def infer_shape(self, *arguments):  # (graph, node, shapes), from PyTensor 3.3 on (node, shapes)
        return rule(self, *arguments[-2:], lambda: original(self, *arguments))

    op.infer_shape = infer_shape


def _elemwise_shapes(self, node, shapes, original):
    """Return each size from the first input that has it: that others agree, `perform` sees."""
    sizes = []
    for axis in range(node.outputs[0].type.ndim):
        candidates = [
            shape[axis]
            for variable, shape in zip(node.inputs, shapes, strict=True)
            if variable.type.shape[axis] != 1
        ]
        known = [size for size in candidates if isinstance(size, (int, Constant))]
        sizes.append((known or candidates or [pt.constant(1, dtype="int64")])[0])
    return [tuple(sizes)] * len(node.outputs)


def _join_shapes(self, node, shapes, original):
    """Return the sum of the sizes along the axis; the others are those of the first input."""
    axis = _axis(self, node.inputs[0])
    if axis is None:
        return original()
    joined = shapes if hasattr(self, "axis") else shapes[1:]
    return [_at(axis, sum(shape[axis] for shape in joined), joined[0])]


def _split_shapes(self, node, shapes, original):
    """Return the sizes that `splits` gives along the axis; the others are those of the input."""
    axis = _axis(self, node.inputs[1])
    if axis is None:
        return original()
    splits = node.inputs[-1]
    return [
        _at(axis, splits[i] if part.type.shape[axis] is None else part.type.shape[axis], shapes[0])
        for i, part in enumerate(node.outputs)
    ]


def _axis(op, variable):
    """Return the axis of an Op, which is an input of it before PyTensor 3.3, or None if computed."""
    if hasattr(op, "axis"):
        return op.axis
    return int(variable.data) if isinstance(variable, Constant) else None


def _at(axis, size, shape):
    """Return a shape with `size` at `axis`."""
    axis %= len(shape)
    return (*shape[:axis], size, *shape[axis + 1 :])


_inner_shapes = weakref.WeakKeyDictionary()  # from a Scan's inner graph


def _scan_shapes(self, node, shapes, original):
    """Return the sizes that PyTensor's own rule gives, from one pass through the inner graph."""
    info = self.info
    if self.fgraph not in _inner_shapes:
        _inner_shapes[self.fgraph] = None if info.as_while else _shapes_of_results(self)
    if _inner_shapes[self.fgraph] is None:
        return original()
    stand_ins, results = _inner_shapes[self.fgraph]

    sequences = 1 + info.n_seqs
    traced = sequences + info.n_mit_mot + info.n_mit_sot + info.n_sit_sot
    untraced = traced + info.n_untraced_sit_sot
    taps = chain(info.mit_mot_in_slices, info.mit_sot_in_slices, info.sit_sot_in_slices)
    inner = [shape[1:] for shape in shapes[1:sequences]]
    for shape, offsets in zip(shapes[sequences:traced], taps, strict=True):
        inner += [shape[1:]] * len(offsets)
    inner += [*shapes[traced:untraced], *shapes[untraced + info.n_nit_sot :]]

    sizes = dict(zip(chain(*stand_ins), chain(*(s or () for s in inner)), strict=True))
    found = []
    for steps, result in zip(node.inputs[untraced:], results, strict=False):
        found.append(None if result is None else (steps, *(_put(size, sizes) for size in result)))
    return [*shapes[sequences:traced], *found, *shapes[traced:untraced]]


def _shapes_of_results(op):
    """Return the shapes of a Scan's results in one step, as graphs of its inner inputs' sizes.

    Returns:
        (stand-ins for the sizes of each inner input, shape of each result), or None where a size
        depends on more than other sizes.
    """
    stand_ins = [
        tuple(pt.lscalar() for _ in range(getattr(variable.type, "ndim", 0)))
        for variable in op.inner_inputs
    ]
    shapes = [
        sizes if hasattr(variable.type, "ndim") else None
        for sizes, variable in zip(stand_ins, op.inner_inputs, strict=True)
    ]
    # A copy to build upon: from PyTensor 3.3 on, inner graphs can be read only.
    inner = op.fgraph.unfreeze() if hasattr(op.fgraph, "unfreeze") else op.fgraph
    results = infer_inner_shapes(op.inner_nitsot_outs(inner.outputs), inner.inputs, shapes)
    sizes = [size for shape in results if shape for size in shape]
    known = {*chain(*stand_ins)} >= {*explicit_graph_inputs(sizes)}
    return (stand_ins, results) if known else None


def _put(size, values):
    """Return a size with `values` in the place of the stand-ins that it is computed from."""
    if isinstance(size, Constant):
        return size
    return values[size] if size in values else clone_replace(size, values)


_RULES = {
    Elemwise: _elemwise_shapes,
    Join: _join_shapes,
    Split: _split_shapes,
    Scan: _scan_shapes,
}

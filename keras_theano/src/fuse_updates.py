"""Element-wise updates as one node each, before PyTensor rewrites the graph.

An optimizer's update of one variable is some thirty element-wise nodes, and a deep model has a
hundred variables. PyTensor would merge, simplify and fuse all of them, at a cost that grows faster
than their number; here each variable's update, with those of its momenta, becomes one `Elemwise`
straight away.
"""

from pytensor import tensor as pt
from pytensor.gradient import DisconnectedGrad
from pytensor.graph.basic import Constant
from pytensor.scalar import basic as scalar
from pytensor.tensor.elemwise import DimShuffle, Elemwise

from keras_theano.src.layer_marks import layer_of, mark_layer


def fuse_updates(updates):
    """Fuse the element-wise expressions that end in updates.

    Args:
        updates: Pairs (shared variable, new value).

    Returns:
        Pairs with the same variables in the same order; equal values, with fewer nodes.
    """
    updates = list(updates)
    merged = _Merged()
    fused = dict(enumerate(value for _, value in updates))
    for places in _groups([value for _, value in updates]):
        values = [updates[place][1] for place in places]
        fused.update(zip(places, _fuse(values, merged), strict=True))
    return [(variable, fused[place]) for place, (variable, _) in enumerate(updates)]


def _is_inner(variable, shape):
    """Whether the variable is computed element by element at this full shape."""
    node = variable.owner
    return (
        node is not None
        and isinstance(node.op, Elemwise)
        and len(node.outputs) == 1
        and variable.type.shape == shape
    )


def _inner(value):
    """The element-wise nodes at the end of an expression, those that others need first."""
    shape = value.type.shape
    found, waiting = {}, [(value, False)]
    while waiting:
        variable, done = waiting.pop()
        if done:
            found.setdefault(variable.owner)
        elif variable.owner not in found and _is_inner(variable, shape):
            waiting.append((variable, True))
            sources = map(_computed, reversed(variable.owner.inputs))
            waiting.extend((source, False) for source in sources)
    return list(found)


def _computed(variable):
    """What `variable` is the value of, where it only ends gradients."""
    node = variable.owner
    ends = node is not None and isinstance(node.op, DisconnectedGrad)
    return node.inputs[0] if ends else variable


def _groups(values):
    """Places of the values that can be fused; those with nodes in common are in one group."""
    group_of_node, groups = {}, {}
    for place, value in enumerate(values):
        if value.ndim == 0 or None in value.type.shape:
            continue
        nodes = _inner(value)
        if not nodes:
            continue
        members = [place]
        for group in {group_of_node[node] for node in nodes if node in group_of_node}:
            members += groups.pop(group)
        groups[place] = members
        for node in nodes:
            group_of_node[node] = place
        for member in members:
            if member != place:
                group_of_node.update(dict.fromkeys(_inner(values[member]), place))
    return [sorted(members) for members in groups.values()]


def _fuse(values, merged):
    """One `Elemwise` with all `values` as its outputs."""
    nodes = dict.fromkeys(node for value in values for node in _inner(value))
    stand_ins, sources = {}, []

    def stand_in(variable):
        variable = merged.scalar(variable)
        if variable not in stand_ins:
            if isinstance(variable, Constant) and variable.data.size == 1:
                kind = scalar.get_scalar_type(variable.type.dtype)
                stand_ins[variable] = scalar.ScalarConstant(kind, variable.data.item())
            else:
                sources.append(variable)
                stand_ins[variable] = scalar.get_scalar_type(variable.type.dtype)()
        return stand_ins[variable]

    for node in nodes:
        inputs = [stand_in(_computed(variable)) for variable in node.inputs]
        stand_ins[node.outputs[0]] = node.op.scalar_op.make_node(*inputs).outputs[0]
    if not sources:
        return values
    composite = scalar.Composite(
        [stand_ins[variable] for variable in sources], [stand_ins[value] for value in values]
    )
    ndim = values[0].ndim
    sources = [
        pt.expand_dims(variable, tuple(range(ndim))) if variable.ndim == 0 else variable
        for variable in sources
    ]
    fused = Elemwise(composite)(*sources, return_list=True)
    for value, new in zip(values, fused, strict=True):
        if layer_of(value):
            mark_layer([new], layer_of(value), sources, value.tag.gradient)
    return fused


class _Merged:
    """Finds what is computed alike for many variables, such as Adam's step size, only once."""

    def __init__(self):
        self._known = {}
        self._merged = {}

    def scalar(self, variable):
        """The scalar that `variable` repeats along its axes, else `variable` itself."""
        node = variable.owner
        if node is not None and isinstance(node.op, DimShuffle) and node.inputs[0].ndim == 0:
            variable = node.inputs[0]
        return self._merge(variable) if variable.ndim == 0 else variable

    def _merge(self, variable):
        if variable in self._merged:
            return self._merged[variable]
        node = variable.owner
        if isinstance(variable, Constant):
            found = self._known.setdefault(variable.signature(), variable)
        elif node is None or any(source.ndim for source in node.inputs):
            found = variable
        else:
            inputs = [self._merge(source) for source in node.inputs]
            key = (node.op, *inputs, variable.index)
            if key not in self._known:
                same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
                made = node if same else node.clone_with_new_inputs(inputs)
                self._known[key] = made.outputs[variable.index]
            found = self._known[key]
        self._merged[variable] = found
        return found

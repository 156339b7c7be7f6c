"""Which Keras layer each PyTensor variable belongs to: written down while a graph is built.

A variable's `tag.layer` is the path of the layer that made it, such as "sequential/dense", and
`tag.gradient` is true where it came into being as that layer's gradient. Error messages and
`keras_theano.seeing` read them.
"""

import contextlib

from pytensor.graph.features import Feature
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.traversal import io_toposort

from keras_theano.src.lock import engine_lock

# The method that makes an Op's gradient: PyTensor 3's name, or PyTensor 2's.
_GRADIENT = "pullback" if hasattr(Op, "pullback") else "L_op"


def mark_layer(symbols, path, given, gradient=False):
    """Remember on PyTensor variables which layer made them.

    Args:
        symbols: What an op of the layer returned; all that it made on the way is marked too.
        path: The layer's path, such as "sequential/dense".
        given: What the op was given, which others have made.
        gradient: Whether these are parts of the layer's gradient.
    """
    given, returned = set(given), set(symbols)
    pending = list(symbols)
    while pending:
        symbol = pending.pop()
        if symbol.owner is None or symbol in given:
            continue
        if not hasattr(symbol.tag, "layer"):
            symbol.tag.layer = path
            symbol.tag.gradient = gradient
        elif symbol not in returned:  # what another layer made, and all before it
            continue
        pending.extend(symbol.owner.inputs)


def layer_of(symbol):
    """Return the path of the layer that a variable belongs to, or None."""
    return getattr(symbol.tag, "layer", None)


@contextlib.contextmanager
def gradients_marked(symbol):
    """While it is active, gradients of `symbol` are marked as the layers' that they belong to.

    PyTensor tells nobody which node it is taking the gradient of but the node's Op, so the Ops'
    own methods are wrapped for as long.
    """
    kinds = {type(node.op) for node in io_toposort([], [symbol])}
    with engine_lock:
        originals = {kind: getattr(kind, _GRADIENT) for kind in kinds}
        own = {kind for kind in kinds if _GRADIENT in vars(kind)}
        for kind, original in originals.items():
            setattr(kind, _GRADIENT, _marking(original))
        try:
            yield
        finally:
            for kind, original in originals.items():
                if kind in own:
                    setattr(kind, _GRADIENT, original)
                else:
                    delattr(kind, _GRADIENT)


def _marking(original):
    def gradient(self, inputs, outputs, output_gradients):
        found = original(self, inputs, outputs, output_gradients)
        path = next(filter(None, map(layer_of, outputs)), None)
        if path:
            mark_layer(found, path, [*inputs, *outputs, *output_gradients], gradient=True)
        return found

    return gradient


class _PassOn(Feature):
    """What takes a marked variable's place while a graph is rewritten is marked like it."""

    def on_change_input(self, fgraph, node, i, old, new, reason=None):
        path = layer_of(old)
        if path and not hasattr(new.tag, "layer"):
            mark_layer([new], path, old.owner.inputs if old.owner else [], old.tag.gradient)


class KeepMarks(GraphRewriter):
    """Attaches to a graph what passes marks on, and changes nothing."""

    def add_requirements(self, fgraph):
        fgraph.attach_feature(_PassOn())

    def apply(self, fgraph):
        pass

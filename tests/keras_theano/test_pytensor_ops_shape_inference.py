"""Sizes that PyTensor infers for its own ops: right, without computing what they are sizes of."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.traversal import ancestors
from pytensor.scan.op import Scan
from pytensor.scan.utils import until
from pytensor.tensor.rewriting.shape import ShapeFeature

import keras_theano

X, Y = pt.matrix("x"), pt.matrix("y")
ROW = pt.tensor("row", shape=(1, None))


def results_of_scan(step, sequences, states=(), more=(), results=1):
    """Run a loop; return its outputs, all states first."""
    return pytensor.scan(
        step,
        sequences=sequences,
        outputs_info=[*states, *[None] * results],
        non_sequences=list(more),
        return_list=True,
        return_updates=False,
    )


def cumulated_outer(row, total, other):
    total = total + row
    return total, pt.outer(total, other[0]), pt.concatenate([row, total])


# Name -> outputs; x is (3, 4), y (3, 4), the row (1, 4).
GRAPHS = {
    "sum of two": [X + Y],
    "sum with a row": [X * ROW + Y],
    "rows only": [ROW + ROW],
    "scalars": [X.sum() + Y.sum()],
    "several outputs": pt.split(X * 2, [1, 3], n_splits=2, axis=1),
    "split at sizes that are computed": pt.split(
        X, pt.stack([Y.shape[0] - 1, 2]), n_splits=2, axis=-1
    ),
    "join": [pt.join(0, X, Y, ROW), pt.join(-1, X, Y[:, :2])],
    "loop": results_of_scan(cumulated_outer, [X], [Y[0]], [Y], results=2),
    "loop with results of other sizes": results_of_scan(
        lambda a, b: b[: a.shape[0] - 1], [X], (), [Y]
    ),
    "loop with sizes that are values": results_of_scan(
        lambda a, n: pt.zeros((n, a.shape[0])), [X], (), [Y[0, 0].astype("int64")]
    ),
    "loop over a loop": results_of_scan(
        lambda a, other: results_of_scan(lambda b, a: a[1:] * b.sum(), [other], (), [a])[0],
        [X],
        (),
        [Y],
    ),
    "loop until": [
        pytensor.scan(lambda a: (a * 2, until(a.sum() > 5)), sequences=[X], return_updates=False)
    ],
}
if tuple(map(int, pytensor.__version__.split(".")[:2])) < (3, 3):  # it takes no such axis any more
    GRAPHS["join along an axis that is computed"] = [pt.join(Y.shape[0] - 2, X, Y)]
    GRAPHS["split along an axis that is computed"] = pt.split(
        X, [1, 2], n_splits=2, axis=(Y.shape[0] - 3)
    )


@pytest.mark.parametrize("name", GRAPHS)
def test_sizes(name):
    outputs = GRAPHS[name]
    compiled = pytensor.function(
        [X, Y, ROW],
        [*outputs, *(output.shape for output in outputs)],
        mode=keras_theano.interpreter(),
        on_unused_input="ignore",
    )
    y = np.full((3, 4), 3.0, X.dtype)
    found = compiled(np.ones((3, 4), X.dtype), y, np.ones((1, 4), X.dtype))
    count = len(outputs)
    assert [tuple(shape) for shape in found[count:]] == [np.shape(v) for v in found[:count]]


def size_graph(outputs):
    """What the sizes of outputs are computed from, while a graph is rewritten."""
    feature = ShapeFeature()
    FunctionGraph(outputs=outputs, features=[feature], clone=False)
    return list(ancestors([size for output in outputs for size in feature.shape_of[output]]))


def test_a_sums_size_is_that_of_its_first_term():
    total = X
    for _ in range(20):
        total = total + pt.matrix()
    assert len(size_graph([total])) <= 4


def test_joining_and_splitting_compute_one_axis():
    joined = pt.join(1, X, Y)
    first, second = pt.split(joined, [1, 3], n_splits=2, axis=1)
    assert len(size_graph([first, second])) <= 4


def test_a_loops_sizes_come_from_its_inputs():
    loop = results_of_scan(cumulated_outer, [X], [Y[0]], [Y], results=2)
    assert not [v for v in size_graph(loop) if v.owner and isinstance(v.owner.op, Scan)]

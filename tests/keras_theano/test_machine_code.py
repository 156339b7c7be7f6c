"""Machine code for element-wise chains gives NumPy's numbers to the last bit."""

import os

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from keras_theano.pytensor_ops import machine_code
from keras_theano.pytensor_ops.vm_ops import RUNS, BlockwiseElemwise
from keras_theano.src import modes
from utils.processes import run_programs

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 1e-40, 3e38, -7.25, 2.0]


def values(dtype, shape, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if not dtype.startswith("float"):
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    x = rng.normal(size=shape).astype(dtype)
    with np.errstate(over="ignore"):
        x.reshape(-1)[: len(SPECIAL)] = np.asarray(SPECIAL[: x.size], dtype)
    rng.shuffle(x.reshape(-1))
    return x


def codes(function):
    """The machine code of each chain of a function for each combination of shapes it has run on."""
    nodes = [node for node in function.maker.fgraph.toposort()]
    return [
        found.code
        for node in nodes
        if isinstance(node.op, BlockwiseElemwise)
        for found in node.tag.program.shapes.values()
    ]


def by_numpy_and_by_machine_code(inputs, outputs, arrays):
    """Run a graph both ways; return the two lists of results and the chains' machine code."""
    function = modes.compile_function(inputs, outputs)
    by_numpy = function(*arrays)
    for _ in range(RUNS):
        function(*arrays)
    machine_code.wait()
    return by_numpy, function(*arrays), codes(function)


def check(inputs, outputs, *arrays, compiles=True):
    by_numpy, by_code, found = by_numpy_and_by_machine_code(inputs, outputs, arrays)
    assert found and all((code is not None and code.call is not None) == compiles for code in found)
    for a, b in zip(by_numpy, by_code, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
        if a.dtype.kind == "f":
            numbers = ~np.isnan(a)
            np.testing.assert_array_equal(np.signbit(a)[numbers], np.signbit(b)[numbers])


def matrix(dtype, rows=None, columns=None):
    return pt.TensorType(dtype, shape=(rows, columns))()


FLOATS = ["float32", "float64"]
INTS = ["int32", "int64", "uint32", "int8", "uint8"]
OPERATIONS = {
    "add": (lambda x, y: x + y + x, FLOATS + INTS),
    "subtract": (lambda x, y: x - y, FLOATS + INTS),
    "multiply": (lambda x, y: x * y * y, FLOATS + INTS),
    "divide": (lambda x, y: x / y, FLOATS + ["int32", "uint8"]),
    "square root": (lambda x, y: pt.sqrt(x) - y, FLOATS),
    "square": (lambda x, y: pt.sqr(x) + y, FLOATS),
    "absolute": (lambda x, y: pt.abs(x) * y, FLOATS),
    "negative": (lambda x, y: -x * y, FLOATS),
    "reciprocal": (lambda x, y: pt.reciprocal(x) + y, FLOATS),
    "sign": (lambda x, y: pt.sign(x) + y, FLOATS),
    "maximum": (lambda x, y: pt.maximum(x, y) + x, FLOATS + INTS),
    "minimum": (lambda x, y: pt.minimum(x, y) + x, FLOATS + INTS),
    "clip": (lambda x, y: pt.clip(x, -0.5, 0.5) + y, FLOATS),
    "less": (lambda x, y: pt.switch(x < y, x, y), FLOATS + INTS),
    "less or equal": (lambda x, y: pt.switch(x <= y, x, y), FLOATS + INTS),
    "greater": (lambda x, y: pt.switch(x > y, y, x), FLOATS + INTS),
    "greater or equal": (lambda x, y: pt.switch(x >= y, y, x), FLOATS + INTS),
    "equal": (lambda x, y: pt.switch(pt.eq(x, y), x, y + y), FLOATS + INTS),
    "not equal": (lambda x, y: pt.switch(pt.neq(x, y), x, y + y), FLOATS + INTS),
    "is nan": (lambda x, y: pt.switch(pt.isnan(x), y, x), FLOATS),
    "switch on a number": (lambda x, y: pt.switch(x, y, -y), FLOATS),
    "and, or, not": (
        lambda x, y: (pt.lt(x, y) & pt.gt(x, 0)) | ~pt.eq(x, y),
        FLOATS + ["int32"],
    ),
    "cast to float": (lambda x, y: pt.cast(x, "float32") * pt.cast(y, "float64"), FLOATS + INTS),
    "cast to int": (lambda x, y: pt.cast(pt.clip(x, -9, 9), "int32") + 3, FLOATS),
    "cast to bool": (lambda x, y: pt.cast(x, "bool") & pt.cast(y, "bool"), FLOATS + INTS),
    "cast between ints": (lambda x, y: pt.cast(x, "int64") + pt.cast(y, "int8"), INTS),
    "of two dtypes": (lambda x, y: pt.cast(x, "float64") * y + pt.cast(x, "int32"), ["float32"]),
}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for name, (_, dtypes) in OPERATIONS.items() for dtype in dtypes],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_operations(name, dtype):
    x, y = matrix(dtype), matrix(dtype)
    # 37 = twice the lanes of a vector, and some more
    check([x, y], [OPERATIONS[name][0](x, y)], values(dtype, (3, 37)), values(dtype, (3, 37), 1))


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 31, 32, 33, 1000])
def test_every_element_of_any_size(size):
    x, y = pt.vector(dtype="float32"), pt.vector(dtype="float32")
    check([x, y], [x * y + 1, pt.sqr(x) - y], *np.ones((2, size), "float32"))
    check([x, y], [x * y + 1], values("float32", size), values("float32", size, 1))


SHAPES = {
    "a bias": [(8, 40), (1, 40)],
    "a bias in pictures": [(2, 5, 6, 3), (1, 1, 1, 3)],
    "a mask of rows": [(8, 40), (8, 1)],
    "a mask of steps": [(4, 7, 20), (4, 7, 1)],
    "a number": [(8, 40), (1, 1)],
    "of one row": [(1, 40), (1, 40)],
    "of one column": [(40, 1), (40, 1)],
    "a row and a column": [(8, 40), (1, 40), (8, 1)],
    "nothing but a row and a column": [(1, 40), (8, 1)],
    "a row of one element": [(8, 1), (1, 1)],
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_repeated_along_axes(name):
    symbols = [
        pt.TensorType("float32", shape=[1 if n == 1 else None for n in shape])()
        for shape in SHAPES[name]
    ]
    result = symbols[0]
    for symbol in symbols[1:]:
        result = result * symbol + symbols[0] - symbol
    arrays = [values("float32", shape, seed) for seed, shape in enumerate(SHAPES[name])]
    check(symbols, [result + 1], *arrays)


def test_axes_that_cannot_be_counted_as_two_are_numpys():
    x = pt.TensorType("float32", shape=(None, None, None))()
    y = pt.TensorType("float32", shape=(None, 1, None))()
    arrays = values("float32", (3, 4, 5)), values("float32", (3, 1, 5))
    check([x, y], [x * y + x], *arrays, compiles=False)


def test_functions_that_have_no_machine_code_are_numpys():
    x = matrix("float32")
    check([x], [pt.exp(x) * x + 1], values("float32", (8, 40)), compiles=False)
    x = matrix("float16")
    check([x], [x * x + x], values("float16", (8, 40)), compiles=False)


def test_arrays_with_gaps_are_right_too():
    x, y = matrix("float32"), matrix("float32")
    function = modes.compile_function([x, y], [x * y + x])
    a, b = values("float32", (40, 40)), values("float32", (40, 40), 1)
    for _ in range(RUNS):
        function(a, b)
    machine_code.wait()
    for left, right in ((a.T, b), (a[::2], b[::2]), (a[:, ::-1], b), (a[:20, :20], b[:20, :20])):
        (found,) = function(left, right)
        np.testing.assert_array_equal(found, left * right + left)


def test_large_arrays_by_all_cores():
    x, y, row = matrix("float32"), matrix("float32"), pt.TensorType("float32", shape=(1, None))()
    result = pt.sqrt(pt.abs(x * y + x)) / (pt.sqr(y) + 1) - row
    arrays = [values("float32", (3001, 701), seed) for seed in range(2)]
    check([x, y, row], [result, result * y], *arrays, values("float32", (1, 701)))


def test_new_values_are_written_where_the_old_ones_were():
    def start():
        rng = np.random.default_rng(0)
        return [pytensor.shared(rng.normal(size=(50, 60)).astype("float32")) for _ in range(3)]

    def updates(weights, momentum, other):
        new = momentum * np.float32(0.9) + weights
        return [(momentum, new), (weights, weights - new * other), (other, weights * other)]

    variables = start()
    function = modes.compile_function([], [], updates(*variables))
    expected = [variable.get_value() for variable in variables]
    for turn in range(2 * RUNS):
        function()
        w, m, other = expected
        m = m * np.float32(0.9) + w
        expected = [w - m * other, m, w * other]
        if turn == RUNS:
            machine_code.wait()
    assert any(code.call for code in codes(function))
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_array_equal(variable.get_value(), value)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_chains_drawn_by_chance(seed):
    rng = np.random.default_rng(seed)
    shapes = [(6, 21), (1, 21), (6, 1), (1, 1)]
    kinds = ["float32", "float32", "float64", "int32", "bool"]
    inputs, arrays = [], []
    for place in range(4):
        shape = shapes[0] if place == 0 else shapes[rng.integers(4)]
        dtype = "float32" if place == 0 else kinds[rng.integers(len(kinds))]
        static = tuple(1 if size == 1 else None for size in shape)
        inputs.append(pt.TensorType(dtype, shape=static)())
        arrays.append(values(dtype, shape, seed + place))
    known = [*inputs]
    for _ in range(10):
        x, y = (known[rng.integers(len(known))] for _ in range(2))
        number = rng.integers(8)
        if number in (0, 1, 2) and "bool" not in (x.dtype, y.dtype):
            known.append([x + y, x * y, x - y][number])
        elif number == 3 and x.dtype == "float32":
            known.append(pt.sqrt(pt.abs(x)) / (pt.sqr(x) + np.float32(1)))
        elif number == 4:
            known.append(pt.switch(pt.lt(x, y), x, y) if x.dtype == y.dtype else pt.lt(x, y))
        elif number == 5:
            known.append(pt.maximum(x, y))
        else:
            known.append(pt.cast(x, ["float32", "float64"][rng.integers(2)]))
    outputs = [pt.cast(out, out.dtype) * 1 if out.dtype != "bool" else ~out for out in known[-3:]]
    by_numpy, by_code, _ = by_numpy_and_by_machine_code(inputs, outputs, arrays)
    for a, b in zip(by_numpy, by_code, strict=True):
        np.testing.assert_array_equal(a, b)


TRAIN = """
import keras_theano, keras, numpy as np
from keras_theano.pytensor_ops import machine_code
keras.utils.set_random_seed(1)
layers = keras.layers
model = keras.Sequential([
    keras.Input((12, 12, 1)), layers.Conv2D(8, 3), layers.BatchNormalization(), layers.ReLU(),
    layers.Dropout(0.3), layers.Flatten(), layers.Dense(40, "relu"), layers.Dense(3),
])
model.compile(keras.optimizers.AdamW(clipnorm=1.0), "mse")
x, y = np.random.normal(size=(64, 12, 12, 1)), np.random.normal(size=(64, 3))
for turn in range(12):
    model.train_on_batch(x, y)
    if turn == 4:
        machine_code.wait()
ready = sum(function.call is not None for function in machine_code._functions.values())
print(ready, *[repr(float(np.abs(w).sum())) for w in model.get_weights()])
"""


def test_a_model_trains_to_the_same_weights_with_it_and_without():
    without = f"import os; os.environ['{machine_code.VARIABLE}'] = '0'\n"
    printed = run_programs({"with": TRAIN, "without": without + TRAIN}, timeout=120)
    ready, *weights = printed["with"].split()
    none, *expected = printed["without"].split()
    assert int(ready) > 5 and int(none) == 0
    assert weights == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_goes_on():
    code = """
import os, numpy as np, keras_theano, keras, pytensor.tensor as pt
from keras_theano.src import modes
from keras_theano.pytensor_ops import machine_code
x = pt.TensorType("float32", shape=(None, None))()
function = modes.compile_function([x], [x * x + x])
other = modes.compile_function([x], [x * x - x])
a = np.ones((30, 30), "float32")
for _ in range(5):
    function(a)
machine_code.wait()
child = os.fork()
if child == 0:
    for _ in range(5):
        right = function(a)[0].sum() == 1800 and other(a)[0].sum() == 0
    os._exit(0 if right else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    run_programs({"fork": code}, timeout=120)

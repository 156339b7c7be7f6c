"""`keras.ops.numpy` on Theano: values against JAX, unknown sizes, gradients, messages."""

import time

import jax.numpy as jnp
import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from keras import ops
from keras.src.backend.common import dtypes

from keras_theano.pytensor_ops import array
from keras_theano.src import modes
from keras_theano.src import numpy as knp
from keras_theano.src.tensor import Tensor, as_symbol

RNG = np.random.default_rng(7)


def draw(*shape, low=-2.0, high=2.0):
    """Numbers no two of which are equal, so that extremes and orders have one answer.

    Each draw is shifted a little, so that two draws have no numbers in common either.
    """
    count = int(np.prod(shape))
    values = np.linspace(low, high, count + 1)[:-1]
    values += RNG.uniform(0.1, 0.9) * (high - low) / (count + 1)
    return RNG.permutation(values).reshape(shape)


X = draw(4, 3, 6)
POSITIVE = draw(4, 3, 6, low=0.2, high=3.0)
UNIT = draw(4, 3, 6, low=-0.9, high=0.9)
PLACES = np.array([[2, 0, -1], [1, 1, 0]])

# Name, arrays (the first axis of those with the first one's length may be unknown), further
# arguments. Each is differentiable in all of its arrays.
SMOOTH = [
    *(
        (name, [X], {})
        for name in [
            "absolute",
            "abs",
            "exp",
            "exp2",
            "expm1",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "arctan",
            "arcsinh",
            "negative",
            "square",
            "cbrt",
            "deg2rad",
            "rad2deg",
            "i0",
            "sinc",
            "sum",
            "mean",
            "max",
            "min",
            "var",
            "std",
            "prod",
            "cumsum",
            "cumprod",
            "ravel",
            "flip",
            "transpose",
            "squeeze",
            "tril",
            "triu",
            "ptp",
            "median",
            "nansum",
            "nanmean",
            "nanvar",
            "nanstd",
            "nanmax",
            "fabs",
            "real",
            "copy",
            "diff",
            "trace",
            "diagonal",
            "amax",
            "amin",
            "nan_to_num",
            "rot90",
            "fliplr",
            "flipud",
            "average",
            "nanmedian",
            "nanprod",
            "nancumsum",
            "nancumprod",
            "nanmin",
        ]
    ),
    *((name, [POSITIVE], {}) for name in ["log", "log10", "log1p", "log2", "sqrt", "reciprocal"]),
    *((name, [UNIT], {}) for name in ["arcsin", "arccos", "arctanh"]),
    ("arccosh", [POSITIVE + 1], {}),
    *(
        (name, [X, draw(4, 3, 6)], {})
        for name in [
            "add",
            "subtract",
            "multiply",
            "divide",
            "true_divide",
            "maximum",
            "minimum",
            "arctan2",
            "hypot",
            "logaddexp",
            "logaddexp2",
            "fmax",
            "fmin",
            "outer",
            "divide_no_nan",
            "vdot",
        ]
    ),
    ("add", [X, draw(6)], {}),
    ("multiply", [X, draw(3, 1)], {}),
    ("power", [POSITIVE, X], {}),
    ("mod", [X, POSITIVE + 2], {}),
    ("fmod", [X, POSITIVE + 2], {}),
    ("clip", [X], {"x_min": -1.0, "x_max": 1.2}),
    *(
        (name, [X], {"axis": axis, "keepdims": keepdims})
        for name in ("sum", "mean", "max", "min", "var", "std", "prod", "median", "nanmean")
        for axis, keepdims in ((1, False), ((0, -1), True))
    ),
    ("max", [X], {"axis": 1, "initial": 0.5}),
    ("average", [X, POSITIVE], {"axis": 1}),
    ("quantile", [X], {"q": [0.25, 0.6], "axis": 1}),
    ("quantile", [X], {"q": 0.3, "axis": (0, 2), "keepdims": True, "method": "lower"}),
    ("percentile", [X], {"q": 35.0, "method": "midpoint"}),
    ("cumsum", [X], {"axis": 1}),
    ("sort", [X], {"axis": 1}),
    ("reshape", [X], {"newshape": (-1, 9, 2)}),
    ("transpose", [X], {"axes": (2, 0, 1)}),
    ("moveaxis", [X], {"source": (0, 2), "destination": (1, 0)}),
    ("swapaxes", [X], {"axis1": 0, "axis2": -1}),
    ("expand_dims", [X], {"axis": (0, -1)}),
    ("squeeze", [draw(4, 1, 3)], {"axis": 1}),
    ("tile", [X], {"repeats": (2, 1, 3)}),
    ("repeat", [X], {"repeats": 3, "axis": 1}),
    ("repeat", [X], {"repeats": [1, 0, 2], "axis": 1}),
    ("flip", [X], {"axis": (1, 2)}),
    ("roll", [X], {"shift": (2, -1), "axis": (1, 2)}),
    ("roll", [X], {"shift": 5}),
    ("pad", [X], {"pad_width": ((1, 2), (0, 0), (3, 1))}),
    ("pad", [X], {"pad_width": ((0, 0), (1, 2), (3, 1)), "mode": "reflect"}),
    ("pad", [X], {"pad_width": ((1, 0), (1, 2), (3, 1)), "mode": "symmetric"}),
    ("pad", [X], {"pad_width": ((1, 0), (1, 2), (3, 1)), "mode": "edge"}),
    ("pad", [X], {"pad_width": ((0, 0), (1, 2), (3, 1)), "mode": "wrap"}),
    ("take", [X], {"indices": PLACES, "axis": 1}),
    ("take", [X], {"indices": PLACES, "axis": 0}),
    ("take_along_axis", [X], {"indices": np.argsort(X, axis=1)[:, :2], "axis": 1}),
    ("diagonal", [X], {"offset": 1, "axis1": 2, "axis2": 1}),
    ("diag", [draw(5)], {"k": -2}),
    ("diagflat", [draw(2, 2)], {"k": 1}),
    ("diff", [X], {"n": 2, "axis": 1}),
    ("trapezoid", [X], {"dx": 0.5, "axis": 1}),
    ("trapezoid", [X, draw(6)], {}),
    ("rot90", [X], {"k": 3, "axes": (2, 1)}),
    ("vander", [draw(4)], {"N": 3}),
    ("corrcoef", [draw(4, 5)], {}),
    ("cross", [draw(4, 3), draw(4, 3)], {}),
    ("cross", [draw(4, 2), draw(4, 2)], {}),
    ("kron", [draw(4, 2), draw(3, 2)], {}),
    ("append", [X, draw(4, 2, 6)], {"axis": 1}),
    ("ldexp", [X], {"x2": np.array([1, -2, 0, 3, 1, 2])}),
    ("matmul", [draw(4, 3), draw(3, 5)], {}),
    ("matmul", [X, draw(6, 5)], {}),
    ("matmul", [X, draw(4, 6, 2)], {}),
    ("matmul", [X, draw(6)], {}),
    ("matmul", [draw(6), draw(6)], {}),
    ("matmul", [draw(3), X], {}),
    ("matmul", [draw(2, 1, 3, 6), draw(5, 6, 2)], {}),
    ("dot", [X, draw(6, 5)], {}),
    ("dot", [X, draw(2, 6, 5)], {}),
    ("inner", [X, draw(5, 6)], {}),
    ("tensordot", [X, draw(6, 3, 2)], {"axes": ((1, 2), (1, 0))}),
    ("tensordot", [X, draw(3, 6, 2)], {"axes": 2}),
    ("tensordot", [X, draw(2)], {"axes": 0}),
]
# Values only: integers, bools, steps, or no gradient wanted.
DISCRETE = [
    *(
        (name, [X], {})
        for name in [
            "floor",
            "ceil",
            "round",
            "trunc",
            "sign",
            "argmax",
            "argmin",
            "argsort",
            "any",
            "all",
        ]
    ),
    *(
        (name, [X], {})
        for name in ["isnan", "isinf", "isfinite", "isposinf", "isneginf", "isreal", "signbit"]
    ),
    *(
        (name, [X], {})
        for name in ["count_nonzero", "zeros_like", "ones_like", "logical_not", "imag", "angle"]
    ),
    *((name, [X], {}) for name in ["nanargmax", "nanargmin", "conjugate", "conj"]),
    *(
        (name, [np.round(X), np.round(draw(4, 3, 6))], {})
        for name in [
            "equal",
            "not_equal",
            "less",
            "less_equal",
            "greater",
            "greater_equal",
            "logical_and",
            "logical_or",
            "logical_xor",
            "isclose",
            "allclose",
            "isin",
            "nextafter",
        ]
    ),
    ("heaviside", [np.round(X), np.asarray(0.5)], {}),
    ("floor_divide", [X, draw(4, 3, 6)], {}),
    ("round", [X], {"decimals": 1}),
    *(
        (name, [(40 * X).astype("int32"), np.arange(1, 7, dtype="int32")], {})
        for name in [
            "bitwise_and",
            "bitwise_or",
            "bitwise_xor",
            "gcd",
            "lcm",
            "floor_divide",
            "mod",
            "fmod",
            "left_shift",
            "right_shift",
            "bitwise_left_shift",
            "bitwise_right_shift",
        ]
    ),
    ("bitwise_not", [(40 * X).astype("int32")], {}),
    ("bitwise_invert", [(40 * X).astype("int32")], {}),
    *(
        (name, [X], {"axis": axis})
        for name in ("argmax", "argmin", "argsort", "any", "count_nonzero")
        for axis in (0, -1)
    ),
    ("argmax", [X], {"axis": 1, "keepdims": True}),
    ("cumsum", [(9 * X).astype("int8")], {"axis": 1}),
    ("cumprod", [(2 * X).astype("int32")], {"axis": 1}),
    ("dot", [(9 * X).astype("int16"), np.ones((6, 2), "int8")], {}),
    ("min", [(60 * X).astype("int8")], {"axis": 1}),
    ("min", [(60 * POSITIVE).astype("uint8")], {"axis": 1}),
    ("max", [X > 0], {"axis": 1}),
    ("searchsorted", [np.sort(draw(9)), X], {"side": "right"}),
    ("digitize", [X, np.array([-1.0, 0.0, 1.5])], {}),
    ("unravel_index", [np.array([5, 0, 23, -1])], {"shape": (2, 3, 4)}),
    ("full_like", [X], {"fill_value": 3}),
]


@pytest.fixture
def double(monkeypatch):
    """Let float64 stay float64, which finite differences need and Keras's promotion cuts to 32."""
    monkeypatch.setattr(dtypes, "BIT64_TO_BIT32_DTYPE", {})


def case_id(case):
    name, arrays, kwargs = case
    return f"{name}-{'-'.join(str(a.shape) for a in arrays)}-{kwargs}".replace(" ", "")


def reference(name, arrays, kwargs):
    """JAX's answer, in float32 as Keras gives it."""
    names = {"newshape": "shape", "repeats": "reps" if name == "tile" else "repeats"}
    names |= {"x_min": "min", "x_max": "max"}
    kwargs = {names.get(key, key): value for key, value in kwargs.items()}
    if "q" in kwargs:
        kwargs["q"] = jnp.asarray(kwargs["q"])
    if "repeats" in kwargs and isinstance(kwargs["repeats"], list):
        kwargs["repeats"] = np.array(kwargs["repeats"])
    if name == "divide_no_nan":
        return jnp.divide(*arrays)
    if name == "cross" and arrays[0].shape[-1] == 2:  # which JAX 0.12 has no more
        return jnp.linalg.det(jnp.stack(arrays, axis=-2))
    if name == "average" and len(arrays) == 2:
        arrays, kwargs = arrays[:1], kwargs | {"weights": arrays[1]}
    if name == "ldexp":
        return jnp.ldexp(*arrays, kwargs["x2"])
    if name == "bitwise_left_shift" or name == "bitwise_right_shift":
        name = name.removeprefix("bitwise_")
    return getattr(jnp, name)(*arrays, **kwargs)


def single(arrays):
    return [a.astype("float32") if a.dtype == "float64" else a for a in arrays]


def leaves(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


@pytest.mark.parametrize("case", SMOOTH + DISCRETE, ids=case_id)
def test_value_eager_and_compiled_with_unknown_sizes(case):
    name, arrays, kwargs = case
    arrays = single(arrays)
    function = getattr(knp, name)
    if name == "average" and len(arrays) == 2:
        function = lambda x, weights, axis: knp.average(x, axis, weights)
    if name == "trapezoid" and len(arrays) == 2:
        function = lambda y, x: knp.trapezoid(y, x)
    wanted = [np.asarray(part) for part in leaves(reference(name, arrays, kwargs))]
    eager = leaves(function(*arrays, **kwargs))
    size = arrays[0].shape[0]
    inputs = [
        pt.TensorType(
            a.dtype.name, shape=(None, *a.shape[1:]) if a.shape[:1] == (size,) else a.shape
        )()
        for a in arrays
    ]
    traced = leaves(function(*(Tensor(x) for x in inputs), **kwargs))
    compiled = modes.compile_function(inputs, [part.symbol for part in traced])(*arrays)
    for part, tensor, value, answer in zip(eager, traced, compiled, wanted, strict=True):
        assert isinstance(part, np.ndarray) and part.shape == answer.shape
        np.testing.assert_allclose(part, answer, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(value, part, rtol=1e-6, atol=1e-6)
        assert part.dtype == value.dtype == tensor.dtype == answer.dtype
        assert all(known in (None, n) for known, n in zip(tensor.shape, part.shape, strict=True))


@pytest.mark.parametrize("case", SMOOTH, ids=case_id)
def test_gradient_against_finite_differences(case, double):
    name, arrays, kwargs = case

    def function(*variables):
        if name == "average" and len(variables) == 2:
            return knp.average(variables[0], weights=variables[1], **kwargs)
        if name == "trapezoid" and len(variables) == 2:
            return knp.trapezoid(*variables)
        return getattr(knp, name)(*variables, **kwargs)

    pytensor.gradient.verify_grad(
        function, [a.astype("float64") for a in arrays], rng=RNG, mode=modes.default_mode()
    )


EINSUMS = [
    ("ij,jk->ik", (4, 3), (3, 5)),
    ("ij,jk", (4, 3), (3, 5)),
    ("abc,cd->abd", (4, 3, 2), (2, 5)),
    ("aecd,abcd->acbe", (4, 3, 2, 5), (4, 6, 2, 5)),
    ("acbe,aecd->abcd", (4, 2, 6, 3), (4, 3, 2, 5)),
    ("...ij,...jk->...ik", (4, 2, 3), (3, 5)),
    ("...ij,...jk->...ik", (4, 2, 3), (1, 3, 5)),
    ("bi,bi->b", (4, 3), (4, 3)),
    ("bi,bj->bij", (4, 3), (4, 2)),
    ("ij,k->", (4, 3), (2,)),
    ("ii->i", (4, 4)),
    ("iji->j", (4, 3, 4)),
    ("ij->ji", (4, 3)),
    ("ij,jk,kl->il", (4, 3), (3, 5), (5, 2)),
    ("ij,ij,ij->i", (4, 3), (4, 3), (4, 3)),
    ("...,...", (4, 3), (3,)),
]


@pytest.mark.parametrize("case", EINSUMS, ids=str)
def test_einsum(case, double):
    subscripts, *shapes = case
    arrays = [draw(*shape) for shape in shapes]
    wanted = np.einsum(subscripts, *arrays)
    np.testing.assert_allclose(ops.einsum(subscripts, *arrays), wanted, rtol=1e-10)
    inputs = [pt.TensorType("float64", (None, *s[1:]) if s[0] == 4 else s)() for s in shapes]
    result = knp.einsum(subscripts, *inputs)
    function = modes.compile_function(inputs, [result])
    np.testing.assert_allclose(function(*arrays)[0], wanted, rtol=1e-10)
    pytensor.gradient.verify_grad(
        lambda *xs: knp.einsum(subscripts, *xs), arrays, rng=RNG, mode=modes.default_mode()
    )


def test_dense_layer_on_sequences_is_one_matrix_product():
    """A 3-D input meets the kernel in one GEMM, forward and in both gradients."""
    x, w = pt.TensorType("float32", (None, 5, 6))(), pt.TensorType("float32", (6, 7))()
    y = knp.matmul(x, w)
    assert y.type.shape == (None, 5, 7)
    gradients = pytensor.grad(pt.sum(y * y), [x, w])
    function = modes.compile_function([x, w], gradients)
    names = [type(node.op).__name__ for node in function.maker.fgraph.toposort()]
    assert "Blockwise" not in names
    assert sum("Dot" in name or "Gemm" in name for name in names) == 3


def test_casts_and_long_sums_run_on_whole_arrays():
    """A million numbers each: one Python call for each number would take a second or so."""
    x = pt.TensorType("float32", (None,))()
    cast = pt.cast(x, "float16")
    long_sum = pt.add(x, x, x)
    softplus = pt.softplus(x)
    function = modes.compile_function([x], [cast, long_sum, softplus])
    value = np.linspace(-30, 30, 11, dtype="float32")
    outputs = function(value)
    for result, wanted in zip(
        outputs, [value.astype("float16"), 3 * value, np.log1p(np.exp(value))], strict=True
    ):
        np.testing.assert_allclose(result, wanted, rtol=1e-3, atol=1e-12)
        assert result.dtype == wanted.dtype
    start = time.process_time()
    function(np.zeros(1_000_000, "float32"))
    assert time.process_time() - start < 0.5


def test_embedding_gradient_adds_up_repeated_rows():
    table, index = np.zeros((5, 2)), np.array([[3, 0, 3], [-1, 3, 0]])
    x = pt.TensorType("float64", (5, 2))()
    weights = draw(2, 3, 2)
    gradient = pytensor.grad(pt.sum(knp.take(x, index, axis=0) * weights), x)
    assert gradient.type.shape == (5, 2)
    wanted = np.zeros((5, 2))
    np.add.at(wanted, index, weights)
    result = modes.compile_function([x], [gradient])(table)[0]
    np.testing.assert_allclose(result, wanted, rtol=1e-12)


@pytest.mark.parametrize("x", [[-1, 2], [-5, 0], [[1, -1], [0, 0]], [np.nan, 1.0], [-np.inf, 1.0]])
@pytest.mark.parametrize("batch", ["eager", "compiled"])
def test_bincount_refuses_what_it_cannot_count(x, batch):
    x = np.array(x)
    count = ops.bincount if batch == "eager" else compiled(ops.bincount, x.dtype.name, x.ndim)
    with pytest.raises(ValueError, match="counts whole numbers from 0"):
        count(x)


@pytest.mark.parametrize("index", [6, 7, -7, 10**9])
def test_nothing_is_added_outside_of_an_array(index):
    slices, places = pt.dvector("slices"), pt.lvector("places")
    add = modes.compile_function([slices, places], [array.AddAt(0)(slices, places, 6)])
    np.testing.assert_array_equal(add(np.ones(3), np.array([5, -6, 5]))[0], [1, 0, 0, 0, 0, 2])
    with pytest.raises(IndexError, match=f"index {index} is out of bounds: there are 6 entries"):
        add(np.ones(2), np.array([0, index]))


def compiled(function, dtype, ndim):
    symbol = pt.TensorType(dtype, shape=(None,) * ndim)()
    return modes.compile_function([symbol], [as_symbol(function(Tensor(symbol)))])


def test_counting_ops():
    x = np.array([[1, 1, 4], [0, 2, 2]])
    np.testing.assert_array_equal(ops.bincount(x[0], minlength=3), [0, 2, 0, 0, 1])
    np.testing.assert_array_equal(ops.bincount(x), [[0, 2, 0, 0, 1], [1, 0, 2, 0, 0]])
    weighted = ops.bincount(x[0], weights=np.array([0.5, 1, 2], "float32"))
    np.testing.assert_allclose(weighted, [0, 1.5, 0, 0, 2])
    values, index, inverse, counts = knp.unique(
        x, return_index=True, return_inverse=True, return_counts=True
    )
    np.testing.assert_array_equal(values, [0, 1, 2, 4])
    np.testing.assert_array_equal(index, [3, 0, 4, 2])
    np.testing.assert_array_equal(inverse, [[1, 1, 3], [0, 2, 2]])
    np.testing.assert_array_equal(counts, [1, 2, 2, 1])
    numbers = RNG.normal(size=50).astype("float32")
    for wanted, found in zip(np.histogram(numbers, 7), ops.histogram(numbers, 7), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    for mode in ("valid", "same", "full"):
        for n, m in ((5, 3), (3, 5), (4, 4)):
            a, b = draw(n), draw(m)
            wanted = np.correlate(a, b, mode)
            np.testing.assert_allclose(ops.correlate(a, b, mode), wanted, rtol=1e-5, atol=1e-6)


def test_making_ops():
    for name, args in (
        ("arange", (2, 9, 3)),
        ("eye", (3, 4, -1)),
        ("tri", (3, 4, 1)),
        ("linspace", (0.0, 2.0, 5)),
        ("logspace", (0.0, 2.0, 5)),
        ("geomspace", (1.0, 16.0, 5)),
        ("identity", (3,)),
        ("bartlett", (6,)),
        ("blackman", (6,)),
        ("hamming", (7,)),
        ("hanning", (1,)),
        ("kaiser", (6, 4.0)),
        ("zeros", ((2, 3),)),
        ("ones", (4,)),
    ):
        result = getattr(knp, name)(*args)
        np.testing.assert_allclose(result, getattr(np, name)(*args), rtol=1e-5, atol=1e-6)


def test_pieces():
    x = draw(5, 6)
    for name, argument in (
        ("split", 2),
        ("split", [2, 3]),
        ("split", np.array([-1])),
        ("array_split", 4),
    ):
        pieces = getattr(ops, name)(x, argument, axis=1)
        wanted = getattr(np, name)(x, argument, axis=1)
        assert [p.shape for p in pieces] == [w.shape for w in wanted]
        for piece, answer in zip(pieces, wanted, strict=True):
            np.testing.assert_array_equal(piece, answer)
    symbolic = ops.split(keras.Input((6,)), 3, axis=-1)
    assert [piece.shape for piece in symbolic] == [(None, 2)] * 3


def test_vectorize_maps_over_leading_axes():
    x = draw(4, 3)
    norm = ops.vectorize(lambda row: ops.sqrt(ops.sum(row * row)), signature="(n)->()")
    np.testing.assert_allclose(norm(x), np.linalg.norm(x, axis=1))


def test_view_reads_the_same_bytes():
    x = np.array([[1.0, -2.0]], "float32")
    np.testing.assert_array_equal(ops.view(x, "int32"), x.view("int32"))
    np.testing.assert_array_equal(ops.view(x, "uint8"), x.view("uint8"))
    assert array.Bitcast("float64")(pt.TensorType("float32", (None, 4))()).type.shape == (None, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ops.matmul(x, np.ones((4, 2))), "3 columns meet 4 rows|not compatible|cannot"),
        (lambda x: knp.reshape(x, (5, 2)), "numbers of elements differ"),
        (lambda x: knp.squeeze(x, 0), "Cannot squeeze axis=0"),
        (lambda x: knp.split(x, 2, axis=1), "2 equal sections"),
        (lambda x: knp.broadcast_to(x, (3, 3)), "cannot broadcast"),
        (lambda x: knp.pad(x, ((1, 1),) * 3), "one pair"),
        (lambda x: knp.einsum("ij,jk", x), "1 operands for the 2 terms"),
        (lambda x: knp.tensordot(x, np.ones((4, 2)), 1), "an axis of size 3 meets one of size 4"),
        (lambda x: knp.sum(x, axis=2), "axis"),
        (lambda x: knp.max(np.zeros((0, 2))), "initial"),
        (lambda x: knp.quantile(x, 0.5, method="best"), "method"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones((2, 3)))

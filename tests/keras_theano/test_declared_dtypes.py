"""The dtypes and shapes that Keras declares of an op's results (`compute_output_spec`) are those it gives."""

import inspect

import keras
import numpy as np
import pytest
from keras import KerasTensor, ops

VALUES = np.array([[1, 2, 3], [4, 1, 0], [2, 2, 1]])
DTYPES = ["float32", "float16", "int32", "uint8", "int64", "bool"]
# What an op takes beside one tensor. All others are tried with one tensor, and with two.
ARGUMENTS = {
    "argpartition": {"kth": 1},
    "array_split": {"indices_or_sections": 2},
    "broadcast_to": {"shape": (2, 3, 3)},
    "cast": {"dtype": "float16"},
    "clip": {"x_min": 0, "x_max": 2},
    "diff": {},
    "digitize": {"bins": np.array([0.0, 2.0])},
    "expand_dims": {"axis": 0},
    "histogram": {},
    "moveaxis": {"source": 0, "destination": 1},
    "one_hot": {"num_classes": 5},
    "pad": {"pad_width": 1},
    "percentile": {"q": 50},
    "quantile": {"q": 0.5},
    "repeat": {"repeats": 2, "axis": 0},
    "reshape": {"newshape": (9,)},
    "roll": {"shift": 1},
    "split": {"indices_or_sections": 3},
    "swapaxes": {"axis1": 0, "axis2": 1},
    "take": {"indices": np.array([0, 1]), "axis": 0},
    "tile": {"repeats": 2},
    "top_k": {"k": 2},
}
# Floats of whole numbers, for which Keras declares whole numbers: TensorFlow refuses these
# arguments, but for those marked, of which it gives floats (F) or cuts the fractions off (C).
FLOATS = set(
    """
    binary_crossentropy categorical_crossentropy celu cholesky_inverse det eigh elu erf erfinv gelu
    hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh heaviside histogram hypot inv
    leaky_relu:F log_sigmoid log_softmax logdet moments:C multi_hot:F pinv qr relu relu6 rfft:F
    round rsqrt selu sigmoid silu slogdet soft_shrink:C softmax softplus softsign solve
    solve_triangular sparse_plus sparse_sigmoid sparsemax squareplus svd swish tanh_shrink
    """.replace(":F", "")
    .replace(":C", "")
    .split()
)
# Left out, and why.
LEFT_OUT = {
    "the number of results depends on the values": [
        "bincount",
        "get_item",
        "nonzero",
        "unique",
        "where",  # of a condition alone
    ],
    "Keras declares what no engine gives, TensorFlow as well": [
        "eig",  # complex numbers
        "geomspace",  # of float16 and float32
        "linspace",
        "logspace",
        "logsumexp",  # of float16
        "lstsq",  # the dtype of `a`, whatever that of `b`
        "lu_factor",  # whole numbers for the rows
        "matrix_rank",  # with tolerances
        "meshgrid",
        "nanpercentile",  # of as many percentages as there are numbers
        "nanquantile",
        "normalize",  # of float16
        "polar",  # complex numbers
        "reciprocal",  # of float16
        "take_along_axis",  # without an axis
        "view_as_real",
    ],
    "batches of sequences, which these matrices are not": ["ctc_decode"],
    "TensorFlow refuses truth values, of which Keras declares truth values": [
        "bitwise_left_shift",
        "bitwise_right_shift",
        "floor_divide",
        "gcd",
        "lcm",
        "left_shift",
        "power",
        "right_shift",
    ],
    "of int64, Keras declares 64 or 32 bits where the other is exact enough, or needed": [
        "cbrt",
        "corrcoef",
        "deg2rad",
        "nanmax",
        "nanmin",
        "nansum",
        "rad2deg",
        "sum",
    ],
    "float16 beside float32 makes float32": ["trapezoid"],
    "what takes functions or names, or gives no tensors": [
        "associative_scan",
        "cond",
        "convert_to_numpy",
        "convert_to_tensor",
        "custom_gradient",
        "dtype",
        "fori_loop",
        "is_tensor",
        "map",
        "saturate_cast",
        "scan",
        "shape",
        "switch",
        "vectorized_map",
        "while_loop",
    ],
}
NEWEST = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 15)
if not NEWEST:
    LEFT_OUT["what Keras declares in another shape than TensorFlow gives, too"] = ["inner"]
OPS = [
    name
    for name in dir(ops)
    if inspect.isfunction(getattr(ops, name))
    and name[0] != "_"
    and not any(name in names for names in LEFT_OUT.values())
]


def kinds(results):
    return [
        (keras.backend.standardize_dtype(result.dtype), tuple(result.shape))
        for result in keras.tree.flatten(results)
    ]


def differences(name, dtypes, extra):
    """Return [(given, declared)] where they differ; None where the op refuses the arguments."""
    function, whole = getattr(ops, name), any(not dtype.startswith("float") for dtype in dtypes)
    values = VALUES[0] if name == "histogram" else VALUES
    arrays = [values.astype(dtype) for dtype in dtypes]
    try:
        given = kinds(function(*arrays, **extra))
    except Exception:
        return None
    declared = kinds(
        function(*(KerasTensor(array.shape, array.dtype.name) for array in arrays), **extra)
    )
    assert len(given) == len(declared)
    floats = name in FLOATS and whole
    return [
        (found, promised)
        for found, promised in zip(given, declared, strict=True)
        if found != promised
        and not (floats and found in (("float32", promised[1]), ("int32", promised[1])))
    ]


@pytest.mark.parametrize("name", OPS)
def test_given_is_declared(name):
    extra, wrong = ARGUMENTS.get(name), {}
    for dtype in DTYPES:
        trials = [(dtype,)] if extra is not None else [(dtype,), (dtype, dtype), (dtype, "float32")]
        for dtypes in trials:
            different = differences(name, dtypes, extra or {})
            if different:
                wrong[dtypes] = different
    assert not wrong


@pytest.mark.skipif(not NEWEST, reason="older versions of Keras lack some")
def test_the_lists_name_ops():
    for name in [*ARGUMENTS, *FLOATS, *(name for names in LEFT_OUT.values() for name in names)]:
        assert hasattr(ops, name), name


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_histogram_counts_in_the_dtype_of_its_numbers(dtype):
    numbers = np.array([1.0, 2.0, 2.5, 9.0], dtype)
    counts, edges = ops.histogram(numbers, bins=4)
    assert counts.dtype == edges.dtype == dtype
    np.testing.assert_array_equal(counts, np.histogram(numbers, 4)[0])

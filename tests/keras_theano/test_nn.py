"""`keras.ops.nn` on Theano: values against JAX, unknown batch sizes, gradients, speed, messages."""

import time

import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from keras import ops

from keras_theano.pytensor_ops.activations import CURVES, Activation
from keras_theano.src import modes, nn
from tests.keras_theano.ways import check_gradient, run_all_ways

jax = pytest.importorskip("jax")
jnp = jax.numpy

RNG = np.random.default_rng(5)


def draw(*shape):
    return RNG.standard_normal(shape).astype("float32")


X = draw(5, 6, 4)
# Both tails, both sides of every kink, and numbers too small for a careless formula.
LINE = np.concatenate(
    [np.linspace(-40, 40, 162), [-1e-6, 1e-6, -1e-12, 0, 1e-12]], dtype="float32"
)[:, None]

ACTIVATIONS = {
    name: getattr(jax.nn, name)
    for name in [
        "relu",
        "relu6",
        "sigmoid",
        "softplus",
        "sparse_sigmoid",
        "silu",
        "squareplus",
        "log_sigmoid",
        "hard_sigmoid",
        "hard_silu",
        "selu",
        "celu",
        "elu",
        "gelu",
        "glu",
        "hard_tanh",
        "sparse_plus",
        "softmax",
        "log_softmax",
    ]
} | {
    "tanh": jnp.tanh,
    "softsign": jax.nn.soft_sign,
    "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.2),
    "tanh_shrink": lambda x: x - jnp.tanh(x),
    "hard_shrink": lambda x: jnp.where(jnp.abs(x) > 0.5, x, 0),
    "soft_shrink": lambda x: jnp.sign(x) * jnp.maximum(jnp.abs(x) - 0.5, 0),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_jaxs(name):
    x = np.concatenate([LINE, LINE[::-1]], axis=1)
    expected = ACTIVATIONS[name](x)
    # 1 + tanh loses digits in the tail, there as here.
    atol = 5e-7 if name == "gelu" else 1e-12
    np.testing.assert_allclose(run_all_ways(getattr(nn, name), x), expected, rtol=2e-5, atol=atol)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: nn.threshold(x, 0.3, -7), lambda x: np.where(x > 0.3, x, np.float32(-7))),
        (lambda x: nn.elu(x, 2.5), lambda x: jax.nn.elu(x, 2.5)),
        (lambda x: nn.celu(x, 0.7), lambda x: jax.nn.celu(x, 0.7)),
        (lambda x: nn.leaky_relu(x, 1.5), lambda x: jax.nn.leaky_relu(x, 1.5)),
        (lambda x: nn.squareplus(x, 1), lambda x: jax.nn.squareplus(x, 1)),
        (lambda x: nn.gelu(x, approximate=False), lambda x: jax.nn.gelu(x, False)),
        (lambda x: nn.glu(x, axis=1), lambda x: jax.nn.glu(x, axis=1)),
        (lambda x: nn.softmax(x, axis=0), lambda x: jax.nn.softmax(x, axis=0)),
        (lambda x: nn.softmax(x, axis=None), lambda x: jax.nn.softmax(x, axis=None)),
        (lambda x: nn.log_softmax(x, axis=1), lambda x: jax.nn.log_softmax(x, axis=1)),
    ],
)
def test_activation_with_arguments(call, expected):
    np.testing.assert_allclose(run_all_ways(call, X), expected(X), rtol=2e-5, atol=1e-6)


def test_softmax_over_several_axes():
    np.testing.assert_allclose(ops.softmax(X, (1, 2)), jax.nn.softmax(X, axis=(1, 2)), rtol=1e-5)


def test_sparsemax_is_a_projection_onto_the_simplex():
    y = run_all_ways(nn.sparsemax, X)
    np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-5)
    # Its definition: all that is kept was lowered by the same amount, the rest by no more.
    drop = X - y
    kept = y > 0
    level = np.where(kept, drop, -np.inf).max(-1, keepdims=True)
    np.testing.assert_allclose(np.where(kept, drop, level), np.broadcast_to(level, X.shape), 1e-4)
    assert (X[~kept] <= np.broadcast_to(level, X.shape)[~kept] + 1e-6).all()
    np.testing.assert_allclose(run_all_ways(lambda x: nn.sparsemax(x, 1), X).sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", CURVES)
def test_activation_gradients_of_first_and_second_order(name):
    params = {
        "soft_shrink": (0.5,),
        "hard_shrink": (0.5,),
        "threshold": (0.5, -1.0),
        "squareplus": (4.0,),
        "leaky_relu": (0.2,),
        "elu": (1.3,),
        "celu": (1.3,),
    }.get(name, ())
    op = Activation(name, *params)
    # No place within reach of a finite difference from a kink (at 0, 0.5, 1, 3 and 6).
    x = np.array([[-7.3, -3.4, -2.2, -0.72, -0.31], [0.29, 0.77, 2.6, 4.1, 6.9]])
    check_gradient(lambda tensor: op(tensor.symbol), x, second=True)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_softmax_gradients_of_first_and_second_order(axis, log):
    function = nn.log_softmax if log else nn.softmax
    check_gradient(lambda x: function(x, axis), X[0], second=True)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "silu", "gelu", "elu", "relu", "tanh"])
def test_activation_is_about_as_fast_as_numpy(name):
    """A per-element Python loop would be a hundred times slower than these bounds."""
    x = RNG.standard_normal((128, 512)).astype("float32")
    plain = {
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "softplus": lambda: np.logaddexp(x, np.float32(0)),
        "silu": lambda: x / (1 + np.exp(-x)),
        "gelu": lambda: 0.5 * x * (1 + np.tanh(0.7978846 * (x + 0.044715 * x * x * x))),
        "elu": lambda: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        "relu": lambda: np.maximum(x, 0) * (x > 0),
        "tanh": lambda: np.tanh(x) * (1 - x * x),
    }[name]
    symbol = pt.matrix(dtype="float32")
    y = Activation(name, *([1.0] if name == "elu" else []))(symbol)
    function = modes.compile_function([symbol], [y, pytensor.grad(y.sum(), symbol)])

    def best(call):
        times = []
        for _ in range(15):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return min(times)

    # Value and slope against one value: six times that is three times straightforward NumPy.
    assert best(lambda: function(x)) < 6 * best(plain) + 1e-3


def test_integers_stay_integers_where_the_result_is_whole():
    x = np.array([-2, 3, 9])
    for name, expected in (("relu", [0, 3, 9]), ("relu6", [0, 3, 6]), ("hard_tanh", [-1, 1, 1])):
        y = getattr(nn, name)(x)
        assert y.dtype == x.dtype
        np.testing.assert_array_equal(y, expected)
    assert nn.sigmoid(x).dtype == "float32"


# --- Convolution and pooling ---------------------------------------------------------------------


def jax_conv(x, kernel, strides, padding, dilation, groups=1):
    rank = x.ndim - 2
    spec = jax.lax.ConvDimensionNumbers(
        (0, rank + 1, *range(1, rank + 1)),
        (rank + 1, rank, *range(rank)),
        (0, rank + 1, *range(1, rank + 1)),
    )
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (strides,) * rank,
        padding.upper(),
        rhs_dilation=(dilation,) * rank,
        dimension_numbers=spec,
        feature_group_count=groups,
    )


def both_formats(function, x, expected, **kwargs):
    np.testing.assert_allclose(
        run_all_ways(lambda x: function(x, data_format="channels_last", **kwargs), x),
        expected,
        rtol=1e-4,
        atol=1e-5,
    )
    first = run_all_ways(
        lambda x: function(x, data_format="channels_first", **kwargs), np.moveaxis(x, -1, 1)
    )
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    ("strides", "padding", "dilation"),
    [(1, "valid", 1), (2, "same", 1), (1, "same", 2), (3, "valid", 1)],
)
def test_conv(rank, strides, padding, dilation):
    x, kernel = draw(2, *(9, 8, 7)[:rank], 4), draw(*(3, 2, 3)[:rank], 2, 6)
    both_formats(
        lambda x, **kw: nn.conv(x, kernel, strides, padding, dilation_rate=dilation, **kw),
        x,
        jax_conv(x, kernel, strides, padding, dilation, groups=2),
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_depthwise_and_separable_conv(padding):
    x, depthwise, pointwise = draw(2, 9, 8, 3), draw(3, 3, 3, 2), draw(1, 1, 6, 5)
    flat = depthwise.reshape(3, 3, 1, 6)
    between = jax_conv(x, flat, 2, padding, 1, groups=3)
    both_formats(lambda x, **kw: nn.depthwise_conv(x, depthwise, 2, padding, **kw), x, between)
    both_formats(
        lambda x, **kw: nn.separable_conv(x, depthwise, pointwise, 2, padding, **kw),
        x,
        jax_conv(np.asarray(between), pointwise, 1, "valid", 1),
    )


@pytest.mark.parametrize(("width", "strides"), [(1, 2), (3, 1), (2, 3), (5, 2)])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("output_padding", [None, 1, 4])
def test_conv_transpose(width, strides, padding, output_padding):
    from keras.src.backend.common.backend_utils import compute_conv_transpose_padding_args_for_jax

    x, kernel = draw(2, 5, 6, 3), draw(width, width, 4, 3)
    padded = compute_conv_transpose_padding_args_for_jax(
        x.shape, kernel.shape, strides, padding, output_padding, 1
    )
    expected = jax.lax.conv_transpose(
        x,
        kernel,
        (strides, strides),
        padding=padded,
        dimension_numbers=jax.lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2)),
        transpose_kernel=True,
    )
    both_formats(
        lambda x, **kw: nn.conv_transpose(x, kernel, strides, padding, output_padding, **kw),
        x,
        expected,
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [None, 1, 3])
def test_pooling(padding, strides):
    x = draw(2, 7, 8, 3)
    step = (1, *(strides or 2,) * 2, 1)

    def window(x, start, reduce):
        return jax.lax.reduce_window(x, start, reduce, (1, 2, 2, 1), step, padding.upper())

    both_formats(
        lambda x, **kw: nn.max_pool(x, 2, strides, padding, **kw),
        x,
        window(x, -jnp.inf, jax.lax.max),
    )
    counts = window(np.ones_like(x), 0.0, jax.lax.add)
    both_formats(
        lambda x, **kw: nn.average_pool(x, 2, strides, padding, **kw),
        x,
        window(x, 0.0, jax.lax.add) / counts,
    )


@pytest.mark.parametrize(("size", "places"), [(12, 4), (7, 3), (5, 5), (10, 7), (3, 5)])
def test_adaptive_pooling(size, places):
    x = draw(2, size, 3)
    edges = [(i * size // places, -(-(i + 1) * size // places)) for i in range(places)]
    for name, reduce in (("average", np.mean), ("max", np.max)):
        function = getattr(nn, f"adaptive_{name}_pool")
        expected = np.stack([reduce(x[:, a:b], axis=1) for a, b in edges], axis=1)
        both_formats(lambda x, f=function, **kw: f(x, places, **kw), x, expected)
        check_gradient(lambda x, f=function: f(x, places, "channels_last"), x)


def test_patches_round_trip():
    x = draw(2, 3, 7, 8)
    settings = {"kernel_size": (3, 2), "dilation": (1, 2), "padding": (1, 0), "stride": (2, 1)}
    patches = run_all_ways(lambda x: nn.unfold(x, **settings), x)
    expected = jax.lax.conv_general_dilated_patches(
        np.pad(x, [(0, 0), (0, 0), (1, 1), (0, 0)]),
        (3, 2),
        (2, 1),
        "VALID",
        rhs_dilation=(1, 2),
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
    )
    np.testing.assert_allclose(patches, np.reshape(expected, patches.shape), rtol=1e-6)
    # Folding is unfolding's transpose: <unfold(x), p> = <x, fold(p)>.
    other = draw(*patches.shape)
    back = run_all_ways(lambda p: nn.fold(p, (7, 8), **settings), other)
    np.testing.assert_allclose(np.vdot(patches, other), np.vdot(x, back), rtol=1e-4)
    check_gradient(lambda x: nn.unfold(x, 2), x[:1, :, :4, :4])
    check_gradient(lambda p: nn.fold(p, (7, 8), **settings), other[:1])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_depth_to_space_and_back(data_format):
    x = draw(2, 3, 5, 8) if data_format == "channels_last" else draw(2, 8, 3, 5)
    spread = run_all_ways(lambda x: nn.depth_to_space(x, 2, data_format), x)
    assert spread.shape == ((2, 6, 10, 2) if data_format == "channels_last" else (2, 2, 6, 10))
    back = run_all_ways(lambda x: nn.space_to_depth(x, 2, data_format), spread)
    np.testing.assert_array_equal(back, x)
    if data_format == "channels_last":
        np.testing.assert_array_equal(spread[:, :2, :2, 0].reshape(2, 4), x[:, 0, 0, ::2])


# --- Encodings and losses ------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_one_hot_and_multi_hot(axis):
    labels = np.array([[0, 3, -1], [2, 2, 9]])
    np.testing.assert_array_equal(
        run_all_ways(lambda x: nn.one_hot(x, 4, axis, "int32"), labels),
        jax.nn.one_hot(labels, 4, axis=axis, dtype="int32"),
    )
    assert nn.one_hot(labels, 4).dtype == "float32"
    np.testing.assert_array_equal(
        run_all_ways(lambda x: nn.multi_hot(x, 4), labels), [[1, 0, 0, 1], [0, 0, 1, 0]]
    )


TARGET = np.asarray(jax.nn.softmax(draw(6, 4)))
LABELS = np.array([0, 3, 1, 1, 2, 0])


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("kind", ["logits", "probabilities", "from softmax"])
def test_categorical_crossentropy(axis, kind):
    logits = draw(6, 4)
    goal = np.asarray(jax.nn.softmax(TARGET, axis=axis))
    expected = -np.sum(goal * jax.nn.log_softmax(logits, axis=axis), axis=axis)
    if kind == "probabilities":
        given = np.asarray(jax.nn.softmax(logits, axis=axis))
        call = lambda t, x: nn.categorical_crossentropy(t, x, axis=axis)
    elif kind == "logits":
        given = logits
        call = lambda t, x: nn.categorical_crossentropy(t, x, from_logits=True, axis=axis)
    else:
        given = logits
        call = lambda t, x: nn.categorical_crossentropy(t, nn.softmax(x, axis), axis=axis)
    np.testing.assert_allclose(run_all_ways(call, goal, given), expected, rtol=1e-5)
    check_gradient(lambda x: call(goal.astype("float64"), x), np.abs(given) + 0.1)


@pytest.mark.parametrize("kind", ["logits", "probabilities", "from softmax"])
def test_sparse_categorical_crossentropy(kind):
    logits = draw(6, 4)
    expected = -np.asarray(jax.nn.log_softmax(logits))[np.arange(6), LABELS]
    given = np.asarray(jax.nn.softmax(logits)) if kind == "probabilities" else logits
    call = {
        "logits": lambda t, x: nn.sparse_categorical_crossentropy(t, x, from_logits=True),
        "probabilities": nn.sparse_categorical_crossentropy,
        "from softmax": lambda t, x: nn.sparse_categorical_crossentropy(t, nn.softmax(x)),
    }[kind]
    for labels in (LABELS, LABELS[:, None], LABELS.astype("float32")):
        np.testing.assert_allclose(run_all_ways(call, labels, given), expected, rtol=1e-5)
    check_gradient(lambda x: call(LABELS, x), np.abs(given) + 0.1)


@pytest.mark.parametrize("kind", ["logits", "probabilities", "from sigmoid"])
def test_binary_crossentropy(kind):
    logits, target = 3 * draw(6, 4), (draw(6, 4) > 0).astype("float32")
    p = 1 / (1 + np.exp(-logits.astype("float64")))
    expected = -(target * np.log(p) + (1 - target) * np.log(1 - p))
    given = p.astype("float32") if kind == "probabilities" else logits
    call = {
        "logits": lambda t, x: nn.binary_crossentropy(t, x, from_logits=True),
        "probabilities": nn.binary_crossentropy,
        "from sigmoid": lambda t, x: nn.binary_crossentropy(t, nn.sigmoid(x)),
    }[kind]
    np.testing.assert_allclose(run_all_ways(call, target, given), expected, rtol=1e-4, atol=1e-6)
    check_gradient(lambda x: call(target.astype("float64"), x), given)


def test_traced_losses_of_saturated_outputs_keep_their_gradients():
    """A sigmoid of -50 is 0 to float32's clip, and its loss would give no gradient."""
    x = pt.matrix(dtype="float32")
    target = np.ones((1, 2), "float32")
    loss = nn.binary_crossentropy(target, nn.sigmoid(x))
    slope = modes.compile_function([x], [loss, pytensor.grad(loss.sum(), x)])
    value, gradient = slope(np.array([[-50, -90]], "float32"))
    np.testing.assert_allclose(value, [[50, 90]], rtol=1e-6)
    np.testing.assert_allclose(gradient, -1)


@pytest.mark.parametrize(
    "loss",
    [nn.categorical_crossentropy, nn.sparse_categorical_crossentropy, nn.binary_crossentropy],
)
def test_losses_refuse_shapes_that_differ(loss):
    with pytest.raises(ValueError, match="must have the same shape"):
        loss(np.zeros((3, 2), "int32"), draw(4, 5))


def ctc_by_enumeration(log_probabilities, labels, blank):
    """Add up the probabilities of all paths that collapse to `labels`."""
    import itertools

    steps, classes = log_probabilities.shape
    total = 0.0
    for path in itertools.product(range(classes), repeat=steps):
        collapsed = [c for i, c in enumerate(path) if (i == 0 or path[i - 1] != c) and c != blank]
        if collapsed == list(labels):
            total += np.exp(sum(log_probabilities[i, c] for i, c in enumerate(path)))
    return -np.log(total)


CTC_LABELS = np.array([[1, 2, 0], [1, 1, 0], [2, 0, 0], [0, 0, 0]])
CTC_COUNTS = np.array([2, 2, 1, 0])
CTC_LENGTHS = np.array([5, 4, 1, 3])


@pytest.mark.parametrize("blank", [0, 3])
def test_ctc_loss_adds_up_all_paths(blank):
    x = draw(4, 5, 4)
    labels = CTC_LABELS if blank == 0 else np.maximum(CTC_LABELS - 1, 0)
    loss = run_all_ways(
        lambda *args: nn.ctc_loss(args[1], args[0], args[2], args[3], blank),
        x,
        labels,
        CTC_COUNTS,
        CTC_LENGTHS,
    )
    log_probabilities = np.asarray(jax.nn.log_softmax(x), "float64")
    expected = [
        ctc_by_enumeration(rows[:length], goal[:count], blank)
        for rows, goal, count, length in zip(
            log_probabilities, labels, CTC_COUNTS, CTC_LENGTHS, strict=True
        )
    ]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    check_gradient(lambda x: nn.ctc_loss(labels, x, CTC_COUNTS, CTC_LENGTHS, blank), x)


def test_ctc_loss_of_labels_that_do_not_fit_is_infinite_without_nan_gradients():
    x = pt.tensor3(dtype="float32")
    loss = nn.ctc_loss(np.array([[1, 1]]), x, np.array([2]), np.array([2]))
    value, slope = modes.compile_function([x], [loss, pytensor.grad(loss.sum(), x)])(draw(1, 2, 3))
    assert np.isinf(value).all() and (slope == 0).all()


@pytest.mark.parametrize("blank", [0, 2])
def test_ctc_decoding(blank):
    x, lengths = 3 * draw(3, 4, 3), np.array([4, 3, 1])
    log_probabilities = np.asarray(jax.nn.log_softmax(x), "float64")
    paths, scores = run_all_ways(
        lambda x, n: nn.ctc_decode(x, n, "beam_search", 50, 2, mask_index=blank), x, lengths
    )
    for sample, length in enumerate(lengths):
        for path, score in zip(paths[:, sample], scores[sample], strict=True):
            labels = path[path >= 0]
            expected = ctc_by_enumeration(log_probabilities[sample, :length], labels, blank)
            np.testing.assert_allclose(-score, expected, rtol=1e-4)
    assert (scores[:, 0] >= scores[:, 1]).all()
    best, _ = run_all_ways(lambda x, n: nn.ctc_decode(x, n, mask_index=blank), x, lengths)
    for sample, length in enumerate(lengths):
        path = x[sample, :length].argmax(-1)
        kept = [c for i, c in enumerate(path) if c != blank and (i == 0 or c != path[i - 1])]
        np.testing.assert_array_equal(best[0, sample], kept + [-1] * (4 - len(kept)))


def test_psnr():
    a, b = draw(3, 4), draw(3, 4)
    expected = 10 * np.log10(4 / np.mean((a - b) ** 2))
    np.testing.assert_allclose(run_all_ways(lambda a, b: nn.psnr(a, b, 2), a, b), expected, 1e-5)


# --- Normalisation and attention -----------------------------------------------------------------


@pytest.mark.parametrize("axes", [(0, 1), (0,), (1, 2), (-1,), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_moments(axes, keepdims):
    mean, variance = run_all_ways(lambda x: nn.moments(x, axes, keepdims), X)
    np.testing.assert_allclose(mean, X.mean(axes, keepdims=keepdims), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variance, X.var(axes, keepdims=keepdims), rtol=1e-4)


def test_moments_of_float16_do_not_overflow():
    mean, variance = nn.moments(np.full((4, 60000), 300, "float16"), [0, 1])
    assert mean.dtype == variance.dtype == "float16"
    assert (mean, variance) == (300, 0)


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("own", [False, True])
def test_batch_normalization(axis, own):
    others = tuple(a for a in range(3) if a != axis % 3)
    size = X.shape[axis]
    mean, variance, offset, scale = draw(size), draw(size) ** 2, draw(size), draw(size)
    if own:
        mean, variance = X.mean(others), X.var(others)

    def call(x):
        moments = nn.moments(x, others) if own else (mean, variance)
        return nn.batch_normalization(x, *moments, axis, offset, scale, 1e-3)

    a, b, c, d = (np.expand_dims(v, others) for v in (mean, variance, offset, scale))
    expected = (X - a) / np.sqrt(b + 1e-3) * d + c
    np.testing.assert_allclose(run_all_ways(call, X), expected, rtol=1e-4, atol=1e-5)
    check_gradient(call, X)


@pytest.mark.parametrize("heads", [4, 2, 1])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_dot_product_attention(heads, masked, causal):
    query, key, value = draw(2, 5, 4, 3), draw(2, 6, heads, 3), draw(2, 6, heads, 3)
    bias = draw(2, 4, 5, 6) if masked else None
    mask = RNG.random((2, 1, 5, 6)) > 0.3 if masked else None
    if masked:
        mask[..., 0] = True

    def call(q, k, v):
        return nn.dot_product_attention(q, k, v, bias=bias, mask=mask, is_causal=causal)

    expected = jax.nn.dot_product_attention(query, key, value, bias, mask, is_causal=causal)
    np.testing.assert_allclose(
        run_all_ways(call, query, key, value), expected, rtol=1e-4, atol=1e-5
    )
    check_gradient(call, query, key, value)


def test_bad_input_is_refused_in_the_users_terms():
    x = draw(2, 6, 6, 3)
    for call, message in (
        (lambda: nn.conv(x, draw(3, 3, 2, 4)), "evenly divisible"),
        (lambda: nn.conv(x, draw(3, 3, 3, 4), padding="full"), "must be one of"),
        (lambda: nn.conv(x, draw(3, 3, 3, 4), data_format="last"), "data_format"),
        (lambda: nn.depthwise_conv(x, draw(3, 3, 2, 1)), "input channels"),
        (lambda: nn.max_pool(x, 2, padding="causal"), "Invalid padding"),
        (lambda: nn.glu(draw(2, 3)), "even number"),
        (lambda: nn.one_hot(LABELS, 4, sparse=True), "sparse"),
        (lambda: nn.ctc_decode(draw(1, 2, 3), [2], "sampled"), "Invalid strategy"),
        (lambda: nn.dot_product_attention(x, x, x, flash_attention=True), "Flash attention"),
        (lambda: nn.dot_product_attention(x[0], x[0], x[0]), "only supports 4D"),
        (lambda: nn.psnr(x, x[:1], 1.0), "must match"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_layers_trace_with_unknown_sizes():
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x))
    assert model.output_shape == (None, 5)
    np.testing.assert_allclose(np.sum(model(draw(2, 9, 7, 3)), axis=-1), 1, rtol=1e-5)

"""Recurrent layers on Theano: the one-node LSTM and GRU, the general loop, masks, gradients."""

import keras
import numpy as np
import pytest
from graph_checks import assert_close, check_gradient, compiled
from keras import activations, layers, ops
from pytensor.graph.traversal import ancestors
from pytensor.scan.op import Scan

from keras_theano.pytensor_ops import recurrent
from keras_theano.src import control_flow
from keras_theano.src.rnn import gru, lstm, rnn, simple_rnn
from keras_theano.src.tensor import Tensor, as_symbol

RNG = np.random.default_rng(2)
BATCH, TIME, FEATURES, UNITS = 3, 5, 2, 4
X = RNG.normal(size=(BATCH, TIME, FEATURES))
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 1, 0], [0, 1, 1, 0, 0]], bool)
STATES = [RNG.normal(size=(BATCH, UNITS)) for _ in range(2)]
TANH_SIGMOID = {"activation": activations.tanh, "recurrent_activation": activations.sigmoid}


def weights(gates, bias_shape):
    return [
        RNG.normal(size=(FEATURES, gates * UNITS)),
        RNG.normal(size=(UNITS, gates * UNITS)),
        RNG.normal(size=bias_shape),
    ]


LSTM_WEIGHTS = weights(4, (4 * UNITS,))
GRU_WEIGHTS = weights(3, (2, 3 * UNITS))
SIMPLE_WEIGHTS = weights(1, (UNITS,))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(x, h, c, kernel, recurrent, bias, mask):
    """The definition, step by step, one row at a time where masked."""
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        new_h = sigmoid(o) * np.tanh(new_c)
        keep = mask[:, t, None]
        h, c = np.where(keep, new_h, h), np.where(keep, new_c, c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c


def gru_by_hand(x, h, kernel, recurrent, bias, mask):
    outputs = []
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ kernel + bias[0], 3, axis=1)
        hz, hr, hh = np.split(h @ recurrent + bias[1], 3, axis=1)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        new = z * h + (1 - z) * np.tanh(xh + r * hh)
        h = np.where(mask[:, t, None], new, h)
        outputs.append(h)
    return np.stack(outputs, axis=1), h


def simple_by_hand(x, h, kernel, recurrent, bias, mask, activation):
    outputs = []
    for t in range(x.shape[1]):
        new = activation(x[:, t] @ kernel + h @ recurrent + bias)
        h = np.where(mask[:, t, None], new, h)
        outputs.append(h)
    return np.stack(outputs, axis=1), h


BY_HAND = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "linear": lambda x: x,
}


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("masked, zeros", [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("activation", BY_HAND)
def test_simple_rnn(activation, sequences, masked, zeros, go_backwards):
    def function(x, h, kernel, recurrent, bias):
        return simple_rnn(
            x,
            h,
            MASK if masked else None,
            kernel,
            recurrent,
            bias,
            activations.get(activation),
            return_sequences=sequences,
            go_backwards=go_backwards,
            zero_output_for_mask=zeros,
        )

    step = -1 if go_backwards else 1
    mask = (MASK if masked else np.ones_like(MASK))[:, ::step]
    arrays = [X, STATES[0], *SIMPLE_WEIGHTS]
    outputs, h = simple_by_hand(X[:, ::step], *arrays[1:], mask, BY_HAND[activation])
    given = mask if zeros else mask.cumsum(axis=1) > 0
    outputs = np.where(given[..., None], outputs, 0)
    expected = (outputs[:, -1], outputs if sequences else outputs[:, -1:], h)
    assert_close(function(*arrays), expected)
    assert_close(compiled(function, *arrays, unknown=None), expected)
    if not masked:
        open_time = compiled(lambda x: function(x, *arrays[1:]), X, unknown=1)
        assert_close(open_time, expected)
    check_gradient(function, *arrays)


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("masked, sequences", [(False, True), (False, False), (True, False)])
def test_lstm(masked, sequences, go_backwards):
    def function(x, h, c, kernel, recurrent, bias):
        return lstm(
            x,
            h,
            c,
            MASK if masked else None,
            kernel,
            recurrent,
            bias,
            **TANH_SIGMOID,
            return_sequences=sequences,
            go_backwards=go_backwards,
        )

    step = -1 if go_backwards else 1
    mask = MASK if masked else np.ones_like(MASK)
    outputs, h, c = lstm_by_hand(X[:, ::step], *STATES, *LSTM_WEIGHTS, mask[:, ::step])
    expected = (h, outputs if sequences else h[:, None], h, c)
    assert_close(function(X, *STATES, *LSTM_WEIGHTS), expected)
    unknown = None if masked else 1
    assert_close(compiled(function, X, *STATES, *LSTM_WEIGHTS, unknown=None), expected)
    if unknown:
        open_time = compiled(lambda x: function(x, *STATES, *LSTM_WEIGHTS), X, unknown=1)
        assert_close(open_time, expected)
    check_gradient(function, X, *STATES, *LSTM_WEIGHTS)
    # One output alone: the cotangents of the others are missing.
    check_gradient(function, X, *STATES, *LSTM_WEIGHTS, which=[3])


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("masked, sequences", [(False, True), (False, False), (True, False)])
def test_gru(masked, sequences, go_backwards):
    def function(x, h, kernel, recurrent, bias):
        return gru(
            x,
            h,
            MASK if masked else None,
            kernel,
            recurrent,
            bias,
            **TANH_SIGMOID,
            return_sequences=sequences,
            go_backwards=go_backwards,
        )

    step = -1 if go_backwards else 1
    mask = MASK if masked else np.ones_like(MASK)
    outputs, h = gru_by_hand(X[:, ::step], STATES[0], *GRU_WEIGHTS, mask[:, ::step])
    expected = (h, outputs if sequences else h[:, None], h)
    arrays = [X, STATES[0], *GRU_WEIGHTS]
    assert_close(function(*arrays), expected)
    assert_close(compiled(function, *arrays, unknown=None), expected)
    check_gradient(function, *arrays)


def test_what_one_node_cannot_do_goes_to_the_general_loop():
    with pytest.raises(NotImplementedError):
        simple_rnn(X, STATES[0], None, *SIMPLE_WEIGHTS, activations.softplus)
    arrays = [X, *STATES, None, *LSTM_WEIGHTS]
    with pytest.raises(NotImplementedError):
        lstm(*arrays, activations.relu, activations.sigmoid)
    with pytest.raises(NotImplementedError):
        lstm(X, *STATES, MASK, *LSTM_WEIGHTS, **TANH_SIGMOID, return_sequences=True)
    with pytest.raises(NotImplementedError):
        gru(X, STATES[0], None, *GRU_WEIGHTS, **TANH_SIGMOID, reset_after=False)


class OwnSimple(layers.SimpleRNNCell):
    """Computes the same, but whoever derives a cell may change it: it runs by the general loop."""


class OwnLSTM(layers.LSTMCell):
    pass


class OwnGRU(layers.GRUCell):
    pass


def ops_of(layer, **call):
    """The classes of the ops in a layer's graph."""
    inputs = Tensor(as_symbol(X.astype("float32")).type())
    found = ancestors([as_symbol(leaf) for leaf in keras.tree.flatten(layer(inputs, **call))])
    return {type(variable.owner.op) for variable in found if variable.owner}


PAIRS = {
    "simple": (layers.SimpleRNNCell, OwnSimple, recurrent.SimpleRNN),
    "lstm": (layers.LSTMCell, OwnLSTM, recurrent.LSTM),
    "gru": (layers.GRUCell, OwnGRU, recurrent.GRU),
}
# Arguments of the cell, of the layer, and whether there is a mask.
ARGUMENTS = {
    "plain": ({}, {}, False),
    "no bias": ({"use_bias": False}, {"return_sequences": True}, False),
    "backwards": ({}, {"go_backwards": True, "return_sequences": True}, False),
    "unrolled": ({}, {"unroll": True}, False),
    "masked, all": ({}, {"return_sequences": True}, True),
    "masked, all, backwards": ({}, {"return_sequences": True, "go_backwards": True}, True),
    "masked, zeros": ({}, {"zero_output_for_mask": True}, True),
    "masked, all zeros": ({}, {"return_sequences": True, "zero_output_for_mask": True}, True),
    "half precision": ({"dtype": "mixed_float16"}, {"dtype": "mixed_float16"}, True),
    "float64": ({"dtype": "float64"}, {"dtype": "float64", "return_sequences": True}, True),
}


@pytest.mark.parametrize("arguments", ARGUMENTS)
@pytest.mark.parametrize("kind", PAIRS)
def test_keras_cells_run_as_one_node_and_agree_with_the_general_loop(kind, arguments):
    cell, own, node = PAIRS[kind]
    of_cell, of_layer, masked = ARGUMENTS[arguments]
    call = {"mask": MASK} if masked else {}
    fused, general = (
        layers.RNN(c(UNITS, **of_cell), return_state=True, **of_layer) for c in (cell, own)
    )
    start = [state.astype("float32") for state in STATES[: 2 if kind == "lstm" else 1]]
    results = []
    for layer in (fused, general):
        layer(X)
        if layer is fused:
            values = [0.5 * RNG.normal(size=w.shape) for w in layer.get_weights()]
        layer.set_weights(values)
        function = lambda x, *start: layer(x, initial_state=list(start), **call)  # noqa: B023
        results.append(compiled(function, X.astype("float32"), *start, unknown=None))
        inner = ops_of(layer, **call)
        assert (node in inner) == (layer is fused)
        assert layer is fused or of_layer.get("unroll") or Scan in inner
        assert {a.dtype for a in results[-1]} == {np.dtype(layer.compute_dtype)}
    half = {"rtol": 5e-3, "atol": 5e-3} if layer.compute_dtype == "float16" else {}
    assert_close(*results, **half)


@pytest.mark.parametrize(
    "layer",
    [
        layers.SimpleRNN(UNITS, activation="softplus"),
        layers.LSTM(UNITS, activation="relu"),
        layers.LSTM(UNITS, use_cudnn=False),
        layers.GRU(UNITS, reset_after=False),
        layers.RNN(layers.SimpleRNNCell(UNITS, dtype="float64")),
        layers.RNN(layers.SimpleRNNCell(UNITS, activity_regularizer="l2")),
        layers.RNN([layers.SimpleRNNCell(UNITS), layers.SimpleRNNCell(UNITS)]),
    ],
    ids=lambda layer: layer.name,
)
def test_what_the_nodes_do_not_know_runs_by_the_general_loop(layer):
    found = ops_of(layer, mask=MASK)
    assert Scan in found
    assert not found & {recurrent.SimpleRNN, recurrent.LSTM, recurrent.GRU}


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("what", ["plain", "masked", "stateful", "dropout"])
def test_training_agrees_with_the_general_loop(kind, what):
    cell, own, _ = PAIRS[kind]
    rng = np.random.default_rng(4)
    x = rng.integers(0, 5, size=(4, 6))
    y = rng.normal(size=(4, 6, UNITS)).astype("float32")
    trained = []
    for c in (cell, own):
        model = keras.Sequential(
            [
                keras.Input(batch_shape=(4, 6)),
                layers.Embedding(5, 3, mask_zero=what == "masked"),
                layers.RNN(
                    c(UNITS, dropout=0.5 * (what == "dropout"), seed=6),
                    return_sequences=True,
                    stateful=what == "stateful",
                ),
            ]
        )
        if c is cell:
            start = [0.5 * rng.normal(size=w.shape) for w in model.get_weights()]
        model.set_weights(start)
        model.compile(keras.optimizers.SGD(0.5), "mse")
        losses = [model.train_on_batch(x, y) for _ in range(3)]
        trained.append([*losses, *model.get_weights()])
    assert_close(*trained, rtol=1e-4)


CELLS = {
    "simple": lambda **kw: layers.RNN(OwnSimple(UNITS), **kw),
    "lstm": lambda **kw: layers.LSTM(UNITS, use_cudnn=False, **kw),
    "gru": lambda **kw: layers.GRU(UNITS, use_cudnn=False, **kw),
    "stacked": lambda **kw: layers.RNN([layers.LSTMCell(UNITS), layers.GRUCell(UNITS)], **kw),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_loop_unrolled_and_eager_agree(name, masked):
    """A scan, a graph repeated for every step, and plain NumPy steps are three ways to compute."""
    x = X.astype("float32")
    for sequences, backwards in ((True, False), (False, True)):
        layer = CELLS[name](return_sequences=sequences, go_backwards=backwards)
        call = {"mask": MASK} if masked else {}
        expected = layer(x, **call)
        assert_close(compiled(lambda t: layer(t, **call), x, unknown=None), expected)  # noqa: B023
        layer.unroll = True
        assert_close(compiled(lambda t: layer(t, **call), x, unknown=None), expected)  # noqa: B023


@pytest.mark.parametrize("layer_class", [layers.LSTM, layers.GRU])
def test_one_node_agrees_with_the_general_loop(layer_class):
    x = X.astype("float32")
    layer = layer_class(UNITS, return_state=True)
    fused = layer(x, mask=MASK)
    layer.use_cudnn = False
    assert_close(fused, layer(x, mask=MASK))


def test_gradient_of_the_general_loop():
    def function(x, w):
        def step(inputs, states):
            new = ops.tanh(ops.matmul(ops.concatenate([inputs, states[0]], -1), w))
            return new * 2.0, [new]

        return rnn(step, x, [np.zeros((BATCH, UNITS), "float32")], mask=MASK)

    x, w = X.astype("float32"), RNG.normal(size=(FEATURES + UNITS, UNITS)).astype("float32")
    expected = function(x, w)
    assert_close(compiled(function, x, w, unknown=None), expected)
    # Keras's promotion computes in float32: compare with the unrolled graph's gradient instead.
    assert_close(gradient_of_loss(function, x, w), gradient_of_unrolled(function, x, w), rtol=1e-4)


def gradient_of_loss(function, x, w):
    def loss_gradients(*tensors):
        import pytensor

        from keras_theano.src.tensor import Tensor

        outputs = function(*tensors)[1]
        loss = ops.sum(ops.square(outputs)).symbol
        return [Tensor(g) for g in pytensor.grad(loss, [t.symbol for t in tensors])]

    return compiled(loss_gradients, x, w, unknown=None)


def gradient_of_unrolled(function, x, w):
    original = control_flow.scan

    def unrolled(*args, **kwargs):
        return original(*args, **{**kwargs, "unroll": True})

    control_flow.scan = unrolled
    try:
        return gradient_of_loss(function, x, w)
    finally:
        control_flow.scan = original


def test_masked_steps_give_the_last_output_or_zeros():
    x = np.ones((2, 3, 1), "float32")
    mask = np.array([[0, 1, 0], [1, 1, 1]], bool)
    start = np.full((2, 1), 7, "float32")

    def step(inputs, states):
        new = states[0] + inputs
        return new, [new]

    for call in (
        lambda t, **kw: rnn(step, t, [start], mask=mask, **kw),
        lambda t, **kw: compiled(lambda s: rnn(step, s, [start], mask=mask, **kw), t, unknown=None),
    ):
        outputs = call(x)[1]
        assert np.squeeze(outputs).tolist() == [[0, 8, 8], [8, 9, 10]]
        last, outputs, *states = call(x, zero_output_for_mask=True)
        assert np.squeeze(outputs).tolist() == [[0, 8, 0], [8, 9, 10]]
        assert np.squeeze(last).tolist() == [0, 10]
        assert np.squeeze(states[0]).tolist() == [8, 10]


def test_random_state_goes_on_from_step_to_step_in_training():
    class Noisy(layers.Layer):
        state_size = UNITS

        def __init__(self):
            super().__init__()
            self.drop = layers.Dropout(0.5, seed=1)

        def call(self, inputs, states, training=False):
            return self.drop(ops.ones_like(states[0]), training=training), states

    model = keras.Sequential([keras.Input((8, FEATURES)), layers.RNN(Noisy(), True)])
    x = np.zeros((BATCH, 8, FEATURES), "float32")

    class Recorded(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = model

        def call(self, inputs):
            return self.inner(inputs, training=True)

    recorded = Recorded()
    first, second = recorded.predict(x, verbose=0), recorded.predict(x, verbose=0)
    assert set(np.unique(first)) == {0, 2}
    steps = {first[:, t].tobytes() for t in range(8)} | {second[:, t].tobytes() for t in range(8)}
    assert len(steps) == 16, "a step drew the numbers of another"


@pytest.mark.parametrize("layer_class", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_training_learns_the_first_token(layer_class):
    rng = np.random.default_rng(0)
    x = rng.integers(1, 5, size=(64, 6))
    y = x[:, 0] - 1
    x[:, 4:] = 0  # masked
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.Embedding(5, 8, mask_zero=True),
            layer_class(8),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = model.fit(x, y, epochs=25, batch_size=32, verbose=0).history
    assert history["accuracy"][-1] > 0.95

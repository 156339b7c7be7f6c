"""Recurrent layers on Theano: the one-node LSTM and GRU, the general loop, masks, gradients."""

import keras
import numpy as np
import pytest
from graph_checks import assert_close, check_gradient, compiled
from keras import activations, layers, ops

from keras_theano.src import control_flow
from keras_theano.src.rnn import gru, lstm, rnn

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
    arrays = [X, *STATES, None, *LSTM_WEIGHTS]
    with pytest.raises(NotImplementedError):
        lstm(*arrays, activations.relu, activations.sigmoid)
    with pytest.raises(NotImplementedError):
        lstm(X, *STATES, MASK, *LSTM_WEIGHTS, **TANH_SIGMOID, return_sequences=True)
    with pytest.raises(NotImplementedError):
        gru(X, STATES[0], None, *GRU_WEIGHTS, **TANH_SIGMOID, reset_after=False)


CELLS = {
    "simple": lambda **kw: layers.SimpleRNN(UNITS, **kw),
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

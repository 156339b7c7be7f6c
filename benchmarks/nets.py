"""The nets that are timed, in code that both Keras 3 and Keras 2.3.1 (Python 3.7) understand.

Their data is random, from a fixed seed: only the time is of interest.
"""

from collections import namedtuple

import numpy as np

#: `build` makes the compiled model, `data` a pair (x, y) of so many samples.
Net = namedtuple("Net", "title batch build data")

USERS, FILMS, WORDS, STEPS = 671, 9066, 86, 40
LETTERS, LONG, UNITS = 80, 64, 128


def build_mlp():
    from keras import layers, models

    pixels = layers.Input((784,))
    x = pixels
    for _ in range(2):
        x = layers.Dropout(0.2)(layers.Dense(512, activation="relu")(x))
    model = models.Model(pixels, layers.Dense(10, activation="softmax")(x))
    model.compile("rmsprop", "categorical_crossentropy")
    return model


def build_cnn():
    from keras import layers, models

    image = layers.Input((28, 28, 1))
    x = layers.Conv2D(32, 3, activation="relu")(image)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    x = layers.Dense(128, activation="relu")(x)
    model = models.Model(image, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy")
    return model


def build_residual(blocks, filters=32, size=32):
    """Return a net of one convolution and so many residual blocks of two, all with batch norm."""
    from keras import layers, models

    def normalised_convolution(x):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    image = layers.Input((size, size, 3))
    x = layers.Activation("relu")(normalised_convolution(image))
    for _ in range(blocks):
        y = layers.Activation("relu")(normalised_convolution(x))
        x = layers.Activation("relu")(layers.add([x, normalised_convolution(y)]))
    x = layers.GlobalAveragePooling2D()(x)
    model = models.Model(image, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy")
    return model


def build_lstm():
    from keras import layers, models

    words = layers.Input((STEPS,))
    x = layers.LSTM(128)(layers.Embedding(WORDS, 42)(words))
    model = models.Model(words, layers.Dense(WORDS, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy")
    return model


def build_tagger(make_recurrent):
    """Return a net that names the next letter at each step; `make_recurrent` makes its one loop."""
    from keras import layers, models

    letters = layers.Input((LONG,))
    x = make_recurrent(layers)(layers.Embedding(LETTERS, 32)(letters))
    model = models.Model(letters, layers.Dense(LETTERS, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def own_cell(layers):
    """Return an RNN layer of a cell that no engine knows: a tanh beside a way straight through."""
    import keras

    if hasattr(keras, "ops"):
        multiply, tanh = keras.ops.matmul, keras.ops.tanh
    else:
        multiply, tanh = keras.backend.dot, keras.backend.tanh

    class Cell(layers.Layer):
        state_size = output_size = UNITS

        def build(self, shape):
            self.kernel = self.add_weight(
                name="kernel", shape=(shape[-1], UNITS), initializer="glorot_uniform"
            )
            self.recurrent = self.add_weight(
                name="recurrent", shape=(UNITS, UNITS), initializer="orthogonal"
            )
            self.bias = self.add_weight(name="bias", shape=(UNITS,), initializer="zeros")
            self.built = True

        def call(self, inputs, states):
            (h,) = states
            sums = multiply(inputs, self.kernel) + multiply(h, self.recurrent) + self.bias
            h = 0.5 * h + 0.5 * tanh(sums)
            return h, [h]

    return layers.RNN(Cell(), return_sequences=True)


def build_embedding():
    from keras import layers, models

    user, film = layers.Input((1,)), layers.Input((1,))
    pair = [
        layers.Flatten()(layers.Embedding(USERS, 50)(user)),
        layers.Flatten()(layers.Embedding(FILMS, 50)(film)),
    ]
    x = layers.Dense(70, activation="relu")(layers.concatenate(pair))
    model = models.Model([user, film], layers.Dense(1)(x))
    model.compile("adam", "mse")
    return model


def _pictures(*shape):
    def data(samples):
        random = np.random.RandomState(0)
        x = random.uniform(size=(samples,) + shape).astype("float32")
        return x, np.eye(10, dtype="float32")[random.randint(0, 10, samples)]

    return data


def _texts(samples):
    random = np.random.RandomState(0)
    x = random.randint(0, WORDS, (samples, STEPS)).astype("int32")
    return x, np.eye(WORDS, dtype="float32")[random.randint(0, WORDS, samples)]


def _letters(samples):
    random = np.random.RandomState(0)
    text = random.randint(0, LETTERS, (samples, LONG + 1)).astype("int32")
    return text[:, :-1], text[:, 1:, None]


def _ratings(samples):
    random = np.random.RandomState(0)
    users = random.randint(0, USERS, (samples, 1)).astype("int32")
    films = random.randint(0, FILMS, (samples, 1)).astype("int32")
    return [users, films], random.uniform(1, 5, (samples, 1)).astype("float32")


NETS = {
    "mlp": Net("784-512-512-10, dropout, RMSprop", 128, build_mlp, _pictures(784)),
    "cnn": Net("2 conv of 32, pool, dense 128, 28x28, Adam", 64, build_cnn, _pictures(28, 28, 1)),
    "resnet": Net(
        "7 conv of 16 with batch norm, 32x32, Adam",
        32,
        lambda: build_residual(3, filters=16),
        _pictures(32, 32, 3),
    ),
    "lstm": Net("LSTM(128), 40 steps, Adam", 64, build_lstm, _texts),
    "simple-rnn": Net(
        "SimpleRNN(128), 64 steps and outputs, Adam",
        32,
        lambda: build_tagger(lambda layers: layers.SimpleRNN(UNITS, return_sequences=True)),
        _letters,
    ),
    "own-cell": Net(
        "RNN of an own cell of 128, 64 steps and outputs, Adam",
        32,
        lambda: build_tagger(own_cell),
        _letters,
    ),
    "embedding": Net("two embeddings, dense 70, Adam", 64, build_embedding, _ratings),
}

#: How compiling grows with depth; small pictures, since the steps are not what is timed.
DEPTHS = {
    f"depth-{blocks}": Net(
        f"{blocks} residual blocks, 8x8",
        8,
        lambda blocks=blocks: build_residual(blocks, filters=8, size=8),
        _pictures(8, 8, 3),
    )
    for blocks in (5, 20, 50)
}

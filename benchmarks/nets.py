"""The nets that are timed, in code that both Keras 3 and Keras 2.3.1 (Python 3.7) understand.

Their data is random, from a fixed seed: only the time is of interest.
"""

from collections import namedtuple

import numpy as np

#: `build` makes the compiled model, `data` a pair (x, y) of so many samples.
Net = namedtuple("Net", "title batch build data")

USERS, FILMS, WORDS, STEPS = 671, 9066, 86, 40


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

"""Pictures of clothes, told apart by a convolutional network that sees them moved and mirrored."""

import keras_theano  # noqa: F401 - selects the engine

import keras  # isort: skip
from keras import layers

from utils.data import load_fashion


def pictures(part, few):
    """Pictures as float32 `(n, 28, 28, 1)` from 0 to 1, and their classes, int64 `(n,)`."""
    count = 500 if few else None
    return part.x[:count, ..., None].astype("float32") / 255, part.y[:count]


def build():
    block = lambda filters: [
        layers.Conv2D(filters, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.MaxPooling2D(),
    ]
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.05, 0.05),
            *block(16),
            *block(32),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def main(few=False):
    """Train and test; return what is measured, and the figure. few: a moment's work, to try it."""
    train, test = load_fashion()
    keras.utils.set_random_seed(1)
    net = build()
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    net.fit(*pictures(train, few), batch_size=64, epochs=1 if few else 4, verbose=0)
    loss, accuracy = net.evaluate(*pictures(test, few), verbose=0)
    return "test accuracy", accuracy

"""How many passengers come tomorrow? An LSTM reads eight weeks of a station in Chicago, day by day."""

import keras_theano  # noqa: F401 - selects the engine

import keras  # isort: skip
import numpy as np
from keras import layers

from utils.data import load_ridership

DAYS = 56


def windows(table, few):
    """Each run of `DAYS` days, float32 `(n, DAYS, 8)`, and the passengers of the day after, in thousands.

    A day is its passengers, in tens of thousands, and the weekday of the day after it, as one of seven.
    """
    passengers = table["ridership"].to_numpy("float32")
    weekdays = np.eye(7, dtype="float32")[(table.index.dayofweek + 1) % 7]
    days = np.concatenate([passengers[:, None] / 10, weekdays], axis=1)
    runs = np.lib.stride_tricks.sliding_window_view(days[:-1], DAYS, axis=0).swapaxes(1, 2)
    count = 200 if few else None
    return runs[:count], passengers[DAYS:, None][:count]


def build():
    return keras.Sequential([layers.LSTM(32), layers.Dense(16, activation="relu"), layers.Dense(1)])


def main(few=False):
    """Train and test; return what is measured, and the figure. few: a moment's work, to try it."""
    train, validation, test = load_ridership()
    keras.utils.set_random_seed(1)
    net = build()
    net.compile(keras.optimizers.Adam(3e-3), "mae")
    best = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    net.fit(
        *windows(train, few),
        validation_data=windows(validation, few),
        callbacks=[best],
        batch_size=64,
        epochs=1 if few else 20,
        verbose=0,
    )
    return "mean error, thousands", net.evaluate(*windows(test, few), verbose=0)

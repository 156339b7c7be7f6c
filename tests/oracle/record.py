"""Trains the oracle's nets on whichever Keras runs it, and writes down all that is compared.

``python record.py FOLDER [START]``: for each net, FOLDER/NET.npz gets its first weights, outputs,
loss, gradients, the losses of 100 training steps and its last weights. With START, another run's
folder, each net starts from the weights in it and sees the same data. The same code is read by
Keras 2.3.1 on Python 3.7 and by Keras 3; the two differ only where `CLASSIC` is asked for.
"""

import os
import sys

import numpy as np

CLASSIC = "THEANORC" in os.environ
if not CLASSIC:
    import keras_theano  # noqa: F401 - before Keras

import keras  # noqa: E402
from keras import layers, models, optimizers, regularizers  # noqa: E402

# The old one works in double precision, so that what differs is the new one's error alone.
FLOAT = "float64" if CLASSIC else "float32"
keras.backend.set_floatx(FLOAT)
STEPS, SAMPLES, BATCH = 100, 40, 10


def sgd():
    return optimizers.SGD(0.05, momentum=0.9, nesterov=True)


def adam():
    return optimizers.Adam(0.01, epsilon=1e-7)


def rmsprop():
    # The old one adds epsilon to the root, the new one under it: here neither tells.
    return optimizers.RMSprop(0.003, rho=0.9, epsilon=1e-30)


def mlp(optimizer):
    x = layers.Input((7,))
    y = layers.Dense(8, activation="tanh", kernel_regularizer=regularizers.l2(0.01))(x)
    y = layers.Dense(8, activation="sigmoid")(layers.Dense(8, activation="elu")(y))
    return compiled(
        x, layers.Dense(4, activation="softmax")(y), "categorical_crossentropy", optimizer
    )


def cnn():
    # Small steps: batch norm over 10 samples, ReLU and large ones part any two computations.
    x = layers.Input((9, 8, 2))
    y = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    y = layers.MaxPooling2D(2)(layers.Activation("relu")(y))
    y = layers.Conv2D(5, (2, 3), activation="tanh")(y)
    y = layers.AveragePooling2D((1, 2))(y)
    y = layers.BatchNormalization()(layers.Flatten()(y))
    return compiled(
        x,
        layers.Dense(4, activation="softmax")(y),
        "categorical_crossentropy",
        optimizers.SGD(0.02),
    )


def lstm():
    x = layers.Input((6,))
    # 0 is padding, and masked.
    y = layers.Embedding(11, 5, mask_zero=True)(x)
    y = layers.LSTM(4, recurrent_activation="sigmoid", return_sequences=True)(y)
    y = layers.LSTM(3, recurrent_activation="sigmoid", go_backwards=True)(y)
    return compiled(x, layers.Dense(4)(y), "mse", adam())


def gru(reset_after):
    x = layers.Input((6, 3))
    y = layers.GRU(
        4, recurrent_activation="sigmoid", reset_after=reset_after, return_sequences=True
    )(x)
    y = layers.GRU(3, recurrent_activation="sigmoid", reset_after=reset_after)(y)
    return compiled(x, layers.Dense(4)(y), "mse", sgd())


def embedding():
    pair = [layers.Input((1,)), layers.Input((1,))]
    y = [layers.Flatten()(layers.Embedding(n, 5)(x)) for n, x in zip((12, 9), pair)]  # noqa: B905
    y = layers.concatenate([y[0], y[1], layers.multiply(y)])
    y = layers.Dense(6, activation="tanh")(y)
    return compiled(pair, layers.Dense(1, activation="sigmoid")(y), "binary_crossentropy", adam())


def compiled(inputs, outputs, loss, optimizer):
    model = models.Model(inputs, outputs)
    model.compile(optimizer, loss)
    return model


def numbers(random):
    return [random.normal(size=(SAMPLES, 7)).astype(FLOAT)], classes(random)


def pictures(random):
    return [random.normal(size=(SAMPLES, 9, 8, 2)).astype(FLOAT)], classes(random)


def words(random):
    texts = random.randint(1, 11, (SAMPLES, 6))
    for text, length in zip(texts, random.randint(2, 7, SAMPLES)):  # noqa: B905 - Python 3.7
        text[length:] = 0
    return [texts.astype("int32")], random.normal(size=(SAMPLES, 4)).astype(FLOAT)


def series(random):
    x = random.normal(size=(SAMPLES, 6, 3)).astype(FLOAT)
    return [x], random.normal(size=(SAMPLES, 4)).astype(FLOAT)


def pairs(random):
    x = [random.randint(0, n, (SAMPLES, 1)).astype("int32") for n in (12, 9)]
    return x, random.randint(0, 2, (SAMPLES, 1)).astype(FLOAT)


def classes(random):
    return np.eye(4, dtype=FLOAT)[random.randint(0, 4, SAMPLES)]


NETS = {
    "mlp_sgd": (lambda: mlp(sgd()), numbers),
    "mlp_adam": (lambda: mlp(adam()), numbers),
    "mlp_rmsprop": (lambda: mlp(rmsprop()), numbers),
    "cnn": (cnn, pictures),
    "lstm": (lstm, words),
    "gru_reset_after": (lambda: gru(True), series),
    "gru_reset_before": (lambda: gru(False), series),
    "embedding": (embedding, pairs),
}


def first_weights(model, random):
    """Draw a value for every weight; the same order and shapes in both Keras versions."""
    values = []
    for layer in model.layers:
        for weight in layer.get_weights():
            if isinstance(layer, layers.BatchNormalization):
                values.append(random.uniform(0.5, 1.5, weight.shape))
            else:
                values.append(random.normal(size=weight.shape) / max(1, weight.shape[0]) ** 0.5)
    return [value.astype(FLOAT) for value in values]


def turned(values):
    """Turn convolution kernels by 180 degrees on the old Keras, others not at all.

    On Theano it convolved as mathematics has it; today's Keras correlates, on every engine. What
    is written down has today's orientation.
    """
    return [v[::-1, ::-1].copy() if CLASSIC and np.ndim(v) == 4 else np.asarray(v) for v in values]


def gradients_classic(model, x, y):
    """Return the loss of one batch in training, and its gradients by the trainable weights."""
    from keras import backend

    ends = model._feed_inputs + model._feed_targets + model._feed_sample_weights
    found = backend.gradients(model.total_loss, model.trainable_weights)
    function = backend.function(ends + [backend.learning_phase()], [model.total_loss] + found)
    loss, *values = function(x + [y, np.ones(len(y), FLOAT), 1])
    return loss, values


def gradients_today(model, x, y):
    """The same for Keras 3 on this engine."""
    from keras_theano.src.tracing import CompiledStep, gradients

    def step(data):
        x, y = data
        prediction = model(x if len(x) > 1 else x[0], training=True)
        loss = model.compute_loss(x, y, prediction)
        return loss, gradients(loss, model.trainable_weights)

    return CompiledStep(step)((x, y))


def record(name, start):
    """Return all that is compared of one net, by name."""
    build, draw = NETS[name]
    random = np.random.RandomState(1)
    model = build()
    x, y = draw(random)
    first = first_weights(model, random)
    if start:
        with np.load(os.path.join(start, name + ".npz")) as other:
            first = [other[f"first_{i}"].astype(FLOAT) for i in range(len(first))]
    model.set_weights(turned(first))
    result = {f"first_{i}": value for i, value in enumerate(first)}
    result["outputs"] = model.predict(x if len(x) > 1 else x[0], batch_size=BATCH, verbose=0)
    batch = [part[:BATCH] for part in x]
    loss, found = (gradients_classic if CLASSIC else gradients_today)(model, batch, y[:BATCH])
    result["loss"] = np.asarray(loss)
    result.update((f"gradient_{i}", value) for i, value in enumerate(turned(found)))
    model.set_weights(turned(first))  # the gradient's pass has moved batch norm's averages
    curve = []
    for step in range(STEPS):
        rows = slice(step * BATCH % SAMPLES, step * BATCH % SAMPLES + BATCH)
        if not CLASSIC:
            model.reset_metrics()  # else it answers with the mean since the last reset
        part = [values[rows] for values in x]
        curve.append(float(model.train_on_batch(part if len(x) > 1 else part[0], y[rows])))
    result["curve"] = np.array(curve)
    result.update((f"last_{i}", value) for i, value in enumerate(turned(model.get_weights())))
    return result


def main(folder, start=None):
    if not os.path.isdir(folder):
        os.makedirs(folder)
    for name in NETS:
        np.savez(os.path.join(folder, name + ".npz"), **record(name, start))
        print(name, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

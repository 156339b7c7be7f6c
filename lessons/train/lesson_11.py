"""Train what lesson 11 loads: the judge of its score, and two generators, one of them told the class.

    python lessons/train/lesson_11.py

It may be stopped at any moment, even killed: called again, it goes on from its last checkpoint, in
build/train/lesson_11. It writes the weights to data/weights/lesson_11_*.weights.h5 (in half precision),
and to data/weights/lesson_11.json, for every reading of the pictures, both losses and the scores of 2,000
samples against the test pictures: the Frechet distance, the perplexity of their classes, and how many
are of the class that was asked for.

The generator that is told nothing took 813 CPU seconds: distance 5.3 with the noise of the curve, 5.7 to
6.5 with other noise. A Gaussian for each class has 14.3 by the same judge, 2,000 training pictures 0.27.
"""

import json
import os
import shutil
import time
from functools import partial
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2", TF_ENABLE_ONEDNN_OPTS="0")

import common
import keras
import numpy as np
import tensorflow as tf
from keras import layers

NOISE, CLASSES = 64, 10
BATCH, EPOCHS = 64, 64  # 64 * 312 steps
RATE, MEMORY = 1e-3, 0.999  # Adam's rate at first; what the averaged weights keep at each step
SCORED = 2000
CHECKPOINTS = common.ROOT / "build" / "train" / "lesson_11"


def build(folder: Path) -> None:
    from utils.data import load_fashion

    data = load_fashion()
    pictures = {part: scaled(getattr(data, part).x) for part in ("train", "test")}
    labels = {part: getattr(data, part).y for part in ("train", "test")}
    judge = trained_judge(pictures["train"], labels["train"])
    score = Score(judge, pictures["test"])
    answers = score.probabilities(pictures["test"]).argmax(1)
    print(f"judge: test accuracy {np.mean(answers == labels['test']):.4f}")
    print("2,000 training pictures:", score(pictures["train"][::10]))
    humble = gaussian_of_each_class(pictures["train"], labels["train"])
    print("a Gaussian for each class:", score(*humble), flush=True)
    save(judge, new_judge, folder / "lesson_11_judge.weights.h5")
    made = {}
    for name, told in (("any", False), ("told", True)):
        generator, made[name] = trained_generator(name, told, pictures, labels, score)
        save(generator, partial(new_generator, told), folder / f"lesson_11_{name}.weights.h5")
        text = json.dumps(made, separators=(",", ":"))
        (folder / "lesson_11.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    shutil.rmtree(CHECKPOINTS)  # all is done: a later call begins anew


def scaled(x):
    """uint8 `(n, 28, 28)` to float32 `(n, 28, 28, 1)` from -1 to 1."""
    return (x[..., None] / 127.5 - 1).astype("float32")


# ---------------------------------------------------------------- the judge and the score


def new_judge():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu", name="features"),
            layers.Dense(CLASSES, activation="softmax", name="classes"),
        ]
    )


def trained_judge(x, y):
    keras.utils.set_random_seed(0)
    judge, path = new_judge(), CHECKPOINTS / "judge.weights.h5"
    if not path.exists():
        judge.compile("adam", "sparse_categorical_crossentropy")
        judge.fit(x, y, batch_size=64, epochs=5, verbose=0)
        path.parent.mkdir(parents=True, exist_ok=True)
        judge.save_weights(path)
    judge.load_weights(path)
    return judge


class Score:
    """Scores samples: `Score(judge, test_pictures)(samples)`, and their classes where some were asked for."""

    def __init__(self, judge, test):
        from utils.nets import taps

        self.eyes = taps(judge, ["features", "classes"])
        self.wanted = self.seen(test)["features"]

    def seen(self, x):
        return self.eyes.predict(x, batch_size=500, verbose=0)

    def probabilities(self, x):
        return self.seen(x)["classes"]

    def __call__(self, samples, asked=None):
        from utils.nets import frechet

        seen = self.seen(samples)
        share = seen["classes"].mean(0)
        found = {
            "frechet": frechet(seen["features"], self.wanted),
            "perplexity": float(np.exp(-(share * np.log(share + 1e-12)).sum())),
        }
        if asked is not None:
            found["as asked"] = float((seen["classes"].argmax(1) == asked).mean())
        return {name: round(value, 4) for name, value in found.items()}


def gaussian_of_each_class(x, y, dimensions=150):
    """The humble rival: each class a Gaussian of its pictures' 150 main directions."""
    random, made, asked = np.random.default_rng(0), [], []
    for label in range(CLASSES):
        flat = x[y == label].reshape(-1, 784)
        mean = flat.mean(0)
        _, sizes, axes = np.linalg.svd(flat - mean, full_matrices=False)
        sizes = sizes[:dimensions] / np.sqrt(len(flat) - 1)
        along = random.normal(size=(SCORED // CLASSES, dimensions)) * sizes
        made.append(mean + along @ axes[:dimensions])
        asked += [label] * len(along)
    samples = np.clip(np.concatenate(made), -1, 1).reshape(-1, 28, 28, 1)
    return samples.astype("float32"), np.array(asked)


# ---------------------------------------------------------------- the game


def new_generator(told):
    """From noise, and the class as ten numbers if it is told, to a picture."""
    noise, label = keras.Input((NOISE,)), keras.Input((CLASSES,))
    x = layers.Concatenate()([noise, label]) if told else noise
    x = layers.Dense(7 * 7 * 32, use_bias=False)(x)
    x = layers.Reshape((7, 7, 32))(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2DTranspose(16, 4, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")(x)
    return keras.Model([noise, label], x)


def new_critic(told):
    """A score of each picture: high for real ones. With classes it has a score for each, and gives one."""
    picture, label = keras.Input((28, 28, 1)), keras.Input((CLASSES,))
    x = layers.Conv2D(16, 4, strides=2, padding="same")(picture)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(32, 4, strides=2, padding="same")(x)
    x = layers.Flatten()(layers.LeakyReLU(negative_slope=0.2)(x))
    x = layers.Dot(1)([layers.Dense(CLASSES)(x), label]) if told else layers.Dense(1)(x)
    return keras.Model([picture, label], layers.Flatten()(x))


def trained_generator(name, told, pictures, labels, score):
    """Train generator and critic; returns the generator with its averaged weights, and the history."""
    from utils.tf import descend, fit

    x, y = pictures["train"], labels["train"]
    keras.utils.set_random_seed(1)
    generator, critic, average = new_generator(told), new_critic(told), new_generator(told)
    average.set_weights(generator.get_weights())
    per_epoch = len(x) // BATCH
    optimizers = {}
    for net in (generator, critic):
        rate = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * per_epoch)
        optimizers[net] = keras.optimizers.Adam(rate, beta_1=0.5)
        optimizers[net].build(net.trainable_variables)
    random = tf.random.Generator.from_seed(2)

    @tf.function
    def step(real, labels):
        labels = tf.one_hot(labels, CLASSES)
        noise = random.normal((BATCH, NOISE))
        made = generator([noise, labels], training=True)

        def expert():
            both = tf.concat([real, made], 0), tf.concat([labels, labels], 0)
            of_real, of_made = tf.split(critic(both, training=True)[:, 0], 2)
            return tf.nn.softplus(-of_real) + tf.nn.softplus(of_made)

        def forger():
            made = generator([noise, labels], training=True)
            return tf.nn.softplus(-critic([made, labels], training=True)[:, 0])

        losses = {
            "critic": descend(expert, optimizers[critic], critic.trainable_variables),
            "generator": descend(forger, optimizers[generator], generator.trainable_variables),
        }
        for mean, now in zip(average.weights, generator.weights, strict=True):
            mean.assign(MEMORY * mean + (1 - MEMORY) * now)
        return losses

    clock = time.process_time()

    def validate():
        nonlocal clock
        # The same noise each time, so that the curve is smooth.
        samples, asked = drawn(average, seed=3)
        found = score(samples, asked if told else None)
        found["cpu seconds"], clock = time.process_time() - clock, time.process_time()
        return found

    data = tf.data.Dataset.from_tensor_slices((x, y))
    history = fit(
        step,
        lambda epoch: data.shuffle(len(x), seed=epoch).batch(BATCH, drop_remainder=True),
        EPOCHS,
        validate=validate,
        on_epoch=lambda epoch, found: print(name, epoch, rounded(found), flush=True),
        checkpoint=CHECKPOINTS / name,
        state={
            "generator": generator,
            "critic": critic,
            "average": average,
            "generator's optimizer": optimizers[generator],
            "critic's optimizer": optimizers[critic],
            "random": random,
        },
        save_every=100,
        progress=False,
    )
    # The noise decides a little, too.
    others = [score(drawn(average, seed)[0])["frechet"] for seed in range(10, 15)]
    print(f"{name}: Frechet distance with other noise {others}", flush=True)
    history["frechet with other noise"] = others
    return average, {what: [round(v, 4) for v in values] for what, values in history.items()}


def drawn(generator, seed):
    """2,000 samples, as many of each class, and the classes that were asked for."""
    noise = np.random.default_rng(seed).normal(size=(SCORED, NOISE)).astype("float32")
    asked = np.arange(SCORED) % CLASSES
    return generator.predict([noise, np.eye(CLASSES)[asked]], batch_size=500, verbose=0), asked


def rounded(found):
    return {name.removeprefix("val_"): round(value, 3) for name, value in found.items()}


def save(net, make, path):
    """Save a net in half precision, which halves the file; loading turns it back."""
    keras.config.set_dtype_policy("float16")
    half = make()
    half.set_weights(net.get_weights())
    half.save_weights(path)
    keras.config.set_dtype_policy("float32")


if __name__ == "__main__":
    common.main(build)

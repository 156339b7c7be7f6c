"""Train what lesson 13b loads: a transformer that spells words by their sounds, for the long run.

    python lessons/train/lesson_13b_spelling.py

The code is the lesson's own, from its cells that are tagged `train`, and through them lesson 13's. Killed, it goes on where it was when it
is called again: its checkpoints are in build/train. It writes data/weights/lesson_13b_spelling.weights.h5, and in
data/weights/lesson_13b_spelling.json what each reading of the training words brought, and the scores of all three parts that were held out.
It takes about 50 minutes of processor time on cores that multiply in bfloat16 (AVX-512), longer on others.
"""

import json
import os
import shutil
from functools import partial
from pathlib import Path

# With numbers of 16 bits oneDNN takes two thirds of XLA's time; it adds in another order than the lesson does.
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2", TF_ENABLE_ONEDNN_OPTS="1")

import common

CHECKPOINTS = common.ROOT / "build" / "train" / "lesson_13b_spelling"
LEVEL, FALLING = 24, 12  # readings of the training words at the full rate, and while it falls to 0
BATCH, RATE, WARM, DROPOUT = 256, 1.5e-3, 300, 0.1  # the rate rises in the first 300 steps
KEPT = 0.998  # of the averaged weights, in each step


def build(folder: Path) -> None:
    from utils.code import run_cells

    lesson = run_cells(
        common.ROOT / "lessons" / "part2" / "13b-a-network-that-writes.ipynb", "train"
    )
    average, readings = train(lesson)
    made = {"readings": readings}
    for part in ("validation", "test", "relatives"):  # the last two for the first time
        made[part], right = score(average, *rows(lesson, part))
        lengths = getattr(lesson["words"], part).word.str.len()
        found = {int(n): round(float(right[lengths == n].mean()), 3) for n in sorted(set(lengths))}
        made[part]["words by length"] = found
        if part != "validation":
            made[part]["search"] = searched(lesson, average, part)
    print(made, flush=True)
    make = partial(lesson["transformer"], **lesson["LONG"])
    common.save_half(average, make, folder / "lesson_13b_spelling.weights.h5")
    text = json.dumps(made, separators=(",", ":"))
    (folder / "lesson_13b_spelling.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    shutil.rmtree(CHECKPOINTS)


def speller(lesson, policy, dropout=0.0, weights=None):
    """The lesson's transformer, in the precision that a policy of Keras names, from seed 0 or with a net's weights."""
    import keras

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    net = lesson["transformer"](**lesson["LONG"], dropout=dropout)
    keras.config.set_dtype_policy("float32")
    if weights is not None:
        net.set_weights(weights.get_weights())
    return net


def rows(lesson, part):
    """The sounds and the letters of one part's words, as numbers: two int32 arrays, a row for each word."""
    return [each.astype("int32") for each in lesson["spelling"](getattr(lesson["words"], part))]


def batches(sounds, letters, epoch):
    """Words of one length together, which saves padding; other batches, and in another order, in each epoch."""
    import numpy as np

    random = np.random.default_rng(epoch)
    heard, written = (sounds > 0).sum(1), (letters > 0).sum(1)
    order = np.lexsort((random.random(len(sounds)), heard, written))
    starts = np.arange(random.integers(BATCH), len(sounds) - BATCH + 1, BATCH)
    for start in random.permutation(starts):
        chosen = order[start : start + BATCH]
        yield sounds[chosen, : heard[chosen].max()], letters[chosen, : written[chosen].max()]


def train(lesson):
    """Train for all readings; returns the averaged net, and a dict of lists: a figure for each reading."""
    import tensorflow as tf
    from keras import losses, optimizers

    from utils.tf import descend, fit

    sounds, letters = rows(lesson, "train")
    valid = [each[:2000] for each in rows(lesson, "validation")]
    steps = len(sounds) // BATCH - 1  # the first batch starts anywhere, so the last may be cut off

    class Rate(optimizers.schedules.LearningRateSchedule):
        """Up, level, down."""

        def __call__(self, step):
            step = tf.cast(step, tf.float32)
            left = (LEVEL + FALLING - step / steps) / FALLING
            return RATE * tf.minimum((step + 1) / WARM, tf.clip_by_value(left, 0.0, 1.0))

    net = speller(lesson, "mixed_bfloat16", DROPOUT)
    average = speller(lesson, "float32", weights=net)
    adam = optimizers.Adam(Rate(), beta_2=0.99, clipnorm=1.0)
    adam.build(net.trainable_variables)
    cost = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)

    any_length = tf.TensorSpec((None, None), tf.int32)  # one graph for all

    @tf.function(input_signature=[any_length, any_length])
    def step(heard, written):
        def loss():
            logits = net([heard, written[:, :-1]], training=True)
            return cost(written[:, 1:], tf.cast(logits, tf.float32))

        found = descend(loss, adam, net.trainable_variables)
        for mean, weight in zip(average.weights, net.weights, strict=True):
            mean.assign(KEPT * mean + (1 - KEPT) * weight)
        return found

    def look(epoch, metrics):
        print(epoch, {what: round(value, 4) for what, value in metrics.items()}, flush=True)

    history = fit(
        step,
        lambda epoch: batches(sounds, letters, epoch),
        LEVEL + FALLING,
        steps_per_epoch=steps,
        validate=lambda: score(average, *valid)[0],
        on_epoch=look,
        checkpoint=CHECKPOINTS,
        state={"net": net, "average": average, "optimizer": adam},
        save_every=50,
        progress=False,
    )
    return average, {what: [round(v, 4) for v in values] for what, values in history.items()}


def score(net, sounds, letters):
    """Share of words and of letters right and loss a letter, in a dict, and which words are right (n,).

    A word that the net writes by itself is right if, and only if, each next letter is when it reads the right ones.
    """
    import numpy as np

    told = letters[:, 1:]
    logits = net.predict([sounds, letters[:, :-1]], batch_size=500, verbose=0)
    real, hit = told != 0, logits.argmax(-1) == told
    right = (hit | ~real).all(1)
    total = np.log(np.exp(logits).sum(-1))
    losses = total - np.take_along_axis(logits, told[..., None], -1)[..., 0]
    figures = {"words": right.mean(), "letters": hit[real].mean(), "loss": losses[real].mean()}
    return {what: round(float(value), 4) for what, value in figures.items()}, right


def searched(lesson, net, part, many=200):
    """Shares of one part's words that beam search finds: at the head of five, among three or five, with a list."""
    import numpy as np

    from utils.data import load_glove

    words = getattr(lesson["words"], part)
    listed, hits = set(load_glove().words), []
    net.compile(jit_compile=False)  # XLA would compile for each length of the texts
    for begin in range(0, len(words), many):
        some = words[begin : begin + many]
        for word, texts in zip(some.word, lesson["spell"](net, some.sounds, 5), strict=True):
            found = [text for text, _ in texts]
            known = next((each for each in found if each in listed), found[0])
            hits.append([word == found[0], word in found[:3], word in found, word == known])
    names = ("words", "among three", "among five", "with a list")
    return {name: round(float(x), 4) for name, x in zip(names, np.mean(hits, axis=0), strict=True)}


if __name__ == "__main__":
    common.main(build)

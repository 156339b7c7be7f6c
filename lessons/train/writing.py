"""What the scripts for lessons 13b and 13c share: the training of a transformer that writes, its losses, and its search.

It takes hours off such a training that the products are of numbers with 16 bits (bfloat16), that texts of like
length are together, which saves padding, and that what is kept is an average of the weights.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

KEPT = 0.998  # of the averaged weights, in each step


@dataclass(frozen=True)
class Plan:
    """How long to train, and how.

    A cycle is a pair: so many readings of the texts at the full rate, and so many while it falls to 0.
    """

    cycles: tuple[tuple[int, int], ...]
    batch: int
    rate: float
    warm: int  # steps in which the rate rises, at the beginning of each cycle
    dropout: float
    smoothing: float = 0.0  # share of the loss that asks for all tokens alike
    beta: float = 0.99  # Adam's memory for squares
    seed: int = 0


def train(make: Callable, source, target, validate: Callable, folder: Path, plan: Plan):
    """Train for all readings; returns the averaged net, and a dict of lists: a figure for each reading.

    make: called with `dropout=`, makes the transformer. source, target: int32 (n, tokens).
    validate: called with the averaged net, returns figures. folder: for the checkpoints.
    """
    import keras
    import tensorflow as tf

    from utils.tf import descend, fit

    steps = len(source) // plan.batch - 1  # the first starts anywhere, so the last may be cut off

    class Rate(keras.optimizers.schedules.LearningRateSchedule):
        """Up, level, down, in each cycle; before it and behind it a cycle adds nothing."""

        def __call__(self, step):
            step, share = tf.cast(step, tf.float32), 0.0
            for level, falling in plan.cycles:
                left = (level + falling - step / steps) / falling
                share += tf.clip_by_value(tf.minimum((step + 1) / plan.warm, left), 0.0, 1.0)
                step -= steps * (level + falling)
            return plan.rate * share

    keras.utils.set_random_seed(plan.seed)
    keras.config.set_dtype_policy("mixed_bfloat16")
    net = make(dropout=plan.dropout)
    keras.config.set_dtype_policy("float32")
    average = make(dropout=0.0)
    average.set_weights(net.get_weights())
    adam = keras.optimizers.Adam(Rate(), beta_2=plan.beta, clipnorm=1.0)
    adam.build(net.trainable_variables)

    any_length = tf.TensorSpec((None, None), tf.int32)  # one graph for all

    @tf.function(input_signature=[any_length, any_length])
    def step(read, written):
        def loss():
            logits = tf.cast(net([read, written[:, :-1]], training=True), tf.float32)
            told = written[:, 1:]
            cost = tf.nn.sparse_softmax_cross_entropy_with_logits(told, logits)
            if plan.smoothing:
                alike = tf.reduce_logsumexp(logits, -1) - tf.reduce_mean(logits, -1)
                cost += plan.smoothing * (alike - cost)
            return tf.reduce_mean(tf.boolean_mask(cost, told != 0))

        found = descend(loss, adam, net.trainable_variables)
        for mean, weight in zip(average.weights, net.weights, strict=True):
            mean.assign(KEPT * mean + (1 - KEPT) * weight)
        return found

    def look(epoch, metrics):
        print(epoch, {what: round(value, 4) for what, value in metrics.items()}, flush=True)

    history = fit(
        step,
        lambda epoch: batches(source, target, plan.batch, epoch),
        sum(map(sum, plan.cycles)),
        steps_per_epoch=steps,
        validate=lambda: validate(average),
        on_epoch=look,
        checkpoint=folder,
        state={"net": net, "average": average, "optimizer": adam},
        save_every=50,
        progress=False,
    )
    return average, {what: [round(v, 4) for v in values] for what, values in history.items()}


def batches(source, target, size: int, epoch: int) -> Iterator:
    """Texts of one length together, which saves padding; other batches, and in another order, in each epoch."""
    random = np.random.default_rng(epoch)
    read, written = (source > 0).sum(1), (target > 0).sum(1)
    order = np.lexsort((random.random(len(source)), read, written))
    starts = np.arange(random.integers(size), len(source) - size + 1, size)
    for start in random.permutation(starts):
        chosen = order[start : start + size]
        yield source[chosen, : read[chosen].max()], target[chosen, : written[chosen].max()]


def token_losses(net, source, target, size: int = 200):
    """Of each token that the net has to write the loss, and whether it is the likeliest; 0 and True for padding.

    Returns:
        Two arrays (n, tokens - 1).
    """
    import tensorflow as tf

    any_length = tf.TensorSpec((None, None), tf.int32)

    @tf.function(input_signature=[any_length, any_length])
    def look(read, written):
        logits, told = net([read, written[:, :-1]]), written[:, 1:]
        cost = tf.nn.sparse_softmax_cross_entropy_with_logits(told, logits)
        real = told != 0
        hit = tf.equal(tf.argmax(logits, -1, tf.int32), told)
        return tf.where(real, cost, 0.0), hit | ~real

    losses = np.zeros((len(target), target.shape[1] - 1), "float32")
    hits = np.ones(losses.shape, bool)
    read, written = (source > 0).sum(1), (target > 0).sum(1)
    order = np.argsort(written, kind="stable")
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        wide, long = read[chosen].max(), written[chosen].max()
        cost, hit = look(source[chosen, :wide], target[chosen, :long])
        losses[chosen, : long - 1], hits[chosen, : long - 1] = cost, hit
    return losses, hits


def search(net, source, ends, width: int, length: int, normalise: float = 0.0, many: int = 100):
    """What beam search lets the net write for each source: a list of pairs as of `beam_search`, for each.

    ends: the tokens that begin and end a text. many: sources that are searched side by side.
    """
    import tensorflow as tf

    from utils.nets import beam_search

    any_length = tf.TensorSpec((None, None), tf.int32)

    @tf.function(input_signature=[any_length, any_length])
    def following(read, written):
        return tf.nn.log_softmax(net([read, written])[:, -1])

    (start, end), long = ends, (source > 0).sum(1)
    order, found = np.argsort(long, kind="stable"), [[]] * len(source)
    for begin in range(0, len(order), many):
        chosen = order[begin : begin + many]
        read = source[chosen, : long[chosen].max()]

        def step(written, which, read=read):
            return following(read[which], written.astype("int32"))

        lists = beam_search(step, start, width, length, end, normalise, many=len(chosen))
        for place, each in zip(chosen, lists, strict=True):
            found[place] = each
    return found

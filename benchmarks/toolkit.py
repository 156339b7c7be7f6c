"""What the toolkit's loops cost beside the same thing by hand: ``python -m benchmarks.toolkit``.

Prints what `fit`, `descend` and `distributed` add to a step, beside two small steps of the course, and a race
of `minimise` against SciPy. All take turns, and medians are shown. What is added is measured where the step
itself costs next to nothing, so that a busy machine blurs it little.
"""

import argparse
import contextlib
import io
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import scipy.optimize
import tensorflow as tf
from threadpoolctl import threadpool_limits

from benchmarks import tables
from utils import same_network
from utils.tf import descend, distributed, fit, minimise, split_cpu

BATCH, NOISE = 64, 64
FULL = {"generator": (200, 400), "critic": (300, 100), "pixels": 784}
TINY = {"generator": (1, 1), "critic": (1, 1), "pixels": 1}  # as many layers, and little else
PICTURE = (1, 256, 384, 3)  # that of lesson 09: 294,912 numbers


def in_turns(
    contest: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, list[float]]:
    """Seconds of each action in each round, by processor time; one round more is run before."""
    taken = {name: [] for name in contest}
    for _ in range(rounds + 1):
        for name, action in contest.items():
            started = clock()
            action()
            taken[name].append(clock() - started)
    return {name: seconds[1:] for name, seconds in taken.items()}


def added(
    alone: Callable[[], object], more: Callable[[], object], steps: int, rounds: int
) -> float:
    """Processor seconds a step that one loop of so many steps takes longer than the other."""
    taken = in_turns({"alone": alone, "more": more}, rounds)
    return median(b - a for a, b in zip(*taken.values(), strict=True)) / steps


# ---------------------------------------------------------------- steps


def by_hand(loss, optimizer, variables):
    """What `descend` is compared with."""
    with tf.GradientTape() as tape:
        mean = tf.reduce_mean(loss())
    optimizer.apply_gradients(zip(tape.gradient(mean, variables), variables, strict=True))
    return mean


def gan_step(learn: Callable, sizes: Mapping) -> Callable:
    """The step of lesson 11's dense GAN, of which `learn` moves the weights, not yet a `tf.function`."""
    last = {"generator": sizes["pixels"], "critic": 1}
    inputs = {"generator": NOISE, "critic": sizes["pixels"]}
    nets, adams = {}, {}
    for name in last:
        hidden = [keras.layers.Dense(width, activation="leaky_relu") for width in sizes[name]]
        nets[name] = keras.Sequential(
            [keras.Input((inputs[name],)), *hidden, keras.layers.Dense(last[name])]
        )
        adams[name] = keras.optimizers.Adam(1e-3, beta_1=0.5)
        adams[name].build(nets[name].trainable_variables)
    generator, critic = nets["generator"], nets["critic"]
    random = tf.random.Generator.from_seed(0)

    def step(real):
        noise = random.normal((BATCH, NOISE))[: tf.shape(real)[0]]
        made = tf.tanh(generator(noise, training=True))

        def of_critic():
            scores = critic(tf.concat([real, made], 0), training=True)[:, 0]
            of_real, of_made = tf.split(scores, 2)
            return tf.nn.softplus(-of_real) + tf.nn.softplus(of_made)

        def of_generator():
            fake = tf.tanh(generator(noise, training=True))
            return tf.nn.softplus(-critic(fake, training=True)[:, 0])

        return {
            "critic": learn(of_critic, adams["critic"], critic.trainable_variables),
            "generator": learn(of_generator, adams["generator"], generator.trainable_variables),
        }

    return step


def real_pictures(sizes):
    return tf.random.stateless_uniform((BATCH, sizes["pixels"]), (0, 0), -1, 1)


def many(step, batch, steps):
    """A function without arguments that calls a step so many times."""

    def run():
        for _ in range(steps):
            step(*batch)

    return run


# ---------------------------------------------------------------- what is added


def of_the_gan(steps: int = 20, rounds: int = 5) -> float:
    """Processor seconds of one step of lesson 11's dense GAN, by hand."""
    step = tf.function(gan_step(by_hand, FULL))
    return _of_one(step, (real_pictures(FULL),), steps, rounds)


def of_the_smallest(steps: int = 300, rounds: int = 5) -> float:
    """Processor seconds of one step of lesson 02's network, of batches of 64, by hand."""
    weights = [tf.Variable(w) for pair in same_network.initial_weights() for w in pair]
    kernel_1, bias_1, kernel_2, bias_2 = weights

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            scores = tf.nn.relu(x @ kernel_1 + bias_1) @ kernel_2 + bias_2
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores))
        for weight, slope in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign_sub(0.01 * slope)
        return loss

    batch = tf.random.stateless_normal((BATCH, 784), (0, 0)), tf.zeros(BATCH, tf.int64)
    return _of_one(step, batch, steps, rounds)


def _of_one(step, batch, steps, rounds):
    (taken,) = in_turns({"step": many(step, batch, steps)}, rounds).values()
    return median(taken) / steps


def of_fit(steps: int = 1500, rounds: int = 15) -> float:
    """Processor seconds that `fit` adds to a step, its bar and one drawing of it included."""
    batch, answer = (tf.zeros(1), tf.zeros(1)), {"loss": tf.constant(1.0)}
    step, batches = lambda x, y: answer, [batch] * steps

    def bare():
        for each in batches:
            step(*each)

    def in_fit():
        with contextlib.redirect_stderr(io.StringIO()):
            fit(step, batches, epochs=1)

    return added(bare, in_fit, steps, rounds)


def of_descend(steps: int = 100, rounds: int = 15) -> float:
    """Processor seconds that `descend` adds to the two halves of a GAN's step."""
    loops = [
        many(tf.function(gan_step(learn, TINY)), (real_pictures(TINY),), steps)
        for learn in (by_hand, descend)
    ]
    return added(*loops, steps, rounds)


def of_distributed(strategy: tf.distribute.Strategy, steps: int = 50, rounds: int = 15) -> float:
    """Processor seconds that `distributed` adds to the same loop by hand, as TensorFlow's tutorial has it.

    Both loops begin to read a dataset, which takes long for a distributed one.
    """
    batches = tf.data.Dataset.from_tensor_slices(real_pictures(TINY)).batch(BATCH).repeat(steps)
    parts = strategy.experimental_distribute_dataset(batches)
    with strategy.scope():
        ours = distributed(gan_step(descend, TINY), strategy)
        theirs = gan_step(descend, TINY)

    @tf.function
    def on_all(part):
        results = strategy.run(theirs, args=(part,))
        reduce = lambda value: strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)
        return tf.nest.map_structure(reduce, results)

    def in_turn(step, batches):
        for batch in batches:
            step(batch)

    return added(partial(in_turn, on_all, parts), partial(in_turn, ours, batches), steps, rounds)


# ---------------------------------------------------------------- minimise


def race(evaluations: int = 60, rounds: int = 9) -> dict[str, tuple[float, float]]:
    """Milliseconds an evaluation of `minimise` and SciPy: name -> by the clock, of processors.

    The loss is a quadratic that costs little, of as many numbers as a picture of lesson 09 has.
    """
    target = tf.random.stateless_uniform(PICTURE, (0, 1))
    scales = 10 ** tf.random.stateless_uniform(PICTURE, (0, 2), 0, 3)
    start = np.zeros(PICTURE, "float32")
    loss = lambda x: tf.reduce_mean(scales * (x - target) ** 2)

    def ours():
        return minimise(loss, start, evaluations=evaluations, progress=False).evaluations

    def scipy_alone():
        @tf.function
        def slopes(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = loss(x)
            return y, tape.gradient(y, x)

        def told(x):
            y, slope = slopes(tf.constant(x.reshape(PICTURE), tf.float32))
            return float(y), slope.numpy().ravel().astype("float64")

        options = {"ftol": 0, "gtol": 0, "maxfun": evaluations, "maxiter": evaluations}
        return scipy.optimize.minimize(
            told, start.ravel().astype("float64"), jac=True, method="L-BFGS-B", options=options
        ).nfev

    def on_one_thread():
        with threadpool_limits(1, "blas"):
            return scipy_alone()

    contest = {
        "minimise": ours,
        "SciPy, one thread of BLAS": on_one_thread,
        "SciPy as it comes": scipy_alone,
    }
    taken = {name: [] for name in contest}
    for _ in range(rounds + 1):
        for name, action in contest.items():
            started = time.perf_counter(), time.process_time()
            count = action()
            ended = time.perf_counter(), time.process_time()
            taken[name].append(
                [1000 * (b - a) / count for a, b in zip(started, ended, strict=True)]
            )
    return {name: tuple(np.median(each[1:], axis=0)) for name, each in taken.items()}


# ---------------------------------------------------------------- the page


def report(
    steps: Mapping[str, float],
    costs: Mapping[str, float],
    raced: Mapping[str, tuple[float, float]],
) -> str:
    """Both tables, as Markdown; `steps` and `costs` in seconds."""
    header = ["added to a step", "processor, µs", *(f"% of {name}" for name in steps)]
    rows = [
        [name, f"{1e6 * cost:.1f}", *(f"{100 * cost / step:.2f}" for step in steps.values())]
        for name, cost in costs.items()
    ]
    rows.append(["the step itself", "", *(f"{1e6 * step:.0f} µs" for step in steps.values())])
    by_step = tables.markdown(header, rows)
    rows = [[name, *(f"{ms:.1f}" for ms in both)] for name, both in raced.items()]
    by_race = tables.markdown(["an evaluation of 294,912 numbers", "ms", "processor, ms"], rows)
    return f"{by_step}\n{by_race}"


def main(arguments=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.toolkit", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="default: 15")
    rounds = parser.parse_args(arguments).rounds
    two = tf.distribute.MirroredStrategy(split_cpu(2))  # first, before anything is computed
    if hasattr(os, "getloadavg"):
        print(f"The load when it began was {os.getloadavg()[0]:.1f}.\n")
    steps = {
        "lesson 02's": of_the_smallest(rounds=rounds),
        "lesson 11's dense GAN": of_the_gan(rounds=rounds),
    }
    one = tf.distribute.get_strategy()
    costs = {
        "fit": of_fit(rounds=rounds),
        "descend, twice": of_descend(rounds=rounds),
        "distributed, one device": of_distributed(one, rounds=rounds),
        "distributed, two halves of one CPU": of_distributed(two, rounds=rounds),
    }
    print(report(steps, costs, race(rounds=rounds)))


if __name__ == "__main__":
    main()

"""Threads that share a model get the numbers that each would get alone."""

import multiprocessing
import sys
import threading

import keras
import numpy as np
import pytest

import keras_theano

THREADS = 6


@pytest.fixture(params=["vm", "c", "jax"])
def mode(request):
    if request.param == "jax":
        pytest.importorskip("jax")
    try:
        keras_theano.set_mode(request.param)
    except RuntimeError:
        pytest.skip("there is no C++ compiler")
    yield request.param
    keras_theano.set_mode("auto")


@pytest.fixture
def switch_often():
    """Threads take turns every 50 microseconds: what can go wrong between two lines does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(before)


def together(*actions):
    """Run functions at once, in a thread each; return their results, or raise the first error."""
    results, errors = [None] * len(actions), []
    start = threading.Barrier(len(actions))

    def run(place, action):
        try:
            start.wait(timeout=60)
            results[place] = action()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert not any(thread.is_alive() for thread in threads), "a thread waits for ever"
    if errors:
        raise errors[0]
    return results


def classifier():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data_of(thread, rows=100):
    rng = np.random.default_rng(thread)
    return rng.normal(size=(rows, 8, 8, 1)).astype("float32"), rng.integers(0, 10, rows)


ACTIONS = {
    "predict": lambda model, x, y: model.predict(x, batch_size=32, verbose=0),
    "predict_on_batch": lambda model, x, y: model.predict_on_batch(x),
    "evaluate": lambda model, x, y: model.evaluate(x, y, batch_size=32, verbose=0),
    "test_on_batch": lambda model, x, y: model.test_on_batch(x, y),
    "call": lambda model, x, y: model(x),
    "call of one layer": lambda model, x, y: model.layers[0](x),
    "ops": lambda model, x, y: keras.ops.softmax(keras.ops.matmul(x[..., 0], x[..., 0])),
    "metric": lambda model, x, y: keras.metrics.Mean()(x),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_thread_gets_its_own_numbers(action, mode, switch_often):
    act, model = ACTIONS[action], classifier()
    given = [data_of(thread) for thread in range(THREADS)]
    expected = [np.asarray(act(model, *one)) for one in given]
    fresh = classifier()  # whose first call, which compiles, is made by all at once
    repeats = 12

    def repeat(one):
        return lambda: [np.asarray(act(fresh, *one)) for _ in range(repeats)]

    for found, right in zip(together(*map(repeat, given)), expected, strict=True):
        for one in found:
            np.testing.assert_allclose(one, right, rtol=1e-5, atol=1e-5)


def test_training_counts_apart_from_an_evaluation_meanwhile(mode, switch_often):
    x, y = data_of(0, 640)
    other = data_of(1)
    alone = classifier().fit(x, y, epochs=3, batch_size=32, shuffle=False, verbose=0).history
    model, done = classifier(), threading.Event()

    def train():
        try:
            return model.fit(x, y, epochs=3, batch_size=32, shuffle=False, verbose=0).history
        finally:
            done.set()

    def evaluate():
        count = 0
        while not done.is_set():
            loss, accuracy = model.evaluate(*other, batch_size=50, verbose=0)
            assert 0 < loss < 50 and 0 <= accuracy <= 1
            count += 1
        return count

    history, count = together(train, evaluate)
    assert count > 0
    for name, values in alone.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)


def test_models_trained_at_once_become_what_they_become_alone(mode, switch_often):
    def train(model, thread):
        model.fit(*data_of(thread), epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    alone = [train(classifier(), thread) for thread in range(3)]
    models = [classifier() for _ in range(3)]
    pairs = zip(models, range(3), strict=True)
    trained = together(*[lambda m=model, t=thread: train(m, t) for model, thread in pairs])
    for found, right in zip(trained, alone, strict=True):
        for a, b in zip(found, right, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_nobody_sees_half_a_step(mode, switch_often):
    # All weights are equal and have equal slopes, so they are equal after every step.
    model = keras.Sequential([keras.Input((400,)), keras.layers.Dense(400, use_bias=False)])
    model.layers[0].kernel.assign(np.ones((400, 400)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x, y = np.ones((4, 400), "float32"), np.zeros((4, 400), "float32")
    done, kernel, seen = threading.Event(), model.layers[0].kernel, set()

    def train():
        for _ in range(200):
            model.train_on_batch(x, y)
        done.set()

    def look(action):
        def repeat():
            while not done.is_set():
                found = np.asarray(action())
                assert found.max() - found.min() < 1e-5  # a step changes them by 0.01
                seen.add(float(found.min()))

        return repeat

    readers = (kernel.numpy, lambda: keras.ops.max(kernel, axis=0), lambda: kernel.value + 0)
    together(train, *map(look, readers))
    assert len(seen) > 3


def test_a_value_that_was_read_stays_as_it_was(mode):
    model = classifier()
    x, y = data_of(0)
    kernel = model.layers[-1].kernel
    model.train_on_batch(x, y)
    ways = [
        lambda: kernel.value,
        lambda: keras.ops.convert_to_tensor(kernel),
        lambda: keras.ops.convert_to_numpy(kernel),
        kernel.numpy,
        lambda: np.asarray(kernel),
        lambda: model.get_weights()[-2],
        lambda: keras.ops.reshape(kernel, (-1,)),
        lambda: keras.ops.transpose(kernel),
    ]
    read = [way() for way in ways]
    before = [np.array(value) for value in read]
    model.train_on_batch(x, y)
    assert not np.array_equal(kernel.numpy(), before[0])
    for value, right in zip(read, before, strict=True):
        np.testing.assert_array_equal(value, right)
    after = kernel.numpy()
    for way in ways:
        value = np.asarray(way())
        if value.flags.writeable:
            value *= 2
    np.testing.assert_array_equal(kernel.numpy(), after)


@pytest.mark.skipif(not hasattr(multiprocessing, "get_context"), reason="no processes")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks by default")
def test_a_process_forked_while_another_thread_computes_can_compute():
    model, done = classifier(), threading.Event()
    x, y = data_of(0)
    expected = model.predict(x, verbose=0)

    def compute():
        while not done.is_set():
            model.predict(x, verbose=0)
            model(x)

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        context = multiprocessing.get_context("fork")
        for _ in range(5):
            queue = context.SimpleQueue()
            child = context.Process(
                target=lambda q=queue: q.put((model.predict(x, verbose=0), np.asarray(model(x))))
            )
            child.start()
            child.join(timeout=60)
            alive = child.is_alive()
            child.kill()
            assert not alive, "the forked process waits for ever"
            for found in queue.get():
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    finally:
        done.set()
        thread.join()

"""`minimise` takes SciPy's steps, spends its budget and no more, and goes on where it was stopped."""

import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf
from threadpoolctl import threadpool_info, threadpool_limits

from utils.tf import minimise

START = np.array([-1.2, 1.0, 0.5, -0.3])
PICTURE = np.random.default_rng(0).normal(size=(1, 100, 330, 3)).astype("float32")


def rosenbrock(x):
    return tf.reduce_sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def quiet(loss, start, **options):
    return minimise(loss, start, progress=False, **options)


def test_history_has_the_loss_and_its_parts():
    target = np.linspace(0, 1, 12).reshape(3, 4)

    def loss(x):
        near, small = tf.reduce_mean((x - target) ** 2), tf.reduce_mean(x**2)
        return near + small, {"near": near, "small": small}

    found = minimise(loss, np.zeros((3, 4)), evaluations=20, snapshots=2)
    np.testing.assert_allclose(found.x, target / 2, atol=1e-6)
    assert found.evaluations == len(found.history["loss"]) <= 20
    np.testing.assert_allclose(
        np.add(found.history["near"], found.history["small"]), found.history["loss"]
    )
    assert found.loss == min(found.history["loss"])


@pytest.mark.parametrize("method", ["L-BFGS-B", "CG"])
def test_the_same_steps_as_scipy_on_the_same_function_in_numpy(method):
    path = []

    def twin(x):
        path.append(scipy.optimize.rosen(x))
        return path[-1], scipy.optimize.rosen_der(x)

    options = {"L-BFGS-B": {"ftol": 0, "gtol": 0}, "CG": {"gtol": 0}}[method]
    scipy.optimize.minimize(twin, START, jac=True, method=method, options=options)
    found = quiet(rosenbrock, START, method=method)
    np.testing.assert_allclose(found.x, 1, atol=1e-6)
    assert found.x.dtype == np.float64 and found.x.shape == (4,)
    # (Further on, what is rounded otherwise leads elsewhere.)
    np.testing.assert_allclose(found.history["loss"][:25], path[:25], rtol=1e-6)


def test_a_quadratic_with_and_without_bounds():
    scales = np.array([[1.0, 10.0], [100.0, 1000.0]])
    centre = np.array([[3.0, -2.0], [0.5, 0.1]])
    loss = lambda x: tf.reduce_sum(scales * (x - centre) ** 2)
    np.testing.assert_allclose(quiet(loss, np.zeros((2, 2))).x, centre, atol=1e-6)
    held = quiet(loss, np.zeros((2, 2)), bounds=(-1.0, 1.0))
    np.testing.assert_allclose(held.x, centre.clip(-1, 1), atol=1e-6)


def test_a_mean_of_100000_numbers_does_not_end_early():
    """SciPy's default is content with slopes below 1e-5, and here all are, from the start."""
    target = tf.constant(PICTURE[:, ::-1] * np.linspace(0.1, 3, 330)[:, None], tf.float32)
    loss = lambda x: tf.reduce_mean(tf.abs(x - target) ** 3)

    def twin(x):
        with tf.GradientTape() as tape:
            x = tf.reshape(tf.constant(x, tf.float32), target.shape)
            tape.watch(x)
            y = loss(x)
        return float(y), tape.gradient(y, x).numpy().ravel().astype("float64")

    default = scipy.optimize.minimize(twin, 0 * PICTURE.ravel(), jac=True, method="L-BFGS-B")
    assert "CONVERGENCE" in default.message and default.nfev < 40
    found = quiet(loss, 0 * PICTURE, evaluations=60)
    assert found.evaluations == 60 and found.message == "All 60 evaluations are spent."
    assert found.loss < default.fun / 2
    assert found.x.dtype == np.float32 and found.x.shape == PICTURE.shape


@pytest.mark.parametrize("evaluations", [1, 2, 7, 30])
def test_the_budget_is_exact_and_the_best_is_returned(evaluations):
    found = quiet(rosenbrock, START, evaluations=evaluations, snapshots=min(3, evaluations))
    history = found.history["loss"]
    assert found.evaluations == len(history) == evaluations
    assert found.loss == min(history) == pytest.approx(float(rosenbrock(found.x)))
    assert [n for n, _ in found.snapshots][-1] == evaluations
    for n, x in found.snapshots:
        assert float(rosenbrock(x)) == pytest.approx(min(history[:n]))


def test_it_ends_where_nothing_is_to_be_gained():
    found = quiet(lambda x: tf.reduce_sum(x**2), np.zeros(3))
    assert found.evaluations == 1 and found.message.startswith("SciPy ended it: CONVERGENCE")


def test_one_trace():
    traced = []

    def loss(x):
        traced.append(x)
        return rosenbrock(x)

    quiet(loss, START, evaluations=20)
    assert len(traced) == 1


def test_scipys_vectors_take_one_thread_and_the_others_are_given_back():
    # On two threads and beside other programs, both wait for one another: see benchmarks/toolkit.py.
    threads = lambda: [
        pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
    ]
    within = []

    def loss(x):
        within.append(threads())  # while SciPy asks for the first time
        return rosenbrock(x)

    with threadpool_limits(2, "blas"):
        before = threads()
        quiet(loss, START, evaluations=3)
        after = threads()
        with pytest.raises(FloatingPointError):
            quiet(lambda x: loss(tf.math.log(x)), START)
        assert before == after == threads()
    assert before and within == 2 * [[1] * len(before)]


# ---------------------------------------------------------------- what is refused


def numpy_inside(x):
    return tf.reduce_sum(np.asarray(x))


@pytest.mark.parametrize(
    "loss, start, options, error, words",
    [
        (lambda x: tf.constant(1.0), START, {}, ValueError, "does not depend on x"),
        (lambda x: tf.reduce_sum(tf.round(x)) * 0 + 1, START, {}, ValueError, "does not depend on x"),
        (lambda x: tf.argmax(x), START, {}, ValueError, "does not depend on x"),
        (lambda x: x**2, START, {}, ValueError, r"shape \(4,\), but has to be one number"),
        (numpy_inside, START, {}, TypeError, "hands a tensor to NumPy"),
        (lambda x: tf.reduce_sum(tf.math.log(x)), START, {}, FloatingPointError, "The loss is nan"),
        (lambda x: tf.reduce_sum(tf.sqrt(x)), 0 * START, {}, FloatingPointError, "100% of its slopes"),
        (rosenbrock, [1, 2, 3], {}, TypeError, "of int64"),
        (rosenbrock, np.zeros((3, 3), "uint8"), {}, TypeError, r'astype\("float32"\)'),
        (rosenbrock, [1.0, np.nan], {}, ValueError, "start has values that are infinite"),
        (rosenbrock, START, {"bounds": (-1.0, 1.0)}, ValueError, "from -1.2 to 1, outside of the bounds"),
        (rosenbrock, START, {"bounds": (-2.0, 2.0), "method": "CG"}, ValueError, "knows no bounds"),
        (rosenbrock, START, {"method": "Adam"}, ValueError, "one of L-BFGS-B, CG, not 'Adam'"),
        (rosenbrock, START, {"evaluations": 0}, ValueError, "1 or more, not 0"),
        (rosenbrock, START, {"evaluations": 5.5}, ValueError, "1 or more, not 5.5"),
        (rosenbrock, START, {"evaluations": 3, "snapshots": 4}, ValueError, "from 0 to 3, not 4"),
    ],
)  # fmt: skip
def test_mistakes_are_named(loss, start, options, error, words):
    with pytest.raises(error, match=words):
        quiet(loss, start, **options)


# ---------------------------------------------------------------- going on


def same(found, other):
    assert found.history == other.history and found.message == other.message
    np.testing.assert_array_equal(found.x, other.x)


@pytest.mark.parametrize("left", [0.0, 0.001, 0.2, 0.5, 0.77, 1.0])
def test_a_run_killed_at_any_byte_goes_on_to_the_same_numbers(tmp_path, left):
    whole = quiet(rosenbrock, START, evaluations=30, checkpoint=tmp_path / "a" / "whole")
    same(whole, quiet(rosenbrock, START, evaluations=30))
    data = (tmp_path / "a" / "whole").read_bytes()
    killed = tmp_path / "killed"
    killed.write_bytes(data[: int(left * len(data))])
    same(whole, quiet(rosenbrock, START, evaluations=30, checkpoint=killed))
    assert killed.read_bytes() == data


def test_what_was_computed_is_not_computed_again_and_a_budget_can_grow(tmp_path):
    computed = []

    def loss(x):
        tf.py_function(lambda: computed.append(1), [], [])
        return rosenbrock(x)

    quiet(loss, START, evaluations=12, checkpoint=tmp_path / "run")
    computed.clear()
    found = quiet(loss, START, evaluations=20, checkpoint=tmp_path / "run")
    assert len(computed) == 8 + 1  # and once at the start, to see that it is the same loss
    same(found, quiet(rosenbrock, START, evaluations=20))


@pytest.mark.parametrize(
    "change",
    [
        {"loss": lambda x: 2 * rosenbrock(x)},
        {"start": START + 0.1},
        {"start": START[:3]},
        {"start": START.astype("float32")},
        {"method": "CG"},
        {"bounds": (-1.5, 1.5)},
        {"loss": lambda x: (rosenbrock(x), {"part": x[0]})},
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path, change):
    run = {"loss": rosenbrock, "start": START, "evaluations": 15, "checkpoint": tmp_path / "run"}
    quiet(**run)
    with pytest.raises(ValueError, match="is of another loss, start, method, bounds or version"):
        quiet(**run | change)

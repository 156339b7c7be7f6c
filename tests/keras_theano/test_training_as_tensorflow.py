"""Training gives the numbers that it gives on TensorFlow, in its less common ways as well.

Each case is a model of tests/fuzz, computed by both engines from the same weights and data.
"""

import numpy as np
import pytest

from tests.fuzz.fuzzer import Fuzzer
from tests.fuzz.worker import Worker

pytestmark = pytest.mark.slow


def new(path, **args):
    return {"new": path, "args": args}


def sequence(*layers):
    """Nodes of layers one after another, from the input n0."""
    return [
        {"name": f"n{place}", "of": [f"n{place - 1}"], **layer}
        for place, layer in enumerate(layers, 1)
    ]


def case(shape, data, layers, loss, targets, sizes=(3,), **how):
    """A specification of tests/fuzz/models.py; what is not said of training is plain."""
    top = {key: how.pop(key) for key in ("dtype", "fixed") if key in how}
    lengths = {"lengths": how.pop("lengths")} if "lengths" in how else {}
    train = {"optimizer": new("optimizers.SGD", learning_rate=0.5), "evaluate": True, **how}
    nodes = sequence(*layers)
    return {
        "seed": 3,
        "dtype": "float32",
        "format": "channels_last",
        "batch": sizes[0],
        "fixed": False,
        "inputs": [{"name": "n0", "shape": shape, "data": data, **lengths}],
        "nodes": nodes,
        "outputs": [nodes[-1]["name"]],
        "train": {**train, "losses": [loss], "targets": [targets], "sizes": list(sizes)},
        **top,
    }


TAGGER = [
    new("layers.Embedding", input_dim=6, output_dim=3, mask_zero=True),
    new("layers.LSTM", units=4, return_sequences=True),
    new("layers.Dense", units=5, activation="softmax"),
]
REGRESSION = [new("layers.Dense", units=4, activation="tanh"), new("layers.Dense", units=2)]
NOISY = [
    new("layers.Dense", units=8),
    new("layers.Dropout", rate=0.5),
    new("layers.Dense", units=1),
]
SEQUENCE = [new("layers.LSTM", units=3), new("layers.Dense", units=2)]
STATEFUL = [
    new("layers.GRU", units=3, stateful=True, return_sequences=True),
    new("layers.LSTM", units=2, stateful=True),
]
MSE, HUBER = new("losses.MeanSquaredError"), new("losses.Huber")
SPARSE = new("losses.SparseCategoricalCrossentropy")
ACCURACY = [[new("metrics.SparseCategoricalAccuracy")]]


def tagging(**how):
    return case([5], "tokens", TAGGER, SPARSE, "classes", metrics=ACCURACY, **how)


def regression(optimizer, sizes=(3, 3, 3, 3, 3), **how):
    return case([3], "normal", REGRESSION, MSE, "normal", sizes, optimizer=optimizer, **how)


def optimizer(name="SGD", learning_rate=0.1, **args):
    return new(f"optimizers.{name}", learning_rate=learning_rate, **args)


def scaled(**args):
    return new("optimizers.LossScaleOptimizer", inner_optimizer=optimizer(), **args)


EMA = {"use_ema": True, "ema_momentum": 0.5}
ACCUMULATED = {"gradient_accumulation_steps": 2}
SCHEDULES = {
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 3},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 2},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [1, 3], "values": [0.5, 0.1, 0.01]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "cycle": True},
}
CASES = {
    "masked loss": tagging(),
    "masked loss, weighted": tagging(sample_weight="samples", weighted=True),
    "masked loss, weighted steps": tagging(sample_weight="steps", weighted=True),
    "masked loss, a sum": case(
        [5, 2],
        "steps",
        [new("layers.Masking"), *REGRESSION],
        {**MSE, "args": {"reduction": "sum"}},
        "normal",
    ),
    "masked loss in fit, last batch smaller": tagging(sizes=(3, 3, 2), fit={"epochs": 2}),
    "moving average of weights": regression(optimizer(**EMA)),
    "moving average of weights, overwriting": regression(
        optimizer(ema_overwrite_frequency=2, **EMA)
    ),
    "moving average of weights in fit": regression(optimizer("Adam", **EMA), fit={"epochs": 2}),
    "accumulated gradients": regression(optimizer(**ACCUMULATED)),
    "accumulated gradients, Adam, clipped": regression(
        optimizer("Adam", clipnorm=0.1, **ACCUMULATED)
    ),
    "accumulated gradients, moving average": regression(optimizer(**ACCUMULATED, **EMA)),
    "accumulated gradients in fit": regression(optimizer(**ACCUMULATED), fit={"epochs": 2}),
    "mixed precision": regression(optimizer("Adam"), dtype="mixed_float16"),
    "mixed precision in fit": regression(optimizer(), dtype="mixed_float16", fit={"epochs": 2}),
    "loss scale grows": regression(
        scaled(initial_scale=8.0, dynamic_growth_steps=2), dtype="mixed_float16"
    ),
    "loss scale too large": regression(scaled(initial_scale=1e6), dtype="mixed_float16"),
    "several steps at a time": regression(
        optimizer("Adam"), fit={"epochs": 2}, compile={"steps_per_execution": 2}
    ),
    "more steps at a time than there are": regression(
        optimizer(), fit={"epochs": 2}, compile={"steps_per_execution": 8}
    ),
    "batches of other sizes": regression(optimizer(), sizes=(3, 1, 4, 2)),
    "batches of other sizes, Adam accumulating": regression(
        optimizer("Adam", **ACCUMULATED), sizes=(4, 1, 3)
    ),
    "sequences of other lengths": case(
        [None, 3], "steps", SEQUENCE, HUBER, "normal", (3, 3, 2, 3), lengths=[4, 6, 1, 4]
    ),
    "state kept over batches": case(
        [4, 2], "normal", STATEFUL, MSE, "normal", (3, 3, 3), fixed=True
    ),
    "state kept in fit": case(
        [4, 2], "normal", STATEFUL, MSE, "normal", (3, 3, 3), fixed=True, fit={"epochs": 2}
    ),
    **{
        f"learning rate by {name}": regression(
            optimizer("Adam", learning_rate=new(f"optimizers.schedules.{name}", **args))
        )
        for name, args in SCHEDULES.items()
    },
    "classes weighted in fit": case(
        [4],
        "normal",
        [new("layers.Dense", units=3, activation="softmax")],
        SPARSE,
        "classes",
        (3, 3),
        fit={"epochs": 2},
        class_weight=[0.5, 2.0, 1.0],
        metrics=ACCURACY,
        weighted=True,
    ),
    "validated in fit": regression(optimizer(), fit={"epochs": 2, "validation": True}),
}


@pytest.fixture(scope="module")
def engines():
    with Fuzzer() as pair:
        yield pair


@pytest.mark.parametrize("name", CASES)
def test_as_on_tensorflow(name, engines):
    engines.outcomes.clear()
    assert engines.difference(CASES[name]) is None
    assert engines.outcomes == {"agreed": 1}  # rather than refused by both


def test_a_fit_is_repeated_by_its_seed():
    spec = case([3], "normal", NOISY, MSE, "normal", (4, 4, 4), fit={"epochs": 3, "shuffle": True})
    with Worker("theano") as worker:
        first, again = worker.run(spec), worker.run(spec)
        other = worker.run({**spec, "seed": 4})
    assert first["error"] is None
    assert list(first["values"]) == list(again["values"])
    for name, value in first["values"].items():
        np.testing.assert_array_equal(value, again["values"][name])
    assert first["values"]["train/2/loss"] != other["values"]["train/2/loss"]

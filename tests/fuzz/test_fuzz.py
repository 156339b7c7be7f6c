"""Random models give on this engine what they give on TensorFlow, and a fuzzer that can tell."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz import compare, limits, models
from tests.fuzz.fuzzer import Fuzzer

KNOWN = json.loads(Path(__file__).with_name("known.json").read_text(encoding="utf-8"))
#: Models of fixed seeds; `make fuzz` tries others.
SEEDS = range(40, 48)
#: Activations that planted.py spoils -> kind of the fault.
PLANTED = {
    "softplus": "values",
    "softsign": "values",
    "celu": "error",
    "hard_sigmoid": "stderr",
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fuzzer():
    with Fuzzer() as made:
        yield made


@pytest.mark.parametrize("row", KNOWN, ids=[row["was"] for row in KNOWN])
def test_what_it_found_stays_mended(row, fuzzer):
    assert fuzzer.difference(row["spec"]) is None


def test_models_of_fixed_seeds(fuzzer):
    for seed in SEEDS:
        assert fuzzer.try_seed(seed) is None, seed
    assert fuzzer.outcomes["agreed"] >= len(SEEDS) / 2, fuzzer.outcomes


def node(number, new, **args):
    return {"name": f"n{number}", "new": f"layers.{new}", "args": args, "of": [f"n{number - 1}"]}


def with_activation(name):
    """A model of some layers, one of which is this activation, and its training."""
    nodes = [
        node(1, "Dense", units=3, use_bias=False),
        node(2, "Activation", activation=name),
        node(3, "Reshape", target_shape=[3, 1, 2]),
    ]
    plain = {"losses": [{"new": "losses.Huber", "args": {}}], "targets": ["normal"], "sizes": [3]}
    optimizer = {"new": "optimizers.SGD", "args": {"learning_rate": 1.0}}
    return {
        "seed": 5,
        "dtype": "float32",
        "format": "channels_last",
        "batch": 3,
        "fixed": False,
        "inputs": [{"name": "n0", "shape": [2, 4], "data": "normal"}],
        "nodes": nodes,
        "outputs": ["n3"],
        "train": {**plain, "optimizer": optimizer},
    }


@pytest.fixture(scope="module")
def fuzzer_of_planted_faults():
    with Fuzzer(first="tests.fuzz.planted") as made:
        yield made


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_and_shrunk(name, fuzzer_of_planted_faults, fuzzer):
    spec = with_activation(name)
    found = fuzzer_of_planted_faults.difference(spec)
    assert found[0] == PLANTED[name]
    small = fuzzer_of_planted_faults.smallest(spec, found, seconds=60)
    # A wrong gradient shows only in weights before it.
    layers = ["Dense", "Activation"] if found[1] == "weights" else ["Activation"]
    assert [node["new"] for node in small["nodes"]] == [f"layers.{layer}" for layer in layers]
    assert small["batch"] == 1
    assert name in models.program(small)
    assert fuzzer.difference(small) is None


def test_the_same_seed_gives_the_same_model(fuzzer):
    assert fuzzer.model(7) == fuzzer.model(7) != fuzzer.model(8)


def results(**values):
    values = {name.replace("_", "/"): np.array(value) for name, value in values.items()}
    return {"values": values, "error": None, "warnings": [], "stderr": "", "seconds": 0}


@pytest.mark.parametrize(
    "loss, weight, kind",
    [
        ((np.nan, np.nan), (1.0, np.nan), None),  # lost on both: weights say no more
        ((np.nan, 1.0), (1.0, 1.0), "not finite"),
        ((1.0, 1.0), (1.0, np.nan), "not finite"),
        ((np.inf, np.inf), (1.0, np.nan), "not finite"),
        ((1.0, 1.0), (1.0, 2.0), "values"),
    ],
)
def test_weights_are_compared_until_the_loss_is_no_number(loss, weight, kind):
    spec = {"dtype": "float32", "nodes": [], "train": None}
    ours, theirs = (
        results(train_0_loss=one, weights_w=other) for one, other in zip(loss, weight, strict=True)
    )
    found = compare.fault(spec, ours, theirs)
    assert (found and found[0]) == kind


@pytest.mark.parametrize(
    "dtype, ours, right, exact",
    [
        ("float32", 1.0, 1.0, True),
        ("float32", 1.0, 1.001, False),
        ("float32", 1.0, None, False),
        ("mixed_float16", 1.0, 1.001, True),
        ("mixed_float16", 1.0, 1.1, False),
        ("float64", 1.0, 1.0, False),
    ],
)
def test_who_rounds_is_told_in_64_bits(dtype, ours, right, exact):
    spec = {"dtype": dtype, "nodes": [], "train": None}
    mine, theirs = results(weights_w=ours), results(weights_w=2.0)
    found = compare.fault(spec, mine, theirs)
    wide = {} if right is None else {"weights_w": right}
    assert compare.exact(spec, found, lambda: results(**wide), mine) == exact


@pytest.mark.parametrize("limit", limits.LIMITS, ids=[limit.reason[:40] for limit in limits.LIMITS])
def test_every_limit_says_why_and_where(limit):
    assert len(limit.reason) > 20
    assert limit.kind or limit.where or limit.layers or limit.when

"""Keras's layers for text and categories give what they give on TensorFlow: alone, in tf.data, in models."""

import importlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from utils.processes import run_programs

pytestmark = pytest.mark.slow

HERE = str(Path(__file__).parent)
RUN = f"import runpy, sys; sys.path.append({HERE!r}); runpy.run_module('text_cases', None, '__main__')"
ENGINES = {
    "tensorflow": "import os; os.environ['KERAS_BACKEND'] = 'tensorflow'",
    "vm": "import keras_theano; keras_theano.set_mode('vm')",
    "jax": "import keras_theano; keras_theano.set_mode('jax')",
}


@pytest.fixture(scope="module")
def outcomes():
    """What each engine gives, {engine: {case: result}}: a process for each, one after another."""
    found = {}
    for engine, start in ENGINES.items():
        printed = run_programs({engine: f"{start}\n{RUN}"}, timeout=600)[engine]
        found[engine] = json.loads(printed.splitlines()[-1])
    return found


def same(ours, theirs):
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, float) and isinstance(theirs, float):
        return bool(np.isclose(ours, theirs, rtol=1e-5, atol=1e-5, equal_nan=True))
    return ours == theirs


@pytest.mark.parametrize("mode", ["vm", "jax"])
def test_as_on_tensorflow(mode, outcomes):
    theirs = outcomes["tensorflow"]
    refused = {case: result for case, result in theirs.items() if isinstance(result, str)}
    assert not refused, "TensorFlow does it"
    ours = outcomes[mode]
    wrong = {
        case: (ours[case], theirs[case]) for case in theirs if not same(ours[case], theirs[case])
    }
    assert not wrong


# --- What only this engine takes or refuses ------------------------------------------------------


@pytest.fixture(scope="module")
def cases():
    """The module of the cases: it loads TensorFlow, so only when a test is run."""
    return importlib.import_module("text_cases")


@pytest.mark.parametrize("name", ["StringLookup", "TextVectorization", "Hashing"])
@pytest.mark.parametrize("how", ["predict", "predict_on_batch", "evaluate"])
@pytest.mark.parametrize("kind", ["U", "O", "S"])
def test_a_model_takes_arrays_of_text_too(name, how, kind, cases):
    """NumPy's and pandas's columns of text, which TensorFlow refuses ("Invalid dtype: str32")."""
    layer, shape, dtype, text = cases.MODELS[name]()
    built = cases.model(layer, shape, dtype)
    x = np.array(text).astype(kind)
    targets = [np.zeros((len(x), 2))] if how == "evaluate" else []
    expected = getattr(built, how)(cases.tf.constant(text), *targets)
    np.testing.assert_array_equal(getattr(built, how)(x, *targets), expected)


@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
@pytest.mark.parametrize(
    "name", ["StringLookup", "TextVectorization", "Hashing", "IntegerLookup", "HashedCrossing"]
)
def test_training_through_such_a_layer_says_what_to_do(name, method, cases):
    if name == "HashedCrossing":
        inputs = [keras.Input((1,), dtype="int64") for _ in range(2)]
        crossed = layers.HashedCrossing(5, output_mode="one_hot")(inputs)
        built = keras.Model(inputs, layers.Dense(2)(crossed))
        built.compile("sgd", "mse")
        x = [np.array([[1], [2]])] * 2
    else:
        layer, shape, dtype, values = cases.MODELS[name]()
        built, x = cases.model(layer, shape, dtype), np.array(values)
    with pytest.raises((TypeError, ValueError), match="on the data before"):
        getattr(built, method)(x, np.zeros((len(x if name != "HashedCrossing" else x[0]), 2)))


def test_numbers_stay_what_other_layers_and_ops_ask_for(cases):
    looked_up = cases.strings(invert=True)(np.array([[0, 1]]))
    for text, kind in ((np.array(cases.WORDS), "str"), (looked_up, "object")):
        for function in (layers.Dense(2), keras.ops.convert_to_tensor, keras.ops.exp):
            with pytest.raises(ValueError, match=f"needs numbers.*dtype {kind}"):
                function(text)

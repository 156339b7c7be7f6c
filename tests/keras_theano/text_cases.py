"""Keras's layers for text and categories, called in every way that they are: the same on any engine.

Run as a program, it prints what the engine of this process gives, as JSON: for each case its result,
or the error's class.
"""

import json
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

WORDS = [["x", "y"], ["z", "x"]]
LINES = ["a cat sat", "the cat", "dog dog a"]
INDICES = [[0, 1], [2, 9]]
NUMBERS = [[1, 2], [3, 9]]
FLOATS = [[0.5, 1.5], [2.5, -9.0]]


def text_forms(text):
    array = np.array(text)
    return {
        "list": text,
        "str": array,
        "object": array.astype(object),
        "bytes": array.astype("S"),
        "tensorflow": tf.constant(text),
        "flat": array.ravel(),
        "scalar": array.ravel()[0],
    }


def number_forms(numbers):
    array = np.array(numbers)
    return {
        "list": numbers,
        "int64": array,
        "int32": array.astype("int32"),
        "tensorflow": tf.constant(numbers),
        "keras": keras.ops.convert_to_tensor(numbers),
        "flat": array.ravel(),
    }


def float_forms(numbers):
    array = np.array(numbers)
    return {
        "float32": array.astype("float32"),
        "float64": array,
        "tensorflow": tf.constant(numbers),
        "whole": array.astype("int64"),
    }


def strings(**args):
    return layers.StringLookup(vocabulary=["x", "y"], **args)


def integers(**args):
    return layers.IntegerLookup(vocabulary=[1, 2, 3], **args)


def sentences(**args):
    layer = layers.TextVectorization(**args)
    layer.adapt(LINES)
    return layer


MODES = ("int", "one_hot", "multi_hot", "count")
ON_WORDS = {
    **{f"StringLookup {mode}": lambda mode=mode: strings(output_mode=mode) for mode in MODES},
    "StringLookup tf_idf": lambda: strings(output_mode="tf_idf", idf_weights=[0.3, 0.6]),
    "StringLookup mask": lambda: strings(mask_token="", num_oov_indices=3),
    "Hashing": lambda: layers.Hashing(7),
    "Hashing multi_hot": lambda: layers.Hashing(7, output_mode="multi_hot"),
    "Hashing salt, mask": lambda: layers.Hashing(7, salt=[3, 4], mask_value="x"),
}
ON_LINES = {
    **{
        f"TextVectorization {mode}": lambda mode=mode: sentences(output_mode=mode)
        for mode in ("int", "multi_hot", "count", "tf_idf")
    },
    "TextVectorization length": lambda: sentences(output_sequence_length=4),
    "TextVectorization ngrams": lambda: sentences(ngrams=2),
    "TextVectorization letters": lambda: sentences(split="character"),
    "TextVectorization whole": lambda: sentences(standardize=None, split=None),
    "TextVectorization own": lambda: sentences(standardize=lambda text: tf.strings.upper(text)),
}
ON_INDICES = {
    "StringLookup invert": lambda: strings(invert=True),
    "StringLookup invert, mask": lambda: layers.StringLookup(
        vocabulary=["é", "y"], mask_token="", invert=True
    ),
    "IntegerLookup invert": lambda: integers(invert=True),
}
ON_NUMBERS = {
    **{f"IntegerLookup {mode}": lambda mode=mode: integers(output_mode=mode) for mode in MODES},
    **{
        f"CategoryEncoding {mode}": lambda mode=mode: layers.CategoryEncoding(10, output_mode=mode)
        for mode in MODES[1:]
    },
    "Hashing numbers": lambda: layers.Hashing(7),
}
ON_FLOATS = {
    **{
        f"Discretization {mode}": lambda mode=mode: layers.Discretization(
            bin_boundaries=[0.0, 1.0, 2.0], output_mode=mode
        )
        for mode in MODES
    },
    "Normalization": lambda: layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 5.0]),
    "Rescaling": lambda: layers.Rescaling(0.25, offset=1),
}


def batches(*arrays):
    data = arrays[0] if len(arrays) == 1 else arrays
    return tf.data.Dataset.from_tensor_slices(data).batch(2)


def adapted(layer, data):
    layer.adapt(data)
    return layer.get_vocabulary()


def adapted_moments(data):
    layer = layers.Normalization()
    layer.adapt(data)
    return [np.array(moment) for moment in (layer.mean, layer.variance)]


def adapted_boundaries(data):
    layer = layers.Discretization(num_bins=3)
    layer.adapt(data)
    return layer.bin_boundaries


def crossing(first, second, **args):
    return layers.HashedCrossing(5, **args)((first, second))


def again(layer):
    return type(layer).from_config(layer.get_config())


def model(first, shape, dtype):
    """A model that begins with the layer `first`."""
    result = keras.Sequential([layers.Input(shape, dtype=dtype), first])
    if first.output.dtype == "int64" and len(first.output.shape) == 2:
        result.add(layers.Embedding(30, 2, embeddings_initializer="ones"))
        result.add(layers.GlobalAveragePooling1D())
    result.add(layers.Dense(2, kernel_initializer="ones"))
    result.compile("sgd", "mse", metrics=["mae"])
    return result


def saved(built):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        built.save(path)
        return keras.models.load_model(path)


def used(how, built, x):
    y = np.zeros((len(x), 2))
    return {
        "call": lambda: built(x),
        "predict": lambda: built.predict(x, verbose=0),
        "predict, dataset": lambda: built.predict(batches(x), verbose=0),
        "predict_on_batch": lambda: built.predict_on_batch(x),
        "evaluate": lambda: built.evaluate(x, y, verbose=0),
        "evaluate, dataset": lambda: built.evaluate(batches(x, y), verbose=0),
        "test_on_batch": lambda: built.test_on_batch(x, y),
        "saved": lambda: saved(built)(x),
    }[how]()


USES = (
    "call",
    "predict",
    "predict, dataset",
    "predict_on_batch",
    "evaluate",
    "evaluate, dataset",
    "test_on_batch",
    "saved",
)
MODELS = {
    "StringLookup": lambda: (strings(output_mode="multi_hot"), (2,), "string", WORDS),
    "TextVectorization": lambda: (
        sentences(output_sequence_length=4),
        (),
        "string",
        LINES,
    ),
    "Hashing": lambda: (layers.Hashing(7, output_mode="multi_hot"), (2,), "string", WORDS),
    "IntegerLookup": lambda: (integers(output_mode="multi_hot"), (2,), "int64", NUMBERS),
    "CategoryEncoding": lambda: (layers.CategoryEncoding(10), (2,), "int64", NUMBERS),
}


def used_model(name, how, form):
    layer, shape, dtype, x = MODELS[name]()
    return used(how, model(layer, shape, dtype), form(x))


def two_inputs(how):
    """A model of a column of text and one of numbers."""
    text = keras.Input((1,), dtype="string", name="text")
    number = keras.Input((1,), name="number")
    both = layers.Concatenate()(
        [
            strings(output_mode="one_hot")(text),
            layers.Normalization(mean=[1.0], variance=[4.0])(number),
        ]
    )
    built = keras.Model(
        {"text": text, "number": number}, layers.Dense(1, kernel_initializer="ones")(both)
    )
    x = {"text": tf.constant([["x"], ["q"]]), "number": tf.constant([[1.0], [2.0]])}
    return built(x) if how == "call" else built.predict(x, verbose=0)


class Own(keras.Model):
    """A model of a class of its own that looks text up in its `call`."""

    def __init__(self):
        super().__init__()
        self.lookup = strings(output_mode="multi_hot")
        self.dense = layers.Dense(2, kernel_initializer="ones")

    def call(self, x):
        return self.dense(self.lookup(x))


def own(how):
    built = Own()
    built.compile("sgd", "mse", metrics=["mae"])
    return used(how, built, tf.constant(WORDS))


def space(how):
    """A FeatureSpace of one column of each kind, in the ways its guide shows."""
    kinds = keras.utils.FeatureSpace
    columns = {
        "s": (kinds.string_categorical(), ["a", "b", "a"]),
        "i": (kinds.integer_categorical(), [1, 2, 3]),
        "n": ("float_normalized", [0.1, 0.2, 0.9]),
        "h": (kinds.string_hashed(num_bins=5), ["q", "w", "e"]),
        "d": (kinds.float_discretized(num_bins=3), [0.1, 0.2, 0.9]),
    }
    crosses = [kinds.cross(("s", "i"), crossing_dim=6)]
    features = kinds(
        {name: kind for name, (kind, _) in columns.items()}, crosses=crosses, output_mode="concat"
    )
    x = {name: values for name, (_, values) in columns.items()}
    features.adapt(tf.data.Dataset.from_tensor_slices(x))
    return {
        "arrays": lambda: features({name: np.array(values) for name, values in x.items()}),
        "tensors": lambda: features({name: tf.constant(values) for name, values in x.items()}),
        "one row": lambda: features({name: values[0] for name, values in x.items()}),
        "map": lambda: list(batches(x).map(features)),
    }[how]()


CASES = {}
for table, forms in (
    (ON_WORDS, text_forms(WORDS)),
    (ON_LINES, text_forms(LINES)),
    (ON_INDICES, number_forms(INDICES)),
    (ON_NUMBERS, number_forms(NUMBERS)),
    (ON_FLOATS, float_forms(FLOATS)),
):
    for name, make in table.items():
        for form, x in forms.items():
            CASES[f"{name}, {form}"] = lambda make=make, x=x: make()(x)
        if name != "Normalization":  # which Keras wants built first, on all engines but TensorFlow
            CASES[f"{name}, map"] = lambda make=make, x=forms["tensorflow"]: list(
                batches(x).map(make())
            )
        if table is not ON_LINES:  # whose vocabulary, when adapted, is no part of the config
            CASES[f"{name}, from its config"] = lambda make=make, x=forms["tensorflow"]: again(
                make()
            )(x)
# Keras calls a function of one's own on arrays, which are not there, on all engines but TensorFlow.
del CASES["TextVectorization own, map"]

for form, x in text_forms(WORDS).items():
    CASES[f"adapt StringLookup, {form}"] = lambda x=x: adapted(layers.StringLookup(), x)
for form, x in text_forms(LINES).items():
    if form == "scalar":  # of which Keras on TensorFlow learns the letters
        continue
    CASES[f"adapt TextVectorization, {form}"] = lambda x=x: adapted(layers.TextVectorization(), x)
for form, x in number_forms(NUMBERS).items():
    CASES[f"adapt IntegerLookup, {form}"] = lambda x=x: adapted(layers.IntegerLookup(), x)
for form, x in float_forms(FLOATS).items():
    if form != "tensorflow":  # whose rows are the batches on other engines
        CASES[f"adapt Normalization, {form}"] = lambda x=x: adapted_moments(x)
    CASES[f"adapt Discretization, {form}"] = lambda x=x: adapted_boundaries(x)
CASES |= {
    "adapt StringLookup, dataset": lambda: adapted(layers.StringLookup(), batches(WORDS)),
    "adapt IntegerLookup, dataset": lambda: adapted(layers.IntegerLookup(), batches(NUMBERS)),
    "adapt TextVectorization, dataset": lambda: adapted(layers.TextVectorization(), batches(LINES)),
    "adapt Normalization, dataset": lambda: adapted_moments(batches(FLOATS)),
    "adapt Discretization, dataset": lambda: adapted_boundaries(batches(FLOATS)),
    "HashedCrossing, lists": lambda: crossing(["x", "y"], [1, 2]),
    "HashedCrossing, arrays": lambda: crossing(np.array(["x", "y"]), np.array([1, 2])),
    "HashedCrossing, objects": lambda: crossing(np.array(["x", "y"], object), np.array([1, 2])),
    "HashedCrossing, tensorflow": lambda: crossing(tf.constant(["x", "y"]), tf.constant([1, 2])),
    "HashedCrossing, numbers": lambda: crossing(np.array([3, 4]), np.array([1, 2])),
    "HashedCrossing one_hot, arrays": lambda: crossing(
        np.array(["x", "y"]), np.array([1, 2]), output_mode="one_hot"
    ),
    "HashedCrossing, map": lambda: list(
        batches(["x", "y"], [1, 2]).map(lambda a, b: layers.HashedCrossing(5)((a, b)))
    ),
    "weights of categories": lambda: layers.CategoryEncoding(10, output_mode="count")(
        np.array(NUMBERS), count_weights=np.array(FLOATS)
    ),
    "Pipeline": lambda: layers.Pipeline([strings(), layers.CategoryEncoding(4)])(np.array(WORDS)),
    "Pipeline, map": lambda: list(
        batches(WORDS).map(layers.Pipeline([strings(), layers.CategoryEncoding(4)]))
    ),
    "TextVectorization of a vocabulary, from its config": lambda: again(
        layers.TextVectorization(vocabulary=["a", "cat"])
    )(np.array(LINES)),
    "there and back": lambda: strings(invert=True)(strings()(np.array(WORDS))),
    "name of the largest": lambda: strings(invert=True)(
        keras.ops.argmax(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), axis=-1)
    ),
    "two inputs, call": lambda: two_inputs("call"),
    "two inputs, predict": lambda: two_inputs("predict"),
    "text out, predict": lambda: keras.Sequential(
        [layers.Input((2,), dtype="int64"), strings(invert=True)]
    ).predict(np.array(INDICES), verbose=0),
    "text out, saved": lambda: saved(
        keras.Sequential([layers.Input((2,), dtype="int64"), strings(invert=True)])
    )(np.array(INDICES)),
}
for how in USES:
    for name in MODELS:
        CASES[f"model of {name}, {how}"] = lambda name=name, how=how: used_model(
            name, how, tf.constant
        )
    if how != "saved":
        CASES[f"model of its own class, {how}"] = lambda how=how: own(how)
for how in ("arrays", "tensors", "one row", "map"):
    CASES[f"FeatureSpace, {how}"] = lambda how=how: space(how)


def plain(result):
    """What a case gives, as JSON knows it: dtype and values of each array."""
    if isinstance(result, dict):
        return {name: plain(value) for name, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [plain(value) for value in result]
    array = np.asarray(result)
    if array.dtype.kind in "SO":
        array = np.array([part.decode() for part in array.ravel()]).reshape(array.shape)
        return ["bytes", array.tolist()]
    return [array.dtype.name if array.dtype.kind in "biuf" else "str", array.tolist()]


def outcome(case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.utils.set_random_seed(1)
        try:
            return plain(case())
        except Exception as error:
            return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    print(json.dumps({name: outcome(case) for name, case in CASES.items()}))

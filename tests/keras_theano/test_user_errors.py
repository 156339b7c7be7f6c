"""What a user reads after a mistake: the layer or loss, what was given, and what is allowed."""

import subprocess
import sys
import traceback
import warnings

import keras
import numpy as np
import pytest
from keras import layers

import keras_theano

X = np.ones((6, 4), "float32")
LABELS = np.array([0, 1, 2, 0, 1, 2])
IDS = np.array([[1, 2, 3]] * 6)


def classifier(loss="sparse_categorical_crossentropy", last="softmax"):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, "relu", name="hidden"),
            layers.Dense(3, last, name="classes"),
        ]
    )
    model.compile("sgd", loss)
    return model


def reader():
    model = keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            layers.Embedding(10, 4, name="words"),
            layers.Flatten(),
            layers.Dense(3, "softmax"),
        ],
        name="reader",
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def refused(kind, *parts):
    """Expect an error of this kind whose message has these parts, and no description of a graph."""

    class Refused:
        def __enter__(self):
            return self

        def __exit__(self, found, error, trace):
            self.error = error
            assert error is not None, "nothing was refused"
            assert isinstance(error, kind), repr(error)
            for part in parts:
                assert part in str(error), str(error)
            for graph in ("Apply node", "Toposort", "Elemwise", "fgraph", "HINT"):
                assert graph not in str(error)
            return True

    return Refused()


# --- Shapes --------------------------------------------------------------------------------------


def test_shapes_that_do_not_fit_while_a_model_is_built():
    with refused(ValueError, "layer 'both' (Add)", "(3,)", "(4,)"):
        layers.Add(name="both")([keras.Input((3,)), keras.Input((4,))])
    with refused(ValueError, "layer 'small' (Conv2D)", "(None, 3, 3, 1)", "(5, 5, 1, 2)"):
        layers.Conv2D(2, 5, name="small")(keras.Input((3, 3, 1)))
    with refused(ValueError, "layer 'four' (Reshape)", "(4,)", "(5,)"):
        layers.Reshape((5,), name="four")(keras.Input((4,)))


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_inputs_of_another_width(method):
    with refused(ValueError, "layer 'hidden'", "to have value 4", "(6, 5)"):
        getattr(classifier(), method)(np.ones((6, 5)), LABELS)


def test_a_model_that_cannot_be_built_says_why():
    for method in ("fit", "evaluate", "train_on_batch"):
        model = keras.Sequential([layers.Conv2D(2, 5, name="small"), layers.Dense(3)])
        model.compile("sgd", "mse")
        with refused(ValueError, "layer 'small' (Conv2D)", "(6, 3, 3, 1)") as seen:
            getattr(model, method)(np.ones((6, 3, 3, 1)), np.ones((6, 1, 1, 3)))
        assert "Unable to automatically build" not in str(seen.error)


def test_inputs_of_another_width_to_predict_and_to_call():
    for use in (classifier().predict, classifier().predict_on_batch, classifier()):
        with refused(ValueError, "layer 'hidden'", "to have value 4"):
            use(np.ones((6, 5), "float32"))


def test_sizes_found_wrong_only_when_the_data_comes():
    a, b = keras.Input((None, 3)), keras.Input((None, 3))
    model = keras.Model([a, b], layers.Add(name="both")([a, b]))
    with refused(ValueError, "layer 'both' (Add)", "(None, 4, 3)", "(None, 5, 3)"):
        model.predict([np.ones((2, 4, 3)), np.ones((2, 5, 3))], verbose=0)
    # The sizes are left open now, so this one fails while the compiled function runs.
    model.predict([np.ones((2, 4, 3)), np.ones((2, 4, 3))], verbose=0)
    model.predict([np.ones((2, 6, 3)), np.ones((2, 6, 3))], verbose=0)
    with refused(ValueError, "layer 'both'", "(2, 4, 3)", "(2, 5, 3)", "same size"):
        model.predict([np.ones((2, 4, 3)), np.ones((2, 5, 3))], verbose=0)


def test_targets_that_do_not_fit_the_predictions():
    given = "targets of shape (6, 2), predictions of shape (6, 3)"
    for use in ("fit", "train_on_batch", "test_on_batch"):
        with refused(ValueError, "the loss 'mse'", given):
            getattr(classifier("mse"), use)(X, np.ones((6, 2)))
    advice = "for classes' numbers: 'sparse_categorical_crossentropy'"
    with refused(ValueError, "the loss 'categorical_crossentropy'", "(6,)", "(6, 3)", advice):
        classifier("categorical_crossentropy").fit(X, LABELS, verbose=0)
    with refused(ValueError, "(6, 3)", "for one-hot targets: 'categorical_crossentropy'"):
        classifier().fit(X, np.eye(3)[LABELS], verbose=0)


def test_losses_in_a_list_are_named():
    x = keras.Input((4,))
    model = keras.Model(x, [layers.Dense(2)(x), layers.Dense(3)(x)])
    model.compile("sgd", [keras.losses.MeanSquaredError(), keras.losses.Huber()])
    targets = [np.ones((6, 5), "float32"), np.ones((6, 3), "float32")]
    with refused(
        ValueError, "the loss ['mean_squared_error', 'huber_loss']", "do not fit"
    ) as found:
        model.fit(X, targets, verbose=0)
    assert "<" not in str(found.error)


def test_sequences_without_a_step():
    model = keras.Sequential([keras.Input((None, 2)), layers.LSTM(3, recurrent_dropout=0.3)])
    model.compile("sgd", "mse")
    with refused(IndexError, "layer 'lstm", "a sequence needs a step at least"):
        model.train_on_batch(np.zeros((2, 0, 2)), np.zeros((2, 3)))


def test_an_axis_of_size_1_that_was_not_known():
    model = keras.Sequential([keras.Input((7, 4)), layers.Dense(2)])
    model.compile("sgd", lambda y, p: y - keras.ops.mean(p, axis=(1, 2)))
    with refused(ValueError, "known when the graph is built"):
        model.train_on_batch(np.ones((1, 7, 4)), np.ones((1,)), sample_weight=np.ones((1, 7)))


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch"])
def test_targets_that_do_not_fit_a_metric(method):
    model = classifier("mse")
    model.compile("sgd", "mse", metrics=["sparse_categorical_accuracy"])
    given = "targets of shape (6, 3), predictions of shape (6, 3)"
    with refused(ValueError, "the metrics", given, "do not fit"):
        getattr(model, method)(X, np.eye(3)[LABELS])


def test_one_sample_without_its_batch_axis():
    model = keras.Sequential([keras.Input((4,), name="pixels"), layers.Dense(2)])
    with refused(ValueError, "input 'pixels': expected (None, 4), but got (None,)", "x[None]"):
        model.predict(X[0], verbose=0)


def test_shapes_that_do_not_fit_in_a_call_of_keras_ops():
    with refused(ValueError, "(2, 3)", "(2, 4)", "same size"):
        keras.ops.add(np.ones((2, 3)), np.ones((2, 4)))


@pytest.mark.parametrize("loss", ["mse", "sparse_categorical_crossentropy"])
def test_targets_forgotten(loss):
    with refused(ValueError, f"The loss {loss!r}", "no targets"):
        classifier(loss).fit(X, verbose=0)


def test_a_loss_of_ones_own_needs_no_targets():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            assert y is None
            return keras.ops.mean(keras.ops.square(y_pred))

    model = Own()
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = model.fit(X, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[0]


def test_fewer_targets_than_inputs():
    with refused(ValueError, "same number of samples", "6", "4"):
        classifier().fit(X, LABELS[:4], verbose=0)


# --- Kinds of numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
def test_text_instead_of_numbers(method):
    text = np.array([["a", "b", "c", "d"]] * 6)
    for x, y in ((text, LABELS), (X, text[:, 0])):
        with refused(ValueError, "needs numbers", "dtype str", "vocabulary"):
            getattr(classifier(), method)(x, y)


def test_lists_instead_of_arrays():
    for use in (classifier().fit, classifier().predict, classifier(), layers.Dense(2)):
        for x in ([[1, 2, 3, 4], [1, 2]], ["hello", "world"]):
            with refused(ValueError, "np.array", "pad_sequences"):
                use(x)


def test_rows_of_different_lengths():
    rows = np.empty(2, object)
    rows[:] = [[1, 2, 3, 4], [1, 2]]
    with refused(ValueError, "dtype object", "pad_sequences"):
        classifier().predict(rows, verbose=0)


def test_whole_numbers_given_as_floats_are_taken():
    model = reader()
    np.testing.assert_array_equal(
        model.predict(IDS.astype("float32"), verbose=0), model.predict(IDS, verbose=0)
    )
    loss = model.test_on_batch(IDS, LABELS)
    assert model.test_on_batch(IDS, LABELS.astype("float32")) == pytest.approx(loss)


def test_bfloat16_weights_and_models():
    parts = ["'bfloat16' only", "'float16'", "layer 'half' (Dense)"]
    with refused(NotImplementedError, *parts):
        layers.Dense(3, dtype="bfloat16", name="half")(X)
    with refused(NotImplementedError, *parts):
        half = layers.Dense(3, dtype="mixed_bfloat16", name="half")
        keras.Sequential([keras.Input((4,)), half]).predict(X)


def test_float8():
    with refused(NotImplementedError, "no dtype 'float8_e4m3fn'", "'float16'"):
        keras.ops.cast(X, "float8_e4m3fn")


# --- No data ------------------------------------------------------------------------------------------


class NoBatches(keras.utils.PyDataset):
    def __len__(self):
        return 0

    def __getitem__(self, place):
        raise IndexError


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("kind", ["arrays", "PyDataset"])
def test_data_of_no_rows(method, kind):
    targets = [LABELS[:0]] if method != "predict" else []
    data = [X[:0], *targets] if kind == "arrays" else [NoBatches()]
    with refused(ValueError, "There is no data", "no rows"):
        getattr(classifier(), method)(*data, verbose=0)


def test_validation_data_of_no_rows():
    with refused(ValueError, "There is no data", "no rows"):
        classifier().fit(X, LABELS, validation_data=(X[:0], LABELS[:0]), verbose=0)


def test_a_batch_of_no_rows_is_computed():
    assert classifier().predict_on_batch(X[:0]).shape == (0, 3)


# --- Values out of range -------------------------------------------------------------------------


@pytest.mark.parametrize("index", [10, 12, -1, -11])
def test_an_index_outside_of_the_embedding(index):
    ids = IDS.copy()
    ids[2, 1] = index
    parts = ["layer 'words'", f"index {index} is out of bounds", "numbered 0 to 9"]
    with refused(IndexError, *parts, "input_dim"):
        reader().predict(ids, verbose=0)
    with refused(IndexError, *parts, "input_dim"):
        reader().fit(ids, LABELS, verbose=0)
    with refused(IndexError, *parts):
        reader()(ids)


def test_negative_indices_count_from_the_end_elsewhere():
    table, index = np.arange(10.0).reshape(5, 2), np.array([-1, 0])
    np.testing.assert_array_equal(keras.ops.take(table, index, axis=0), table[[-1, 0]])
    np.testing.assert_array_equal(
        keras.ops.take(keras.Variable(table), index, axis=0)[0], table[-1]
    )


class Normalised(layers.Layer):
    """Probabilities that are no softmax, so that the loss sees no logits."""

    def call(self, x):
        return x / keras.ops.sum(x, axis=-1, keepdims=True)


@pytest.mark.parametrize("label", [3, -1])
@pytest.mark.parametrize("kind", ["softmax", "logits", "probabilities"])
def test_a_label_outside_of_the_classes(kind, label):
    model = classifier(last={"softmax": "softmax", "logits": None}.get(kind, "softplus"))
    if kind == "logits":
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    if kind == "probabilities":
        model.add(Normalised())
        model.compile("sgd", "sparse_categorical_crossentropy")
    labels = LABELS.copy()
    labels[4] = label
    parts = ["the loss 'sparse_categorical_crossentropy'", f"Label {label}", "0 to 2"]
    for use in (model.train_on_batch, model.test_on_batch):
        with refused(ValueError, *parts):
            use(X, labels)
    with refused(ValueError, *parts):
        model.fit(X, labels, verbose=0)


def test_a_label_between_the_classes():
    with refused(ValueError, "the loss 'sparse_categorical_crossentropy'", "Label 0.75", "0 to 2"):
        classifier().train_on_batch(X, LABELS * 0.75)


def test_a_label_to_be_ignored_may_be_any():
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    assert np.isfinite(classifier(loss).test_on_batch(X, LABELS - 1))


# --- NaN -----------------------------------------------------------------------------------------


def test_a_loss_of_nan_warns_once_an_epoch_and_says_what_to_do():
    with pytest.warns(UserWarning, match="NaN .* epoch 1.*learning rate.*TerminateOnNaN"):
        classifier("mse").fit(X * np.nan, np.ones((6, 3)), verbose=0)


def test_terminate_on_nan_stops_at_the_first():
    seen = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(batch)
    )
    model = classifier("mse")
    x = np.ones((6, 4), "float32")
    x[3] = np.nan
    with pytest.warns(UserWarning, match="NaN"):
        history = model.fit(
            x,
            np.ones((6, 3)),
            batch_size=1,
            shuffle=False,
            epochs=5,
            verbose=0,
            callbacks=[count, keras.callbacks.TerminateOnNaN()],
        )
    assert seen == [0, 1, 2, 3]
    assert len(history.history["loss"]) == 1


def test_a_loss_that_stays_a_number_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier().fit(X, LABELS, verbose=0)


# --- Layers of one's own -------------------------------------------------------------------------


def test_python_decisions_on_a_tensor():
    class Decides(layers.Layer):
        def call(self, x):
            return x if x[0, 0] > 0 else -x

    with refused(TypeError, "'decides'", "has no value yet", "keras.ops.cond"):
        Decides(name="decides")(keras.Input((2,)))


def test_numpy_on_a_tensor():
    class Numpy(layers.Layer):
        def call(self, x):
            return np.sin(x)

    with refused(TypeError, "'waves'", "NumPy's functions", "keras.ops"):
        Numpy(name="waves")(keras.Input((2,)))


def test_errors_in_a_layer_within_a_layer_name_the_inner_one():
    class Inner(layers.Layer):
        def call(self, x):
            raise RuntimeError("no such thing")

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__(name="outer")
            self.inner = Inner(name="inner")

        def call(self, x):
            return self.inner(x)

    with pytest.raises(RuntimeError, match="no such thing") as caught:
        Outer()(X)
    assert "layer 'inner' (Inner)" in str(caught.value)
    assert "layer 'outer'" not in str(caught.value)


def test_tracebacks_show_the_users_code_and_no_engine():
    class Wrong(layers.Layer):
        def call(self, x):
            return keras.ops.add(x, np.ones(5, "float32"))

    with pytest.raises(ValueError) as caught:
        Wrong()(keras.Input((4,)))
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    own = [file for file in files if "/keras_theano/src/" in file.replace("\\", "/")]
    assert __file__ in files
    assert not own


def test_gradients_of_what_is_not_traced():
    with refused(ValueError, "inside `train_step`"):
        keras_theano.gradients(np.float32(3), [])


# --- run_eagerly ---------------------------------------------------------------------------------


def test_run_eagerly_trains_in_a_graph_and_says_so():
    losses, predictions, scores = [], [], []
    for eager in (False, True):
        keras.utils.set_random_seed(2)
        model = classifier()
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=eager)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            losses.append(model.fit(X, LABELS, epochs=3, verbose=0).history["loss"])
        assert any("only in a compiled graph" in str(one.message) for one in said) == eager
        predictions.append(model.predict(X, verbose=0))
        scores.append(model.evaluate(X, LABELS, verbose=0))
    assert losses[0] == losses[1]
    np.testing.assert_allclose(*predictions, rtol=1e-6)
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)


def test_run_eagerly_shows_values_to_a_layer_in_prediction():
    seen = []

    class Peek(layers.Layer):
        def call(self, x):
            seen.append(type(x))
            return x

    model = keras.Sequential([keras.Input((4,)), Peek()])
    model.compile("sgd", "mse", run_eagerly=True)
    seen.clear()
    model.predict(X, verbose=0)
    assert seen == [np.ndarray]


# --- Order of imports ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        "import keras_theano.src",
        "from keras_theano.src import nn",
        "import keras_theano.src.trainer",
        "import keras_theano.pytensor_ops.conv",
    ],
)
def test_the_engine_may_be_imported_before_keras(first):
    code = (
        f"{first}\nimport keras, sys, keras_theano.src\n"
        "from keras.src import backend\n"
        "assert backend.numpy is sys.modules['keras_theano.src.numpy']\n"
        "assert keras_theano.src is sys.modules['keras_theano.src']\n"
        "print(keras.backend.backend(), keras.ops.add(1, 2))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["theano", "3"], done.stderr[-2000:]

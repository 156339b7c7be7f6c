"""Faults that Keras's own tests found, where no other test of this folder holds them off."""

import time

import keras
import numpy as np
import pytest
from keras import ops
from ml_dtypes import bfloat16


def test_eager_bfloat16_follows_keras_promotion():
    x = ops.convert_to_tensor([1.5, 2.0, 3.0], "bfloat16")
    assert ops.add(x, 1).dtype == bfloat16
    assert ops.add(x, np.ones(3, "float16")).dtype == np.float32
    assert ops.cast(x, "float16").dtype == np.float16
    assert ops.argmax(x).dtype == np.int32
    np.testing.assert_array_equal(ops.exp(x), np.exp(np.float32(x)).astype(bfloat16))


def test_bfloat16_sums_are_kept_in_float32():
    x = np.full(1000, 1.0, bfloat16)  # in bfloat16, 256 + 1 is 256
    assert ops.sum(x).dtype == bfloat16
    assert float(ops.sum(x)) == 1000.0


def test_bfloat16_weights_are_refused_in_words():
    with pytest.raises(NotImplementedError, match="Use 'float16'"):
        keras.layers.Dense(2, dtype="bfloat16")(np.ones((2, 2)))


def test_results_on_batch_are_of_that_batch_alone():
    model = keras.Sequential([keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.ones((4, 1), "float32")
    assert model.test_on_batch(x, x)[0] == 0.0
    assert model.test_on_batch(x, x + 2)[0] == pytest.approx(4.0)
    assert model.train_on_batch(x, x + 2)[0] == pytest.approx(4.0)
    assert model.test_on_batch(x, x, return_dict=True)["mae"] < 0.1


def test_predict_is_the_first_call_of_a_model():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2, kernel_initializer="ones")
            self.dropout = keras.layers.Dropout(0.5)

        def call(self, x):
            return self.dropout(self.dense(x))

    np.testing.assert_array_equal(Model().predict(np.ones((3, 2)), verbose=0), np.full((3, 2), 2.0))


def test_a_model_that_makes_variables_at_every_call_says_so():
    class Model(keras.Model):
        def call(self, x):
            return keras.layers.Dense(1)(x)

    with pytest.raises(ValueError, match="new variables every time"):
        Model().predict(np.ones((3, 2)), verbose=0)


def test_to_categorical_counts_the_classes_of_an_array():
    categories = keras.utils.to_categorical(np.array([[0], [2]]))
    np.testing.assert_array_equal(categories, [[1, 0, 0], [0, 0, 1]])


def test_a_lookup_takes_an_array_of_text():
    layer = keras.layers.StringLookup(vocabulary=["a", "b"])
    np.testing.assert_array_equal(layer(np.array([["b", "a"], ["c", "b"]])), [[2, 1], [0, 2]])


@pytest.mark.parametrize("workers, processes", [(1, False), (2, False), (2, True)])
def test_fit_on_a_dataset_that_makes_its_batches(workers, processes):
    dataset = Batches(workers=workers, use_multiprocessing=processes)
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    assert model.fit(dataset, verbose=0).history["loss"][0] < 1.0
    assert model.evaluate(dataset, verbose=0) < 1.0


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return np.ones((4, 2), "float32"), np.ones((4, 1), "float32")


def test_a_layer_leaves_the_callers_array_alone():
    images = np.full((2, 4, 4, 3), 100.0, "float32")
    brighter = keras.layers.RandomBrightness([0.2, 0.3])(images, training=True)
    assert (images == 100.0).all() and np.min(brighter) > 100.0


@pytest.mark.parametrize("op", [ops.transpose, ops.ravel, lambda x: ops.cast(x, "float32")])
def test_a_result_can_be_changed_in_place(op):
    x = np.zeros((2, 2), "float32")
    result = op(x)
    result += 1
    assert (x == 0).all() and (result == 1).all()


def test_a_number_made_a_tensor_can_have_tensors_added():
    model = keras.Sequential([keras.layers.ActivityRegularization(l1=0.5)])
    model.compile("sgd", lambda y, y_pred: 0 * y_pred)
    x = np.ones((4, 2), "float32")
    model(x)
    expected = float(model.losses[0])  # 0.5 * 8; newer Keras divides by the batch of 4
    assert model.evaluate(x, x, verbose=0) == pytest.approx(expected)


def test_sizes_not_known_beforehand_can_bound_a_slice():
    def middle(x):
        return x[:, ops.shape(x)[1] // 2 :]

    model = keras.Sequential([keras.Input((None,)), keras.layers.Lambda(middle)])
    assert model.predict(np.ones((2, 6)), verbose=0).shape == (2, 3)


def test_a_model_with_text_layers_predicts():
    lookup = keras.layers.IntegerLookup(vocabulary=[10, 20])
    inputs = keras.Input((2,), dtype="int64")
    model = keras.Model(inputs, keras.layers.Embedding(3, 4)(lookup(inputs)))
    assert model.predict(np.array([[10, 20], [20, 30]]), verbose=0).shape == (2, 2, 4)


def test_export_names_the_engines_that_can(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(NotImplementedError, match="(?i)tensorflow"):
        model.export(tmp_path / "model")


def test_stacked_cells_compile():
    # Minutes were not enough when PyTensor merged the slices that each loop's gradient takes.
    cells = [keras.layers.SimpleRNNCell(units) for units in (3, 4)]
    model = keras.Sequential([keras.layers.RNN(cells), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    before = time.monotonic()
    model.fit(np.ones((2, 4, 5)), np.ones((2, 1)), verbose=0)
    assert time.monotonic() - before < 100

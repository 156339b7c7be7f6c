"""Attention maps are what the layers' own weights say; `test_nets.py` runs this once on each engine."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from utils.nets import attention_maps

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(3, 5, 8)).astype("float32")
CAUSAL = np.tril(np.ones((5, 5)))
SEEN = RANDOM.random((3, 5, 5)) < 0.6
SEEN[:, :, 0] = True


def multi_head(name, **options):
    start = keras.initializers.RandomNormal(seed=0)
    return layers.MultiHeadAttention(2, 3, name=name, bias_initializer=start, **options)


def softmax(scores, mask=True):
    powers = np.exp(scores - scores.max(-1, keepdims=True)) * mask
    return powers / powers.sum(-1, keepdims=True)


def by_hand(layer, queries, keys, mask=True):
    """The weights of a multi-head layer from its kernels and biases, with NumPy."""

    def projected(x, dense):
        x = np.einsum("ntd,dhk->nhtk", x, dense.kernel.numpy())
        return x + dense.bias.numpy()[None, :, None]

    q, k = projected(queries, layer.query_dense), projected(keys, layer.key_dense)
    return softmax(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1]), mask)


def model_of(layer, **options):
    x = keras.Input(X.shape[1:])
    return keras.Model(x, layer(x, x, **options))


def computed(model, *inputs):
    return ops.convert_to_numpy(model(*inputs))


@pytest.mark.parametrize(
    "options, mask",
    [
        ({}, True),
        ({"use_causal_mask": True}, CAUSAL),
        ({"attention_mask": SEEN}, SEEN[:, None]),
        ({"attention_mask": SEEN, "use_causal_mask": True}, SEEN[:, None] * CAUSAL),
    ],
)
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_weights_are_those_of_the_kernels_and_the_model_stays(options, mask, dropout):
    look = multi_head("look", dropout=dropout)
    model = model_of(look, **options)
    before = computed(model, X)
    found = attention_maps(model, X)
    assert list(found) == ["look"] and found["look"].shape == (3, 2, 5, 5)
    np.testing.assert_allclose(found["look"], by_hand(look, X, X, mask), atol=1e-6)
    np.testing.assert_array_equal(computed(model, X), before)


def test_padding_is_not_looked_at_and_positions_lose_the_mask():
    words = keras.Input((None,), dtype="int32")
    vectors = layers.Embedding(9, 8, mask_zero=True)(words)
    kept = multi_head("kept")(vectors, vectors)
    # What Keras does with a mask, seen: a sum with positions has none.
    moved = vectors + ops.ones((1, 1, 8))
    found = attention_maps(
        keras.Model(words, [kept, multi_head("lost")(moved, moved)]), np.array([[3, 4, 0, 0]])
    )
    assert (found["kept"][0, :, :2, 2:] == 0).all() and (found["lost"] > 0).all()
    np.testing.assert_allclose(found["kept"][0, :, :2].sum(-1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "layer, scores",
    [
        (layers.Attention, lambda q, k: q @ k.swapaxes(1, 2)),  # not divided by anything
        (layers.AdditiveAttention, lambda q, k: np.tanh(q[:, :, None] + k[:, None]).sum(-1)),
    ],
)
def test_layers_without_heads(layer, scores):
    look = layer(name="look")
    look.build([X.shape, X.shape])
    for weight in look.weights:
        weight.assign(np.ones(weight.shape))
    other = X[:, 1:] + 1
    found = attention_maps(look, [X, other])["look"]
    np.testing.assert_allclose(found, softmax(scores(X, other)), atol=1e-6)


def test_queries_in_groups():
    look = layers.GroupQueryAttention(3, 4, 2, name="look")
    found = attention_maps(look, X, X[:, :2])["look"]
    assert found.shape == (3, 4, 5, 2)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-6)


def test_a_single_layer_and_inputs_by_name():
    look = multi_head("look")
    found = attention_maps(look, X, X[:, :2])["look"]
    np.testing.assert_allclose(found, by_hand(look, X, X[:, :2]), atol=1e-6)
    target, source = keras.Input((None, 8), name="target"), keras.Input((None, 8), name="source")
    named = keras.Model({"target": target, "source": source}, look(target, source))
    again = attention_maps(named, {"source": X[:, :2], "target": X})["look"]
    np.testing.assert_allclose(again, found, atol=1e-6)
    in_order = keras.Model([target, source], look(target, source))
    np.testing.assert_allclose(attention_maps(in_order, [X, X[:, :2]])["look"], found, atol=1e-6)


class Block(layers.Layer):
    """One of a stack of blocks, whose layers have the same names in each."""

    def __init__(self, **options):
        super().__init__(**options)
        self.look = multi_head("look")

    def call(self, x):
        return x + self.look(x, x)


class Stack(keras.Model):
    def __init__(self, *names):
        super().__init__(name="stack")
        self.blocks = [Block(name=name) for name in names]
        self.last = multi_head("last")

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.last(x, x)


def test_blocks_within_a_model_that_was_never_called():
    stack = Stack("block_1", "block_2")
    found = attention_maps(stack, X)
    assert list(found) == ["block_1/look", "block_2/look", "last"]
    first, second = stack.blocks
    np.testing.assert_allclose(found["block_1/look"], by_hand(first.look, X, X), atol=1e-6)
    middle = computed(first, X)
    expected = by_hand(second.look, middle, middle)
    np.testing.assert_allclose(found["block_2/look"], expected, atol=1e-6)


def test_blocks_of_the_same_name_are_all_there():
    stack = Stack("block", "block")
    found = attention_maps(stack, X)
    assert list(found) == ["block/look", "block/look:2", "last"]
    middle = computed(stack.blocks[0], X)
    expected = by_hand(stack.blocks[1].look, middle, middle)
    np.testing.assert_allclose(found["block/look:2"], expected, atol=1e-6)


def test_models_within_models():
    body = keras.Sequential(
        [keras.Input((5, 8)), Block(name="one"), Block(name="two")], name="body"
    )
    model = keras.Sequential([keras.Input((5, 8)), body, layers.Dense(2)], name="whole")
    assert list(attention_maps(model, X)) == ["body/one/look", "body/two/look"]


def test_each_call_of_a_layer_counts():
    look, x = multi_head("look"), keras.Input((5, 8))
    first = look(x, x)
    found = attention_maps(keras.Model(x, look(first, x)), X)
    assert list(found) == ["look", "look:2"]
    np.testing.assert_allclose(found["look"], by_hand(look, X, X), atol=1e-6)
    middle = computed(look, X, X)
    np.testing.assert_allclose(found["look:2"], by_hand(look, middle, X), atol=1e-6)


class Hop(layers.Layer):
    """A learner's own layer, with the signature of Keras's."""

    def call(self, query, memory, return_attention_scores=False):
        weights = ops.softmax(ops.einsum("nd,ntd->nt", query, memory))
        answer = ops.einsum("nt,ntd->nd", weights, memory)
        return (answer, weights) if return_attention_scores else answer


def test_own_layers_and_models_that_want_the_weights_themselves():
    x = keras.Input((5, 8))
    hop = Hop(name="hop")
    answer, weights = hop(x[:, 0], x, return_attention_scores=True)
    again = hop(answer, x, return_attention_scores=False)
    model = keras.Model(x, [weights, again])
    found = attention_maps(model, X)
    expected = softmax(np.einsum("nd,ntd->nt", X[:, 0], X))
    np.testing.assert_allclose(found["hop"], expected, atol=1e-6)
    np.testing.assert_allclose(computed(lambda x: model(x)[0], X), expected, atol=1e-6)
    assert found["hop:2"].shape == (3, 5)


def test_after_an_error_the_model_is_as_before():
    look = multi_head("look")
    model = model_of(look)
    with pytest.raises(ValueError):
        attention_maps(model, X[..., :3])
    assert "call" not in vars(look)
    assert computed(model, X).shape == X.shape


class Idle(keras.Model):
    def __init__(self):
        super().__init__(name="idle")
        self.look = multi_head("look")

    def call(self, x):
        return x


@pytest.mark.parametrize(
    "model, words",
    [
        (lambda: keras.Sequential([layers.Dense(3)], name="net"), "'net' has no attention layer"),
        (Idle, "'idle' called none of its attention layers .look.,"),
    ],
)
def test_models_without_attention_are_refused(model, words):
    with pytest.raises(ValueError, match=words):
        attention_maps(model(), X)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.function")
def test_within_a_compiled_function_there_are_no_numbers():
    import tensorflow as tf

    class Compiled(Block):
        @tf.function
        def call(self, x):
            return self.look(x, x)

    with pytest.raises(
        ValueError, match="none of its attention layers .look., or only within a comp"
    ):
        attention_maps(Compiled(name="block"), X)
    block = Compiled(name="block")
    block(X[:, :3])  # and then it is compiled again, for another length
    with pytest.raises(ValueError, match="'look' is called in a loop or a compiled function"):
        attention_maps(block, X)
    assert "call" not in vars(block.look)

"""Taps, surgery and SqueezeNet; `test_nets.py` runs this once on each engine, in a process of its own."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from utils import data
from utils.nets import (
    FeatureLoss,
    content_distance,
    cut,
    decode_predictions,
    frozen,
    gram,
    preprocess,
    squeezenet,
    style_distance,
    taps,
    thawed,
    total_variation,
    with_head,
)

X = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
Y = np.random.default_rng(1).normal(size=(5, 1)).astype("float32")


@pytest.fixture
def net():
    """A little network with a layer that is called twice, a skip connection and a normalization."""
    keras.utils.set_random_seed(0)
    twice = layers.Dense(8, "relu", name="twice")
    x = keras.Input((8,), name="x")
    first = twice(x)
    normal = layers.BatchNormalization(name="normal")(twice(first))
    joined = layers.Add(name="joined")([first, normal])
    return keras.Model(x, layers.Dense(1, name="out")(joined), name="net")


def sequential():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((8,)), layers.Dense(6, "relu", name="a"), layers.Dense(1, name="b")]
    )


def computed(model, x=X):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(x))


# ---------------------------------------------------------------- taps


def test_taps_give_what_the_layers_compute(net):
    found = computed(taps(net, ["joined", "twice", "out"]))
    kernel, bias = net.get_layer("twice").get_weights()
    first = np.maximum(X @ kernel + bias, 0)
    np.testing.assert_allclose(found["twice"], first, rtol=1e-5)
    np.testing.assert_allclose(found["out"], computed(net), rtol=1e-6)
    kernel, bias = net.get_layer("out").get_weights()
    np.testing.assert_allclose(found["joined"] @ kernel + bias, found["out"], rtol=1e-4, atol=1e-6)


def test_one_tap_is_a_dict_too_and_reaches_no_higher_than_it_must():
    body = taps(squeezenet(weights=None), ["fire5"])
    assert list(body.output) == ["fire5"]
    assert body.output["fire5"].shape == (None, 27, 27, 256)
    assert not any(layer.name.startswith("fire6") for layer in body.layers)


def test_taps_of_a_sequential_model():
    model = sequential()
    found = computed(taps(model, ["a", "b"]))
    assert found["a"].shape == (5, 6)
    np.testing.assert_array_equal(found["b"], computed(model))


def test_a_layer_of_two_models_is_tapped_in_the_one_that_was_given():
    shared = layers.Dense(8, use_bias=False, name="shared")
    x = keras.Input((8,))
    keras.Model(x, shared(x))
    second = keras.Model(x, shared(layers.Rescaling(10.0)(x)))
    found = computed(taps(second, ["shared"]))["shared"]
    np.testing.assert_allclose(found, computed(second), rtol=1e-6)


def test_taps_of_a_layer_with_several_outputs():
    x = keras.Input((4, 8))
    _, scores = layers.MultiHeadAttention(2, 3, name="seen")(x, x, return_attention_scores=True)
    states = layers.LSTM(5, return_state=True, name="memory")(x)
    model = keras.Model(x, [scores, states[0]])
    found = computed(taps(model, ["seen", "memory"]), np.stack([X] * 4, axis=1))
    assert [part.shape for part in found["seen"]] == [(5, 4, 8), (5, 2, 4, 4)]
    np.testing.assert_allclose(found["seen"][1].sum(-1), 1, rtol=1e-5)
    assert [part.shape for part in found["memory"]] == [(5, 5)] * 3


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    "model, names, words",
    [
        (sequential, ["c"], "no layer 'c'. Most similar: a, b"),
        (lambda: squeezenet(weights=None), ["fire5_expand"], "fire5_expand1x1"),
        (sequential, [], r'taps\(model, \["conv1"\]\)'),
        (sequential, "a", r'taps\(model, \["conv1"\]\)'),
        (Subclassed, ["a"], "no fixed graph of layers"),
        (lambda: keras.Sequential([layers.Dense(3)]), ["dense"], "begins with keras.Input"),
        (lambda: with_head(sequential(), sequential()), ["c"], "Models in it .*: sequential"),
    ],
)
def test_what_cannot_be_tapped(model, names, words):
    with pytest.raises(ValueError, match=words):
        taps(model(), names)


# ---------------------------------------------------------------- surgery


def test_the_two_parts_make_the_whole(net):
    below, above = cut(net, "joined")
    np.testing.assert_allclose(computed(above, below(X)), computed(net), rtol=1e-5)
    # Shared, not copied: what one learns the other knows.
    out = net.get_layer("out")
    out.set_weights([weight + 1 for weight in out.get_weights()])
    np.testing.assert_allclose(computed(above, below(X)), computed(net), rtol=1e-5)


def test_cut_parts_can_be_cut_and_tapped_again():
    whole = squeezenet(weights=None, input_shape=(67, 67, 3))
    below, above = cut(whole, "fire5")
    middle, top = cut(above, "fire8")
    images = np.random.default_rng(0).normal(size=(2, 67, 67, 3)).astype("float32")
    np.testing.assert_allclose(
        computed(top, middle(below(images))), computed(whole, images), rtol=1e-4
    )
    fire7 = computed(taps(whole, ["fire7"]), images)["fire7"]
    np.testing.assert_allclose(
        computed(taps(above, ["fire7"]), below(images))["fire7"], fire7, 1e-4
    )


@pytest.mark.parametrize(
    "at, words", [("normal", "by another way"), ("out", "nothing above"), ("end", "no layer 'end'")]
)
def test_where_one_cannot_cut(net, at, words):
    with pytest.raises(ValueError, match=words):
        cut(net, at)


def test_with_head():
    body, head = sequential(), keras.Sequential([layers.Dense(3, "softmax", name="c")])
    whole = with_head(body, head)
    np.testing.assert_allclose(computed(whole), computed(head, body(X)), rtol=1e-6)
    assert [weight.shape for weight in whole.weights] == [(8, 6), (6,), (6, 1), (1,), (1, 3), (3,)]


def flags(model):
    return {layer.name: layer.trainable for layer in model._flatten_layers()}


def train(model, x=X, y=Y):
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, y, epochs=2, verbose=0)


def changed(model, action):
    """Names of the weights that an action changes."""
    before = [weight.numpy().copy() for weight in model.weights]
    action()
    return [
        weight.path
        for old, weight in zip(before, model.weights, strict=True)
        if old.tobytes() != weight.numpy().tobytes()
    ]


def test_frozen_weights_and_moving_means_stay_to_the_bit(net):
    whole = with_head(net, layers.Dense(1, name="new"))
    with frozen(net):
        assert net.trainable_weights == []
        assert changed(whole, lambda: train(whole)) == ["new/kernel", "new/bias"]
    assert any("moving_mean" in path for path in changed(whole, lambda: train(whole)))


def test_flags_are_as_before_also_nested_and_after_an_error(net):
    net.get_layer("twice").trainable = False
    net.get_layer("out").kernel.trainable = False
    before, weights = flags(net), [weight.trainable for weight in net.weights]
    with pytest.raises(RuntimeError), frozen(net):
        with frozen(net.get_layer("out"), net):
            pass
        assert not any(flags(net).values())
        raise RuntimeError
    assert flags(net) == before
    assert [weight.trainable for weight in net.weights] == weights


def test_thawed_layers_alone_learn(net):
    before = flags(net)
    with thawed(net, ["out"]):
        assert changed(net, lambda: train(net)) == ["out/kernel", "out/bias"]
    assert flags(net) == before
    with frozen(net), thawed(net, ["twice", "out"]):
        assert len(net.trainable_weights) == 4
    assert flags(net) == before


def test_thawing_needs_a_name_that_there_is(net):
    with pytest.raises(ValueError, match="fire9"), thawed(net, ["fire9"]):
        pass
    with pytest.raises(ValueError, match="in a list"), thawed(net, "out"):
        pass


def test_freezing_needs_models_one_by_one(net):
    before = flags(net)
    with pytest.raises(TypeError, match="one by one, and not list"), frozen(net, [net]):
        pass
    assert flags(net) == before
    with frozen():  # of none, as where it depends on something
        assert net.trainable_weights


# ---------------------------------------------------------------- the pretrained network


def test_known_answers_and_the_head_by_hand():
    network, body = squeezenet(), squeezenet(include_top=False)
    pictures = [
        np.asarray(Image.fromarray(data.load_picture(name)).resize((227, 227)))
        for name in ("chelsea", "coffee")
    ]
    images = preprocess(np.stack(pictures))
    probabilities = network.predict(images, verbose=0)
    (cat,), (cup,) = decode_predictions(probabilities, top=1)
    assert cat[:2] == ("n02124075", "Egyptian cat") and cat[2] == pytest.approx(0.42, abs=0.01)
    assert cup[:2] == ("n07920052", "espresso") and cup[2] > 0.995
    # The head's evidence for each of the 13x13 places, averaged, is the logit (lesson 01 shows it).
    kernel, bias = network.get_layer("conv10").get_weights()
    features = body.predict(images, verbose=0)
    assert features.shape == (2, 13, 13, 512)
    logits = (features @ kernel[0, 0] + bias).mean((1, 2))
    by_hand = np.exp(logits - logits.max(1, keepdims=True))
    by_hand /= by_hand.sum(1, keepdims=True)
    assert np.abs(by_hand - probabilities).max() < 1e-4


def test_shapes_and_sizes():
    assert squeezenet().count_params() == 1_235_496
    assert squeezenet(weights=None, classes=7).output_shape == (None, 7)
    any_size = squeezenet(include_top=False, input_shape=(None, None, 3))
    assert any_size.predict(np.zeros((1, 259, 291, 3)), verbose=0).shape == (1, 15, 17, 512)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: squeezenet(weights="cats"), "not 'cats'"),
        (lambda: squeezenet(classes=4), "include_top=False"),
        (lambda: preprocess(np.zeros((227, 227))), "must have the shape"),
        (lambda: preprocess(np.full((227, 227, 3), 0.5)), "from 0 to 255"),
        (lambda: decode_predictions(np.zeros((2, 10))), r"\(n, 1000\)"),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the same on one engine as well"
)
def test_features_tell_photos_apart_where_pixels_do_not():
    photos = data.load_photos()
    body = squeezenet(include_top=False)
    features = body.predict(preprocess(photos.images), batch_size=16, verbose=0).mean((1, 2))
    pixels = photos.images[:, ::7, ::7].reshape(len(photos), -1)
    test = photos.splits == "test"

    def accuracy(x):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
        with threadpool_limits(1):
            return model.fit(x[~test], photos.labels[~test]).score(x[test], photos.labels[test])

    assert accuracy(features) >= 0.90
    assert accuracy(pixels) <= 0.65


PICTURES = np.random.default_rng(0).integers(0, 256, (2, 40, 31, 3), np.uint8)


class Picture(layers.Layer):
    """A picture that learns: its weights are pixels, its output what `preprocess` makes of them."""

    def __init__(self, pixels):
        super().__init__()
        self.pixels = self.add_weight(shape=pixels.shape, initializer=lambda *a, **k: pixels)

    def call(self, x):
        return keras.ops.sum(preprocess(self.pixels) * self.slopes, keepdims=True)[0, 0] + 0 * x

    slopes = np.array([1.0, 10.0, 100.0], "float32")


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
@pytest.mark.parametrize("axes", [3, 4])
def test_preprocess_of_a_tensor_is_that_of_an_array(dtype, axes):
    pictures = PICTURES.astype(dtype) if axes == 4 else PICTURES[0].astype(dtype)
    expected = preprocess(pictures)
    assert isinstance(expected, np.ndarray) and expected.dtype == np.float32
    tensor = preprocess(keras.ops.convert_to_tensor(pictures))
    assert (
        keras.ops.is_tensor(tensor) and keras.backend.standardize_dtype(tensor.dtype) == "float32"
    )
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(tensor), expected)
    if dtype == "float32":
        variable = preprocess(keras.Variable(pictures))
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), expected)


def test_preprocess_within_a_model():
    x = keras.Input((None, None, 3), dtype="uint8")
    model = keras.Model(x, preprocess(x))
    np.testing.assert_array_equal(computed(model, PICTURES), preprocess(PICTURES))


def test_gradients_pass_through_preprocess_with_the_channels_reversed():
    picture = Picture(PICTURES.astype("float32"))
    model = keras.Sequential([keras.Input((1,)), picture])
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y, out: keras.ops.sum(out))
    model.fit(np.zeros((1, 1)), np.zeros((1, 1)), verbose=0)
    slopes = PICTURES - picture.pixels.numpy()  # one step at a rate of 1
    np.testing.assert_allclose(slopes, np.broadcast_to([100.0, 10.0, 1.0], PICTURES.shape), 1e-4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.function")
def test_preprocess_within_tf_function_also_of_unknown_sizes():
    import tensorflow as tf

    for shape in (PICTURES.shape, (None, None, None, 3)):

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])
        def slopes(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = preprocess(x)
            return y, tape.gradient(y, x)

        y, slope = slopes(PICTURES.astype("float32"))
        np.testing.assert_array_equal(y, preprocess(PICTURES))
        assert (slope.numpy() == 1).all()
    assert preprocess(tf.Variable(PICTURES.astype("float64"))).dtype == tf.float64


@pytest.mark.parametrize("shape", [(227, 227), (2, 227, 227, 1), (1, 1, 40, 40, 3)])
def test_tensors_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="must have the shape"):
        preprocess(keras.ops.zeros(shape))


@pytest.mark.parametrize("sides", [(20, 227), (227, 28), (1, 1), (28, None)])
def test_squeezenet_refuses_a_size_that_nothing_is_left_of(sides):
    with pytest.raises(ValueError, match="too small, 29 x 29 are the smallest"):
        squeezenet(weights=None, input_shape=(*sides, 3))


def test_squeezenet_of_any_size_refuses_pictures_that_are_too_small(tmp_path):
    body = squeezenet(include_top=False, input_shape=(None, None, 3))
    assert body(np.zeros((1, 29, 29, 3), "float32")).shape == (1, 1, 1, 512)
    assert body(np.zeros((1, 31, 45, 3), "float32")).shape == (1, 1, 2, 512)
    for call in (body, lambda x: body.predict(x, verbose=0)):
        with pytest.raises(ValueError, match="28 x 40 are too small"):
            call(np.zeros((1, 28, 40, 3), "float32"))
    fixed = squeezenet(include_top=False)
    pictures = np.random.default_rng(0).normal(size=(1, 227, 227, 3)).astype("float32")
    np.testing.assert_array_equal(computed(body, pictures), computed(fixed, pictures))
    body.save(tmp_path / "body.keras")
    loaded = keras.models.load_model(tmp_path / "body.keras")
    np.testing.assert_array_equal(computed(loaded, pictures), computed(fixed, pictures))


# ---------------------------------------------------------------- content and style

MAPS = np.random.default_rng(2).normal(size=(2, 6, 9, 5)).astype("float32")
OTHER = np.random.default_rng(3).normal(size=(2, 6, 9, 5)).astype("float32")


def found(value):
    return keras.ops.convert_to_numpy(value)


def gram_by_hand(maps):
    return np.einsum("nhwc,nhwd->ncd", maps, maps) / (maps.shape[1] * maps.shape[2])


def relative(a, b):
    axes = tuple(range(1, a.ndim))
    return ((a - b) ** 2).sum(axes) / (b**2).sum(axes)


def test_the_example_of_style_s_docstring():
    size = (None, None, 3)
    eyes = taps(squeezenet(include_top=False, input_shape=size), ["fire3", "fire5"])
    photo, painting = (data.load_picture(name, size=96)[None] for name in ("chelsea", "terrace"))
    seen, wanted = eyes(preprocess(photo)), eyes(preprocess(painting))
    assert found(content_distance(seen["fire3"], wanted["fire3"])).shape == (1,)
    assert 0.3 < found(style_distance(seen["fire5"], wanted["fire5"]))[0] < 2


def test_gram_by_hand_and_whatever_the_order_of_places():
    matrices = found(gram(MAPS))
    np.testing.assert_allclose(matrices, gram_by_hand(MAPS), rtol=1e-4, atol=1e-6)
    shuffled = np.random.default_rng(0).permutation(MAPS.reshape(2, 54, 5), axis=1)
    shuffled = shuffled.reshape(2, 9, 6, 5)
    np.testing.assert_allclose(found(gram(shuffled)), matrices, rtol=1e-4, atol=1e-6)
    assert found(style_distance(shuffled, MAPS)).max() < 1e-10
    assert found(content_distance(shuffled.reshape(MAPS.shape), MAPS)).min() > 0.5
    twice = np.concatenate([MAPS, MAPS], axis=1)  # a picture twice as large, of the same style
    np.testing.assert_allclose(found(gram(twice)), matrices, rtol=1e-4, atol=1e-6)


def test_distances_by_hand():
    np.testing.assert_allclose(found(content_distance(MAPS, OTHER)), relative(MAPS, OTHER), 1e-5)
    by_hand = relative(gram_by_hand(MAPS), gram_by_hand(OTHER))
    np.testing.assert_allclose(found(style_distance(MAPS, OTHER)), by_hand, 1e-4)
    np.testing.assert_allclose(found(style_distance(MAPS, gram(OTHER))), by_hand, 1e-4)
    one = found(content_distance(MAPS, OTHER[:1]))
    np.testing.assert_allclose(one, relative(MAPS, OTHER[[0, 0]]), 1e-5)
    for distance in (content_distance, style_distance):
        np.testing.assert_allclose(found(distance(MAPS, MAPS)), 0, atol=1e-12)
        np.testing.assert_allclose(found(distance(0 * MAPS, MAPS)), 1, rtol=1e-6)
        # The same for features in another unit.
        np.testing.assert_allclose(
            found(distance(9 * MAPS, 9 * OTHER)), found(distance(MAPS, OTHER)), 1e-4
        )
        assert np.isfinite(found(distance(MAPS, 0 * MAPS))).all()


def test_half_precision_does_not_overflow():
    maps = (300 * MAPS).astype("float16")
    np.testing.assert_allclose(
        found(gram(maps)), gram_by_hand(maps.astype("float32")), rtol=1e-3, atol=1
    )


def test_total_variation():
    by_hand = np.abs(np.diff(MAPS, axis=1)).sum((1, 2, 3)) + np.abs(np.diff(MAPS, axis=2)).sum(
        (1, 2, 3)
    )
    np.testing.assert_allclose(found(total_variation(MAPS)), by_hand / MAPS[0].size, 1e-5)
    even = np.full((2, 4, 5, 3), 7, np.uint8)
    assert not found(total_variation(even)).any()
    board = np.indices((8, 8)).sum(0)[None, :, :, None] % 2 * 255  # 0 - 1 is 255 in uint8
    assert found(total_variation(board.astype(np.uint8)))[0] == 255 * 2 * 56 / 64
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        theirs = tf.image.total_variation(tf.constant(MAPS)) / MAPS[0].size
        np.testing.assert_allclose(found(total_variation(MAPS)), theirs, 1e-5)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: gram(MAPS[0]), r"Features have the shape \(n, height, width, channels\)"),
        (lambda: total_variation(MAPS[0]), "Pictures have the shape"),
        (lambda: style_distance(MAPS, MAPS[..., :3]), "5 channels and a target with 3"),
        (lambda: content_distance(MAPS, MAPS[:, :4]), "pictures of the same size"),
        (lambda: content_distance(MAPS, MAPS[0]), "pictures of the same size"),
        (lambda: FeatureLoss(sequential(), {"a": 1}, kind="style"), '"features" or "gram", not'),
        (lambda: FeatureLoss(sequential(), {"c": 1}), "no layer 'c'"),
        (lambda: FeatureLoss(sequential(), {}), "Say which layers"),
    ],
)  # fmt: skip
def test_what_style_refuses(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def eye():
    """A network of two convolutions, with a normalization that would differ in training."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.Conv2D(4, 3, activation="tanh", name="low"),
            layers.BatchNormalization(name="normal"),
            layers.Conv2D(6, 3, strides=2, activation="tanh", name="high"),
        ]
    )


@pytest.mark.parametrize(
    "kind, distance", [("features", relative), ("gram", lambda a, b: relative(gram_by_hand(a), gram_by_hand(b)))]
)  # fmt: skip
def test_feature_loss_by_hand(kind, distance):
    network = eye()
    halve = lambda images: images / 2
    loss = FeatureLoss(network, {"low": 2.0, "high": 0.5}, kind, prepare=halve)
    pictures, originals = (
        np.random.default_rng(n).normal(size=(3, 12, 14, 3)).astype("float32") for n in (4, 5)
    )
    seen, wanted = (computed(taps(network, ["low", "high"]), x / 2) for x in (pictures, originals))
    each = 2 * distance(seen["low"], wanted["low"]) + distance(seen["high"], wanted["high"]) / 2
    assert float(loss(originals, pictures)) == pytest.approx(each.mean(), rel=1e-4)
    assert float(loss.towards(originals)(pictures)) == pytest.approx(each.mean(), rel=1e-4)
    np.testing.assert_allclose(found(loss.call(originals, pictures)), each, rtol=1e-4)
    assert float(loss(originals, originals)) < 1e-10
    if kind == "gram":
        one = loss.towards(originals[:1, :9])
        assert np.isfinite(float(one(pictures)))


def test_feature_loss_trains_a_model_and_its_network_stays():
    network = eye()
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((12, 12, 3)), layers.Conv2D(3, 1, name="mix")])
    model.compile(keras.optimizers.Adam(0.05), loss=FeatureLoss(network, {"high": 1.0}))
    x = np.random.default_rng(4).normal(size=(4, 12, 12, 3)).astype("float32")
    before = [weight.numpy().copy() for weight in network.weights]
    history = model.fit(x, x, epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0] / 2
    for old, weight in zip(before, network.weights, strict=True):
        np.testing.assert_array_equal(old, weight.numpy())


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="finite differences by utils.tf"
)
def test_gradients_of_style():
    import tensorflow as tf

    from utils.tf import check_gradients

    a, b = MAPS.astype("float64"), OTHER.astype("float64")
    for distance in (content_distance, style_distance):
        check_gradients(distance, a, b)
    check_gradients(lambda x: style_distance(x, tf.constant(gram_by_hand(b))), a)
    check_gradients(total_variation, a)
    check_gradients(
        lambda x: gram(keras.ops.pad(x, ((0, 0), (2, 2), (1, 3), (0, 0)), mode="reflect")), a
    )

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 5))] * 2)
    def of_any_size(x, y):
        return gram(x), style_distance(x, y), total_variation(x), content_distance(x, y)

    for value, eager in zip(
        of_any_size(MAPS, OTHER),
        (
            gram(MAPS),
            style_distance(MAPS, OTHER),
            total_variation(MAPS),
            content_distance(MAPS, OTHER),
        ),
        strict=True,
    ):
        np.testing.assert_allclose(value, eager, rtol=1e-5)


def test_reflection_padding_is_there_already():
    width = ((0, 0), (2, 1), (3, 3), (0, 0))
    wanted = np.pad(MAPS, width, mode="reflect")
    x = keras.Input((None, None, 5))
    model = keras.Model(x, keras.ops.pad(x, width, mode="reflect"))
    np.testing.assert_array_equal(computed(model, MAPS), wanted)

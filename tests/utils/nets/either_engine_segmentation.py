"""Scores of labels for pixels, and features kept; `test_nets.py` runs this once on each engine."""

import tracemalloc

import keras
import numpy as np
import pytest
from keras import layers, ops
from sklearn.metrics import confusion_matrix, jaccard_score

from utils.nets import cached, edge_distance, iou, taps

RANDOM = np.random.default_rng(0)


def labels(classes, shape=(3, 9, 7)):
    """Truth and a guess that is right in two of three pixels."""
    truth = RANDOM.integers(0, classes, shape)
    return truth, np.where(RANDOM.random(shape) < 2 / 3, truth, RANDOM.integers(0, classes, shape))


def counted(truth, guess, classes):
    """Intersection over union by sets of places."""
    scores = []
    for k in range(classes):
        a, b = ({*map(tuple, np.argwhere(found == k))} for found in (truth, guess))
        scores.append(len(a & b) / len(a | b) if a | b else np.nan)
    return scores


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_iou_is_what_counting_scikit_learn_and_keras_say(classes, dtype):
    truth, guess = (found.astype(dtype) for found in labels(classes))
    found = iou(truth, guess, classes)
    np.testing.assert_allclose(found, counted(truth, guess, classes))
    flat = truth.ravel(), guess.ravel()
    np.testing.assert_allclose(
        found, np.ravel(jaccard_score(*flat, labels=range(classes), average=None))
    )
    mean = keras.metrics.MeanIoU(classes)(truth, guess)
    assert np.nanmean(found) == pytest.approx(float(mean), abs=1e-5)


def test_a_class_that_is_not_there_has_no_score_and_one_never_found_has_0():
    truth, guess = np.array([0, 0, 1, 1, 4]), np.array([0, 0, 1, 2, 4])
    found = iou(truth, guess, 5)
    np.testing.assert_array_equal(found, [1, 0.5, 0, np.nan, 1])
    mean = keras.metrics.MeanIoU(5)(truth, guess)
    assert np.nanmean(found) == pytest.approx(float(mean), abs=1e-5)


def test_all_black_and_tensors_and_masks():
    truth = np.zeros((8, 8), bool)
    truth[2:4, 2:5] = True
    assert iou(ops.convert_to_tensor(truth), np.zeros((8, 8), bool), 2).tolist() == [58 / 64, 0]
    assert iou(truth, truth, 2).tolist() == [1, 1]


def test_many_pixels_are_counted_in_pieces_in_little_memory():
    truth, guess = (found.astype("uint8") for found in labels(5, (3, 1021, 1031)))
    tracemalloc.start()
    found = iou(truth, guess, 5)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 8 * truth.size, "all at once takes thirty bytes a pixel"
    both = [((truth == k) & (guess == k)).sum() for k in range(5)]
    either = [((truth == k) | (guess == k)).sum() for k in range(5)]
    np.testing.assert_array_equal(found, np.divide(both, either))


@pytest.mark.parametrize(
    "truth, guess, words",
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), r"shape \(2, 3\) and guess \(3, 2\)"),
        (np.zeros(3, int), np.zeros((3, 5)), "guess has numbers of float64.* argmax"),
        (
            np.array([0, 255]),
            np.array([0, 1]),
            "truth has the label 255, and 5 classes have 0 to 4",
        ),
        (np.array([0, 1]), np.array([0, 5]), r"guess has the label 5.*iou\(truth\[keep\]"),
        (np.array([0, 1]), np.array([-1, 0]), "guess has the label -1"),
    ],
)
def test_what_is_no_label_is_refused(truth, guess, words):
    with pytest.raises(ValueError, match=words):
        iou(truth, guess, 5)


@pytest.mark.parametrize("n, classes", [(0, 5), (4, 1), (4, 0)])
def test_nothing_to_tell_apart_is_refused(n, classes):
    with pytest.raises(ValueError, match=f"{n} pixels of {classes} classes"):
        iou(np.zeros(n, int), np.zeros(n, int), classes)


# What Keras and scikit-learn have, as the page of the toolkit says.


def test_dice_without_the_background_is_keras_own():
    truth, guess = labels(4)
    one_hot = np.eye(4, dtype="float32")
    found = keras.losses.dice(one_hot[truth][..., 1:], one_hot[guess][..., 1:], axis=(0, 1, 2))
    scores = iou(truth, guess, 4)[1:]
    expected = 1 - 2 * scores / (1 + scores)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-6)


def test_the_table_of_confusions_is_scikit_learns():
    truth, guess = labels(3)
    table = confusion_matrix(truth.ravel(), guess.ravel(), labels=range(3))
    for row in range(3):
        for column in range(3):
            assert table[row, column] == ((truth == row) & (guess == column)).sum()


# ---------------------------------------------------------------- distance from the edge


def by_force(picture):
    places = np.argwhere(np.ones_like(picture, bool))
    apart = np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1))
    other = picture.ravel()[:, None] != picture.ravel()[None]
    return np.where(other, apart, np.inf).min(1).reshape(picture.shape)


@pytest.mark.parametrize("kinds", [1, 2, 4])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "bool"])
def test_edge_distance_is_that_to_the_nearest_pixel_of_another_label(kinds, dtype):
    # Areas a few pixels wide: small random pictures, enlarged.
    pictures = RANDOM.integers(0, kinds, (3, 4, 3)).repeat(3, 1).repeat(4, 2).astype(dtype)
    found = edge_distance(pictures)
    assert found.dtype == "float64"
    np.testing.assert_allclose(found, [by_force(picture) for picture in pictures])
    np.testing.assert_array_equal(edge_distance(ops.convert_to_tensor(pictures[0])), found[0])


def test_pictures_do_not_see_one_another():
    found = edge_distance(np.stack([np.zeros((4, 4), int), np.ones((4, 4), int)]))
    assert np.isinf(found).all()
    assert edge_distance(np.zeros((0, 4, 4), int)).shape == (0, 4, 4)


@pytest.mark.parametrize(
    "shape, dtype, words",
    [
        ((4, 4), "float32", r"numbers of float32, and labels are whole numbers"),
        ((4,), "int64", r"not \(4,\)\."),
        ((4, 4, 1), "int64", r"not \(4, 4, 1\): take labels\[..., 0\]"),
        ((2, 4, 4, 3), "int64", r"not \(2, 4, 4, 3\)\."),
    ],
)
def test_what_has_no_edges_is_refused(shape, dtype, words):
    with pytest.raises(ValueError, match=words):
        edge_distance(np.zeros(shape, dtype))


# ---------------------------------------------------------------- features computed once

IMAGES = RANDOM.integers(0, 256, (11, 8, 8, 3), np.uint8)


def body(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu", name="one"),
            layers.Dropout(0.5),
            layers.Conv2D(2, 3, name="two"),
        ]
    )


@pytest.mark.parametrize("batch", [1, 4, 11, 32])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(("n", "inputs"), [(11, "11 inputs"), (1, "1 input")])
def test_cached_features_are_those_of_the_network(n, inputs, batch, dtype, capsys):
    network = body()
    found = cached(network, IMAGES[:n], batch, dtype)
    assert found.dtype == dtype and found.shape == (n, 4, 4, 2)
    expected = network.predict(IMAGES[:n], verbose=0)
    np.testing.assert_allclose(
        found, expected, rtol=1e-3, atol=1e-3 if dtype == "float16" else 1e-6
    )
    assert capsys.readouterr().out == f"Features of {inputs}: 0.0 MB as {dtype}.\n"


def test_cached_taps_and_preparing_batch_by_batch():
    network, sizes = taps(body(), ["one", "two"]), []

    def prepare(images):
        sizes.append(len(images))
        return images[:, ::-1]

    found = cached(network, IMAGES, 4, "float32", prepare=prepare)
    expected = network.predict(IMAGES[:, ::-1], verbose=0)
    assert list(found) == ["one", "two"] and sizes == [4, 4, 3]
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


class Counting:
    """A network that notes how many images it sees."""

    def __init__(self, network):
        self.network, self.seen = network, 0

    def predict_on_batch(self, images):
        self.seen += len(images)
        return self.network.predict_on_batch(images)


def test_a_file_keeps_the_features_for_the_next_time(tmp_path):
    network = Counting(taps(body(), ["two", "one"]))
    path = tmp_path / "new" / "features"
    first = cached(network, IMAGES, 4, path=path)
    assert network.seen == 11 and list(path.parent.iterdir()) == [path]
    again = cached(network, IMAGES, 4, path=path)
    assert network.seen == 15 and list(again) == list(first)
    for name in first:
        np.testing.assert_array_equal(again[name], first[name])


@pytest.mark.parametrize(
    "network, images, options",
    [
        (body(1), IMAGES, {}),
        (body(), IMAGES[:10], {}),
        (body(), np.where(np.arange(11)[:, None, None, None] == 10, 0, IMAGES), {}),
        (body(), IMAGES, {"dtype": "float32"}),
        (body(), IMAGES, {"prepare": lambda images: 255 - images}),
        (taps(body(), ["one", "two"]), IMAGES, {}),
    ],
)
def test_a_file_of_something_else_is_refused_and_stays(network, images, options, tmp_path):
    path = tmp_path / "features.npz"
    cached(body(), IMAGES, path=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="features.npz holds something else .* delete it"):
        cached(network, images, path=path, **options)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"text"])
def test_a_damaged_file_is_refused_and_stays(content, tmp_path):
    path = tmp_path / "features.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="holds something else"):
        cached(body(), IMAGES, path=path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "images, options, words",
    [
        (IMAGES[:0], {}, "There must be images"),
        (IMAGES, {"batch": 0}, "at least 1 in a batch, not 11 in 0s"),
        (IMAGES, {"dtype": "int8"}, "not 'int8'"),
        (IMAGES * 1e8, {}, 'too large for float16: dtype="float32"'),
    ],
)
def test_features_that_cannot_be_kept_are_refused(images, options, words):
    with pytest.raises(ValueError, match=words):
        cached(body(), images, **options)

"""Sub-pixel layers enlarge and reflections pad as they say, on each engine; `test_nets.py` runs this once on each."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from utils.nets import NearestStart, SubPixel

RANDOM = np.random.default_rng(0)
SCALES = (1, 2, 3, 4)


def by_hand(maps, r):
    """Number by number, as the docstring says it."""
    n, height, width, channels = maps.shape
    c = channels // r**2
    large = np.empty((n, r * height, r * width, c), maps.dtype)
    for i, j, k in np.ndindex(r, r, c):
        large[:, i::r, j::r, k] = maps[..., (i * r + j) * c + k]
    return large


def on_array(layer, maps):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(maps)))


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int32"])
@pytest.mark.parametrize("r", SCALES)
@pytest.mark.parametrize("shape", [(2, 3, 5, 1), (1, 1, 1, 2), (0, 2, 2, 1), (1, 4, 2, 3)])
def test_each_channel_goes_to_its_place(shape, r, dtype):
    *rest, c = shape
    maps = RANDOM.integers(0, 200, (*rest, c * r**2)).astype(dtype)
    layer = SubPixel(r, dtype=dtype)
    found = on_array(layer, maps)
    assert found.dtype == maps.dtype
    np.testing.assert_array_equal(found, by_hand(maps, r))
    assert layer.compute_output_shape(maps.shape) == found.shape
    if keras.backend.backend() == "tensorflow" and r > 1 and maps.size:
        import tensorflow as tf

        np.testing.assert_array_equal(found, tf.nn.depth_to_space(maps, r))


def net(r, start="glorot_uniform", channels=3, **convolution):
    return keras.Sequential(
        [
            keras.Input((None, None, 2)),
            layers.Conv2D(channels * r**2, 3, kernel_initializer=start, **convolution),
            SubPixel(r),
        ]
    )


def test_unknown_sizes_stay_unknown_in_shapes_and_work_in_a_model():
    assert SubPixel(3).compute_output_shape((None, None, 4, 18)) == (None, None, 12, 2)
    model = net(3)
    assert model.output_shape == (None, None, None, 3)
    for sides in ((5, 9), (4, 3)):
        found = model.predict(RANDOM.normal(size=(2, *sides, 2)), verbose=0)
        assert found.shape == (2, 3 * sides[0] - 6, 3 * sides[1] - 6, 3)


@pytest.mark.parametrize("start", ["glorot_uniform", keras.initializers.HeNormal(seed=3)])
@pytest.mark.parametrize("r", SCALES)
def test_the_untrained_pair_enlarges_by_nearest_neighbours_to_the_bit(r, start):
    model = net(r, NearestStart(r, start))
    x = RANDOM.normal(size=(2, 7, 6, 2)).astype("float32")
    large = model.predict(x, verbose=0)
    small = large[:, ::r, ::r]
    assert (large == small.repeat(r, axis=1).repeat(r, axis=2)).all()
    assert small.std() > 0.1
    # What is enlarged is the convolution that `start` would have begun.
    kernel = model.layers[0].kernel.numpy()
    if isinstance(start, keras.initializers.Initializer):
        np.testing.assert_array_equal(kernel[..., :3], ops.convert_to_numpy(start((3, 3, 2, 3))))
    expected = ops.convert_to_numpy(ops.conv(x, kernel[..., :3]))
    np.testing.assert_allclose(small, expected, rtol=1e-4, atol=1e-5)


def test_another_start_is_a_checkerboard():
    large = net(2).predict(RANDOM.normal(size=(2, 7, 6, 2)), verbose=0)
    assert np.abs(large[:, ::2] - large[:, 1::2]).mean() > 0.1


def test_it_learns_and_is_saved_and_loaded(tmp_path):
    model = net(2, NearestStart(2, "he_normal"))
    x = RANDOM.normal(size=(8, 5, 5, 2)).astype("float32")
    model.compile(keras.optimizers.SGD(0.1), "mse")
    y = RANDOM.normal(size=(8, 6, 6, 3)).astype("float32")
    history = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert history[2] < history[1] < history[0]
    before = model.predict(x, verbose=0)
    assert (before[:, ::2] != before[:, 1::2]).any()
    model.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), before)
    start = loaded.layers[0].kernel_initializer
    assert (start.scale, type(start.start).__name__) == (2, "HeNormal")
    assert loaded.layers[1].scale == 2


@pytest.mark.parametrize("make", [SubPixel, NearestStart])
@pytest.mark.parametrize("scale", [0, -1, 2.0, "2", None])
def test_scales_that_cannot_be_are_refused(make, scale):
    with pytest.raises(ValueError, match="scale is a whole number of 1 or more, not"):
        make(scale)


@pytest.mark.parametrize("shape", [(2, 3, 3, 6), (3, 3, 4), (1, 2, 2, 2, 4)])
def test_maps_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="a multiple of 4, not "):
        SubPixel(2)(np.zeros(shape, "float32"))
    with pytest.raises(ValueError, match="a multiple of 4, not "):
        SubPixel(2).compute_output_shape((None, None, None, None))


def test_kernels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="multiple of 9 output channels, not 12"):
        NearestStart(3)((3, 3, 2, 12))


def test_keras_pads_by_reflection_as_the_page_of_the_toolkit_says():
    around = ((0, 0), (8, 8), (8, 8), (0, 0))
    pictures = keras.Input((None, None, 3))
    model = keras.Model(pictures, ops.pad(pictures, around, mode="reflect"))
    x = RANDOM.normal(size=(2, 9, 30, 3)).astype("float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), np.pad(x, around, mode="reflect"))

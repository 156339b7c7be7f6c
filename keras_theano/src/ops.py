"""The engine's functions under the names that Keras 3.16 looks for: `backend.ops.numpy.add`."""

from keras_theano.src import core, image, linalg, math, nn, numpy

__all__ = ["core", "image", "linalg", "math", "nn", "numpy"]


def __getattr__(name):
    return getattr(core, name)

"""`keras.ops.numpy` on Theano: every function that Keras calls as `backend.numpy.*`.

The functions live in `numpy_ops`, by family. Each has the arguments and the result dtype of its
namesake in Keras's own backends; sizes that only the running graph knows stay symbolic, so that
every op works with an unknown batch size.
"""

from keras_theano.src.missing import missing_op
from keras_theano.src.numpy_ops import (
    creation,
    elementwise,
    mapping,
    products,
    reductions,
    series,
    shapes,
    sorting,
)

__getattr__ = missing_op("numpy")

for _family in (creation, elementwise, mapping, products, reductions, series, shapes, sorting):
    globals().update({name: getattr(_family, name) for name in _family.__all__})

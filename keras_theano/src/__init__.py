"""Keras's backend API on Theano, in the layout of Keras's own backends."""

import sys

from keras_theano import setting

if setting.engine() != "theano":
    raise setting.other_engine("This module of keras_theano")
if "keras" not in sys.modules:
    # Keras has to come first: it imports this package while it loads, and needs it whole then.
    del sys.modules[__name__]
    import keras

from keras.src.backend.common.name_scope import name_scope

from keras_theano.src import (
    core,
    image,
    linalg,
    math,
    nn,
    numpy,
    ops,
    random,
    setup,
    tensorboard,
)
from keras_theano.src.core import (
    IS_THREAD_SAFE,
    SUPPORTS_COMPLEX_DTYPES,
    SUPPORTS_GRADIENT,
    SUPPORTS_RAGGED_TENSORS,
    SUPPORTS_SPARSE_TENSORS,
    Variable,
    cast,
    compute_output_spec,
    cond,
    convert_to_numpy,
    convert_to_tensor,
    device_scope,
    is_float_dtype,
    is_tensor,
    random_seed_dtype,
    scatter,
    shape,
    standardize_dtype,
    stop_gradient,
    vectorized_map,
)
from keras_theano.src.rnn import (
    bidirectional_gru,
    bidirectional_lstm,
    cudnn_ok,
    gru,
    lstm,
    rnn,
)
from keras_theano.src.setup import set_floatx

distribution_lib = None  # one process, one device

setup.install()

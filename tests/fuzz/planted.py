"""Faults put into our engine on purpose, for the test that the fuzzer finds them.

Imported by a worker (the argument `first` of `Worker`) and by nothing else.
"""

import sys

from keras import ops

from keras_theano.src import nn


def wrong(x):
    return ops.log1p(ops.exp(x)) * 1.001


def without_gradient(x):
    return ops.stop_gradient(x) / (1 + ops.abs(x))


def an_error(x):
    raise TypeError("planted")


def printing(x):
    print("planted", file=sys.stderr)
    return ops.clip(x / 6 + 0.5, 0.0, 1.0)


#: Activation -> what computes it now.
FAULTS = {
    "softplus": wrong,
    "softsign": without_gradient,
    "celu": an_error,
    "hard_sigmoid": printing,
}

for name, function in FAULTS.items():
    setattr(nn, name, lambda x, *args, f=function, **kwargs: f(x))

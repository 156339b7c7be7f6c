"""Eager calls on bfloat16, a dtype that Theano lacks: computed in float32, then rounded.

Results have the dtype Keras gives them, the values that a sum kept in float32 gives. Compiled
graphs have no bfloat16.
"""

import numpy as np
from keras.src import tree
from ml_dtypes import bfloat16


def is_bfloat16(leaf):
    """Tell whether an argument is a bfloat16 array, or asks for that dtype."""
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.dtype == bfloat16
    return isinstance(leaf, str) and leaf == "bfloat16"


def call(function, args, kwargs):
    """Call `function` on arrays and static arguments of which some are bfloat16.

    Which results are bfloat16 is found by a second call with float16 in its place: Keras's rules
    of promotion treat both alike, except where they meet, which makes float32.
    """
    wide = function(*_with("float32", (args, kwargs)))
    leaves = tree.flatten((args, kwargs))
    meets_half = any(getattr(leaf, "dtype", None) == np.float16 for leaf in leaves)
    with np.errstate(all="ignore"):
        half = function(*_with("float16", (args, kwargs), "float32" if meets_half else "float16"))
    return tree.map_structure(_round, wide, half)


def _with(dtype, arguments, array_dtype=None):
    def replace(leaf):
        if not is_bfloat16(leaf):
            return leaf
        return dtype if isinstance(leaf, str) else leaf.astype(array_dtype or dtype)

    return tree.map_structure(replace, arguments)


def _round(wide, half):
    """Return `wide` in bfloat16 where its counterpart came out in float16."""
    if getattr(wide, "dtype", None) == np.float32 and half.dtype == np.float16:
        with np.errstate(all="ignore"):
            return wide.astype(bfloat16)
    return wide

"""The product of two matrices on all of the processor's cores: by oneDNN, or else by NumPy's BLAS."""

import contextlib

import numpy as np

from . import _onednn
from ._onednn import BIAS, SOURCE, TARGET, WEIGHTS, Primitive, engine, layout
from ._threads import LEAST_STEP, single_blas, split, stepping

LEAST_PRODUCT = 1 << 20  # multiplications below which one thread is quicker than two
ROWS_BYTES = 1 << 20  # of a product, so that they are in the cache still when a row is added


def matmul(a, b, out, bias=None):
    """Compute the product of two matrices, plus a row `bias` if given, into `out`."""
    work = a.shape[0] * a.shape[1] * b.shape[1]
    in_step = stepping()
    if work < (LEAST_STEP if in_step else LEAST_PRODUCT):
        with contextlib.nullcontext() if in_step else single_blas():
            np.dot(a, b, out=out)
        if bias is not None:
            out += bias
        return
    arrays = (a, b, out) if bias is None else (a, b, out, bias.reshape(1, -1))
    if _onednn.computes(out):
        code = _find_code(*((array.shape, array.strides) for array in arrays))
        if code is not None:
            primitive, layouts = code
            numbers = (SOURCE, WEIGHTS, TARGET, BIAS)[: len(arrays)]
            primitive.run(*zip(numbers, layouts, arrays, strict=True))
            return

    def rows(piece):
        step = out.shape[0] if bias is None else max(1, ROWS_BYTES // out[:1].nbytes)
        for start in range(piece.start, piece.stop, step):
            part = slice(start, min(start + step, piece.stop))
            np.matmul(a[part], b, out=out[part])
            if bias is not None:
                out[part] += bias

    def columns(piece):
        np.matmul(a, b[:, piece], out=out[:, piece])
        if bias is not None:
            out[:, piece] += bias[piece]

    if out.shape[0] >= out.shape[1]:
        split(out.shape[0], work, rows, blas=True)
    else:
        split(out.shape[1], work, columns, blas=True)


@_onednn.kept
def _find_code(*arrays):
    """Return (primitive, layouts) for arrays of these (shape, strides), or None: no fast code."""
    if any(stride % 4 or stride <= 0 for _, strides in arrays for stride in strides):
        return None
    layouts = [layout(shape, [stride // 4 for stride in strides]) for shape, strides in arrays]
    source, weights, target, *bias = layouts
    arguments = (engine(), source, weights, *(bias or [None]), target)
    primitive = Primitive("matmul", *arguments, small=False)
    primitive.refuse("gemm")  # on processors without AVX-512: NumPy's BLAS is quicker
    return primitive, layouts

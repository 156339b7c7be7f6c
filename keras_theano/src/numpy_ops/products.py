"""Products of matrices and tensors, all of which end in BLAS where sizes allow; determinants."""

import builtins
import math

import pytensor.tensor as pt
from keras.src.backend.common.backend_utils import canonicalize_axis

from keras_theano.pytensor_ops.sizes import sizes_of
from keras_theano.src.numpy_ops.elementwise import conjugate, multiply
from keras_theano.src.numpy_ops.helpers import as_float, is_bool, op
from keras_theano.src.numpy_ops.shapes import moveaxis
from keras_theano.src.sizes import product
from keras_theano.src.tensor import as_symbol, promote

__all__ = [
    "cross", "dot", "einsum", "inner", "kron", "matmul", "outer", "slogdet", "tensordot",
    "vdot",
]  # fmt: skip


@op
def matmul(x1, x2):
    x1, x2 = as_symbol(x1), as_symbol(x2)
    if x1.type.dtype == x2.type.dtype == "int8":  # Keras's quantised layers count on int32
        x1, x2 = pt.cast(x1, "int32"), pt.cast(x2, "int32")
    return _matmul(*promote(x1, x2))


def _matmul(x1, x2):
    if not x1.type.ndim or not x2.type.ndim:
        raise ValueError(
            "`matmul` needs two tensors of one axis or more. Received shapes "
            f"{x1.type.shape} and {x2.type.shape}"
        )
    if is_bool(x1):
        return pt.neq(_matmul(pt.cast(x1, "int32"), pt.cast(x2, "int32")), 0)
    inner1, inner2 = x1.type.shape[-1], x2.type.shape[-2 if x2.type.ndim > 1 else 0]
    if None not in (inner1, inner2) and inner1 != inner2:
        raise ValueError(
            f"`matmul` cannot multiply shapes {x1.type.shape} and {x2.type.shape}: {inner1} "
            f"columns meet {inner2} rows."
        )
    if x2.type.ndim <= 2:
        if x1.type.ndim <= 2:
            return pt.dot(x1, x2)
        # One large matrix product instead of one for each leading index.
        *lead, inner = sizes_of(x1)
        result = pt.dot(pt.reshape(x1, (product(lead), inner), ndim=2), x2)
        sizes = lead + sizes_of(x2)[1:]
        return pt.reshape(result, sizes, ndim=len(sizes))
    return pt.matmul(x1, x2)


@op
def dot(x1, x2):
    x1, x2 = promote(x1, x2)
    if not x1.type.ndim or not x2.type.ndim:
        return multiply(x1, x2)
    if x2.type.ndim <= 2:
        return _matmul(x1, x2)
    return tensordot(x1, x2, axes=((-1,), (-2,)))


@op(static=("axes",))
def tensordot(x1, x2, axes=2):
    x1, x2 = promote(x1, x2)
    ndim1, ndim2 = x1.type.ndim, x2.type.ndim
    if isinstance(axes, int):
        axes1, axes2 = range(ndim1 - axes, ndim1), range(axes)
    else:
        axes1, axes2 = axes
        axes1 = axes1 if isinstance(axes1, (list, tuple)) else (axes1,)
        axes2 = axes2 if isinstance(axes2, (list, tuple)) else (axes2,)
    if len(axes1) != len(axes2):
        raise ValueError(f"`tensordot` needs as many axes of x1 as of x2. Received: axes={axes}")
    labels1, labels2 = list(range(ndim1)), list(range(ndim1, ndim1 + ndim2))
    for axis1, axis2 in zip(axes1, axes2, strict=True):
        labels2[canonicalize_axis(axis2, ndim2)] = labels1[canonicalize_axis(axis1, ndim1)]
    out = [label for label in labels1 + labels2 if (label in labels1) != (label in labels2)]
    return contract(x1, labels1, x2, labels2, out)


@op
def outer(x1, x2):
    x1, x2 = promote(x1, x2)
    return multiply(pt.flatten(x1)[:, None], pt.flatten(x2)[None, :])


@op
def inner(x1, x2):
    x1, x2 = promote(x1, x2)
    if not x1.type.ndim or not x2.type.ndim:
        return multiply(x1, x2)
    return tensordot(x1, x2, axes=((-1,), (-1,)))


@op
def vdot(x1, x2):
    x1, x2 = promote(x1, x2)
    x1, x2 = pt.flatten(conjugate(x1)), pt.flatten(x2)
    return _matmul(x1, x2)


@op
def kron(x1, x2):
    x1, x2 = promote(x1, x2)
    ndim = builtins.max(x1.type.ndim, x2.type.ndim)
    x1 = pt.expand_dims(x1, tuple(range(ndim - x1.type.ndim)))
    x2 = pt.expand_dims(x2, tuple(range(ndim - x2.type.ndim)))
    sizes = [product(pair) for pair in zip(sizes_of(x1), sizes_of(x2), strict=True)]
    x1 = pt.expand_dims(x1, tuple(range(1, 2 * ndim, 2)))
    x2 = pt.expand_dims(x2, tuple(range(0, 2 * ndim, 2)))
    return pt.reshape(multiply(x1, x2), sizes, ndim=ndim)


@op(static=("axisa", "axisb", "axisc", "axis"))
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = promote(x1, x2)
    x1, x2 = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    if x1.type.shape[-1] not in (2, 3) or x2.type.shape[-1] not in (2, 3):
        raise ValueError(
            "`cross` needs vectors of 2 or 3 components. Received: "
            f"x1.shape={x1.type.shape}, x2.shape={x2.type.shape}"
        )
    flat = x1.type.shape[-1] == 2 and x2.type.shape[-1] == 2
    a, b = (
        [x1[..., i] for i in range(x1.type.shape[-1])],
        [x2[..., i] for i in range(x2.type.shape[-1])],
    )
    z = a[0] * b[1] - a[1] * b[0]
    if flat:
        return z
    a, b = ([*parts, pt.zeros_like(parts[0])][:3] for parts in (a, b))
    parts = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], z]
    return moveaxis(pt.stack(parts, axis=-1), -1, axisc)


# --- Contraction: what einsum, tensordot and their like come down to ------------------------------


def contract(a, labels_a, b, labels_b, out):
    """Multiply two tensors, matching axes by label, and sum over the labels that `out` lacks.

    Args:
        a, b: PyTensor variables of one dtype.
        labels_a, labels_b: One label for each axis; none twice in one tensor.
        out: The labels of the result's axes, in their order.
    """
    a, labels_a, b, labels_b = _drop_broadcast(a, list(labels_a), b, list(labels_b))
    a, labels_a = _sum_unmatched(a, labels_a, [*labels_b, *out])
    b, labels_b = _sum_unmatched(b, labels_b, [*labels_a, *out])
    batch = [label for label in labels_a if label in labels_b and label in out]
    summed = [label for label in labels_a if label in labels_b and label not in out]
    left = [label for label in labels_a if label not in labels_b]
    right = [label for label in labels_b if label not in labels_a]
    _check_sizes(a, labels_a, b, labels_b)
    a = _order(a, labels_a, batch + left + summed)
    b = _order(b, labels_b, batch + summed + right)
    n_batch, n_sum = len(batch), len(summed)
    if not n_sum or (not left and not right and n_batch):
        a = pt.expand_dims(a, tuple(range(a.type.ndim, a.type.ndim + len(right))))
        b = pt.expand_dims(b, tuple(range(n_batch, n_batch + len(left))))
        result = pt.mul(a, b)
        if n_sum:
            result = pt.sum(result, axis=tuple(range(n_batch, n_batch + n_sum)), dtype=a.type.dtype)
    else:
        sizes = sizes_of(a)[: n_batch + len(left)] + sizes_of(b)[n_batch + n_sum :]
        groups = [n_batch] if n_batch else []
        a = _group(a, [*groups, len(left), n_sum])
        b = _group(b, [*groups, n_sum, len(right)])
        result = pt.reshape(pt.matmul(a, b) if n_batch else pt.dot(a, b), sizes, ndim=len(sizes))
    return _order(result, batch + left + right, out)


def _drop_broadcast(a, labels_a, b, labels_b):
    """Drop a shared axis of size 1 from the tensor that has it, where the other's is larger."""
    for label in [label for label in labels_a if label in labels_b]:
        i, j = labels_a.index(label), labels_b.index(label)
        one_a, one_b = a.type.shape[i] == 1, b.type.shape[j] == 1
        if one_a and not one_b:
            a = a.dimshuffle([k for k in range(a.type.ndim) if k != i])
            labels_a.pop(i)
        elif one_b and not one_a:
            b = b.dimshuffle([k for k in range(b.type.ndim) if k != j])
            labels_b.pop(j)
    return a, labels_a, b, labels_b


def _sum_unmatched(x, labels, wanted):
    axes = tuple(i for i, label in enumerate(labels) if label not in wanted)
    if not axes:
        return x, labels
    return pt.sum(x, axis=axes, dtype=x.type.dtype), [label for label in labels if label in wanted]


def _check_sizes(a, labels_a, b, labels_b):
    for label in labels_a:
        if label in labels_b:
            size_a = a.type.shape[labels_a.index(label)]
            size_b = b.type.shape[labels_b.index(label)]
            if None not in (size_a, size_b) and size_a != size_b:
                raise ValueError(
                    f"Tensors of shapes {a.type.shape} and {b.type.shape} cannot be multiplied: "
                    f"an axis of size {size_a} meets one of size {size_b}."
                )


def _order(x, labels, wanted):
    order = [labels.index(label) for label in wanted]
    return x if order == list(range(x.type.ndim)) else x.dimshuffle(order)


def _group(x, counts):
    """Merge consecutive axes, `counts` of them each time, into one axis each."""
    if builtins.all(count == 1 for count in counts):
        return x
    sizes, merged = sizes_of(x), []
    for count in counts:
        merged.append(product(sizes[:count]))
        sizes = sizes[count:]
    return pt.reshape(x, merged, ndim=len(merged))


@op
def einsum(subscripts, *operands, **kwargs):
    if isinstance(subscripts, str):
        terms, out = _parse_subscripts(subscripts, [as_symbol(x).type.ndim for x in operands])
    else:
        raise ValueError(f"`subscripts` has to be a string. Received: {subscripts!r}")
    dtype = {as_symbol(x).type.dtype for x in operands}
    operands = promote(*operands)
    if dtype == {"int8"}:
        operands = [pt.cast(x, "int32") for x in operands]
    pairs = [_diagonal(x, term) for x, term in zip(operands, terms, strict=True)]
    while len(pairs) > 1:
        i, j = _next_pair(pairs, out)
        (b, labels_b), (a, labels_a) = pairs.pop(j), pairs.pop(i)
        later = {label for _, labels in pairs for label in labels} | set(out)
        kept = [label for label in dict.fromkeys([*labels_a, *labels_b]) if label in later]
        if not pairs:
            kept = out
        pairs.append((contract(a, labels_a, b, labels_b, kept), kept))
    x, labels = pairs[0]
    x, labels = _sum_unmatched(x, labels, out)
    return _order(x, labels, out)


def _parse_subscripts(subscripts, ndims):
    """Return the labels of each operand's axes, and those of the result's.

    The axes under an ellipsis are labelled by ints that count from the right.
    """
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(
            f"`einsum` got {len(ndims)} operands for the {len(terms)} terms of {subscripts!r}."
        )
    labelled = []
    for term, ndim in zip(terms, ndims, strict=True):
        before, dots, after = term.partition("...")
        hidden = ndim - len(before) - len(after)
        if hidden < 0 or (hidden and not dots):
            raise ValueError(
                f"The term {term!r} of {subscripts!r} does not fit an operand of {ndim} axes."
            )
        labelled.append([*before, *range(-hidden, 0), *after])
    hidden = sorted({label for labels in labelled for label in labels if isinstance(label, int)})
    if arrow:
        before, dots, after = output.partition("...")
        out = [*before, *(hidden if dots else ()), *after]
    else:
        letters = [letter for letter in inputs if letter.isalpha()]
        out = [*hidden, *sorted(letter for letter in letters if letters.count(letter) == 1)]
    unknown = [label for label in out if builtins.all(label not in labels for labels in labelled)]
    if unknown or len(set(out)) < len(out):
        raise ValueError(f"The output of {subscripts!r} names an axis twice or one not given.")
    return labelled, out


def _diagonal(x, labels):
    """Take the diagonal of axes that have the same label."""
    labels = list(labels)
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            x = pt.diagonal(x, axis1=i, axis2=j)
            labels = [other for k, other in enumerate(labels) if k not in (i, j)] + [label]
    return x, labels


def _next_pair(pairs, out):
    """The two operands whose product is smallest; the first two where sizes are unknown."""
    best, chosen = None, (0, 1)
    for i in range(len(pairs)):
        for j in range(i + 1, len(pairs)):
            others = [labels for k, (_, labels) in enumerate(pairs) if k not in (i, j)]
            later = {label for labels in others for label in labels} | set(out)
            sizes = {}
            for x, labels in (pairs[i], pairs[j]):
                for label, size in zip(labels, x.type.shape, strict=True):
                    sizes[label] = builtins.max(size or 1, sizes.get(label, 1))
            cost = math.prod(size for label, size in sizes.items() if label in later)
            if best is None or cost < best:
                best, chosen = cost, (i, j)
    return chosen


@op
def slogdet(x):
    x = as_float(x)
    return tuple(pt.linalg.slogdet(x))

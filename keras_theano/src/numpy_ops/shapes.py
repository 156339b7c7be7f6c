"""Functions that move elements: shapes, slices, joins, gathers."""

import builtins
import math

import numpy as np
import pytensor.tensor as pt
from keras.src.backend.common.backend_utils import canonicalize_axis
from pytensor.graph.basic import Variable as TheanoVariable

from keras_theano.pytensor_ops import array
from keras_theano.pytensor_ops.sizes import sizes_of, with_shape
from keras_theano.src.numpy_ops import reductions
from keras_theano.src.numpy_ops.helpers import cast, is_bool, is_integer, op
from keras_theano.src.sizes import as_axes, as_sizes, product, slice_axis
from keras_theano.src.tensor import as_symbol, is_array, promote

__all__ = [
    "append", "array_split", "broadcast_to", "concatenate", "diag", "diagflat", "diagonal",
    "diff", "dsplit", "dstack", "expand_dims", "flip", "fliplr", "flipud", "hsplit", "hstack",
    "meshgrid", "moveaxis", "ndim", "pad", "ravel", "repeat", "reshape", "roll", "rot90",
    "size", "split", "squeeze", "stack", "swapaxes", "take", "take_along_axis", "tile", "trace",
    "transpose", "unravel_index", "vsplit", "vstack",
]  # fmt: skip


@op(static=("newshape",))
def reshape(x, newshape):
    x = as_symbol(x)
    sizes = as_sizes(newshape)
    if sizes.count(-1) > 1:
        raise ValueError(f"`newshape` can have one -1 at most. Received: newshape={newshape}")
    known = x.type.shape
    if -1 in sizes and None not in known:
        rest = [size for size in sizes if size != -1]
        if not builtins.any(isinstance(size, TheanoVariable) for size in rest):
            sizes[sizes.index(-1)] = math.prod(known) // (math.prod(rest) or 1)
    is_static = None not in known and not builtins.any(isinstance(s, TheanoVariable) for s in sizes)
    if is_static and math.prod(known) != math.prod(sizes):
        raise ValueError(
            f"`reshape` cannot turn a tensor of shape {known} into shape {newshape}: the numbers "
            "of elements differ."
        )
    return pt.reshape(x, sizes, ndim=len(sizes))


@op
def ravel(x):
    x = as_symbol(x)
    return pt.flatten(x) if x.type.ndim != 1 else x


@op(static=("axes",))
def transpose(x, axes=None):
    x = as_symbol(x)
    if axes is None:
        axes = range(x.type.ndim)[::-1]
    axes = [canonicalize_axis(int(axis), x.type.ndim) for axis in axes]
    if sorted(axes) != list(range(x.type.ndim)):
        raise ValueError(
            f"`axes` has to name each axis of the tensor once. Received: axes={axes}, for a "
            f"tensor of shape {x.type.shape}"
        )
    return x.dimshuffle(axes)


@op(static=("source", "destination"))
def moveaxis(x, source, destination):
    return pt.moveaxis(as_symbol(x), source, destination)


@op(static=("axis1", "axis2"))
def swapaxes(x, axis1, axis2):
    x = as_symbol(x)
    order = list(range(x.type.ndim))
    axis1, axis2 = canonicalize_axis(axis1, len(order)), canonicalize_axis(axis2, len(order))
    order[axis1], order[axis2] = axis2, axis1
    return x.dimshuffle(order)


@op(static=("axis",))
def expand_dims(x, axis):
    x = as_symbol(x)
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    return pt.expand_dims(x, as_axes(axes, x.type.ndim + len(axes)))


@op(static=("axis",))
def squeeze(x, axis=None):
    x = as_symbol(x)
    shape = x.type.shape
    if axis is None:
        axes = [i for i, size in enumerate(shape) if size == 1]
    else:
        axes = as_axes(axis, len(shape))
    for i in axes:
        if shape[i] not in (1, None):
            raise ValueError(
                f"Cannot squeeze axis={i}: its size is {shape[i]}, not 1 (shape {shape})."
            )
    x = with_shape(x, [1 if i in axes else None for i in range(len(shape))])
    return x.dimshuffle([i for i in range(len(shape)) if i not in axes])


@op(static=("shape",))
def broadcast_to(x, shape):
    x = as_symbol(x)
    sizes = as_sizes(shape)
    given = [1] * (len(sizes) - x.type.ndim) + list(x.type.shape)
    for size, wanted in zip(given, sizes, strict=len(given) == len(sizes)):
        if len(given) != len(sizes) or (isinstance(wanted, int) and size not in (None, 1, wanted)):
            raise ValueError(
                f"`broadcast_to` cannot broadcast shape {x.type.shape} to shape {tuple(sizes)}."
            )
    # Alloc copies, where a broadcast view could not be written to by later in-place ops.
    return pt.alloc(x, *sizes)


@op(static=("axis",))
def concatenate(xs, axis=0):
    xs = promote(*xs)
    return pt.join(canonicalize_axis(axis, xs[0].type.ndim), *xs)


@op(static=("axis",))
def stack(x, axis=0):
    xs = promote(*x)
    axis = canonicalize_axis(axis, xs[0].type.ndim + 1)
    return pt.join(axis, *(pt.expand_dims(part, axis) for part in xs))


def _split_at(x, points, axis):
    """Cut `x` along `axis` before each of the `points`."""
    size = sizes_of(x)[axis]
    if isinstance(size, int):
        points = [builtins.min(point if point >= 0 else size + point, size) for point in points]
    edges = [0, *points, size]
    lengths = [b - a for a, b in zip(edges[:-1], edges[1:], strict=True)]
    if builtins.all(isinstance(length, int) for length in lengths):
        lengths = [builtins.max(length, 0) for length in lengths]
        if builtins.sum(lengths) != size:  # overlapping pieces, as NumPy allows
            return [
                slice_axis(x, axis, slice(a, b)) for a, b in zip(edges[:-1], edges[1:], strict=True)
            ]
    if len(lengths) == 1:
        return [x]
    return pt.split(x, pt.stack(lengths), n_splits=len(lengths), axis=axis)


@op(static=("indices_or_sections", "axis"))
def split(x, indices_or_sections, axis=0):
    x = as_symbol(x)
    axis = canonicalize_axis(axis, x.type.ndim)
    if not isinstance(indices_or_sections, int):
        return _split_at(x, as_sizes(indices_or_sections), axis)
    sections, size = indices_or_sections, sizes_of(x)[axis]
    if isinstance(size, int) and size % sections:
        raise ValueError(
            f"`split` cannot cut axis {axis} of size {size} into {sections} equal sections."
        )
    return _split_at(x, [size // sections * i for i in range(1, sections)], axis)


@op(static=("repeats",))
def tile(x, repeats):
    x = as_symbol(x)
    repeats = as_sizes(repeats)
    ndim = builtins.max(len(repeats), x.type.ndim)
    repeats = [1] * (ndim - len(repeats)) + repeats
    sizes = [1] * (ndim - x.type.ndim) + sizes_of(x)
    spread = [part for pair in zip(repeats, sizes, strict=True) for part in pair]
    x = pt.reshape(x, [part for size in sizes for part in (1, size)])
    result = [product(pair) for pair in zip(repeats, sizes, strict=True)]
    return pt.reshape(pt.alloc(x, *spread), result, ndim=ndim)


@op(static=("repeats", "axis"))
def repeat(x, repeats, axis=None):
    x = as_symbol(x)
    if axis is None:
        x, axis = pt.flatten(x), 0
    axis = canonicalize_axis(axis, x.type.ndim)
    if isinstance(repeats, (list, tuple)):
        repeats = repeats[0] if len(repeats) == 1 else np.asarray(repeats)
    counts = repeats if isinstance(repeats, TheanoVariable) else None
    if counts is not None and counts.type.ndim == 1:
        repeats = counts[0] if counts.type.shape[0] == 1 else counts
    if is_array(repeats) and repeats.ndim:
        index = np.repeat(np.arange(len(repeats)), repeats)
        return pt.take(x, index, axis=axis)
    if isinstance(repeats, TheanoVariable) and repeats.type.ndim:
        return pt.repeat(x, repeats, axis=axis)
    sizes = sizes_of(x)
    x = pt.expand_dims(x, axis + 1)
    x = pt.alloc(x, *sizes[: axis + 1], repeats, *sizes[axis + 1 :])
    sizes[axis] = product([sizes[axis], repeats])
    return pt.reshape(x, sizes, ndim=len(sizes))


@op(static=("axis",))
def flip(x, axis=None):
    x = as_symbol(x)
    axes = as_axes(axis, x.type.ndim)
    return x[tuple(slice(None, None, -1 if i in axes else None) for i in range(x.type.ndim))]


_PAD_INDEX_MODES = ("reflect", "symmetric", "edge", "wrap")


@op(static=("pad_width",))
def pad(x, pad_width, mode="constant", constant_values=None):
    x = as_symbol(x)
    ndim = x.type.ndim
    if constant_values is not None and mode != "constant":
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}"
        )
    widths = _pad_widths(pad_width, ndim)
    if mode == "constant":
        fill = as_symbol(0 if constant_values is None else constant_values, x.type.dtype)
        sizes = sizes_of(x)
        whole = pt.alloc(fill, *(size + a + b for size, (a, b) in zip(sizes, widths, strict=True)))
        inner = tuple(slice(a, a + size) for size, (a, b) in zip(sizes, widths, strict=True))
        return pt.set_subtensor(whole[inner], x) if ndim else x
    if mode not in _PAD_INDEX_MODES:
        raise ValueError(
            f"`pad` has the modes 'constant', {', '.join(map(repr, _PAD_INDEX_MODES))}. "
            f"Received: mode={mode}"
        )
    for axis, (before, after) in enumerate(widths):
        if before or after:
            x = slice_axis(x, axis, _pad_index(sizes_of(x)[axis], before, after, mode))
    return x


def _pad_widths(pad_width, ndim):
    """Pairs (before, after), one for each axis, from the forms that NumPy takes."""
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * ndim
    if len(pad_width) and isinstance(pad_width[0], int):
        pad_width = [pad_width]
    pairs = [tuple(pair) * 2 if len(pair) == 1 else tuple(pair) for pair in pad_width]
    if len(pairs) == 1:
        pairs = pairs * ndim
    if len(pairs) != ndim:
        raise ValueError(
            f"`pad_width` needs one pair (before, after) for each of the {ndim} axes. Received: "
            f"pad_width={pad_width}"
        )
    return pairs


def _pad_index(size, before, after, mode):
    """Which element of an axis of `size` stands at each place of the padded axis."""
    xp = np if isinstance(size, int) else pt
    place = xp.arange(-before, size + after)
    if mode == "edge":
        return (
            xp.clip(place, 0, size - 1) if xp is np else pt.minimum(pt.maximum(place, 0), size - 1)
        )
    if mode == "wrap":
        return place % size
    if mode == "symmetric":
        place = place % (2 * size)
        return xp.where(place < size, place, 2 * size - 1 - place)
    period = xp.maximum(2 * (size - 1), 1)
    place = place % period
    return xp.where(place < size, place, period - place)


@op(static=("axis",))
def take(x, indices, axis=None):
    x, indices = as_symbol(x), _index(indices)
    if axis is None:
        x, axis = ravel(x), 0
    return array.Take(canonicalize_axis(axis, x.type.ndim))(x, indices)


@op(static=("axis",))
def take_counted(x, indices, axis):
    """As `take`, but a negative index is out of bounds: for tables whose entries are numbered."""
    return array.Take(axis, from_end=False)(as_symbol(x), _index(indices))


def _index(indices):
    """Indices as integers."""
    indices = as_symbol(indices)
    return indices if is_integer(indices) else pt.cast(indices, "int32")


@op(static=("axis",))
def take_along_axis(x, indices, axis=None):
    x, indices = as_symbol(x), _index(indices)
    if axis is None:
        return pt.take_along_axis(ravel(x), ravel(indices), axis=0)
    axis = canonicalize_axis(axis, x.type.ndim)
    if x.type.ndim != indices.type.ndim:
        raise ValueError(
            "`x` and `indices` must have the same number of axes. Received: "
            f"x.shape={x.type.shape}, indices.shape={indices.type.shape}"
        )
    # The other axes broadcast; an axis of size 1 is known to be so or is not broadcast.
    places = []
    for i, (size, other) in enumerate(zip(sizes_of(x), indices.type.shape, strict=True)):
        if i == axis:
            places.append(indices)
        elif x.type.shape[i] == 1 and other != 1:
            places.append(0)
        else:
            shape = [1] * x.type.ndim
            shape[i] = size
            places.append(pt.reshape(pt.arange(size), shape))
    return x[tuple(places)]


@op(static=("indices_or_sections", "axis"))
def array_split(x, indices_or_sections, axis=0):
    x = as_symbol(x)
    axis = canonicalize_axis(axis, x.type.ndim)
    if not isinstance(indices_or_sections, int):
        return split(x, indices_or_sections, axis)
    size, sections = sizes_of(x)[axis], indices_or_sections
    # The first `size % sections` pieces have one element more.
    least, extra = size // sections, size % sections
    smaller = builtins.min if isinstance(size, int) else pt.minimum
    points = [i * least + smaller(i, extra) for i in range(1, sections)]
    return _split_at(x, points, axis)


@op(static=("indices_or_sections",))
def hsplit(x, indices_or_sections):
    x = as_symbol(x)
    return split(x, indices_or_sections, 0 if x.type.ndim == 1 else 1)


@op(static=("indices_or_sections",))
def vsplit(x, indices_or_sections):
    return split(as_symbol(x), indices_or_sections, 0)


@op(static=("indices_or_sections",))
def dsplit(x, indices_or_sections):
    return split(as_symbol(x), indices_or_sections, 2)


def _with_ndim(x, ndim):
    """`x` with axes of size 1, as NumPy's stacking functions place them."""
    if x.type.ndim >= ndim:
        return x
    if ndim == 3 and x.type.ndim:
        return x[None, :, None] if x.type.ndim == 1 else x[:, :, None]
    return pt.expand_dims(x, tuple(range(ndim - x.type.ndim)))


@op
def hstack(xs):
    xs = [_with_ndim(x, 1) for x in promote(*xs)]
    return pt.join(0 if xs[0].type.ndim == 1 else 1, *xs)


@op
def vstack(xs):
    return pt.join(0, *(_with_ndim(x, 2) for x in promote(*xs)))


@op
def dstack(xs):
    return pt.join(2, *(_with_ndim(x, 3) for x in promote(*xs)))


@op(static=("axis",))
def append(x1, x2, axis=None):
    x1, x2 = promote(x1, x2)
    if axis is None:
        x1, x2, axis = ravel(x1), ravel(x2), 0
    return concatenate([x1, x2], axis)


@op
def fliplr(x):
    return flip(as_symbol(x), 1)


@op
def flipud(x):
    return flip(as_symbol(x), 0)


@op(static=("axis",))
def roll(x, shift, axis=None):
    x = as_symbol(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), sizes_of(x))
    axes = axis if isinstance(axis, (list, tuple)) else (axis,)
    shifts = shift if isinstance(shift, (list, tuple)) else (shift,) * len(axes)
    for axis, shift in zip(axes, shifts, strict=True):
        axis = canonicalize_axis(axis, x.type.ndim)
        size = sizes_of(x)[axis]
        if size == 0:
            continue
        places = (pt.arange(size) - shift) % size
        x = array.Take(axis)(x, with_shape(places, [x.type.shape[axis]]))
    return x


@op(static=("k", "axes"))
def rot90(array, k=1, axes=(0, 1)):
    x = as_symbol(array)
    if x.type.ndim < 2:
        raise ValueError(
            f"Input array must have at least 2 dimensions. Received: array.ndim={x.type.ndim}"
        )
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions.")
    first, second = (canonicalize_axis(axis, x.type.ndim) for axis in axes)
    k %= 4
    if k == 2:
        return flip(x, (first, second))
    if k == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second) if k else x


@op(static=("offset", "axis1", "axis2"))
def diagonal(x, offset=0, axis1=0, axis2=1):
    x = as_symbol(x)
    ndim = x.type.ndim
    if ndim < 2:
        raise ValueError(
            f"`diagonal` requires a tensor of at least two dimensions. Received: {x.type.shape}"
        )
    axis1, axis2 = canonicalize_axis(axis1, ndim), canonicalize_axis(axis2, ndim)
    # PyTensor wants the axes in order; the other order is the other offset.
    if axis1 > axis2:
        axis1, axis2, offset = axis2, axis1, -offset
    result = pt.diagonal(x, offset=offset, axis1=axis1, axis2=axis2)
    rows, columns = x.type.shape[axis1], x.type.shape[axis2]
    if None in (rows, columns):
        return result
    length = builtins.min(rows + builtins.min(offset, 0), columns - builtins.max(offset, 0))
    return with_shape(result, [None] * (ndim - 2) + [builtins.max(length, 0)])


@op(static=("k",))
def diag(x, k=0):
    x = as_symbol(x)
    if x.type.ndim == 2:
        return diagonal(x, k)
    if x.type.ndim != 1:
        raise ValueError(f"`diag` needs one or two axes. Received: x.shape={x.type.shape}")
    (size,) = sizes_of(x)
    whole = pt.zeros((size + builtins.abs(k), size + builtins.abs(k)), x.type.dtype)
    place = pt.arange(size)
    row, column = place + builtins.max(-k, 0), place + builtins.max(k, 0)
    return pt.set_subtensor(whole[row, column], x)


@op(static=("k",))
def diagflat(x, k=0):
    return diag(ravel(as_symbol(x)), k)


@op(static=("n", "axis"))
def diff(a, n=1, axis=-1):
    x = as_symbol(a)
    axis = canonicalize_axis(axis, x.type.ndim)
    if n < 0:
        raise ValueError(f"Order `n` must be non-negative. Received: n={n}")
    for _ in range(n):
        after, before = slice_axis(x, axis, slice(1, None)), slice_axis(x, axis, slice(None, -1))
        x = pt.neq(after, before) if is_bool(x) else after - before
    return x


@op
def meshgrid(*x, indexing="xy"):
    if indexing not in ("xy", "ij"):
        raise ValueError(
            f"Invalid value for argument `indexing`. Expected 'xy' or 'ij'. Received: {indexing}"
        )
    xs = [ravel(as_symbol(part)) for part in x]
    places = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        places[:2] = 1, 0
    sizes = [None] * len(xs)
    for place, part in zip(places, xs, strict=True):
        sizes[place] = sizes_of(part)[0]
    spread = []
    for place, part in zip(places, xs, strict=True):
        around = tuple(i for i in range(len(xs)) if i != place)
        spread.append(pt.alloc(pt.expand_dims(part, around), *sizes))
    return spread


@op(static=("offset", "axis1", "axis2"))
def trace(x, offset=0, axis1=0, axis2=1):
    x = as_symbol(x)
    return reductions.sum(diagonal(x, offset, axis1, axis2), axis=-1)


def ndim(x):
    return x.ndim if hasattr(x, "ndim") else np.ndim(x)


def size(x):
    """The number of elements: an int where all sizes are known, else a scalar int32 tensor."""
    shape = x.shape if hasattr(x, "shape") else np.shape(x)
    return math.prod(shape) if None not in shape else _symbolic_size(x)


@op
def _symbolic_size(x):
    return pt.cast(product(sizes_of(as_symbol(x))), "int32")


@op(static=("shape",))
def unravel_index(indices, shape):
    rest = promote(_index(indices))[0]  # Keras's promotion makes int64 int32
    dtype, sizes, places = rest.type.dtype, as_sizes(shape), []
    total = cast(pt.as_tensor_variable(product(sizes)), dtype)
    rest = pt.switch(pt.lt(rest, 0), rest + total, rest)
    for size in reversed(sizes[1:]):
        size = cast(pt.as_tensor_variable(size), dtype)
        places.append(rest % size)
        rest = rest // size
    return tuple([rest, *places[::-1]])

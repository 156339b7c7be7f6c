"""Sizes and padding of sliding windows, shared by convolution and pooling.

Padding is given in one of these forms:

- ``"valid"``: none;
- ``"same"``: as TensorFlow pads, so that the output has ``ceil(size / stride)`` places; an odd
  amount puts the extra place at the end. It depends on the input's size, so where that is not
  known while the graph is built, it is worked out when the function runs;
- ``"causal"``: all of it before the first place, so that no output sees a later input;
- a sequence of ``(before, after)`` pairs of non-negative ints, one pair per spatial axis.
"""

import pytensor.tensor as pt


def as_tuple(value, rank, name):
    """`value` (int or sequence of `rank` ints) as a tuple of `rank` positive ints."""
    values = (value,) * rank if isinstance(value, int) else tuple(int(v) for v in value)
    if len(values) != rank or any(v < 1 for v in values):
        raise ValueError(f"`{name}` must be {rank} positive integers, but got {value}.")
    return values


def as_padding(padding, rank):
    """Normalise `padding`: "same", "causal" or a tuple of `rank` pairs of ints."""
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * rank
        if padding not in ("same", "causal"):
            raise ValueError(
                f'`padding` must be "valid", "same", "causal" or pairs of ints, but got {padding!r}.'
            )
        return padding
    pairs = tuple((int(before), int(after)) for before, after in padding)
    if len(pairs) != rank or any(v < 0 for pair in pairs for v in pair):
        raise ValueError(
            f"`padding` must be {rank} pairs of non-negative integers, but got {padding}."
        )
    return pairs


def same_padding(size, window, stride, dilation=1):
    """TensorFlow's SAME padding of one axis, as ``(before, after)``.

    All arguments are ints, or integer scalar variables for a symbolic answer.
    """
    reach = (window - 1) * dilation + 1
    places = -(-size // stride)
    total = (places - 1) * stride + reach - size
    total = max(total, 0) if isinstance(total, int) else pt.maximum(total, 0)
    before = total // 2
    return before, total - before


def resolve_padding(padding, sizes, window, strides, dilation):
    """`padding` in any normalised form as a list of ``(before, after)`` pairs, one per axis."""
    if padding == "same":
        return [same_padding(*axis) for axis in zip(sizes, window, strides, dilation, strict=True)]
    if padding == "causal":
        return [((w - 1) * d, 0) for w, d in zip(window, dilation, strict=True)]
    return list(padding)


def output_size(size, window, stride, dilation, pad):
    """How many windows fit along one axis; ints, or integer scalar variables."""
    return (size + pad[0] + pad[1] - (window - 1) * dilation - 1) // stride + 1


def output_sizes(sizes, window, strides, padding, dilation):
    """Number of windows along each axis.

    `sizes` and `window` hold ints, None (unknown, and so is the answer) or, all of them,
    symbolic scalars. Raises ValueError where a window is larger than the padded input.
    """
    result = []
    for axis, (size, width, stride, rate) in enumerate(
        zip(sizes, window, strides, dilation, strict=True)
    ):
        if padding == "same":
            result.append(None if size is None else -(-size // stride))
            continue
        if size is None or width is None:
            result.append(None)
            continue
        pad = ((width - 1) * rate, 0) if padding == "causal" else padding[axis]
        places = output_size(size, width, stride, rate, pad)
        if isinstance(places, int) and places < 1:
            raise ValueError(
                f"A window of {width} (dilation {rate}) does not fit into spatial axis {axis} of "
                f"size {size} with padding {tuple(pad)}."
            )
        result.append(places)
    return result

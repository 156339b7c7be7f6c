"""Shape assertions that name the axes.

    sizes = check_shapes(images, "batch height width 3", labels, "batch")
    sizes["height"]

The same name has to mean the same size in all tensors of a call. It works on `tf.Tensor`,
`tf.Variable`, NumPy arrays and Keras's tensors, eagerly and inside `tf.function`: what is known while
the function is traced is checked then and costs nothing later, an axis of unknown size is checked
whenever the function runs (except under `jit_compile=True`, where XLA leaves assertions out).
"""

import numpy.typing as npt
import tensorflow as tf

__all__ = ["ShapeError", "check_shapes"]


class ShapeError(ValueError):
    """A tensor does not have the axes that were asked for."""

    # AutoGraph hands on an error of a class with this constructor, and replaces any other.
    __init__ = Exception.__init__


@tf.autograph.experimental.do_not_convert
def check_shapes(
    *tensors_and_axes: npt.ArrayLike | str, **sizes: int
) -> dict[str, int | tf.Tensor | None]:
    """Check the shapes of tensors against the names of their axes.

    >>> check_shapes(np.zeros((8, 28, 28)), "batch height width", np.zeros(8), "batch")
    {'batch': 8, 'height': 28, 'width': 28}

    Source: `tf.debugging.assert_shapes`, with the axes in words of one text, as in A. Rogozhnikov, "Einops:
    clear and reliable tensor manipulations with Einstein-like notation", 2022.

    Args:
        *tensors_and_axes: a tensor, its axes, the next tensor, its axes, and so on. The axes are one
            str with a word for each, separated by spaces: a name (`batch`), a size (`3`), `_` for
            an axis of any size, or, once, `...` for any number of axes.
        **sizes: the size of a named axis.

    Returns:
        Name -> size: an int, or in `tf.function` a scalar int32 tensor where the size is
        not known while tracing; None for an axis of unknown size of a Keras tensor.

    Raises:
        ShapeError: a tensor has another number of axes, or an axis another size; while tracing, if
            that is known then. The message counts the tensors of the call from 1.
        tf.errors.InvalidArgumentError: the same, found when a `tf.function` runs.
        ValueError: a mistake in the words for the axes.
        TypeError: something without a shape, such as a list, or a ragged tensor.
    """
    if not tensors_and_axes or len(tensors_and_axes) % 2:
        raise ValueError('Give each tensor with its axes: check_shapes(x, "batch 3", y, "batch").')
    tensors, patterns = tensors_and_axes[::2], [_words(axes) for axes in tensors_and_axes[1::2]]
    known = {name: (size, "was asked for") for name, size in sizes.items()}
    for name in sizes:
        if not any(name in words for words in patterns):
            raise ValueError(f"{name}={sizes[name]} was given, but no tensor has an axis {name}.")
    for place, (tensor, words) in enumerate(zip(tensors, patterns, strict=True), 1):
        title = f'tensor {place}, "{" ".join(words)}"'
        for axis, word, size in _measured(tensor, words, title):
            if word.isdigit():
                _agree(size, int(word), f"{title}: axis {axis}", "was asked for")
            elif word in known:
                other, where = known[word]
                known[word] = _agree(size, other, f"{title}: axis {axis}, {word},", where), where
            else:
                known[word] = size, f"in tensor {place}"
    return {name: size for name, (size, _) in known.items()}


def _words(axes):
    """The words of a str of axes, each of them checked."""
    if not isinstance(axes, str):
        raise ValueError(f'Axes are one str, such as "batch 3"; {type(axes).__name__} was given.')
    words = axes.split()
    for word in words:
        if not (word.isidentifier() or word.isdigit() or word == "..."):
            raise ValueError(f'"{axes}": {word!r} is no name, size, "_" or "...".')
    if words.count("...") > 1:
        raise ValueError(f'"{axes}": "..." may come once.')
    return words


def _measured(tensor, words, title):
    """Triples (axis, word, size) of the axes with a name or a size; checks how many axes it has."""
    if isinstance(tensor, tf.RaggedTensor | tf.SparseTensor) or not hasattr(tensor, "shape"):
        raise TypeError(f"{title}: {type(tensor).__name__} is no tensor with a size for each axis.")
    shape = tf.TensorShape(tensor.shape)
    named = len(words) - ("..." in words)
    asked = f"{'at least ' if '...' in words else ''}{named} axes are asked for"
    ranked = []
    if shape.rank is None:
        check = tf.debugging.assert_rank_at_least if "..." in words else tf.debugging.assert_rank
        ranked = [check(tensor, named, message=f"{title}: {asked}")]
    elif shape.rank < named or ("..." not in words and shape.rank > named):
        raise ShapeError(f"{title}: {asked}, but its shape is {_shown(shape)}.")
    gap = words.index("...") if "..." in words else len(words)
    places = [*range(gap), *range(gap + 1 - len(words), 0)]  # those after "..." from the end
    for axis, word in zip(places, [word for word in words if word != "..."], strict=True):
        if word == "_":
            continue
        size = None if shape.rank is None else shape[axis]
        if size is None and isinstance(tensor, tf.Tensor | tf.Variable):
            with tf.control_dependencies(ranked):
                size = tf.shape(tensor)[axis]
        yield axis, word, size


def _agree(size, expected, axis, where):
    """Check that two sizes are one, now or when the function runs; return the better known."""
    if size is None or expected is None:
        return expected if size is None else size
    if isinstance(size, int) and isinstance(expected, int):
        if size != expected:
            raise ShapeError(f"{axis} is {size}, but {expected} {where}.")
    else:  # TensorFlow adds what x and y are
        tf.debugging.assert_equal(size, expected, message=f"{axis} is x, but y {where}.")
    return size if isinstance(size, int) else expected


def _shown(shape):
    return "(" + ", ".join("?" if size is None else str(size) for size in shape) + ")"

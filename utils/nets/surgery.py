"""Taking networks apart and putting them together; weights are shared with the original, not copied."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import keras

from utils.nets.taps import graph_of, output_of

__all__ = ["cut", "frozen", "thawed", "with_head"]


def cut(model: keras.Model, at: str) -> tuple[keras.Model, keras.Model]:
    """Cut a model behind one layer: `above(below(x))` is what the model computes.

    >>> layers = keras.layers.Dense(5, name="inner"), keras.layers.Dense(1)
    >>> below, above = cut(keras.Sequential([keras.Input((3,)), *layers]), "inner")
    >>> below.output_shape, above.output_shape
    ((None, 5), (None, 1))

    Source: Keras's guide "The Functional API", keras.io/guides/functional_api, where a part of a
    graph of layers becomes a model.

    Args:
        model: functional, or sequential and built.
        at: name of the last layer of the lower part.

    Returns:
        `(below, above)`, which share the model's layers.

    Raises:
        ValueError: no layer of that name, nothing above it, or a connection that goes round it.
    """
    seam, graph = output_of(model, at), graph_of(model)
    if seam is graph.output:
        raise ValueError(f"{at!r} is the last layer of {model.name!r}: there is nothing above it.")
    way_round = (
        f"{model.name!r} cannot be cut at {at!r}: what is above it also takes something from below "
        "by another way. Cut where all ways meet."
    )
    try:
        above = keras.Model(seam, graph.output)
    except ValueError as error:
        raise ValueError(way_round) from error
    if any(tensor._keras_history.operation in above.layers for tensor in graph.inputs):
        # Keras 3.13 lets it pass.
        raise ValueError(way_round)
    return keras.Model(graph.input, seam), above


def with_head(body: keras.Model, head: keras.Layer) -> keras.Model:
    """One model of a body and what comes on top of it, a layer or a model; both are shared.

    >>> body = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    >>> with_head(body, keras.layers.Dense(2)).output_shape
    (None, 2)

    Source: Keras's guide "Transfer learning & fine-tuning", keras.io/guides/transfer_learning.

    Args:
        body: functional, or sequential and built; its output is what the head takes.
        head: any layer or model.

    Returns:
        A model with the body's input and the head's output.

    Raises:
        ValueError: a body without a fixed graph of layers.
    """
    graph = graph_of(body)
    return keras.Model(graph.input, head(graph.output))


@contextmanager
def frozen(*models: keras.Layer) -> Iterator[None]:
    """Hold the weights of models (or layers) still: `with frozen(critic): ...`.

    Inside, they have nothing to train, batch normalization works as in inference, so that its
    means stay too, and gradients pass through to their inputs. Compile within: a compiled model
    keeps what was trainable then. Afterwards, also after an error, each layer is as it was before.

    >>> critic = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> with frozen(critic):
    ...     len(critic.trainable_weights)
    0
    >>> len(critic.trainable_weights)
    2

    Source: Keras's guide "Transfer learning & fine-tuning", keras.io/guides/transfer_learning.

    Args:
        *models: Keras models or layers, none too; of any kind, built or not.

    Raises:
        TypeError: something else, such as a list of models.
    """
    for model in models:
        if not isinstance(model, keras.Layer):
            raise TypeError(
                f"frozen takes models and layers, one by one, and not {type(model).__name__}: "
                "frozen(generator, critic)."
            )
    with _flags_restored(models):
        for model in models:
            model.trainable = False
        yield


@contextmanager
def thawed(model: keras.Model, names: Iterable[str]) -> Iterator[None]:
    """Let only some layers of a model train, as for fine-tuning: `with thawed(model, ["fire9"]): ...`.

    All its other layers are held as `frozen` does it; compile within.

    >>> layers = keras.layers.Dense(5, name="inner"), keras.layers.Dense(1, name="top")
    >>> model = keras.Sequential([keras.Input((3,)), *layers])
    >>> with thawed(model, ["top"]):
    ...     [layer.name for layer in model.layers if layer.trainable]
    ['top']

    Source: Keras's guide "Transfer learning & fine-tuning", keras.io/guides/transfer_learning.

    Args:
        model: a Keras model with layers.
        names: names of the layers that train, layers of the model itself; those within them train, too.

    Raises:
        ValueError: no layer of that name, or a name that is not in a list.
    """
    if isinstance(names, str):
        raise ValueError('Say which layers train, in a list: thawed(model, ["fire9"]).')
    layers = [model.get_layer(name) for name in names]
    with _flags_restored([model]):
        model.trainable = True
        for layer in model.layers:
            layer.trainable = layer in layers
        yield


@contextmanager
def _flags_restored(models):
    # Layers before what they contain: setting a layer's flag sets those of all within.
    things = [thing for model in models for thing in (*model._flatten_layers(), *model.weights)]
    flags = [thing.trainable for thing in things]
    try:
        yield
    finally:
        for thing, flag in zip(things, flags, strict=True):
            thing.trainable = flag

"""What a network computes on the way: its inner layers' outputs, by name."""

import difflib
from collections.abc import Iterable

import keras

__all__ = ["taps"]


def taps(model: keras.Model, names: Iterable[str]) -> keras.Model:
    """A model of the same input that returns what some of its layers make of it.

    >>> layers = keras.layers.Dense(5, name="inner"), keras.layers.Dense(1)
    >>> features = taps(keras.Sequential([keras.Input((3,)), *layers]), ["inner"])(np.ones((2, 3)))
    >>> tuple(features["inner"].shape)
    (2, 5)

        features = taps(squeezenet(), ["conv1", "fire5"])(images)
        features["fire5"]  # (n, 27, 27, 256)

    Layers and weights are the model's own, and nothing above the deepest of them is computed. Layers of one
    kind are `[layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]`.

    Source: Keras's guide "The Functional API", keras.io/guides/functional_api, where a model of VGG19
    returns the outputs of all its layers.

    Args:
        model: functional, or sequential and built.
        names: names of its layers. Of a layer that is called several times the first call counts.

    Returns:
        A model whose output is a dict, name -> tensor; for a single name too. Of a layer with several
        outputs (an LSTM with its states, attention with its scores) it has the list of them.

    Raises:
        ValueError: no names, no layer of that name, or a model of another kind.
    """
    names = [] if isinstance(names, str) else list(names)
    if not names:
        raise ValueError('Say which layers to tap, in a list: taps(model, ["conv1"]).')
    return keras.Model(graph_of(model).input, {name: output_of(model, name) for name in names})


def graph_of(model: keras.Model) -> keras.Model:
    """The functional model that a model is, or, if it is sequential, consists of.

    Raises:
        ValueError: a model of another kind, or a sequential one that knows no input shape yet.
    """
    graph = getattr(model, "_functional", model)
    if not hasattr(graph, "operations"):
        raise ValueError(
            f"{model.name!r} has no fixed graph of layers: it must be a functional model, or a "
            "Sequential that begins with keras.Input or was built."
        )
    return graph


def output_of(model: keras.Model, name: str) -> keras.KerasTensor | list[keras.KerasTensor]:
    """The symbolic output of one layer in a model; a list, if it has several.

    Raises:
        ValueError: there is no layer of that name; the message lists the most similar names.
    """
    graph = graph_of(model)
    # Not `layer.output`: that is its first call anywhere, perhaps in another model.
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.operation.name == name:
                outputs = list(node.output_tensors)
                return outputs[0] if len(outputs) == 1 else outputs
    known = [layer.name for layer in model.layers]
    similar = difflib.get_close_matches(name, known, 5, 0.3) or known
    within = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    raise ValueError(
        f"{model.name!r} has no layer {name!r}. Most similar: {', '.join(similar)}."
        + (f" (Models in it have layers of their own: {', '.join(within)}.)" if within else "")
    )

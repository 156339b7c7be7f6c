"""Where a network looks: the weights that its attention layers give to what they read."""

import inspect
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import keras
import numpy as np
from keras import ops

__all__ = ["attention_maps"]


def attention_maps(model: keras.Layer, *inputs: object) -> dict[str, np.ndarray]:
    """The weights of all attention layers in a model, for some inputs.

        maps = attention_maps(translator, [source, target])  # as translator([source, target])
        maps["cross"][0, 2, 5]  # first pair, third head: what the sixth word of the target looks at

    The layers are those whose call takes `return_attention_scores`: Keras's `MultiHeadAttention`,
    `GroupQueryAttention`, `Attention` and `AdditiveAttention`, and your own that take it and then
    return `(output, weights)`. They may lie deep in blocks and models within; the model may be of any
    kind, a single layer too, and stays as it is. It is computed once, without dropout.

    >>> x = keras.Input((4, 8))
    >>> model = keras.Model(x, keras.layers.MultiHeadAttention(2, 3, name="look")(x, x))
    >>> maps = attention_maps(model, np.ones((5, 4, 8)))
    >>> maps["look"].shape, maps["look"][0, 0, 0].round(2).tolist()
    ((5, 2, 4, 4), [0.25, 0.25, 0.25, 0.25])

    Source: D. Bahdanau et al., "Neural machine translation by jointly learning to align and translate",
    2014, who drew such maps. The weights are those that Keras's layers return when asked.

    Args:
        model: a Keras model or layer.
        *inputs: arrays, or lists or dicts of them, as the model is called with.

    Returns:
        Name of the layer -> its weights, `(n, heads, queries, keys)`; of layers without heads `(n,
        queries, keys)`. Each query's weights add up to 1; those of masked keys are 0. Where layers share
        a name, the names of the blocks around them come before it, `"block_2/look"`; the second call of
        that name is `"look:2"`, and so on.

    Raises:
        ValueError: there is no attention layer in the model, or none that this input came through; or it
            is called in a loop or a compiled function (`tf.function`), where there are no numbers yet.
    """
    layers = list(_attending(model))
    if not layers:
        raise ValueError(
            f"{model.name!r} has no attention layer: none of its layers takes return_attention_scores."
        )
    if not model.built:
        model(*inputs)  # to build it, Keras calls the layers once without numbers
    shared = Counter(layer.name for _, layer in layers)
    maps, calls = {}, Counter()
    with ExitStack() as stack:
        for path, layer in layers:
            name = layer.name if shared[layer.name] == 1 else path
            stack.enter_context(_recorded(layer, name, maps, calls))
        model(*inputs, training=False)
    if not maps:
        names = ", ".join(path for path, _ in layers)
        raise ValueError(
            f"{model.name!r} called none of its attention layers ({names}), or only within a compiled "
            "function, where their weights cannot be seen."
        )
    return {name: _numbers(weights, name) for name, weights in maps.items()}


def _attending(model) -> Iterator[tuple[str, keras.Layer]]:
    """The attention layers in a model, each once, with the path that leads to it."""
    seen = set()

    def walk(layer, path):
        if id(layer) in seen:
            return
        seen.add(id(layer))
        if "return_attention_scores" in inspect.signature(layer.call).parameters:
            yield path, layer
        for inner in layer._layers:
            yield from walk(inner, inner.name if layer is model else f"{path}/{inner.name}")

    return walk(model, model.name)


@contextmanager
def _recorded(layer, name, maps, calls):
    """Let a layer note its weights in `maps` when it is called; its output is as without."""
    call = layer.call
    signature = inspect.signature(call)

    def noting(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        asked = bound.arguments.get("return_attention_scores", False)
        bound.arguments["return_attention_scores"] = True
        output, weights = call(*bound.args, **bound.kwargs)
        calls[name] += 1
        maps[name if calls[name] == 1 else f"{name}:{calls[name]}"] = weights
        return (output, weights) if asked else output

    layer.call = noting
    try:
        yield
    finally:
        del layer.call


def _numbers(weights, name):
    try:
        return ops.convert_to_numpy(weights)
    except Exception as error:  # each engine has its own
        raise ValueError(
            f"{name!r} is called in a loop or a compiled function, where its weights are no numbers yet."
        ) from error

"""What may differ, each with its reason: TensorFlow's limits and faults, and documented ones of ours."""

import json
import re
from dataclasses import dataclass

from tests.fuzz.models import classes


@dataclass(frozen=True)
class Limit:
    """One kind of difference that is no fault.

    Attributes:
        reason: Why it is none.
        kind: Of `compare.fault`, or None for any.
        where: Regular expression found in where it is, and what it says.
        layers: Names of classes, one of which is in the model, or () for any.
        when: Function of a specification that tells whether it can act there.
    """

    reason: str
    kind: str | None = None
    where: str = ""
    layers: tuple = ()
    when: object = None

    def explains(self, spec, found):
        kind, where, description = found
        return (
            self.kind in (None, kind)
            and re.search(self.where, f"{where}: {description}", re.S) is not None
            and (not self.layers or bool(set(self.layers) & classes(spec)))
            and (self.when is None or self.when(spec))
        )


def _optimizer(spec):
    """Return the names of a specification's optimizers, a wrapper's and the inner one's."""
    return classes((spec["train"] or {}).get("optimizer"))


def _filters(spec):
    return set(re.findall(r'"filters": (\d+)', json.dumps(spec["nodes"])))


def _last_sizes(spec):
    return {str(one["shape"][-1]) for one in spec["inputs"]}


LIMITS = (
    Limit(
        reason="TensorFlow's processor has no such operation, or not in this dtype.",
        kind="no error",
        where="NotFoundError|not in the list of allowed values|Unimplemented|not yet support|only support|"
        "paddings must be less than",
    ),
    Limit(
        reason="Keras mixes dtypes here, which TensorFlow refuses and this engine promotes.",
        kind="no error",
        where=r"was expected to be a \w+ tensor but is a|dtype.*does not match",
    ),
    Limit(
        reason="On TensorFlow, optimizers square an embedding's gradient, and take its norm, before "
        "they add up the rows of a token that comes more than once.",
        kind="values",
        where="^(train|weights|optimizer)",
        layers=("Embedding", "ReversibleEmbedding"),
        when=lambda spec: "SGD" not in _optimizer(spec) or "clip" in json.dumps(spec["train"]),
    ),
    Limit(
        reason="ScheduleFreeAdamW keeps the old momentum by its `value`, which on TensorFlow is the "
        "variable itself, and new by the time it is read.",
        where="^(train|weights|optimizer)|became NaN",
        when=lambda spec: "ScheduleFreeAdamW" in _optimizer(spec),
    ),
    Limit(
        reason="Where no weight has a gradient, as behind a histogram, TensorFlow refuses to train; "
        "here the gradient is 0.",
        kind="no error",
        where="No gradients provided for any variable",
    ),
    Limit(
        reason="TensorFlow fails where it adds up the rows of an embedding's gradient that is used twice, once "
        "of its own output.",
        kind="no error",
        where=r"GatherV2.* is not in \[",
        layers=("Embedding", "ReversibleEmbedding"),
    ),
    Limit(
        reason="Only this engine says that a loss became NaN, which it did on both.",
        kind="warning",
        where="The loss became NaN",
    ),
    Limit(
        reason="Where a row is masked, TensorFlow cannot put the state of a list of one cell back in the list.",
        kind="no error",
        where="structures don't have the same nested structure",
        layers=("RNN",),
    ),
    Limit(
        reason="Where a model has no weights, Keras on TensorFlow looks for averages that it never made.",
        kind="no error",
        where="_model_variables_moving_average",
    ),
    Limit(
        reason="Keras's sparsemax on TensorFlow is no distribution: its numbers do not always "
        "add up to 1.",
        kind="values",
        when=lambda spec: "sparsemax" in json.dumps(spec["nodes"]),
    ),
    Limit(
        reason="Keras's `add` on TensorFlow takes a bias of which one axis alone is longer than 1 for "
        "that of the second axis, as channels first have it, where the lengths happen to agree.",
        kind="values",
        layers=("GroupQueryAttention", "MultiHeadAttention"),
        when=lambda spec: bool(re.search(r'(key|value|head)_dim": 1\b', json.dumps(spec["nodes"]))),
    ),
    Limit(
        reason="And a bias of channels that come first for one of the last axis, as channels last have.",
        kind="values",
        where="",
        when=lambda spec: (
            spec["format"] == "channels_first" and "Conv" in json.dumps(spec["nodes"])
        ),
    ),
    Limit(
        reason="Channels that come first go to TensorFlow with an activation of their own behind the "
        "layer, after which an output is called.",
        kind="names",
        where=r"activation\w*_loss",
        when=lambda spec: spec["format"] == "channels_first",
    ),
    Limit(
        reason="TensorFlow is run without a graph here, so it knows the sizes of batches, and weights "
        "the losses of single outputs by them; in a graph it does not, as this engine.",
        kind="values",
        where=r"train/\d+/\w+_loss",
        when=lambda spec: len(spec["outputs"]) > 1 and len(set(spec["train"]["sizes"])) > 1,
    ),
    Limit(
        reason="Where a row of gradients is 0, Adafactor divides 0 by the root of a product of some "
        "1e-30, which vanishes on one engine and not on the other, or in a later step.",
        where="nan",
        when=lambda spec: "Adafactor" in _optimizer(spec),
    ),
    Limit(
        reason="An axis whose size was unknown when the graph was built, and is 1 in a batch, is not "
        "stretched here: the gradient would have to know. The message says so.",
        kind="error",
        where="known when the graph is built",
    ),
    Limit(
        reason="For Keras on TensorFlow 0 is larger than -0, as both of them in a step left out may be.",
        kind="values",
        where="accuracy",
        when=lambda spec: any(one["data"] == "steps" for one in spec["inputs"]),
    ),
    Limit(
        reason="A window larger than its picture, as behind a RandomCrop, which keeps small pictures "
        "small where it does not train, is an error here; TensorFlow, without a graph, averages to nothing.",
        kind="error",
        where="does not fit into spatial axis",
        layers=("RandomCrop",),
    ),
    Limit(
        reason="TensorFlow reads the weights of bicubic resizing from a table of 1,024 steps, so they are "
        "right to three digits.",
        kind="values",
        when=lambda spec: "bicubic" in json.dumps(spec["nodes"]),
    ),
    Limit(
        reason="TensorFlow's sparse cross-entropy divides what should be probabilities by their sum; JAX's and "
        "ours take them as they are.",
        kind="values",
        where="sparse_categorical_crossentropy",
    ),
    Limit(
        reason="Only TensorFlow resizes by areas.",
        kind="error",
        where="interpolation=area",
    ),
    Limit(
        reason="TensorFlow resizes in 32 bits, whatever is asked for.",
        kind="dtype",
        layers=("CenterCrop", "RandomCrop", "Resizing"),
    ),
    Limit(
        reason="An Embedding refuses negative indices here.",
        kind="error",
        where="no index may be negative|index -",
        layers=("Embedding", "ReversibleEmbedding"),
    ),
    Limit(
        reason="Layers that look up or hash are not trained through here; the message says what to do.",
        kind="error",
        where="Layers that look up or hash work outside of the compiled graph",
    ),
    Limit(
        reason="TensorFlow rounds Python's floats, such as an optimizer's 0.999, to 32 bits.",
        kind="values",
        where="^(train|weights|optimizer)",
        when=lambda spec: spec["dtype"] == "float64" and "SGD" not in _optimizer(spec),
    ),
)


def explained(spec, found):
    """Return the limit that explains a difference, or None."""
    return next((limit for limit in LIMITS if limit.explains(spec, found)), None)

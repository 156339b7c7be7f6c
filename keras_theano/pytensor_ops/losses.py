"""Softmax and cross-entropy in one: exact where the softmax alone would round to zero or one."""

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply

from ._base import (
    TensorOp,
    compute_dtype,
    disconnected,
    float_inputs,
    gradient_by_symbols,
    output_array,
    size_input,
)


def _log_normalizer(logits):
    """log(sum(exp(logits))) over the last axis, which is kept with size one."""
    if logits.shape[-1] == 0:
        raise ValueError(f"There are no classes: the logits have shape {logits.shape}.")
    top = logits.max(axis=-1, keepdims=True)
    # Where every logit is -inf (or one is inf), subtracting it would make NaN of a clear case.
    top = np.where(np.isfinite(top), top, 0)
    shifted = np.subtract(logits, top)
    np.exp(shifted, out=shifted)
    with np.errstate(divide="ignore"):
        return np.log(shifted.sum(axis=-1, keepdims=True)) + top


def _check_labels(labels, logits):
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"Labels of shape {labels.shape} do not fit logits of shape {logits.shape}: there "
            "must be one label for each row of logits."
        )
    _check_range(labels, logits.shape[-1])


def _check_range(labels, classes):
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        wrong = labels[(labels < 0) | (labels >= classes)].ravel()[0]
        raise ValueError(
            f"Label {wrong} is outside the range of the {classes} classes (0 to {classes - 1})."
        )


class ClassLabels(TensorOp):
    """Inputs labels of any dtype and the number of classes, output the labels (int32), checked.

    When the function runs, it raises ValueError where a label is no whole number, or no class.
    """

    __props__ = ()

    def make_node(self, labels, classes):
        labels = pt.as_tensor_variable(labels)
        return Apply(
            self,
            [labels, size_input(classes)],
            [pt.TensorType("int32", shape=labels.type.shape)()],
        )

    def perform(self, node, inputs, output_storage):
        labels, classes = inputs
        whole = labels.astype("int32")
        fractions = labels[labels != whole]
        if fractions.size:
            raise ValueError(
                f"Label {fractions[0]} is no whole number: labels are the classes' numbers, from 0 "
                f"to {classes - 1}."
            )
        _check_range(whole, classes)
        output_storage[0][0] = whole

    def output_shapes(self, node, shapes):
        return [shapes[0]]

    def connection_pattern(self, node):
        return [[False], [False]]

    def pullback(self, inputs, outputs, cotangents):
        return disconnected(2)

    def jax_function(self, node):
        # Compiled JAX code cannot raise: there, the check is left out.
        return lambda labels, classes: labels.astype("int32")


def _label_variable(labels):
    labels = pt.as_tensor_variable(labels)
    if not labels.dtype.startswith(("int", "uint")):
        raise TypeError(f"Labels must be integers, but got dtype {labels.dtype}.")
    return labels


class SparseCrossEntropy(TensorOp):
    """Inputs logits (..., classes) and integer labels (...), output the loss (...)."""

    __props__ = ()

    def make_node(self, logits, labels):
        (logits,) = float_inputs("Cross-entropy", logits)
        labels = _label_variable(labels)
        if labels.ndim != logits.ndim - 1:
            raise ValueError(
                f"Labels of rank {labels.ndim} do not fit logits of rank {logits.ndim}: they must "
                "have one axis fewer."
            )
        shape = logits.type.shape[:-1]
        return Apply(self, [logits, labels], [pt.tensor(dtype=logits.dtype, shape=shape)])

    def perform(self, node, inputs, output_storage):
        logits, labels = inputs
        _check_labels(labels, logits)
        values = logits.astype(compute_dtype(logits.dtype), copy=False)
        chosen = np.take_along_axis(values, labels[..., None].astype("int64"), axis=-1)
        loss = (_log_normalizer(values) - chosen)[..., 0]
        output_storage[0][0] = loss.astype(logits.dtype, copy=False)

    def output_shapes(self, node, shapes):
        return [shapes[0][:-1]]

    def connection_pattern(self, node):
        return [[True], [False]]

    def pullback(self, inputs, outputs, cotangents):
        logits, labels = inputs
        return [SparseCrossEntropyGradient()(logits, labels, cotangents[0]), *disconnected(1)]

    def jax_function(self, node):
        import jax
        import jax.numpy as jnp

        def function(logits, labels):
            rows = jax.nn.log_softmax(logits, axis=-1)
            return -jnp.take_along_axis(rows, labels[..., None], axis=-1)[..., 0]

        return function


class SparseCrossEntropyGradient(TensorOp):
    """Gradient of `SparseCrossEntropy` for the logits: inputs logits, labels and that for the loss."""

    __props__ = ()

    def make_node(self, logits, labels, dloss):
        logits, dloss = float_inputs("Cross-entropy", logits, dloss)
        return Apply(self, [logits, _label_variable(labels), dloss], [logits.type()])

    def perform(self, node, inputs, output_storage):
        logits, labels, dloss = inputs
        _check_labels(labels, logits)
        dtype = compute_dtype(logits.dtype)
        values = logits.astype(dtype, copy=False)
        out = output_array(output_storage[0], logits.shape, logits.dtype)
        result = out if out.dtype == dtype else np.empty(out.shape, dtype)
        given = dloss[..., None].astype(dtype, copy=False)
        np.subtract(values, _log_normalizer(values), out=result)
        np.exp(result, out=result)
        result *= given
        places = labels[..., None].astype("int64")
        at_label = np.take_along_axis(result, places, axis=-1) - given
        np.put_along_axis(result, places, at_label, axis=-1)
        if result is not out:
            out[...] = result

    def output_shapes(self, node, shapes):
        return [shapes[0]]

    def connection_pattern(self, node):
        return [[True], [False], [True]]

    def symbolic(self, logits, labels, dloss):
        hot = pt.eq(labels[..., None], pt.arange(logits.shape[-1]))
        return (pt.special.softmax(logits, axis=-1) - hot) * dloss[..., None]

    def jax_function(self, node):
        import jax

        def function(logits, labels, dloss):
            hot = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
            return (jax.nn.softmax(logits, axis=-1) - hot) * dloss[..., None]

        return function

    def pullback(self, inputs, outputs, cotangents):
        logits, labels, dloss = inputs
        dlogits, ddloss = gradient_by_symbols(
            lambda x, d: [self.symbolic(x, labels, d)], [logits, dloss], cotangents
        )
        return [dlogits, *disconnected(1), ddloss]


class CrossEntropy(TensorOp):
    """Inputs logits and target probabilities, both (..., classes), output the loss (...)."""

    __props__ = ()

    def make_node(self, logits, targets):
        logits, targets = float_inputs("Cross-entropy", logits, targets)
        if logits.ndim != targets.ndim:
            raise ValueError(
                f"Targets of rank {targets.ndim} do not fit logits of rank {logits.ndim}."
            )
        shape = logits.type.shape[:-1]
        return Apply(self, [logits, targets], [pt.tensor(dtype=logits.dtype, shape=shape)])

    def perform(self, node, inputs, output_storage):
        logits, targets = inputs
        _check_targets(targets, logits)
        dtype = compute_dtype(logits.dtype)
        values, goals = (v.astype(dtype, copy=False) for v in inputs)
        surprise = _log_normalizer(values) - values
        loss = np.einsum("...c,...c->...", surprise, goals)
        output_storage[0][0] = np.asarray(loss).astype(logits.dtype, copy=False)

    def output_shapes(self, node, shapes):
        return [shapes[0][:-1]]

    def symbolic(self, logits, targets):
        return -pt.sum(targets * pt.special.log_softmax(logits, axis=-1), axis=-1)

    def pullback(self, inputs, outputs, cotangents):
        return CrossEntropyGradient()(*inputs, cotangents[0], return_list=True)


class CrossEntropyGradient(TensorOp):
    """Gradients of `CrossEntropy` for logits and targets: its inputs and the gradient for the loss."""

    __props__ = ()

    def make_node(self, logits, targets, dloss):
        inputs = float_inputs("Cross-entropy", logits, targets, dloss)
        return Apply(self, inputs, [inputs[0].type(), inputs[1].type()])

    def perform(self, node, inputs, output_storage):
        logits, targets, dloss = inputs
        _check_targets(targets, logits)
        dtype = compute_dtype(logits.dtype)
        values, goals, given = (v.astype(dtype, copy=False) for v in inputs)
        surprise = _log_normalizer(values) - values
        given = given[..., None]
        dlogits = np.exp(-surprise)
        dlogits *= goals.sum(axis=-1, keepdims=True)
        dlogits -= goals
        dlogits *= given
        surprise *= given
        output_storage[0][0] = dlogits.astype(logits.dtype, copy=False)
        output_storage[1][0] = surprise.astype(logits.dtype, copy=False)

    def output_shapes(self, node, shapes):
        return shapes[:2]

    def symbolic(self, logits, targets, dloss):
        given = dloss[..., None]
        dlogits = pt.special.softmax(logits, axis=-1) * targets.sum(axis=-1, keepdims=True)
        return (dlogits - targets) * given, -pt.special.log_softmax(logits, axis=-1) * given

    def pullback(self, inputs, outputs, cotangents):
        return gradient_by_symbols(self.symbolic, inputs, cotangents)


def _check_targets(targets, logits):
    if targets.shape != logits.shape:
        raise ValueError(
            f"Targets of shape {targets.shape} do not fit logits of shape {logits.shape}."
        )


def sparse_softmax_cross_entropy(logits, labels):
    """Cross-entropy in nats of softmax(`logits`) (..., classes) against integer `labels` (...).

    Returns the loss (...). When the function runs, raises ValueError where a label is no class.
    """
    return SparseCrossEntropy()(logits, labels)


def softmax_cross_entropy(logits, targets):
    """Cross-entropy in nats of softmax(`logits`) against probabilities `targets`.

    Both are (..., classes); `targets` need not sum to one. Returns the loss (...).
    """
    return CrossEntropy()(logits, targets)

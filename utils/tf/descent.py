"""One step of an optimizer down a loss: the line that a step of your own for `fit` consists of."""

from collections.abc import Callable, Iterable

import keras
import tensorflow as tf

__all__ = ["descend"]


def descend(
    loss: Callable[[], tf.Tensor],
    optimizer: keras.optimizers.Optimizer,
    variables: Iterable[keras.Variable],
) -> tf.Tensor:
    """Make one step of an optimizer down a loss; two calls, of two losses, are a step of a GAN.

    >>> w = keras.Variable(3.0)
    >>> optimizer = keras.optimizers.SGD(0.1)
    >>> @tf.function
    ... def step():
    ...     return descend(lambda: w**2, optimizer, [w])
    >>> float(step()), round(float(w), 3)
    (9.0, 2.4)

    It does what is forgotten easily: scales the loss where numbers of 16 bits need it (see below), averages
    over the devices of a `tf.distribute` strategy, and says which weight a loss does not reach.

    In mixed precision (`keras.config.set_dtype_policy("mixed_float16")`) small slopes become 0. So wrap the
    optimizer, which then multiplies the loss by a large number, divides the gradients by it, and leaves a
    step out where one is not finite: `keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())`.
    `mixed_bfloat16` needs no scaling.

    Source: Keras's guide "Writing a training loop from scratch in TensorFlow",
    keras.io/guides/writing_a_custom_training_loop_in_tensorflow; P. Micikevicius et al., "Mixed precision
    training", 2018.

    Args:
        loss: function without arguments that computes the loss from the variables: a scalar, or a loss
            for each example, `(n,)`, whose mean counts. On several devices, for each example.
        optimizer: a Keras optimizer; build it before (`optimizer.build(variables)`) if it is saved.
        variables: what learns, such as `model.trainable_variables`.

    Returns:
        The loss before the step, averaged over the examples of this device: a scalar.

    Raises:
        ValueError: nothing to learn, a loss of another shape, variables that the loss does not depend on,
            or mixed precision with an optimizer that does not scale.
    """
    variables = list(variables)
    if not variables:
        raise ValueError("There is nothing to learn: no variables (are all layers frozen?).")
    _check_scaling(optimizer)
    context = tf.distribute.get_replica_context()
    if context is None:
        raise ValueError(
            "Of several devices, call it in a step that runs on each: distributed(step, ...)."
        )
    alone = context.num_replicas_in_sync == 1
    with tf.GradientTape() as tape:
        losses = tf.convert_to_tensor(loss())
        if losses.dtype in (tf.float16, tf.bfloat16):
            losses = tf.cast(losses, tf.float32)  # scaled, it may be too large for them
        if losses.shape.rank not in ((0, 1) if alone else (1,)):
            raise ValueError(
                f"The loss has the shape {losses.shape}: make it a scalar or a loss for each example, (n,)."
                if alone
                else f"The loss has the shape {losses.shape}: several devices need a loss for each example, "
                "(n,), so that each example counts the same (of Keras's losses, with reduction='none')."
            )
        mean = tf.reduce_mean(losses)
        share = mean if alone else _share(losses, context)
        scaled = optimizer.scale_loss(share)
    watched = [v.value if isinstance(v, keras.Variable) else v for v in variables]
    gradients = tape.gradient(scaled, watched)
    pairs = zip(variables, gradients, strict=True)
    missed = [getattr(v, "path", v.name) for v, gradient in pairs if gradient is None]
    if missed:
        raise ValueError(
            f"The loss does not depend on {', '.join(missed)}: compute it within the function `loss`, with "
            "tensors all the way (NumPy cuts the gradient), or leave these variables out."
        )
    if not alone and isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        gradients = _as_finite_as_all(gradients, context)
    optimizer.apply(gradients, variables)
    return mean


def _check_scaling(optimizer):
    scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    scales = scales or optimizer.loss_scale_factor is not None
    if keras.config.dtype_policy().compute_dtype == "float16" and not scales:
        raise ValueError(
            "In float16 small slopes become 0: wrap the optimizer, "
            f"keras.optimizers.LossScaleOptimizer(keras.optimizers.{type(optimizer).__name__}(...))."
        )


def _share(losses, context):
    """This device's part of the mean over all examples; the optimizer adds up what the devices found."""
    everywhere = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.shape(losses)[0])
    return tf.reduce_sum(losses) / tf.cast(everywhere, losses.dtype)


def _as_finite_as_all(gradients, context):
    """The gradients, but NaN where another device has one that is not finite.

    Keras looks at the first device alone before it leaves a step out (seen in 3.15).
    """
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]  # embeddings' are sparse
    nothing = tf.add_n([tf.reduce_sum(0.0 * tf.cast(g, tf.float32)) for g in gradients])
    nothing = context.all_reduce(tf.distribute.ReduceOp.SUM, nothing)
    return [gradient + tf.cast(nothing, gradient.dtype) for gradient in gradients]

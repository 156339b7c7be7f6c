"""A training step on several devices at once, each with its part of the batch."""

from collections.abc import Callable

import tensorflow as tf

__all__ = ["distributed"]


def distributed(step: Callable, strategy: tf.distribute.Strategy) -> Callable:
    """The same step, on all devices of a strategy: hand it to `fit` in place of the other.

        strategy = tf.distribute.MirroredStrategy()  # all GPUs; or split_cpu(2), to try it
        with strategy.scope():
            model, optimizer = ...  # their variables live on every device
        fit(distributed(step, strategy), batches, epochs=5)

    Each device gets its part of every batch, equal parts as far as that goes. A step that learns by
    `descend`, from a loss for each example, comes to the weights that one device would find, to rounding.
    What looks at a batch as a whole sees a part now (batch normalization: its `synchronized=True` does
    not), and `Dropout` drops the same places on each device.

    >>> alone = tf.distribute.get_strategy()  # one device is a strategy, too
    >>> fit(distributed(lambda x: tf.reduce_mean(x), alone), [np.ones(4), np.zeros(2)], epochs=1,
    ...     progress=False)
    {'loss': [0.5]}

    Source: TensorFlow's tutorial "Custom training with tf.distribute.Strategy",
    tensorflow.org/tutorials/distribute/custom_training; tested against one device.

    Args:
        step: called as `step(*batch)` on each device with its part; returns a scalar or a dict of
            scalars, the means over its part. It becomes a part of a `tf.function`.
        strategy: whose scope the variables were made in.

    Returns:
        A function that takes a batch of arrays or tensors, nested in any way, and returns what the step
        does, averaged over the examples of the whole batch.

    Raises:
        ValueError: on a call, inputs of different lengths, fewer examples than devices, or a metric that
            is no single number.
    """
    devices = strategy.num_replicas_in_sync

    @tf.function
    def on_all(batch, shares):
        def on_one(batch, share):
            results = step(*batch)
            if results is None:
                raise ValueError("The step returned nothing: it has to return a metric or more.")
            return tf.nest.map_structure(lambda value: _number(value) * share, results)

        totals = strategy.run(on_one, args=(batch, shares))
        return tf.nest.map_structure(
            lambda value: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None), totals
        )

    def on_parts(*batch):
        batch = tf.nest.map_structure(tf.convert_to_tensor, batch)
        lengths = {tuple(part.shape[:1]) for part in tf.nest.flatten(batch)}
        if len(lengths) != 1 or () in lengths:
            raise ValueError(
                f"What is in a batch needs one number of examples, not {sorted(lengths)}."
            )
        ((length,),) = lengths
        if length < devices:
            raise ValueError(f"A batch of {length} is too small for {devices} devices.")
        if devices == 1:  # nothing to take apart, which takes a third of a millisecond
            return on_all(batch, tf.constant(1.0))
        ends = [-(-length * n // devices) for n in range(devices + 1)]

        def of_device(context):
            start, end = ends[(n := context.replica_id_in_sync_group)], ends[n + 1]
            part = tf.nest.map_structure(lambda tensor: tensor[start:end], batch)
            return part, tf.constant((end - start) / length)

        return on_all(*strategy.experimental_distribute_values_from_function(of_device))

    return on_parts


def _number(value):
    value = tf.cast(value, tf.float32)
    if value.shape.rank != 0:
        raise ValueError(
            f"The step returned a metric of shape {value.shape}: a metric is one number; average it in "
            "the step."
        )
    return value

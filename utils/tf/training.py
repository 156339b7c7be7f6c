"""A training loop to hand a step of your own to: progress bar, history, checkpoints, early stopping.

    history = fit(step, batches, epochs=5)

The loop adds little to the time of a step; what a step does, `tf.function` or not, is up to it.
"""

import itertools
import json
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

__all__ = ["fit"]

SHOWN_EVERY = 0.5  # seconds; reading a metric waits for the device, so it is not read every step
KEPT = 2  # checkpoints; if the computer fails while one is written, the other is whole


def fit(
    step: Callable,
    dataset: Iterable | Callable[[int], Iterable],
    epochs: int,
    *,
    steps_per_epoch: int | None = None,
    validate: Callable | None = None,
    on_epoch: Callable[[int, dict[str, float]], object] | None = None,
    monitor: str | None = None,
    patience: int | None = None,
    mode: str = "min",
    checkpoint: str | Path | None = None,
    state: dict[str, Any] | None = None,
    save_every: int | None = None,
    progress: bool = True,
) -> dict[str, list[float]]:
    """Train: call `step` on every batch, epoch by epoch, and keep the metrics.

    With `checkpoint` the training can be stopped at any moment, even killed; the same call, in a new
    process too, goes on from the last checkpoint and comes to the same numbers as if nothing had
    happened, provided that all that changes is in `state` and the batches of an epoch depend on its
    number alone. What TensorFlow, NumPy or Python draw at random outside of `state` is not restored:
    draw with a `tf.random.Generator` in `state`, or in Keras's layers, which keep their seeds.

    >>> w = tf.Variable(4.0)
    >>> def step(x):
    ...     w.assign_sub(0.5 * (w - x))  # half of the way
    ...     return tf.abs(w - x)
    >>> fit(step, [1.0, 1.0], epochs=2, progress=False)
    {'loss': [1.125, 0.28125]}

    Source: Keras's guide "Writing a training loop from scratch in TensorFlow",
    keras.io/guides/writing_a_custom_training_loop_in_tensorflow; TensorFlow's guide "Training checkpoints",
    tensorflow.org/guide/checkpoint.

    Args:
        step: called as `step(*batch)` where a batch is a tuple or list, else as `step(batch)`; returns
            the loss, or a dict of metrics, each a number or scalar tensor.
        dataset: the batches of an epoch: a `tf.data.Dataset`, list or other iterable that can be
            read again and again; or a function that is given the epoch's number, from 0, and
            returns them: `lambda epoch: data.shuffle(1000, seed=epoch).batch(64)`.
        epochs: how many in all, those before the last checkpoint included.
        steps_per_epoch: how many batches to read of each epoch; all of them if None.
        validate: function without arguments, called after each epoch; returns the loss or a dict of
            metrics, kept with "val_" before their names.
        on_epoch: function, called after each epoch with its number, from 1, and the dict of its metrics.
        monitor, patience, mode: stop when the metric `monitor` was not better than its best for
            `patience` epochs; better is less, or with `mode="max"` more.
        checkpoint: folder to save in and to resume from, made if it is not there.
        state: name -> what to save: `tf.Variable`, `tf.Module`, `tf.random.Generator`, and of
            Keras on TensorFlow models, optimizers, metrics and other objects with variables.
        save_every: steps of an epoch after which to save; if None only after each epoch.
        progress: whether to show a bar.

    Returns:
        Name -> numbers, one for each epoch: the mean of a metric over the epoch's
        steps (each counts the same), and what `validate` returned.

    Raises:
        FloatingPointError: a metric became infinite or NaN; found within half a second or so.
        ValueError: arguments that do not go together, an epoch without batches or with fewer than
            `steps_per_epoch`, a metric that is no single number, or a checkpoint that cannot be
            read or belongs to another `state`.
    """
    _check_arguments(epochs, steps_per_epoch, monitor, patience, mode, save_every)
    if (checkpoint is None) != (state is None):
        raise ValueError("Resuming needs both: checkpoint, the folder, and state, what to save.")
    if checkpoint is None and save_every is not None:
        raise ValueError("save_every needs checkpoint, the folder to save in.")
    if checkpoint is not None and isinstance(dataset, tf.data.Dataset):
        raise ValueError(
            "A tf.data.Dataset may shuffle anew whenever it is read, so a resumed run would see other "
            "batches. Hand in a function of the epoch's number that makes the dataset: "
            "lambda epoch: data.shuffle(1000, seed=epoch).batch(64)."
        )
    saved = _Saved(checkpoint, state) if checkpoint is not None else None
    record = saved.restore() if saved else _Record()
    stopper = _Stopper(monitor, patience, mode)
    bar = None
    try:
        while record.epoch < epochs and not stopper.says_stop(record.history):
            batches = _batches(dataset, record.epoch, steps_per_epoch)
            bar = bar or _Bar(progress, epochs, steps_per_epoch or _length(batches), record)
            rest = itertools.islice(batches, len(record), steps_per_epoch)
            _run_epoch(step, rest, record, bar, saved, save_every)
            steps = len(record)
            _check_length(steps, record.epoch + 1, steps_per_epoch)
            metrics = record.means()
            if validate is not None:
                found = _metrics(validate(), "validate").items()
                metrics |= {f"val_{name}": _number(value, name) for name, value in found}
            record.close_epoch(metrics)
            bar.end_epoch(record.epoch, steps, metrics)
            if saved:
                saved.save(record)
            if on_epoch is not None:
                on_epoch(record.epoch, metrics)
    finally:
        if bar:
            bar.bar.close()
    return record.history


def _run_epoch(step, batches, record, bar, saved, save_every):
    """Call the step on each batch that is left of this epoch; this is the loop that has to be fast."""
    clock, add = time.perf_counter, record.waiting.append
    look_again = clock() + SHOWN_EVERY
    for batch in batches:
        add(step(*batch) if isinstance(batch, tuple | list) else step(batch))
        if save_every and len(record) % save_every == 0:
            record.read()
            saved.save(record)
        if clock() > look_again:
            record.read()
            bar.show(record)
            look_again = clock() + SHOWN_EVERY
    record.read()


class _Record:
    """How far the training is, and the metrics so far; this is what a checkpoint holds of the loop.

    Attributes:
        epoch: int, epochs completed.
        values: dict, metric -> list of float, one for each step of the epoch under way.
        waiting: list, what steps returned and nobody has read yet.
        history: dict, metric -> list of float, one for each completed epoch.
    """

    def __init__(self, epoch=0, values=None, history=None):
        self.epoch, self.values, self.history = epoch, values or {}, history or {}
        self.waiting = []

    def __len__(self):
        """How many steps of this epoch were made."""
        return len(next(iter(self.values.values()), ())) + len(self.waiting)

    def read(self):
        """Turn into numbers what the steps returned."""
        done = len(self) - len(self.waiting)
        for place, result in enumerate(self.waiting, done + 1):
            metrics = _metrics(result, "step")
            if self.values and metrics.keys() != self.values.keys():
                raise ValueError(f"step returned {sorted(metrics)}, before {sorted(self.values)}.")
            for name, value in metrics.items():
                # The first test is quick, and answers for nearly every step.
                if not isinstance(value, tf.Tensor) and isinstance(value, tf.Variable):
                    raise ValueError(
                        f"step returned the variable {name}, which later steps may have changed by "
                        "the time it is read: return its value, tf.identity(variable)."
                    )
                number = _number(value, name)
                if not math.isfinite(number):
                    raise FloatingPointError(
                        f"{name} is {number} in step {place} of epoch {self.epoch + 1}. Is the "
                        "learning rate too large, or an input not scaled, missing or not a number?"
                    )
                self.values.setdefault(name, []).append(number)
        self.waiting.clear()

    def means(self):
        return {name: math.fsum(numbers) / len(numbers) for name, numbers in self.values.items()}

    def close_epoch(self, metrics):
        if self.history and set(metrics) != set(self.history):
            raise ValueError(
                f"Epoch {self.epoch + 1} has the metrics {sorted(metrics)}, those before it have "
                f"{sorted(self.history)}."
            )
        for name, number in metrics.items():
            self.history.setdefault(name, []).append(number)
        self.epoch, self.values = self.epoch + 1, {}


class _Saved:
    """The folder of checkpoints: `state` and the loop's record, always saved together."""

    def __init__(self, folder, state):
        if not state:
            raise ValueError("state is empty: there is nothing to save in a checkpoint.")
        self.record = tf.Variable("", dtype=tf.string)
        tracked = {name: _tracked(name, thing) for name, thing in state.items()}
        self.checkpoint = tf.train.Checkpoint(state=tracked, record=self.record)
        self.folder = Path(folder)
        self.manager = tf.train.CheckpointManager(self.checkpoint, str(self.folder), KEPT)

    def save(self, record):
        record = {"epoch": record.epoch, "values": record.values, "history": record.history}
        self.record.assign(json.dumps(record))
        self.manager.save()

    def restore(self):
        """Put the state back as the last checkpoint has it, if there is one; return the record."""
        latest = self.manager.latest_checkpoint
        if latest is None:
            return _Record()
        try:
            self.checkpoint.restore(latest).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise ValueError(
                f"The checkpoint {latest} cannot be read, or is not of this state: was the model or the "
                "optimizer another one? Choose another folder, or delete this one to begin again. "
                f"({str(error).strip().splitlines()[0]})"
            ) from error
        return _Record(**json.loads(self.record.numpy()))


def _tracked(name, thing):
    """What `tf.train.Checkpoint` is to hold of one entry of `state`."""
    if isinstance(thing, tf.Variable | tf.Module | tf.random.Generator):
        return thing
    if not hasattr(thing, "variables"):
        raise ValueError(f"state[{name!r}] is of {type(thing).__name__}, which has no variables.")
    if not getattr(thing, "built", True):
        raise ValueError(
            f"state[{name!r}] has no variables yet: call its build method before (an optimizer's with "
            "model.trainable_variables)."
        )
    # A list of all of them: of a model, the checkpoint by itself would leave out Keras's seeds.
    variables = [getattr(variable, "value", variable) for variable in thing.variables]
    if not variables or not all(isinstance(variable, tf.Variable) for variable in variables):
        raise ValueError(f"state[{name!r}] has no variables that TensorFlow can save.")
    return variables


class _Stopper:
    """Early stopping, from the history alone, so that there is nothing more to save."""

    def __init__(self, monitor, patience, mode):
        self.monitor, self.patience = monitor, patience
        self.best = np.argmin if mode == "min" else np.argmax

    def says_stop(self, history):
        if self.monitor is None or not history:
            return False
        if self.monitor not in history:
            raise ValueError(
                f"There is no metric {self.monitor!r} to stop by; there are {', '.join(history)}."
            )
        values = history[self.monitor]
        return len(values) - 1 - self.best(values) >= self.patience


class _Bar:
    """The progress bar over all steps of all epochs, with the metrics beside it."""

    def __init__(self, visible, epochs, per_epoch, record):
        self.epochs, self.before_epoch = epochs, record.epoch * (per_epoch or 0)
        total = per_epoch and epochs * per_epoch
        done = self.before_epoch + len(record)
        self.bar = tqdm(total=total, initial=done, unit="step", disable=not visible)

    def show(self, record):
        """Draw the bar within an epoch."""
        self._draw(record.epoch + 1, len(record), record.means())

    def end_epoch(self, epoch, steps, metrics):
        """Draw the bar at the end of an epoch of so many steps."""
        self._draw(epoch, steps, metrics)
        self.before_epoch += steps
        if self.bar.total is None:  # from the first epoch on it is known how long one is
            self.bar.total = self.epochs * steps

    def _draw(self, epoch, steps, metrics):
        self.bar.set_description(f"epoch {epoch}/{self.epochs}", refresh=False)
        self.bar.set_postfix({n: f"{v:.4g}" for n, v in metrics.items()}, refresh=False)
        self.bar.update(self.before_epoch + steps - self.bar.n)


def _check_arguments(epochs, steps_per_epoch, monitor, patience, mode, save_every):
    counts = {"epochs": epochs, "steps_per_epoch": steps_per_epoch, "save_every": save_every}
    for name, count in (counts | {"patience": patience}).items():
        if count is not None and (not isinstance(count, int) or count < 1):
            raise ValueError(f"{name} has to be a whole number of 1 or more, not {count!r}.")
    if (monitor is None) != (patience is None):
        raise ValueError("Early stopping needs both: monitor, a metric, and patience, in epochs.")
    if mode not in ("min", "max"):
        raise ValueError(f"mode is 'min' or 'max', not {mode!r}.")


def _batches(dataset, epoch, steps_per_epoch):
    """The batches of an epoch; refuses those that would never end."""
    batches = dataset(epoch) if callable(dataset) else dataset
    endless = isinstance(batches, tf.data.Dataset) and (
        batches.cardinality() == tf.data.INFINITE_CARDINALITY
    )
    if endless and steps_per_epoch is None:
        raise ValueError("The dataset repeats without end: say steps_per_epoch.")
    return batches


def _length(batches):
    try:
        return len(batches)
    except TypeError:  # unknown before it was read once
        return None


def _check_length(steps, epoch, steps_per_epoch):
    if steps == 0:
        raise ValueError(
            f"Epoch {epoch} has no batches. (A generator can be read once; hand in a function of the "
            "epoch's number that makes a new one.)"
        )
    if steps_per_epoch and steps < steps_per_epoch:
        raise ValueError(
            f"Epoch {epoch} has {steps} batches, and steps_per_epoch={steps_per_epoch}."
        )


def _metrics(result, whose):
    """A step's result as a dict of metrics."""
    if result is None:
        raise ValueError(
            f"{whose} returned nothing: it has to return its loss or a dict of metrics."
        )
    if isinstance(result, dict):
        if not result:
            raise ValueError(f"{whose} returned an empty dict: it has to hold a metric.")
        return result
    return {"loss": result}


def _number(value, name):
    array = np.asarray(value)
    if array.size != 1:
        raise ValueError(
            f"{name} has the shape {array.shape}: a metric is one number; average it in the step."
        )
    return float(array.reshape(()))

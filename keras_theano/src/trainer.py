"""fit, evaluate and predict on compiled Theano functions."""

import contextlib
import functools
import threading
import warnings

import numpy as np
from keras.src import callbacks as callbacks_module
from keras.src import optimizers as optimizers_module
from keras.src import tree
from keras.src.backend import config
from keras.src.trainers import trainer as base_trainer
from keras.src.trainers.data_adapters import array_slicing, data_adapter_utils
from keras.src.trainers.epoch_iterator import EpochIterator
from keras.src.utils import traceback_utils
from keras.src.utils.python_utils import pythonify_logs

from keras_theano.src import core, errors
from keras_theano.src.lock import engine_lock
from keras_theano.src.text import works_on_text
from keras_theano.src.tracing import CompiledStep, gradients

# One thread at a time gives a model its metrics: a second one would replace them. It is no matter for
# the engine's lock, as the batch that is looked at may come from a thread that needs that one.
_building = threading.RLock()
# Keras 3.16 renamed its class.
_BaseTrainer = getattr(base_trainer, "BaseTrainer", None) or base_trainer.Trainer


class _MetricStates:
    """Lets threads that train or evaluate the same model at once count apart from each other.

    Metrics count in variables of the model. These hold the counts of the thread that used them
    last; what other threads have counted so far is kept here until they go on.
    """

    def __init__(self):
        self._owner = None
        self._kept = {}

    def take(self, model):
        """Give the metrics' variables the values that they had when this thread last used them.

        The thread holds the engine's lock.
        """
        thread = threading.get_ident()
        if thread == self._owner:
            return
        if self._owner is not None:
            variables = [v for metric in model.metrics for v in metric.variables]
            self._kept[self._owner] = [(variable, variable.value) for variable in variables]
        self._owner = thread
        for variable, value in self._kept.pop(thread, ()):
            variable.assign(value)

    def leave(self):
        """Keep this thread's counts no longer than until another thread counts."""
        with engine_lock:
            if self._owner == threading.get_ident():
                self._owner = None
            self._kept.pop(threading.get_ident(), None)


def _in_turn(method):
    """A method that one thread at a time may be in."""

    @functools.wraps(method)
    def one_thread(*args, **kwargs):
        with engine_lock:
            return method(*args, **kwargs)

    return one_thread


class _Batches(EpochIterator):
    """Keras's iterator, which refuses data without a row.

    And to which a last group of fewer than `steps_per_execution` batches does not lack data.
    """

    _found = False

    def __next__(self):
        try:
            group = super().__next__()
        except StopIteration:
            if not self._found:
                raise ValueError(errors.NO_DATA) from None
            raise
        self._found = True
        return group

    def _interrupted_warning(self):
        if self._found:
            super()._interrupted_warning()

    def catch_stop_iteration(self):
        if self._num_batches and self._steps_seen >= self._num_batches:
            return contextlib.suppress(StopIteration)
        return super().catch_stop_iteration()


def _public(method):
    """A method that users call: short tracebacks, and messages in Keras's terms."""
    return traceback_utils.filter_traceback(errors.clearly(method))


class Trainer(_BaseTrainer):
    """Keras's training API on the Theano engine.

    `train_step`, `test_step` and `predict_step` take one batch, as on TensorFlow. They run once,
    on symbols, to define the graph; `keras_theano.gradients(loss, variables)` gives gradients.
    """

    def __init__(self):
        super().__init__()
        self.train_function = None
        self.test_function = None
        self.predict_function = None
        self._metric_states = _MetricStates()

    def train_step(self, data):
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, training=True)
        loss = self._compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True
        )
        self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        if self.optimizer is not None:
            loss = self.optimizer.scale_loss(loss)
        if self.trainable_weights:
            trainable = self.trainable_weights[:]
            self.optimizer.apply(gradients(loss, trainable), trainable)
        else:
            warnings.warn("The model does not have any trainable weights.")
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data):
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, training=False)
        loss = self._compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False
        )
        self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data):
        x, _, _ = data_adapter_utils.unpack_x_y_sample_weight(data)
        return self._forward(x, training=False)

    def _forward(self, x, training):
        if self._call_has_training_arg:
            return self(x, training=training)
        return self(x)

    def _compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        # A `compute_loss` of the user's own may do without targets.
        own = type(self).compute_loss is not _BaseTrainer.compute_loss
        with errors.in_loss(None if own else self.loss, y, y_pred):
            return super()._compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        with errors.in_metrics(y, y_pred):
            return super().compute_metrics(x, y, y_pred, sample_weight)

    def reset_metrics(self):
        with self._own_metrics():
            super().reset_metrics()

    def get_metrics_result(self):
        with self._own_metrics():
            return super().get_metrics_result()

    @contextlib.contextmanager
    def _own_metrics(self):
        """While it is active, the metrics' variables hold what this thread has counted."""
        with engine_lock:
            self._metric_states.take(self)
            yield

    def _symbolic_build(self, iterator=None, data_batch=None):
        with _building:
            if self.test_function is None and not _can_compile(self):
                # Such a model takes no symbols: a step on arrays builds all that a step needs.
                self.test_step(_first_batch(iterator) if data_batch is None else data_batch)
            super()._symbolic_build(iterator, data_batch)

    @_in_turn
    def make_train_function(self, force=False):
        if self.train_function is None or force:
            if self.run_eagerly:
                warnings.warn(
                    "`run_eagerly=True` has no effect on training with the Theano engine: "
                    "gradients exist only in a compiled graph. Evaluation and prediction do run "
                    "eagerly."
                )
            self.train_function = _run_batches(CompiledStep(self.train_step))
        return self.train_function

    @_in_turn
    def make_test_function(self, force=False):
        if self.test_function is None or force:
            eager = self.run_eagerly or not _can_compile(self)
            step = self.test_step if eager else CompiledStep(self.test_step)
            self.test_function = _run_batches(step)
        return self.test_function

    @_in_turn
    def make_predict_function(self, force=False):
        if self.predict_function is None or force:
            eager = self.run_eagerly or not _can_compile(self)
            step = self.predict_step if eager else CompiledStep(self.predict_step)
            self.predict_function = _run_batches(step, concatenate=True)
        return self.predict_function

    @_public
    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        self._assert_compile_called("fit")
        max_epochs = config.max_epochs()
        if max_epochs and max_epochs < epochs:
            warnings.warn(f"Limiting epochs to {max_epochs}")
            epochs = max_epochs
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = array_slicing.train_validation_split(
                (x, y, sample_weight), validation_split=validation_split
            )
        self._eval_epoch_iterator = None
        batches = _Batches(
            x=x,
            y=y,
            sample_weight=sample_weight,
            batch_size=batch_size,
            steps_per_epoch=steps_per_epoch,
            shuffle=shuffle,
            class_weight=class_weight,
            steps_per_execution=self.steps_per_execution,
        )
        self._symbolic_build(iterator=batches)
        batches.reset()
        callbacks = self._callback_list(callbacks, batches, verbose, epochs, add_history=True)
        self.make_train_function()
        self.stop_training = False
        callbacks.on_train_begin()
        training_logs = {}
        for epoch in range(self._initial_epoch or initial_epoch, epochs):
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            logs = {}
            for begin_step, end_step, data in batches:
                callbacks.on_train_batch_begin(begin_step)
                with self._own_metrics():
                    logs = self.train_function(data)
                callbacks.on_train_batch_end(end_step, logs)
                if self.stop_training:
                    break
            epoch_logs = dict(self._get_metrics_result_or_logs(logs))
            _warn_if_nan(epoch_logs, epoch)
            if validation_data is not None and self._should_eval(epoch, validation_freq):
                validation = data_adapter_utils.unpack_x_y_sample_weight(validation_data)
                val_logs = self._validate(
                    validation, validation_batch_size or batch_size, validation_steps, callbacks
                )
                epoch_logs.update({f"val_{name}": value for name, value in val_logs.items()})
            callbacks.on_epoch_end(epoch, epoch_logs)
            training_logs = epoch_logs
            if self.stop_training:
                break
        if isinstance(self.optimizer, optimizers_module.Optimizer) and epochs > 0:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        self._eval_epoch_iterator = None
        self._metric_states.leave()
        callbacks.on_train_end(logs=training_logs)
        return self.history

    def _validate(self, data, batch_size, steps, callbacks):
        x, y, sample_weight = data
        if self._eval_epoch_iterator is None:
            self._eval_epoch_iterator = _Batches(
                x=x,
                y=y,
                sample_weight=sample_weight,
                batch_size=batch_size,
                steps_per_epoch=steps,
                shuffle=False,
                steps_per_execution=self.steps_per_execution,
            )
        return self.evaluate(
            x=x,
            y=y,
            sample_weight=sample_weight,
            batch_size=batch_size,
            steps=steps,
            callbacks=callbacks,
            return_dict=True,
            _use_cached_eval_dataset=True,
        )

    @_public
    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        self._assert_compile_called("evaluate")
        use_cached = kwargs.pop("_use_cached_eval_dataset", False)
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        if use_cached:
            batches = self._eval_epoch_iterator
        else:
            batches = _Batches(
                x=x,
                y=y,
                sample_weight=sample_weight,
                batch_size=batch_size,
                steps_per_epoch=steps,
                shuffle=False,
                steps_per_execution=self.steps_per_execution,
            )
        self._symbolic_build(iterator=batches)
        batches.reset()
        callbacks = self._callback_list(callbacks, batches, verbose)
        self.make_test_function()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        self.reset_metrics()
        logs = {}
        for begin_step, end_step, data in batches:
            callbacks.on_test_batch_begin(begin_step)
            with self._own_metrics():
                logs = self.test_function(data)
            callbacks.on_test_batch_end(end_step, logs)
            if self.stop_evaluating:
                break
        logs = pythonify_logs(self._get_metrics_result_or_logs(logs))
        if not use_cached:
            self._metric_states.leave()
        callbacks.on_test_end(logs)
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    @_public
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        batches = _Batches(
            x=x,
            batch_size=batch_size,
            steps_per_epoch=steps,
            shuffle=False,
            steps_per_execution=self.steps_per_execution,
        )
        callbacks = self._callback_list(callbacks, batches, verbose)
        self.make_predict_function()
        self.stop_predicting = False
        callbacks.on_predict_begin()
        outputs = []
        for begin_step, end_step, data in batches:
            callbacks.on_predict_batch_begin(begin_step)
            outputs.append(self.predict_function(data))
            callbacks.on_predict_batch_end(end_step, {"outputs": outputs[-1]})
            if self.stop_predicting:
                break
        callbacks.on_predict_end()
        return _concatenate(outputs)

    @_public
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        self._assert_compile_called("train_on_batch")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(
                    "Arguments `sample_weight` and `class_weight` cannot be specified at the same "
                    f"time. Received: sample_weight={sample_weight}, class_weight={class_weight}"
                )
            sample_weight = data_adapter_utils.class_weight_to_sample_weights(y, class_weight)
        data = as_batch(x, y, sample_weight)
        self._symbolic_build(data_batch=data)
        self.make_train_function()
        with self._own_metrics():
            self.reset_metrics()
            return self._batch_logs(self.train_function([data]), return_dict)

    @_public
    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        self._assert_compile_called("test_on_batch")
        data = as_batch(x, y, sample_weight)
        self._symbolic_build(data_batch=data)
        self.make_test_function()
        with self._own_metrics():
            self.reset_metrics()
            return self._batch_logs(self.test_function([data]), return_dict)

    @_public
    def predict_on_batch(self, x):
        self.make_predict_function()
        return self.predict_function([(as_batch(x)[0],)])

    def _batch_logs(self, logs, return_dict):
        logs = pythonify_logs(logs)
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    def _callback_list(self, callbacks, batches, verbose, epochs=1, add_history=False):
        if isinstance(callbacks, callbacks_module.CallbackList):
            return callbacks
        return callbacks_module.CallbackList(
            callbacks,
            add_history=add_history,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=epochs,
            steps=batches.num_batches,
            model=self,
        )


def _warn_if_nan(logs, epoch):
    loss = logs.get("loss")
    if loss is not None and np.isnan(loss).any():
        warnings.warn(
            f"The loss became NaN (not a number) in epoch {epoch + 1}, and with it the weights: "
            "training on is of no use. Usual causes: a learning rate that is too high, inputs "
            "that are not scaled or hold NaN, or the logarithm of 0 in a loss of your own. "
            "keras.callbacks.TerminateOnNaN() stops at the first one."
        )


def _can_compile(model):
    """Tell whether no layer works on text or hashes, which happens outside of any graph."""
    return not any(works_on_text(layer) for layer in model._flatten_layers())


def _first_batch(iterator):
    _, _, batches = next(iter(iterator))
    return batches[0]


def _run_batches(step, concatenate=False):
    """Return a function of a list of batches (one, or `steps_per_execution` of them)."""

    def run(data):
        outputs = [step(batch) for batch in data]
        if concatenate:
            outputs = tree.map_structure(np.asarray, outputs)
        return _concatenate(outputs) if concatenate else outputs[-1]

    run.step = step
    return run


def _concatenate(outputs):
    """Join a list of nested outputs along the batch axis."""
    if len(outputs) == 1:
        return outputs[0]
    return tree.map_structure(lambda *parts: np.concatenate(parts), *outputs)


def _batch_size(x):
    first = next(leaf for leaf in tree.flatten(x) if leaf is not None)
    return core.shape(first)[0]


def as_batch(x, y=None, sample_weight=None):
    """Return (x, y, sample_weight) as arrays, floats in Keras's floatx, as the data adapters do."""

    def convert(leaf):
        if leaf is None:
            return None
        array = leaf if core.is_tensor(leaf) else core.convert_to_tensor(leaf)
        return array.astype(config.floatx()) if array.dtype.kind == "f" else array

    return tree.map_structure(convert, (x, y, sample_weight))

"""The TensorBoard callback's profiler hooks: there is no device trace to take on Theano."""

import warnings


def start_trace(logdir):
    if logdir:
        warnings.warn(
            "The Theano engine writes no profile for TensorBoard; the callback's other logs are "
            "not affected."
        )


def stop_trace(save):
    pass


def start_batch_trace(batch):
    return None


def stop_batch_trace(batch_trace_context):
    pass

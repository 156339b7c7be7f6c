"""Connectionist temporal classification: loss and beam search.

Graves et al., "Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with
Recurrent Neural Networks" (2006). All labels' paths advance together, one time step at a time.
"""

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import grad_not_implemented
from pytensor.graph.basic import Apply

from keras_theano.pytensor_ops._base import TensorOp, disconnected


class _CTCOp(TensorOp):
    """Attributes: blank, the class that stands for no label."""

    __props__ = ("blank",)

    def __init__(self, blank):
        self.blank = blank

    def make_inputs(self, log_probabilities, labels, label_lengths, lengths):
        inputs = [
            pt.as_tensor_variable(variable)
            for variable in (log_probabilities, labels, label_lengths, lengths)
        ]
        ranks = tuple(variable.type.ndim for variable in inputs)
        if ranks != (3, 2, 1, 1):
            raise ValueError(
                "CTC needs outputs (batch, steps, classes), labels (batch, labels) and one length "
                f"per sample for each, but got tensors of rank {ranks}."
            )
        return inputs


class CTCLoss(_CTCOp):
    """Negative log-probability (batch,) of the labels.

    Inputs: log-probabilities (batch, steps, classes), labels (batch, labels), how many labels of
    each sample count, and how many steps. Infinite where the labels do not fit into the steps.
    """

    def make_node(self, *inputs):
        inputs = self.make_inputs(*inputs)
        batch = inputs[0].type.shape[0]
        return Apply(self, inputs, [pt.tensor(dtype=inputs[0].type.dtype, shape=(batch,))])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = self.forward(*inputs)[0].astype(inputs[0].dtype)

    def forward(self, log_probabilities, labels, label_lengths, lengths):
        """Return the loss and log alpha (steps, batch, 2 labels + 1) with what it was made of."""
        states, emitted, skips = self.unroll(log_probabilities, labels)
        ends = _ends(label_lengths)
        alpha = np.full(emitted.shape, -np.inf)
        alpha[0, :, :2] = emitted[0, :, :2]
        with np.errstate(all="ignore"):
            for step in range(1, len(alpha)):
                alpha[step] = _arrive(alpha[step - 1], skips) + emitted[step]
                alpha[step] = np.where((step < lengths)[:, None], alpha[step], alpha[step - 1])
            loss = -np.logaddexp.reduce(np.where(ends(states.shape[1]), alpha[-1], -np.inf), axis=1)
        return np.where(lengths > 0, loss, np.where(label_lengths > 0, np.inf, 0.0)), alpha

    def unroll(self, log_probabilities, labels):
        """Labels with blanks around each, their log-probability per step, and where a path may
        skip the blank between two labels: where they differ."""
        batch, count = labels.shape
        states = np.full((batch, 2 * count + 1), self.blank)
        states[:, 1::2] = labels
        skips = np.zeros(states.shape, bool)
        skips[:, 3::2] = labels[:, 1:] != labels[:, :-1]
        values = log_probabilities.astype("float64").transpose(1, 0, 2)
        emitted = np.take_along_axis(values, states[None], axis=2)
        return states, emitted, skips

    def output_shapes(self, node, input_shapes):
        return [(input_shapes[0][0],)]

    def connection_pattern(self, node):
        return [[True], [False], [False], [False]]

    def pullback(self, inputs, outputs, output_grads):
        per_sample = CTCLossGradient(self.blank)(*inputs)
        return [pt.expand_dims(output_grads[0], (1, 2)) * per_sample, *disconnected(3)]

    def jax_function(self, node):
        import jax.numpy as jnp

        return lambda *inputs: _jax_ctc_loss(jnp, self.blank, *inputs)


class CTCLossGradient(_CTCOp):
    """Gradient of `CTCLoss` for the log-probabilities; zero where the loss is infinite."""

    def make_node(self, *inputs):
        inputs = self.make_inputs(*inputs)
        return Apply(self, inputs, [inputs[0].type()])

    def perform(self, node, inputs, outputs):
        log_probabilities, labels, label_lengths, lengths = inputs
        loss_op = CTCLoss(self.blank)
        states, emitted, skips = loss_op.unroll(log_probabilities, labels)
        loss, alpha = loss_op.forward(*inputs)
        # beta: log-probability of all that still has to be emitted after a step.
        last = np.where(_ends(label_lengths)(states.shape[1]), 0.0, -np.inf)
        beta = np.broadcast_to(last, alpha.shape).copy()
        skips_ahead = np.zeros_like(skips)
        skips_ahead[:, :-2] = skips[:, 2:]
        with np.errstate(all="ignore"):
            for step in range(len(beta) - 2, -1, -1):
                following = (beta[step + 1] + emitted[step + 1])[:, ::-1]
                arrived = _arrive(following, skips_ahead[:, ::-1])[:, ::-1]
                beta[step] = np.where((step + 1 < lengths)[:, None], arrived, beta[step])
            occupancy = np.exp(alpha + beta + loss[:, None])
        occupancy[~np.isfinite(occupancy)] = 0
        steps = np.arange(len(alpha))[:, None]
        occupancy *= ((steps < lengths) & np.isfinite(loss))[:, :, None]
        slope = np.zeros(log_probabilities.shape)
        batch = np.arange(len(labels))
        for state in range(states.shape[1]):
            slope[batch, :, states[:, state]] -= occupancy[:, :, state].T
        outputs[0][0] = slope.astype(log_probabilities.dtype)

    def output_shapes(self, node, input_shapes):
        return [input_shapes[0]]

    def connection_pattern(self, node):
        return [[True], [False], [False], [False]]

    def pullback(self, inputs, outputs, output_grads):
        reason = "Second derivatives of the CTC loss are not implemented."
        return [grad_not_implemented(self, 0, inputs[0], reason), *disconnected(3)]

    def jax_function(self, node):
        import jax
        import jax.numpy as jnp

        def gradient(log_probabilities, *rest):
            def total(values):
                loss = _jax_ctc_loss(jnp, self.blank, values, *rest)
                return jnp.sum(jnp.where(jnp.isfinite(loss), loss, 0))

            return jax.grad(total)(log_probabilities)

        return gradient


def _ends(label_lengths):
    """Return a function: number of states -> mask of those in which a complete path may end."""

    def mask(count):
        place, last = np.arange(count)[None, :], 2 * label_lengths[:, None]
        return (place == last) | (place == last - 1)

    return mask


def _arrive(scores, skips):
    """Log-probability of reaching each state: by staying, from the one before, or skipping one."""
    arrived = scores.copy()
    arrived[:, 1:] = np.logaddexp(arrived[:, 1:], scores[:, :-1])
    skipped = np.where(skips[:, 2:], scores[:, :-2], -np.inf)
    arrived[:, 2:] = np.logaddexp(arrived[:, 2:], skipped)
    return arrived


def _jax_ctc_loss(jnp, blank, log_probabilities, labels, label_lengths, lengths):
    from jax import lax

    batch, count = labels.shape
    never = -1e5  # finite, so that gradients stay numbers
    states = jnp.full((batch, 2 * count + 1), blank).at[:, 1::2].set(labels)
    skips = jnp.zeros(states.shape, bool).at[:, 3::2].set(labels[:, 1:] != labels[:, :-1])
    emitted = jnp.take_along_axis(log_probabilities.transpose(1, 0, 2), states[None], axis=2)
    start = jnp.full(states.shape, never, emitted.dtype).at[:, :2].set(emitted[0, :, :2])

    def advance(alpha, inputs):
        step, emitted_now = inputs
        before = jnp.pad(alpha, ((0, 0), (1, 0)), constant_values=never)[:, :-1]
        earlier = jnp.pad(alpha, ((0, 0), (2, 0)), constant_values=never)[:, :-2]
        arrived = jnp.logaddexp(jnp.logaddexp(alpha, before), jnp.where(skips, earlier, never))
        return jnp.where((step < lengths)[:, None], arrived + emitted_now, alpha), None

    alpha, _ = lax.scan(advance, start, (jnp.arange(1, len(emitted)), emitted[1:]))
    place, last = jnp.arange(alpha.shape[1])[None, :], 2 * label_lengths[:, None]
    ending = jnp.where((place == last) | (place == last - 1), alpha, never)
    return -jnp.logaddexp.reduce(ending, axis=1)


class CTCBeamSearch(TensorOp):
    """Find the most probable label sequences.

    Inputs: log-probabilities (batch, steps, classes) and the number of steps of each sample.
    Outputs: labels (paths, batch, steps), int32, -1 after the last; log-probabilities (batch,
    paths), best first. Among equals the sequence of larger labels comes later.

    Attributes:
        beam_width: How many sequences are followed.
        top_paths: How many are returned.
        blank: The class that stands for no label.
    """

    __props__ = ("beam_width", "top_paths", "blank")

    def __init__(self, beam_width, top_paths, blank):
        self.beam_width = beam_width
        self.top_paths = top_paths
        self.blank = blank

    def make_node(self, log_probabilities, lengths):
        x, lengths = pt.as_tensor_variable(log_probabilities), pt.as_tensor_variable(lengths)
        batch, steps, _ = x.type.shape
        paths = pt.tensor(dtype="int32", shape=(self.top_paths, batch, steps))
        scores = pt.tensor(dtype=x.type.dtype, shape=(batch, self.top_paths))
        return Apply(self, [x, lengths], [paths, scores])

    def perform(self, node, inputs, outputs):
        log_probabilities, lengths = inputs
        batch, steps, _ = log_probabilities.shape
        paths = np.full((self.top_paths, batch, steps), -1, "int32")
        scores = np.full((batch, self.top_paths), -np.inf, log_probabilities.dtype)
        for sample in range(batch):
            rows = log_probabilities[sample, : lengths[sample]].astype("float64")
            for place, (path, score) in enumerate(self.search(rows)[: self.top_paths]):
                paths[place, sample, : len(path)] = path
                scores[sample, place] = score
        outputs[0][0], outputs[1][0] = paths, scores

    def jax_function(self, node):
        """The search is a program of lists and comparisons, so Python runs it in every mode."""
        import jax

        def on_the_host(x, lengths):
            outputs = [[None], [None]]
            self.perform(node, [np.asarray(x), np.asarray(lengths)], outputs)
            return outputs[0][0], outputs[1][0]

        def function(x, lengths):
            batch, steps, _ = x.shape
            kinds = (
                jax.ShapeDtypeStruct((self.top_paths, batch, steps), "int32"),
                jax.ShapeDtypeStruct((batch, self.top_paths), x.dtype),
            )
            return jax.pure_callback(on_the_host, kinds, x, lengths)

        return function

    def search(self, rows):
        """Return (labels, log-probability), best first, for one sample's rows (steps, classes).

        A sequence's probability is kept in two parts: that its last step was blank, or its label.
        """
        beams = {(): (0.0, -np.inf)}
        for row in rows:
            grown = {}

            def add(path, blank=-np.inf, label=-np.inf, grown=grown):
                old = grown.get(path, (-np.inf, -np.inf))
                grown[path] = (np.logaddexp(old[0], blank), np.logaddexp(old[1], label))

            for path, (ends_blank, ends_label) in beams.items():
                total = np.logaddexp(ends_blank, ends_label)
                for label, score in enumerate(row):
                    if label == self.blank:
                        add(path, blank=total + score)
                    elif path and path[-1] == label:
                        add(path, label=ends_label + score)
                        add((*path, label), label=ends_blank + score)
                    else:
                        add((*path, label), label=total + score)
            beams = dict(self._ranked(grown)[: self.beam_width])
        return [(path, np.logaddexp(*parts)) for path, parts in self._ranked(beams)]

    @staticmethod
    def _ranked(beams):
        return sorted(beams.items(), key=lambda item: (-np.logaddexp(*item[1]), item[0]))

    def output_shapes(self, node, input_shapes):
        batch, steps, _ = input_shapes[0]
        paths = pt.constant(self.top_paths, dtype="int64")
        return [(paths, batch, steps), (batch, paths)]

    def connection_pattern(self, node):
        return [[False, False], [False, False]]

    def pullback(self, inputs, outputs, output_grads):
        return disconnected(2)

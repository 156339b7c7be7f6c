"""SimpleRNN, LSTM and GRU over a whole sequence as PyTensor Ops.

Arrays are time-major: (time, batch, features). The input's part of the gates is not computed here
but by the caller, for all steps in one matrix product; each step then needs one product with the
state. Forward keeps the gates for the backward pass. Gate order is Keras's: input, forget, cell,
output for LSTM; update, reset, candidate for GRU. A simple RNN has no gates: its state is
activation(x + h @ kernel).

A mask (time, batch), where given, says at which steps a row takes part; elsewhere it keeps its
state.
"""

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply

from ._base import TensorOp, connected, disconnected, is_disconnected
from ._threads import LEAST_STEP, split
from .matmul import matmul

SLOPES_BYTES = 1 << 22  # of the gates whose slopes are worked out in one go


def _sigmoid(x):
    """1 / (1 + exp(-x)) in place."""
    np.negative(x, out=x)
    np.exp(x, out=x)
    x += 1
    np.divide(1, x, out=x)  # twice as fast as NumPy's reciprocal


def _plus_one(n):
    return None if n is None else n + 1


def _split(x, units):
    """Views of the gates in the last axis of `x`."""
    return [x[..., i : i + units] for i in range(0, x.shape[-1], units)]


def _after(jnp, initial, states):
    """All states over time, the initial ones first."""
    return jnp.concatenate([initial[None], states])


class _RecurrentOp(TensorOp):
    """Props: `masked`, whether the last input is a mask."""

    __props__ = ("masked",)

    def __init__(self, masked=False):
        self.masked = masked

    def mask_of(self, inputs):
        """Iterable of the steps' places that do not take part, as (batch, 1) arrays or None."""
        if not self.masked:
            return None
        return ~inputs[-1].astype(bool)[..., None]

    def check(self, x, recurrent_kernel, gates):
        units = recurrent_kernel.type.shape[0]
        for name, found, expected in (
            ("recurrent kernel", recurrent_kernel.type.shape[1], units and gates * units),
            ("input", x.type.shape[-1], units and gates * units),
        ):
            if None not in (found, expected) and found != expected:
                raise ValueError(
                    f"{type(self).__name__} with {units} units needs {expected} values in the last "
                    f"axis of its {name}, but got {found}."
                )


# What a simple RNN may do to x + h @ kernel: name, which is JAX's too -> (the same in place, its slope
# by its outcome, in the words of NumPy or of JAX).
ACTIVATIONS = {
    "tanh": (lambda x: np.tanh(x, out=x), lambda xp, y: 1 - y * y),
    "sigmoid": (_sigmoid, lambda xp, y: y * (1 - y)),
    "relu": (lambda x: np.maximum(x, 0, out=x), lambda xp, y: (y > 0).astype(y.dtype)),
    "identity": (lambda x: None, lambda xp, y: xp.ones_like(y)),
}


class SimpleRNN(_RecurrentOp):
    """Inputs: x (time, batch, units), the input's part of the next state with the bias; h (batch,
    units); recurrent kernel (units, units); mask (time, batch) if `masked`.

    Outputs the states h (time + 1, batch, units), the initial one first.

    Props: `activation`, a name in `ACTIVATIONS`.
    """

    __props__ = ("activation", "masked")

    def __init__(self, activation, masked=False):
        super().__init__(masked)
        self.activation = activation

    def make_node(self, x, h, recurrent_kernel, *mask):
        inputs = [pt.as_tensor_variable(v) for v in (x, h, recurrent_kernel, *mask)]
        x, _, recurrent_kernel = inputs[:3]
        self.check(x, recurrent_kernel, 1)
        time, batch, units = x.type.shape
        return Apply(self, inputs, [pt.TensorType(x.dtype, (_plus_one(time), batch, units))()])

    def output_shapes(self, node, shapes):
        time, batch, units = shapes[0]
        return [(time + 1, batch, units)]

    def perform(self, node, inputs, output_storage):
        x, h0, kernel = inputs[:3]
        skipped = self.mask_of(inputs)
        time, batch, units = x.shape
        hs = np.empty((time + 1, batch, units), x.dtype)
        hs[0] = h0
        activate, _ = ACTIVATIONS[self.activation]

        @np.errstate(over="ignore")
        def run(rows):
            for t in range(time):
                h = hs[t + 1, rows]
                np.dot(hs[t, rows], kernel, out=h)
                h += x[t, rows]
                activate(h)
                if skipped is not None:
                    np.copyto(h, hs[t, rows], where=skipped[t, rows])

        split(batch, batch * units * units, run, blas=True, least=LEAST_STEP)
        output_storage[0][0] = hs

    def jax_function(self, node):
        import jax
        import jax.numpy as jnp

        activation = getattr(jax.nn, self.activation)

        def function(x, h0, kernel, *mask):
            def step(h, inputs):
                x, *takes_part = inputs
                new_h = activation(x + h @ kernel)
                for part in takes_part:
                    new_h = jnp.where(part, new_h, h)
                return new_h, new_h

            mask = [m.astype(bool)[..., None] for m in mask]
            _, hs = jax.lax.scan(step, h0, (x, *mask))
            return _after(jnp, h0, hs)

        return function

    def connection_pattern(self, node):
        return [[True]] * 3 + [[False]] * self.masked

    def pullback(self, inputs, outputs, output_grads):
        (grad_h,) = connected(outputs, output_grads)
        op = SimpleRNNGrad(self.activation, self.masked)
        return [*op(*outputs, inputs[2], grad_h, *inputs[3:]), *disconnected(self.masked)]


class SimpleRNNGrad(_RecurrentOp):
    """Inputs: the output of `SimpleRNN`, its kernel, the cotangent of h, its mask if any.
    Outputs: the gradients of x, h and the recurrent kernel."""

    __props__ = ("activation", "masked")

    def __init__(self, activation, masked):
        super().__init__(masked)
        self.activation = activation

    def make_node(self, hs, recurrent_kernel, grad_h, *mask):
        time, *shape = hs.type.shape
        shapes = [(None if time is None else time - 1, *shape), shape]
        outputs = [pt.TensorType(hs.dtype, shape)() for shape in shapes]
        inputs = [hs, recurrent_kernel, grad_h, *mask]
        return Apply(self, inputs, [*outputs, recurrent_kernel.type()])

    def output_shapes(self, node, shapes):
        time, batch, units = shapes[0]
        return [(time - 1, batch, units), (batch, units), shapes[1]]

    def perform(self, node, inputs, output_storage):
        hs, kernel, grad_h = inputs[:3]
        skipped = self.mask_of(inputs)
        time, batch, units = len(hs) - 1, *hs.shape[1:]
        grad_x = np.empty_like(hs[1:])
        transposed = np.ascontiguousarray(kernel.T)
        dh_0 = np.empty((batch, units), hs.dtype)
        _, slope = ACTIVATIONS[self.activation]

        def run(rows):
            slopes = slope(np, hs[1:, rows])
            dh = grad_h[time, rows].copy()
            for t in range(time - 1, -1, -1):
                dx = grad_x[t, rows]
                np.multiply(dh, slopes[t], out=dx)
                if skipped is None:
                    np.dot(dx, transposed, out=dh)
                else:
                    np.copyto(dx, 0, where=skipped[t, rows])
                    np.copyto(dh, np.dot(dx, transposed), where=~skipped[t, rows])
                dh += grad_h[t, rows]
            dh_0[rows] = dh

        split(batch, batch * units * units, run, blas=True, least=LEAST_STEP)
        grad_kernel = np.empty(kernel.shape, kernel.dtype)
        matmul(hs[:-1].reshape(-1, units).T, grad_x.reshape(-1, units), grad_kernel)
        for storage, value in zip(output_storage, (grad_x, dh_0, grad_kernel), strict=True):
            storage[0] = value

    def jax_function(self, node):
        import jax
        import jax.numpy as jnp

        _, slope = ACTIVATIONS[self.activation]

        def function(hs, kernel, grad_h, *mask):
            def step(dh, inputs):
                slopes, given, *takes_part = inputs
                dx = dh * slopes
                for part in takes_part:
                    dx = jnp.where(part, dx, 0)
                carried = dx @ kernel.T
                for part in takes_part:
                    carried = jnp.where(part, carried, dh)
                return carried + given, dx

            mask = [m.astype(bool)[..., None] for m in mask]
            steps = (slope(jnp, hs[1:]), grad_h[:-1], *mask)
            dh, grad_x = jax.lax.scan(step, grad_h[-1], steps, reverse=True)
            units = kernel.shape[0]
            return grad_x, dh, hs[:-1].reshape(-1, units).T @ grad_x.reshape(-1, units)

        return function


class LSTM(_RecurrentOp):
    """Inputs: x (time, batch, 4 units), the input's part of the gates with the bias; h and c
    (batch, units); recurrent kernel (units, 4 units); mask (time, batch) if `masked`.

    Outputs: the states h and c (time + 1, batch, units), the initial ones first; and the gates
    (time, batch, 4 units), which only the gradient uses.
    """

    def make_node(self, x, h, c, recurrent_kernel, *mask):
        inputs = [pt.as_tensor_variable(v) for v in (x, h, c, recurrent_kernel, *mask)]
        x, h, _, recurrent_kernel = inputs[:4]
        self.check(x, recurrent_kernel, 4)
        time, batch, width = x.type.shape
        states = pt.TensorType(x.dtype, (_plus_one(time), batch, h.type.shape[1]))
        gates = pt.TensorType(x.dtype, (time, batch, width))
        return Apply(self, inputs, [states(), states(), gates()])

    def output_shapes(self, node, shapes):
        x, h = shapes[:2]
        states = (x[0] + 1, x[1], h[1])
        return [states, states, x]

    def perform(self, node, inputs, output_storage):
        x, h0, c0, kernel = inputs[:4]
        skipped = self.mask_of(inputs)
        time, batch, width = x.shape
        units = width // 4
        hs = np.empty((time + 1, batch, units), x.dtype)
        cs = np.empty_like(hs)
        gates = np.empty_like(x)
        hs[0], cs[0] = h0, c0
        # All four gates by one tanh, as a sigmoid is (1 + tanh(x / 2)) / 2: NumPy is at its best on
        # arrays without gaps.
        half, one = np.full(units, 0.5, x.dtype), np.ones(units, x.dtype)
        scale = np.concatenate([half, half, one, half])
        shift = 1 - scale

        def run(rows):
            product = None
            for t in range(time):
                gate, before = gates[t, rows], cs[t, rows]
                np.dot(hs[t, rows], kernel, out=gate)
                gate += x[t, rows]
                gate *= scale
                np.tanh(gate, out=gate)
                gate *= scale
                gate += shift
                i, f, g, o = _split(gate, units)
                c, h = cs[t + 1, rows], hs[t + 1, rows]
                np.multiply(f, before, out=c)
                product = np.multiply(i, g, out=product)
                c += product
                np.tanh(c, out=h)
                h *= o
                if skipped is not None:
                    np.copyto(h, hs[t, rows], where=skipped[t, rows])
                    np.copyto(c, before, where=skipped[t, rows])

        split(batch, batch * units * width, run, blas=True, least=LEAST_STEP)
        for storage, value in zip(output_storage, (hs, cs, gates), strict=True):
            storage[0] = value

    def jax_function(self, node):
        import jax
        import jax.numpy as jnp

        def function(x, h0, c0, kernel, *mask):
            def step(state, inputs):
                h, c = state
                i, f, g, o = _split(inputs[0] + h @ kernel, h.shape[-1])
                i, f, g, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
                new_c = f * c + i * g
                new_h = o * jnp.tanh(new_c)
                for takes_part in inputs[1:]:
                    new_h, new_c = jnp.where(takes_part, new_h, h), jnp.where(takes_part, new_c, c)
                return (new_h, new_c), (new_h, new_c, jnp.concatenate([i, f, g, o], axis=-1))

            mask = [m.astype(bool)[..., None] for m in mask]
            _, (hs, cs, gates) = jax.lax.scan(step, (h0, c0), (x, *mask))
            return _after(jnp, h0, hs), _after(jnp, c0, cs), gates

        return function

    def connection_pattern(self, node):
        return [[True] * 3] * 4 + [[False] * 3] * self.masked

    def pullback(self, inputs, outputs, output_grads):
        hs, cs, gates = outputs
        if not is_disconnected(output_grads[2]):
            raise NotImplementedError("There is no gradient through the gates that LSTM keeps.")
        grad_h, grad_c = connected((hs, cs), output_grads[:2])
        op = LSTMGrad(self.masked)
        found = op(hs, cs, gates, inputs[3], grad_h, grad_c, *inputs[4:])
        return [*found, *disconnected(self.masked)]


class LSTMGrad(_RecurrentOp):
    """Inputs: the outputs of `LSTM`, its kernel, the cotangents of h and c, its mask if any.
    Outputs: the gradients of x, h, c and the recurrent kernel."""

    def make_node(self, hs, cs, gates, recurrent_kernel, grad_h, grad_c, *mask):
        inputs = [hs, cs, gates, recurrent_kernel, grad_h, grad_c, *mask]
        state = pt.TensorType(hs.dtype, hs.type.shape[1:])
        return Apply(self, inputs, [gates.type(), state(), state(), recurrent_kernel.type()])

    def output_shapes(self, node, shapes):
        return [shapes[2], shapes[0][1:], shapes[0][1:], shapes[3]]

    def perform(self, node, inputs, output_storage):
        hs, cs, gates, kernel, grad_h, grad_c = inputs[:6]
        skipped = self.mask_of(inputs)
        time, batch, width = gates.shape
        units = width // 4
        grad_x = np.empty_like(gates)
        through_h = np.empty_like(hs[1:])
        transposed = np.ascontiguousarray(kernel.T)
        dh_0, dc_0 = np.empty((2, batch, units), hs.dtype)

        def slopes(times):
            """Fill `grad_x` with the slopes for c (the output gate's: for h), and `through_h`."""
            step = max(1, SLOPES_BYTES // max(1, gates[:1].nbytes))
            for start in range(times.start, times.stop, step):
                part = slice(start, min(start + step, times.stop))
                gate, slope, through = gates[part], grad_x[part], through_h[part]
                i, f, g, o = _split(gate, units)
                # The slope of a sigmoid is s (1 - s), that of tanh 1 - g g.
                np.subtract(1, gate, out=slope)
                slope *= gate
                to_i, to_f, to_g, to_o = _split(slope, units)
                np.multiply(g, g, out=to_g)
                np.subtract(1, to_g, out=to_g)
                to_i *= g
                to_f *= cs[part]
                to_g *= i
                tanh_c = np.tanh(cs[part.start + 1 : part.stop + 1])
                to_o *= tanh_c
                tanh_c *= tanh_c
                np.subtract(1, tanh_c, out=tanh_c)
                np.multiply(o, tanh_c, out=through)

        def run(rows):
            dh, dc = grad_h[time, rows].copy(), grad_c[time, rows].copy()
            of_c = np.empty_like(dh)
            for t in range(time - 1, -1, -1):
                dz = grad_x[t, rows]
                f = gates[t, rows, units : 2 * units]
                np.multiply(dh, through_h[t, rows], out=of_c)
                of_c += dc
                by_gate = dz.reshape(len(dz), 4, units)
                by_gate[:, :3] *= of_c[:, None]
                by_gate[:, 3] *= dh
                if skipped is None:
                    np.multiply(of_c, f, out=dc)
                    np.dot(dz, transposed, out=dh)
                else:
                    out = skipped[t, rows]
                    np.copyto(dz, 0, where=out)
                    np.copyto(dc, of_c * f, where=~out)
                    np.copyto(dh, np.dot(dz, transposed), where=~out)
                dh += grad_h[t, rows]
                dc += grad_c[t, rows]
            dh_0[rows], dc_0[rows] = dh, dc

        split(time, gates.size, slopes)
        split(batch, batch * units * width, run, blas=True, least=LEAST_STEP)
        grad_kernel = np.empty(kernel.shape, kernel.dtype)
        matmul(hs[:-1].reshape(-1, units).T, grad_x.reshape(-1, width), grad_kernel)
        for storage, value in zip(output_storage, (grad_x, dh_0, dc_0, grad_kernel), strict=True):
            storage[0] = value

    def jax_function(self, node):
        import jax
        import jax.numpy as jnp

        def function(hs, cs, gates, kernel, grad_h, grad_c, *mask):
            units = kernel.shape[0]
            tanh_c = jnp.tanh(cs[1:])

            def step(carried, inputs):
                dh, dc = carried
                gate, before, tanh_c, given_h, given_c, *takes_part = inputs
                i, f, g, o = _split(gate, units)
                of_c = dc + dh * o * (1 - tanh_c * tanh_c)
                parts = (
                    of_c * g * i * (1 - i),
                    of_c * before * f * (1 - f),
                    of_c * i * (1 - g * g),
                    dh * tanh_c * o * (1 - o),
                )
                dz = jnp.concatenate(parts, axis=-1)
                new_dc = of_c * f
                new_dh = dz @ kernel.T
                for part in takes_part:
                    dz = jnp.where(part, dz, 0)
                    new_dh, new_dc = jnp.where(part, new_dh, dh), jnp.where(part, new_dc, dc)
                return (new_dh + given_h, new_dc + given_c), dz

            mask = [m.astype(bool)[..., None] for m in mask]
            steps = (gates, cs[:-1], tanh_c, grad_h[:-1], grad_c[:-1], *mask)
            (dh, dc), grad_x = jax.lax.scan(step, (grad_h[-1], grad_c[-1]), steps, reverse=True)
            grad_kernel = hs[:-1].reshape(-1, units).T @ grad_x.reshape(-1, 4 * units)
            return grad_x, dh, dc, grad_kernel

        return function


class GRU(_RecurrentOp):
    """GRU with the reset gate after the product (Keras's `reset_after=True`).

    Inputs: x (time, batch, 3 units), the input's part of the gates with its bias; h (batch,
    units); recurrent kernel (units, 3 units); recurrent bias (3 units,); mask if `masked`.

    Outputs: the states h (time + 1, batch, units), the initial one first; and, which only the
    gradient uses, the gates (time, batch, 3 units) and the state's part of the candidate
    (time, batch, units).
    """

    def make_node(self, x, h, recurrent_kernel, bias, *mask):
        inputs = [pt.as_tensor_variable(v) for v in (x, h, recurrent_kernel, bias, *mask)]
        x, h, recurrent_kernel = inputs[:3]
        self.check(x, recurrent_kernel, 3)
        time, batch, width = x.type.shape
        units = h.type.shape[1]
        shapes = [(_plus_one(time), batch, units), (time, batch, width), (time, batch, units)]
        return Apply(self, inputs, [pt.TensorType(x.dtype, shape)() for shape in shapes])

    def output_shapes(self, node, shapes):
        x, h = shapes[:2]
        return [(x[0] + 1, x[1], h[1]), x, (x[0], x[1], h[1])]

    def perform(self, node, inputs, output_storage):
        x, h0, kernel, bias = inputs[:4]
        skipped = self.mask_of(inputs)
        time, batch, width = x.shape
        units = width // 3
        hs = np.empty((time + 1, batch, units), x.dtype)
        gates = np.empty_like(x)
        candidates = np.empty((time, batch, units), x.dtype)
        hs[0] = h0

        @np.errstate(over="ignore")
        def run(rows):
            for t in range(time):
                gate, candidate, h = gates[t, rows], candidates[t, rows], hs[t + 1, rows]
                np.dot(hs[t, rows], kernel, out=gate)
                gate += bias
                both = gate[:, : 2 * units]
                both += x[t, rows, : 2 * units]
                _sigmoid(both)
                update, reset, new = _split(gate, units)
                candidate[:] = new
                new *= reset
                new += x[t, rows, 2 * units :]
                np.tanh(new, out=new)
                np.subtract(hs[t, rows], new, out=h)
                h *= update
                h += new
                if skipped is not None:
                    np.copyto(h, hs[t, rows], where=skipped[t, rows])

        split(batch, batch * units * width, run, blas=True, least=LEAST_STEP)
        for storage, value in zip(output_storage, (hs, gates, candidates), strict=True):
            storage[0] = value

    def jax_function(self, node):
        import jax
        import jax.numpy as jnp

        def function(x, h0, kernel, bias, *mask):
            def step(h, inputs):
                x, *takes_part = inputs
                update, reset, candidate = _split(h @ kernel + bias, h.shape[-1])
                x_update, x_reset, x_new = _split(x, h.shape[-1])
                update, reset = jax.nn.sigmoid(update + x_update), jax.nn.sigmoid(reset + x_reset)
                new = jnp.tanh(x_new + reset * candidate)
                new_h = new + update * (h - new)
                for part in takes_part:
                    new_h = jnp.where(part, new_h, h)
                gates = jnp.concatenate([update, reset, new], axis=-1)
                return new_h, (new_h, gates, candidate)

            mask = [m.astype(bool)[..., None] for m in mask]
            _, (hs, gates, candidates) = jax.lax.scan(step, h0, (x, *mask))
            return _after(jnp, h0, hs), gates, candidates

        return function

    def connection_pattern(self, node):
        return [[True] * 3] * 4 + [[False] * 3] * self.masked

    def pullback(self, inputs, outputs, output_grads):
        if not (is_disconnected(output_grads[1]) and is_disconnected(output_grads[2])):
            raise NotImplementedError("There is no gradient through the gates that GRU keeps.")
        (grad_h,) = connected(outputs[:1], output_grads[:1])
        op = GRUGrad(self.masked)
        found = op(*outputs, inputs[2], grad_h, *inputs[4:])
        return [*found, *disconnected(self.masked)]


class GRUGrad(_RecurrentOp):
    """Inputs: the outputs of `GRU`, its kernel, the cotangent of h, its mask if any.
    Outputs: the gradients of x, h, the recurrent kernel and its bias."""

    def make_node(self, hs, gates, candidates, recurrent_kernel, grad_h, *mask):
        inputs = [hs, gates, candidates, recurrent_kernel, grad_h, *mask]
        state = pt.TensorType(hs.dtype, hs.type.shape[1:])
        bias = pt.TensorType(hs.dtype, gates.type.shape[2:])
        return Apply(self, inputs, [gates.type(), state(), recurrent_kernel.type(), bias()])

    def output_shapes(self, node, shapes):
        return [shapes[1], shapes[0][1:], shapes[3], shapes[1][2:]]

    def perform(self, node, inputs, output_storage):
        hs, gates, candidates, kernel, grad_h = inputs[:5]
        skipped = self.mask_of(inputs)
        time, batch, width = gates.shape
        units = width // 3
        grad_x, grad_rec = np.empty_like(gates), np.empty_like(gates)
        transposed = np.ascontiguousarray(kernel.T)
        dh_0 = np.empty((batch, units), hs.dtype)

        def run(rows):
            update, reset, new = _split(gates[:, rows], units)
            # What the cotangents are multiples of, for all steps: of the state's, for the update
            # gate and the candidate; of the candidate's, for the reset gate.
            to_update, to_reset, to_new = _split(grad_x[:, rows], units)
            np.multiply(update * (1 - update), hs[:-1, rows] - new, out=to_update)
            np.multiply(1 - update, 1 - new * new, out=to_new)
            np.multiply(reset * (1 - reset), candidates[:, rows], out=to_reset)
            dh = grad_h[time, rows].copy()
            for t in range(time - 1, -1, -1):
                dx, rec = grad_x[t, rows], grad_rec[t, rows]
                d_update, d_reset, d_new = _split(dx, units)
                d_update *= dh
                d_new *= dh
                d_reset *= d_new
                if skipped is not None:
                    np.copyto(dx, 0, where=skipped[t, rows])
                rec[:, : 2 * units] = dx[:, : 2 * units]
                np.multiply(d_new, reset[t], out=rec[:, 2 * units :])
                carried = dh * update[t]
                carried += np.dot(rec, transposed)
                dh = carried if skipped is None else np.where(skipped[t, rows], dh, carried)
                dh += grad_h[t, rows]
            dh_0[rows] = dh

        split(batch, batch * units * width, run, blas=True, least=LEAST_STEP)
        flat = grad_rec.reshape(-1, width)
        grad_kernel = np.empty(kernel.shape, kernel.dtype)
        matmul(hs[:-1].reshape(-1, units).T, flat, grad_kernel)
        grad_bias = flat.sum(axis=0)
        for storage, value in zip(
            output_storage, (grad_x, dh_0, grad_kernel, grad_bias), strict=True
        ):
            storage[0] = value

    def jax_function(self, node):
        import jax
        import jax.numpy as jnp

        def function(hs, gates, candidates, kernel, grad_h, *mask):
            units = kernel.shape[0]
            update, reset, new = _split(gates, units)
            to_update = update * (1 - update) * (hs[:-1] - new)
            to_new = (1 - update) * (1 - new * new)
            to_reset = reset * (1 - reset) * candidates

            def step(dh, inputs):
                update, reset, to_update, to_reset, to_new, given, *takes_part = inputs
                d_update, d_new = to_update * dh, to_new * dh
                d_reset = to_reset * d_new
                dx = jnp.concatenate([d_update, d_reset, d_new], axis=-1)
                rec = jnp.concatenate([d_update, d_reset, d_new * reset], axis=-1)
                carried = dh * update + rec @ kernel.T
                for part in takes_part:
                    dx, rec = jnp.where(part, dx, 0), jnp.where(part, rec, 0)
                    carried = jnp.where(part, carried, dh)
                return carried + given, (dx, rec)

            mask = [m.astype(bool)[..., None] for m in mask]
            steps = (update, reset, to_update, to_reset, to_new, grad_h[:-1], *mask)
            dh, (grad_x, rec) = jax.lax.scan(step, grad_h[-1], steps, reverse=True)
            rec = rec.reshape(-1, 3 * units)
            return grad_x, dh, hs[:-1].reshape(-1, units).T @ rec, rec.sum(axis=0)

        return function

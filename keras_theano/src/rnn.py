"""Recurrent layers' loops: any cell by `scan`; SimpleRNN, LSTM and GRU as one node each."""

import pytensor.tensor as pt
from keras.src import tree

from keras_theano.pytensor_ops import recurrent
from keras_theano.pytensor_ops.sizes import size_of, with_shape
from keras_theano.src import control_flow
from keras_theano.src.loop_body import call_and_undo
from keras_theano.src.missing import missing_op
from keras_theano.src.tensor import as_symbol, op

__getattr__ = missing_op("rnn")


def rnn(
    step_function,
    inputs,
    initial_states,
    go_backwards=False,
    mask=None,
    constants=None,
    unroll=False,
    input_length=None,
    time_major=False,
    zero_output_for_mask=False,
    return_all_outputs=True,
):
    """Run a cell over the time axis.

    Args:
        step_function: From (input of one step, states and constants) to (output, new states).
        inputs: Nested structure of (batch, time, ...) tensors.
        initial_states: Nested structure of (batch, ...) tensors.
        go_backwards: Whether to begin with the last step; outputs are in the order of processing.
        mask: None, or bool (batch, time[, 1]): where False, states keep their values and the output
            is the last one; before the first step that counts, zeros.
        constants: Further tensors for every step.
        unroll: Whether to repeat the cell's graph for every step, which needs a known length.
        input_length: Not used: the length is that of `inputs`.
        time_major: Whether all have their time axis before the batch axis.
        zero_output_for_mask: Whether masked steps give zeros, instead of the last output.
        return_all_outputs: Whether `outputs` has all steps, or only the last one.

    Returns:
        (last output (batch, ...), outputs (batch, time, ...), final states).
    """
    if not time_major:
        inputs = tree.map_structure(_swap_batch_and_time, inputs)
    steps = tree.flatten(inputs)[0].shape[0]
    if unroll and not steps:
        raise ValueError("Unrolling requires a fixed number of timesteps.")
    if mask is not None:
        mask = _as_mask(mask, time_major)
    if go_backwards:
        inputs = tree.map_structure(_reverse, inputs)
        mask = None if mask is None else _reverse(mask)
    states = tuple(initial_states)
    constants = tuple(constants or ())

    def run_cell(x, states):
        output, new_states = step_function(x, (*states, *constants))
        # A cell may return its states in another kind of sequence than it was given.
        return output, tree.pack_sequence_as(states, tree.flatten(new_states))

    def masked_step(carry, x):
        states, last_output = carry
        x, mask_t = x
        output, new_states = run_cell(x, states)
        if zero_output_for_mask:
            last_output = tree.map_structure(_zeros_like, output)
        output = tree.map_structure(lambda a, b: _where(mask_t, a, b), output, last_output)
        new_states = tree.map_structure(lambda a, b: _where(mask_t, a, b), new_states, states)
        return (new_states, output), (output if return_all_outputs else None)

    unroll = bool(unroll) or 1
    if mask is None:
        step = lambda states, x: run_cell(x, states)[::-1]
        states, outputs = control_flow.scan(step, states, inputs, unroll=unroll)
        last_output = tree.map_structure(lambda leaf: leaf[-1], outputs)
    else:
        first = tree.map_structure(lambda leaf: leaf[0], inputs)
        (example, _), _ = call_and_undo(lambda: run_cell(first, states))
        last_output = tree.map_structure(_zeros_like, example)
        (states, last_output), outputs = control_flow.scan(
            masked_step, (states, last_output), (inputs, mask), unroll=unroll
        )
    if not return_all_outputs:
        outputs = tree.map_structure(lambda leaf: _expand(leaf, 0), last_output)
    if not time_major:
        outputs = tree.map_structure(_swap_batch_and_time, outputs)
    return last_output, outputs, states


@op
def _swap_batch_and_time(x):
    return as_symbol(x).swapaxes(0, 1)


@op
def _reverse(x):
    return as_symbol(x)[::-1]


@op
def _expand(x, axis):
    return pt.expand_dims(as_symbol(x), axis)


@op
def _zeros_like(x):
    return pt.zeros_like(as_symbol(x))


@op
def _as_mask(mask, time_major):
    """Return the mask as bool (time, batch)."""
    mask = as_symbol(mask, "bool")
    if mask.type.ndim == 3:
        mask = mask.all(axis=-1)
    return mask if time_major else mask.swapaxes(0, 1)


@op
def _where(mask, x, other):
    """Choose rows of `x` where `mask` (batch,) is true, else of `other`."""
    x, other, mask = as_symbol(x), as_symbol(other), as_symbol(mask)
    return pt.switch(pt.expand_dims(mask, tuple(range(1, x.type.ndim))), x, other)


# --- SimpleRNN, LSTM and GRU as one node ---------------------------------------------------------


def cudnn_ok(activation, recurrent_activation, unroll=False, use_bias=True):
    """Tell whether the one-node LSTM and GRU compute these activations: tanh and sigmoid."""
    from keras.src import activations, ops

    return activation in (activations.tanh, ops.tanh) and recurrent_activation in (
        activations.sigmoid,
        ops.sigmoid,
    )


def fused_loop(layer, sequences, initial_state, mask, training):
    """Run an RNN layer's cell as one node; `keras_theano.hook` makes Keras ask for it first.

    Keras itself asks for `lstm` and `gru` only, and does not say what masked outputs are to be.

    Args:
        layer: A `keras.layers.RNN`; the rest are the arguments of its `inner_loop`.

    Returns:
        What `rnn` returns, or None where only that serves: for other cells than Keras's own, and
        where a cell does something in every step that the node does not know.
    """
    from keras import layers

    cell = layer.cell
    run = {
        layers.SimpleRNNCell: simple_rnn,
        layers.LSTMCell: lstm,
        layers.GRUCell: gru,
    }.get(type(cell))
    if (
        run is None
        or "call" in vars(cell)
        or cell.recurrent_dropout
        or cell.activity_regularizer is not None
        or cell.compute_dtype != layer.compute_dtype
        or not getattr(layer, "use_cudnn", True)
        or tree.is_nested(sequences)
        or len(sequences.shape) != 3
    ):
        return None
    if training and cell.dropout:
        kept = cell.get_dropout_mask(sequences[:, 0, :])
        if tree.is_nested(kept):
            return None  # one for each gate
        sequences = sequences * _expand(kept, 1)
    options = {"activation": cell.activation}
    if run is not simple_rnn:
        options["recurrent_activation"] = cell.recurrent_activation
    if run is gru:
        options["reset_after"] = cell.reset_after
    try:
        return run(
            sequences,
            *tree.flatten(initial_state),
            mask[0] if tree.is_nested(mask) else mask,
            cell.kernel,
            cell.recurrent_kernel,
            cell.bias,
            **options,
            return_sequences=layer.return_sequences,
            go_backwards=layer.go_backwards,
            zero_output_for_mask=layer.zero_output_for_mask,
        )
    except NotImplementedError:
        return None


def _check_gates(activation, recurrent_activation):
    """Raise NotImplementedError, upon which `rnn` is taken, where the one node does not serve."""
    if not cudnn_ok(activation, recurrent_activation):
        raise NotImplementedError


def _check_mask(mask, return_sequences, zero_output_for_mask):
    """As `_check_gates`: Keras, asking for `lstm` or `gru`, leaves out the last of these."""
    if mask is not None and return_sequences and zero_output_for_mask is None:
        raise NotImplementedError


def _arrange(inputs, mask, kernel, bias, go_backwards):
    """Return the gates' input part (time, batch, gates * units) and the mask, in step order."""
    inputs, kernel = as_symbol(inputs), as_symbol(kernel)
    x = inputs.swapaxes(0, 1)
    if mask is not None:
        mask = [_as_mask(mask, time_major=False)]
    if go_backwards:
        x = x[::-1]
        mask = mask and [mask[0][::-1]]
    # One matrix product for all steps: PyTensor's own for three axes is slower.
    time, batch = size_of(x, 0), size_of(x, 1)
    product = pt.dot(x.reshape((-1, size_of(x, 2))), kernel)
    if bias is not None:
        product = product + bias
    gates = product.reshape((time, batch, size_of(kernel, 1)))
    return with_shape(gates, (time, batch, size_of(kernel, 1))), mask or []


def _results(states, mask, return_sequences, zero_output_for_mask, dtype):
    """Return the last state, last output, and outputs (batch, time, units), in the inputs' dtype.

    An output is the state after that step, but zeros before the first step that counts, and at any
    that does not where masked outputs are zero.
    """
    outputs = states[1:] if return_sequences else states[-1:]
    if mask:
        if zero_output_for_mask:
            given = mask[0] if return_sequences else mask[0][-1:]
        elif return_sequences:
            given = pt.cumsum(mask[0].astype("int64"), axis=0) > 0
        else:
            given = mask[0].any(axis=0, keepdims=True)
        outputs = pt.switch(pt.expand_dims(given, 2), outputs, pt.zeros((), outputs.type.dtype))
    found = (states[-1], outputs[-1], outputs.swapaxes(0, 1))
    return [as_symbol(value, dtype) for value in found]


def _compute_dtype(*values):
    """float16 is computed in float32: NumPy has no fast product of half-precision matrices."""
    return "float64" if any(v.type.dtype == "float64" for v in values) else "float32"


@op
def _simple_rnn(
    inputs, h, mask, kernel, recurrent_kernel, bias, activation, go_backwards, *outputs
):
    inputs, kernel = as_symbol(inputs), as_symbol(kernel)
    dtype = _compute_dtype(inputs, kernel)
    inner = [as_symbol(v, dtype) for v in (inputs, h, kernel, recurrent_kernel)]
    bias = None if bias is None else as_symbol(bias, dtype)
    x, mask = _arrange(inner[0], mask, inner[2], bias, go_backwards)
    hs = recurrent.SimpleRNN(activation, masked=bool(mask))(x, inner[1], inner[3], *mask)
    h, last, outputs = _results(hs, mask, *outputs, inputs.type.dtype)
    return last, outputs, [h]


def simple_rnn(
    inputs,
    initial_state,
    mask,
    kernel,
    recurrent_kernel,
    bias,
    activation,
    return_sequences=False,
    go_backwards=False,
    zero_output_for_mask=False,
):
    """Run a simple RNN with Keras's weights; as `lstm`, with [h] for states."""
    from keras.src import activations, ops

    name = {
        None: "identity",
        activations.linear: "identity",
        **{
            getattr(where, n): n
            for where in (activations, ops)
            for n in ("tanh", "sigmoid", "relu")
        },
    }.get(activation)
    if name is None:
        raise NotImplementedError
    return _simple_rnn(
        inputs,
        initial_state,
        mask,
        kernel,
        recurrent_kernel,
        bias,
        name,
        go_backwards,
        return_sequences,
        zero_output_for_mask,
    )


@op
def _lstm(inputs, h, c, mask, kernel, recurrent_kernel, bias, go_backwards, *outputs):
    inputs, kernel = as_symbol(inputs), as_symbol(kernel)
    dtype = _compute_dtype(inputs, kernel)
    inner = [as_symbol(v, dtype) for v in (inputs, h, c, kernel, recurrent_kernel)]
    bias = None if bias is None else as_symbol(bias, dtype)
    x, mask = _arrange(inner[0], mask, inner[3], bias, go_backwards)
    hs, cs, _ = recurrent.LSTM(masked=bool(mask))(x, inner[1], inner[2], inner[4], *mask)
    h, last, outputs = _results(hs, mask, *outputs, inputs.type.dtype)
    return last, outputs, [h, as_symbol(cs[-1], inputs.type.dtype)]


def lstm(
    inputs,
    initial_state_h,
    initial_state_c,
    mask,
    kernel,
    recurrent_kernel,
    bias,
    activation,
    recurrent_activation,
    return_sequences=False,
    go_backwards=False,
    unroll=False,
    zero_output_for_mask=None,
):
    """Run an LSTM with Keras's weights over (batch, time, features) inputs.

    Args:
        zero_output_for_mask: As for `rnn`; None, of Keras's own calls, is not known.

    Returns:
        (last output, outputs (batch, time, units), [h, c]).

    Raises:
        NotImplementedError: Keras is to take the general loop.
    """
    _check_gates(activation, recurrent_activation)
    _check_mask(mask, return_sequences, zero_output_for_mask)
    return _lstm(
        inputs,
        initial_state_h,
        initial_state_c,
        mask,
        kernel,
        recurrent_kernel,
        bias,
        go_backwards,
        return_sequences,
        zero_output_for_mask,
    )


@op
def _gru(inputs, h, mask, kernel, recurrent_kernel, bias, go_backwards, *outputs):
    inputs, kernel = as_symbol(inputs), as_symbol(kernel)
    dtype = _compute_dtype(inputs, kernel)
    inner = [as_symbol(v, dtype) for v in (inputs, h, kernel, recurrent_kernel)]
    if bias is None:
        bias = pt.zeros((2, size_of(kernel, 1)), dtype)
    bias = as_symbol(bias, dtype)
    x, mask = _arrange(inner[0], mask, inner[2], bias[0], go_backwards)
    hs, *_ = recurrent.GRU(masked=bool(mask))(x, inner[1], inner[3], bias[1], *mask)
    h, last, outputs = _results(hs, mask, *outputs, inputs.type.dtype)
    return last, outputs, [h]


def gru(
    inputs,
    initial_state,
    mask,
    kernel,
    recurrent_kernel,
    bias,
    activation,
    recurrent_activation,
    return_sequences=False,
    go_backwards=False,
    unroll=False,
    reset_after=True,
    zero_output_for_mask=None,
):
    """Run a GRU with Keras's weights; as `lstm`, with [h] for states."""
    _check_gates(activation, recurrent_activation)
    _check_mask(mask, return_sequences, zero_output_for_mask)
    if not reset_after:
        raise NotImplementedError
    return _gru(
        inputs,
        initial_state,
        mask,
        kernel,
        recurrent_kernel,
        bias,
        go_backwards,
        return_sequences,
        zero_output_for_mask,
    )


def bidirectional_lstm(*args, **kwargs):
    """Keras then runs `lstm` twice, which is what one node would do here as well."""
    raise NotImplementedError


def bidirectional_gru(*args, **kwargs):
    """Keras then runs `gru` twice, which is what one node would do here as well."""
    raise NotImplementedError

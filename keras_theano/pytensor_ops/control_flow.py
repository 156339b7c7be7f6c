"""Ops whose behaviour is given by graphs or functions: while loops and custom gradients."""

import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Apply

from ._base import TensorOp, connected, disconnected
from ._threads import steps


class InnerGraph:
    """A graph that an Op runs as a function, compiled on first use.

    Args:
        inputs, outputs: PyTensor variables; the outputs depend on nothing but the inputs.
        compile_function: Takes inputs and outputs, returns a function of arrays.
    """

    def __init__(self, inputs, outputs, compile_function):
        self.inputs = inputs
        self.outputs = outputs
        self.compile_function = compile_function
        self._function = None

    def __call__(self, arrays):
        if self._function is None:
            self._function = self.compile_function(self.inputs, self.outputs)
        return self._function(*arrays)

    def in_jax(self, values):
        """The graph's outputs, of JAX's arrays."""
        from .jax_graph import evaluate

        return evaluate(dict(zip(self.inputs, values, strict=True)), self.outputs)


def _arrays(values):
    """JAX's loops carry arrays of fixed dtypes, no numbers."""
    import jax.numpy as jnp

    return tuple(jnp.asarray(value) for value in values)


class WhileLoop(TensorOp):
    """Repeat `body` while `condition` holds.

    Inputs: the initial values of what the loop carries, then what it only reads. Outputs: the
    final values of what it carries.

    Args:
        condition: `InnerGraph` from the inputs to one scalar.
        body: `InnerGraph` from the inputs to the next values of what is carried.
    """

    __props__ = ("condition", "body")

    def __init__(self, condition, body):
        self.condition = condition
        self.body = body

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [output.type() for output in self.body.outputs])

    @steps()
    def perform(self, node, inputs, output_storage):
        count = len(output_storage)
        final = inputs[:count]
        for final in self.run(final, inputs[count:]):  # noqa: B007, B020 - the last one counts
            pass
        for storage, value, output in zip(output_storage, final, node.outputs, strict=True):
            # Where the body never ran these are the inputs, which must not be aliased.
            storage[0] = output.type.filter(value).copy()

    def jax_function(self, node):
        import jax

        def function(*inputs):
            count = len(node.outputs)
            values, fixed = _arrays(inputs[:count]), inputs[count:]
            return jax.lax.while_loop(
                lambda values: self.condition.in_jax([*values, *fixed])[0],
                lambda values: _arrays(self.body.in_jax([*values, *fixed])),
                values,
            )

        return function

    def connection_pattern(self, node):
        def has_gradient(variable):
            return variable.dtype.startswith("float")

        return [[has_gradient(i) and has_gradient(o) for o in node.outputs] for i in node.inputs]

    def run(self, values, fixed):
        """Yield what is carried: at the start, and after every pass."""
        yield values
        while self.condition([*values, *fixed])[0]:
            values = self.body([*values, *fixed])
            yield values

    def pullback(self, inputs, outputs, output_grads):
        inner = self.body
        count = len(outputs)
        carried = [i for i, v in enumerate(outputs) if v.dtype.startswith("float")]
        wrt = [i for i, v in enumerate(inputs) if v.dtype.startswith("float")]
        cotangents = [inner.outputs[i].type() for i in carried]
        found = pytensor.grad(
            None,
            [inner.inputs[i] for i in wrt],
            known_grads={
                # A variable may be carried into two places; the sum counts both.
                output: sum(
                    (
                        c
                        for i, c in zip(carried, cotangents, strict=True)
                        if inner.outputs[i] is output
                    ),
                    start=pt.zeros_like(output),
                )
                for output in {inner.outputs[i]: None for i in carried}
            },
            disconnected_inputs="ignore",
            return_disconnected="zero",
        )
        backward = InnerGraph([*inner.inputs, *cotangents], found, inner.compile_function)
        op = WhileLoopGrad(self, backward, tuple(carried), tuple(wrt), count)
        grads = connected(outputs, output_grads)
        results = iter(op(*inputs, *(grads[i] for i in carried), return_list=True))
        return [next(results) if i in wrt else disconnected(1)[0] for i in range(len(inputs))]


class WhileLoopGrad(TensorOp):
    """The gradient of `WhileLoop`: runs it again, keeping every pass, then goes back.

    Inputs: the loop's inputs, then the cotangents of the floating outputs. Outputs: the gradients
    of the floating inputs.
    """

    __props__ = ("loop", "backward", "carried", "wrt", "count")

    def __init__(self, loop, backward, carried, wrt, count):
        self.loop = loop
        self.backward = backward
        self.carried = carried
        self.wrt = wrt
        self.count = count

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [inputs[i].type() for i in self.wrt])

    @steps()
    def perform(self, node, inputs, output_storage):
        split = len(inputs) - len(self.carried)
        values, fixed = inputs[: self.count], inputs[self.count : split]
        passes = list(self.loop.run(values, fixed))
        cotangents = list(inputs[split:])
        of_fixed = [0] * (len(self.wrt) - len(self.carried))
        for values in reversed(passes[:-1]):
            found = self.backward([*values, *fixed, *cotangents])
            cotangents = found[: len(self.carried)]
            of_fixed = [a + b for a, b in zip(of_fixed, found[len(self.carried) :], strict=True)]
        for storage, value, output, place in zip(
            output_storage, [*cotangents, *of_fixed], node.outputs, self.wrt, strict=True
        ):
            if isinstance(value, int):  # the body never ran
                value = inputs[place] * 0
            storage[0] = output.type.filter(value).copy()

    def jax_function(self, node):
        """As `perform`, but every pass starts from the beginning again.

        A JAX program cannot keep a number of values that it learns only as it runs; n passes cost
        n n / 2 here.
        """
        import jax

        def function(*inputs):
            split = len(inputs) - len(self.carried)
            start, fixed = _arrays(inputs[: self.count]), inputs[self.count : split]

            def forward(values):
                return _arrays(self.loop.body.in_jax([*values, *fixed]))

            def count_on(state):
                done, values = state
                return done + 1, forward(values)

            passes, _ = jax.lax.while_loop(
                lambda state: self.loop.condition.in_jax([*state[1], *fixed])[0],
                count_on,
                (0, start),
            )

            def back(done, state):
                cotangents, of_fixed = state
                values = jax.lax.fori_loop(
                    0, passes - 1 - done, lambda _, values: forward(values), start
                )
                found = _arrays(self.backward.in_jax([*values, *fixed, *cotangents]))
                count = len(self.carried)
                return found[:count], tuple(
                    a + b for a, b in zip(of_fixed, found[count:], strict=True)
                )

            of_fixed = tuple(inputs[i] * 0 for i in self.wrt[len(self.carried) :])
            state = (_arrays(inputs[split:]), _arrays(of_fixed))
            cotangents, of_fixed = jax.lax.fori_loop(0, passes, back, state)
            return [*cotangents, *of_fixed]

        return function


class CustomGradient(TensorOp):
    """Pass values through, with a gradient given by a function.

    Inputs: the values, then the variables that they were computed from. Outputs: the values.

    Args:
        count: Number of values.
        function: From the values' cotangents (a list of variables) to the gradients of the
            further inputs (a list of variables; None where there is none).
    """

    __props__ = ("count", "function")

    def __init__(self, count, function):
        self.count = count
        self.function = function
        self.view_map = {i: [i] for i in range(count)}

    def make_node(self, *inputs):
        return Apply(self, list(inputs), [v.type() for v in inputs[: self.count]])

    def perform(self, node, inputs, output_storage):
        for storage, value in zip(output_storage, inputs, strict=False):
            storage[0] = value

    def jax_function(self, node):
        return lambda *inputs: list(inputs[: self.count])

    def output_shapes(self, node, shapes):
        return shapes[: self.count]

    def connection_pattern(self, node):
        rest = len(node.inputs) - self.count
        return [[False] * self.count] * self.count + [[True] * self.count] * rest

    def pullback(self, inputs, outputs, output_grads):
        found = self.function(connected(outputs, output_grads))
        return [
            *disconnected(self.count),
            *(disconnected(1)[0] if grad is None else grad for grad in found),
        ]

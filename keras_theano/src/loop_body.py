"""Tracing the bodies of loops: from a Python function of tensors to a graph of its own.

The body is traced on stand-ins. What it reads from outside becomes further inputs, so that it is
computed once and not in every step; what it assigns to Keras variables is taken back, to be
carried from step to step and assigned when the loop has ended.
"""

from keras.src import tree
from keras.src.backend.common.stateless_scope import get_stateless_scope
from pytensor.graph.basic import Constant

from keras_theano.pytensor_ops.sizes import with_shape
from keras_theano.src.tensor import Tensor, as_symbol
from keras_theano.src.tracing import TraceScope


def tracing(*values):
    """Tell whether a graph is being built: by the values at hand, or by the scope around."""
    if any(isinstance(leaf, Tensor) for leaf in tree.flatten(values)):
        return True
    return isinstance(get_stateless_scope(), TraceScope)


def flatten(structure):
    """Return the leaves of a nested structure that are not None."""
    return [leaf for leaf in tree.flatten(structure) if leaf is not None]


def pack(structure, leaves):
    """Return `structure` with `leaves` in the places of those that are not None."""
    remaining = iter(leaves)
    return tree.map_structure(lambda leaf: None if leaf is None else next(remaining), structure)


def call_and_undo(function, states=()):
    """Call `function` in the scope that is active, and undo its assignments to variables.

    Args:
        function: Takes no argument.
        states: Pairs (Keras variable, the value it has during the call).

    Returns:
        (result, assigned): `assigned` is a list of pairs (Keras variable, value).
    """
    scope = get_stateless_scope()
    if scope is None:
        return function(), []
    before, add_update = dict(scope.state_mapping), scope.add_update
    assigned = {}

    def record(update):
        assigned[id(update[0])] = update[0]
        add_update(update)

    scope.state_mapping.update((id(variable), value) for variable, value in states)
    scope.add_update = record
    try:
        result = function()
        values = [(v, scope.state_mapping[id(v)]) for v in assigned.values()]
    finally:
        scope.add_update = add_update
        scope.state_mapping = before
    return result, values


class LoopBody:
    """The body of a loop, traced.

    Args:
        function: From (carried structure, step structure) to (carried structure, any structure).
        carry: Nested structure of the initial values (Tensors or arrays) that are carried.
        step: Nested structure of PyTensor types: what the body gets anew in each step.

    Attributes:
        initial: Initial values, PyTensor variables, of all that is carried: `carry`, then the
            Keras variables that the body assigns to.
        carried: The stand-ins for these inside the body.
        step: The stand-ins for what comes anew in each step.
        next: The values after a step, in the types of `carried`.
        results: The body's further results, flat PyTensor variables.
        variables: The Keras variables that are carried.

    Raises:
        ValueError: what is carried changes its structure, shape or dtype in a step.
    """

    def __init__(self, function, carry, step=None):
        self._carry = carry
        self.variables = []
        values = [as_symbol(leaf) for leaf in flatten(carry)]
        # Each pass may find a variable that is assigned to, or a size that was not known.
        for _ in range(10):
            self.initial = values + [current_value(v) for v in self.variables]
            found = self._trace(function, step)
            if found is None:
                continue
            values, stable = self._agree(values, found)
            if stable:
                return
        raise ValueError("The loop's body assigns to ever more variables.")

    def _trace(self, function, step):
        self.carried = [value.type() for value in self.initial]
        inner = pack(self._carry, [Tensor(v) for v in self.carried])
        steps = tree.map_structure(lambda t: None if t is None else Tensor(t()), step)
        self.step = [leaf.symbol for leaf in flatten(steps)]
        count = len(self.initial) - len(self.variables)
        states = list(zip(self.variables, map(Tensor, self.carried[count:]), strict=True))
        (new, results), assigned = call_and_undo(lambda: function(inner, steps), states)
        known = {id(variable) for variable in self.variables}
        missing = [variable for variable, _ in assigned if id(variable) not in known]
        if missing:
            self.variables += missing
            return None
        new = flatten(new)
        if len(new) != count:
            raise ValueError(
                f"The body of a loop must return as many values as it carries: {count}, but it "
                f"returned {len(new)}."
            )
        last = {id(variable): value for variable, value in assigned}
        new += [last[id(variable)] for variable in self.variables]
        self._results = tree.map_structure(
            lambda leaf: None if leaf is None else as_symbol(leaf), results
        )
        self.results = flatten(self._results)
        return [as_symbol(value) for value in new]

    def _agree(self, values, new):
        """Bring values before and after a step to one type; return those before, and success."""
        self.next, refined = [], []
        for before, after in zip(self.carried, new, strict=True):
            old, type_ = before.type, after.type
            same_kind = old.dtype.rstrip("0123456789") == type_.dtype.rstrip("0123456789")
            sizes_agree = old.ndim == type_.ndim and all(
                None in pair or pair[0] == pair[1]
                for pair in zip(old.shape, type_.shape, strict=True)
            )
            if not (same_kind and sizes_agree):
                raise ValueError(
                    "What a loop carries must keep its shape and dtype, but it has shape "
                    f"{old.shape} and dtype {old.dtype} before a step, and shape {type_.shape} "
                    f"and dtype {type_.dtype} after it."
                )
            refined.append(type_.shape)
            self.next.append(with_shape(as_symbol(after, old.dtype), old.shape))
        narrowed = [with_shape(value, shape) for value, shape in zip(values, refined, strict=False)]
        stable = all(a is b for a, b in zip(values, narrowed, strict=True))
        return narrowed, stable

    def captured(self, *more):
        """Return what the body (and the variables `more`) read of the graph outside."""
        inner = {*self.carried, *self.step}
        depends, found = {}, []
        outputs = [*self.next, *self.results, *more]
        for variable in _parents_first(outputs):
            parents = variable.owner.inputs if variable.owner else []
            depends[variable] = variable in inner or any(depends[p] for p in parents)
            if depends[variable] and variable not in inner:
                found.extend(p for p in parents if not depends[p])
        found.extend(output for output in outputs if not depends[output])
        return [v for v in dict.fromkeys(found) if not isinstance(v, Constant)]

    def finish(self, final):
        """Assign the carried variables' final values; return the carried structure of Tensors."""
        count = len(final) - len(self.variables)
        for variable, value in zip(self.variables, final[count:], strict=True):
            get_stateless_scope().add_update((variable, Tensor(value)))
        return pack(self._carry, [Tensor(value) for value in final[:count]])

    def pack_results(self, results):
        """Return the structure of the body's further results, of Tensors."""
        return pack(self._results, [Tensor(value) for value in results])


def current_value(variable):
    """Return a Keras variable's value here and now, not cast to a layer's compute dtype."""
    value = get_stateless_scope().get_current_value(variable)
    return as_symbol(variable._value if value is None else value, variable.dtype)


def rebuild(outputs, old, new):
    """Return `outputs` computed from the variables `new` in the place of `old`.

    Nodes that depend on none of them stay as they are (PyTensor's `clone_replace` copies them too,
    and with them all that was computed before a loop into the loop).
    """
    memo = dict(zip(old, new, strict=True))
    for variable in _parents_first(outputs, stop=memo):
        node = variable.owner
        if variable in memo:
            continue
        if node is None or all(memo[parent] is parent for parent in node.inputs):
            memo[variable] = variable
            continue
        clone = node.clone_with_new_inputs([memo[p] for p in node.inputs], strict=False)
        for before, after in zip(node.outputs, clone.outputs, strict=True):
            memo.setdefault(before, after)
    return [memo[output] for output in outputs]


def _parents_first(outputs, stop=()):
    """List all that `outputs` are computed from, and they, without what comes before `stop`."""
    order, seen = [], set()
    stack = [(variable, False) for variable in outputs]
    while stack:
        variable, ready = stack.pop()
        if ready:
            order.append(variable)
        elif variable not in seen:
            seen.add(variable)
            stack.append((variable, True))
            if variable.owner is not None and variable not in stop:
                stack.extend((parent, False) for parent in variable.owner.inputs)
    return order

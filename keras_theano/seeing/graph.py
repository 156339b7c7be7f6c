"""The graph of what a model computes in one step: its operations, layer by layer."""

import time

import keras
import numpy as np
from keras import tree
from pytensor.graph.basic import Constant

from keras_theano.seeing.nodes import Node, operation_name, type_name
from keras_theano.seeing.picture import Picture
from keras_theano.seeing.profile import Profile
from keras_theano.src import errors, modes
from keras_theano.src.layer_marks import layer_of
from keras_theano.src.tracing import CompiledStep
from keras_theano.src.trainer import as_batch


def forward_graph(model, x=None):
    """Return the graph by which `model.predict` computes one batch.

    Args:
        model: A Keras model.
        x: A batch of inputs, as for `model.predict`. None: any inputs of the model's shapes, which
            a model made of `keras.Input`s knows; an axis of any length is then taken as 2.

    Returns:
        A `Graph`.

    Raises:
        ValueError: `x` is None, and the model does not know its inputs' shapes.
    """
    if x is None:
        x = _any_inputs(model)
    return Graph(model, model.predict_step, (as_batch(x)[0],))


def training_graph(model, x, y=None, sample_weight=None):
    """Return the graph of one step of `model.fit`. Nothing is trained.

    Args:
        model: A compiled Keras model.
        x, y, sample_weight: A batch, as for `model.train_on_batch`.

    Returns:
        A `Graph`.

    Raises:
        ValueError: the model is not compiled.
    """
    if not model.compiled:
        raise ValueError("The model has no loss and no optimizer yet: call `compile()` first.")
    data = as_batch(x, y, sample_weight)
    model._symbolic_build(data_batch=data)
    return Graph(model, model.train_step, data)


def _any_inputs(model):
    try:
        inputs = getattr(model, "_inputs_struct", None) or model.inputs
    except (AttributeError, ValueError):
        inputs = None
    if isinstance(inputs, list) and len(inputs) == 1:
        inputs = inputs[0]
    if inputs is None or inputs == []:
        raise ValueError(
            f"The model {model.name!r} does not know its inputs' shapes before it has seen data: "
            "give a batch, forward_graph(model, x)."
        )
    return tree.map_structure(
        lambda one: np.zeros([2 if size is None else size for size in one.shape], one.dtype), inputs
    )


class Graph:
    """A model's step as PyTensor compiles it for the mode "vm": after all rewriting, as it runs.

    An operation that rewriting has merged from two layers' is listed under one of them.

    Attributes:
        function: The compiled PyTensor function of one batch's arrays; see `pytensor.dprint`.
            Calling a training step's function trains the model.
        nodes: Its `Node`s, in the order in which they run.
        model: The Keras model.
    """

    def __init__(self, model, step, data):
        self.model = model
        self._given = _which_are_given(data)
        with modes.in_vm():
            self.function = CompiledStep(step).function_for(data)
        self._owners = _Owners(model)
        self._inputs = self._name_inputs(data)
        self.nodes = self._read()

    def __repr__(self):
        return f"<Graph of {self.model.name!r}: {len(self.nodes)} operations>"

    def __str__(self):
        return self.text()

    def _name_inputs(self, data):
        """{PyTensor variable: its name} of the batch's arrays."""
        names = []
        for leaves, kind in zip(data, ("input", "targets", "sample weights"), strict=False):
            paths = [path for path, leaf in tree.flatten_with_path(leaves) if leaf is not None]
            own = [x.name for x in getattr(self.model, "inputs", None) or ()]
            if kind == "input" and len(own) == len(paths) > 1:
                names += own
            else:
                names += [f"{kind} {'/'.join(map(str, path))}".rstrip() for path in paths]
        variables = self.function.maker.fgraph.inputs[: len(names)]
        return dict(zip(variables, names, strict=True))

    def _read(self):
        fgraph = self.function.maker.fgraph
        updated = {
            fgraph.outputs[place]: fgraph.inputs[source]
            for place, source in (fgraph.update_mapping or {}).items()
        }
        nodes, places = {}, {}
        order = fgraph.toposort()
        # What nobody has marked (metrics, say) belongs where its results go, so the last first.
        for apply in reversed(order):
            changed = [updated[out] for out in apply.outputs if out in updated]
            places[apply] = self._place(fgraph, apply, changed, places)
        for apply in order:
            row, part = places[apply]
            changed = [updated[out] for out in apply.outputs if out in updated]
            names = self._owners.names_of_state(changed, row)
            nodes[apply] = Node(apply, operation_name(apply.op), row, part, names)
        for node in nodes.values():
            node.sources = [
                nodes[source.owner] if source.owner else self._leaf_name(source)
                for source in node.apply.inputs
            ]
        return list(nodes.values())

    def _place(self, fgraph, apply, changed, places):
        owners = self._owners
        path = next(filter(None, map(layer_of, apply.outputs)), None)
        of_layer = path and path.split("/")[0] != owners.optimizer_name
        if of_layer and len(changed) < len(apply.outputs):
            gradient = any(getattr(out.tag, "gradient", False) for out in apply.outputs)
            return owners.row(path), "gradient" if gradient else "forward"
        rows = [owners.row_of_state(shared) for shared in changed]
        if rows:
            # An optimizer's momenta change together with the weights that they are for.
            return next((row for row in rows if row != owners.optimizer_name), rows[0]), "update"
        if path:
            return owners.optimizer_name, "update"
        clients = (client for out in apply.outputs for client, _ in fgraph.clients[out])
        return next((places[one] for one in clients if one in places), ("outputs", "forward"))

    def _leaf_name(self, variable):
        if isinstance(variable, Constant):
            data = np.asarray(variable.data)
            return f"{data.item():.6g}" if data.size == 1 else f"constant{data.shape}"
        return self._inputs.get(variable) or variable.name or str(variable.type)

    def text(self):
        """Return all operations as text: a line each, under the layer and part it belongs to."""
        numbers = {node: number for number, node in enumerate(self.nodes, 1)}
        lines = []
        for row in self._rows():
            for part in ("forward", "gradient", "update"):
                members = [n for n in self.nodes if (n.row, n.part) == (row, part)]
                if members:
                    lines.append(f"{self._owners.title(row)}: {part}")
                lines += [f"  {self._line(node, numbers)}" for node in members]
        return "\n".join(lines)

    def _line(self, node, numbers):
        sources = ", ".join(s if isinstance(s, str) else f"#{numbers[s]}" for s in node.sources)
        types = ", ".join(type_name(out) for out in node.apply.outputs)
        return f"#{numbers[node]} {node.name}({sources}) -> {types}"

    def _rows(self):
        """Names of the rows: layers in the order of `model.summary()`, then the rest."""
        rank = {name: place for place, name in enumerate(self._owners.names())}
        found = dict.fromkeys(node.row for node in self.nodes)
        last = [row for row in ("loss", "outputs", *self._owners.after()) if row in found]
        rows = sorted(set(found) - set(last), key=lambda row: rank.get(row, len(rank)))
        return rows + last

    def figure(self, most=24):
        """Draw the graph: a row for each layer, with what it computes forward, back and for updates.

        Blue arrows are values on their way forward, down the page; orange ones are gradients on
        their way back up; grey ones lead from a layer's values to its gradient, and from its
        gradient to the new values of its weights.

        Args:
            most: The most rows to draw. In a deeper model neighbouring layers share a row.

        Returns:
            A `matplotlib.figure.Figure` with a text for those who cannot see it, `alt`.

        Raises:
            ModuleNotFoundError: Matplotlib is not installed.
        """
        return Picture(self, most).draw()

    def profile(self, x, y=None, sample_weight=None, steps=5):
        """Run the graph on a batch and return what each operation takes, as a `Profile`.

        Weights, metrics, optimizer and random state are put back afterwards.

        Args:
            x, y, sample_weight: A batch of the same kind as the graph was made for.
            steps: How often it is run; one more run before them is not counted.

        Raises:
            ValueError: the batch is of another kind, or `steps` is less than 1.
        """
        if steps < 1:
            raise ValueError(f"steps must be 1 or more, but it is {steps}.")
        data = as_batch(x, y, sample_weight)[: len(self._given)]
        if _which_are_given(data) != self._given:
            raise ValueError(
                "The batch has other parts (inputs, targets, sample weights) than the one that "
                "this graph was made for."
            )
        arrays = [leaf for leaf in tree.flatten(data) if leaf is not None]
        vm = self.function.vm
        state = self.function.get_shared()
        before = [shared.get_value() for shared in state]
        try:
            self._call(arrays)
            vm.time_thunks = True
            vm.call_times = [0.0] * len(vm.nodes)
            vm.call_counts = [0] * len(vm.nodes)
            start = time.perf_counter()
            for _ in range(steps):
                self._call(arrays)
            seconds = time.perf_counter() - start
        finally:
            vm.time_thunks = False
            for shared, value in zip(state, before, strict=True):
                shared.set_value(value, borrow=True)
        taken = dict(zip(vm.nodes, vm.call_times, strict=True))
        return Profile(
            [(node, 1000 * taken[node.apply] / steps) for node in self.nodes],
            1000 * seconds / steps,
        )

    def _call(self, arrays):
        try:
            self.function(*arrays)
        except Exception as error:
            raise errors.explain(error) from None


def _which_are_given(data):
    return tree.map_structure(lambda leaf: leaf is not None, data)


class _Owners:
    """Knows the layer (or other part of a model) that paths and shared variables belong to."""

    def __init__(self, model):
        self._layers = {}  # name -> layer; of two with one name, in different models, the first
        self._state = {}
        self._collect(model)
        self._model = model
        optimizer = getattr(model, "optimizer", None)
        self.optimizer_name = optimizer.name if optimizer else None
        for variable in optimizer.variables if optimizer else ():
            self._state[variable.shared] = self.optimizer_name
        for metric in getattr(model, "metrics", ()):
            for variable in metric.variables:
                self._state[variable.shared] = "metrics"

    def _collect(self, model):
        for layer in model.layers:
            if isinstance(layer, keras.Model):
                self._collect(layer)
                continue
            self._layers.setdefault(layer.name, layer)
            for variable in layer.variables:
                self._state.setdefault(variable.shared, layer.name)

    def names(self):
        """The names of the layers, in the model's order."""
        return list(self._layers)

    def after(self):
        """The names of the rows that come after the loss."""
        return ["metrics", self.optimizer_name]

    def names_of_state(self, changed, row):
        """Short names of those shared variables that belong to `row`."""
        return [
            (shared.name or "state").rpartition("/")[2]
            for shared in changed
            if self.row_of_state(shared) == row
        ]

    def title(self, row):
        layer = self._layers.get(row)
        return f"{row} ({type(layer).__name__})" if layer is not None else row

    def row(self, path):
        parts = path.split("/")
        if parts[0] == "compile_loss":
            return "loss"
        return next((part for part in parts if part in self._layers), parts[-1])

    def row_of_state(self, shared):
        if shared in self._state:
            return self._state[shared]
        return self.row(shared.name or "state")

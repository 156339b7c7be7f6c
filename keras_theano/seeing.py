"""Seeing the Theano (PyTensor) graphs that Keras models become, and what their time goes to.

    graph = forward_graph(model)       # what predict computes
    print(graph)                       # every operation, by layer
    graph.figure()                     # a picture, one row a layer
    pytensor.dprint(graph.function)    # PyTensor's own way to print a graph
    step = training_graph(model, x, y) # forward, loss, gradients and the optimizer's updates
    print(step.profile(x, y))          # where a step's time goes, by layer and by operation

and PyTensor's variables and functions mixed with Keras's layers:

    pixels = pt.matrix("pixels")
    scores = as_variable(model(as_tensor(pixels)))  # a PyTensor variable
    swish = for_keras(lambda x: x * pt.sigmoid(x))  # a function for layers.Activation, Lambda ...
"""

import contextlib
import itertools
import textwrap
import time
from collections import Counter
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import tree
from pytensor.graph.basic import Constant
from pytensor.graph.basic import Variable as TheanoVariable
from pytensor.tensor.elemwise import CAReduce

from keras_theano.src import errors, modes
from keras_theano.src.marks import layer_of
from keras_theano.src.tensor import Tensor, as_symbol, op
from keras_theano.src.tracing import CompiledStep, TraceScope
from keras_theano.src.trainer import as_batch

# --- Graphs of a model ---------------------------------------------------------------------------


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


@dataclass(eq=False)
class Node:
    """One operation of a compiled graph.

    Attributes:
        apply: PyTensor's node.
        name: What it computes, such as "Dot" or "Add, Tanh".
        row: Name of the layer that it belongs to, or "loss", "metrics" or the optimizer's name.
        part: "forward", "gradient" or "update" (new values of weights and other state).
        changes: Names of the weights or other state that it gives new values.
        sources: The nodes, inputs (str) and constants (str) that it reads.
    """

    apply: object
    name: str
    row: str
    part: str
    changes: list
    sources: list = field(default_factory=list)


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
        with modes.interpreted():
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
        types = ", ".join(_type_name(out) for out in node.apply.outputs)
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
        return _Picture(self, most).draw()

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


def operation_name(operation):
    """Return a short name of a PyTensor Op: for a fused chain, what it does to each element."""
    reduces = isinstance(operation, CAReduce)
    scalar = None if reduces else getattr(operation, "scalar_op", None)
    inner = getattr(scalar, "fgraph", None)
    if inner is not None:
        names = Counter(_short(node.op) for node in inner.toposort())
        names.pop("Cast", None)
        listed = [name if count == 1 else f"{name} x{count}" for name, count in names.items()]
        return ", ".join(listed) or "Cast"
    return _short(operation if scalar is None else scalar)


# What only fits shapes or types.
_PLUMBING = {
    "ExpandDims",
    "Size",
    "Cast",
    "ScalarFromTensor",
    "TensorFromScalar",
    "Assert",
    "Squeeze",
}
# The engine's own stand-ins for PyTensor's ops, by what they compute.
_PLAIN = {
    "SharedDot": "Dot",
    "BiasedDot": "Dot + bias",
    "BiasedConv": "Conv + bias",
    "NormalizationByMoments": "BatchNormalization",
    "SharedSum": "Sum",
    "MatrixTranspose": "Transpose",
    "Shape_i": "Size",
}


def _short(operation):
    kind = getattr(operation, "name", None)
    if type(operation).__name__.startswith("Activation") and isinstance(kind, str):
        return kind.capitalize() + type(operation).__name__.removeprefix("Activation")
    name = str(operation).partition("{")[0] or type(operation).__name__
    return _PLAIN.get(name, name[:1].upper() + name[1:])


def _type_name(variable):
    shape = getattr(variable.type, "shape", None)
    if shape is None:
        return str(variable.type)
    return (
        f"{variable.type.dtype}({', '.join('?' if size is None else str(size) for size in shape)})"
    )


# --- Time ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Profile:
    """Where the time of a step goes.

    Attributes:
        nodes: Pairs (`Node`, its milliseconds in one step), in the order in which they run.
        milliseconds: Of a whole step, with what lies between the operations.
    """

    nodes: list
    milliseconds: float

    def by(self, what):
        """Sum up the milliseconds of a step.

        Args:
            what: "operation", "layer" or "part" (forward, gradient, update).

        Returns:
            A list of (name, milliseconds, number of operations), the slowest first.
        """
        attribute = {"operation": "name", "layer": "row", "part": "part"}.get(what)
        if attribute is None:
            raise ValueError(f"by('operation'), by('layer') or by('part'), but not {what!r}.")
        sums, counts = Counter(), Counter()
        for node, taken in self.nodes:
            sums[getattr(node, attribute)] += taken
            counts[getattr(node, attribute)] += 1
        return [(name, taken, counts[name]) for name, taken in sums.most_common()]

    def __str__(self):
        between = self.milliseconds - sum(taken for _, taken in self.nodes)
        lines = [f"One step: {self.milliseconds:.2f} ms, {between:.2f} ms of it between operations"]
        for what in ("part", "layer", "operation"):
            lines += ["", f"{'ms':>9} {'share':>6} {'count':>6}  {what}"]
            for name, taken, count in self.by(what)[:10]:
                share = taken / self.milliseconds
                name = textwrap.shorten(name, 60, placeholder=" ...")
                lines.append(f"{taken:9.3f} {share:6.1%} {count:6d}  {name}")
        return "\n".join(lines)


# --- The picture ---------------------------------------------------------------------------------

_COLUMNS = ("forward", "gradient", "update")
_FILL = {"input": "#E4E4E4", "forward": "#BFE0F5", "gradient": "#F9D7A8", "update": "#CFE8CF"}
_BLUE, _ORANGE, _GREY = "#2B6CA3", "#C46A00", "#777777"
_WIDTH, _GAP, _ROW, _BOX = 2.9, 0.95, 0.86, 0.6  # inches
_LETTERS = 36  # that fit into a box


class _Picture:
    """One drawing: rows of boxes, and the arrows between them."""

    def __init__(self, graph, most):
        self.graph = graph
        nodes = graph.nodes
        inputs = [name for name in graph._inputs.values() if any(name in n.sources for n in nodes)]
        self.rows = [[n] for n in inputs if not n.startswith(("targets", "sample weights"))]
        late = [[name] for name in inputs if [name] not in self.rows]
        layers = _folded(graph._rows(), max(1, most - len(inputs)))
        # Targets enter next to the loss, not at the top.
        place = next((i for i, row in enumerate(layers) if "loss" in row), len(layers))
        self.rows += layers[:place] + late + layers[place:]
        self.place = {name: i for i, row in enumerate(self.rows) for name in row}
        self.inputs = set(inputs)

    def boxes(self):
        """{(row, column): [nodes]}; an input's box has none."""
        found = {(self.place[name], "forward"): [] for name in self.inputs}
        for node in self.graph.nodes:
            found.setdefault((self.place[node.row], node.part), []).append(node)
        return found

    def arrows(self, boxes):
        """Pairs of boxes: forward from row to row, back from row to row, and across within a row."""
        found = {}
        for (row, part), nodes in boxes.items():
            for node in nodes:
                for source, variable in zip(node.sources, node.apply.inputs, strict=True):
                    start = self._box_of(source)
                    if start and not (isinstance(source, Node) and _is_size(variable)):
                        found[start, (row, part)] = None
        columns = {name: i for i, name in enumerate(_COLUMNS)}
        for (r0, c0), (r1, c1) in found:
            step = columns[c1] - columns[c0]
            if (step == 0 and r0 != r1 and c0 != "update") or (step == 1 and r0 == r1):
                yield (r0, c0), (r1, c1)

    def _box_of(self, source):
        if isinstance(source, Node):
            return self.place[source.row], source.part
        return (self.place[source], "forward") if source in self.inputs else None

    def draw(self):
        from matplotlib import pyplot as plt

        boxes = self.boxes()
        used = [c for c in _COLUMNS if any(column == c for _, column in boxes)]
        arrows = [pair for pair in self.arrows(boxes) if {pair[0][1], pair[1][1]} <= set(used)]
        self.left = 0.3 + 0.09 * self._longest(arrows)
        self.x = {name: self.left + i * (_WIDTH + _GAP) for i, name in enumerate(used)}
        width = self.left + len(used) * _WIDTH + (len(used) - 1) * _GAP + 0.2
        height = _ROW * len(self.rows)
        figure, axes = plt.subplots(figsize=(width, height + 0.5))
        figure.subplots_adjust(0, 0, 1, 1)
        axes.set(xlim=(0, width), ylim=(-height, 0.5))
        axes.axis("off")
        for name in used:
            title = {"update": "new values"}.get(name, name)
            axes.text(self.x[name] + _WIDTH / 2, 0.22, title, ha="center", fontsize=12)
        for start, end in arrows:
            self._arrow(axes, start, end)
        for (row, column), nodes in boxes.items():
            self._box(axes, row, column, nodes)
        figure.alt = self._alt(boxes, used)
        plt.close(figure)  # the notebook shows what is returned, once
        return figure

    @staticmethod
    def _longest(arrows):
        return max((abs(a[0] - b[0]) for a, b in arrows if a[1] == b[1] == "forward"), default=0)

    def _middle(self, row):
        return -_ROW * (row + 0.5)

    def _box(self, axes, row, column, nodes):
        from matplotlib.patches import FancyBboxPatch

        x, y = self.x[column], self._middle(row)
        given = self.rows[row][0] in self.inputs
        shape = FancyBboxPatch(
            (x, y - _BOX / 2),
            _WIDTH,
            _BOX,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=_FILL["input" if given else column],
            edgecolor="#333333",
        )
        axes.add_patch(shape)
        middle = x + _WIDTH / 2
        title = _fitting(self._title(row))
        if given:
            detail = self._input_type(self.rows[row][0])
        else:
            detail = _fitting(_what(nodes), _LETTERS)
        if column == "forward" or not self._has_forward(row):
            axes.text(middle, y + 0.13, title, ha="center", va="center", fontsize=10, weight="bold")
            axes.text(middle, y - 0.13, detail, ha="center", va="center", fontsize=9)
        else:
            lines = "\n".join(
                textwrap.wrap(_what(nodes), _LETTERS, max_lines=2, placeholder=" ...")
            )
            axes.text(middle, y, lines, ha="center", va="center", fontsize=9)

    def _has_forward(self, row):
        return any(n.part == "forward" for n in self.graph.nodes if self.place[n.row] == row)

    def _title(self, row):
        names = self.rows[row]
        if len(names) > 1:
            return f"{names[0]} ... {names[-1]}"
        return self.graph._owners.title(names[0])

    def _input_type(self, name):
        variable = next(v for v, known in self.graph._inputs.items() if known == name)
        return _type_name(variable)

    def _arrow(self, axes, start, end):
        (r0, c0), (r1, c1) = start, end
        if c0 != c1:
            points = (self.x[c0] + _WIDTH, self._middle(r0)), (self.x[c1], self._middle(r1))
            color, bend = _GREY, "arc3"
        else:
            color = _BLUE if c0 == "forward" else _ORANGE
            down = r1 > r0
            if abs(r1 - r0) == 1:
                x, side = self.x[c0] + _WIDTH / 2, _BOX / 2 if down else -_BOX / 2
                points = (x, self._middle(r0) - side), (x, self._middle(r1) + side)
                bend = "arc3"
            else:
                # Round the boxes between: forward on their left, gradients on their right.
                x = self.x[c0] + (0 if c0 == "forward" else _WIDTH)
                points = (x, self._middle(r0) - 0.1), (x, self._middle(r1) + 0.1)
                rows = abs(r1 - r0)
                reach = self.left - 0.1 if c0 == "forward" else _GAP - 0.1
                bend = f"arc3,rad={2 * min(reach, 0.2 + 0.09 * rows) / (rows * _ROW):.4f}"
                if not down and c0 == "forward" or down and c0 == "gradient":
                    bend = bend.replace("rad=", "rad=-")
        style = {"arrowstyle": "-|>", "color": color, "linewidth": 1.2, "connectionstyle": bend}
        axes.annotate("", points[1], points[0], arrowprops=style | {"shrinkA": 0, "shrinkB": 0})

    def _alt(self, boxes, used):
        parts = []
        for row in range(len(self.rows)):
            does = [
                f"{column}: {_what(boxes[row, column])}"
                for column in used
                if boxes.get((row, column))
            ]
            parts.append(f"{self._title(row)} ({'; '.join(does) or 'given'})")
        return (
            f"The graph of {self.graph.model.name!r}, a row for each layer from the input down: "
            + ", ".join(parts)
        )


def _is_size(variable):
    """Whether a variable is a size or shape: asked for all over a graph, they would hide values."""
    kind = variable.type
    return kind.dtype.startswith(("int", "bool")) and None not in kind.shape


def _folded(rows, most):
    """Rows as lists of names; where there are more than `most`, neighbours share one."""
    if len(rows) <= most:
        return [[row] for row in rows]
    bounds = np.linspace(0, len(rows), most + 1).round().astype(int)
    return [rows[a:b] for a, b in itertools.pairwise(bounds) if b > a]


def _fitting(text, letters=_LETTERS - 4):
    return text if len(text) <= letters else text[: letters - 4].rstrip(", ") + " ..."


def _what(nodes):
    """What a box does, in words; what only fits shapes is left out, if there is anything else."""
    changes = list(dict.fromkeys(name for node in nodes for name in node.changes))
    if nodes and nodes[0].part == "update" and changes:
        return ", ".join(changes)
    names = Counter(_summary(node) for node in nodes)
    kept = {name: count for name, count in names.items() if name not in _PLUMBING} or names
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in kept.items())


def _summary(node):
    steps = node.name.count(",") + 1
    return node.name.replace(", ", "+") if steps <= 3 else f"chain of {steps}"


# --- PyTensor's variables and functions with Keras's layers ---------------------------------------


def as_variable(x):
    """Return `x` as a PyTensor variable.

    Args:
        x: What a layer is given or gives while a model is traced (a `Tensor`), a Keras variable
            (the result is then the shared variable that holds its value), a PyTensor variable,
            an array or a number.

    Raises:
        ValueError: a Keras variable has no value yet.
        TypeError: `x` is a `KerasTensor`, which has no graph behind it.
    """
    if isinstance(x, keras.KerasTensor):
        raise TypeError(
            f"{x!r} only stands for a shape: there is no Theano graph behind it. Put the function "
            "in a layer, keras.layers.Lambda(for_keras(function)), and call that."
        )
    if isinstance(x, keras.Variable):
        if x.shared is None:
            raise ValueError(f"The variable {x.path!r} has no value yet: build its layer first.")
        return x.shared
    return as_symbol(x)


def as_tensor(variable):
    """Return a PyTensor variable as a tensor that Keras's layers and `keras.ops` take.

    A model or layer that is called with it reads its weights as shared variables, so gradients
    with respect to them (see `as_variable`) can be taken, and a compiled function sees their values
    of the day.

    Raises:
        TypeError: `variable` is no PyTensor variable.
    """
    if isinstance(variable, Tensor):
        return variable
    if not isinstance(variable, TheanoVariable):
        raise TypeError(f"Not a PyTensor variable: {variable!r}")
    return Tensor(variable)


@contextlib.contextmanager
def assignments():
    """Keep what layers assign to their variables when they are called with PyTensor variables.

        with assignments() as changes:
            y = as_variable(model(as_tensor(x), training=True))
        f = pytensor.function([x], y, updates=changes.updates())

    Without it such a call (of a BatchNormalization or Dropout layer that is training) is refused.
    """
    with TraceScope() as scope:
        yield scope
    if scope.made_variables:
        raise ValueError(
            "A layer made its variables here, which have no value yet: build it before."
        )


def for_keras(function):
    """Return a function over PyTensor variables as one that Keras takes, eagerly and in a model.

    Args:
        function: From PyTensor variables (and other arguments, handed on as they are) to a PyTensor
            variable or a nested structure of them.

    Returns:
        The same function over arrays, from which it makes arrays, and over tensors of a model.
    """
    wrapped = op(function)

    def for_layers(*args, **kwargs):
        if any(isinstance(leaf, keras.KerasTensor) for leaf in tree.flatten((args, kwargs))):
            raise TypeError(
                "This function computes on values, and keras.Input has none: put it in a layer, "
                "keras.layers.Lambda(function), and call that."
            )
        return wrapped(*args, **kwargs)

    for_layers.__name__ = getattr(function, "__name__", "function")
    for_layers.__doc__ = function.__doc__
    return for_layers

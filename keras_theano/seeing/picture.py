"""Drawing a graph: a row of boxes for each layer, and the arrows between them."""

import itertools
import textwrap
from collections import Counter

import numpy as np

from keras_theano.seeing.nodes import PLUMBING, Node, type_name

_COLUMNS = ("forward", "gradient", "update")
_FILL = {"input": "#E4E4E4", "forward": "#BFE0F5", "gradient": "#F9D7A8", "update": "#CFE8CF"}
_BLUE, _ORANGE, _GREY = "#2B6CA3", "#C46A00", "#777777"
_WIDTH, _GAP, _ROW, _BOX = 2.9, 0.95, 0.86, 0.6  # inches
_LETTERS = 36  # that fit into a box


class Picture:
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
        return type_name(variable)

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
    kept = {name: count for name, count in names.items() if name not in PLUMBING} or names
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in kept.items())


def _summary(node):
    steps = node.name.count(",") + 1
    return node.name.replace(", ", "+") if steps <= 3 else f"chain of {steps}"

"""A picture of a Theano (PyTensor) graph, drawn by Matplotlib alone: no graphviz is needed.

    x = pt.vector("x")
    draw_graph((x**2).sum())

As in PyTensor's own `dprint`, the result is on top and what it is made of below. This module
imports no engine; it only follows `variable.owner.inputs`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_graph", "graph_operations"]

# Operations of one input that only fit shapes or types; they would hide the arithmetic.
QUIET = {"Cast", "DimShuffle", "ExpandDims", "ScalarFromTensor", "SpecifyShape", "TensorFromScalar"}
FILL = {
    "operation": "#FFFFFF",
    "input": "#BFE0F5",
    "shared value": "#F9D7A8",
    "constant": "#E4E4E4",
}
MOST = 60  # boxes on a page
ROW, GAP, LETTER = 0.62, 0.3, 0.085  # inches: row height, between two boxes, a letter's width
HALF = 0.19  # inches, half a box's height
SWEEPS = 12  # rounds of shifting each row towards its neighbours; small graphs settle sooner


def graph_operations(outputs: Any) -> list[str]:
    """The names of a graph's operations, one for each box, inputs before what uses them.

    Args:
        outputs: a PyTensor variable, a sequence of them, or a compiled function (with its updates).

    Returns:
        Names as in `dprint` but without details, such as `["Pow", "Sum"]`.
        Those that only fit shapes and types (casts, new axes) are left out, and one that does
        several steps in one go, element by element, is named by its steps: `"Mul, Tanh"`.
    """
    return [_name(node) for node in _read(outputs) if _kind(node) == "operation"]


def draw_graph(outputs: Any, title: str = "") -> Figure:
    """Draw a graph: the result on top, inputs below, an arrow from each value to its use.

    Args:
        outputs: a PyTensor variable, a sequence of them, or a compiled function (with its updates).
        title: put above it.

    Returns:
        A figure with an `alt` text that names inputs and operations.

    Raises:
        ValueError: a graph of more than 60 boxes, which no page can hold.
    """
    import matplotlib.pyplot as plt

    inputs = _read(outputs)
    if len(inputs) > MOST:
        raise ValueError(f"This graph has {len(inputs)} boxes; draw a part of it, or use dprint.")
    rows, edges = _rows(inputs)
    across = _across(rows, edges)
    drawn = max(x + _width(node) / 2 for node, x in across.items()) + 0.1
    width, height = max(drawn, 4.2), ROW * len(rows)  # the legend needs 4.2 inches
    places = {
        node: (across[node] + (width - drawn) / 2, height - ROW * (level + 0.5))
        for level, row in enumerate(rows)
        for node in row
    }
    figure, ax = plt.subplots(figsize=(width, height + (0.8 if title else 0.45)))
    ax.set(xlim=(0, width), ylim=(0, height), title=title)
    ax.axis("off")
    for upper, lower in edges:
        _arrow(ax, lower, upper, places)
    for node in inputs:
        _box(ax, node, places[node])
    _legend(ax, {_kind(node) for node in inputs})
    leaves = [_name(node) for node in inputs if _kind(node) != "operation"]
    steps = [_name(node) for node in inputs if _kind(node) == "operation"]
    figure.alt = (
        f"{title or 'A graph'}: from {', '.join(leaves)} at the bottom up through "
        f"{', '.join(steps) or 'no operation'}."
    )
    plt.close(figure)  # the notebook shows what is returned, once
    return figure


# ---------------------------------------------------------------- reading


class _Constant:
    """One drawn copy of a constant: each use has its own, or all arrows would lead to one 1.0."""

    def __init__(self, data):
        self.data = data


def _read(outputs):
    """What is drawn, `{node: its inputs}`, inputs before what uses them.

    A node is PyTensor's Apply for an operation, its variable for an input, or a `_Constant`.
    """
    if hasattr(outputs, "maker"):  # a compiled function
        outputs = outputs.maker.fgraph.outputs
    found = {}

    def visit(variable):
        while variable.owner is not None and _is_quiet(variable.owner):
            variable = variable.owner.inputs[0]
        if hasattr(variable, "data"):
            node, below = _Constant(variable.data), []
        elif variable.owner is None:
            node, below = variable, []
        else:
            node, below = variable.owner, variable.owner.inputs
        if node not in found:
            found[node] = [visit(each) for each in below]
        return node

    for output in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
        visit(output)
    return found


def _is_quiet(apply):
    return len(apply.inputs) == 1 and _short(apply.op) in QUIET


def _short(op):
    return str(op).partition("{")[0]


def _kind(node):
    if hasattr(node, "op"):
        return "operation"
    if isinstance(node, _Constant):
        return "constant"
    return "shared value" if hasattr(node, "get_value") else "input"


def _name(node):
    if hasattr(node, "op"):
        inner = getattr(getattr(node.op, "scalar_op", None), "fgraph", None)  # of a `Composite`
        steps = [_short(step.op).capitalize() for step in inner.toposort()] if inner else []
        return ", ".join(dict.fromkeys(steps)) or _short(node.op)
    if isinstance(node, _Constant):
        one = getattr(node.data, "size", 0) == 1
        return f"{node.data.item():.4g}" if one else f"constant {node.data.shape}"
    return node.name or str(node.type)


# ---------------------------------------------------------------- laying out


class _Bend:
    """Where an arrow that spans several rows passes through one of them."""


def _rows(inputs):
    """Rows from the top, each a list of nodes in order, and the edges (upper, lower) between
    neighbouring rows. A node lies below all that use it; a first operand stands left of a second.
    """
    level = dict.fromkeys(inputs, 0)
    for node in reversed(inputs):
        for below in inputs[node]:
            level[below] = max(level[below], level[node] + 1)
    rows = [[] for _ in range(max(level.values()) + 1)]
    edges, seen = [], set()

    def place(node):
        if node in seen:
            return
        seen.add(node)
        rows[level[node]].append(node)
        for below in dict.fromkeys(inputs[node]):
            bends = {row: _Bend() for row in range(level[node] + 1, level[below])}
            for row, bend in bends.items():
                rows[row].append(bend)
            edges.extend(pairwise([node, *bends.values(), below]))
            place(below)

    used = {below for each in inputs.values() for below in each}
    for node in inputs:
        if node not in used:
            place(node)
    return rows, edges


def _across(rows, edges):
    """{node: x of its middle, in inches}: near its neighbours, and no two boxes on each other."""
    neighbours = {node: [] for row in rows for node in row}
    for upper, lower in edges:
        neighbours[upper].append(lower)
        neighbours[lower].append(upper)
    x = {node: float(place) for row in rows for place, node in enumerate(row)}
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 else rows[::-1]:
            wish = {n: sum(x[m] for m in neighbours[n]) / max(len(neighbours[n]), 1) for n in row}
            end = float("-inf")
            for node in row:
                x[node] = max(wish[node], end + _width(node) / 2)
                end = x[node] + _width(node) / 2
            # Pushing went to the right alone: shift the row back to where it wished to be.
            shift = sum(x[node] - wish[node] for node in row) / len(row)
            for node in row:
                x[node] -= shift
    left = min(x[node] - _width(node) / 2 for node in x) - 0.1
    return {node: x[node] - left for node in x}


def _width(node):
    if isinstance(node, _Bend):
        return GAP
    return GAP + 0.25 + LETTER * len(_name(node))


# ---------------------------------------------------------------- drawing


def _arrow(ax, lower, upper, places):
    bends = isinstance(lower, _Bend), isinstance(upper, _Bend)
    (x0, y0), (x1, y1) = places[lower], places[upper]
    ends = (x0, y0 if bends[0] else y0 + HALF), (x1, y1 if bends[1] else y1 - HALF)
    style = {"arrowstyle": "-" if bends[1] else "-|>", "color": "#555555", "linewidth": 1.1}
    ax.annotate("", ends[1], ends[0], arrowprops=style | {"shrinkA": 0, "shrinkB": 0})


def _box(ax, node, place):
    kind = _kind(node)
    outline = "square" if kind == "operation" else "round"
    box = {"boxstyle": f"{outline},pad=0.35", "facecolor": FILL[kind], "edgecolor": "#333333"}
    ax.text(*place, _name(node), ha="center", va="center", fontsize=10, bbox=box)


def _legend(ax, kinds):
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=FILL[k], edgecolor="#333333", label=k) for k in FILL if k in kinds]
    ax.legend(
        handles=patches,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.02),
        ncols=len(patches),
        fontsize=9,
        handlelength=1.2,
        columnspacing=1.2,
    )

"""The operations of a graph: what they are called, and what they belong to."""

from collections import Counter
from dataclasses import dataclass, field

from pytensor.tensor.elemwise import CAReduce


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
PLUMBING = {
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


def type_name(variable):
    shape = getattr(variable.type, "shape", None)
    if shape is None:
        return str(variable.type)
    return (
        f"{variable.type.dtype}({', '.join('?' if size is None else str(size) for size in shape)})"
    )

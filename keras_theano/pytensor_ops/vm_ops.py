"""What the interpreted VM runs instead of ops that compute the same with more passes over memory.

`BlockwiseElemwise` evaluates a fused chain of element-wise operations on blocks that fit the
processor's cache, so that only the chain's inputs and outputs travel to memory and back, and shares
the blocks among threads. `SharedDot` (a matrix product) and `SharedSum` (over a batch) use all
cores, `BiasedDot` and `BiasedConv` add a bias on the way, and `NormalizationByMoments` is a batch
normalization whole. `ForTheVM` puts them into a graph after all of PyTensor's own rewriting.
"""

import contextlib
import math

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.utils import InconsistencyError
from pytensor.scalar import basic as scalar
from pytensor.tensor.blas import Dot22
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import Sum
from pytensor.tensor.type import TensorType

from keras_theano.pytensor_ops import machine_code, normalization_onednn
from keras_theano.pytensor_ops._base import Sized, output_array
from keras_theano.pytensor_ops._threads import split
from keras_theano.pytensor_ops.activations import Activation, ActivationGradient
from keras_theano.pytensor_ops.conv import Conv
from keras_theano.pytensor_ops.elementwise import array_function
from keras_theano.pytensor_ops.matmul import matmul
from keras_theano.pytensor_ops.normalization import BatchNormalization, Moments
from keras_theano.pytensor_ops.pool import MaxPoolGradient

# Elements, 1 MB of float32. Smaller blocks would fit a nearer cache, but two threads that call NumPy
# often wait for the interpreter's lock: measured, that costs more.
BLOCK = 1 << 18
SMALL = 1 << 16  # elements that are computed in one go, in one thread
SUM_BLOCK = 1 << 14  # elements: float32 sums of so few are exact enough to add up in float64
RUNS = 3  # of a chain, after which it is worth machine code
LEAST_WORK = 1 << 23  # operations of machine code that are shared between threads
MOST_SHAPES = 64  # of a node's inputs, remembered; more come of texts of any length


class BlockwiseElemwise(Elemwise):
    """An `Elemwise` (usually of a `Composite`) that is computed block by block."""

    def prepare_node(self, node, storage_map, compute_map, impl):
        node.tag.program = _Program(self.scalar_op, node, self.inplace_pattern)

    def perform(self, node, inputs, output_storage):
        if not hasattr(node.tag, "program"):
            self.prepare_node(node, None, None, "py")
        program = node.tag.program
        shapes = tuple([x.shape for x in inputs])
        found = program.shapes.get(shapes)
        if found is None:
            self._check_runtime_broadcast(node, inputs)
            found = _Shape(shapes)
            if len(program.shapes) < MOST_SHAPES:
                program.shapes[shapes] = found
        shape = found.shape
        outputs = []
        for i, variable in enumerate(node.outputs):
            if i in self.inplace_pattern:
                out = inputs[self.inplace_pattern[i]]
            else:
                out = np.empty(shape, variable.type.dtype)
            outputs.append(out)
        if not program.run_machine_code(inputs, outputs, found):
            with np.errstate(all="ignore"):
                program.run(inputs, outputs, shape)
        for storage, out in zip(output_storage, outputs, strict=True):
            storage[0] = out


class _Shape:
    """What shapes of inputs broadcast to, and how often they came.

    Attributes:
        shape: The shape that they broadcast to.
        layout: That as rows and columns, (rows, columns, kind of each input) in the words of
            `machine_code`, or None where more than two axes are needed.
        runs: How often they came.
        code: The `machine_code.Function` for them, when it has been asked for.
    """

    def __init__(self, shapes):
        self.shape = np.broadcast_shapes(*shapes)
        self.layout = self._layout(shapes)
        self.runs = 0
        self.code = None

    def _layout(self, shapes):
        ndim = len(self.shape)
        groups = []  # [size, which inputs repeat along it]: axes that can be counted as one
        for axis, size in enumerate(self.shape):
            repeats = [axis < ndim - len(s) or s[axis - ndim] != size for s in shapes]
            if size == 1:
                continue
            if groups and groups[-1][1] == repeats:
                groups[-1][0] *= size
            else:
                groups.append([size, repeats])
        if len(groups) > 2:
            return None
        while len(groups) < 2:
            groups.insert(0, [1, [True] * len(shapes)] if groups else [1, [False] * len(shapes)])
        (rows, by_row), (columns, by_column) = groups
        kinds = []
        for same_rows, same_columns in zip(by_row, by_column, strict=True):
            if same_columns:
                kinds.append(machine_code.NUMBER if same_rows else machine_code.COLUMN)
            else:
                kinds.append(machine_code.ROW if same_rows and rows > 1 else machine_code.FULL)
        return rows, columns, tuple(kinds)


class _Program:
    """The steps of a scalar op, ready to run on arrays.

    Attributes:
        shapes: Shapes of inputs that have been found to fit -> what is known of them, a `_Shape`.
    """

    def __init__(self, scalar_op, node, inplace_pattern):
        if isinstance(scalar_op, scalar.Composite):
            graph = scalar_op.fgraph
            inputs, outputs, nodes = graph.inputs, graph.outputs, graph.toposort()
        else:
            fake = scalar_op.make_node(
                *[scalar.get_scalar_type(x.type.dtype)() for x in node.inputs]
            )
            inputs, outputs, nodes = fake.inputs, fake.outputs, [fake]
        self.shapes = {}
        self._constants = []
        self._steps = []
        self._operations = []
        self._places = 0
        self._dtype_of = {}
        sources = [self._new_place(variable) for variable in inputs]
        self._outputs = self._add_steps(inputs, outputs, nodes, sources)
        self._dtypes = [variable.type.numpy_dtype for variable in node.inputs]
        self._chain = machine_code.Chain(
            self._operations,
            self._dtype_of,
            {place: value.item() for place, value in self._constants},
            sources,
            list(self._outputs),
        )
        for i, place in enumerate(self._outputs):
            overwritten = inplace_pattern.get(i)
            if (
                place < len(inputs)
                or place in self._outputs[:i]
                or self._read_after_written(place, overwritten)
            ):
                # Compute it elsewhere, and write it when nothing is read any more.
                self._steps.append((_copy, [place], self._places, outputs[i].type.dtype))
                self._outputs[i] = self._places
                self._places += 1
        self._plan_memory()

    def _new_place(self, variable):
        place, self._places = self._places, self._places + 1
        self._dtype_of[place] = variable.type.dtype
        return place

    def _add_steps(self, inputs, outputs, nodes, sources):
        """Add the steps of a scalar graph whose inputs are at the places `sources`; return the outputs' places.

        PyTensor's fusion may put a chain that `fuse_updates` has made into one of its own: its steps are added here.
        """
        places = dict(zip(inputs, sources, strict=True))
        for step in nodes:
            if step.outputs[0] in places:
                continue  # PyTensor lists a node twice where its result is two outputs
            for variable in step.inputs:
                if variable not in places:
                    places[variable] = self._new_place(variable)
                    self._constants.append((places[variable], np.asarray(variable.data)))
            read = [places[variable] for variable in step.inputs]
            if isinstance(step.op, scalar.Composite):
                inner = step.op.fgraph
                made = self._add_steps(inner.inputs, inner.outputs, inner.toposort(), read)
                places.update(zip(step.outputs, made, strict=True))
                continue
            target = places[step.outputs[0]] = self._new_place(step.outputs[0])
            function = array_function(step.op, step)
            self._steps.append((function, read, target, step.outputs[0].type.dtype))
            self._operations.append((step.op, tuple(read), target))
        return [places[variable] for variable in outputs]

    def _read_after_written(self, place, overwritten):
        """Whether the input `overwritten` is still read once `place`, in its memory, is written."""
        if overwritten is None:
            return False
        written = next(i for i, step in enumerate(self._steps) if step[2] == place)
        # More than two sources are added up one after the other, into the target.
        return any(
            overwritten in (sources if i > written else sources[2:])
            for i, (_, sources, _, _) in enumerate(self._steps)
            if i >= written
        )

    def _plan_memory(self):
        """Let intermediate results whose last reader has passed lend their block to later ones."""
        last = {}
        for i, (_, sources, target, _) in enumerate(self._steps):
            for place in [*sources, target]:
                last[place] = i
        self._block_of, free, self._blocks = {}, [], []
        for i, (_, sources, target, dtype) in enumerate(self._steps):
            if target not in self._outputs:
                match = next((b for b in free if self._blocks[b] == dtype), None)
                if match is None:
                    match = len(self._blocks)
                    self._blocks.append(dtype)
                else:
                    free.remove(match)
                self._block_of[target] = match
            for place in {*sources, target}:
                if last[place] == i and place in self._block_of:
                    free.append(self._block_of[place])

    def run_machine_code(self, inputs, outputs, found):
        """Compute `outputs` by machine code; return False where there is none (yet)."""
        if found.code is None:
            found.runs += 1
            if found.runs == RUNS and found.layout is not None:
                found.code = machine_code.request(self._chain, found.layout[2])
            return False
        call = found.code.call
        if call is None:
            return False
        for x, dtype in zip(inputs, self._dtypes, strict=True):
            if type(x) is not np.ndarray or x.dtype != dtype or not x.flags.carray:
                return False
        rows, columns, _ = found.layout
        arrays = [id(x) for x in inputs] + [id(x) for x in outputs]
        work = rows * columns * len(self._steps)
        if rows > 1:
            split(
                rows,
                work,
                lambda part: call(part.start, part.stop, 0, columns, columns, *arrays),
                least=LEAST_WORK,
            )
        else:
            split(
                columns,
                work,
                lambda part: call(0, 1, part.start, part.stop, columns, *arrays),
                least=LEAST_WORK,
            )
        return True

    def run(self, inputs, outputs, shape):
        """Compute `outputs`, arrays of `shape`, from `inputs` that broadcast to it."""
        size = math.prod(shape)
        if size == 0:
            return
        if size <= SMALL:
            self._run_block(inputs, outputs, [np.empty(shape, dtype) for dtype in self._blocks])
            return
        arrays = [*inputs, *outputs]
        if all(x.size == 1 or (x.shape == shape and x.flags.c_contiguous) for x in arrays):
            inputs = [x.reshape(()) if x.size == 1 else x.reshape(-1) for x in inputs]
            outputs = [x.reshape(-1) for x in outputs]
            shape = (size,)
        rows, row = shape[0], size // shape[0]
        step = max(1, BLOCK // row)

        def part(which):
            blocks = [np.empty((step, *shape[1:]), dtype) for dtype in self._blocks]
            for start in range(which.start, which.stop, step):
                stop = min(start + step, which.stop)
                cut = [
                    x[start:stop] if x.ndim == len(shape) and x.shape[0] == rows else x
                    for x in inputs
                ]
                self._run_block(
                    cut, [x[start:stop] for x in outputs], [b[: stop - start] for b in blocks]
                )

        split(rows, size, part)

    def _run_block(self, inputs, outputs, blocks):
        values = [None] * self._places
        values[: len(inputs)] = inputs
        for place, constant in self._constants:
            values[place] = constant
        for place, out in zip(self._outputs, outputs, strict=True):
            values[place] = out
        for instruction, sources, target, _ in self._steps:
            out = values[target]
            if out is None:
                place = self._block_of[target]
                out = values[target] = blocks[place]
            instruction([values[source] for source in sources], out)


def _copy(inputs, out):
    np.copyto(out, inputs[0], casting="unsafe")


class SharedDot(Sized, Op):
    """The product of two matrices, by all cores."""

    __props__ = ()

    def make_node(self, a, b):
        return Apply(self, [a, b], [Dot22().make_node(a, b).outputs[0].clone()])

    def output_shapes(self, node, shapes):
        return [[shapes[0][0], shapes[1][1]]]

    def perform(self, node, inputs, output_storage):
        a, b, *bias = inputs  # a bias in `BiasedDot`
        out = output_array(output_storage[0], (a.shape[0], b.shape[1]), node.outputs[0].type.dtype)
        matmul(a, b, out, *bias)


class BiasedDot(SharedDot):
    """A product of two matrices with a vector, the third input, added to each row."""

    def make_node(self, a, b, bias):
        return Apply(self, [a, b, bias], super().make_node(a, b).outputs)


class BiasedConv(Sized, Op):
    """A `Conv` and the addition of a bias (filters,) to its output; inputs x, kernel and bias."""

    __props__ = ("conv",)

    def __init__(self, conv):
        self.conv = conv

    def make_node(self, x, kernel, bias):
        return Apply(self, [x, kernel, bias], self.conv.make_node(x, kernel).outputs)

    def output_shapes(self, node, shapes):
        return self.conv.output_shapes(node, shapes[:2])

    def perform(self, node, inputs, output_storage):
        self.conv.perform(node, inputs, output_storage)


class NormalizationByMoments(Sized, Op):
    """`Moments` and `BatchNormalization` of the same x in one: inputs x, scale and offset.

    Outputs the normalized x, its mean and its variance.
    """

    __props__ = ("axis", "epsilon")

    def __init__(self, axis, epsilon):
        self.axis = axis
        self.epsilon = epsilon

    def make_node(self, x, scale, offset):
        return Apply(self, [x, scale, offset], [x.type(), scale.type(), scale.type()])

    def output_shapes(self, node, shapes):
        return shapes

    def perform(self, node, inputs, output_storage):
        x, scale, offset = inputs
        out = output_array(output_storage[0], x.shape, x.dtype)
        found = normalization_onednn.forward(x, scale, offset, self.axis, self.epsilon, out)
        if found is not None:
            output_storage[1][0], output_storage[2][0] = found
            return
        Moments(self.axis).perform(node, [x], output_storage[1:])
        mean, variance = (storage[0] for storage in output_storage[1:])
        op = BatchNormalization(self.axis, self.epsilon, own_moments=True)
        op.perform(node, [x, mean, variance, scale, offset], output_storage[:1])


class SharedSum(Sized, Op):
    """The sum of floats over the leading axes, such as a bias's gradient over a batch.

    PyTensor's own `Sum` converts each element to float64; here float32 numbers are added in blocks
    and the blocks in float64, which is as accurate in practice and several times faster.
    """

    __props__ = ("axes",)

    def __init__(self, axes):
        self.axes = axes

    def make_node(self, x):
        shape = x.type.shape[self.axes :]
        return Apply(self, [x], [TensorType(x.type.dtype, shape=shape)()])

    def output_shapes(self, node, shapes):
        return [shapes[0][self.axes :]]

    def perform(self, node, inputs, output_storage):
        (x,) = inputs
        kept = x.shape[self.axes :]
        width = math.prod(kept)
        table = np.ascontiguousarray(x).reshape(x.size // width if width else 0, width)
        step = max(1, SUM_BLOCK // max(1, width))

        def part(rows):
            count = (rows.stop - rows.start) // step
            whole = rows.start + count * step
            blocks = table[rows.start : whole].reshape(count, step, width)
            rest = np.add.reduce(table[whole : rows.stop], axis=0)
            return np.add.reduce(np.add.reduce(blocks, axis=1), axis=0, dtype="float64") + rest

        total = sum(split(len(table), x.size, part))
        output_storage[0][0] = np.asarray(total, x.dtype).reshape(kept)


def _leading_float_axes(node):
    """Return how many leading axes a Sum node adds up, or 0 where `SharedSum` does not apply."""
    x = node.inputs[0].type
    axes = node.op.axis
    if x.dtype not in ("float32", "float64") or node.outputs[0].type.dtype != x.dtype:
        return 0
    if axes is None or tuple(sorted(axes)) != tuple(range(len(axes))) or len(axes) == x.ndim:
        return 0
    return len(axes)


def _summands(x, axes):
    """What to add up for the sum of `x` over its leading axes: `x`, or less with the same sum."""
    node = x.owner
    if node is not None and type(node.op) is MaxPoolGradient and axes == x.ndim - 1:
        return [node.inputs[2]]  # each of which goes to one place of `x`
    return [x]


def _overwritten(node, new_values):
    """In-place pattern of a node: its outputs that are new values of variables it reads.

    Args:
        node: An `Elemwise` node.
        new_values: New value -> the variable that it will be the value of.
    """
    pattern = {}
    for i, output in enumerate(node.outputs):
        variable = new_values.get(output)
        if variable in node.inputs and variable.type.shape == output.type.shape:
            pattern[i] = node.inputs.index(variable)
    return pattern


def _remade(op, inputs, outputs):
    """Return {variable: new one}, the new ones being the outputs of one new node."""
    new = [variable.clone() for variable in outputs]
    Apply(op, inputs, new)
    return dict(zip(outputs, new, strict=True))


class ForTheVM(GraphRewriter):
    """Replaces nodes, at the end of all rewriting, by ones that the interpreted VM runs well.

    New values of variables are written where the old ones were, all tried in one go: PyTensor's own
    in-place rewriting checks the whole graph for each, which takes minutes on a deep model.
    """

    def apply(self, fgraph):
        new_values = {
            fgraph.outputs[place]: fgraph.inputs[source]
            for place, source in (fgraph.update_mapping or {}).items()
        }
        with contextlib.suppress(InconsistencyError):
            return self._replace(fgraph, new_values)
        # Something reads an old value after the new one is there.
        with contextlib.suppress(InconsistencyError):
            return self._replace(fgraph, {})
        # The graph has outputs that must not be written over anything: a PyTensor scan's body.
        return self._replace(fgraph, {}, overwriting=False)

    def _replace(self, fgraph, new_values, overwriting=True):
        pairs = {}
        # The last first: a node made here reads what is in the graph until that is replaced in turn.
        for node in reversed(fgraph.toposort()):
            if not pairs.keys() & set(node.outputs):
                pairs |= self._replacement(node, fgraph, new_values, overwriting, pairs)
        fgraph.replace_all_validate(list(pairs.items()), reason="for_the_vm")

    def _replacement(self, node, fgraph, new_values, overwriting, pairs):
        if type(node.op) is Elemwise:
            biased = _with_bias(node, fgraph)
            if biased:
                return _remade(*biased, node.outputs)
            pattern = node.op.inplace_pattern or _overwritten(node, new_values)
            op = BlockwiseElemwise(node.op.scalar_op, pattern, node.op.name)
            return _remade(op, node.inputs, node.outputs)
        curves = Activation, ActivationGradient
        if isinstance(node.op, curves) and overwriting and _is_disposable(node, fgraph):
            return _remade(node.op.overwriting(), node.inputs, node.outputs)
        if type(node.op) is Dot22:
            return _remade(SharedDot(), node.inputs, node.outputs)
        if isinstance(node.op, BatchNormalization) and node.op.own_moments:
            x, mean, variance, *scale_and_offset = node.inputs
            if mean not in pairs:
                op = NormalizationByMoments(node.op.axis, node.op.epsilon)
                outputs = [*node.outputs, mean, variance]
                return _remade(op, [x, *scale_and_offset], outputs)
        if type(node.op) is Sum and _leading_float_axes(node):
            axes = _leading_float_axes(node)
            return _remade(SharedSum(axes), _summands(*node.inputs, axes), node.outputs)
        return {}


def _is_disposable(node, fgraph):
    """Whether a node may write its result over its last input, as nothing else reads that."""
    variable = node.inputs[-1]
    source = variable.owner
    return source is not None and not source.op.view_map and len(fgraph.clients[variable]) == 1


def _with_bias(node, fgraph):
    """Return (op, inputs) that compute a product and this addition of a bias in one, or None."""
    if not isinstance(node.op.scalar_op, scalar.Add) or len(node.inputs) != 2:
        return None
    for product, row in (node.inputs, node.inputs[::-1]):
        if product.owner is None or row.owner is None or len(fgraph.clients[product]) > 1:
            continue
        expands = isinstance(row.owner.op, DimShuffle) and row.owner.inputs[0].ndim == 1
        if not expands or row.owner.op.new_order != (*["x"] * (product.ndim - 1), 0):
            continue
        (bias,) = row.owner.inputs
        if bias.type.shape != product.type.shape[-1:] or bias.dtype != product.dtype:
            continue
        if None in bias.type.shape:
            continue
        if type(product.owner.op) is Dot22:
            return BiasedDot(), [*product.owner.inputs, bias]
        if type(product.owner.op) is Conv:
            return BiasedConv(product.owner.op), [*product.owner.inputs, bias]
    return None

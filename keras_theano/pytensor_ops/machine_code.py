"""Machine code for chains of element-wise operations, by LLVM, which comes with PyTensor (for Numba).

NumPy passes over memory once for each operation of a chain; machine code passes once for all of
them, which an optimizer's update of a large table needs most. It is made in the background, for a
chain that has run a few times; until it is there, and for chains with operations that are not
listed below (exponentials, say, where NumPy's are as good), NumPy computes. Both round
alike, so the numbers are the same. KERAS_THEANO_LLVM=0 leaves all to NumPy.

The code is written as LLVM's text: a loop over rows, in it a loop over columns that takes `LANES`
elements at a time as a vector, and one for the rest. An array is of one of four kinds: "full", one
"row" for all rows, one "column" for all columns, or one "number".
"""

import ctypes
import functools
import os
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from pytensor.scalar import basic as scalar

VARIABLE = "KERAS_THEANO_LLVM"
LANES = 16
FULL, ROW, COLUMN, NUMBER = "full", "row", "column", "number"

_TYPES = {
    "bool": "i8",
    **{f"{sign}int{bits}": f"i{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "float32": "float",
    "float64": "double",
}
# Where NumPy's array object keeps the address of its data: after what all Python objects have.
_DATA = object.__basicsize__


class NotSupported(Exception):
    """There is no machine code for this chain."""


# --- Operations ----------------------------------------------------------------------------------


def _is_float(dtype):
    return dtype.startswith("float")


class _Writer:
    """Writes the operations on one group of elements: `LANES` of them, or a single one."""

    def __init__(self, lines, prefix, lanes):
        self._lines = lines
        self._prefix = prefix
        self._count = 0
        self.lanes = lanes

    def type(self, dtype):
        return self.vector(_TYPES[dtype])

    def vector(self, kind):
        return f"<{self.lanes} x {kind}>" if self.lanes > 1 else kind

    def add(self, instruction):
        """Write an instruction; return the name of its result."""
        name = f"%{self._prefix}{self._count}"
        self._count += 1
        self._lines.append(f"  {name} = {instruction}")
        return name

    def constant(self, value, dtype):
        kind = _TYPES[dtype]
        if _is_float(dtype):
            # LLVM's hexadecimal numbers have 64 bits for floats as well.
            text = "0x" + struct.pack(">d", float(value)).hex()
        else:
            text = str(int(value))
        if self.lanes == 1:
            return text
        return "<" + ", ".join([f"{kind} {text}"] * self.lanes) + ">"

    def call(self, intrinsic, dtype, value):
        kind = self.type(dtype)
        suffix = f"v{self.lanes}" if self.lanes > 1 else ""
        suffix += "f32" if dtype == "float32" else "f64"
        return self.add(f"call {kind} @llvm.{intrinsic}.{suffix}({kind} {value})")

    def compare(self, how, dtype, a, b):
        """A comparison as the bits that `select` and `as_bool` take."""
        return self.add(f"{how} {self.type(dtype)} {a}, {b}")

    def select(self, bits, dtype, a, b):
        kind = self.type(dtype)
        return self.add(f"select {self.vector('i1')} {bits}, {kind} {a}, {kind} {b}")

    def as_bool(self, bits):
        return self.add(f"zext {self.vector('i1')} {bits} to {self.type('bool')}")

    def as_bits(self, dtype, value):
        """Whether elements are true, which NaN is."""
        how = "fcmp une" if _is_float(dtype) else "icmp ne"
        return self.compare(how, dtype, value, self.constant(0, dtype))

    def cast(self, value, old, new):
        """Convert as NumPy does; to small whole numbers it has a rule of its own for floats."""
        if old == new:
            return value
        if new == "bool":
            return self.as_bool(self.as_bits(old, value))
        if _is_float(old):
            if _is_float(new):
                how = "fpext" if new == "float64" else "fptrunc"
            elif new in ("int32", "int64"):
                how = "fptosi"
            else:
                raise NotSupported
        elif _is_float(new):
            how = "sitofp" if old.startswith("int") else "uitofp"
        elif _bits(old) == _bits(new):
            return value
        elif _bits(old) > _bits(new):
            how = "trunc"
        else:
            how = "sext" if old.startswith("int") else "zext"
        return self.add(f"{how} {self.type(old)} {value} to {self.type(new)}")


def _bits(dtype):
    return 8 if dtype == "bool" else np.dtype(dtype).itemsize * 8


def _arithmetic(of_floats, of_ints=None):
    def emit(writer, dtype, a, b):
        how = of_floats if _is_float(dtype) else of_ints
        if how is None or dtype == "bool":
            raise NotSupported
        return writer.add(f"{how} {writer.type(dtype)} {a}, {b}")

    return emit


def _extreme(of_floats, signed, unsigned):
    def emit(writer, dtype, a, b):
        if not _is_float(dtype):
            how = f"icmp {signed if dtype.startswith('int') else unsigned}"
            return writer.select(writer.compare(how, dtype, a, b), dtype, a, b)
        wins = writer.compare(f"fcmp {of_floats}", dtype, a, b)
        is_nan = writer.compare("fcmp uno", dtype, a, a)
        bits = writer.add(f"or {writer.vector('i1')} {wins}, {is_nan}")
        return writer.select(bits, dtype, a, b)

    return emit


def _comparison(of_floats, signed, unsigned):
    def emit(writer, dtype, a, b):
        if _is_float(dtype):
            how = f"fcmp {of_floats}"
        else:
            how = f"icmp {signed if dtype.startswith('int') else unsigned}"
        return writer.as_bool(writer.compare(how, dtype, a, b))

    return emit


def _of_bools(how):
    def emit(writer, dtype, a, b):
        if dtype != "bool":
            raise NotSupported
        return writer.add(f"{how} {writer.type(dtype)} {a}, {b}")

    return emit


def _of_floats(function):
    def emit(writer, dtype, x):
        if not _is_float(dtype):
            raise NotSupported
        return function(writer, dtype, x)

    return emit


def _sign(writer, dtype, x):
    zero, one, minus = (writer.constant(value, dtype) for value in (0, 1, -1))
    negative = writer.select(writer.compare("fcmp olt", dtype, x, zero), dtype, minus, zero)
    signed = writer.select(writer.compare("fcmp ogt", dtype, x, zero), dtype, one, negative)
    return writer.select(writer.compare("fcmp uno", dtype, x, x), dtype, x, signed)


def _not(writer, dtype, x):
    return _of_bools("xor")(writer, dtype, x, writer.constant(1, dtype))


# Operations of two (or, where they fold, more) operands, computed in NumPy's common dtype of them.
_PAIRS = {
    scalar.Add: _arithmetic("fadd", "add"),
    scalar.Sub: _arithmetic("fsub", "sub"),
    scalar.Mul: _arithmetic("fmul", "mul"),
    scalar.TrueDiv: _arithmetic("fdiv"),
    type(scalar.scalar_maximum): _extreme("ogt", "sgt", "ugt"),
    type(scalar.scalar_minimum): _extreme("olt", "slt", "ult"),
    scalar.AND: _of_bools("and"),
    scalar.OR: _of_bools("or"),
    scalar.XOR: _of_bools("xor"),
}
_COMPARISONS = {
    scalar.LT: _comparison("olt", "slt", "ult"),
    scalar.LE: _comparison("ole", "sle", "ule"),
    scalar.GT: _comparison("ogt", "sgt", "ugt"),
    scalar.GE: _comparison("oge", "sge", "uge"),
    scalar.EQ: _comparison("oeq", "eq", "eq"),
    scalar.NEQ: _comparison("une", "ne", "ne"),
}
_SINGLES = {
    scalar.Sqrt: _of_floats(lambda writer, dtype, x: writer.call("sqrt", dtype, x)),
    scalar.Abs: _of_floats(lambda writer, dtype, x: writer.call("fabs", dtype, x)),
    scalar.Neg: _of_floats(lambda writer, dtype, x: writer.add(f"fneg {writer.type(dtype)} {x}")),
    scalar.Sqr: lambda writer, dtype, x: _PAIRS[scalar.Mul](writer, dtype, x, x),
    scalar.Reciprocal: _of_floats(
        lambda writer, dtype, x: _PAIRS[scalar.TrueDiv](writer, dtype, writer.constant(1, dtype), x)
    ),
    scalar.Sign: _of_floats(_sign),
    scalar.Invert: _not,
}


def _emit(writer, op, inputs, out):
    """Write one scalar operation; `inputs` are pairs (value, dtype). Return the value, in `out`."""
    kind_of_op = type(op)
    if isinstance(op, (scalar.Cast, scalar.Identity)):
        return writer.cast(*inputs[0], out)
    if isinstance(op, scalar.Second):
        return writer.cast(*inputs[1], out)
    if isinstance(op, scalar.Switch):
        (condition, kind), *branches = inputs
        common = _common([dtype for _, dtype in branches])
        a, b = (writer.cast(value, dtype, common) for value, dtype in branches)
        chosen = writer.select(writer.as_bits(kind, condition), common, a, b)
        return writer.cast(chosen, common, out)
    if isinstance(op, scalar.Clip):
        upper = _emit(writer, scalar.scalar_maximum, inputs[:2], out)
        return _emit(writer, scalar.scalar_minimum, [(upper, out), inputs[2]], out)
    if isinstance(op, scalar.IsNan) and _is_float(inputs[0][1]):
        value, dtype = inputs[0]
        return writer.cast(
            writer.as_bool(writer.compare("fcmp uno", dtype, value, value)), "bool", out
        )
    if kind_of_op in _SINGLES:
        value, dtype = inputs[0]
        common = _compute_dtype([dtype], out)
        return writer.cast(
            _SINGLES[kind_of_op](writer, common, writer.cast(value, dtype, common)), common, out
        )
    if kind_of_op in _COMPARISONS:
        common = _common([dtype for _, dtype in inputs])
        a, b = (writer.cast(value, dtype, common) for value, dtype in inputs)
        return writer.cast(_COMPARISONS[kind_of_op](writer, common, a, b), "bool", out)
    if kind_of_op not in _PAIRS:
        raise NotSupported
    result, first = inputs[0]
    for value, dtype in inputs[1:]:
        common = _compute_dtype([first, dtype], out)
        pair = writer.cast(result, first, common), writer.cast(value, dtype, common)
        result, first = writer.cast(_PAIRS[kind_of_op](writer, common, *pair), common, out), out
    return result


def _common(dtypes):
    common = np.result_type(*dtypes).name
    if common not in _TYPES:
        raise NotSupported
    return common


def _compute_dtype(dtypes, out):
    """The dtype that NumPy's ufuncs compute in: see `elementwise.array_function`."""
    if _is_float(out) and not any(map(_is_float, dtypes)):
        return out
    return _common(dtypes)


# --- Loops ---------------------------------------------------------------------------------------


class Chain:
    """A chain of operations on arrays, as text that LLVM compiles.

    Args:
        nodes: Scalar operations in order: (op, places of its operands, place of its result).
        dtypes: Place -> the dtype of the value there.
        constants: Place -> its number.
        inputs: Places of the arrays read, in the order of the function's arguments.
        outputs: Places of the arrays written, which follow as further arguments.

    Attributes:
        key: Equal for chains that compute the same.
        arrays: How many arrays the function takes.
    """

    def __init__(self, nodes, dtypes, constants, inputs, outputs):
        self._nodes = nodes
        self._dtypes = dtypes
        self._constants = constants
        self._inputs = inputs
        self._outputs = outputs
        self.arrays = len(inputs) + len(outputs)
        lists = nodes, dtypes.items(), constants.items(), inputs, outputs
        self.key = tuple(map(tuple, lists))

    def text(self, name, kinds):
        """Return LLVM's text of a function `name`.

        Its arguments are the first row and the one after the last, the same of columns, the number
        of elements in a row of a full array, and then NumPy's array objects.

        Args:
            kinds: The kind of each input.

        Raises:
            NotSupported: there is no such operation.
        """
        if not all(dtype in _TYPES for dtype in self._dtypes.values()):
            raise NotSupported
        lines = []
        arrays = [*self._inputs, *self._outputs]
        pointer = _pointer("i8")
        arguments = "".join(f", {pointer} %array{i}" for i in range(len(arrays)))
        lines.append(
            f"define void @{name}(i64 %row0, i64 %row1, i64 %column0, i64 %column1, i64 %width"
            f"{arguments}) {{\nentry:"
        )
        for i, place in enumerate(arrays):
            self._point(lines, i, self._dtypes[place])
        known = self._splat(lines, kinds, NUMBER, "0")
        lines += [
            f"  %last = sub i64 %column1, {LANES}",
            "  br label %rows",
            "rows:",
            "  %row = phi i64 [%row0, %entry], [%next_row, %single_end]",
            "  %more_rows = icmp slt i64 %row, %row1",
            "  br i1 %more_rows, label %row_start, label %done",
            "row_start:",
            "  %offset = mul i64 %row, %width",
        ]
        known |= self._splat(lines, kinds, COLUMN, "%row")
        lines.append("  br label %wide")
        first = "row_start", "%column0"
        self._loop(lines, "wide", *first, "sle i64 %wide_at, %last", "single", LANES, kinds, known)
        first = "wide", "%wide_at"
        self._loop(
            lines, "single", *first, "slt i64 %single_at, %column1", "single_end", 1, kinds, known
        )
        lines.append("single_end:")
        lines += ["  %next_row = add i64 %row, 1", "  br label %rows", "done:", "  ret void", "}"]
        return "\n".join([*self._declarations(), *lines])

    def _declarations(self):
        for intrinsic in ("sqrt", "fabs"):
            for dtype, short in (("float", "f32"), ("double", "f64")):
                yield f"declare {dtype} @llvm.{intrinsic}.{short}({dtype})"
                wide = f"<{LANES} x {dtype}>"
                yield f"declare {wide} @llvm.{intrinsic}.v{LANES}{short}({wide})"

    def _point(self, lines, i, dtype):
        """Find array `i`'s data."""
        byte, kind = _pointer("i8"), _pointer(_TYPES[dtype])
        cell = _pointer(kind)
        lines += [
            f"  %field{i} = getelementptr i8, {byte} %array{i}, i64 {_DATA}",
            f"  %cell{i} = bitcast {byte} %field{i} to {cell}",
            f"  %data{i} = load {kind}, {cell} %cell{i}, align 8",
        ]

    def _splat(self, lines, kinds, kind, index):
        """Load inputs of one value for many elements; return input -> its names, by lanes."""
        found = {}
        for i, (place, its_kind) in enumerate(zip(self._inputs, kinds, strict=True)):
            if its_kind != kind:
                continue
            dtype = _TYPES[self._dtypes[place]]
            wide = f"<{LANES} x {dtype}>"
            pointer = _pointer(dtype)
            size = _bits(self._dtypes[place]) // 8
            lines += [
                f"  %at{i} = getelementptr {dtype}, {pointer} %data{i}, i64 {index}",
                f"  %one{i} = load {dtype}, {pointer} %at{i}, align {size}",
                f"  %first{i} = insertelement {wide} undef, {dtype} %one{i}, i32 0",
                f"  %all{i} = shufflevector {wide} %first{i}, {wide} undef, "
                f"<{LANES} x i32> zeroinitializer",
            ]
            found[i] = {1: f"%one{i}", LANES: f"%all{i}"}
        return found

    def _loop(self, lines, name, before, start, condition, after, lanes, kinds, known):
        """Write the loop `name` over the columns from `start`, while `condition` holds."""
        index = f"%{name}_at"
        lines += [
            f"{name}:",
            f"  {index} = phi i64 [{start}, %{before}], [%{name}_next, %{name}_body]",
            f"  %{name}_more = icmp {condition}",
            f"  br i1 %{name}_more, label %{name}_body, label %{after}",
            f"{name}_body:",
        ]
        writer = _Writer(lines, name[0], lanes)
        place_of_full = writer.add(f"add i64 %offset, {index}")
        values = {}
        for i, (place, kind) in enumerate(zip(self._inputs, kinds, strict=True)):
            if i in known:
                values[place] = known[i][lanes]
            else:
                index_here = place_of_full if kind == FULL else index
                dtype = self._dtypes[place]
                source = self._address(writer, i, dtype, index_here)
                size = _bits(dtype) // 8
                values[place] = writer.add(f"load {writer.type(dtype)}, {source}, align {size}")
        for place, value in self._constants.items():
            values[place] = writer.constant(value, self._dtypes[place])
        for op, sources, target in self._nodes:
            operands = [(values[source], self._dtypes[source]) for source in sources]
            values[target] = _emit(writer, op, operands, self._dtypes[target])
        for i, place in enumerate(self._outputs, len(self._inputs)):
            dtype = self._dtypes[place]
            target = self._address(writer, i, dtype, place_of_full)
            size = _bits(dtype) // 8
            lines.append(f"  store {writer.type(dtype)} {values[place]}, {target}, align {size}")
        lines += [f"  %{name}_next = add i64 {index}, {lanes}", f"  br label %{name}"]

    def _address(self, writer, i, dtype, index):
        """Return the typed address of elements of array `i`."""
        kind = _TYPES[dtype]
        at = writer.add(f"getelementptr {kind}, {_pointer(kind)} %data{i}, i64 {index}")
        wanted = _pointer(writer.type(dtype))
        return f"{wanted} {writer.add(f'bitcast {_pointer(kind)} {at} to {wanted}')}"


@functools.cache
def _llvm():
    """LLVM's library, which takes a tenth of a second to load: so it is loaded in the background."""
    import llvmlite.binding

    return llvmlite.binding


def _pointer(kind):
    # LLVM's pointers had types until its version 15.
    return "ptr" if _llvm().llvm_version_info[0] > 15 else f"{kind}*"


# --- Compiling, in the background -----------------------------------------------------------------

_functions = {}  # (chain, kinds) -> Function
_pool = None
_stopped = False


def _forget():
    """A forked process has what was compiled, but not the thread that compiles."""
    global _stopped
    _stopped = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class Function:
    """A chain's machine code for arrays of some kinds.

    Attributes:
        call: Function of (first row, row after the last, first column, column after the last, row
            length, then each array's `id`); None until it is compiled, or where it cannot be.
    """

    def __init__(self):
        self.call = None


def available():
    """Tell whether machine code may be made here."""
    return not _stopped and os.environ.get(VARIABLE, "1") != "0"


def request(chain, kinds):
    """Return the `Function` of a chain, which is compiled in the background if it is a new one."""
    global _pool
    key = chain.key, kinds
    if key not in _functions:
        if not available():
            return Function()
        _functions[key] = Function()
        if _pool is None:
            _pool = ThreadPoolExecutor(1, thread_name_prefix="machine_code")
        _pool.submit(_compile, _functions[key], chain, kinds, f"chain{len(_functions)}")
    return _functions[key]


def wait():
    """Wait until all that was requested is compiled."""
    if _pool is not None:
        _pool.submit(int).result()


def _compile(function, chain, kinds, name):
    try:
        text = chain.text(name, kinds)
        engine = _engine()
        module = _llvm().parse_assembly(text)
        module.verify()
        engine.add_module(module)
        engine.finalize_object()
    except NotSupported:
        return
    except Exception as error:  # on a thread of its own nobody would see it
        warnings.warn(
            f"LLVM cannot compile some element-wise operations, so NumPy does them: {error}"
        )
        return
    arguments = [ctypes.c_int64] * 5 + [ctypes.c_void_p] * chain.arrays
    function.call = ctypes.CFUNCTYPE(None, *arguments)(engine.get_function_address(name))


@functools.cache
def _engine():
    """LLVM's compiler for this processor; it keeps all that was compiled."""
    probe = np.zeros(1)
    if ctypes.c_void_p.from_address(id(probe) + _DATA).value != probe.ctypes.data:
        raise NotSupported  # in this Python, NumPy's arrays look otherwise
    llvm = _llvm()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)

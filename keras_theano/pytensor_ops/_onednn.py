"""oneDNN, a library of machine code for neural networks (Intel's, open source), by its C interface.

It comes with the package `onednn-cpu-gomp` (Linux on x86-64; it needs the system's OpenMP library,
Debian's libgomp1), with conda's `onednn`, or with the system. Where there is none `available()` is
False, and NumPy does the work.

One call does what takes NumPy many, on all the processor's cores. Its threads sleep between calls:
by default OpenMP lets them spin, which takes the cores from NumPy's. Small work is done by one
thread: to wait for another costs more, and on a busy machine, where that has to wait for a core
itself, some milliseconds a call.
"""

import contextlib
import ctypes
import functools
import importlib.metadata
import math
import os
import sys
import threading
from pathlib import Path

import numpy as np

from ._threads import workers

VARIABLE = "KERAS_THEANO_ONEDNN"
PACKAGE = "onednn-cpu-gomp"
_WAITING = "OMP_WAIT_POLICY"
LIBRARY = "libdnnl.so.3"  # the C interface of oneDNN 3

# Arguments of a computation, by the numbers that dnnl_types.h gives them ...
SOURCE, TARGET, WEIGHTS, BIAS, WORKSPACE, SCRATCHPAD = 1, 17, 33, 41, 64, 80
SOURCE_GRADIENT, TARGET_GRADIENT, WEIGHTS_GRADIENT = 129, 145, 161
MEAN, VARIANCE, SCALE, OFFSET, SCALE_GRADIENT, OFFSET_GRADIENT = 49, 50, 51, 52, 255, 256
# ... and how a primitive is asked for the layout of each.
_QUERIES = {
    SOURCE: 129,
    SOURCE_GRADIENT: 130,
    WEIGHTS: 131,
    WEIGHTS_GRADIENT: 132,
    TARGET: 133,
    TARGET_GRADIENT: 134,
    WORKSPACE: 135,
    SCRATCHPAD: 136,
}
_QUERY_NAME = 8
_CPU, _IN_ORDER, _FLOAT32, _ANY_LAYOUT, _SCRATCHPAD_BY_USER = 1, 1, 3, 1, 1
_MOST_AXES = 12
# What the computations share: the kind that keeps what gradients need, and how many axes they know.
TRAINING = 64
MOST_SPATIAL_AXES = 3
_ALIGNMENT = 64
LEAST_PRODUCT = 1 << 21  # multiplications below which one thread is as quick as all
_MOST_KEPT = 1024  # codes of one kind; the largest nets need some hundred


class NotSupported(Exception):
    """oneDNN has no code for this case, or none that is fast."""


class _Argument(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("memory", ctypes.c_void_p)]


class _Handle:
    """An object of oneDNN's, destroyed with this one."""

    def __init__(self, kind, maker, *arguments):
        self._as_parameter_ = ctypes.c_void_p()
        self._destroy = getattr(_library(), f"dnnl_{kind}_destroy")
        _call(maker, ctypes.byref(self._as_parameter_), *arguments)

    def __del__(self):
        if self._as_parameter_:
            self._destroy(self._as_parameter_)


_forked = False


def _forget():
    """A forked process has no OpenMP threads, and waits for them for ever."""
    global _forked
    _forked = _library.cache_info().currsize > 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def available():
    """Tell whether oneDNN is installed, and not turned off by KERAS_THEANO_ONEDNN=0."""
    return not _forked and os.environ.get(VARIABLE, "1") != "0" and _library() is not None


@functools.cache
def _library():
    for path in _places():
        with contextlib.suppress(OSError):
            library = _load(path)
            library.dnnl_primitive_desc_query_md.restype = ctypes.c_void_p
            library.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
            return library
    return None


def _load(path):
    before = os.environ.get(_WAITING)
    os.environ.setdefault(_WAITING, "passive")  # read by OpenMP as it is loaded
    try:
        return ctypes.CDLL(path)
    finally:
        if before is None:
            del os.environ[_WAITING]


def _places():
    try:
        package = importlib.metadata.distribution(PACKAGE)
        for file in package.files or ():
            if file.name == LIBRARY:
                yield str(package.locate_file(file))
    except importlib.metadata.PackageNotFoundError:
        pass
    yield str(Path(sys.prefix, "lib", LIBRARY))  # conda's
    yield LIBRARY  # the system's


def _call(function, *arguments, error=NotSupported):
    status = getattr(_library(), f"dnnl_{function}")(*arguments)
    if status:
        raise error(f"oneDNN's dnnl_{function} returned the status {status} of dnnl_status_t.")


def _use(threads):
    """Let oneDNN use so many threads in what the calling thread asks for next."""
    # Where it was built for other threads than OpenMP's, it decides for itself.
    with contextlib.suppress(AttributeError):
        _library().omp_set_num_threads(threads)


@functools.cache
def engine():
    """Return the processor, as oneDNN knows it."""
    return _Handle("engine", "engine_create", _CPU, ctypes.c_size_t(0))


_of_thread = threading.local()


def _stream():
    """A queue of computations for the thread that asks: oneDNN lets no two threads share one."""
    if not hasattr(_of_thread, "stream"):
        _of_thread.stream = _Handle("stream", "stream_create", engine(), _IN_ORDER)
    return _of_thread.stream


@functools.cache
def _attributes():
    # Scratch memory comes with each call: so one primitive can run in several threads at once.
    attributes = _Handle("primitive_attr", "primitive_attr_create")
    _call("primitive_attr_set_scratchpad_mode", attributes, _SCRATCHPAD_BY_USER)
    return attributes


def computes(x):
    """Tell whether oneDNN is there for such an array: float32, and not empty."""
    return x.dtype == "float32" and x.size > 0 and available()


def kept(function):
    """Decorate a function that finds the code for given shapes: what it found is kept.

    It returns None where the function raises NotSupported.
    """

    @functools.lru_cache(_MOST_KEPT)
    def find(*arguments):
        try:
            return function(*arguments)
        except NotSupported:
            return None

    return find


def sizes(values):
    """Sizes, strides or padding as oneDNN takes them."""
    return (ctypes.c_int64 * _MOST_AXES)(*values)


def layout(shape, strides=None):
    """Describe a float32 array, its strides in elements; without strides, a layout left open."""
    kind, last = ("tag", _ANY_LAYOUT) if strides is None else ("strides", sizes(strides))
    maker = f"memory_desc_create_with_{kind}"
    return _Handle("memory_desc", maker, len(shape), sizes(shape), _FLOAT32, last)


def channels_last(shape):
    """Describe an array (batch, *spatial, channels): oneDNN counts its channels second."""
    batch, *spatial, channels = zip(shape, contiguous(shape), strict=True)
    return layout(*zip(batch, channels, *spatial, strict=True))


def contiguous(shape):
    """The strides, in elements, of an array without gaps."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


class Primitive:
    """A computation on arrays of fixed shapes, safe to run in several threads at once.

    Args:
        name: What comes before `_primitive_desc_create` in the name of the C function.
        *arguments: That function's, without its first and last.
        small: Whether it is too little work for more than one thread.

    Raises:
        NotSupported: oneDNN has no code for it.
    """

    def __init__(self, name, *arguments, small):
        self._threads = 1 if small else workers
        _use(self._threads)  # the code is made for so many
        maker = f"{name}_primitive_desc_create"
        self.description = _Handle("primitive_desc", maker, *arguments, _attributes())
        self._primitive = _Handle("primitive", "primitive_create", self.description)
        self._scratchpad = self.layout_of(SCRATCHPAD)

    def code(self):
        """Return the name of the code it runs, as "brgconv:avx512_core"."""
        name = ctypes.c_char_p()
        _call("primitive_desc_query", self.description, _QUERY_NAME, 0, ctypes.byref(name))
        return name.value.decode()

    def refuse(self, *slow):
        """Raise NotSupported where the code's name begins with one of these, or is reference code.

        Reference code goes through the elements one by one: NumPy is quicker.
        """
        if self.code().startswith(("ref", *slow)):
            raise NotSupported(f"oneDNN has only slow code for it, {self.code()}.")

    def layout_of(self, argument):
        """Return the layout of an argument, as given or as the primitive has chosen it."""
        query = _library().dnnl_primitive_desc_query_md
        return ctypes.c_void_p(query(self.description, _QUERIES[argument], 0))

    def run(self, *arguments):
        """Compute; each argument is (its number, its layout, its array).

        Raises:
            RuntimeError: oneDNN failed, say for want of memory.
        """
        arguments = [*arguments, (SCRATCHPAD, self._scratchpad, buffer(self._scratchpad))]
        memories = [
            _Handle("memory", "memory_create", layout, engine(), ctypes.c_void_p(array.ctypes.data))
            for _, layout, array in arguments
        ]
        given = (_Argument * len(memories))(
            *(
                _Argument(number, memory._as_parameter_)
                for (number, *_), memory in zip(arguments, memories, strict=True)
            )
        )
        _use(self._threads)
        execution = self._primitive, _stream(), len(memories), given
        _call("primitive_execute", *execution, error=RuntimeError)
        _call("stream_wait", _stream(), error=RuntimeError)


def buffer(layout):
    """Return new memory for an array of this layout, contents undefined."""
    count = _library().dnnl_memory_desc_get_size(layout)
    room = np.empty(count + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + count]

"""Work on the samples of a batch in several threads.

NumPy releases the interpreter's lock in its loops and in BLAS, so threads run side by side. BLAS
has threads of its own, but it starts and joins them in every call: for the small products of a
convolution that is slow, and very slow on a machine that is busy with something else. So while
samples are shared out, each thread's BLAS is kept to one.
"""

import contextlib
import ctypes
import os
import pathlib
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

MOST_WORKERS = 16
# Array elements below which handing out work costs more than it saves (some 0.1 ms).
LEAST_ELEMENTS = 1 << 17
# Multiplications in one step's product below which threads are not worth it: between the short calls
# of a step they wait for the interpreter's lock.
LEAST_STEP = 1 << 24


def _find_openblas():
    """(get, set) for the number of threads of NumPy's own OpenBLAS, or None where it has none."""
    package = pathlib.Path(np.__file__).parent
    folders = (package.parent / "numpy.libs", package / ".libs", package / ".dylibs")
    for library in (path for folder in folders for path in sorted(folder.glob("*openblas*"))):
        try:
            handle = ctypes.CDLL(str(library))
        except OSError:
            continue
        for prefix in ("scipy_openblas", "openblas"):
            for suffix in ("64_", "_64", ""):
                get = getattr(handle, f"{prefix}_get_num_threads{suffix}", None)
                put = getattr(handle, f"{prefix}_set_num_threads{suffix}", None)
                if get is not None and put is not None:
                    get.restype, put.argtypes = ctypes.c_int, [ctypes.c_int]
                    return get, put
    return None


_blas = _find_openblas()


def _cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# Whoever limits BLAS (say by OMP_NUM_THREADS) means to limit the whole computation.
workers = min(MOST_WORKERS, _cores() if _blas is None else _blas[0]())

_state = threading.Lock()
_users = 0
_blas_threads = 1
_pool = None
_here = threading.local()  # whether this thread is in `steps`


def _forget():
    """A forked process inherits the pool but not its threads: work given to it would never end."""
    global _pool, _users, _state
    _pool, _users, _state = None, 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _warn_of_no_nan():
    """NumPy's `errstate` is a thread's own: whoever ignores NaN here would be told of it there."""
    np.seterr(all="ignore")


@contextlib.contextmanager
def single_blas():
    """Keep BLAS to one thread while any caller is inside."""
    global _users, _blas_threads
    if _blas is None or workers < 2:
        yield
        return
    get, put = _blas
    with _state:
        if _users == 0:
            _blas_threads = get()
            put(1)
        _users += 1
    try:
        yield
    finally:
        with _state:
            _users -= 1
            if _users == 0:
                put(_blas_threads)


@contextlib.contextmanager
def steps():
    """Around a loop of many short calls: only products of `LEAST_STEP` get more than one thread.

    BLAS's own threads would wait, spinning, between all the calls: that costs twice the processor's
    time on an idle machine, and seconds on one whose cores are busy.
    """
    before, _here.stepping = stepping(), True
    try:
        with single_blas():
            yield
    finally:
        _here.stepping = before


def stepping():
    """Whether this thread is in such a loop."""
    return getattr(_here, "stepping", False)


def split(batch, elements, function, blas=False, least=None):
    """Call ``function(slice of samples)`` for parts that make up the batch; return the results.

    `elements` measures the work, as array elements touched, and less than `least` (LEAST_ELEMENTS,
    unless told) is not split.
    `blas` says that `function` spends its time in matrix products: then it is only split where
    BLAS's own threads can be held back.
    """
    global _pool
    parts = min(workers, batch)
    if parts < 2 or (blas and _blas is None):
        return [function(slice(0, batch))]
    least = LEAST_ELEMENTS if least is None else least
    if blas and stepping():
        least = max(least, LEAST_STEP)
    if elements < least:
        with single_blas() if blas else contextlib.nullcontext():
            return [function(slice(0, batch))]
    with _state:
        if _pool is None:
            _pool = ThreadPoolExecutor(
                workers, thread_name_prefix="pytensor_ops", initializer=_warn_of_no_nan
            )
        pool = _pool
    bounds = [batch * part // parts for part in range(parts + 1)]
    pieces = [slice(a, b) for a, b in zip(bounds, bounds[1:], strict=False)]
    with single_blas() if blas else contextlib.nullcontext():
        waiting = [pool.submit(function, piece) for piece in pieces[1:]]
        try:
            first = function(pieces[0])
        finally:
            # Also after an error: the others still write into the caller's arrays.
            results = [(future.exception(), future) for future in waiting]
    return [first, *(future.result() for _, future in results)]

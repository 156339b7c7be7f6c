"""Keeps freed memory at hand on Linux, where giving it back costs more than the computation.

A training step makes and drops arrays of some megabytes by the dozen. By default glibc maps each
such array anew and returns it to the system when it is dropped, and the system clears every page
again, which can take as long as the arithmetic.
"""

import ctypes
import platform

# Parameter numbers of mallopt(3), from glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
LARGEST_KEPT = 32 << 20  # bytes, the most that glibc allows for arrays that are not mapped anew
MOST_FREE = 1 << 30  # bytes of free memory at the heap's end that are kept


def keep_freed_memory():
    """Tell glibc's allocator to reuse freed arrays; return whether there is one to tell."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(_TRIM_THRESHOLD, MOST_FREE))

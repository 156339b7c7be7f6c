"""How data are divided, the same in every loader: each split that a data set has is an attribute.

flights = load_flights().validation  # a table
x, y = load_digits().train           # arrays
photos = load_photos().test          # pictures with their names, classes and so on
"""

from dataclasses import fields, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

SPLITS = ("train", "validation", "test")


class Samples(NamedTuple):
    """Inputs `x` and what is to be learnt from them, `y`, in the same order."""

    x: np.ndarray
    y: np.ndarray


class TrainTest(NamedTuple):
    """Samples in two splits."""

    train: Samples
    test: Samples


class TrainValidationTest(NamedTuple):
    """A table in three splits."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


class Divided:
    """What dataclasses share whose arrays and lists have an entry for each picture, `splits` too.

    `photos.train`, `photos.validation` and `photos.test` are the pictures of one split; square
    brackets take a mask, a slice, a position or an array of positions. Fields that are tuples or
    plain values belong to all pictures.
    """

    splits: np.ndarray

    def __len__(self) -> int:
        return len(self.splits)

    def __getitem__(self, chosen: int | slice | npt.ArrayLike) -> Self:
        rows = np.atleast_1d(np.arange(len(self))[chosen])
        picked = {}
        for field in fields(self):
            values = getattr(self, field.name)
            if isinstance(values, np.ndarray):
                picked[field.name] = values[rows]
            elif isinstance(values, list):
                picked[field.name] = [values[row] for row in rows]
        return replace(self, **picked)

    @property
    def train(self) -> Self:
        return self._split("train")

    @property
    def validation(self) -> Self:
        return self._split("validation")

    @property
    def test(self) -> Self:
        return self._split("test")

    def _split(self, name):
        if name not in self.splits:
            raise ValueError(f"None of these {len(self)} pictures is in the split {name!r}.")
        return self[self.splits == name]

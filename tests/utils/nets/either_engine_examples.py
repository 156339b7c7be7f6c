"""The examples in the docstrings of utils/nets print what they say; `test_nets.py` runs this on each engine."""

import doctest
import pkgutil
from importlib import import_module

import keras
import numpy as np
import pytest

import utils.nets


@pytest.mark.parametrize(
    "name", [found.name for found in pkgutil.iter_modules(utils.nets.__path__)]
)
def test_examples_of(name):
    module = import_module(f"utils.nets.{name}")
    keras.utils.set_random_seed(0)
    names = {"keras": keras, "np": np}
    failed, _ = doctest.testmod(module, extraglobs=names)
    assert not failed

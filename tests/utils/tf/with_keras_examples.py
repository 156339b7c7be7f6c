"""The examples in the docstrings of utils/tf print what they say; `test_tf_with_keras.py` runs this."""

import doctest
import pkgutil
from http.client import HTTPConnection
from importlib import import_module

import keras
import numpy as np
import pytest
import tensorflow as tf

import utils.tf


@pytest.mark.parametrize("name", [found.name for found in pkgutil.iter_modules(utils.tf.__path__)])
def test_examples_of(name):
    module = import_module(f"utils.tf.{name}")
    keras.utils.set_random_seed(0)
    names = {
        "HTTPConnection": HTTPConnection,
        "fit": utils.tf.fit,
        "keras": keras,
        "np": np,
        "tf": tf,
    }
    failed, _ = doctest.testmod(module, extraglobs=names)
    assert not failed

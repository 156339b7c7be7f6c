"""The engine of the tests that `test_nets.py` runs in processes of their own, before Keras is loaded."""

import os
from importlib import import_module

engine = os.environ.get("COURSE_ENGINE")
if engine == "theano":
    import_module("keras_theano")
elif engine:
    os.environ["KERAS_BACKEND"] = engine

"""Choosing the engine, what it leaves alone, and what it says when something is wrong."""

import os
import subprocess
import sys

import pytest


def run(code, **environment):
    """Run `code` in a Python of its own; return what it printed, output and errors together."""
    keep = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env={**keep, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )
    return done.stdout + done.stderr


TRAINED = """
import keras_theano, keras, numpy as np, sys, tempfile, os
keras.utils.set_random_seed(1)
x = np.linspace(-1, 1, 64, dtype="float32")[:, None]
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.05), "mse")
first = model.evaluate(x, x**2, verbose=0)
history = model.fit(x, x**2, epochs=30, batch_size=16, verbose=0)
"""


def test_training_saving_and_loading_import_no_other_engine():
    code = TRAINED + (
        "path = os.path.join(tempfile.mkdtemp(), 'model.keras')\n"
        "model.save(path)\n"
        "again = keras.models.load_model(path)\n"
        "assert np.array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))\n"
        "again.fit(x, x**2, epochs=1, verbose=0)\n"
        "assert history.history['loss'][-1] < first / 4, (first, history.history['loss'])\n"
        "print(keras.backend.backend(), *sorted({'tensorflow', 'torch'} & set(sys.modules)))\n"
    )
    assert run(code).strip().splitlines()[-1] == "theano"


def test_the_engine_of_a_running_keras_cannot_be_changed():
    printed = run("import keras; import keras_theano", KERAS_BACKEND="numpy")
    if "No module named 'jax'" in printed:  # Keras's own NumPy backend wants JAX
        printed = run("import keras; import keras_theano", KERAS_BACKEND="tensorflow")
    assert "RuntimeError: Keras is already running on" in printed
    assert "`import keras_theano` before `import keras`" in printed


LINES = """
import keras_theano, keras
print(keras.backend.backend(), keras_theano.engine())
"""


@pytest.mark.parametrize(
    ("variable", "engine"),
    [
        ("", "theano"),
        ("theano", "theano"),
        ("tensorflow", "tensorflow"),
        (" TensorFlow ", "tensorflow"),
    ],
)
def test_one_variable_chooses_the_engine_and_the_program_stays(variable, engine):
    # KERAS_BACKEND is not asked, as without the variable.
    printed = run(LINES, KERAS_THEANO_ENGINE=variable, KERAS_BACKEND="jax")
    assert printed.split() == [engine, engine]  # and no chatter


def test_the_variable_chooses_jax_where_it_is_installed():
    pytest.importorskip("jax", reason="JAX is in .testdeps")
    printed = run(
        LINES
        + "import jax; from utils import lesson; print(lesson.device() == jax.default_backend().upper())",
        KERAS_THEANO_ENGINE="jax",
        PYTHONPATH=os.pathsep.join(sys.path),
    )
    assert printed.splitlines()[-2:] == ["jax jax", "True"]


@pytest.mark.parametrize(
    ("variable", "hidden", "words"),
    [
        (
            "tensorfow",
            None,
            ["ValueError", "KERAS_THEANO_ENGINE=tensorfow", "theano, tensorflow, jax"],
        ),
        ("jax", "jax", ["ModuleNotFoundError", "KERAS_THEANO_ENGINE=jax", "pip install jax"]),
    ],
)
def test_an_engine_that_cannot_be_is_refused_at_once(variable, hidden, words):
    hide = (
        "import importlib.util as u; found = u.find_spec\n"
        f"u.find_spec = lambda name, *a: None if name == {hidden!r} else found(name, *a)\n"
    )
    message = run(hide + "import keras_theano", KERAS_THEANO_ENGINE=variable).splitlines()[-1]
    assert all(word in message for word in words), message


def test_a_keras_that_runs_on_another_engine_than_the_variable_names_is_refused():
    printed = run(
        "import keras_theano, keras, os\n"
        "from keras_theano import setting\n"
        "os.environ['KERAS_THEANO_ENGINE'] = 'theano'\n"
        "print(keras_theano.engine())\n"  # what was chosen stays chosen
        "setting.engine.cache_clear()\n"
        "keras_theano._select()\n",
        KERAS_THEANO_ENGINE="tensorflow",
    )
    assert printed.splitlines()[0] == "tensorflow"
    assert "RuntimeError: Keras is already running on 'tensorflow'" in printed


def test_on_another_engine_raw_theano_works_and_what_is_ours_says_where_it_belongs():
    printed = run(
        "import keras_theano, keras, numpy as np, pytensor, pytensor.tensor as pt\n"
        "pytensor.config.mode = keras_theano.interpreter()\n"
        "x = pt.vector('x')\n"
        "y = pytensor.function([x], (x**2).sum())(np.ones(3, 'float32'))\n"
        # It runs as it does beside our engine: there, raw loops were eight times as slow.
        "linker = pytensor.config.mode.linker\n"
        "print(x.dtype, float(y), type(linker).__module__)\n"
        "def ask(action):\n"
        "    try: action()\n"
        "    except RuntimeError as error: print(error)\n"
        "ask(lambda: keras_theano.gradients)\n"
        "ask(lambda: keras_theano.device())\n"
        "ask(lambda: __import__('keras_theano.seeing'))\n"
        "ask(lambda: __import__('keras_theano.mixing'))\n",
        KERAS_THEANO_ENGINE="tensorflow",
    ).splitlines()[-5:]
    assert printed[0] == "float32 3.0 keras_theano.pytensor_ops.interpreter"
    for line, what in zip(
        printed[1:],
        ["keras_theano.gradients", "keras_theano.device", "This module", "This module"],
        strict=True,
    ):
        assert line.startswith(what)
        assert "belongs to Keras on Theano, and here Keras runs on 'tensorflow'" in line


def test_an_op_that_is_missing_is_named():
    printed = run(
        "import keras_theano, keras\n"
        "from keras.src import backend\n"
        "try: backend.numpy.no_such_op(1)\n"
        "except NotImplementedError as error: print(error)\n"
        "print(hasattr(backend.numpy, 'no_such_op'))\n"
    )
    assert "no implementation of Keras's numpy.no_such_op" in printed
    assert printed.strip().endswith("False")


@pytest.mark.parametrize(
    ("x", "y", "message", "place"),
    [
        ("[[1, 2, 12]]", "[0]", "index 12 is out of bounds", "in layer 'words' of sequential"),
        (
            "[[1, 2, 3]]",
            "[5]",
            "Label 5 is outside the range of the 2 classes",
            "in the loss 'sparse_categorical_crossentropy'",
        ),
    ],
)
def test_errors_name_the_layer_and_not_the_graph(x, y, message, place):
    printed = run(
        "import keras_theano, keras, numpy as np\n"
        "layers = keras.layers\n"
        "model = keras.Sequential([keras.Input((3,), dtype='int32'),\n"
        "    layers.Embedding(10, 4, name='words'), layers.Flatten(),\n"
        "    layers.Dense(2, activation='softmax')])\n"
        "model.compile('sgd', 'sparse_categorical_crossentropy')\n"
        f"try: model.train_on_batch(np.array({x}), np.array({y}))\n"
        "except Exception as error: print(error)\n"
    )
    assert message in printed
    assert place in printed
    assert "Apply node" not in printed and "Toposort" not in printed


def test_a_loss_that_became_nan_is_said():
    printed = run(
        TRAINED.replace("Adam(0.05)", "SGD(1e30)").replace("epochs=30", "epochs=2"),
        PYTHONWARNINGS="default",
    )
    assert "The loss became NaN (not a number) in epoch" in printed


def test_weights_are_not_changed_by_later_training_once_read():
    printed = run(
        TRAINED + "before = model.get_weights()\nkept = [w.copy() for w in before]\n"
        "model.fit(x, x**2, epochs=1, verbose=0)\n"
        "print(all(np.array_equal(a, b) for a, b in zip(before, kept)))\n"
    )
    assert printed.strip().endswith("True")


def test_a_batch_of_another_length_and_other_inner_sizes():
    printed = run(
        "import keras_theano, keras, numpy as np\n"
        "layers = keras.layers\n"
        "model = keras.Sequential([keras.Input((None, 3)), layers.LSTM(4), layers.Dense(1)])\n"
        "model.compile('adam', 'mse')\n"
        "for n, steps in ((4, 5), (1, 5), (7, 9), (2, 1)):\n"
        "    model.train_on_batch(np.ones((n, steps, 3)), np.ones((n, 1)))\n"
        "print(len(model.train_function.step.functions))\n"
    )
    assert printed.strip().splitlines()[-1] == "1"


PUT_OFF = "sklearn", "matplotlib", "requests", "IPython", "pandas"


def test_what_keras_needs_for_a_few_functions_only_is_not_imported_with_it():
    printed = run(f"import keras_theano, keras, sys; print(*set({PUT_OFF}) & set(sys.modules))")
    assert printed.strip() == ""


def test_nor_by_who_looks_for_the_source_of_a_frame():
    """As PyTensor does while it compiles, IPython for a traceback, and warnings for their line."""
    look = "import inspect; inspect.getframeinfo(inspect.currentframe()); inspect.getmodule(len)"
    loaded = f"print(*set({PUT_OFF}) & set(sys.modules))"
    assert run(f"import keras_theano, keras, sys; {look}; {loaded}").strip() == ""


@pytest.mark.parametrize(
    ("package", "use"),
    [
        (
            "sklearn",
            "from sklearn.base import clone\n"
            "def make(X, y):\n"
            "    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
            "    model.compile('sgd', 'mse')\n"
            "    return model\n"
            "wrapper = clone(keras.wrappers.SKLearnRegressor(make))\n"
            "print(wrapper.fit(np.eye(2), np.ones(2)).predict(np.eye(2)).shape)",
        ),
        (
            "matplotlib.pyplot",
            "keras.visualization.plot_image_gallery(\n"
            "    np.zeros((4, 8, 8, 3)), value_range=(0, 1), rows=2, cols=2, path='gallery.png')\n"
            "print((2,) if os.path.getsize('gallery.png') else 0)",
        ),
        (
            "matplotlib.patches",
            "from keras.src.visualization import plot_bounding_box_gallery as module\n"
            "print(module.patches.Rectangle((0, 0), 1, 1).get_path().vertices.shape[1:])",
        ),
        (
            "requests",
            "monitor = keras.callbacks.RemoteMonitor(root='http://localhost:1')\n"
            "import warnings\n"
            "with warnings.catch_warnings(record=True) as caught:\n"
            "    warnings.simplefilter('always')\n"
            "    monitor.on_epoch_end(0, {'loss': 1.0})\n"
            "print((2,) if 'could not reach' in str(caught[0].message).lower() else caught)",
        ),
        (
            "pandas",
            "import pandas as pd\n"
            "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
            "model.compile('sgd', 'mse')\n"
            "frame = pd.DataFrame({'a': [1.0, 2.0], 'b': [0.0, 1.0]})\n"
            "model.fit(frame, pd.Series([0.0, 1.0]), verbose=0)\n"
            "print(model.predict(frame, verbose=0).shape)",
        ),
    ],
)
def test_what_was_put_off_works_when_it_is_used(package, use, tmp_path):
    begin = f"import keras_theano, keras, numpy as np, os, sys\nos.chdir({str(tmp_path)!r})\n"
    printed = run(begin + use + f"\nassert {package!r} in sys.modules", MPLBACKEND="agg")
    assert printed.strip().splitlines()[-1] in ("(2,)", "(2, 1)"), printed

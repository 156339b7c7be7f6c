"""Makes Keras accept the engine name "theano".

Keras 3.13-3.15 choose a backend by closed ``if backend() == ...`` chains in five modules; an
unknown name falls into a final ``else`` that raises. While those modules load, this hook replaces
that one ``raise`` by the imports of ours. It edits the syntax tree, so line numbers in tracebacks
still point at the right line of the installed file. Keras 3.16 imports ``keras_<name>`` by itself
for the names in a closed set; there the hook only adds our name to the set.

It also keeps Keras from importing TensorFlow, where that is installed, only to ask whether some
object is one of TensorFlow's: saving a model and setting the seed do so. And it puts off what Keras
imports for a few of its functions only, which is half of the time that `import keras` takes:
scikit-learn, Matplotlib, requests and IPython until they are used, pandas until somebody imports it.

And it lets the engine run a recurrent layer as a whole, which Keras asks for LSTM and GRU only.
"""

import ast
import functools
import importlib.machinery
import importlib.util
import os
import sys
import types

SUPPORTED_KERAS = "3.13, 3.14, 3.15 and 3.16"

# Module -> what its final `else` must do for this engine.
_BRANCHES = {
    "keras.src.backend": (
        "from keras_theano.src import *\n"
        "from keras_theano.src.core import Variable as BackendVariable\n"
        "distribution_lib = None"
    ),
    "keras.src.layers.layer": "from keras_theano.src.layer import BackendLayer",
    "keras.src.models.model": "from keras_theano.src.trainer import Trainer",
    "keras.src.export.saved_model": (
        "from keras_theano.src.export import SavedModelExportArchive as BackendExportArchive\n"
        "BackendSavedModelExportArchive = BackendExportArchive"  # the name from Keras 3.14 on
    ),
}
# Where Keras 3.16 keeps its set of out-of-tree engines.
_PLUGGABLE_MODULE = "keras.src.backend.config"
_PLUGGABLE_SET = "PLUGGABLE_BACKENDS"


# Modules that run when something in them is first asked for: they need scikit-learn for their classes.
_PUT_OFF = {"keras.wrappers", "keras._tf_keras.keras.wrappers"}
# Module -> the package, under the name it has there, that it imports if it can.
_OPTIONAL = {
    "keras.src.visualization.plot_image_gallery": ("matplotlib.pyplot", "plt"),
    "keras.src.visualization.plot_bounding_box_gallery": ("matplotlib.patches", "patches"),
    "keras.src.callbacks.remote_monitor": ("requests", "requests"),
    "keras.src.saving.file_editor": ("IPython", "ipython"),
    "keras.src.trainers.data_adapters.array_slicing": ("pandas", "pandas"),
}


class _WhenUsed:
    """Stands for a package, and imports it when something in it is asked for."""

    def __init__(self, package):
        self._package = package

    def __getattr__(self, name):
        return getattr(importlib.import_module(self._package), name)


class _IfLoaded:
    """Stands for a package of which only classes are asked for, by `isinstance`."""

    def __init__(self, package):
        self._package = package

    def __getattr__(self, name):
        return _ClassIfLoaded(name, (), {"package": self._package})


class _ClassIfLoaded(type):
    """A class whose instances are those of the class of this name, if its package is loaded."""

    def __instancecheck__(cls, instance):
        package = sys.modules.get(cls.package)
        return package is not None and isinstance(instance, getattr(package, cls.__name__))


def _stand_in(package):
    """What a Keras module gets for an optional package: None where that is not installed."""
    if importlib.util.find_spec(package.partition(".")[0]) is None:
        return None
    return _IfLoaded(package) if package == "pandas" else _WhenUsed(package)


class _TensorFlowIfLoaded:
    """Keras's lazy TensorFlow, available only where somebody else has imported it already."""

    def __init__(self, lazy_module):
        self._lazy_module = lazy_module

    @property
    def available(self):
        return "tensorflow" in sys.modules and self._lazy_module.available

    def __getattr__(self, name):
        return getattr(self._lazy_module, name)


def _ask_without_importing(module):
    """For modules that use TensorFlow, as `tf`, only to ask what an object is."""
    module.tf = _TensorFlowIfLoaded(module.tf)


def _know_theano(module):
    """Let the preprocessing layers' choice of backends (Keras 3.13-3.15) find this engine."""
    dynamic = module.DynamicBackend
    other_backend, choose_other = dynamic.__getattr__, dynamic.set_backend

    def __getattr__(self, name):
        if self._backend == "theano":
            return getattr(module.backend_module, name)
        return other_backend(self, name)

    def set_backend(self, backend):
        if backend == "theano":
            self._backend = backend
        else:
            choose_other(self, backend)

    dynamic.__getattr__, dynamic.set_backend = __getattr__, set_backend


def _spare_images(module):
    """Let RandomBrightness, which uses `+=`, change a copy: here an image may be a NumPy array."""
    original = module.RandomBrightness.transform_images

    def transform_images(self, images, transformation, training=True):
        if training:
            images = self.backend.numpy.copy(images)
        return original(self, images, transformation, training)

    module.RandomBrightness.transform_images = transform_images


def _fuse_cells(module):
    """Let RNN ask the engine for one node before it loops over the steps, as LSTM and GRU do."""
    general = module.RNN.inner_loop

    def inner_loop(self, sequences, initial_state, mask, training=False):
        from keras_theano.src.rnn import fused_loop

        found = fused_loop(self, sequences, initial_state, mask, training)
        return general(self, sequences, initial_state, mask, training) if found is None else found

    module.RNN.inner_loop = inner_loop


def _leave_out_unknown_batch(module):
    """Let a stateful RNN of Keras 3.13 not compare a batch's size that the graph does not know."""
    original = module.RNN.call

    @functools.wraps(original)  # Keras reads the names of its arguments
    def call(self, sequences, *args, **kwargs):
        expected = self._expected_batch_size
        try:
            if sequences.shape[0] is None:
                self._expected_batch_size = None
            return original(self, sequences, *args, **kwargs)
        finally:
            self._expected_batch_size = expected

    module.RNN.call = call


def _mend_rnn(module):
    _fuse_cells(module)
    _leave_out_unknown_batch(module)


class _OpsOfEmbedding:
    """`keras.ops` as Embedding sees it."""

    def __init__(self, ops):
        self._ops = ops

    def __getattr__(self, name):
        return getattr(self._ops, name)

    def take(self, x, indices, axis):
        from keras_theano.src.numpy_ops.shapes import take_counted

        return take_counted(x, indices, axis)


def _refuse_negative_indices(module):
    """Let Embedding refuse the index -1, for which `ops.take` gives the last entry."""
    module.ops = _OpsOfEmbedding(module.ops)


def _hide_frames(module):
    """Let Keras leave this engine's and PyTensor's own frames out of tracebacks, as it does its own.

    `keras.config.disable_traceback_filtering()` brings them back.
    """
    for package in ("keras_theano", "pytensor"):
        (folder,) = importlib.util.find_spec(package).submodule_search_locations
        module._EXCLUDED_PATHS += (folder + os.sep,)


# Module -> what is done to it once it has loaded.
_AFTERWARDS = {
    "keras.src.saving.serialization_lib": _ask_without_importing,
    "keras.src.legacy.saving.json_utils": _ask_without_importing,
    "keras.src.utils.rng_utils": _ask_without_importing,
    "keras.src.utils.backend_utils": _know_theano,
    "keras.src.utils.traceback_utils": _hide_frames,
    "keras.src.layers.core.embedding": _refuse_negative_indices,
    "keras.src.layers.preprocessing.image_preprocessing.random_brightness": _spare_images,
    "keras.src.layers.rnn.rnn": _mend_rnn,
}


class _MendingLoader(importlib.machinery.SourceFileLoader):
    """Loads a module as it is, then does to it what `_AFTERWARDS` says."""

    def exec_module(self, module):
        super().exec_module(module)
        _AFTERWARDS[module.__name__](module)


def _is_backend_chain(node):
    return isinstance(node, ast.If) and "backend() == " in ast.unparse(node.test)


def _fill_else(tree, branch):
    """Replace the `raise` that ends a backend chain; return whether one was found."""
    for node in tree.body:
        if not _is_backend_chain(node):
            continue
        while node.orelse and isinstance(node.orelse[0], ast.If):
            node = node.orelse[0]
        if node.orelse and isinstance(node.orelse[-1], ast.Raise):
            node.orelse = _placed(branch, node.orelse[-1])
            return True
    return False


def _placed(code, place):
    """Return the statements of `code`, with the line numbers of the node `place`."""
    statements = ast.parse(code).body
    for statement in statements:
        for part in ast.walk(statement):
            if "lineno" in part._attributes:
                ast.copy_location(part, place)
    return statements


def _extend_pluggable_set(tree):
    """Add our name to Keras 3.16's set of out-of-tree engines; return whether it was found."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == _PLUGGABLE_SET for target in node.targets
        ):
            for part in ast.walk(node.value):
                if isinstance(part, (ast.Set, ast.Tuple, ast.List)):
                    part.elts.append(ast.copy_location(ast.Constant("theano"), part.elts[0]))
                    return True
    return False


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles one Keras module with our branch in it, past the bytecode cache."""

    def get_code(self, fullname):
        source = self.get_source(fullname)
        tree = ast.parse(source, self.path)
        done = _extend_pluggable_set(tree)
        # Keras 3.16 asks for the plug-in by name in these modules: nothing is left to fill in.
        done = done or "get_pluggable_backend_module" in source
        if not done and fullname in _BRANCHES:
            done = _fill_else(tree, _BRANCHES[fullname])
        if not done and fullname in _BRANCHES:
            raise ImportError(
                f"keras_theano cannot find where {fullname} chooses its backend. "
                f"It supports Keras {SUPPORTED_KERAS}; please install one of these."
            )
        return compile(tree, self.path, "exec", dont_inherit=True)


class _OptionalLoader(importlib.machinery.SourceFileLoader):
    """Loads a module with a stand-in for the package that it imports if it can."""

    def get_code(self, fullname):
        package, name = _OPTIONAL[fullname]
        tree = ast.parse(self.get_source(fullname), self.path)
        for node in tree.body:
            if isinstance(node, ast.Try) and _imports_as(node.body[0], name):
                replacement = (
                    f"from keras_theano.hook import _stand_in\n{name} = _stand_in({package!r})"
                )
                node.body = _placed(replacement, node)
        return compile(tree, self.path, "exec", dont_inherit=True)


def _imports_as(statement, name):
    if not isinstance(statement, (ast.Import, ast.ImportFrom)):
        return False
    return any(name == (alias.asname or alias.name) for alias in statement.names)


class _LazyLoader(importlib.util.LazyLoader):
    """Loads a module when something in it is first asked for, but not for a look at its file.

    Python looks at the file of every module when it wants the source of one frame.
    """

    def exec_module(self, module):
        super().exec_module(module)
        module.__class__ = _LookedAt


class _LookedAt(types.ModuleType):
    def __getattribute__(self, name):
        if name not in ("__file__", "__name__", "__spec__"):
            object.__setattr__(self, "__class__", importlib.util._LazyModule)
            return getattr(self, name)
        return super().__getattribute__(name)


class _Finder:
    """Finds the few Keras modules that name their backends, and leaves all others alone."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname in _BRANCHES or fullname == _PLUGGABLE_MODULE:
            loader = _Loader
        elif fullname in _AFTERWARDS:
            loader = _MendingLoader
        elif fullname in _OPTIONAL:
            loader = _OptionalLoader
        elif fullname in _PUT_OFF:
            loader = None
        else:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin and spec.origin.endswith(".py"):
            if loader is None:
                spec.loader = _LazyLoader(spec.loader)
            else:
                spec.loader = loader(fullname, spec.origin)
        return spec


def install():
    """Register the finder once; Keras must not have been imported yet."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())

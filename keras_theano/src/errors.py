"""What a learner reads when something fails: the fault and the layer or loss, not the graph."""

import contextlib
import functools
import re

from keras.src.backend.common.stateless_scope import in_stateless_scope
from pytensor.graph.traversal import ancestors

from keras_theano.src.layer_marks import layer_of
from keras_theano.src.text import works_on_text

# PyTensor appends a description of the graph to the message, beginning with one of these lines.
_GRAPH_DETAILS = ("\nApply node that caused the error", "\nBacktrace when", "\nHINT:")
# Says that a message already has its place.
_PLACED = "This happened in"

NOT_NUMBERS = (
    "This needs numbers, but got an array of dtype {}. Text has to become numbers first (with a "
    "vocabulary, for example by keras.layers.TextVectorization, called on the data before the model "
    "trains on it), and rows of different lengths have to be padded to one length "
    "(keras.utils.pad_sequences)."
)
NO_DATA = (
    "There is no data: what was given has no rows (an array whose first axis has size 0, for "
    "example after a filter that nothing passed, or a dataset that yields no batch)."
)
NO_NUMPY = (
    "A tensor inside a model has no value before the compiled graph runs, so NumPy's functions "
    "cannot work on it: use the function of that name in keras.ops."
)
# Messages of PyTensor, NumPy and Keras that name nothing a learner knows -> what they mean.
_MEANINGS = (
    (
        r"Incompatible Elemwise input shapes \[(.*)\]",
        r"The shapes \1 do not fit each other: element by element, each axis must have the same "
        r"size in all, or size 1.",
    ),
    (
        r"shape mismatch: objects cannot be broadcast to a single shape\. +Mismatch is between "
        r"arg \d+ with shape (\(.*?\)) and arg \d+ with shape (\(.*?\))\.?",
        r"The shapes \1, \2 do not fit each other: element by element, each axis must have the "
        r"same size in all, or size 1.",
    ),
    (
        r"Input dimension mismatch: \(input\[.*",
        r"\g<0>. Element by element, each axis must have the same size in all, or size 1.",
    ),
    (
        r"Runtime broadcasting not allowed(?s:.*)on the relevant input\.",
        r"Two arrays have different sizes along one axis, and one of them has size 1 there. It is "
        r"stretched to the other's size only where that 1 is known when the graph is built; of a "
        r"batch that happens to have one sample it is not.",
    ),
    (
        r"Invalid dtype: (str|bytes|object)\d*(?!\w)",
        NOT_NUMBERS.format(r"\1"),
    ),
    (
        r"(Unrecognized data type: (?s:.*)\(of type <class 'list'>\)|Only input tensors may be passed as "
        r"positional arguments\.(?s:.*)\(of type <class '(?:int|float|str|bool)'>\))(?!\. Lists)",
        r"\1. Lists and numbers have to become arrays first, with np.array; rows of different "
        r"lengths have to be padded to one length (keras.utils.pad_sequences).",
    ),
    (
        r"Invalid input shape for input <Tensor [^>]*> with name '([^']*)' and path '[^']*'\. Expected "
        r"shape (\(.*?\)), but input has incompatible shape (\(.*?\))",
        r"Invalid shape of input '\1': expected \2, but got \3. The first axis is the batch's: one "
        r"sample x is given as x[None].",
    ),
)


# --- While a graph is built ----------------------------------------------------------------------


def naming_layer(call):
    """Wrap `Layer.__call__` so that its errors say in which layer they happened."""

    @functools.wraps(call)
    def wrapper(layer, *args, **kwargs):
        try:
            return call(layer, *args, **kwargs)
        except Exception as error:
            _place(error, f"layer {layer.name!r} ({type(layer).__name__})", _advice_on_layer(layer))
            raise

    return wrapper


def _advice_on_layer(layer):
    if not in_stateless_scope() or not works_on_text(layer):
        return ""
    return (
        "Layers that look up or hash work outside of the compiled graph, so a model with one can "
        "predict and evaluate, but not train. Call the layer on the data before, x = layer(x) or "
        "dataset.map(layer), and train a model that takes what it gives."
    )


def clearly(method):
    """Wrap a public method of the trainer: its errors speak Keras's language."""

    @functools.wraps(method)
    def wrapper(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except Exception as error:
            cause = _cause(error)
            _place(cause)
            if cause is not error:
                raise cause from None
            raise

    return wrapper


def _cause(error):
    """Return what went wrong in a model that Keras could not build: its own advice does not help."""
    advice = "Unable to automatically build the model"
    return error.__context__ or error if str(error).startswith(advice) else error


@contextlib.contextmanager
def in_loss(loss, y, y_pred):
    """Errors in it say that they happened in the loss, and the shapes it was given."""
    if loss is not None and y is None:
        raise ValueError(
            f"The loss {_loss_name(loss)!r} compares predictions with targets, but no targets `y` "
            "were given."
        )
    try:
        yield
    except Exception as error:
        name = _loss_name(loss)
        _place(error, f"the loss {name!r}, given {_given(y, y_pred)}", _advice_on_targets(name, y))
        raise


@contextlib.contextmanager
def in_metrics(y, y_pred):
    """Errors in it say that they happened in the metrics, and the shapes they were given."""
    try:
        yield
    except Exception as error:
        _place(error, f"the metrics, given {_given(y, y_pred)}")
        raise


def _given(y, y_pred):
    return f"targets of shape {_shapes(y)}, predictions of shape {_shapes(y_pred)}"


def _advice_on_targets(name, y):
    ndim = getattr(y, "ndim", None)
    if name == "sparse_categorical_crossentropy" and ndim and ndim > 1:
        return "It takes classes by their numbers; for one-hot targets: 'categorical_crossentropy'."
    if name == "categorical_crossentropy" and ndim == 1:
        return "It takes one-hot targets; for classes' numbers: 'sparse_categorical_crossentropy'."
    return ""


def _loss_name(loss):
    if isinstance(loss, dict):
        return {output: _loss_name(each) for output, each in loss.items()}
    if isinstance(loss, (list, tuple)):
        return [_loss_name(each) for each in loss]
    if isinstance(loss, str):
        return loss
    return getattr(loss, "name", None) or getattr(loss, "__name__", None) or type(loss).__name__


def _shapes(values):
    if isinstance(values, dict):
        return {name: _shapes(value) for name, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_shapes(value) for value in values]
    return getattr(values, "shape", None)


def translate(error):
    """Put an error's message into words that a learner knows."""
    _place(error)


def _place(error, place=None, advice=""):
    """Put an error's message into a learner's terms, and add where it happened if it doesn't say."""
    if len(error.args) != 1 or not isinstance(error.args[0], str):
        return
    message = _translate(error.args[0])
    if place and _PLACED not in message and not re.search("layer ['\"]", message):
        message = f"{message.rstrip()}\n\n{_PLACED} {place}. {advice}".rstrip()
    error.args = (message,)


def _translate(message):
    for pattern, meaning in _MEANINGS:
        message = re.sub(pattern, meaning, message)
    return message


# --- While a compiled function runs --------------------------------------------------------------


def explain(error):
    """Return an error of the same kind as `error`, in Keras's terms.

    Args:
        error: The exception that a call of a PyTensor function raised.
    """
    message = str(error)
    for line in _GRAPH_DETAILS:
        message = message.split(line)[0].rstrip()
    message = _translate(message)
    node = getattr(error, "theano_node", None)  # set by the loop in modes.py
    place = _place_of(node)
    explained = (
        f"{message}\n\n{_PLACED} {place}, while a batch was computed. "
        f"{_advice(error, message, place)}"
    ).rstrip()
    try:
        return type(error)(explained)
    except TypeError:  # an exception class with a signature of its own
        return RuntimeError(explained)


def _advice(error, message, place):
    # Behind the last step of a loop of no steps stands the state before it alone.
    if isinstance(error, IndexError) and re.search("with size 0|index -2 .* with size 1$", message):
        return "There is nothing along that axis: a sequence needs a step at least."
    if isinstance(error, IndexError):
        return (
            "An Embedding's input_dim must exceed the largest index, and no index may be negative "
            "(pandas gives a missing category the code -1)."
        )
    about_sizes = re.search("shape|mismatch|align|[Dd]imension", message)
    if isinstance(error, ValueError) and about_sizes and not place.startswith("layer"):
        return "Check that all inputs, targets and weights of the batch have as many samples."
    return ""


def _place_of(node):
    """Say which layer or loss a node belongs to, or the nearest one before it."""
    if node is None:
        return "the compiled function"
    # Rewriting makes new nodes without the mark, so look upstream for the nearest one.
    for variable in [*node.outputs, *ancestors(node.inputs)]:
        path = layer_of(variable)
        if path:
            exactly = "" if variable in node.outputs else "or just after "
            if exactly == "" and variable.tag.gradient:
                exactly = "the gradient of "
            model, _, name = path.rpartition("/")
            if model == "compile_loss":
                return f"the loss {name!r}"
            return f"{exactly}layer {name!r}{f' of {model}' if model else ''}"
    return "the compiled function"

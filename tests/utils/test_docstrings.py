"""Every public word of utils.nets and utils.tf says what it takes, returns and refuses, shows an example, and names its source."""

import ast
import functools
import inspect
import re
import textwrap

import pytest

import utils.nets
import utils.tf

# What nobody makes himself -> the function that returns or raises it, whose page has the rest.
MADE_BY = {
    "CountedFunction": "count_traces",
    "GradientError": "check_gradients",
    "GradientReport": "check_gradients",
    "Minimum": "minimise",
    "ModelServer": "serve",
    "RetraceError": "count_traces",
    "ShapeError": "check_shapes",
    "Trace": "count_traces",
}
# Their answers depend on the machine, and most only work before TensorFlow has computed anything.
NO_EXAMPLE = {"cap_memory", "describe_devices", "gpu_memory", "grow_memory", "split_cpu"}
NOTHING_TO_RETURN = {"frozen", "thawed"}  # after `with`
WORDS = {name: module for module in (utils.nets, utils.tf) for name in module.__all__}
MADE = sorted(set(WORDS) - set(MADE_BY))
SECTION = re.compile(r"^(Args|Returns|Raises|Attributes):$", re.M)


def thing(name):
    return getattr(WORDS[name], name)


def section(name, title):
    """What a docstring says under `Args:` or another title; an empty text if it has none."""
    parts = SECTION.split(inspect.getdoc(thing(name)))
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(title, "")


def entries(name, title):
    """The words before the colons of a section -> what follows, the two of `a, b: ...` each."""
    found = re.findall(r"^    (\S[^:\n]*): (.*(?:\n {6,}.*)*)", section(name, title), re.M)
    each = {words: text for words, text in found}
    return {word.strip("* "): text for words, text in each.items() for word in words.split(",")}


def parameters(function):
    """Name -> parameter, of a class those of its making."""
    options = {"options"} if inspect.isclass(function) else set()  # what every Keras layer takes
    found = inspect.signature(function).parameters
    return {name: parameter for name, parameter in found.items() if name not in options}


@functools.cache
def code(function):
    """The syntax of a function or class, and the names it can see."""
    function = inspect.unwrap(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return tree, vars(inspect.getmodule(function))


def raised(function, seen):
    """The errors that a function raises, and those that it calls in utils, by name."""
    seen.add(function)
    tree, names = code(function)
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield ast.unparse(node.exc.func)
        called = names.get(node.id) if isinstance(node, ast.Name) else None
        if not (inspect.isfunction(called) or inspect.isclass(called)) or called in seen:
            continue
        if called.__module__.startswith("utils."):
            yield from raised(called, seen)


@pytest.mark.parametrize("name", MADE)
def test_it_says_what_it_takes_and_returns(name):
    function = thing(name)
    said = entries(name, "Args")
    assert set(said) == set(parameters(function))
    if not inspect.isclass(function) and name not in NOTHING_TO_RETURN:
        assert section(name, "Returns").strip()


ARRAYS = re.compile("ArrayLike|ndarray|KerasTensor|tf.Tensor")
SHAPE = re.compile(r"\(.*,.*\)|\bshapes?\b|as `\w+` takes|`tf.Variable`s")


@pytest.mark.parametrize("name", MADE)
def test_arrays_have_a_shape(name):
    said = entries(name, "Args")
    for word, parameter in parameters(thing(name)).items():
        if ARRAYS.search(str(parameter.annotation)) and "Callable" not in str(parameter.annotation):
            text = said[word]
            if text.startswith("the same"):
                text = next(iter(said.values()))
            assert SHAPE.search(text), f"{word}: {text}"


@pytest.mark.parametrize("name", MADE)
def test_it_says_what_it_raises(name):
    errors = {error for error in raised(thing(name), set()) if not error.startswith("_")}
    assert errors <= set(entries(name, "Raises"))


@pytest.mark.parametrize("name", MADE)
def test_it_names_its_source(name):
    paragraphs = inspect.getdoc(thing(name)).split("\n\n")
    (source,) = (text for text in paragraphs if text.startswith("Source"))
    assert source.startswith("Source: ") and source.endswith(".")
    # A paper with its year, a page, or something that it is like or is tested against.
    assert re.search(r"\b(1[89]|20)\d\d\b|\.(io|org)/\w|`[\w.]+`|\"Numerical recipes\"", source)


@pytest.mark.parametrize("name", sorted(set(MADE) - NO_EXAMPLE))
def test_it_shows_an_example(name):
    # (What it prints is tested with the other examples, on the engines.)
    assert ">>> " in thing(name).__doc__


@pytest.mark.parametrize("name", MADE_BY)
def test_what_is_returned_or_raised_says_what_it_is(name):
    maker = thing(MADE_BY[name])
    if issubclass(thing(name), Exception):
        assert name in entries(MADE_BY[name], "Raises")
    else:
        returned = str(inspect.signature(maker).return_annotation)
        chain = {"Trace": "CountedFunction"}
        assert chain.get(name, name) in returned
        assert entries(name, "Attributes")
    assert inspect.getdoc(thing(name)).endswith((".", ")"))


def test_the_lists_of_exceptions_have_no_strangers():
    assert set(MADE_BY) | NO_EXAMPLE | NOTHING_TO_RETURN <= set(WORDS)
    assert set(MADE_BY.values()) <= set(MADE)

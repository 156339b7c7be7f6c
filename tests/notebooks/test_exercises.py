"""Every exercise: the right answer passes in every form, blanks, wrong answers and other kinds do
not, hints hint, and the printed solution is an answer that can be pasted.
"""

import ast
import builtins
import inspect
import itertools
import re
import types

import nbformat
import numpy as np
import pytest

from tools.hygiene import kernel
from tools.notebook import lessons
from utils import exercises


def _number(name):
    """A lesson's number as its exercises have it: "1" of 01-recognise, "8b" of 08b."""
    return name.partition("-")[0].lstrip("0") or "0"


def _exercises():
    """All exercises of `lessons/solutions/`, as pairs (id such as "1.2", module)."""
    found = []
    for path in sorted(exercises.SOLUTIONS.glob("lesson_*.py")):
        module = exercises._load(path)
        lesson = _number(path.stem.removeprefix("lesson_"))
        numbers = [name[6:] for name in vars(module) if name.startswith("check_")]
        found += [(f"{lesson}.{number}", module) for number in numbers]
    return found


EXERCISES = [pytest.param(exercise, module, id=exercise) for exercise, module in _exercises()]


def _part(module, kind, exercise):
    return getattr(module, f"{kind}_{exercise.partition('.')[2]}")


def _reference(exercise):
    """The right answer, computed once; and for a function, what it gives back in the check."""
    number, module = exercises._find(exercise)
    answer = exercises._reference(number, module)
    return answer, exercises._example(number, module) if callable(answer) else answer


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_reference_solution_is_right(exercise, module):
    verdict = exercises.grade(exercise, _reference(exercise)[0])
    assert verdict.state == "right", verdict.message


def _each(form):
    """The same form of a single value, or of each in a tuple or list."""

    def formed(value):
        several = isinstance(value, (tuple, list))
        return type(value)(map(form, value)) if several else form(value)

    return formed


def _floats(dtype):
    """Numbers as such floats; TypeError of what is no number, such as text, or a mask."""

    def formed(value):
        if np.array(value).dtype.kind not in "if":
            raise TypeError("no number of 64 bits")
        return np.array(value).astype(dtype).tolist()

    return formed


def _single(kind):
    """A single value in brackets."""

    def formed(value):
        if np.ndim(value):
            raise TypeError("more than one value")
        return kind([value])

    return formed


def _tensorflow(value):
    import tensorflow as tf

    return tf.constant(value)


def _tensorflow_variable(value):
    import tensorflow as tf

    return tf.Variable(value)


def _keras(value):
    import keras

    return keras.ops.convert_to_tensor(value)


def _keras_variable(value):
    import keras

    return keras.Variable(np.array(value), dtype=np.array(value).dtype.name)


def _theano_shared(value):
    import pytensor

    return pytensor.shared(np.array(value))


def _theano_expression(value):
    import pytensor.tensor as pt

    return pt.as_tensor(np.array(value)).copy()


def _jax(value):
    import jax

    return jax.numpy.asarray(value)


FORMS = {
    "Python": lambda value: np.array(value).tolist(),
    "list": lambda value: list(np.array(value)),
    "tuple": lambda value: tuple(np.array(value)),
    "float": _floats("float64"),
    "float32": _each(lambda value: np.float32(_floats("float32")(value))),
    "NumPy array": np.array,
    "NumPy scalar": _each(lambda value: np.array(value)[()]),
    "one-element list": _each(_single(list)),
    "one-element array": _each(_single(np.array)),
    "TensorFlow tensor": _tensorflow,
    "TensorFlow scalar": _each(_tensorflow),
    "TensorFlow variable": _tensorflow_variable,
    "Keras tensor": _keras,
    "Keras variable": _keras_variable,
    "Theano shared": _theano_shared,
    "Theano expression": _theano_expression,
    "JAX array": _jax,
}


def _is_mixed(value):
    """Whether a list has text and numbers in its parts: as an array all of it would be text."""
    rows = value if isinstance(value, list) else []
    parts = [part for row in rows if isinstance(row, tuple) for part in row]
    return len({isinstance(part, str) for part in parts}) == 2


def _formed(form, value):
    """The value in a form; None if it cannot be given in it, which the form or its library says:
    text is no JAX array, 3**60 no TensorFlow tensor, one number no list, a function none of all.
    """
    if callable(value) or value is None or _is_mixed(value):
        return None
    try:
        np.array(value)  # a symbol in a graph has no value to give in another form
        return form(value)
    except Exception:  # each library raises an error of its own
        return None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_the_right_answer_is_right_in_every_form(exercise, module, form):
    answer, value = _reference(exercise)
    formed = _formed(FORMS[form], value)
    if formed is None:
        pytest.skip("this answer cannot be given in this form")
    if callable(answer):
        calls = itertools.count()

        def formed(*args):
            result = answer(*args)
            # Some check calls 520 times, and each expression of Theano is compiled.
            changed = _formed(FORMS[form], result) if next(calls) < 20 else None
            return result if changed is None else changed

    verdict = exercises.grade(exercise, formed)
    assert verdict.state == "right", verdict.message


def _function(arguments, result="print()"):
    """A function of these arguments that gives this back; or nothing, after some work."""
    return eval(f"lambda {', '.join(arguments)}: {result}")


def _other_kinds(exercise, module):
    """Answers of another kind than is asked for, as pairs: (answer, words of the fitting sentence)."""
    answer, example = _reference(exercise)
    name = next(iter(inspect.signature(_part(module, "check", exercise)).parameters))
    if not callable(answer):
        yield None, "That is None"
        yield lambda: answer, "That is a function"
        yield exercises, "of the type module"
        if isinstance(answer, str):
            yield 3, "text in quotes is asked for"
        else:
            yield str(answer), "That is text: leave out the quotes."
            yield str(answer).strip("()"), "That is text: leave out the quotes."
            yield "many", "That is text, and"
        return
    itself = f"The answer is the function itself: write {name}, without brackets behind it."
    for result in [example, None, 3]:
        if not callable(result):
            yield result, itself
    yield name, "That is text: leave out the quotes."
    arguments = list(inspect.signature(answer).parameters)
    yield _function(arguments), f"{name} gives nothing back: write `return`"
    one_more = [*arguments, "one_more"]
    for wrong in [arguments[:-1], one_more]:
        yield _function(wrong), f"The exercise calls it as {name}({arguments[0]}"
    if not callable(example):
        yield _function(arguments, "'many'"), f"What {name} gives back is text"
        yield _function(arguments, "print"), f"What {name} gives back is a function"


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_another_kind_of_answer_gets_a_sentence_that_fits(exercise, module):
    for answer, words in _other_kinds(exercise, module):
        verdict = exercises.grade(exercise, answer)
        assert verdict.state == "wrong", answer
        assert words in verdict.message, answer
        assert "could not be used" not in verdict.message, answer


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_a_check_without_an_answer_says_what_to_hand_over(exercise, module):
    verdict = exercises.grade(exercise)
    assert verdict.state == "blank"
    assert f'check("{exercise}", ' in verdict.message


def _bound(code):
    """Names that code gives a value to, outside of functions."""
    found, todo = set(), [ast.parse(code)]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        todo += ast.iter_child_nodes(node)
    return found


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_the_printed_solution_can_be_pasted(exercise, module):
    """In a fresh namespace, with what the notebook has by then, it binds the answer and no other name."""
    number, _ = exercises._find(exercise)
    (path,) = [path for path in FULL_LESSONS if _number(path.name) == exercise.partition(".")[0]]
    before, cell, name = _asked(path)[exercise]
    printed = exercises._printed(number, module)
    loaded = {node.id for node in ast.walk(ast.parse(printed)) if isinstance(node, ast.Name)}
    given = {word for word in loaded if hasattr(module, word) and not hasattr(builtins, word)}
    assert given <= _bound(before), "the notebook does not have these by then"

    namespace = {word: getattr(module, word) for word in given}
    exec(printed, namespace)
    assert exercises.grade(exercise, namespace[name]).state == "right"
    made = {
        word
        for word, value in namespace.items()
        if word not in given and word != "__builtins__" and not isinstance(value, types.ModuleType)
    }
    assert made == {name}, "pasted, it would change other names of the notebook"


def test_the_traces_of_exercise_8b_4_are_counted_by_tensorflow():
    import tensorflow as tf

    double = tf.function(lambda x: 2 * x)
    double(1), double(2), double(2), double(3.0)
    double(tf.constant(4.0)), double(tf.constant(5.0)), double(tf.constant([6.0]))
    double(np.float32(7))
    assert double.experimental_get_tracing_count() == _reference("8b.4")[0]


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_wrong_answers_are_refused(exercise, module):
    wrong = _part(module, "wrong", exercise)()
    assert len(wrong) >= 2, "two plausible wrong answers at least"
    for answer in wrong:
        verdict = exercises.grade(exercise, answer)
        assert verdict.state == "wrong", f"{answer!r} gave {verdict}"
        assert verdict.message, f"{answer!r} is refused without a word"


def _go_down(tanh=lambda m: 1 - m**2, relu=lambda h: h > 0, turned=True):
    """A `go_down` with other slopes of its activations, or with kernels that are not turned over."""

    def go_down(slope_scores, kernel_3, middle, kernel_2, hidden):
        if turned:
            kernel_3, kernel_2 = kernel_3.T, kernel_2.T
        slope_middle = slope_scores @ kernel_3 * tanh(middle)
        return slope_middle, slope_middle @ kernel_2 * relu(hidden), hidden.T @ slope_middle

    return go_down


def _differences(told):
    """A `worth_it` that tells, instead of mean and error, something else of the differences."""

    def worth_it(scores_a, scores_b):
        return told(np.subtract(scores_b, scores_a))

    return worth_it


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        pytest.param(
            "2.6", _go_down(relu=lambda h: 1), "where ReLU cut the unit off", id="no-relu"
        ),
        pytest.param("2.6", _go_down(tanh=lambda m: 1), "what goes into it", id="no-tanh"),
        pytest.param("2.6", _go_down(turned=False), "Two shapes do not fit", id="not-turned-over"),
        pytest.param("4.3", 9737 * 25 + 1, "Is the mean learnt", id="counts-the-mean"),
        pytest.param(
            "4.5",
            lambda ratings, share=0.2: (
                ratings.groupby("user")["time"].rank(pct=True) > 1 - share
            ).to_numpy(),
            "the same newest second",
            id="ties-share-a-place",
        ),
        pytest.param(
            "3.1",
            lambda picture, stamp: [
                [(picture[i : i + 3, j : j + 3] * stamp).sum() for j in range(26)]
                for i in range(26)
            ],
            "a stamp of 2 x 3",
            id="sizes-of-one-picture",
        ),
        pytest.param(
            "3.4", _differences(lambda d: (abs(d).mean(), d.std(ddof=1) / 2)), "sign", id="no-sign"
        ),
        pytest.param(
            "3.4", _differences(lambda d: (d.std(ddof=1) / 2, d.mean())), "first", id="error-first"
        ),
        pytest.param(
            "3.4", _differences(lambda d: (d.mean(), d.std(ddof=1) / 4)), "divide", id="no-root"
        ),
        pytest.param("7.1", (0, 1 / 3), "the wrong way round", id="pair-swapped"),
        pytest.param(
            "7.5", lambda x, f: np.maximum(x + f(x), 0), "The ReLU comes behind", id="relu-within"
        ),
    ],
)
def test_a_near_miss_is_told_what_it_missed(exercise, answer, words):
    assert words in exercises.grade(exercise, answer).message


def test_a_residual_block_may_write_over_its_x():
    def block(x, f):
        x += f(x)
        return x

    verdict = exercises.grade("7.5", block)
    assert verdict.state == "right", verdict.message


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_blank_is_not_yet(exercise, module):
    assert exercises.grade(exercise, ...).state == "blank"


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_hints_lead_there_in_steps(exercise, module):
    hints = _part(module, "HINTS", exercise)
    assert isinstance(hints, (list, tuple)) and len(hints) >= 2
    assert all(isinstance(hint, str) and len(hint) > 15 for hint in hints)


# A supplement in a kernel of its own (02b) belongs to its lesson: it has no `utils`, so no exercises.
FULL_LESSONS = [path for path in lessons() if kernel(nbformat.read(path, 4)) == "python3"]


def _code(path):
    """The sources of a lesson's code cells."""
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def _asked(path):
    """The exercises that a lesson checks: number -> (code above the cell, the cell, its answer)."""
    found, above = {}, []
    for source in _code(path):
        for exercise, name in re.findall(
            r'^check\("([\w.]+)", (\w+)\)', source, flags=re.MULTILINE
        ):
            # IPython's own lines, such as %time, are no Python.
            plain = re.sub(r"^(\s*)[%!].*$", r"\1pass", "\n".join(above), flags=re.MULTILINE)
            found[exercise] = plain, source, name
        above.append(source)
    return found


@pytest.mark.parametrize("path", FULL_LESSONS, ids=lambda path: path.name)
def test_lesson_and_solutions_name_the_same_exercises(path):
    """Each check in the notebook has a solution and the other way round, and at least three."""
    lesson = _number(path.name)
    code = "\n".join(_code(path))
    asked = _asked(path)
    kept = {exercise for exercise, _ in _exercises() if exercise.startswith(f"{lesson}.")}
    assert set(asked) == set(re.findall(r'^check\("([\w.]+)"', code, flags=re.MULTILINE)) == kept
    for exercise, (_, cell, name) in asked.items():
        number, module = exercises._find(exercise)
        assert exercises._name(number, module) == name, "check_N calls it as the notebook does"
        assert name in _bound(cell), "the exercise's cell makes the answer"
    assert len(asked) >= (3 if lesson != "0" else 1)
    assert not re.search(r'^(solution|hint)\("', code, flags=re.MULTILINE), "learners call these"


def test_solutions_belong_to_lessons():
    numbers = {_number(path.name) for path in FULL_LESSONS}
    assert {exercise.partition(".")[0] for exercise, _ in _exercises()} <= numbers


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_lesson_has_notes_for_teachers(path):
    name = path.name.partition("-")[0] if path in FULL_LESSONS else path.name[:2]
    notes = exercises.SOLUTIONS / f"lesson_{name}.md"
    assert notes.is_file(), f"write {notes.name}: plan, stumbling blocks, open exercises"
    text = notes.read_text("utf-8")
    assert all(heading in text for heading in ("## Plan", "## Where learners stumble"))

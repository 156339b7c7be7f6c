"""Functions as text: how much a reader has to take in, and what becomes of a function when edited.

    size(learn)                          # statements, and the names that come from elsewhere
    edited(learn, [("100", "200")])      # the function with its text changed, and lines touched
    for statement, without in omissions(learn): ...
    made = run_cells("lessons/part1/03-convolutions.ipynb", "train")   # a lesson's own code, elsewhere

For comparing ways to write the same thing. Statements are counted rather than lines, so the count
does not depend on how the code is broken into lines.
"""

import ast
import difflib
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Size", "edited", "omissions", "run_cells", "size"]


@dataclass(frozen=True)
class Size:
    """A function's size: `statements` of its body, sorted `names` that it uses but does not make."""

    statements: int
    names: tuple[str, ...]


def size(function: Callable) -> Size:
    """Count a function's statements and the names that it takes from elsewhere.

    Names are those of modules, functions and methods (`np`, `maximum`, `sum`), each once, however
    often it is used; parameters and names assigned in the function do not count, nor do operators
    or the docstring.

    Args:
        function: a function written in Python whose source can be read.

    Raises:
        TypeError, OSError: as `inspect.getsource`, if there is no source.
    """
    tree = ast.parse(_source(function)).body[0]
    if ast.get_docstring(tree) is not None:
        tree.body.pop(0)
    inside = [node for statement in tree.body for node in ast.walk(statement)]
    methods = {node.attr for node in inside if isinstance(node, ast.Attribute)}
    statements = sum(isinstance(node, ast.stmt) for node in inside)
    return Size(statements, tuple(sorted(_taken(tree) | methods)))


def edited(function: Callable, changes: Iterable[tuple[str, str]]) -> tuple[Callable, int]:
    """A function whose text was changed, as by an editor's *replace all*.

    Args:
        function: a function that can be found by name where it was made (no method or closure).
        changes: pairs `(before, after)` of str, applied one after the other.

    Returns:
        The new function, which sees the same surroundings, and the number of its lines that are
        new or changed.

    Raises:
        ValueError: the text has no such `before`.
    """
    old = new = _source(function)
    for before, after in changes:
        if before not in new:
            raise ValueError(f"{function.__name__} has no {before!r}.")
        new = new.replace(before, after)
    marks = [line[:2] for line in difflib.ndiff(old.splitlines(), new.splitlines())]
    return _made(function, new, function.__globals__), marks.count("+ ")


def omissions(function: Callable) -> Iterator[tuple[str, Callable]]:
    """All versions of a function with one simple statement (an assignment or a call) left out.

    A version sees nothing but what the whole function takes from its surroundings: where a name is
    not made any more, one of the same name that a notebook happens to hold does not fill the gap.

    Args:
        function: as for `edited`.

    Yields:
        Pairs: the statement, as text, and the function without it.
    """
    source = _source(function)
    tree = ast.parse(source)
    taken = _taken(tree)
    surroundings = {n: value for n, value in function.__globals__.items() if n in taken}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.Expr)):
            lines = source.splitlines()
            lines[node.lineno - 1 : node.end_lineno] = [" " * node.col_offset + "pass"]
            yield ast.unparse(node), _made(function, "\n".join(lines), surroundings)


def run_cells(notebook: str | Path, tag: str) -> dict[str, object]:
    """Run the code cells of a notebook that have a tag, in order; returns the names that they made.

    So a script, or another lesson, can use a lesson's own code, which stands in one place. `??` and
    tracebacks show its lines.

    Args:
        notebook: path of an `.ipynb` file.
        tag: a tag in the cells' metadata.

    Raises:
        ValueError: no code cell has this tag.
        Exception: what a cell raises.
    """
    import nbformat

    cells = [
        cell
        for cell in nbformat.read(notebook, as_version=4).cells
        if cell.cell_type == "code" and tag in cell.metadata.get("tags", [])
    ]
    if not cells:
        raise ValueError(f"{Path(notebook).name} has no code cell with the tag {tag!r}.")
    namespace: dict[str, object] = {"__name__": Path(notebook).stem}
    for cell in cells:
        place = f"{Path(notebook).name}, cell {cell.id}"
        lines = cell.source.splitlines(keepends=True)
        linecache.cache[place] = len(cell.source), None, lines, place  # no file has these lines
        exec(compile(cell.source, place, "exec"), namespace)
    return namespace


def _source(function):
    return textwrap.dedent(inspect.getsource(function))


def _taken(tree):
    """The names that a piece of code uses and does not make."""
    nodes = list(ast.walk(tree))
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    names = [node for node in nodes if isinstance(node, ast.Name)]
    own |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return {name.id for name in names} - own


def _made(function, source, surroundings):
    """The function that a changed source defines."""
    namespace = dict(surroundings)
    exec(source, namespace)
    return namespace[function.__name__]

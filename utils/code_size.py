"""How much a reader has to take in: `code_size(function)` counts statements and foreign names.

For comparing two ways to write the same thing. Statements are counted rather than lines, so the
count does not depend on how the code is broken into lines.
"""

import ast
import inspect
import textwrap
from dataclasses import dataclass

__all__ = ["CodeSize", "code_size"]


@dataclass(frozen=True)
class CodeSize:
    """Size of a function's body: `statements`, and the sorted `names` it uses but does not make."""

    statements: int
    names: tuple[str, ...]


def code_size(function):
    """Count a function's statements and the names that it takes from elsewhere.

    Names are those of modules, functions and methods (`np`, `maximum`, `sum`), each once, however
    often it is used; parameters and names assigned in the function do not count, nor do operators
    or the docstring.

    Args:
        function: a function written in Python whose source can be read.

    Returns:
        `CodeSize`.

    Raises:
        TypeError, OSError: as `inspect.getsource`, if there is no source.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if ast.get_docstring(tree) is not None:
        tree.body.pop(0)
    inside = [node for statement in tree.body for node in ast.walk(statement)]
    own = {argument.arg for argument in ast.walk(tree) if isinstance(argument, ast.arg)}
    names = [node for node in inside if isinstance(node, ast.Name)]
    own |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    foreign = {name.id for name in names} - own
    foreign |= {node.attr for node in inside if isinstance(node, ast.Attribute)}
    statements = sum(isinstance(node, ast.stmt) for node in inside)
    return CodeSize(statements, tuple(sorted(foreign)))

"""How the course prints a text that may be longer than a line: `lesson.say`, and what `reveal` prints."""

import textwrap

__all__ = ["say"]

WIDTH = 88  # letters in a line; a page breaks longer lines in the middle of words


def say(text: object, indent: int = 0) -> None:
    """Print a text in lines of at most 88 letters. The line breaks that it has are kept.

    Args:
        text: the text. Where it ends in a line break, an empty line follows. An error is said with
            its name, as `ValueError: message`.
        indent: by how many blanks the further lines of a long line are moved in.
    """
    if isinstance(text, BaseException):
        text = f"{type(text).__name__}: {text}"
    for line in str(text).split("\n"):
        print(textwrap.fill(line, WIDTH, subsequent_indent=indent * " ", break_on_hyphens=False))

"""The guess comes before the answer, also where no kernel runs: what a saved lesson shows only on a click.

A learner writes a guess down in one cell, `my_guess = ...`, and a later cell compares it,
`reveal(my_guess, truth)`. What the cells from there to the comparison print is folded away in the
saved notebook, so that a reader of the page meets the question first. A learner's copy has no outputs.
"""

import html
import re

from nbformat.v4 import new_output

SUMMARY = "Guess first. Then click here to see what came out."
BEGIN = f'<details class="guess"><summary>{SUMMARY}</summary>'
END = "</details>"
PLAIN = "What came out is folded away: guess first, then run the cell."


def answering(cells):
    """Which cells' outputs answer a guess: those after it, to the last that reveals it.

    Args:
        cells: of a notebook, `nbformat.NotebookNode`s.

    Returns:
        set of indices into `cells`, and a list of the names revealed that no cell before guesses.
    """
    asked, found, unasked = {}, set(), []
    for n, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        for name in re.findall(r"\breveal\(\s*(\w+)", cell.source):
            if name in asked:
                found |= {m for m in range(asked[name] + 1, n + 1) if cells[m].cell_type == "code"}
            else:
                unasked.append(name)
        asked |= dict.fromkeys(re.findall(r"^(\w+) = \.\.\.", cell.source, re.M), n)
    return found, unasked


def fold(outputs):
    """The outputs of one cell as one that opens on a click; errors, and what is folded, stay as they are."""
    if not outputs or is_folded(outputs) or any(o.output_type == "error" for o in outputs):
        return outputs
    page = "\n".join([BEGIN, *map(_as_html, outputs), END])
    return [new_output("display_data", {"text/html": page, "text/plain": PLAIN})]


def is_folded(outputs):
    """Whether nothing of a cell's outputs shows before a click."""
    return all(
        output.get("data", {}).get("text/html", "").startswith(BEGIN)
        and output.data.get("text/plain") == PLAIN
        and set(output.data) == {"text/html", "text/plain"}
        for output in outputs
    )


def printed(outputs):
    """The text that a cell printed, folded away or not."""
    texts = []
    for output in outputs:
        page = output.get("data", {}).get("text/html", "")
        pieces = re.findall(r"<pre>(.*?)</pre>", page, re.S) if page.startswith(BEGIN) else []
        texts += [output.get("text", ""), *map(html.unescape, pieces)]
    return "".join(texts)


def printed_by(cells):
    """The text that all cells of a notebook printed."""
    return "".join(printed(cell.get("outputs", [])) for cell in cells)


def _as_html(output):
    if output.output_type == "stream":
        return f"<pre>{html.escape(output.text, quote=False)}</pre>"
    if "text/html" in output.data:
        return output.data["text/html"]
    if "text/markdown" in output.data:
        from nbconvert.filters import markdown2html

        return markdown2html(output.data["text/markdown"])
    return f"<pre>{html.escape(output.data.get('text/plain', ''), quote=False)}</pre>"

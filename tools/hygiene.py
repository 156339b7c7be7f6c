"""What a committed lesson must look like: `problems(notebook, path)` lists what is amiss.

Used by `tools/notebook.py` when a lesson is written and by `tests/notebooks/test_hygiene.py`,
which also tries each rule on a notebook that breaks it.
"""

import ast
import ipaddress
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from tools import guesses, prose_figures

ROOT = Path(__file__).resolve().parent.parent
# The one place that says where the course is published; `tools/notebook.py build` writes it into
# the setup cell of every lesson.
COURSE_URL = "https://github.com/thinking-in-keras/thinking-in-keras"
MAX_CODE_LINES = 25
MAX_COLUMNS = 100  # of a line of code or of a print; a page cuts off what is longer
MAX_BYTES = 4_000_000
BOX_ROWS = (
    "You will be able to",
    "Time to read",
    "Time to run",
    "Memory",
    "What to know first",
    "Data",
)
MACHINE_PATH = re.compile(
    r"(?<![\w.:/-])/(?:root|home|tmp|work|var|mnt|Users|private)/[\w.~-]+|\b[A-Z]:\\{1,2}Users\b"
)
MAX_WORDS = 130  # of a paragraph: what is longer is a list, a table or two paragraphs
LEAST_INCHES = 1.2  # of a picture in a grid
#: A phrase of six words or more and, after it, the same again.
REPEATED = re.compile(r"\b((?:\w+\W+){5,40}?\w+)\W+\1\b")
MANY_WORDS = 3  # different ones, from which on a phrase is no pattern such as a row of numbers
# Small words that only older English has, which those who learnt it lately stumble over.
OLD_WORDS = re.compile(
    r"\b(?:shall|unasked|save for|but for (?:one|two|three|four)|does for)\b", re.I
)
HEADING = re.compile(r"#{1,6} ")
ADDRESS = re.compile(r"\b(?:at|object at) 0x[0-9a-f]{6,}")
URL = re.compile(r"https?://[^\s)\"'<>\]`]+")


def colab_link(path):
    """Markdown that opens the lesson at `path` (in the checkout) on Colab."""
    place = path.resolve().relative_to(ROOT).as_posix()
    page = COURSE_URL.replace("https://github.com/", "https://colab.research.google.com/github/")
    return f"[Open this lesson in Colab]({page}/blob/main/{place})"


def setup_source():
    """The first code cell of every lesson: on Colab it fetches the course, elsewhere nothing."""
    return (
        "import sys\n\n"
        'if "google.colab" in sys.modules:  # Colab has this file alone: fetch the course\n'
        f'    course = "{COURSE_URL}"\n'
        "    !test -d /content/course || git clone -q --depth 1 {course} /content/course\n"
        '    sys.path.insert(0, "/content/course")'
    )


def kernel(notebook):
    """The name of the Jupyter kernel that a notebook is for; "python3" is the course's own."""
    return notebook.metadata.get("kernelspec", {}).get("name", "python3")


def problems(notebook, path):
    """What is wrong with a notebook as it would be committed.

    Args:
        notebook: `nbformat.NotebookNode`, version 4.
        path: its `pathlib.Path`; a lesson lies in `lessons/`, `lessons/part1/` or `lessons/part2/`.

    Returns:
        list of str, each "cell N: what and what to do" with cells counted from 1 over all cells;
        empty if all is well.
    """
    found = []
    code = [(n, cell) for n, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]
    for n, cell in enumerate(notebook.cells, 1):
        found += [f"cell {n}: {what}" for what in _text_problems(cell.source)]
        if cell.cell_type == "markdown":
            found += [f"cell {n}: {what}" for what in _alt_problems(cell.source)]
            found += [f"cell {n}: {what}" for what in _prose_problems(cell.source)]
    for n, cell in code:
        found += [f"cell {n}: {what}" for what in _source_problems(cell.source)]
        found += [f"cell {n}: {what}" for what in _output_problems(cell.outputs)]
        if _ends_in_table(cell.source) and not _shows_table(cell.outputs):
            found.append(f"cell {n}: its table is not stored: run `tools/notebook.py run`")
    found += _order_problems(code)
    found += _guess_problems(notebook.cells)
    found += [
        f"cell {n}: says {figure!r}, which no cell, output or cited source holds: compute it, cite it or say it in words"
        for n, figure in prose_figures.unvouched(notebook, path)
    ]
    found += _lesson_problems(notebook, code)
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        found.append(f"the file is over {MAX_BYTES / 1e6:.0f} MB: show fewer or smaller pictures")
    return found


def _order_problems(code):
    counts = [cell.execution_count for _, cell in code if cell.source.strip()]
    if any(count is None for count in counts):
        return ["some code cells were not run: run `tools/notebook.py run` and commit its outputs"]
    if not any(cell.outputs for _, cell in code):
        return ["no cell has an output: run `tools/notebook.py run` and commit its outputs"]
    if counts != list(range(1, len(counts) + 1)):
        return ["cells were not run once each, in order, from 1: run `tools/notebook.py run`"]
    return []


def _guess_problems(cells):
    answers, unasked = guesses.answering(cells)
    found = [f"reveals {name}, but no cell before it says `{name} = ...`" for name in unasked]
    for n in sorted(answers):
        if not guesses.is_folded(cells[n].outputs):
            found.append(
                f"cell {n + 1}: shows what came out before a guess is made: run `tools/notebook.py run`"
            )
        if "nbval-check-output" in cells[n].metadata.get("tags", []):
            found.append(
                f"cell {n + 1}: what is folded away cannot be compared: take nbval-check-output off"
            )
    return found


def _lesson_problems(notebook, code):
    found = []
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if not notebook.cells or not notebook.cells[0].source.startswith("# "):
        found.append("cell 1: begin with the title, `# ...`")
    missing = [row for row in BOX_ROWS if f"| **{row}** |" not in text]
    if missing:
        found.append(f"the lesson box lacks the row(s) {', '.join(missing)}")
    if (
        kernel(notebook) != "python3"
    ):  # an older Python has no `utils.lesson`, and Colab no such kernel
        return found
    if not code or code[0][1].source != setup_source():
        found.append("the first code cell is not the setup cell: run `tools/notebook.py build`")
    if not code or code[-1][1].source.strip() != "lesson.finish()":
        found.append("the last code cell must be `lesson.finish()`")
    return found


def _prose_problems(text):
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    found = [  # JupyterLab folds a section, and links to it, by its cell
        f"a heading begins a cell: cut before {line!r}"
        for line in prose.strip().splitlines()[1:]
        if HEADING.match(line)
    ]
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*[-|>])", prose):
        words = len(paragraph.split())
        if words > MAX_WORDS and not paragraph.startswith("|"):
            found.append(f"a paragraph of {words} words; at most {MAX_WORDS}: {paragraph[:40]!r}")
    found += [f"says {word!r}: find a word of today" for word in OLD_WORDS.findall(prose)]
    for phrase in REPEATED.findall(prose):
        if len(set(phrase.split())) > MANY_WORDS:
            found.append(f"says twice: {phrase!r}")
    return found


def _source_problems(source):
    found = [
        f"{len(line)} columns of code, which a page cuts off; at most {MAX_COLUMNS}: {line.strip()}"
        for line in source.splitlines()
        if len(line) > MAX_COLUMNS
    ]
    lines = len(source.splitlines())
    if lines > MAX_CODE_LINES:
        found.append(f"{lines} lines of code; at most {MAX_CODE_LINES}: one idea a cell")
    if re.match(r"\s*%%time", source):
        found.append("%%time prints what nobody can reproduce: leave it out")
    try:
        nodes = list(ast.walk(_parsed(source)))
    except SyntaxError as error:
        return [*found, f"the code does not parse: {error.msg}"]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and any(name.name == "*" for name in node.names):
            found.append(f"star import from {node.module}: name what is used")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found += _call_problems(node)
    return found


def _parsed(source):
    """A cell's code as a tree; IPython's own commands, which are no Python, are left out."""
    return ast.parse(re.sub(r"^(\s*)[!%].*$", r"\1pass", source, flags=re.MULTILINE))


def _ends_in_table(source):
    """Whether what a cell shows, its last expression, is a call of `table`."""
    try:
        last = _parsed(source).body[-1:]
    except SyntaxError:  # which is listed by itself
        return False
    call = last and isinstance(last[0], ast.Expr) and last[0].value
    return (
        isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "table"
    )


def _shows_table(outputs):
    """Whether one of a cell's outputs is a table, in Markdown or, folded away, in HTML."""
    shown = [output.get("data", {}) for output in outputs]
    return any(
        "|:---" in data.get("text/markdown", "") or "<table" in data.get("text/html", "")
        for data in shown
    )


def _call_problems(call):
    name = call.func.id
    # What `**controls` holds is not to be seen here.
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    if name in ("exec", "eval"):
        return [f"{name}(...) is machinery, which belongs in utils"]
    if name == "reveal" and len(call.args) > 1 and isinstance(call.args[1], ast.Constant):
        return [f"reveals what was typed, {call.args[1].value!r}: compute the answer"]
    inches = given.get("inches")
    if name == "picture_grid" and isinstance(inches, ast.Constant) and inches.value < LEAST_INCHES:
        return [f"pictures of {inches.value} inches are too small; at least {LEAST_INCHES}"]
    return _label_problems(given) if name == "explore" else []


def _label_problems(controls):
    """Controls of `explore` that are called by a letter or an abbreviation."""
    labels = controls.pop("labels", None)
    try:
        said = ast.literal_eval(labels) if labels else {}
    except ValueError:
        return ["write the labels of a widget's controls where `explore` is called"]
    found = []
    for name in controls:
        words = said.get(name, name.replace("_", " ")).split()
        if max(map(len, words), default=0) < 3 or (name not in said and min(map(len, words)) < 2):
            found.append(f"a control is called {' '.join(words)!r}: say it in words by `labels`")
    return found


def _output_problems(outputs):
    found = []
    for output in outputs:
        if output.output_type == "error":
            found.append(f"was committed with an error: {output.ename}: {output.evalue}")
            continue
        if output.output_type == "stream":
            if output.name == "stderr":
                found.append("has output on stderr: mend what warns")
            found += _text_problems(output.text)
            found += [
                f"prints {len(line)} columns, of which a page shows {MAX_COLUMNS}: use `say` or a table: {line[:40]!r}"
                for line in output.text.splitlines()
                if len(line) > MAX_COLUMNS
            ]
            continue
        data = output.data
        if "application/vnd.jupyter.widget-view+json" in data:
            found.append("has a widget's view, which shows an error without a kernel")
        shown = data.get("text/html", "")
        if any(kind.startswith("image/") for kind in data) and "<img" not in shown:
            found.append("has a picture without alternative text: set `fig.alt` and show the fig")
        found += _alt_problems(shown)
        for kind in ("text/plain", "text/html", "text/markdown"):
            found += _text_problems(re.sub(r"base64,[A-Za-z0-9+/=]+", "", data.get(kind, "")))
    return found


class _Pictures(HTMLParser):
    """Collects the `alt` of each `<img>` and the label of each `<svg>` in a piece of HTML."""

    def __init__(self):
        super().__init__()
        self.alts = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img":
            self.alts.append(attributes.get("alt") or "")
        if tag == "svg" and attributes.get("aria-hidden") != "true":
            self.alts.append(attributes.get("aria-label") or "")


def _alt_problems(text):
    """Pictures without alternative text, in HTML or in Markdown."""
    parser = _Pictures()
    parser.feed(text)
    alts = parser.alts + re.findall(r"!\[([^\]]*)\]\(", text)
    return ["has a picture without alternative text" for alt in alts if not alt.strip()]


def _text_problems(text):
    found = [f"names a path of one machine: {path}" for path in MACHINE_PATH.findall(text)]
    found += [f"prints a memory address: {address}" for address in ADDRESS.findall(text)]
    found += [f"links to no public host: {url}" for url in URL.findall(text) if not _public(url)]
    return found


def _public(url):
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".internal", ".lan", ".corp"))

"""The author's tool: from a script with cells to a lesson that may be committed, and a look at it.

    python tools/notebook.py script   lessons/part1/01-recognise.ipynb   # -> build/.../01-recognise.py
    python tools/notebook.py build    build/lessons/part1/01-recognise.py   # -> the notebook, not run
    python tools/notebook.py run      lessons/part1/01-recognise.ipynb   # fresh kernel, then tidy, then check
    python tools/notebook.py check    lessons/part1/01-recognise.ipynb
    python tools/notebook.py render   lessons/part1/01-recognise.ipynb   # -> build/.../*.png, to look at
    python tools/notebook.py all      01                                 # run, check, test, render
    python tools/notebook.py headlines                                   # -> the tables in lessons/README.md and TEACHING.md

A lesson's number does for its path. `render --dark --width 700` draws it as others see it. The notebook is what is kept; the script under `build/` is a handy form to write in. Cells keep
their ids from one build to the next, so that a re-run lesson shows few differences.
"""

import argparse
import functools
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, from anywhere

from tools import browser, guesses, hygiene, run_tests  # noqa: E402
from utils import workbook  # noqa: E402
from utils.lesson import read_checkpoints  # noqa: E402
from utils.workbook import LESSONS, lessons  # noqa: E402

BUILD = ROOT / "build"
PAGE_HEIGHT = 1400  # CSS pixels of one picture of a rendered page
PYTHON_3 = {"display_name": "Python 3", "language": "python", "name": "python3"}
BEGIN, END = "<!-- tables: tools/notebook.py headlines -->", "<!-- end of tables -->"
# The page writes its height, in CSS pixels, where it can be read from outside.
HEIGHT = "data-height"
SAY_HEIGHT = (
    "<script>addEventListener('load', () => document.body.setAttribute("
    f"'{HEIGHT}', document.documentElement.scrollHeight))</script>"
)
# Code, in which a dollar is a dollar; a formula on lines of its own; a formula within a line.
FORMULA = re.compile(
    r"(```.*?```|`[^`\n]+`)|\$\$(.+?)\$\$|(?<![\\\w])\$(?!\s)([^$\n]+?)(?<!\s)\$(?!\d)", re.S
)
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def lesson_path(text):
    """The path that a command line's argument means: a path, or a lesson's number as 08, 8 or 02b.

    Raises:
        ValueError: there is no lesson of that number.
    """
    return Path(text) if Path(text).suffix else workbook.lesson_of(text)


def own_kernels():
    """The lessons for the course's own kernel: all but 02b, which is a part of its lesson for another."""
    return [
        path for path in lessons() if hygiene.kernel(nbformat.read(path, as_version=4)) == "python3"
    ]


def script(notebook_path):
    """Write a lesson as a percent script under `build/`; returns the script's path."""
    import jupytext

    notebook = nbformat.read(notebook_path, as_version=4)
    path = BUILD / notebook_path.resolve().relative_to(ROOT).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    jupytext.write(notebook, path, fmt="py:percent")
    return path


def build(script_path):
    """Make or update the lesson of a percent script, without outputs; returns its path.

    A code cell with the word `SETUP` alone becomes the setup cell, a line of text with the word
    `COLAB` alone the link that opens the lesson there.
    """
    import jupytext

    fresh = jupytext.read(script_path, fmt="py:percent")
    path = (ROOT / script_path.resolve().relative_to(BUILD)).with_suffix(".ipynb")
    for cell in fresh.cells:
        if cell.cell_type == "code" and cell.source.strip() == "SETUP":
            cell.source = hygiene.setup_source()
        if cell.cell_type == "markdown":
            lines = cell.source.splitlines()
            link = hygiene.colab_link(path)
            cell.source = "\n".join(link if line.strip() == "COLAB" else line for line in lines)
    old = nbformat.read(path, as_version=4).cells if path.exists() else []
    _keep_ids(fresh.cells, old)
    fresh.metadata = nbformat.from_dict(
        {
            "kernelspec": fresh.metadata.get("kernelspec", PYTHON_3),
            "language_info": {"name": "python"},
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(fresh, path)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(path)], check=True)
    return path


def _keep_ids(fresh, old):
    """Give each fresh cell the id of the old cell it continues: same exercise, same text, same place."""
    import difflib

    before, after = [cell.source for cell in old], [cell.source for cell in fresh]
    for _, i, i_end, j, j_end in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        for a, b in zip(range(i, i_end), range(j, j_end), strict=False):
            fresh[b].id = old[a].id
    # A learner's answer follows the id: it must not come into another exercise.
    exercises = {number: cell.id for cell in old for number in workbook.CHECK.findall(cell.source)}
    for cell in fresh:
        for number in workbook.CHECK.findall(cell.source):
            wanted = exercises.get(number, cell.id)
            for other in fresh:
                if other.id == wanted:
                    other.id = cell.id
            cell.id = wanted


def run(notebook_path, timeout=600):
    """Execute a lesson in a fresh kernel, in its own folder, and save it tidied."""
    notebook = nbformat.read(notebook_path, as_version=4)
    try:
        execute(notebook, notebook_path.parent, timeout)
    finally:  # also with an error in it: the author wants to see where
        nbformat.write(tidy(notebook), notebook_path)


def patiently(start, tries=3):
    """What starts a kernel, made to begin anew if the kernel does not answer; called as `start` is.

    Free ports are picked for a kernel, and it takes them a moment later. A kernel that starts beside it, or
    any connection on this machine, may be quicker. Without its port for what it shows, ipykernel then lives
    on and never answers; without another one it dies.

    Raises:
        RuntimeError: no kernel answered in so many tries. What else `start` raises passes through, and so does
            a kernel that died later (nbclient's DeadKernelError).
    """
    from nbclient.exceptions import DeadKernelError

    @functools.wraps(start)
    def starting(*args, **options):
        for left in reversed(range(tries)):
            try:
                return start(*args, **options)
            except DeadKernelError:
                raise
            except RuntimeError as error:
                if not left:
                    raise
                warnings.warn(f"A kernel is started anew: {error}", stacklevel=2)

    return starting


def execute(notebook, folder, timeout=600):
    """Execute a notebook's cells, in place, in a fresh kernel of its own kind that works in a folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    from nbclient import NotebookClient
    from traitlets.config import Config

    client = NotebookClient(
        notebook,
        # A kernel that is not encrypted warns about that each time that one starts.
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),
        timeout=timeout,
        kernel_name=hygiene.kernel(notebook),
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    patiently(client.execute)()


def tidy(notebook):
    """Take out what changes from run to run or shows an error without a kernel, and fold away what
    answers a guess; in place."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = nbformat.from_dict({"name": "python"})
    answers, _ = guesses.answering(notebook.cells)
    for n, cell in enumerate(notebook.cells):
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _merged(
                [output for output in cell.outputs if WIDGET_VIEW not in output.get("data", {})]
            )
            if n in answers:
                cell.outputs = guesses.fold(cell.outputs)
    return notebook


def _merged(outputs):
    """Outputs with neighbouring pieces of one stream joined: how they were cut is chance."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if output.output_type == "stream" and last and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def try_out(notebook_path):
    """Run a lesson as the tests do; returns whether all its cells passed."""
    command = ["pytest", str(notebook_path), *run_tests.NBVAL]
    return subprocess.run([sys.executable, "-m", *command, "-q"], cwd=ROOT).returncode == 0


def render(notebook_path, width=1000, dark=False):
    """Draw a lesson as pictures of its page, as many as its length needs; returns their paths.

    Args:
        notebook_path: `pathlib.Path` of the notebook.
        width: of the window, in CSS pixels.
        dark: whether to draw it in JupyterLab's dark theme.
    """
    from nbconvert import HTMLExporter

    notebook = with_formulas(nbformat.read(notebook_path, as_version=4))
    exporter = HTMLExporter(template_name="lab", theme="dark" if dark else "light")
    page, _ = exporter.from_notebook_node(notebook)
    kind = ("-dark" if dark else "") + (f"-{width}" if width != 1000 else "")
    folder = BUILD / "pages" / (notebook_path.stem + kind)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    html = folder / "page.html"
    html.write_text(page.replace("</body>", f"{SAY_HEIGHT}</body>"), encoding="utf-8")
    tall = folder / "tall.png"
    _photograph(html, tall, width)
    return _cut(tall, folder)


def with_formulas(notebook):
    """A notebook's formulas as MathML, which a browser draws by itself, without MathJax; in place.

    JupyterLab brings MathJax along, but a page made by nbconvert would fetch it from the network.
    """
    from latex2mathml.converter import convert

    def drawn(found):
        code, block, line = found.groups()
        return code or convert(block or line, display="block" if block else "inline")

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(drawn, cell.source)
    return notebook


def _photograph(html, picture, width):
    """Take a picture of a whole page, of the height that the page itself says it has."""
    dom = browser.headless(html, f"--window-size={width},1000", "--dump-dom")
    height = int(re.search(rf'{HEIGHT}="(\d+)"', dom).group(1)) + 20
    browser.headless(html, f"--window-size={width},{height}", f"--screenshot={picture}")


def _cut(tall, folder):
    """Cut a tall picture into pages, and leave the empty rest off."""
    import numpy as np
    from PIL import Image

    picture = Image.open(tall).convert("RGB")
    grey = np.asarray(picture.convert("L")).astype(int)
    used = np.flatnonzero(np.ptp(grey, axis=1) > 50)  # in the light theme and in the dark one
    bottom = int(used[-1]) + 20 if used.size else 1
    paths = []
    for n, top in enumerate(range(0, bottom, PAGE_HEIGHT), 1):
        path = folder / f"{n:02d}.png"
        picture.crop((0, top, picture.width, min(top + PAGE_HEIGHT, bottom))).save(path)
        paths.append(path)
    tall.unlink()
    return paths


def headlines():
    """The tables of `lessons/README.md`, from the outputs saved in the lessons, as Markdown.

    The first has the checkpoints chosen in `lessons/headlines.toml` beside the figures of 2017, the
    second what each lesson took when its outputs were saved.

    Raises:
        ValueError: a lesson has no checkpoint of the name chosen.
    """
    chosen = tomllib.loads((LESSONS / "headlines.toml").read_text(encoding="utf-8"))["headline"]
    texts = {path.relative_to(LESSONS).as_posix(): printed(path) for path in lessons()}
    rows = [
        "| lesson | what | reached | expected | the 2017 notebook |",
        "|:---|:---|---:|:---|:---|",
    ]
    for row in chosen:
        found = {one.name: one for one in read_checkpoints(texts[row["lesson"]])}
        if row["checkpoint"] not in found:
            raise ValueError(f"{row['lesson']} has no checkpoint {row['checkpoint']!r}")
        one = found[row["checkpoint"]]
        rows.append(
            f"| {_link(row['lesson'], number=True)} | {row['here']} | {one.value:.3g} "
            f"| {one.low:g} to {one.high:g} | {row.get('then', '')} |"
        )
    rows += ["", "| lesson | checkpoints | took |", "|:---|---:|:---|"]
    for lesson, text in texts.items():
        took = re.findall(r"^\d+ s, at most .* of memory\.$", text, re.M)[-1:]
        count = len(read_checkpoints(text))
        rows.append(f"| {_link(lesson)} | {count} | {took[0].rstrip('.') if took else ''} |")
    return "\n".join(rows)


def printed(notebook_path):
    """All that the saved outputs of a notebook say, as text."""
    return guesses.printed_by(nbformat.read(notebook_path, as_version=4).cells)


def _link(lesson, number=False):
    """A link to a lesson by its file's name, or, where it has many rows, by its number."""
    name = workbook.number_of(Path(lesson)) if number else Path(lesson).stem
    return f"[{name}]({lesson})"


def needs():
    """The table of `TEACHING.md`: what a machine needs, as each lesson's box says it, as Markdown."""
    rows = ["| lesson | to run | memory |", "|:---|:---|:---|"]
    for path in lessons():
        box = nbformat.read(path, as_version=4).cells[0].source
        said = [
            re.search(rf"^\| \*\*{row}\*\* \| (.+) \|$", box, re.M)
            for row in ("Time to run", "Memory")
        ]
        link = _link(path.relative_to(LESSONS).as_posix()).replace("](", "](lessons/")
        rows.append(
            "| " + " | ".join([link, *(found[1] if found else "" for found in said)]) + " |"
        )
    return "\n".join(rows)


def with_tables(page, tables, name="lessons/README.md"):
    """The text of a page with its tables, between two comments, written anew.

    Raises:
        ValueError: a comment is missing, so that text after the tables would be lost.
    """
    begin, found_begin, rest = page.partition(BEGIN)
    _, found_end, end = rest.partition(END)
    if not (found_begin and found_end):
        raise ValueError(f"{name} needs the lines {BEGIN!r} and, after it, {END!r}")
    return f"{begin}{BEGIN}\n\n{tables}\n\n{END}{end}"


def check(notebook_path):
    """Print what is amiss with a lesson; returns whether nothing is."""
    found = hygiene.problems(nbformat.read(notebook_path, as_version=4), notebook_path)
    for what in found:
        print(f"{notebook_path.name}: {what}")
    return not found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what", choices=["script", "build", "run", "check", "render", "all", "headlines"]
    )
    parser.add_argument("lessons", nargs="*", help="paths or numbers; all, if none is given")
    parser.add_argument("--width", type=int, default=1000, help="of the page to draw, in pixels")
    parser.add_argument("--dark", action="store_true", help="draw the page in the dark theme")
    options = parser.parse_intermixed_args()  # options may stand before the lessons, too
    if options.what == "headlines":
        for page, tables in {
            LESSONS / "README.md": headlines(),
            ROOT / "TEACHING.md": needs(),
        }.items():
            text = with_tables(page.read_text(encoding="utf-8"), tables, page.name)
            page.write_text(text, encoding="utf-8")
        return
    try:
        paths = [lesson_path(text) for text in options.lessons]
    except ValueError as error:
        sys.exit(str(error))
    paths = paths or (sorted(BUILD.rglob("*.py")) if options.what == "build" else lessons())
    well = True
    for path in paths:
        if options.what in ("script", "build"):
            print({"script": script, "build": build}[options.what](path))
        if options.what in ("run", "all"):
            run(path)
        if options.what in ("run", "check", "all"):
            well &= check(path)
        if options.what == "all":
            well &= try_out(path)
        if options.what in ("render", "all"):
            print(*render(path, options.width, options.dark), sep="\n")
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()

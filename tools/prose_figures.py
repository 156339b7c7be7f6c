"""Figures in a lesson's text that nothing in the lesson vouches for.

A figure typed into a sentence stays as it is when what it speaks of changes. So each must also stand
in a code cell or an output of the same lesson, or be one of these rounded; or the text works it out
(28 × 28 = 784); or its paragraph cites the source: a page on the web, a data card, another lesson,
and what poses an exercise, its solution. The few that remain are listed in
`lessons/prose_figures.toml`, each with the reason. Numbers in words are free: they are for what is
rough, and stays true.
"""

import math
import re
import tomllib
from dataclasses import dataclass, field
from html.parser import HTMLParser

import nbformat

from utils.workbook import LESSONS, number_of

ALLOWED = LESSONS / "prose_figures.toml"
LEAST = 13  # whole numbers below are counts, as "10 scores" or "3 x 3", which stay true
SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9}
UNITS = {
    "s": "s|seconds?",
    "ms": "ms|milliseconds?",
    "kB": "kB|kilobytes?",
    "MB": "MB|megabytes?",
    "GB": "GB|gigabytes?",
}
# A number that is no part of a word, of a version such as 2.3.1, or of a power.
NUMBER = r"(?<![\w.])(?<!\w-)\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?(?!\.?[\w⁻])"
FIGURE = re.compile(
    r"(?P<about>\b(?i:about|around|roughly|some|nearly|almost|more than|less than)\s+)?"
    rf"(?P<number>{NUMBER})(?!-?\s?bits?\b)"
    rf"(?:\s?(?P<share>%|per\s?cent\b|of\s100\b)|(?=\s+of\s+(?:the\s+)?(?P<total>{NUMBER}))"
    rf"|[\s-](?P<scale>{'|'.join(SCALES)})\b|[\s-](?P<unit>{'|'.join(UNITS.values())})\b)?"
)
# Numbers that name something: "sections 5 to 9", "Keras 3.13 to 3.15", a lesson by its title.
NAMED = re.compile(
    r"\b(?:[Ll]essons?|[Ss]ections?|[Ee]xercises?|[Pp]arts?|[Ss]tart|version"
    r"|CC BY(?:-SA)?|Python|Keras|TensorFlow|Theano|PyTensor)\s+"
    r"\d[\w.]*(?:(?:,|,? to|,? or|,? and)\s+\d[\w.]*)*"
    r"|\| \d\d\w? (?=[A-Z])"
)
YEAR = re.compile(r"(?:19|20)\d\d")
# What is no prose: blocks and spans of code, formulas, tags, the addresses of links, emphasis, the
# number of a heading.
NO_PROSE = re.compile(
    r"^```.*?^```|`[^`\n]+`|\$\$.+?\$\$|\$[^$\n]+\$|<[^<>]+>|\]\([^)]*\)|[*\[]|^#+ \d*\w?\.?\s",
    re.M | re.S,
)
PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*[-|>])")
# The box's promises, which the tests hold (tests/notebooks/budget.py).
PROMISE = re.compile(r"\| \*\*(?:Time to read|Time to run|Memory)\*\* ")
FINISH = "lesson.finish()"  # what it prints of seconds and memory says nothing of the subject
CITATION = re.compile(r"\]\(https?://(?!colab\.)|\([A-Z][^()]*\b(?:19|20)\d\d\)")
LOCAL = re.compile(r"\]\(([^)#:]+\.(?:md|ipynb))[)#]")
IN_SOURCE = re.compile(
    r"(?<![\w.])((?:(?<![(\[,])\d{1,3}(?:,\d{3})+|\d[\d_]*)(?:\.\d+)?(?:[eE][-+]?\d+)?)"
    rf"(?!\.?\d)(?:\s?(%)|[\s-]({'|'.join(UNITS.values())})\b)?"
)
SUM = re.compile(rf"((?:{NUMBER}\s*[×x+]\s*)+{NUMBER})\s*=\s*({NUMBER})")
FRACTION = re.compile(r"(?<![\w.])(\d+)\s?(?:/|of)\s?([1-9]\d*)(?![\w.])")


@dataclass(frozen=True)
class Figure:
    """A number as a text states it.

    Attributes:
        text: as it is written, such as "about 90 %".
        readings: pairs of a value and of what the last digit that counts is worth, 0 where the number
            is taken as it stands; 45 of 49 is 45, and 0.918.
        unit: a key of `UNITS`, or None.
    """

    text: str
    readings: tuple
    unit: str | None = None


@dataclass
class Source:
    """The numbers of a cell's code, an output or a file, each with its unit or None, and all units in it.

    Seconds and bytes must have their unit there, beside the number or, as in a table, anywhere.
    """

    numbers: list
    units: set = field(default_factory=set)

    def vouches(self, figure):
        """Whether one of the numbers is the figure, or rounds to it."""
        if figure.unit and figure.unit not in self.units:
            return False
        return any(
            abs(number - value) <= step / 2 + 1e-9 * value
            for number, unit in self.numbers
            if unit is None or figure.unit in (None, unit)
            for value, step in figure.readings
        )


def unvouched(notebook, path):
    """The figures in a lesson's text that nothing vouches for, and that are not allowed.

    Args:
        notebook: `nbformat.NotebookNode`, version 4.
        path: its `pathlib.Path`, which links in it start from.

    Returns:
        list of pairs: the number of the cell, counted from 1 over all cells, and the figure's text.
    """
    allowed = allowances(path)
    return [
        (n, figure)
        for n, figure, text in _typed(notebook, path)
        if not any(_covers(entry, figure, text) for entry in allowed)
    ]


def allowances(path=None):
    """The entries of `lessons/prose_figures.toml`, all of them or those for the lesson at a path."""
    entries = tomllib.loads(ALLOWED.read_text(encoding="utf-8")).get("figure", [])
    return [entry for entry in entries if path is None or entry["lesson"] == number_of(path)]


def stale(notebook, path):
    """What the allow-list allows in a lesson though nothing needs it any more, as a list of str."""
    typed = list(_typed(notebook, path))
    return [
        entry["says"]
        for entry in allowances(path)
        if not any(_covers(entry, figure, text) for _, figure, text in typed)
    ]


def _covers(entry, figure, text):
    return entry["says"] in text and figure in entry["says"]


def _typed(notebook, path):
    """Triples for each figure without a source: the cell's number, the figure, its paragraph's words."""
    sources = _sources(notebook)
    for n, cell in enumerate(notebook.cells, 1):
        for paragraph in PARAGRAPH.split(cell.source if cell.cell_type == "markdown" else ""):
            if PROMISE.match(paragraph) or CITATION.search(paragraph):
                continue
            text, cited = prose(paragraph), sources + _cited(paragraph, path)
            for figure in figures(text):
                if not any(source.vouches(figure) for source in cited):
                    yield n, figure.text, text


def prose(markdown):
    """The words and numbers of Markdown alone, in one line."""
    return " ".join(
        NO_PROSE.sub(lambda found: " " if found[0][-1] in "`$>" else "", markdown).split()
    )


def figures(text):
    """The figures in a text without markup, as a list of `Figure`.

    Left out are years, numbers that name a lesson, a section, an exercise or a version, and whole
    numbers below `LEAST` without a unit.
    """
    found = []
    for match in FIGURE.finditer(NAMED.sub("", text)):
        number = match["number"]
        whole = re.fullmatch(r"[\d,]+", number)
        bare = whole and not (match["share"] or match["unit"] or match["scale"])
        value = _value(number)
        if bare and (value < LEAST or YEAR.fullmatch(number)):
            continue
        digits = number.replace(",", "").partition("e")[0]
        step = 10.0 ** -len(digits.partition(".")[2])
        if whole and match["about"]:
            step = 10.0 ** (len(digits) - len(digits.rstrip("0")))
        elif not match["about"] and len(digits.replace(".", "").lstrip("0")) < 2:
            step = 0  # to one digit nearly anything rounds
        step *= value / _value(digits) if _value(digits) else 1  # 1e-7
        factor = 0.01 if match["share"] else SCALES.get(match["scale"], 1)
        readings = [(value * factor, step * factor)]
        if match["total"]:
            readings.append((value / _value(match["total"]), 1 / _value(match["total"])))
        found.append(Figure(match[0].strip(), tuple(readings), _unit(match["unit"])))
    return found


def _unit(word):
    return next((name for name, words in UNITS.items() if re.fullmatch(words, word or "")), None)


def _value(number):
    return float(number.replace(",", ""))


def _sources(notebook):
    """What a lesson's code, its outputs and the sums in its text hold, a `Source` for each."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found.append(Source(_sums(prose(cell.source))))
        if cell.cell_type == "code" and cell.source != FINISH:
            found.append(Source(_numbers(cell.source)))
            for output in cell.outputs:
                found.append(_source(_shown(output)))
    return found


def _cited(paragraph, path):
    """What the files hold that a paragraph cites, a `Source` for each piece of them."""
    files = [path.parent / link for link in LOCAL.findall(paragraph)]
    if "**Exercise " in paragraph:
        files.append(LESSONS / "solutions" / f"lesson_{number_of(path)}.py")
    return [source for file in files if file.is_file() for source in _file(file.resolve())]


def _sums(text):
    """The results that a text works out, such as 784 × 100 + 10 = 78,410, where they are right."""
    found = []
    for terms, result in SUM.findall(text):
        factors = [re.split(r"\s*[×x]\s*", term) for term in re.split(r"\s*\+\s*", terms)]
        if sum(math.prod(map(_value, term)) for term in factors) == _value(result):
            found.append((_value(result), None))
    return found


def _file(path):
    if path.suffix == ".ipynb":
        return _sources(nbformat.read(path, as_version=4))
    return [_source(path.read_text(encoding="utf-8"))]


def _source(text):
    units = {name for name, words in UNITS.items() if re.search(rf"(?<![\w'’])(?:{words})\b", text)}
    return Source(_numbers(text), units)


def _numbers(text):
    found = []
    for number, percent, word in IN_SOURCE.findall(text):
        value = float(number.replace(",", "").replace("_", ""))
        found += [(value, _unit(word)), (value / 100, None)] if percent else [(value, _unit(word))]
    return found + [(int(part) / int(whole), None) for part, whole in FRACTION.findall(text)]


def _shown(output):
    """The words of an output in the richest form that it has, which is the one that readers see."""
    data = output.get("data", {})
    page = data.get("text/html") or data.get("text/markdown")
    return _said(page) if page else output.get("text") or data.get("text/plain", "")


class _Said(HTMLParser):
    """Collects what HTML says to those who read or hear it, folded parts and pictures included."""

    def __init__(self):
        super().__init__()
        self.words = []

    def handle_starttag(self, tag, attributes):
        self.words += [text or "" for name, text in attributes if name in ("alt", "aria-label")]

    def handle_data(self, data):
        self.words.append(data)


def _said(html):
    parser = _Said()
    parser.feed(re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.S))
    return " ".join(parser.words)

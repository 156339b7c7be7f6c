"""What a class handed in, as one table: exercises right, tries, what is open, and who is stuck.

    python tools/handed_in.py FOLDER                       # the table, to read
    python tools/handed_in.py FOLDER --csv class.csv       # and for a spreadsheet

FOLDER has a folder for each learner, or files that begin with the learner's name, as learning platforms
hand them out. Notebooks are read as text: nothing in them is run, opened or fetched. The table says what
they say, so it is there to see who needs help, not to give marks: a learner can type what a check prints.

How many tries an exercise took is in `progress.json`, which lies beside the notebooks in a learner's `work/`.
"""

import argparse
import csv
import json
import os
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, from anywhere

from tools import guesses  # noqa: E402
from utils import exercises, workbook  # noqa: E402
from utils.lesson import read_checkpoints  # noqa: E402

MAX_BYTES = 60_000_000  # of a file; ours have at most 4 MB
MANY_TRIES = 3  # wrong answers, after which somebody should have a look
LONGEST = 60  # characters of a name or a message in the table
MARKS = {"✔ Right.": "right", "✘ Not right yet.": "wrong", "… Not yet:": "blank"}
MARK = re.compile("^(" + "|".join(map(re.escape, MARKS)) + ")", re.M)
BETTER = ["absent", "blank", "not run", "wrong", "right"]  # states, the best last
TITLE = re.compile(r"\*\*Exercise (\w+\.\d+)")
# What platforms and computers add to the name of a learner or of a file.
PLATFORM = re.compile(r"_\d+_assignsubmission_.*", re.S)
COPIED = re.compile(r"( ?\(\d+\)|-Copy\d+)+$|^(Copy of|Kopie von) ")
ARCHIVES = {".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".xz"}
HEADINGS = (
    ["learner", "lesson", "right", "of", "tries"]
    + ["checkpoints", "of ", "open", "to read", "stuck at"]
)  # fmt: skip


class Unreadable(ValueError):
    """A file that is no notebook of this course; the message says why, for a teacher."""


@dataclass(frozen=True)
class Lesson:
    """What a lesson asks for."""

    number: str
    stem: str  # of its file's name
    checked: list[str]  # exercises that check themselves, such as "1.2"
    unchecked: list[str]  # the others
    checkpoints: set[str]
    marks: set[str]  # fingerprints of its cells


@dataclass(frozen=True)
class Notebook:
    """A notebook that was handed in."""

    cells: list["Cell"]
    lesson: str  # what it says that it was copied from, such as "part1/01-...ipynb", or ""
    marks: set[str]  # fingerprints of the cells that it began with, where it remembers
    untouched: bool  # a copy in which nothing was run, written or taken out


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook that was handed in: text only."""

    kind: str
    source: str
    printed: str
    error: str  # the name of the error that it ended with, or ""
    ran: bool  # whether it has outputs
    mark: str  # its fingerprint


@dataclass
class Work:
    """What one learner has done of one lesson, from all files that say something of it."""

    states: dict[str, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    checkpoints: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)  # exercises without a check
    errors: list[str] = field(default_factory=list)

    def note(self, exercise: str, state: str) -> None:
        """Note the state of an exercise, unless a better one is known."""
        known = self.states.get(exercise, "absent")
        self.states[exercise] = max(known, state, key=BETTER.index)

    def open(self, lesson: Lesson) -> list[str]:
        """The exercises of a lesson that are not right yet."""
        return [name for name in lesson.checked if self.states.get(name) != "right"]

    def stuck(self, lesson: Lesson) -> list[str]:
        """Where help is wanted: exercises answered wrongly, and cells that ended with an error."""
        found = []
        for name in lesson.checked:
            if self.states.get(name) == "wrong":
                tries = self.tries.get(name)
                found.append(f"{name}, wrong" + (f" after {tries} tries" if tries else ""))
        return found + self.errors


@cache
def course() -> dict[str, Lesson]:
    """The lessons by their numbers."""
    found = {}
    for path in workbook.lessons():
        number, cells = workbook.number_of(path), nbformat.read(path, as_version=4).cells
        checked = exercises.numbered(number)
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        found[number] = Lesson(
            number,
            path.stem,
            checked,
            [name for name in dict.fromkeys(TITLE.findall(text)) if name not in checked],
            {one.name for one in read_checkpoints(guesses.printed_by(cells))},
            set(map(workbook.fingerprint, cells)),
        )
    return found


def lesson_of(exercise: str) -> Lesson | None:
    """The lesson that has this exercise, with a check; None if none has."""
    return next((lesson for lesson in course().values() if exercise in lesson.checked), None)


# ---------------------------------------------------------------- reading


def read(path: Path) -> object:
    """What the JSON in a file says.

    Raises:
        Unreadable: it is no ordinary file, too large, or holds no JSON.
    """
    if path.is_symlink():
        raise Unreadable("is a link to another file, which is not followed")
    if not path.is_file():
        raise Unreadable("is no ordinary file")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(f"is larger than {MAX_BYTES / 1e6:.0f} MB, so it was not read")
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
    if not data.strip():
        raise Unreadable("is empty: ask for it again")
    if data.lstrip()[:1] == b"<":
        raise Unreadable("is a web page: ask for the notebook itself")
    if re.search(rb"^<{7} ", data, re.M):
        raise Unreadable("holds both sides of a merge that git could not finish: ask for it again")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable("is damaged (no JSON): ask for it again") from None


def read_notebook(path: Path) -> Notebook:
    """A notebook, as far as it is one: what is malformed in it is left out.

    Raises:
        Unreadable: it is no notebook of format 4.
    """
    notebook = read(path)
    if isinstance(notebook, dict) and "worksheets" in notebook:
        raise Unreadable("is in the format of before 2015: open it in JupyterLab and save it")
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable("is no notebook")
    cells = [_cell(cell) for cell in notebook["cells"] if isinstance(cell, dict)]
    marks = _inside(notebook, "metadata", workbook.KEY, "cells")
    marks = marks if isinstance(marks, list) else []
    marks = [mark.rpartition(" ")[2] for mark in marks if isinstance(mark, str)]
    return Notebook(
        cells,
        _text(_inside(notebook, "metadata", workbook.KEY, "lesson")),
        set(marks),
        untouched=marks != []
        and marks == [cell.mark for cell in cells]
        and not any(cell.ran for cell in cells),
    )


def _cell(cell):
    outputs = cell.get("outputs")
    outputs = [o for o in outputs if isinstance(o, dict)] if isinstance(outputs, list) else []
    streams = [o for o in outputs if o.get("output_type") == "stream"]
    errors = [_text(o.get("ename")) for o in outputs if o.get("output_type") == "error"]
    kind, source = _text(cell.get("cell_type")), _text(cell.get("source"))
    return Cell(
        kind,
        source,
        "".join(_text(output.get("text")) for output in streams),
        errors[-1] or "an error" if errors else "",
        bool(outputs),
        workbook.fingerprint({"cell_type": kind, "source": source}),
    )


def _text(value):
    """Text, or the lines of a text, as one; empty for anything else."""
    lines = value if isinstance(value, list) else [value]
    return "".join(line for line in lines if isinstance(line, str))


def _inside(value, *keys):
    """What nested dicts hold under these keys; None if one is lacking, or is no dict."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


# ---------------------------------------------------------------- understanding


def lessons_in(notebook: Notebook, stem: str) -> list[Lesson]:
    """The lessons that a notebook is of: more than one where some were put together.

    Args:
        notebook: what was handed in.
        stem: its file's name, without the ending.

    Raises:
        Unreadable: none.
    """
    checks = [name for cell in notebook.cells for name in _checks(cell)]
    found = {lesson.number for name in checks if (lesson := lesson_of(name))}
    for lesson in course().values():
        if not found and (Path(notebook.lesson).stem == lesson.stem or lesson.stem in stem):
            found.add(lesson.number)
    if not found:
        raise Unreadable("is a notebook, but none of this course's")
    return [course()[number] for number in sorted(found)]


def _checks(cell):
    return workbook.CHECK.findall(cell.source) if cell.kind == "code" else []


def understand(notebook: Notebook, lesson: Lesson, work: Work) -> None:
    """Note in `work` what a notebook says of a lesson."""
    given = notebook.marks | lesson.marks
    section, title = "", ""
    for cell in notebook.cells:
        if cell.kind == "markdown" and cell.source.startswith("#"):
            section, title = cell.source.partition("\n")[0].lstrip("# "), ""
        if cell.kind == "markdown" and (named := TITLE.search(cell.source)):
            title = named[1]
        if title in lesson.unchecked and cell.source.strip() and cell.mark not in given:
            work.written.add(title)
        names = [name for name in _checks(cell) if name in lesson.checked]
        states = _states(cell, len(names), changed=cell.mark not in given)
        for name, state in zip(names, states, strict=True):
            work.note(name, state)
        if cell.error:
            where = ", ".join(names) or (f"section {section!r}" if section else "the beginning")
            work.errors.append(f"{cell.error} in {where}")
    printed = "".join(cell.printed for cell in notebook.cells)
    work.checkpoints |= lesson.checkpoints & {one.name for one in read_checkpoints(printed)}


def _states(cell, count, changed):
    """The states of the exercises that a cell checks, as many as it checks."""
    found = [MARKS[mark] for mark in MARK.findall(cell.printed)]
    if len(found) == count:
        return found
    if found:  # one check, called several times, or some of several
        return [max(found, key=BETTER.index) if count == 1 else "wrong"] * count
    return ["not run" if changed else "blank"] * count


def understand_progress(progress: object, works: dict[str, Work]) -> None:
    """Note what a learner's `progress.json` says, in `works` by lesson.

    Raises:
        Unreadable: it is no such record.
    """
    if not isinstance(progress, dict):
        raise Unreadable("is no record of progress")
    for lesson in course().values():
        for name in lesson.checked:
            state = _inside(progress, lesson.number, "exercises", name)
            if state in ("right", "wrong"):
                works[lesson.number].note(name, state)
            tries = _inside(progress, lesson.number, "tries", name)
            if type(tries) is int and 0 < tries < 10_000:
                works[lesson.number].tries[name] = tries
        held = _inside(progress, lesson.number, "checkpoints")
        if isinstance(held, list):
            known = lesson.checkpoints & {name for name in held if isinstance(name, str)}
            if known:
                works[lesson.number].checkpoints |= known


def learner_of(path: Path) -> str:
    """Whose file this is, by its path below the folder that was handed in; "" if that does not tell."""
    name = path.parts[0] if len(path.parts) > 1 else path.stem
    if len(path.parts) > 1 and name in ("part1", "part2"):
        return ""
    if len(path.parts) == 1:
        for lesson in sorted(course().values(), key=lambda lesson: -len(lesson.stem)):
            name = name.replace(lesson.stem, "")
        name = "" if name == "progress" else name
    name = COPIED.sub("", PLATFORM.sub("", name)).strip(" _-.")
    return plain(name)


def plain(text: str) -> str:
    """Text that may be shown: one way to write an umlaut, nothing that moves a cursor, not too long."""
    text = unicodedata.normalize("NFC", os.fsencode(text).decode("utf-8", "replace"))
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def collect(folder: Path) -> tuple[dict[str, dict[str, Work]], list[str]]:
    """Read all that is in a folder.

    A learner's `work/` holds copies of all lessons: one that is as it was made counts only where
    another file tells of that lesson, too.

    Returns:
        What was done, by learner and lesson's number, and a sentence for each file that says nothing.
    """
    found, faults = defaultdict(lambda: defaultdict(Work)), []
    untouched, empty_handed = [], {}
    for path in _files(folder):
        place = path.relative_to(folder)
        learner = learner_of(place) or plain(folder.resolve().name)
        try:
            if path.suffix == ".ipynb":
                notebook = read_notebook(path)
                for lesson in lessons_in(notebook, path.stem):
                    if notebook.untouched:
                        untouched.append((learner, notebook, lesson))
                    else:
                        understand(notebook, lesson, found[learner][lesson.number])
            elif path.name == "progress.json":
                understand_progress(read(path), found[learner])
            elif path.suffix.lower() in ARCHIVES:
                raise Unreadable("is packed: unpack it first")
            elif len(place.parts) > 1:
                empty_handed.setdefault(learner, f"no notebook, but {_shown(place)}")
        except Unreadable as fault:
            faults.append(f"{_shown(place)} {fault}.")
    for learner, notebook, lesson in untouched:
        if lesson.number in found.get(learner, {}):
            understand(notebook, lesson, found[learner][lesson.number])
        else:
            empty_handed[learner] = "lessons in which nothing was run or written"
    for learner, what in empty_handed.items():
        if not found.get(learner) and not any(fault.startswith(learner) for fault in faults):
            faults.append(f"{learner} handed in {what}.")
    return found, faults


def _files(folder):
    """The files below a folder, in order, without those that Jupyter or a Mac keeps for itself."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != "__MACOSX"
        )
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _shown(path):
    """A path as it may be shown, whole unless it is very long."""
    return "/".join(map(plain, path.parts))


# ---------------------------------------------------------------- showing


def rows(found: dict[str, dict[str, Work]]) -> list[list[str]]:
    """The table below `HEADINGS`: a row for each learner and lesson, all of it text."""
    table = []
    for learner in sorted(found, key=str.casefold):
        for number in sorted(found[learner]):
            work, lesson = found[learner][number], course()[number]
            still = work.open(lesson)
            table.append(
                [
                    learner,
                    number,
                    str(len(lesson.checked) - len(still)),
                    str(len(lesson.checked)),
                    str(sum(work.tries.values()) or ""),
                    str(len(work.checkpoints)),
                    str(len(lesson.checkpoints)),
                    ", ".join(name + _why_open(work, name) for name in still),
                    ", ".join(name for name in lesson.unchecked if name in work.written),
                    "; ".join(plain(where) for where in work.stuck(lesson)),
                ]
            )
    return table


def _why_open(work, name):
    state = work.states.get(name, "absent")
    return f" ({state})" if state in ("not run", "absent") else ""


def by_exercise(found: dict[str, dict[str, Work]]) -> list[str]:
    """A line for each lesson that was handed in: how many have each exercise right, and how many try."""
    lines = []
    for number, lesson in course().items():
        works = [works[number] for works in found.values() if number in works]
        if not works or not lesson.checked:
            continue
        states = {name: Counter(work.states.get(name) for work in works) for name in lesson.checked}
        counted = [
            f"{name} by {count['right']}" + (f" (wrong {count['wrong']})" if count["wrong"] else "")
            for name, count in states.items()
        ]
        lines.append(f"  lesson {number}, handed in by {len(works)}: {', '.join(counted)}")
    return lines


def many_tries(found: dict[str, dict[str, Work]]) -> list[str]:
    """A line for each learner who tried an exercise several times, and has not got it."""
    lines = []
    for learner in sorted(found, key=str.casefold):
        tried = [
            f"{name} ({tries} tries)"
            for _, work in sorted(found[learner].items())
            for name, tries in work.tries.items()
            if tries >= MANY_TRIES and work.states.get(name) == "wrong"
        ]
        if tried:
            lines.append(f"  {learner}: {', '.join(tried)}")
    return lines


def as_text(found: dict[str, dict[str, Work]], faults: list[str]) -> str:
    """The table and what is to be said of it, for a terminal."""
    table = [[heading.strip() for heading in HEADINGS], *rows(found)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    for title, more in [
        ("Right, by exercise:", by_exercise(found)),
        (f"Wrong after {MANY_TRIES} tries or more:", many_tries(found)),
        ("Not read:", [f"  {fault}" for fault in faults]),
    ]:
        lines += ["", title, *more] if more else []
    return "\n".join(lines)


def write_csv(path: Path, found: dict[str, dict[str, Work]]) -> None:
    """Write the table for a spreadsheet, in which no cell becomes a formula."""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([heading.strip() for heading in HEADINGS])
        for row in rows(found):
            writer.writerow([f"'{cell}" if cell[:1] in tuple("=+-@") else cell for cell in row])


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="handed_in.py", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what the class handed in")
    parser.add_argument("--csv", type=Path, help="write the table to this file, too")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        print(f"There is no folder {plain(str(options.folder))}.", file=sys.stderr)
        return 1
    found, faults = collect(options.folder)
    if not found and not faults:
        print(f"There is no notebook in {plain(str(options.folder))}.", file=sys.stderr)
        return 1
    print(as_text(found, faults))
    if options.csv:
        try:
            write_csv(options.csv, found)
        except OSError as error:
            print(f"{options.csv} cannot be written: {error.strerror}.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A learner's own copies of the lessons, in `work/`, which git ignores.

    from utils import workbook

    workbook.update()       # bring every copy up to date, or one: workbook.update("01")
    workbook.reset("1.2")   # exercise 1.2, empty again
    workbook.reset("01")    # lesson 01, as new

`fill` (which `make lab` calls) makes the copies. Each remembers, in its metadata, a fingerprint of every cell
it began with, so an update is a three-way merge by cell id: a cell that the learner changed stays
theirs, one that only the course changed becomes the new one. Before anything is written over, the file goes to `work/old/`.

Standard library only, no nbformat: every lesson imports this, and nbformat takes over a second to load.
"""

import argparse
import hashlib
import itertools
import json
import os
import re
import sys
import uuid
from pathlib import Path

__all__ = [
    "WorkbookError",
    "current",
    "fill",
    "fingerprint",
    "following",
    "is_newer",
    "keep",
    "lessons",
    "merge",
    "minutes",
    "notice",
    "number_of",
    "reset",
    "title",
    "update",
    "write_whole",
]

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ROOT / "lessons"
WORK = ROOT / "work"
KEY = "thinking_in_keras"  # of the notebook metadata in which a copy remembers what it began with
# What JupyterLab writes into the metadata as soon as it opens a notebook. A copy that has it already closes
# without a question: otherwise a learner who only looked is asked to save changes that they did not make.
OPENED = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": ".".join(map(str, sys.version_info[:3])),
    },
}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)[^)#\s]+")
CHECK = re.compile(r"""\bcheck\(\s*["'](\w+\.\d+)["']""")

GONE = (
    "**The cell below is no longer in this lesson.** You had changed it, so it is kept. Code does not "
    "run there: what it needs may be gone, too. To run it, click it, then press Esc and Y."
)
CHANGED = (
    "**New in this lesson.** You had changed the cell above, so yours is kept. The lesson now has:"
)


class WorkbookError(ValueError):
    """A copy cannot be made, updated or reset; the message says why and what to do."""


def lessons() -> list[Path]:
    """The paths of all lessons as the course brings them, in order."""
    found = sorted(LESSONS.glob("[0-9][0-9]-*.ipynb")) + sorted(LESSONS.glob("part?/*.ipynb"))
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def number_of(lesson: Path) -> str:
    """The number of a lesson, such as `"01"` or `"08b"`."""
    return lesson.name.partition("-")[0]


def title(lesson: Path) -> str:
    """The heading of a lesson, such as `"01 Recognise anything"`."""
    return _source(_read(lesson)["cells"][0]).partition("\n")[0].lstrip("# ").strip()


def minutes(lesson: Path) -> str:
    """How long a lesson says that it takes to read, such as `"75 minutes"`; empty if it does not."""
    found = re.search(
        r"\*\*Time to read\*\* \| ([^|;\n]+?) *[;|]", _source(_read(lesson)["cells"][0])
    )
    return found[1] if found else ""


def current() -> str | None:
    """The number of the lesson whose copy, in `work/`, this kernel runs; None anywhere else."""
    here = _here()
    if here is None or not here.is_relative_to(WORK.resolve()):
        return None
    return number_of(here) if number_of(here) in map(number_of, lessons()) else None


def following(lesson: str) -> tuple[str, str] | None:
    """The lesson after the one of this number: its heading, and the link to it from there. None
    after the last one; an aside that runs on another Python is left out.
    """
    folder = lesson_of(lesson).parent
    for path in lessons():
        kernel = _read(path)["metadata"].get("kernelspec", {}).get("name")
        if number_of(path) > lesson and kernel == "python3":
            return title(path), Path(os.path.relpath(path, folder)).as_posix()
    return None


def is_newer(lesson: Path) -> bool:
    """Whether a lesson is newer than the learner's copy of it; false if there is no such copy."""
    path = WORK / lesson.relative_to(LESSONS)
    return path.exists() and _is_newer(_fresh(lesson), _read(path))


def fill() -> None:
    """Make a copy of every lesson that has none, and say which copies have a newer version.

    A copy in which the learner changed and ran nothing is replaced by the newer version at once;
    no other is touched.
    """
    made, newer = [], []
    for lesson in lessons():
        path = _own(lesson)
        if not path.exists():
            _write(path, _fresh(lesson))
            made.append(number_of(lesson))
            continue
        try:
            mine = _read(path)
        except WorkbookError as error:
            print(error)
            continue
        if not _is_newer(new := _fresh(lesson), mine):
            continue
        if _is_untouched(mine):
            _write(path, new)
        else:
            newer.append(number_of(lesson))
    if made:
        print(f"New in {_shown(WORK)}/, your own copies of the lessons: {', '.join(made)}.")
    if newer:
        print(
            f"There is a newer version of {', '.join(newer)}. To carry your answers over: make update,\n"
            "or in a notebook: from utils import workbook; workbook.update()"
        )


def update(lesson: str | None = None) -> None:
    """Carry the learner's answers over into the newer version of a lesson; the old file is kept.

    On Colab, where the notebook is no file, the lesson is the one that is open, and the new
    version comes as a download.

    Args:
        lesson: its number, such as `"01"`; None for every lesson that has a newer version.

    Raises:
        WorkbookError: there is no such lesson, or its copy is damaged, not saved, or was saved
            by another program meanwhile. The other lessons are updated all the same.
    """
    if "google.colab" in sys.modules:
        return _update_on_colab(lesson)
    faults = []
    for path in lessons() if lesson is None else [lesson_of(lesson)]:
        try:
            print(_update(path))
        except WorkbookError as error:
            faults.append(str(error))
    if faults:
        raise WorkbookError("\n".join(faults))


def reset(what: str) -> None:
    """Give back one exercise, empty, or one lesson, as new; what was there is kept.

    In the lesson itself and on Colab, the empty exercise appears below the cell that is running.

    Args:
        what: an exercise, such as `"1.2"`, or a lesson's number, such as `"01"`.

    Raises:
        WorkbookError: there is no such lesson or exercise, or its copy is damaged.
    """
    number, _, exercise = str(what).partition(".")
    lesson = lesson_of(number)
    path, new = _own(lesson), _fresh(lesson)
    empty = _exercise_cell(new["cells"], what) if exercise else None
    if empty and ("google.colab" in sys.modules or _is_here(path) or _is_here(lesson)):
        sys.modules["IPython"].get_ipython().set_next_input(_source(empty))
        print(f"Exercise {what}, empty again, is in the cell below.")
        return
    if not path.exists():
        _write(path, new)
        print(f"Lesson {number} is new in {_shown(WORK)}/.")
        return
    if empty:
        mine, before = _opened(path)
        new = {**mine, "cells": _with_ids(mine["cells"], _base(mine), new["cells"])}
        changed = [cell for cell in new["cells"] if cell["id"] == empty["id"]]
        if changed:
            changed[0].update(source=empty["source"], outputs=[], execution_count=None)
        else:
            _insert(new["cells"], empty, after=_before(_fresh(lesson)["cells"], empty))
    else:
        before = path.read_bytes()
    kept = _replace(path, new, before)
    print(f"{'Exercise' if exercise else 'Lesson'} {what} is as new. {_after(kept)}")


def notice() -> str:
    """What `lesson.start` should tell about the notebook that it runs in; empty for nothing."""
    try:
        for lesson in lessons() if _here() else []:
            path = WORK / lesson.relative_to(LESSONS)
            if _is_here(lesson):
                return (
                    "This is the course's own copy: working in it gets in the way of the next version. "
                    f"Yours is {_shown(path)}"
                    + (
                        "."
                        if path.exists()
                        else ", after: from utils import workbook; workbook.fill()"
                    )
                )
            if _is_here(path) and _is_newer(_fresh(lesson), _read(path)):
                return (
                    "There is a newer version of this lesson. To carry your answers over: save this page, run\n"
                    f'  from utils import workbook; workbook.update("{number_of(lesson)}")\n'
                    "in a new cell, then choose File > Reload Notebook from Disk."
                )
    except (OSError, WorkbookError):  # a lesson begins all the same
        pass
    return ""


def merge(mine: dict, new: dict) -> tuple[dict, int]:
    """The new version of a lesson with what a learner did in their copy of an older one.

    Args:
        mine: the learner's notebook, as its JSON says. Its metadata hold the fingerprints of the
            cells that it began with; without them every cell that differs counts as theirs.
        new: the new version.

    Returns:
        The merged notebook, without outputs, and in how many places both had changed a cell. There
        the learner's cell stays and a text cell behind it shows the new one.
    """
    base = _base(mine)
    cells = _with_ids(mine["cells"], base, new["cells"])
    own, course = {cell["id"]: cell for cell in cells}, {cell["id"] for cell in new["cells"]}
    merged, conflicts = [], 0
    for cell in new["cells"]:
        was, now, kept = base.get(cell["id"]), fingerprint(cell), own.get(cell["id"])
        if kept is None:
            if was != now:  # new, or changed since the learner deleted it
                merged.append(cell)
        elif fingerprint(kept) in (was, now):
            merged.append(cell)
        else:
            merged.append(_without_outputs(kept))
            if was != now:
                conflicts += 1
                merged.append(_note(cell["id"], "new", f"{CHANGED}\n\n{_quoted(cell)}"))
    before = None  # the id of the cell behind which one that the lesson has not comes
    for cell in cells:
        was = base.get(cell["id"])
        if cell["id"] not in course and was != fingerprint(cell):
            if cell["id"] in {there["id"] for there in merged}:
                continue  # an older note on what the lesson has; the newer one stands
            if was:
                note = _note(cell["id"], "gone", GONE)
                _insert(merged, note, after=before)
                before = note["id"]
                if cell["cell_type"] == "code":
                    kept = {name: cell[name] for name in ("id", "metadata", "source")}
                    cell = {**kept, "cell_type": "raw"}
            _insert(merged, _without_outputs(cell), after=before)
        elif cell["id"] not in course:
            continue  # taken out of the lesson, and never changed by the learner
        before = cell["id"]
    return {**new, "cells": merged}, conflicts


# ---------------------------------------------------------------- lessons and copies


def lesson_of(number: int | str) -> Path:
    """The lesson of a number, which may lack its zeros: 1, "01", "8b".

    Raises:
        WorkbookError: there is no lesson of that number.
    """
    known = {number_of(path).lstrip("0"): path for path in lessons()}
    if str(number).lstrip("0") not in known:
        numbers = ", ".join(map(number_of, known.values()))
        raise WorkbookError(f"There is no lesson {number!r}. Lessons: {numbers}.")
    return known[str(number).lstrip("0")]


def _own(lesson):
    """The path of the learner's copy of a lesson, moved there if the lesson had another name."""
    path = WORK / lesson.relative_to(LESSONS)
    if not path.exists() and (former := _former(lesson)):
        path.parent.mkdir(parents=True, exist_ok=True)
        former.rename(path)
    return path


def _former(lesson):
    """The copy of a lesson under a name that the course has no more; None if there is none.

    A copy that the learner renamed or duplicated is theirs: what it began as is still there.
    """
    present = {other.relative_to(LESSONS).as_posix() for other in lessons()}
    found = []
    for path in [*WORK.glob("*.ipynb"), *WORK.glob("part?/*.ipynb")]:
        if (
            number_of(path) == number_of(lesson)
            and path.relative_to(WORK).as_posix() not in present
        ):
            try:
                began_as = _read(path)["metadata"].get(KEY, {}).get("lesson")
            except WorkbookError:
                continue
            if began_as and began_as not in present:
                found.append(path)
    return min(found, key=lambda path: len(path.name), default=None)  # not a duplicate "...-Copy1"


def _fresh(lesson):
    """A lesson as a learner gets it: no outputs, its links leading where they led, its base noted."""
    notebook = _read(lesson)
    place = WORK / lesson.relative_to(LESSONS)

    def led(link):
        target = Path(os.path.normpath(lesson.parent / link[0]))
        if target.is_relative_to(LESSONS) and target.suffix != ".ipynb":  # no copies of pages
            return Path(os.path.relpath(target, place.parent)).as_posix()
        return link[0]

    cells = [_without_outputs(cell) for cell in notebook["cells"]]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            cell["source"] = LINK.sub(led, _source(cell))
    base = {
        "lesson": lesson.relative_to(LESSONS).as_posix(),
        "cells": _marks(cells),
    }
    metadata = {**notebook["metadata"], KEY: base}
    # Lesson 02b has a kernel of its own.
    if metadata.get("kernelspec", {}).get("name") == "python3":
        metadata.update(OPENED)
    return {**notebook, "cells": cells, "metadata": metadata}


def _marks(cells):
    """The cells' ids and fingerprints, in order: a list, as Jupyter sorts what has keys."""
    return [f"{cell['id']} {fingerprint(cell)}" for cell in cells]


def _base(notebook):
    """The fingerprints of the cells that a copy began with, by cell id; empty if it does not know."""
    return dict(line.split() for line in notebook["metadata"].get(KEY, {}).get("cells", []))


def _is_newer(new, mine):
    return new["metadata"][KEY]["cells"] != mine["metadata"].get(KEY, {}).get("cells")


def _is_untouched(mine):
    """Whether a copy is as it was made: neither changed nor run."""
    began = mine["metadata"].get(KEY, {}).get("cells")
    return began == _marks(mine["cells"]) and not any(c.get("outputs") for c in mine["cells"])


def _update(lesson):
    """Update one copy; return what became of it, in words."""
    number, path, new = number_of(lesson), _own(lesson), _fresh(lesson)
    if not path.exists():
        _write(path, new)
        return f"{number}: new in {_shown(WORK)}/."
    mine, before = _opened(path)
    if not _is_newer(new, mine):
        return f"{number}: up to date."
    _require_saved(path, mine)
    merged, conflicts = merge(mine, new)
    kept = _replace(path, merged, before)
    return f"{number}: brought up to date with your answers. {_conflicts(conflicts)}{_after(kept)}"


def _update_on_colab(number):
    from google.colab import _message, files

    mine = _message.blocking_request("get_ipynb", request="", timeout_sec=60)["ipynb"]
    name = mine["metadata"].get("colab", {}).get("name", "")
    lesson = lesson_of(number or next(iter(re.findall(r"\b\d\d\w?(?=-)", name)), name))
    new = _fresh(lesson)
    mine = _checked(mine, "The notebook that is open")
    if not {cell["id"] for cell in new["cells"]} & {cell["id"] for cell in mine["cells"]}:
        raise WorkbookError(
            f"The notebook that is open is not lesson {number_of(lesson)}: open that one."
        )
    merged, conflicts = merge(mine, new)
    path = _own(lesson)
    _write(path, merged)
    files.download(str(path))
    print(
        f"Lesson {number_of(lesson)}, brought up to date with your answers, comes as a download: open it "
        f"with File > Upload notebook. {_conflicts(conflicts)}This page stays as it is."
    )


def _conflicts(count):
    if not count:
        return ""
    return f"In {count} place{'s' if count > 1 else ''} the lesson changed a cell that you changed too: look for **New in this lesson**. "


def _after(kept):
    return (
        f"The file as it was: {_shown(kept)}. If the lesson is open, choose "
        "File > Reload Notebook from Disk."
    )


def _here():
    """The path of the notebook whose kernel this is, as Jupyter and VS Code tell; or None."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    told = shell and shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    return Path(told).resolve() if told and Path(told).is_file() else None


def _is_here(path):
    here = _here()
    return here is not None and path.exists() and here.samefile(path)


def _require_saved(path, mine):
    """Raise WorkbookError if the cell that is running, in the copy itself, is not in its file yet."""
    if not _is_here(path):
        return
    running = sys.modules["IPython"].get_ipython().history_manager.input_hist_raw[-1]
    if running.strip() not in [_source(cell).strip() for cell in mine["cells"]]:
        raise WorkbookError("Save this page first (Ctrl+S), then run this cell again.")


# ---------------------------------------------------------------- cells


def _source(cell):
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def fingerprint(cell: dict) -> str:
    """Eight bytes, in hexadecimal, of what a learner may change in a cell: its kind and its text."""
    text = f"{cell['cell_type']}\n{_source(cell).strip()}".replace("\r\n", "\n")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_outputs(cell):
    return (
        {**cell, "outputs": [], "execution_count": None}
        if cell["cell_type"] == "code"
        else {**cell}
    )


def _note(cell_id, kind, text):
    return {"cell_type": "markdown", "id": f"{cell_id[:59]}-{kind}", "metadata": {}, "source": text}


def _quoted(cell):
    return f"```python\n{_source(cell)}\n```" if cell["cell_type"] == "code" else _source(cell)


def _insert(cells, cell, after):
    """Put a cell behind the one with the id `after` and the note on that; None: at the beginning."""
    ids = [there["id"] for there in cells]
    place = ids.index(after) + 1 if after in ids else 0
    if place and ids[place : place + 1] == [f"{after[:59]}-new"] and cell["id"] != ids[place]:
        place += 1
    cells.insert(place, cell)


def _before(cells, cell):
    """The id of the cell before one, or None."""
    ids = [None, *(there["id"] for there in cells)]
    return ids[ids.index(cell["id"]) - 1]


def _exercise_cell(cells, exercise):
    """The code cell of an exercise: the one with its check, or the first one below its heading."""
    heading = re.compile(rf"\*\*Exercise {re.escape(exercise)}(?!\d)")
    below = itertools.dropwhile(lambda cell: not heading.search(_source(cell)), cells)
    found = [cell for cell in cells if exercise in CHECK.findall(_source(cell))]
    found = [cell for cell in [*found, *below] if cell["cell_type"] == "code"]
    if not found:
        raise WorkbookError(f'There is no exercise {exercise!r}: exercises are named as in "1.2".')
    return found[0]


def _with_ids(cells, base, new):
    """A learner's cells with the ids that they had in the lesson, as far as that can be told.

    Pasting gives a cell a new id and some editors drop them all: then a cell is known by its
    text, and an exercise by its check. A cell that remains unknown is the learner's own.
    """
    present = {cell["id"] for cell in cells}
    prints = base or {cell["id"]: fingerprint(cell) for cell in new}
    lost = {cell_id: {mark} for cell_id, mark in prints.items() if cell_id not in present}
    for cell in new:
        if cell["id"] in lost:
            lost[cell["id"]].update(CHECK.findall(_source(cell)))
    ids = {*prints, *(cell["id"] for cell in new)}
    found = []
    for cell in cells:
        if cell["id"] not in ids:
            marks = {fingerprint(cell), *CHECK.findall(_source(cell))}
            known = next((cell_id for cell_id in lost if lost[cell_id] & marks), cell["id"])
            lost.pop(known, None)
            cell = {**cell, "id": known}
        found.append(cell)
    return found


# ---------------------------------------------------------------- files


def _read(path):
    return _opened(path)[0]


def _opened(path):
    """A notebook, and the bytes of the file that it was read from."""
    data = path.read_bytes()
    try:
        notebook = json.loads(data)
    except ValueError as error:
        raise WorkbookError(f"{_shown(path)} is damaged ({error}). {_help(path)}") from None
    return _checked(notebook, _shown(path), _help(path)), data


def _help(path):
    if path.is_relative_to(WORK):
        return f'workbook.reset("{number_of(path)}") puts it aside in {_shown(WORK)}/old/ and gives you a fresh one.'
    return f"This brings it back: git restore {_shown(path)}"


def _checked(notebook, name, advice=""):
    """A notebook whose every cell has an id of its own."""
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    well = isinstance(cells, list) and isinstance(notebook.get("metadata"), dict)
    if not well or not all({"cell_type", "source", "metadata"} <= set(cell) for cell in cells):
        raise WorkbookError(f"{name} is no notebook of format 4. {advice}".strip())
    seen = set()
    for cell in cells:
        cell_id = cell.get("id") or cell["metadata"].get("id")  # the latter is Colab's older habit
        cell["id"] = uuid.uuid4().hex[:8] if cell_id is None or cell_id in seen else cell_id
        seen.add(cell["id"])
    return notebook


def _write(path, notebook):
    cells = [
        {**cell, "source": _source(cell).splitlines(keepends=True)} for cell in notebook["cells"]
    ]
    whole = {**notebook, "cells": cells, "nbformat_minor": 5}
    try:
        write_whole(path, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise WorkbookError(f"{_shown(path)} cannot be written: {error.strerror}.") from None


def _replace(path, notebook, before):
    """Write a file that had the bytes `before` anew; return where it is kept as it was."""
    if path.read_bytes() != before:
        raise WorkbookError(f"{_shown(path)} was saved in another window just now: do it again.")
    try:
        kept = keep(path, before)
    except OSError as error:
        raise WorkbookError(f"{_shown(WORK)}/old cannot be written: {error.strerror}.") from None
    _write(path, notebook)
    return kept


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all; OSError if that cannot be done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    unfinished.replace(path)


def keep(path: Path, data: bytes) -> Path:
    """Write what a file held into `work/old/`, under its name and the next number; return where."""
    folder = WORK / "old"
    folder.mkdir(parents=True, exist_ok=True)
    for n in itertools.count(1):
        kept = folder / f"{path.stem}-{n}{path.suffix}"
        try:
            with open(kept, "xb") as file:
                file.write(data)
            return kept
        except FileExistsError:
            continue


def _shown(path):
    return path.relative_to(ROOT).as_posix()


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="workbook", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fill", help="copy the lessons that are not in work/ yet")
    commands.add_parser("update", help="carry the answers over into newer lessons").add_argument(
        "lesson", nargs="?", help="its number; all, if none is given"
    )
    commands.add_parser("reset", help="give back an exercise or a lesson").add_argument(
        "what", help="an exercise, such as 1.2, or a lesson, such as 01"
    )
    options = vars(parser.parse_args(arguments))
    command = {"fill": fill, "update": update, "reset": reset}[options.pop("command")]
    try:
        command(**options)
    except WorkbookError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a learner has done, in one file that is theirs to read and to delete: `work/progress.json`.

Nothing leaves the machine. Something is noted only where a lesson runs as a learner's copy
(`utils.workbook`), so tests and authors' runs note nothing.

    {"01": {"exercises": {"1.1": "right", "1.2": "wrong"}, "tries": {"1.1": 1, "1.2": 3},
            "checkpoints": ["held-out accuracy"], "finished": "2026-11-26"}}
"""

import contextlib
import datetime
import json

from utils import workbook

__all__ = ["checkpoint", "exercise", "finished", "read"]


def read(lesson: str | None) -> dict:
    """What is noted of a lesson: `exercises`, a state by exercise, `tries`, how many answers each got
    until it was right, `checkpoints`, a list of names, and `finished`, a date or None.

    Args:
        lesson: its number, such as `"01"`; None gives an empty record.
    """
    empty = {"exercises": {}, "tries": {}, "checkpoints": [], "finished": None}
    return empty | _everything().get(lesson, {})


def exercise(name: str, state: str) -> None:
    """Note a try at an exercise of this lesson: `"right"`, `"wrong"` or `"blank"`; right stays right."""

    def change(record):
        if record["exercises"].get(name) != "right" and state != "blank":
            record["exercises"][name] = state
            record["tries"][name] = record["tries"].get(name, 0) + 1

    lesson = workbook.current()
    if lesson and name.partition(".")[0].lstrip("0") == lesson.lstrip("0"):
        _note(lesson, change)


def checkpoint(name: str) -> None:
    """Note that a checkpoint of this lesson held."""

    def change(record):
        if name not in record["checkpoints"]:
            record["checkpoints"].append(name)

    _note(workbook.current(), change)


def finished() -> None:
    """Note that this lesson was run to its end, today."""
    today = datetime.date.today().isoformat()
    _note(workbook.current(), lambda record: record.update(finished=today))


def _note(lesson, change):
    if lesson is None:
        return
    record = read(lesson)
    before = json.dumps(record)
    change(record)
    if json.dumps(record) == before:
        return
    text = json.dumps(_everything() | {lesson: record}, indent=1, ensure_ascii=False)
    with contextlib.suppress(OSError):  # a full disk is no reason to stop a lesson
        workbook.write_whole(_file(), text + "\n")


def _everything():
    """The whole file; empty if there is none, or if it is damaged, when it is put aside."""
    try:
        data = _file().read_bytes()
    except OSError:
        return {}
    try:
        everything = json.loads(data)
        if all(isinstance(record, dict) for record in everything.values()):
            return everything
    except (ValueError, AttributeError):
        pass
    with contextlib.suppress(OSError):
        workbook.keep(_file(), data)
        _file().unlink()
    return {}


def _file():
    return workbook.WORK / "progress.json"

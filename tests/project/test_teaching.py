"""TEACHING.md names lessons and exercises that exist, and its table is what the lessons say of themselves."""

import re

import pytest
from course_in_small import ROOT

from tools import handed_in, notebook

PAGE = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
PLAN = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+ \|", line)
]
NUMBER = re.compile(r"\b(\d\d[a-z]?)\b")
EXERCISE = re.compile(r"\b\d+[a-z]?\.\d+\b")


def test_the_table_is_what_the_lessons_say():
    assert notebook.needs() in PAGE, "run: python tools/notebook.py headlines"
    assert all(row.count("|") == 4 for row in notebook.needs().splitlines())
    assert "|  |" not in notebook.needs(), "a lesson's box lacks a row"


@pytest.mark.parametrize("row", PLAN, ids=lambda row: row[0])
def test_the_plan_names_lessons_before_those_that_need_them(row):
    week, lessons, _, needs, homework = row
    before = {n for r in PLAN if int(r[0]) < int(week) for n in NUMBER.findall(r[1])}
    numbers = NUMBER.findall(lessons)
    assert numbers and set(numbers) <= set(handed_in.course())
    assert set(NUMBER.findall(needs)) <= before
    for exercise in EXERCISE.findall(homework):
        assert any(exercise in handed_in.course()[number].unchecked for number in numbers), exercise


def test_the_name_of_every_exercise_is_seen_as_one():
    lessons = handed_in.course().values()
    names = [name for lesson in lessons for name in [*lesson.checked, *lesson.unchecked]]
    assert len(names) > 80
    assert [name for name in names if not EXERCISE.fullmatch(name)] == []


def test_every_lesson_with_exercises_has_its_week():
    planned = {number for row in PLAN for number in NUMBER.findall(row[1])}
    assert {lesson.number for lesson in handed_in.course().values() if lesson.checked} == planned


@pytest.mark.parametrize("column", [h.strip() for h in handed_in.HEADINGS[2:]])
def test_every_column_of_the_table_is_explained(column):
    explained = re.findall(r"^\| ([^|]+?) \|", PAGE.partition("| column |")[2], re.M)
    assert column in {name for names in explained for name in names.split(", ")}

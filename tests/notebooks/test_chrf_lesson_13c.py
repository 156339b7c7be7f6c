"""Lesson 13c's chrF: known scores, and texts that are short, empty or have nothing in common."""

from collections import Counter
from pathlib import Path

import nbformat
import numpy as np
import pytest

LESSON = Path(__file__).resolve().parents[2] / "lessons/part2/13c-real-sentences.ipynb"


@pytest.fixture(scope="module")
def chrf():
    """The lesson's own function, from its own cell."""
    cells = nbformat.read(LESSON, as_version=4).cells
    (cell,) = [cell.source for cell in cells if "def chrf(" in cell.source]
    namespace = {"Counter": Counter, "np": np}
    exec(cell, namespace)
    return namespace["chrf"]


@pytest.mark.parametrize("text", ["les elfes sont là .", "oui", "a"])
def test_the_same_text_has_1(chrf, text):
    assert chrf([text], [text]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("xyz", "oui"), ("bbbbbbb", "aaaaaaaa"), ("", "oui"), ("oui", ""), ("", "")],
)
def test_nothing_in_common_has_0(chrf, ours, theirs):
    assert chrf([ours], [theirs]) == 0


@pytest.mark.parametrize(
    ("ours", "theirs", "score"),
    [
        (["les elfes étaient là ."], ["les elfes sont là ."], 0.5864190),
        (["ou"], ["oui"], 0.6363636),
        (["bonjour !"], ["les elfes sont là ."], 0.0377410),
        (["oui", "les orcs sont ici ."], ["oui", "les elfes sont là ."], 0.2968975),
        (["a"], ["les orcs"], 0.0000000),
    ],
)
def test_it_agrees_with_sacrebleu(chrf, ours, theirs, score):
    """The scores are those of sacrebleu 2's `CHRF().corpus_score`, over 100."""
    assert chrf(ours, theirs) == pytest.approx(score, abs=1e-6)


def test_recall_counts_more(chrf):
    assert chrf(["elfes"], ["les elfes sont"]) < chrf(["les elfes sont"], ["elfes"])


def test_beta_1_is_the_harmonic_mean(chrf):
    # Of one letter each, only runs of 1 count: a precision of 1/2, a recall of 1.
    assert chrf(["ab"], ["a"], beta=1) == pytest.approx(2 * 0.5 * 1 / (0.5 + 1))
    assert chrf(["ab"], ["a"]) == pytest.approx(5 * 0.5 * 1 / (4 * 0.5 + 1))

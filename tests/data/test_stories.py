"""The story simulator, checked by a second world that reads nothing but the sentences."""

import re
from collections import Counter

import pytest

from utils.data import stories as module
from utils.data.stories import make_stories

VERBS = {
    "move": "moved|went back|went|journeyed|travelled",
    "take": "picked up|took|got|grabbed",
    "leave": "put down|dropped|left|discarded",
}
SENTENCE = re.compile(
    rf"(?P<who>[A-Z]\w+) (?:(?P<move>{VERBS['move']}) to the (?P<place>\w+)"
    rf"|(?P<take>{VERBS['take']}) the (?P<taken>\w+)(?: there)?"
    rf"|(?P<leave>{VERBS['leave']}) the (?P<dropped>\w+)(?: there)?)\."
)


def replay(sentences, strict=True):
    """(place of each person, place of each object at each time), read from the text alone.

    With `strict` every rule of the world is checked; without, unknown places stay unknown.
    """
    where, carried_by, objects, been = {}, {}, {}, {}
    history = []
    for sentence in sentences:
        found = SENTENCE.fullmatch(sentence)
        assert found, sentence
        who = found["who"]
        if found["move"]:
            place = found["place"]
            if strict:
                assert where.get(who) != place, f"already there: {sentence}"
                assert found["move"] != "went back" or place in been.get(who, ()), sentence
            where[who] = place
            been.setdefault(who, set()).add(place)
            objects |= {thing: place for thing, carrier in carried_by.items() if carrier == who}
        elif found["take"]:
            thing = found["taken"]
            if strict:
                assert who in where, f"taken by someone nowhere: {sentence}"
                assert thing not in carried_by, f"taken out of a hand: {sentence}"
                assert objects.get(thing, where[who]) == where[who], f"not there: {sentence}"
            carried_by[thing] = who
            if who in where:
                objects[thing] = where[who]
        else:
            thing = found["dropped"]
            if strict:
                assert carried_by.get(thing) == who, f"not carried: {sentence}"
            carried_by.pop(thing, None)
            if who in where:
                objects[thing] = where[who]
        history.append(dict(objects))
    return where, history


def answers(sentences, question, strict=True):
    """All places that answer the question, from the sentences alone."""
    where, history = replay(sentences, strict)
    if found := re.fullmatch(r"Where is ([A-Z]\w+)\?", question):
        return {where[found[1]]} if found[1] in where else set()
    if found := re.fullmatch(r"Where is the (\w+)\?", question):
        last = history[-1] if history else {}
        return {last[found[1]]} if found[1] in last else set()
    thing, place = re.fullmatch(r"Where was the (\w+) before the (\w+)\?", question).groups()
    trail = [state[thing] for state in history if thing in state]
    trail = [stop for i, stop in enumerate(trail) if i == 0 or trail[i - 1] != stop]
    return {a for a, b in zip(trail, trail[1:], strict=False) if b == place}


@pytest.mark.parametrize("facts", [1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_answers_are_right_and_need_exactly_the_supporting_facts(facts, seed):
    made = make_stories(400, facts, length=(facts, 14), seed=seed)
    for story in made:
        assert answers(story.sentences, story.question) == {story.answer}
        assert len(set(story.support)) == len(story.support) == facts
        support = [story.sentences[i] for i in sorted(story.support)]
        assert answers(support, story.question, strict=False) == {story.answer}
        for missing in range(facts):
            rest = support[:missing] + support[missing + 1 :]
            assert story.answer not in answers(rest, story.question, strict=False), story


@pytest.mark.parametrize("facts", [1, 2, 3])
def test_each_fact_says_whom_to_look_for_in_the_next_and_the_last_holds_the_answer(facts):
    in_another_order = 0
    for story in make_stories(300, facts, length=(facts, 14), seed=7):
        found = [SENTENCE.fullmatch(story.sentences[i]) for i in story.support]
        assert found[-1]["place"] == story.answer
        assert len({one["who"] for one in found}) == 1
        if facts > 1:
            assert (found[0]["taken"] or found[0]["dropped"]) in story.question
        if facts == 3:
            assert found[1]["place"] in story.question
        in_another_order += story.support != sorted(story.support)
    assert (in_another_order > 100) == (facts > 1)


@pytest.mark.parametrize("facts", [1, 2, 3])
def test_same_seed_same_stories_and_no_story_twice(facts):
    first = make_stories(300, facts, seed=5)
    assert first == make_stories(300, facts, seed=5)
    texts = {(*story.sentences, story.question) for story in first}
    assert len(texts) == 300
    other = {(*story.sentences, story.question) for story in make_stories(300, facts, seed=6)}
    assert len(texts & other) < 30  # short stories about one person may meet again


@pytest.mark.parametrize("facts", [1, 2, 3])
def test_no_answer_is_much_commoner_than_another(facts):
    counts = Counter(story.answer for story in make_stories(1200, facts, seed=3))
    assert set(counts) == set(module.PLACES[:6])
    assert max(counts.values()) < 0.23 * 1200 and min(counts.values()) > 0.11 * 1200


def test_lengths_are_met_evenly():
    counts = Counter(len(story.sentences) for story in make_stories(900, 3, length=(6, 8)))
    assert set(counts) == {6, 7, 8} and min(counts.values()) > 240
    assert {len(s.sentences) for s in make_stories(20, 2, length=9)} == {9}


def test_names_can_be_chosen():
    made = make_stories(50, 2, people=("Zoe",), places=("moon", "sun"), objects=("key",))
    words = {word for s in made for line in (*s.sentences, s.question) for word in line.split()}
    assert "Zoe" in words and not words & {"Ada", "kitchen."}
    assert {story.answer for story in made} <= {"moon", "sun"}


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"count": 5, "facts": 4}, "facts is 1, 2 or 3"),
        ({"count": 5, "facts": 3, "length": 2}, "at least 3 sentences"),
        ({"count": 5, "length": (9, 4)}, "least, most"),
        ({"count": -1}, "count=-1"),
        ({"count": 5, "facts": 3, "places": ("moon", "sun")}, "too few"),
        ({"count": 500, "length": 1, "people": ("Zoe",)}, "different stories"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_stories(**arguments)


def test_the_checker_itself_finds_faults():
    with pytest.raises(AssertionError, match="not there"):
        replay(
            ["Ada went to the attic.", "Ada took the book.", "Ada left the book."]
            + ["Ada went to the garden.", "Ada took the book."]
        )
    with pytest.raises(AssertionError, match="already there"):
        replay(["Ada went to the attic.", "Ada moved to the attic."])

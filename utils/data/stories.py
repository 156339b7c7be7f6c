"""Short stories with a question, for models that must remember (no data file: they are simulated).

People walk between places, pick objects up and put them down. The questions are those of the first
three bAbI tasks (Weston et al., "Towards AI-Complete Question Answering: A Set of Prerequisite Toy
Tasks", 2015, arXiv:1502.05698), written anew: how many sentences of the story are needed for the
answer is the number of supporting facts.

Grammar, in which a word in capitals stands for any one of a list:

    story       = sentence ... sentence
    sentence    = PERSON MOVED to the PLACE .
                | PERSON TOOK the OBJECT [there] .
                | PERSON LEFT the OBJECT [there] .
    question 1  = Where is PERSON ?                         answer: a PLACE
    question 2  = Where is the OBJECT ?                     answer: a PLACE
    question 3  = Where was the OBJECT before the PLACE ?   answer: a PLACE
    MOVED       = moved | went | journeyed | travelled | went back
    TOOK        = picked up | took | got | grabbed
    LEFT        = put down | dropped | left | discarded

Rules of the world:

1. A person is nowhere known until a first MOVED, and never moves to the place where they are.
2. Only someone whose place is known takes or leaves anything. Nobody takes what another carries,
   or an object that was last put down anywhere else; an object that nobody has touched yet lies
   wherever it is first taken.
3. An object carried goes wherever its carrier goes.
4. `went back` is said only of a place where that person has been before.

What supports an answer, in the order in which one reasons (that of time may be another one):

1. the person's last move;
2. if the object is carried, its last taking, and then its carrier's last move; if it was put down,
   its last putting down, and then the last move before by the one who put it down;
3. the taking by the one who carried the object into the place asked about, then that move, and then
   that person's move to the place before.

So each fact says whom or what to look for next, and the last one holds the answer.
"""

import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

PEOPLE = ("Ada", "Emil", "Grace", "Ivan", "Noor", "Sofia")
PLACES = ("attic", "bakery", "garden", "harbour", "kitchen", "library", "market", "station")
OBJECTS = ("apple", "book", "lantern", "letter", "umbrella")
MOVED = ("moved", "went", "journeyed", "travelled")
TOOK = ("picked up", "took", "got", "grabbed")
LEFT = ("put down", "dropped", "left", "discarded")


class Story(NamedTuple):
    """One story with its question.

    Attributes:
        sentences: the story, one str a sentence, in order of time.
        question: the question, asked after the last sentence.
        answer: one word, in lower case.
        support: indices into `sentences` of the facts that give the answer, in the order of
            reasoning, so that the last one names the answer; `sorted(support)` is that of time.
    """

    sentences: list[str]
    question: str
    answer: str
    support: list[int]


def make_stories(
    count: int,
    facts: int = 1,
    length: int | tuple[int, int] = (4, 12),
    seed: int = 0,
    people: tuple[str, ...] = PEOPLE[:4],
    places: tuple[str, ...] = PLACES[:6],
    objects: tuple[str, ...] = OBJECTS[:3],
) -> list[Story]:
    """Stories with a question, different from one another and the same for the same arguments.

    Args:
        count: how many.
        facts: how many sentences the answer needs: 1 (where is a person), 2 (where is an object)
            or 3 (where was an object before).
        length: number of sentences, or the least and most, from which it is drawn evenly. At least
            1 for one fact, 2 for two, 3 for three.
        seed: any integer 0 or above; a training and a test set are made with two seeds.
        people, places, objects: names to use: at least one person, two places (three for 3 facts)
            and one object.

    Raises:
        ValueError: an argument out of its range, or so few names and sentences that there are
            not `count` different stories.
    """
    least, most = (length, length) if isinstance(length, int) else length
    if facts not in _QUESTIONS:
        raise ValueError(f"facts is 1, 2 or 3, not {facts!r}")
    if count < 0 or not facts <= least <= most:
        raise ValueError(
            f"a story with {facts} supporting facts has at least {facts} sentences, and length is "
            f"a number or (least, most): got count={count}, length={length}"
        )
    if not people or not objects or len(places) < (3 if facts == 3 else 2):
        raise ValueError("there are too few people, places or objects for this question")
    rng = random.Random(seed)
    stories: list[Story] = []
    seen = set()
    misses = 0
    sentences = None
    while len(stories) < count:
        # The length is drawn anew only after a success: no length is rarer for failing more often.
        sentences = sentences or _pick(rng, range(least, most + 1))
        story = _story(rng, facts, sentences, people, places, objects)
        key = story and (*story.sentences, story.question)
        if story is None or key in seen:
            misses += 1
            if misses > 2000 + 100 * count:
                raise ValueError(
                    f"only {len(stories)} of {count} different stories were found: give more "
                    "sentences, people, places or objects"
                )
            if story is not None:  # short stories run out first
                sentences = None
            continue
        seen.add(key)
        stories.append(story)
        sentences = None
    return stories


# ---------------------------------------------------------------- the world


@dataclass
class _World:
    """What has happened, as far as questions need it. Indices are those of sentences."""

    place: dict[str, str] = field(default_factory=dict)  # of each person
    visited: dict[str, set] = field(default_factory=dict)  # places of each person
    moves: dict[str, list] = field(default_factory=dict)  # (index, place) of each person
    carrier: dict[str, str] = field(default_factory=dict)  # of each carried object
    lies: dict[str, str] = field(default_factory=dict)  # place of each object put down
    handled: dict[str, list] = field(default_factory=dict)  # (index, took?, person) of each object
    # (place, taking, move there) of each object, one entry for each place it is known to have been in
    trail: dict[str, list] = field(default_factory=dict)

    def possible(self, people, places, objects) -> list[tuple[str, str, str]]:
        """All events allowed now: ("moved" | "took" | "left", person, place or object)."""
        events = []
        for person in people:
            here = self.place.get(person)
            events += [("moved", person, place) for place in places if place != here]
            if here is None:
                continue
            for thing in objects:
                if self.carrier.get(thing) == person:
                    events.append(("left", person, thing))
                elif thing not in self.carrier and self.lies.get(thing, here) == here:
                    events.append(("took", person, thing))
        return events

    def happen(self, index: int, event: str, person: str, what: str) -> None:
        if event == "moved":
            self._move(index, person, what)
        elif event == "took":
            self.carrier[what] = person
            self.lies.pop(what, None)
            self.handled.setdefault(what, []).append((index, True, person))
            self._follow(what, self.place[person], index, self.moves[person][-1][0])
        else:
            del self.carrier[what]
            self.lies[what] = self.place[person]
            self.handled.setdefault(what, []).append((index, False, person))

    def _move(self, index, person, place):
        self.place[person] = place
        self.visited.setdefault(person, set()).add(place)
        self.moves.setdefault(person, []).append((index, place))
        for thing, carrier in self.carrier.items():
            if carrier == person:
                self._follow(thing, place, self.handled[thing][-1][0], index)

    def _follow(self, thing, place, taken, moved):
        trail = self.trail.setdefault(thing, [])
        if not trail or trail[-1][0] != place:
            trail.append((place, taken, moved))


def _where_is_person(rng, world, people, objects):
    known = [person for person in people if person in world.place]
    if not known:
        return None
    person = _pick(rng, known)
    return f"Where is {person}?", world.place[person], [world.moves[person][-1][0]]


def _where_is_object(rng, world, people, objects):
    known = [thing for thing in objects if thing in world.handled]
    if not known:
        return None
    thing = _pick(rng, known)
    handled, took, person = world.handled[thing][-1]
    # A carried object is where its carrier went last; one put down, where that person then was.
    moves = [(i, place) for i, place in world.moves[person] if took or i < handled]
    return f"Where is the {thing}?", moves[-1][1], [handled, moves[-1][0]]


def _where_was_object(rng, world, people, objects):
    choices = []
    for thing in objects:
        trail = world.trail.get(thing, [])
        for (before, taken, moved_before), (place, *then) in pairwise(trail):
            # Asked only where there is one answer, and three sentences that give it.
            once = [stop for stop, _, _ in trail].count(place) == 1
            if once and then[0] == taken:
                choices.append((thing, before, place, [*then, moved_before]))
    if not choices:
        return None
    thing, before, place, support = _pick(rng, choices)
    return f"Where was the {thing} before the {place}?", before, support


_QUESTIONS = {1: _where_is_person, 2: _where_is_object, 3: _where_was_object}


def _story(rng, facts, length, people, places, objects) -> Story | None:
    """One story of `length` sentences, or None if it happens to allow no such question."""
    world, sentences = _World(), []
    for index in range(length):
        events = world.possible(people, places, objects)
        # Moves are the most numerous: the kind is drawn first, so that things get handled too.
        possible = {event for event, _, _ in events}
        kind = _pick(rng, [kind for kind in _OFTEN if kind in possible])
        event, person, what = _pick(rng, [event for event in events if event[0] == kind])
        back = event == "moved" and what in world.visited.get(person, ())
        sentences.append(_say(rng, event, person, what, back))
        world.happen(index, event, person, what)
    asked = _QUESTIONS[facts](rng, world, people, objects)
    if asked is None:
        return None
    question, answer, support = asked
    return Story(sentences, question, answer, support)


_OFTEN = 5 * ["moved"] + 3 * ["took"] + 2 * ["left"]


def _pick(rng: random.Random, items):
    # Only random() is promised to give the same numbers in every version of Python.
    return items[int(rng.random() * len(items))]


def _say(rng, event, person, what, back) -> str:
    if event == "moved":
        verbs = (*MOVED, "went back") if back else MOVED
        return f"{person} {_pick(rng, verbs)} to the {what}."
    verbs = TOOK if event == "took" else LEFT
    there = " there" if rng.random() < 0.3 else ""
    return f"{person} {_pick(rng, verbs)} the {what}{there}."

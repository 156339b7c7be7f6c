"""Lesson 00's exercises: reference solutions, checks, hints, and wrong answers to refuse."""


def solution_1():
    # 15 evenings of 75 minutes, and 60 minutes an hour
    return 15 * 75 / 60


def check_1(hours):
    assert hours != 75 * 15, "That is right in minutes. The question asks for hours."
    assert hours != 75 / 60, "That is one evening. How many of them are there?"
    assert hours == 18.75, "Multiply the minutes of one evening by the number of evenings first."
    return "Nearly nineteen hours. The course asks for a little over thirty: 25 such evenings."


HINTS_1 = [
    "How many minutes do all the evenings come to?",
    "There are 15 evenings of 75 minutes, and an hour has 60 minutes.",
]


def wrong_1():
    return [75 * 15, 75 / 60, 75 * 14 / 60, "18.75", None]


def solution_2():
    def halve(numbers):
        return [number / 2 for number in numbers]

    return halve


def check_2(halve):
    halves = halve([1, 2, 3])
    assert halves != [0, 1, 1], "// throws the remainder away. Which sign keeps it?"
    assert halves == [0.5, 1.0, 1.5], f"halve([1, 2, 3]) gave {halves!r}, not [0.5, 1.0, 1.5]."
    assert halve([]) == [], "An empty list has no halves: the function should give back []."


HINTS_2 = [
    "What happens to one number? And how is the same done to each number of a list?",
    "A list comprehension: [what to do with number for number in numbers].",
]


def wrong_2():
    def floor(numbers):
        return [number // 2 for number in numbers]

    def doubled(numbers):
        return [number * 2 for number in numbers]

    def first(numbers):
        return numbers[0] / 2

    def printed(numbers):
        [number / 2 for number in numbers]

    return [floor, doubled, first, printed, [0.5, 1.0, 1.5]]


def solution_3():
    def step(w, r):
        return w - r * 2 * w

    return step


def check_3(step):
    w = step(2.0, 0.25)
    assert w != 1.5, "The slope of w squared is not w. What is it?"
    assert w != 3.0, "That step climbs. Against the slope means: which sign?"
    assert w != 1.0 or step(-3.0, 0.5) == 0, "It works from 2. Does it from -3, at rate 0.5?"
    assert w == 1.0, f"step(2.0, 0.25) gave {w}. The slope at 2 is 4; a quarter of that is 1."
    return "Subtract the rate times the slope: that is how all of these networks learn."


HINTS_3 = [
    "What is the slope of the loss w squared at w? The text above the widget says it.",
    "The new weight is the old one minus the rate times the slope, 2 * w.",
]


def wrong_3():
    return [
        lambda w, r: w - r * w,
        lambda w, r: w + r * 2 * w,
        lambda w, r: w - r * 4,
        lambda w, r: r * 2 * w,
        lambda w, r: w - 2 * w,
        1.0,
    ]

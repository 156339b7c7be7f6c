"""How long things take: `milliseconds(action)`, and `race(contest)` for several in turns."""

import time
from collections.abc import Callable
from statistics import median

__all__ = ["milliseconds", "race"]


def milliseconds(action: Callable[[], object], rounds: int = 5) -> float:
    """The median time of an action, in milliseconds, over so many rounds."""
    return median(_once(action) for _ in range(rounds))


def race(contest: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Median milliseconds of each action; they take turns, so that a busy moment hits all alike.

    One round more is run before, with its tracing and compiling, and does not count.

    Args:
        contest: name -> function without arguments.
        rounds: how often each is timed.
    """
    taken = {name: [] for name in contest}
    for _ in range(rounds + 1):
        for name, action in contest.items():
            taken[name].append(_once(action))
    return {name: median(times[1:]) for name, times in taken.items()}


def _once(action):
    started = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - started)

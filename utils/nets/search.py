"""Finding the likeliest sequence that a network can write, token by token."""

from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

__all__ = ["beam_search"]


def beam_search(
    step: Callable[..., np.ndarray],
    start: int | Sequence[int],
    width: int,
    length: int,
    end: int | None = None,
    normalise: float = 0.0,
    many: int | None = None,
) -> list[tuple[tuple[int, ...], float]] | list[list[tuple[tuple[int, ...], float]]]:
    """The likeliest sequences that a model writes token by token, of which the best `width` are kept.

    A width of 1 is greedy: the likeliest token each time. A width of the number of all sequences finds
    the best for certain.

    >>> chances = np.log([[0.1, 0.5, 0.4], [0.4, 0.3, 0.3], [0.05, 0.05, 0.9]])
    >>> for width in (1, 2):
    ...     tokens, log_probability = beam_search(lambda x: chances[x[:, -1]], 0, width, length=2)[0]
    ...     print(tokens, round(np.exp(log_probability), 2))
    (1, 0) 0.2
    (2, 2) 0.36

    With `many`, so many searches run side by side, and the model is asked about all of them at once:
    `step` is also told which search each sequence belongs to, so that it can look up what that one is for.

    Source: I. Sutskever et al., "Sequence to sequence learning with neural networks", 2014.

    Args:
        step: takes int64 `(m, t)`, m sequences of t tokens, those of `start` included, up to `width` of
            each search; with `many` also int64 `(m,)`, the number of each one's search, from 0 on. It
            returns `(m, vocabulary)`, the log-probabilities of the token that comes next, an array or a
            tensor. -inf forbids a token.
        start: the token, or the tokens, that every sequence begins with.
        width: how many sequences a search keeps, 1 or more; those that have ended count.
        length: how many tokens are written at most, 1 or more.
        end: the token that ends a sequence; None: all have the full length.
        normalise: sequences compete by log-probability / tokens ** normalise. 0, by probability, favours
            short ones; 1 is the mean log-probability of a token, `end` included.
        many: how many searches, 0 or more; None: one.

    Returns:
        At most `width` pairs, best first: the tokens after `start`, with `end` where it was written and
        without it where `length` cut the sequence off, and their log-probability, not normalised. With
        `many`, a list of such lists, one for each search.

    Raises:
        ValueError: a width or length below 1, fewer searches than none, no start, or a step whose answer
            has another shape, is no log-probabilities, or forbids every token of a search.
    """
    start = np.atleast_1d(start)
    if start.ndim != 1 or start.dtype.kind not in "iu":
        raise ValueError(f"start is a token, or a list of at least one, not {start.tolist()!r}.")
    least = {"width": (width, 1), "length": (length, 1), "many": (1 if many is None else many, 0)}
    for name, (value, low) in least.items():
        if not isinstance(value, int | np.integer) or value < low:
            raise ValueError(f"{name} is a whole number of {low} or more, not {value!r}.")
    searches = [_Search(start, width, end, normalise) for _ in range(least["many"][0])]
    for _ in range(length):
        going = [number for number, search in enumerate(searches) if len(search.tokens)]
        if not going:
            break
        sizes = [len(searches[number].tokens) for number in going]
        tokens = np.concatenate([searches[number].tokens for number in going])
        answer = step(tokens) if many is None else step(tokens, np.repeat(going, sizes))
        answer = np.split(_log_probabilities(answer, len(tokens), end), np.cumsum(sizes)[:-1])
        for number, each in zip(going, answer, strict=True):
            searches[number].grow(each)
    found = [search.found() for search in searches]
    for number, each in enumerate(found):
        if not each:
            where = "" if many is None else f" of search {number}"
            raise ValueError(
                f"step forbids every token{where}: all its log-probabilities are -inf."
            )
    return found[0] if many is None else found


class _Search:
    """The sequences that one search keeps: `tokens` (m, t) go on, with `totals` (m,); `ended` are pairs."""

    def __init__(self, start, width, end, normalise):
        self.tokens, self.totals, self.ended = start[None].astype("int64"), np.zeros(1), []
        self.begin, self.width, self.end, self.normalise = len(start), width, end, normalise

    def grow(self, log_probabilities):
        """Lets each sequence grow by every token, and keeps the best."""
        longer = self.totals[:, None] + log_probabilities
        written = self.tokens.shape[1] - self.begin + 1
        # Those that have ended compete with all ways to go on; of equals the earlier wins.
        scores = np.array([self.score(pair) for pair in self.ended])
        scores = np.concatenate([scores, longer.ravel() / written**self.normalise])
        best = np.argsort(-scores, kind="stable")[: self.width]
        best = best[scores[best] > -np.inf]
        going_on = best[best >= len(self.ended)] - len(self.ended)
        self.ended = [self.ended[place] for place in best if place < len(self.ended)]
        rows, chosen = np.unravel_index(going_on, longer.shape)
        self.tokens = np.column_stack([self.tokens[rows], chosen])
        self.totals = longer[rows, chosen]
        last = chosen == self.end
        self.ended += self.pairs(last)
        self.tokens, self.totals = self.tokens[~last], self.totals[~last]

    def found(self):
        """What is kept, best first."""
        everything = self.ended + self.pairs(slice(None))
        return sorted(everything, key=self.score, reverse=True)

    def pairs(self, rows):
        texts = [tuple(text) for text in self.tokens[rows, self.begin :].tolist()]
        return list(zip(texts, self.totals[rows].tolist(), strict=True))

    def score(self, pair):
        return pair[1] / len(pair[0]) ** self.normalise


def _log_probabilities(answer, rows, end):
    answer = np.asarray(ops.convert_to_numpy(answer), "float64")
    if answer.ndim != 2 or len(answer) != rows or not answer.size:
        raise ValueError(
            f"step was asked about {rows} sequences and must return ({rows}, vocabulary), the "
            f"log-probabilities of the next token of each, not {answer.shape}."
        )
    if end is not None and not 0 <= end < answer.shape[1]:
        raise ValueError(
            f"step knows {answer.shape[1]} tokens, from 0 on: {end} cannot be the end."
        )
    sums = np.exp(np.minimum(answer, 9)).sum(axis=1)
    if not (sums < 1.01).all():
        raise ValueError(
            "step must return log-probabilities, whose powers of e add up to 1, not to "
            f"{sums[~(sums < 1.01)][0]:.3g}: of scores take log_softmax, of probabilities the logarithm."
        )
    return answer

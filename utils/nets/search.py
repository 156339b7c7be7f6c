"""Finding the likeliest sequence that a network can write, token by token."""

from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

__all__ = ["beam_search"]


def beam_search(
    step: Callable[[np.ndarray], np.ndarray],
    start: int | Sequence[int],
    width: int,
    length: int,
    end: int | None = None,
    normalise: float = 0.0,
) -> list[tuple[tuple[int, ...], float]]:
    """The likeliest sequences that a model writes token by token, of which the best `width` are kept.

    A width of 1 is greedy: the likeliest token each time. A width of the number of all sequences finds
    the best for certain.

    >>> chances = np.log([[0.1, 0.5, 0.4], [0.4, 0.3, 0.3], [0.05, 0.05, 0.9]])
    >>> for width in (1, 2):
    ...     tokens, log_probability = beam_search(lambda x: chances[x[:, -1]], 0, width, length=2)[0]
    ...     print(tokens, round(np.exp(log_probability), 2))
    (1, 0) 0.2
    (2, 2) 0.36

    Source: I. Sutskever et al., "Sequence to sequence learning with neural networks", 2014.

    Args:
        step: takes int64 `(m, t)`, up to `width` sequences of t tokens, those of `start` included;
            returns `(m, vocabulary)`, the log-probabilities of the token that comes next, an array or a
            tensor. -inf forbids a token.
        start: the token, or the tokens, that every sequence begins with.
        width: how many sequences are kept, 1 or more; those that have ended count.
        length: how many tokens are written at most, 1 or more.
        end: the token that ends a sequence; None: all have the full length.
        normalise: sequences compete by log-probability / tokens ** normalise. 0, by probability, favours
            short ones; 1 is the mean log-probability of a token, `end` included.

    Returns:
        At most `width` pairs, best first: the tokens after `start`, with `end` where it was written and
        without it where `length` cut the sequence off, and their log-probability, not normalised.

    Raises:
        ValueError: a width or length below 1, no start, or a step whose answer has another shape, is no
            log-probabilities, or forbids every token.
    """
    start = np.atleast_1d(start)
    if start.ndim != 1 or start.dtype.kind not in "iu":
        raise ValueError(f"start is a token, or a list of at least one, not {start.tolist()!r}.")
    for name, value in (("width", width), ("length", length)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is a whole number of 1 or more, not {value!r}.")
    tokens, totals, ended = start[None].astype("int64"), np.zeros(1), []
    for written in range(1, length + 1):
        longer = totals[:, None] + _log_probabilities(step(tokens), len(tokens), end)
        # Those that have ended compete with all ways to go on; of equals the earlier wins.
        scores = np.array([total / len(text) ** normalise for text, total in ended])
        scores = np.concatenate([scores, longer.ravel() / written**normalise])
        best = np.argsort(-scores, kind="stable")[:width]
        best = best[scores[best] > -np.inf]
        going_on = best[best >= len(ended)] - len(ended)
        ended = [ended[place] for place in best if place < len(ended)]
        rows, chosen = np.unravel_index(going_on, longer.shape)
        tokens, totals = np.column_stack([tokens[rows], chosen]), longer[rows, chosen]
        last = chosen == end
        ended += _pairs(tokens[last], totals[last], len(start))
        tokens, totals = tokens[~last], totals[~last]
        if not len(tokens):
            break
    found = ended + _pairs(tokens, totals, len(start))
    if not found:
        raise ValueError("step forbids every token: all its log-probabilities are -inf.")
    return sorted(found, key=lambda pair: -pair[1] / len(pair[0]) ** normalise)


def _pairs(tokens, totals, begin):
    texts = [tuple(text) for text in tokens[:, begin:].tolist()]
    return list(zip(texts, totals.tolist(), strict=True))


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

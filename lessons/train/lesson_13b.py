"""Train what lesson 13b loads: two transformers that spell words by their sounds together, for the long run.

    python lessons/train/lesson_13b.py

The code is the lesson's own, from its cells that are tagged `train`, and through them lesson 13's. Killed, it goes on where it was when it
is called again: its checkpoints are in build/train. It writes data/weights/lesson_13b.weights.h5, and in
data/weights/lesson_13b.json what each reading of the training words brought, and the scores of all three parts that were held out.
It takes about two and a half hours of processor time on cores that multiply in bfloat16 (AVX-512), longer on others.
"""

import os
import shutil
from functools import partial
from pathlib import Path

# With numbers of 16 bits oneDNN takes two thirds of XLA's time; it adds in another order than the lesson does.
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2", TF_ENABLE_ONEDNN_OPTS="1")

import common
import writing

CHECKPOINTS = common.ROOT / "build" / "train" / "lesson_13b"
PLAN = writing.Plan(cycles=((24, 12),), batch=256, rate=1.5e-3, warm=300, dropout=0.1)
# The wider one learns by heart sooner, and is held back more.
WIDER = writing.Plan(
    cycles=((40, 14), (10, 14)),
    batch=256,
    rate=1.3e-3,
    warm=300,
    dropout=0.15,
    smoothing=0.1,
    seed=2,
)


def build(folder: Path) -> None:
    from utils.code import run_cells

    lesson = run_cells(
        common.ROOT / "lessons" / "part2" / "13b-a-network-that-writes.ipynb", "train"
    )
    valid = [each[:2000] for each in rows(lesson, "validation")]
    weights, readings = [], []
    for n, (size, plan) in enumerate(zip(lesson["LONG"], (PLAN, WIDER), strict=True)):
        average, found = writing.train(
            partial(lesson["transformer"], **lesson["BEE"], **size),
            *rows(lesson, "train"),
            lambda net: score(net, *valid)[0],
            CHECKPOINTS / str(n),
            plan,
        )
        weights += average.get_weights()
        readings.append(found)
    both = lesson["committee"]()
    both.set_weights(weights)
    made = {"readings": readings}
    for part in ("validation", "test", "relatives"):  # nothing is chosen by the last two
        made[part], right = score(both, *rows(lesson, part))
        lengths = getattr(lesson["words"], part).word.str.len()
        found = {int(n): round(float(right[lengths == n].mean()), 3) for n in sorted(set(lengths))}
        made[part]["words by length"] = found
        if part != "validation":
            made[part]["search"] = searched(lesson, both, part)
    print(made, flush=True)
    common.save_half(both, lesson["committee"], folder / "lesson_13b.weights.h5")
    common.save_json(made, folder / "lesson_13b.json")
    shutil.rmtree(CHECKPOINTS)


def rows(lesson, part):
    """The sounds and the letters of one part's words, as numbers: two int32 arrays, a row for each word."""
    return [each.astype("int32") for each in lesson["spelling"](getattr(lesson["words"], part))]


def score(net, sounds, letters):
    """Share of words and of letters right and loss a letter, in a dict, and which words are right (n,).

    A word that the net writes by itself is right if, and only if, each next letter is when it reads the right ones.
    """
    losses, hits = writing.token_losses(net, sounds, letters)
    real, right = letters[:, 1:] != 0, hits.all(1)
    figures = {"words": right.mean(), "letters": hits[real].mean(), "loss": losses[real].mean()}
    return {what: round(float(value), 4) for what, value in figures.items()}, right


def searched(lesson, net, part):
    """Shares of one part's words that beam search finds: at the head of five, among three or five, with a list."""
    import numpy as np

    from utils.data import load_glove

    letters, listed, hits = lesson["letters"], set(load_glove().words), []
    ends = letters(["[", "]"])[:, 0]
    lists = writing.search(net, rows(lesson, part)[0], ends, width=5, length=16)
    for word, texts in zip(getattr(lesson["words"], part).word, lists, strict=True):
        found = [letters.decode(tokens).strip("]") for tokens, _ in texts]
        known = next((each for each in found if each in listed), found[0])
        hits.append([word == found[0], word in found[:3], word in found, word == known])
    names = ("words", "among three", "among five", "with a list")
    return {name: round(float(x), 4) for name, x in zip(names, np.mean(hits, axis=0), strict=True)}


if __name__ == "__main__":
    common.main(build)

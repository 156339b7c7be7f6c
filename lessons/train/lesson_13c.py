"""Train what lesson 13c loads: a transformer that translates sentences from English into French.

    python lessons/train/lesson_13c.py

The code is the lesson's own, from its cells that are tagged `train`, and through them lesson 13's. Killed, it
goes on where it was when it is called again: its checkpoints are in build/train. It writes
data/weights/lesson_13c.weights.h5, and in data/weights/lesson_13c.json what each reading of the
sentences brought, and the scores on the test split. It learns from one source alone, whose licence the weights
have. It takes about twenty minutes of processor time on cores that multiply in bfloat16 (AVX-512), longer on others.
"""

import os
import shutil
from functools import partial
from pathlib import Path

# With numbers of 16 bits oneDNN takes two thirds of XLA's time; it adds in another order than the lesson does.
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2", TF_ENABLE_ONEDNN_OPTS="1")

import common
import writing

CHECKPOINTS = common.ROOT / "build" / "train" / "lesson_13c"
PLAN = writing.Plan(
    cycles=((60, 30),), batch=64, rate=3e-3, warm=300, dropout=0.2, smoothing=0.1, beta=0.98
)


def build(folder: Path) -> None:
    from utils.code import run_cells

    notebook = common.ROOT / "lessons" / "part2" / "13c-real-sentences.ipynb"
    lesson = run_cells(notebook, "train")
    make = partial(lesson["transformer"], **lesson["SIZES"])
    source, target = (rows(lesson, "train", name) for name in ("english", "french"))
    valid = [rows(lesson, "validation", name) for name in ("english", "french")]
    validate = lambda net: score(net, *valid)
    average, readings = writing.train(make, source, target, validate, CHECKPOINTS, PLAN)
    made = {"readings": readings, "test": scores(lesson, average)}
    print(made, flush=True)
    common.save_half(average, make, folder / "lesson_13c.weights.h5")
    common.save_json(made, folder / "lesson_13c.json")
    shutil.rmtree(CHECKPOINTS)


def rows(lesson, part, language):
    """The pieces of one part's sentences as numbers, int32 (n, pieces)."""
    texts = getattr(lesson["sentences"], part)[language]
    return lesson["numbers"](texts, language).astype("int32")


def score(net, source, target):
    """Loss a piece, and the share of pieces that are the likeliest, in a dict."""
    losses, hits = writing.token_losses(net, source, target)
    real = target[:, 1:] != 0
    return {"loss": losses[real].mean(), "pieces": hits[real].mean()}


def scores(lesson, net):
    """Scores of the test split: of the network, of two baselines and a control; losses with right and wrong English."""
    import numpy as np

    pairs, chrf = lesson["sentences"].test, lesson["chrf"]
    told = lesson["french_of"](pairs)
    written = {
        name: translated(lesson, net, pairs.english, width) for name, width in WIDTHS.items()
    }
    texts = {
        "another sentence": np.roll(told, 1),
        "translation memory": lesson["looked_up"](pairs.english),
        **written,
        "network, given another sentence": np.roll(written["network"], 1),
    }
    made = {"sentences": len(pairs), "texts": {}, "loss": {}, "by length": {}}
    for name, each in texts.items():
        exact = np.mean([ours == theirs for ours, theirs in zip(each, told, strict=True)])
        made["texts"][name] = {"exact": rounded(exact), "chrF": rounded(chrf(each, told))}
    target = rows(lesson, "test", "french")
    sources = {"as it is": [pairs.english], "another sentence": [np.roll(pairs.english, 1)]}
    sources["words shuffled"] = [lesson["shuffled"](pairs.english, seed) for seed in range(5)]
    for name, texts_read in sources.items():
        read = [lesson["numbers"](each, "english").astype("int32") for each in texts_read]
        costs = [score(net, source, target)["loss"] for source in read]
        made["loss"][name] = rounded(np.mean(costs))
    length = pairs.english.str.split().str.len().to_numpy()
    for low, high in ((3, 5), (6, 8), (9, 12), (13, 20)):
        chosen = np.flatnonzero((length >= low) & (length <= high))
        some = {
            name: [texts[name][k] for k in chosen] for name in ("translation memory", "network")
        }
        right = [told[k] for k in chosen]
        found = {name: rounded(chrf(each, right)) for name, each in some.items()}
        made["by length"][f"{low} to {high}"] = {"sentences": len(chosen), **found}
    return made


WIDTHS = {"network": 1, "network, beam of 4": 4}


def rounded(number):
    return round(float(number), 4)


def translated(lesson, net, texts, width):
    """French texts by beam search; a width of 1 takes the likeliest piece each time."""
    source, vocabulary = lesson["numbers"](texts, "english"), lesson["pieces"]["french"]
    ends = vocabulary(["[", "]"])[:, 0]
    found = writing.search(net, source.astype("int32"), ends, width, 60, normalise=1.0)
    return [lesson["french_text"](kept[0][0]) for kept in found]


if __name__ == "__main__":
    common.main(build)

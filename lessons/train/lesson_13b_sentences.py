"""Train what lesson 13b loads: a transformer that translates sentences from English into French.

    python lessons/train/lesson_13b_sentences.py

The code is the lesson's own, from its cells that are tagged `sentences`, and through them lesson 13's. Killed, it
goes on where it was when it is called again: its checkpoints are in build/train. It writes
data/weights/lesson_13b_sentences.weights.h5, and in data/weights/lesson_13b_sentences.json what each reading of the
sentences brought, and the scores on the test split. It learns from one source alone, whose licence the weights
have. It takes about ten minutes of processor time on cores that multiply in bfloat16 (AVX-512), longer on others.
"""

import json
import os
import shutil
from functools import partial
from pathlib import Path

# With numbers of 16 bits oneDNN takes two thirds of XLA's time; it adds in another order than the lesson does.
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2", TF_ENABLE_ONEDNN_OPTS="1")

import common
import writing

CHECKPOINTS = common.ROOT / "build" / "train" / "lesson_13b_sentences"
PLAN = writing.Plan(
    level=18, falling=10, batch=64, rate=3e-3, warm=300, dropout=0.2, smoothing=0.1, beta=0.98
)


def build(folder: Path) -> None:
    from utils.code import run_cells

    notebook = common.ROOT / "lessons" / "part2" / "13b-a-network-that-writes.ipynb"
    lesson = run_cells(notebook, "sentences")
    make = partial(lesson["transformer"], **lesson["SENTENCES"])
    source, target = (rows(lesson, "train", name) for name in ("english", "french"))
    valid = [rows(lesson, "validation", name) for name in ("english", "french")]

    def validate(net):
        costs, hits = writing.token_losses(net, *valid)
        pieces = (valid[1][:, 1:] > 0).sum()
        return {"loss": costs.sum() / pieces, "pieces": 1 - (~hits).sum() / pieces}

    average, readings = writing.train(make, source, target, validate, CHECKPOINTS, PLAN)
    made = {"readings": readings, "test": scores(lesson, average)}  # the test for the first time
    print(made, flush=True)
    common.save_half(average, make, folder / "lesson_13b_sentences.weights.h5")
    text = json.dumps(made, separators=(",", ":"))
    (folder / "lesson_13b_sentences.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    shutil.rmtree(CHECKPOINTS)


def rows(lesson, part, language):
    """The pieces of one part's sentences as numbers, int32 (n, pieces)."""
    texts = getattr(lesson["sentences"], part)[language]
    return lesson["numbers"](texts, language).astype("int32")


def loss(net, source, target):
    """Loss a piece."""
    costs, _ = writing.token_losses(net, source, target)
    return float(costs.sum() / (target[:, 1:] > 0).sum())


def scores(lesson, net):
    """What the test split's sentences come to, and what they come to without reading them."""
    import numpy as np

    pairs, chrf = lesson["sentences"].test, lesson["chrf"]
    told = [text.strip() for text in lesson["simple"](pairs.french, "french")]
    written = {
        name: translated(lesson, net, pairs.english, width) for name, width in WIDTHS.items()
    }
    texts = {
        "another sentence": np.roll(told, 1),
        "memory": lesson["memory"](pairs.english),
        **written,
        "network, given another sentence": np.roll(written["network"], 1),
    }
    made = {"sentences": len(pairs), "texts": {}, "loss": {}, "by length": {}}
    for name, each in texts.items():
        exact = np.mean([ours == theirs for ours, theirs in zip(each, told, strict=True)])
        made["texts"][name] = {"exact": rounded(exact), "chrF": rounded(chrf(each, told))}
    target = rows(lesson, "test", "french")
    for name, english in lesson["other_sources"](pairs.english).items():
        source = lesson["numbers"](english, "english").astype("int32")
        made["loss"][name] = rounded(loss(net, source, target))
    length = pairs.english.str.split().str.len().to_numpy()
    for low, high in ((3, 5), (6, 8), (9, 12), (13, 20)):
        chosen = np.flatnonzero((length >= low) & (length <= high))
        some = {name: [texts[name][k] for k in chosen] for name in ("memory", "network")}
        right = [told[k] for k in chosen]
        found = {name: rounded(chrf(each, right)) for name, each in some.items()}
        made["by length"][f"{low} to {high}"] = {"sentences": len(chosen), **found}
    return made


WIDTHS = {"network": 1, "network, beam of 4": 4}


def rounded(number):
    return round(float(number), 4)


def translated(lesson, net, texts, width, many=50):
    """French texts by beam search; a width of 1 takes the likeliest piece each time."""
    import numpy as np
    import tensorflow as tf

    from utils.nets import beam_search

    any_length = tf.TensorSpec((None, None), tf.int32)

    @tf.function(input_signature=[any_length, any_length])
    def following(read, written):
        return tf.nn.log_softmax(net([read, written])[:, -1])

    source, vocabulary = lesson["numbers"](texts, "english"), lesson["pieces"]["french"]
    start, end = vocabulary(["[", "]"])[:, 0]
    length = (source > 0).sum(1)
    order, found = np.argsort(length, kind="stable"), [""] * len(source)
    for begin in range(0, len(order), many):
        chosen = order[begin : begin + many]
        read = source[chosen, : length[chosen].max()].astype("int32")

        def step(written, which, read=read):
            return following(read[which], written.astype("int32"))

        lists = beam_search(step, start, width, 60, end, normalise=1.0, many=len(chosen))
        for place, kept in zip(chosen, lists, strict=True):
            found[place] = lesson["spelled"](kept[0][0])
    return found


if __name__ == "__main__":
    common.main(build)

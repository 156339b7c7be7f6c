"""Train what lesson 11 loads: the judge of its score, and two generators, one of them told the class.

    python lessons/train/lesson_11.py

The code is the lesson's own, from its cells that are tagged `train`. Killed, it goes on where it was when it
is called again: its checkpoints are in build/train. It writes data/weights/lesson_11_judge.weights.h5,
lesson_11_any.weights.h5 and lesson_11_told.weights.h5, and in data/weights/lesson_11.json, for every epoch of the
pictures, both losses and the scores of 2,000 samples.
"""

import os
import shutil
from functools import partial
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2", TF_ENABLE_ONEDNN_OPTS="0")

import common

READINGS = {"any": 64, "told": 24}  # of 20,000 pictures, 312 steps each
CHECKPOINTS = common.ROOT / "build" / "train" / "lesson_11"


def build(folder: Path) -> None:
    from utils.code import run_cells

    notebook = common.ROOT / "lessons" / "part2" / "11-generative-adversarial-networks.ipynb"
    lesson = run_cells(notebook, "train")
    train_judge(lesson)
    common.save_half(lesson["judge"], lesson["new_judge"], folder / "lesson_11_judge.weights.h5")
    made = {}
    for name in READINGS:
        average, made[name] = run(lesson, name)
        new = partial(lesson["new_generator"], average.input_shape[1])
        common.save_half(average, new, folder / f"lesson_11_{name}.weights.h5")
    common.save_json(made, folder / "lesson_11.json")
    shutil.rmtree(CHECKPOINTS)


def train_judge(lesson):
    """Teach the lesson's judge, from seed 0."""
    import keras

    keras.utils.set_random_seed(0)
    judge, path = lesson["judge"], CHECKPOINTS / "judge.weights.h5"
    judge.set_weights(lesson["new_judge"]().get_weights())
    if not path.exists():
        judge.compile("adam", "sparse_categorical_crossentropy")
        judge.fit(lesson["real"], lesson["labels"], batch_size=64, epochs=5, verbose=0)
        path.parent.mkdir(parents=True, exist_ok=True)
        judge.save_weights(path)
    judge.load_weights(path)


def run(lesson, name):
    """Play the lesson's game at length; returns the averaged generator, and the history."""
    import keras

    keras.utils.set_random_seed(1)
    if name == "told":
        game, more, orders = lesson["Told"], lesson["CLASSES"], lesson["orders"]
    else:
        game, more, orders = lesson["Steady"], 0, None
    players = lesson["new_generator"](lesson["NOISE"] + more), lesson["new_critic"](more or 1)
    steps = READINGS[name] * (len(lesson["real"]) // lesson["BATCH"])
    duel = game(*players, rate=keras.optimizers.schedules.CosineDecay(1e-3, steps))

    def look(epoch, metrics):
        found = {what: round(value, 4) for what, value in metrics.items()}
        print(name, epoch, found, flush=True)

    history = lesson["play"](
        duel.step,
        duel.average,
        READINGS[name],
        classes=orders,
        on_epoch=look,
        checkpoint=CHECKPOINTS / name,
        state={
            "generator": duel.generator,
            "critic": duel.critic,
            "average": duel.average,
            "generator's optimizer": duel.adams["generator"],
            "critic's optimizer": duel.adams["critic"],
            "random": duel.random,
        },
        save_every=100,
    )
    return duel.average, {what: [round(v, 4) for v in each] for what, each in history.items()}


if __name__ == "__main__":
    common.main(build)

"""Train what lesson 06 loads: the network that reads Moby-Dick for the long run.

    python lessons/train/lesson_06.py

The code is the lesson's own, from its cells that are tagged `train`. It writes
data/weights/lesson_06.weights.h5, and the loss of each reading in data/weights/lesson_06.json.
"""

import os
from pathlib import Path

# Products as small as these are as fast with one thread, and then add in the same order each time.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import common

UNITS, DROPOUT, RATE, EPOCHS = 320, 0.2, 0.004, 16


def build(folder: Path) -> None:
    from utils.code import run_cells

    lesson = run_cells(common.ROOT / "lessons" / "part1" / "06-recurrent.ipynb", "train")
    import keras

    keras.utils.set_random_seed(0)
    net = lesson["network"](keras.layers.GRU, UNITS, dropout=DROPOUT)
    history = {"learning": [], "held out": []}
    for loss in lesson["read"](net, lesson["train"], RATE, EPOCHS):
        history["learning"].append(round(loss, 4))
        history["held out"].append(round(float(lesson["nats"](net, lesson["decide"]).mean()), 4))
        print({name: losses[-1] for name, losses in history.items()}, flush=True)
    common.save_json(history, folder / "lesson_06.json")
    path = folder / "lesson_06.weights.h5"
    common.save_half(net, lambda: lesson["network"](keras.layers.GRU, UNITS), path)


if __name__ == "__main__":
    common.main(build)

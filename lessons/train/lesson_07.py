"""Train what lesson 07 begins with, and its deep networks with more seeds than it has time for.

    python lessons/train/lesson_07.py

The code is the lesson's own, from its cells that are tagged `train`. It writes the weights of the
network that finds things to data/weights/lesson_07.weights.h5. The loss of every batch of the deep
networks, and what is left of them when a block is taken out, go to data/weights/lesson_07.json.
"""

import os
from pathlib import Path

# Products as small as these are as fast with one thread, and then add in the same order each time.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import common

DEPTHS, SEEDS = (3, 9, 15), range(5)
NO_NORM = [(False, False, False), (True, False, False), (True, False, True)]
# Blocks; with a road, with batch normalization, with blocks that begin silent, or without.
KINDS = [(blocks, road, True, False) for blocks in DEPTHS for road in (False, True)]
KINDS += [(DEPTHS[-1], *rest) for rest in NO_NORM]


def build(folder: Path) -> None:
    from utils.code import run_cells

    lesson = run_cells(common.ROOT / "lessons" / "part1" / "07-where-and-how-deep.ipynb", "train")
    save_finder(lesson, folder / "lesson_07.weights.h5")
    runs = []
    for seed in SEEDS:
        for kind in KINDS:
            blocks, road, norm, silent = kind
            convolve = lesson["normed" if norm else "unnormed"]
            last = lesson["silent"] if silent else None
            net = lesson["network"](blocks, road, convolve, last, seed)
            losses = [round(loss, 3) for loss in lesson["learn"](net, seed)]
            run = {"kind": kind, "seed": seed, "losses": losses}
            run["test accuracy"] = round(float(lesson["accuracy"](net)), 4)
            if norm and blocks == DEPTHS[-1]:
                left = lesson["without_each_block"](net, road)
                run["without a block"] = [round(float(accuracy), 4) for accuracy in left]
            runs.append(run)
            print(run | {"losses": losses[-1]}, flush=True)
    common.save_json(runs, folder / "lesson_07.json")


def save_finder(lesson, path):
    """Save `cells` for SqueezeNet's maps as they are: the standardising goes into its weights."""
    kernel, bias = lesson["cells"].get_weights()
    kernel = kernel / lesson["scale"][:, None]
    lesson["cells"].set_weights([kernel, bias - lesson["offset"] @ kernel[0, 0]])
    lesson["cells"].save_weights(path)


if __name__ == "__main__":
    common.main(build)

"""Train what lesson 14 loads: three networks that paint, and what networks of its kind reach with several seeds.

    python lessons/train/lesson_14.py

The code is the lesson's own, from its cells that are tagged `train`. It writes data/weights/lesson_14.weights.h5,
and scores on the test scenes in data/weights/lesson_14.json. Killed, it goes on where it was when it is called
again: what is done is kept in build/train.
"""

import json
import os
import shutil
import time
from pathlib import Path

# oneDNN takes less time; it adds in another order than the lesson does.
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2", TF_ENABLE_ONEDNN_OPTS="1")

import common

CHECKPOINTS = common.ROOT / "build" / "train" / "lesson_14"
SEEDS = range(3)


def build(folder: Path) -> None:
    from utils.code import run_cells

    lesson = run_cells(common.ROOT / "lessons" / "part2" / "14-segmentation.ipynb", "train")
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    made = compare(lesson)
    train_more(lesson, folder / "lesson_14.weights.h5")
    common.save_json(made, folder / "lesson_14.json")
    shutil.rmtree(CHECKPOINTS)


def seen(lesson, split, n, seed):
    """Scenes, and what SqueezeNet sees in them: computed once."""
    scenes = lesson["compose"](split, n, seed=seed)
    path = CHECKPOINTS / f"{split}.npz"
    look = {"prepare": lesson["preprocess"], "path": path}
    return scenes, lesson["cached"](lesson["eyes"], scenes.images, **look)


def compare(lesson):
    """Scores of several kinds of networks on the test scenes, one dict a seed."""
    train, seen_train = seen(lesson, "train", 640, seed=0)
    test, seen_test = seen(lesson, "test", 256, seed=2)
    path = CHECKPOINTS / "seeds.json"
    made = json.loads(path.read_text("utf-8")) if path.exists() else [{} for _ in SEEDS]
    painter = lesson["painter"]
    kinds = {
        "U-Net": (painter, {}),
        "no bridges": (lambda seed: painter(bridges=False, seed=seed), {}),
        "dense blocks": (lambda seed: painter(lesson["dense"], seed=seed), {}),
        "weighted": (painter, {"loss": lesson["weighted"]}),
        "Dice": (painter, {"loss": lesson["dice"]}),
    }
    for seed in SEEDS:
        for kind, (network, options) in kinds.items():
            if kind in made[seed]:
                continue
            net, begin = network(seed=seed), time.process_time()
            losses = lesson["learn"](net, seen_train, train.masks, seed=seed, **options)
            seconds = time.process_time() - begin
            of_test = lesson["paint"](net, seen_test)
            scores = [
                lesson["score"](of_test, test.masks),
                lesson["things"](of_test, test.masks),
                lesson["small_found"](of_test, test.instances),
            ]
            made[seed][kind] = [round(float(value), 4) for value in scores]
            print(
                f"seed {seed}, {kind}: {made[seed][kind]}, loss {losses[-1]:.3f}, {seconds:.0f} s",
                flush=True,
            )
            path.write_text(json.dumps(made), encoding="utf-8")
    return {"seeds": made}


def train_more(lesson, path):
    """Train a committee of painters on scenes of all cut-outs and places but those of the test."""
    import keras
    import numpy as np

    parts = [seen(lesson, "train", 640, seed=0), seen(lesson, "validation", 320, seed=3)]
    masks = np.concatenate([scenes.masks for scenes, _ in parts])
    both = {name: np.concatenate([maps[name] for _, maps in parts]) for name in parts[0][1]}
    three = lesson["committee"]()
    painters = [layer for layer in three.layers if isinstance(layer, keras.Model)]
    for seed, painter in enumerate(painters):
        lesson["learn"](painter, both, masks, epochs=6, seed=seed)
        print(f"painter {seed} is trained", flush=True)
    common.save_half(three, lesson["committee"], path)


if __name__ == "__main__":
    common.main(build)

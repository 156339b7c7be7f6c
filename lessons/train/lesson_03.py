"""Train what lesson 03 loads: its experiments over several seeds, its large convnets, and the rival.

    python lessons/train/lesson_03.py

The code is the lesson's own, from its cells that are tagged `train`; only the rival's tuning stands
here. It writes data/weights/lesson_03.json (curves and answers) and data/weights/lesson_03.weights.h5,
and prints the figures that the lesson states.
"""

import itertools
import time
from pathlib import Path

import common
import numpy as np

RULER, OTHERS = range(10), range(6)  # seeds: of the ruler, and of all that is laid on it
LOSS = "val_sparse_categorical_crossentropy"
ILL = {"batch norm 0.99": {"momentum": 0.99}, "too small": {"maps": (2, 2), "hidden": 0}}


def build(folder: Path) -> None:
    from utils.code import run_cells

    lesson = run_cells(common.ROOT / "lessons" / "part1" / "03-convolutions.ipynb", "train")
    options = lesson["remedies"] | ILL
    runs = {name: experiment(lesson, name, option) for name, option in options.items()}
    made = {"shuffled": shuffling(lesson), "runs": runs, "rival": rival(lesson)}
    large(lesson, folder / "lesson_03.weights.h5")
    common.save_json(made, folder / "lesson_03.json")


def experiment(lesson, name, option):
    """The curves of one remedy, or of one way to be ill: a list of dicts, one a seed."""
    seeds = RULER if name == "nothing" else OTHERS
    runs = [lesson["run"](seed, **option)[1] for seed in seeds]
    right, loss = ([curves[what][-1] for curves in runs] for what in ("val_accuracy", LOSS))
    print(
        f"{name:24} accuracy {np.mean(right):.4f} ± {np.std(right, ddof=1):.4f}, "
        f"loss {np.mean(loss):.3f} ± {np.std(loss, ddof=1):.3f}",
        flush=True,
    )
    return [
        {what: [round(value, 4) for value in values] for what, values in curves.items()}
        for curves in runs
    ]


def shuffling(lesson):
    """Accuracy on the pictures as they are, and with their pixels shuffled: pairs, one a seed."""
    import keras

    (x, y), (x_val, y_val) = [
        (lesson[f"x_{part}"][:4000], lesson[f"y_{part}"][:4000]) for part in ("train", "val")
    ]
    made = {}
    for name, make in {"MLP": lesson["mlp"], "convnet": lesson["convnet"]}.items():
        made[name] = []
        for seed in OTHERS:
            pair = []
            for change in (np.asarray, lesson["shuffled"]):
                keras.utils.set_random_seed(seed)
                net = lesson["train"](make(), change(x), y, epochs=8)
                pair.append(round(lesson["accuracy"](net, change(x_val), y_val), 4))
            print(f"{name}, seed {seed}: as they are {pair[0]}, shuffled {pair[1]}", flush=True)
            made[name].append(pair)
    return made


def rival(lesson):
    """A support vector machine, tuned on a part of the training pictures, and its test answers."""
    from sklearn.svm import SVC
    from threadpoolctl import threadpool_limits

    names = ("x_train", "x_val", "x_all", "x_test")
    x_train, x_val, x_all, x_test = [lesson[name].reshape(-1, 784) for name in names]
    with threadpool_limits(1):
        tuned = {
            (C, gamma): SVC(C=C, gamma=gamma)
            .fit(x_train[:6000], lesson["y_train"][:6000])
            .score(x_val, lesson["y_val"])
            for C, gamma in itertools.product((1, 3, 10), (0.01, 0.02, 0.04))
        }
        for (C, gamma), score in tuned.items():
            print(f"rival, 6,000 pictures: C {C}, gamma {gamma}: validation {score:.4f}")
        C, gamma = max(tuned, key=tuned.get)
        started = time.perf_counter()
        machine = SVC(C=C, gamma=gamma).fit(x_all, lesson["y_all"])
        answers = machine.predict(x_test)
    right = float((answers == lesson["y_test"]).mean())
    print(
        f"rival, all pictures: test {right:.4f}, {time.perf_counter() - started:.0f} s", flush=True
    )
    return {"C": C, "gamma": gamma, "test answers": "".join(map(str, answers))}


def large(lesson, path):
    """The large convnet: judged by validation, then trained on all pictures with three seeds."""
    data = {part: [lesson[f"{name}_{part}"] for name in "xy"] for part in ("train", "val", "all")}
    net = lesson["large_net"](*data["train"], lesson["EPOCHS"], seed=0)
    right = lesson["accuracy"](net, *data["val"])
    print(f"large, {len(data['train'][0]):,} pictures: validation {right:.4f}", flush=True)
    nets = [lesson["large_net"](*data["all"], lesson["EPOCHS"], seed) for seed in lesson["SEEDS"]]
    together, new = lesson["together"], lambda: lesson["convnet"](**lesson["LARGE"])
    common.save_half(together(nets), lambda: together([new() for _ in nets]), path)
    for name, net in {**dict(enumerate(nets)), "together": together(nets)}.items():
        right = lesson["accuracy"](net, lesson["x_test"], lesson["y_test"])
        print(f"large, all pictures, {name}: test {right:.4f}", flush=True)


if __name__ == "__main__":
    common.main(build)

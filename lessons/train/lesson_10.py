"""Train what lesson 10 loads: a network that enlarges, one that enlarges for the eye, and curves.

    python lessons/train/lesson_10.py

The code is the lesson's own, from its cells that are tagged `train`. Killed, it goes on where it was when it
is called again: its checkpoints are in build/train. It writes data/weights/lesson_10.weights.h5 and
lesson_10_seeing.weights.h5, and curves and scores on the validation pictures in data/weights/lesson_10.json.
"""

import json
import os
import shutil
from pathlib import Path

# oneDNN takes two thirds of the time; it adds in another order than the lesson does.
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2", TF_ENABLE_ONEDNN_OPTS="1")

import common

CHECKPOINTS = common.ROOT / "build" / "train" / "lesson_10"
# Of 100 steps each: of the long run, of what is trained on with the perceptual loss, and of the run
# without the shortcut, which is as long as the lesson's own.
EPOCHS, SEEING, WITHOUT = 40, 3, 12


def build(folder: Path) -> None:
    from utils.code import run_cells

    notebook = common.ROOT / "lessons" / "part2" / "10-super-resolution.ipynb"
    lesson = run_cells(notebook, "train")
    made = {"bicubic": round(lesson["judge"](lesson["bicubic"], lesson["valid_pairs"][:10]), 3)}
    net = enlarger(lesson)
    made["curve"] = run(lesson, "pixels", net, EPOCHS, lesson["pixel_loss"])
    save(lesson, net, folder / "lesson_10.weights.h5")
    seeing = enlarger(lesson)
    seeing.set_weights(net.get_weights())
    made["seeing"] = run(lesson, "seeing", seeing, SEEING, lesson["seeing_loss"], rate=5e-4)
    save(lesson, seeing, folder / "lesson_10_seeing.weights.h5")
    without = enlarger(lesson, shortcut=False)
    made["without"] = run(lesson, "without shortcut", without, WITHOUT, lesson["pixel_loss"])
    text = json.dumps(made, separators=(",", ":"))
    (folder / "lesson_10.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    shutil.rmtree(CHECKPOINTS)


def enlarger(lesson, **options):
    """The lesson's network, from seed 0."""
    import keras

    keras.utils.set_random_seed(0)
    return lesson["enlarger"](**options)


def run(lesson, name, net, epochs, loss, **options):
    """Train a network; returns its PSNR on ten validation pictures after some of the epochs."""
    checkpoint = CHECKPOINTS / name
    scores = CHECKPOINTS / f"{name}.json"
    curve = json.loads(scores.read_text("utf-8")) if scores.exists() else {}
    every = max(1, epochs // 12)

    def look(epoch, metrics):
        if epoch % every == 0:
            psnr = lesson["judge"](net, lesson["valid_pairs"][:10])
            curve[str(epoch)] = round(psnr, 3)
            scores.write_text(json.dumps(curve), encoding="utf-8")
            print(
                f"{name}, {100 * epoch} steps: loss {metrics['loss']:.5f}, {psnr:.3f} dB",
                flush=True,
            )

    lesson["train"](net, loss, epochs, on_epoch=look, checkpoint=checkpoint, **options)
    return curve


def save(lesson, net, path):
    """Save a net in half precision, which halves the file; loading turns it back."""
    import keras

    keras.config.set_dtype_policy("float16")
    half = lesson["enlarger"]()
    half.set_weights(net.get_weights())
    half.save_weights(path)
    keras.config.set_dtype_policy("float32")


if __name__ == "__main__":
    common.main(build)

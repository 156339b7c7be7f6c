"""Train what lesson 10 loads: a network that enlarges, one that enlarges for the eye, and curves.

    python lessons/train/lesson_10.py

The code is the lesson's own, from its cells that are tagged `train`. Killed, it goes on where it was when it
is called again: its checkpoints are in build/train. It writes data/weights/lesson_10.weights.h5 and
lesson_10_seeing.weights.h5, and curves and scores on the validation pictures in data/weights/lesson_10.json.
It takes about 27 minutes of processor time on cores that multiply in bfloat16 (AVX-512), longer on others.
"""

import json
import os
import shutil
from pathlib import Path

# oneDNN takes a third of the time; it adds in another order than the lesson does.
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2", TF_ENABLE_ONEDNN_OPTS="1")

import common

CHECKPOINTS = common.ROOT / "build" / "train" / "lesson_10"
# Of 100 steps each: of the long run at its full rate, and while the rate falls to 0; of what is trained
# on with the perceptual loss; of the small network for longer than in the lesson; and of the one without
# the shortcut, for as long as there.
LEVEL, FALLING, SEEING, SMALL, WITHOUT = 80, 100, 3, 40, 12
LOOKS = 25  # at the validation pictures, in each training, at most


def build(folder: Path) -> None:
    from utils.code import run_cells

    notebook = common.ROOT / "lessons" / "part2" / "10-super-resolution.ipynb"
    lesson = run_cells(notebook, "train")
    long = lesson["LONG"]
    new = lambda: lesson["enlarger"](**long)
    made = {"bicubic": score(lesson, lesson["bicubic"])}
    net = enlarger(lesson, "mixed_bfloat16", **long)
    made["curve"] = run(lesson, "pixels", net, "pixel_loss", 1e-3, FALLING, LEVEL, **long)
    common.save_half(net, new, folder / "lesson_10.weights.h5")
    seeing = enlarger(lesson, "mixed_bfloat16", **long)
    seeing.set_weights(net.get_weights())
    made["seeing"] = run(lesson, "seeing", seeing, "seeing_loss", 5e-4, SEEING, **long)
    common.save_half(seeing, new, folder / "lesson_10_seeing.weights.h5")
    small = enlarger(lesson, "float32")
    made["small"] = run(lesson, "small", small, "pixel_loss", 1.5e-3, SMALL)
    size = {"shortcut": False}
    without = enlarger(lesson, "float32", **size)
    made["without"] = run(lesson, "without", without, "pixel_loss", 1.5e-3, WITHOUT, **size)
    common.save_json(made, folder / "lesson_10.json")
    shutil.rmtree(CHECKPOINTS)


def enlarger(lesson, policy, **size):
    """The lesson's network from seed 0, which computes in the precision that a policy of Keras names."""
    import keras

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    net = lesson["enlarger"](**size)
    keras.config.set_dtype_policy("float32")
    return net


def score(lesson, way):
    """PSNR of ten validation pictures."""
    return round(lesson["judge"](way, lesson["valid_pairs"][:10]), 3)


def run(lesson, name, net, loss, rate, falling, level=0, **size):
    """Train a network; returns its PSNR on ten validation pictures after some of the epochs.

    The rate stays for `level` epochs, then it falls to 0 along a cosine in `falling` more.
    """
    import keras

    exact = enlarger(lesson, "float32", **size)  # as the lesson will compute it
    scores = CHECKPOINTS / f"{name}.json"
    curve = json.loads(scores.read_text("utf-8")) if scores.exists() else {}
    every = max(1, (level + falling) // LOOKS)

    def look(epoch, metrics):
        if epoch % every == 0:
            exact.set_weights(net.get_weights())
            curve[str(epoch)] = score(lesson, exact)
            scores.write_text(json.dumps(curve), encoding="utf-8")
            found = f"loss {metrics['loss']:.5f}, {curve[str(epoch)]:.3f} dB"
            print(f"{name}, {100 * epoch} steps: {found}", flush=True)

    schedule = keras.optimizers.schedules.CosineDecay(
        rate, 100 * falling, warmup_target=rate, warmup_steps=100 * level
    )
    optimizer = keras.optimizers.Adam(schedule)
    saving = {"checkpoint": CHECKPOINTS / name, "state": {"net": net, "optimizer": optimizer}}
    lesson["train"](net, lesson[loss], level + falling, optimizer, on_epoch=look, **saving)
    return curve


if __name__ == "__main__":
    common.main(build)
